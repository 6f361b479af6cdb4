//! LySAC's environment: a batch of tasks that queue, every slot.

use serde_json::Value;
use wayside_core::engine::env::SlotEnd;
use wayside_core::engine::queue_env::QueueEnv;
use wayside_core::error::Result;

use super::environment::{end, from_json};
use crate::algo::env::{ContinuousEnv, Step};

/// One environment of the engine, with plans as actions.
pub(crate) struct Batches {
    engine: QueueEnv,
    /// Whether critics estimate what would follow the last slot of an episode.
    bootstrap: bool,
}

impl Batches {
    pub(crate) fn new(engine: QueueEnv, bootstrap: bool) -> Self {
        Self { engine, bootstrap }
    }
}

impl ContinuousEnv for Batches {
    fn observe(&mut self, observation: &mut [f32]) {
        observation.copy_from_slice(&self.engine.observation().rows);
    }

    fn step(&mut self, action: &[f32]) -> Result<Step> {
        let slot = self.engine.act(action)?;
        let bootstrap = slot.bootstrap && self.bootstrap;
        Ok(Step::new(slot.reward, end(&SlotEnd { bootstrap, ..slot })))
    }

    fn reset(&mut self) -> Result<()> {
        self.engine.reset()
    }

    fn snapshot(&self) -> Value {
        serde_json::to_value(self.engine.snapshot()).unwrap_or_default()
    }

    fn restore(&mut self, snapshot: &Value) -> Result<()> {
        self.engine.restore(&from_json(snapshot)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::lysac::LysacConfig;
    use super::*;
    use crate::algo::env::End;
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
            let ends: Vec<End> = (0..3).map(|_| batches.step(&action).unwrap().end).collect();
            assert_eq!(ends, [End::No, End::No, last]);
        }
    }
}
