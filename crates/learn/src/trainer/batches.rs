//! LySAC's environment: a batch of tasks that queue, every slot.

use serde_json::Value;
use wayside_core::engine::env::SlotEnd;
use wayside_core::engine::queue_env::QueueEnv;
use wayside_core::error::Result;

use super::course::{Attended, Tally};
use crate::algo::sac::continuous::ContinuousEnv;
use crate::algo::slot::Step;

/// One environment, with the sums that a trainer reports.
pub(crate) struct Batches {
    engine: QueueEnv,
    bootstrap: bool,
    tally: Tally,
}

impl Batches {
    pub(crate) fn new(engine: QueueEnv, bootstrap: bool) -> Self {
        Self {
            engine,
            bootstrap,
            tally: Tally::default(),
        }
    }
}

impl ContinuousEnv for Batches {
    fn observe(&mut self, observation: &mut [f32]) {
        observation.copy_from_slice(self.engine.observation());
    }

    fn step(&mut self, action: &[f32]) -> Step {
        match self.engine.act(action) {
            Ok(slot) => Step {
                reward: slot.reward,
                end: self.tally.close(SlotEnd {
                    bootstrap: slot.bootstrap && self.bootstrap,
                    ..slot
                }),
            },
            Err(error) => self.tally.fail(error),
        }
    }

    fn reset(&mut self) {
        if let Err(error) = self.engine.reset() {
            self.tally.fail(error);
        }
    }
}

impl Attended for Batches {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::lysac::LysacConfig;
    use super::*;
    use crate::algo::slot::End;
    use wayside_core::Scenario;
    use wayside_core::engine::world::World;
    use wayside_core::observation::Layout;
    use wayside_core::rng::Streams;

    #[test]
    fn property_nothing_follows_an_episode_unless_it_was_cut_short() {
        let set = [("fleet.size", "2"), ("time.slot_s", "0.1")];
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let set: Vec<_> = set.iter().map(owned).collect();
        let world = Arc::new(World::new(&Scenario::builtin("lin2025", &set).unwrap()).unwrap());
        let layout = Layout::plan(&*world, true);
        let weights = LysacConfig::new(&world.scenario).weights();
        for (bootstrap, last) in [(false, End::Terminated), (true, End::Truncated)] {
            let (worlds, streams) = (vec![Arc::clone(&world)], Streams::new(1));
            let engine = QueueEnv::new(worlds, &layout, weights, 3, streams, "env.0").unwrap();
            let action = vec![0.0; engine.actions()];
            let mut batches = Batches::new(engine, bootstrap);
            let ends: Vec<End> = (0..3).map(|_| batches.step(&action).end).collect();
            assert_eq!(ends, [End::No, End::No, last]);
        }
    }
}
