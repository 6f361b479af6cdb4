//! Where vehicles will be: positions at the starts of slots, read ahead of the run as far as they are asked for.

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::mobility::{MobilitySource, Positions};

/// Most slots that are read ahead, and most positions held for that: 96 MB of them.
const MOST_SLOTS: usize = 10_000;
const MOST_POSITIONS: usize = 4_000_000;

/// The vehicles at the starts of consecutive slots. A run sees the same positions as without it: the source is asked for
/// the same instants in the same order, only sooner.
#[derive(Default)]
pub(super) struct Trajectory {
    slot_s: f64,
    /// Number of the slot of the first frame.
    first: usize,
    frames: VecDeque<Frame>,
    /// Positions in all frames.
    held: usize,
    /// Frames no longer needed, for their memory.
    spare: Vec<Frame>,
    ended: bool,
    /// Why the source ended, until the run itself comes there.
    error: Option<Error>,
}

/// The vehicles at the start of one slot.
#[derive(Debug, Default)]
pub(super) struct Frame {
    positions: Positions,
    /// Whether keys ascend.
    sorted: bool,
}

impl Frame {
    /// The row of the vehicle that had `row` among `before`.
    fn row_of(&self, before: &Self, row: usize) -> Option<usize> {
        let keys = &self.positions.key;
        let key = before.positions.key[row];
        if keys.get(row) == Some(&key) {
            return Some(row);
        }
        match self.sorted {
            true => keys.binary_search(&key).ok(),
            false => keys.iter().position(|&other| other == key),
        }
    }

    fn place_m(&self, row: usize) -> [f64; 2] {
        [self.positions.x_m[row], self.positions.y_m[row]]
    }
}

/// What a vehicle does in a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Motion {
    /// It is there at the start and at the end of the slot, and goes straight from one place to the other. Its row at the end.
    Goes { to_m: [f64; 2], row: usize },
    /// It is no longer there when the next slot starts. Until then it counts as standing where it was seen last.
    Leaves,
    /// Nothing is known of the end of the slot: the trace ends, or it is too far ahead. Until then it counts as standing.
    Unknown,
}

impl Trajectory {
    pub(super) fn new(slot_s: f64) -> Self {
        Self {
            slot_s,
            ..Self::default()
        }
    }

    /// Moves on to the slot that starts at `now_s`.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn advance(
        &mut self,
        source: &mut dyn MobilitySource,
        now_s: f64,
        out: &mut Positions,
    ) -> Result<()> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number of a slot"
        )]
        let slot = (now_s / self.slot_s).round() as usize;
        while self.first < slot && !self.frames.is_empty() {
            let frame = self.frames.pop_front().expect("there is one");
            self.held -= frame.positions.len();
            self.spare.push(frame);
            self.first += 1;
        }
        if self.frames.is_empty() {
            self.first = slot;
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            self.read(source)?;
        }
        out.clone_from(&self.frames[0].positions);
        Ok(())
    }

    /// Where a vehicle is at the start of slot `slot`, by its row there. The slot must be known, as the present one is and
    /// those that [`motion`](Self::motion) has led to.
    pub(super) fn place_m(&self, slot: usize, row: usize) -> [f64; 2] {
        self.frames[slot - self.first].place_m(row)
    }

    /// The slot at which the run is.
    pub(super) fn now(&self) -> usize {
        self.first
    }

    /// What the vehicle of `row` at the start of slot `slot` does in it.
    pub(super) fn motion(
        &mut self,
        source: &mut dyn MobilitySource,
        slot: usize,
        row: usize,
    ) -> Motion {
        let at = slot - self.first;
        if at + 1 == self.frames.len() {
            let full = at >= MOST_SLOTS || self.held > MOST_POSITIONS;
            if full || self.ended {
                return Motion::Unknown;
            }
            if let Err(error) = self.read(source) {
                self.error = Some(error);
                self.ended = true;
                return Motion::Unknown;
            }
        }
        let (now, next) = (&self.frames[at], &self.frames[at + 1]);
        match next.row_of(now, row) {
            Some(row) => Motion::Goes {
                to_m: next.place_m(row),
                row,
            },
            None => Motion::Leaves,
        }
    }

    fn read(&mut self, source: &mut dyn MobilitySource) -> Result<()> {
        let slot = self.first + self.frames.len();
        let mut frame = self.spare.pop().unwrap_or_default();
        source.advance(slot as f64 * self.slot_s, &mut frame.positions)?;
        frame.sorted = frame.positions.key.is_sorted();
        self.held += frame.positions.len();
        self.frames.push_back(frame);
        Ok(())
    }
}
