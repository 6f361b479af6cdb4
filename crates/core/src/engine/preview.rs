//! Traffic some slots ahead of the policies, so that those that know the future can be told.

use std::collections::{BTreeMap, VecDeque};

use super::traffic::Traffic;
use crate::error::Result;
use crate::scenario::SessionOptions;
use crate::slot::Slot;
use crate::slot::sessions::Ahead;

/// The slots that are ready, and what they say of each session.
pub(super) struct Preview {
    /// Slots of the run, and how many of them are prepared at a time.
    slots: usize,
    window: usize,
    /// The slot that traffic works on.
    latest: Slot,
    ready: VecDeque<Slot>,
    filled: usize,
    /// What is known of each session from the first slot that is ready on.
    lives: BTreeMap<u64, VecDeque<Ahead>>,
}

impl Preview {
    pub(super) fn new(options: &SessionOptions, slots: usize, empty: &Slot) -> Self {
        Self {
            slots,
            window: options.most_slots(empty.slot_s),
            latest: empty.clone(),
            ready: VecDeque::new(),
            filled: 0,
            lives: BTreeMap::new(),
        }
    }

    /// Fills `slot` with the next slot of the run.
    ///
    /// # Errors
    /// As [`Traffic::advance`].
    pub(super) fn advance(&mut self, traffic: &mut Traffic<'_>, slot: &mut Slot) -> Result<()> {
        while self.filled < self.slots && self.ready.len() < self.window {
            traffic.advance(self.filled, &mut self.latest)?;
            self.filled += 1;
            let sessions = self.latest.sessions.as_ref().expect("sessions");
            for (row, &id) in sessions.id.iter().enumerate() {
                self.lives.entry(id).or_default().push_back(Ahead {
                    entry: self.latest.session_entry(row),
                    access_cost: self.latest.access_cost(row),
                    local_cost: self.latest.local_cost(row),
                });
            }
            self.ready.push_back(self.latest.clone());
        }
        *slot = self.ready.pop_front().expect("one slot is left");
        let sessions = slot.sessions.as_mut().expect("sessions");
        for id in &sessions.id {
            let life = self.lives.get_mut(id).expect("a session that runs");
            sessions.ahead.push_row(life.iter().copied());
            life.pop_front();
        }
        self.lives.retain(|_, life| !life.is_empty());
        Ok(())
    }
}
