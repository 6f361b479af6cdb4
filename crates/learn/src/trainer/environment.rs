//! A training environment of the engine as learners see it: one step per turn.
//!
//! With `shaping` the reward of a turn is what it changed of the tentative cost: with P(s) minus the mean tentative cost
//! of the slot as it stands, a turn earns gamma' P(s') - P(s) besides the true reward -J_t that comes with the last
//! turn; gamma' is 1 within a slot and gamma between slots. This is potential-based (Ng, Harada and Russell 1999): it moves
//! reward to the decision that brought it and leaves the optimum where it is.

use serde_json::Value;
use wayside_core::engine::env::Env as Engine;
use wayside_core::error::Result;
use wayside_core::observation::Observation;

use super::course::{Attended, Tally};
use crate::algo::slot::{End, Env, Observe, Slot, Step};

/// One environment, with the sums that a trainer reports.
pub struct Environment<'w> {
    engine: Engine<'w>,
    shaping: bool,
    gamma: f64,
    /// Cost that rewards are counted in, where all tasks of a slot count; else a slot's mean counts as it is.
    unit: Option<f64>,
    tally: Tally,
}

impl<'w> Environment<'w> {
    /// With `shaping`, potentials are discounted by `gamma` between slots.
    #[must_use]
    pub fn new(engine: Engine<'w>, shaping: bool, gamma: f64) -> Self {
        Self {
            engine,
            shaping,
            gamma,
            unit: None,
            tally: Tally::default(),
        }
    }

    /// Counts rewards in `unit` and sums them over the tasks of a slot: so that a turn weighs the same in whatever scenario,
    /// where the mean over a thousand tasks would make nothing of it. Slots that do not depend on each other keep their
    /// optimum.
    #[must_use]
    pub fn by_task(mut self, unit: f64) -> Self {
        self.unit = Some(unit);
        self
    }

    /// What a mean over the tasks of the present slot is multiplied by.
    fn weight(&self) -> f64 {
        let tasks = self.engine.slot().tasks.len() as f64;
        self.unit.map_or(1.0, |unit| tasks / unit)
    }

    /// P(s): minus the tentative cost, 0 where the form has none.
    fn potential(&self) -> f64 {
        if self.shaping {
            -self.engine.tentative_cost().unwrap_or(0.0) * self.weight()
        } else {
            0.0
        }
    }
}

impl Attended for Environment<'_> {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn standing(&self) -> Option<Value> {
        let engine = serde_json::to_value(self.engine.snapshot()?).ok()?;
        Some(self.tally.beside(engine))
    }

    fn restore(&mut self, standing: &Value) -> Result<()> {
        self.engine.restore(&self.tally.parted(standing)?)
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
    // a critic may have been given none
    let globals = slot.globals();
    globals.copy_from_slice(&observation.context[..globals.len()]);
}

impl Observe for Environment<'_> {
    fn observe(&mut self, _: usize, _: &[u32], slot: &mut Slot) -> bool {
        show(self.engine.observation(), slot);
        false
    }
}

impl Env for Environment<'_> {
    fn step(&mut self, actions: &[u32], _: &mut [f32]) -> Step {
        let (before, weight) = (self.potential(), self.weight());
        match self.engine.act(actions) {
            Ok(turn) => {
                let (true_reward, end, discount) = match turn.slot {
                    None => (0.0, End::Turn, 1.0),
                    Some(slot) => (slot.reward * weight, self.tally.close(slot), self.gamma),
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
            Err(error) => self.tally.fail(error),
        }
    }

    fn reset(&mut self) {
        if let Err(error) = self.engine.reset_next() {
            self.tally.fail(error);
        }
    }
}
