//! A training environment of the engine as learners see it: one step per turn.
//!
//! With `shaping` the reward of a turn is what it changed of the tentative cost: with P(s) minus the mean tentative cost
//! of the slot as it stands, a turn earns gamma' P(s') - P(s) besides the true reward -J_t that comes with the last
//! turn; gamma' is 1 within a slot and gamma between slots. This is potential-based (Ng, Harada and Russell 1999): it moves
//! reward to the decision that brought it and leaves the optimum where it is.

use serde::{Deserialize, Serialize};
use wayside_core::engine::env::{Env as Engine, SlotEnd, Snapshot};
use wayside_core::error::{Error, Result};
use wayside_core::observe::Observation;

use crate::slot::{End, Env, Observe, Slot, Step};

/// One environment, with the sums that a trainer reports.
pub(crate) struct Environment<'w> {
    engine: Engine<'w>,
    shaping: bool,
    gamma: f64,
    /// Sum of true rewards of the episode so far.
    episode: f64,
    /// Sum of true rewards, and number, of the slots since the last [`Environment::take_sums`].
    sums: (f64, u64),
    /// True rewards of the episodes that ended since then.
    finished: Vec<f64>,
    /// What the engine refused; learners cannot fail, so the trainer asks for it.
    failed: Option<Error>,
}

/// Where an environment stands.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    engine: Snapshot,
    episode: f64,
}

impl<'w> Environment<'w> {
    pub(crate) fn new(engine: Engine<'w>, shaping: bool, gamma: f64) -> Self {
        Self {
            engine,
            shaping,
            gamma,
            episode: 0.0,
            sums: (0.0, 0),
            finished: Vec::new(),
            failed: None,
        }
    }

    /// Sum of true rewards and number of slots since the last call; the episodes that ended go to `finished`.
    pub(crate) fn take_sums(&mut self, finished: &mut Vec<f64>) -> (f64, u64) {
        finished.append(&mut self.finished);
        std::mem::take(&mut self.sums)
    }

    /// What the engine refused, if it did.
    pub(crate) fn failure(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(crate) fn standing(&self) -> Option<Standing> {
        Some(Standing {
            engine: self.engine.snapshot()?,
            episode: self.episode,
        })
    }

    pub(crate) fn restore(&mut self, standing: &Standing) -> Result<()> {
        self.engine.restore(&standing.engine)?;
        self.episode = standing.episode;
        Ok(())
    }

    /// P(s): minus the tentative cost, 0 where the form has none.
    fn potential(&self) -> f64 {
        if self.shaping {
            -self.engine.tentative_cost().unwrap_or(0.0)
        } else {
            0.0
        }
    }

    /// The slot is over: true sums, and how the episode goes on.
    fn close(&mut self, slot: SlotEnd) -> End {
        self.episode += slot.reward;
        self.sums.0 += slot.reward;
        self.sums.1 += 1;
        if !slot.truncated {
            return End::No;
        }
        self.finished.push(std::mem::take(&mut self.episode));
        if slot.bootstrap {
            End::Truncated
        } else {
            End::Terminated
        }
    }
}

/// Copies an observation into a learner's slot.
pub(crate) fn show(observation: &Observation, slot: &mut Slot) {
    if observation.width > 0 {
        for row in observation.rows.chunks_exact(observation.width) {
            slot.row().copy_from_slice(row);
        }
    }
    for head in 0..observation.heads.len() {
        let legal = &observation.legal[observation.head(head)];
        slot.factor(legal.len()).copy_from_slice(legal);
    }
    slot.globals().copy_from_slice(&observation.context);
}

impl Observe for Environment<'_> {
    fn observe(&mut self, _: usize, _: &[u32], slot: &mut Slot) -> bool {
        show(self.engine.observation(), slot);
        false
    }
}

impl Env for Environment<'_> {
    fn step(&mut self, actions: &[u32], _: &mut [f32]) -> Step {
        let before = self.potential();
        match self.engine.act(actions) {
            Ok(turn) => {
                let (true_reward, end, discount) = match turn.slot {
                    None => (0.0, End::Turn, 1.0),
                    Some(slot) => (slot.reward, self.close(slot), self.gamma),
                };
                let after = if end == End::Terminated {
                    0.0
                } else {
                    self.potential()
                };
                Step {
                    reward: true_reward + discount * after - before,
                    end,
                }
            }
            Err(error) => {
                self.failed.get_or_insert(error);
                Step {
                    reward: 0.0,
                    end: End::Terminated,
                }
            }
        }
    }

    fn reset(&mut self) {
        if let Err(error) = self.engine.reset_next() {
            self.failed.get_or_insert(error);
        }
    }
}
