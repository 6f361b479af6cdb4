//! Options of LySAC, and the scenarios that its episodes draw from.

use std::sync::Arc;

use wayside_core::config::{Count, Flag, Float, List, NotEmpty, section};
use wayside_core::engine::queue_env::Weights;
use wayside_core::engine::world::World;
use wayside_core::error::Result;
use wayside_core::scenario::{Execution, Scenario};

use crate::algo::sac::SacConfig;

section! {
    /// Options of LySAC: those of SAC, and what its episodes are.
    #[derive(Clone, Debug, PartialEq)]
    pub struct LysacConfig {
        /// options of SAC
        sac: SacConfig = bound(SacConfig::default(), SacConfig::keys),
        /// numbers of vehicles, of which each episode draws one
        vehicles: Vec<usize> = default(vec![20], NotEmpty(List(Count { min: 1, max: 10_000 }))),
        /// capabilities of the servers, of which each episode draws one
        capability: Vec<f64> = default(vec![0.2, 0.4, 0.6, 0.8], NotEmpty(List(Float::UNIT))),
        /// tasks that a vehicle has in a slot, if it has any
        tasks_per_vehicle: usize = default(5, Count { min: 1, max: 1000 }),
        /// probability that a vehicle has tasks in a slot
        arrival: f64 = default(1.0, Float::UNIT),
        /// length of a slot [s]
        slot_s: f64 = default(0.1, Float::POSITIVE),
        /// weight w of the delay in the reward
        delay_weight: f64 = default(1.0, Float::NON_NEGATIVE),
        /// trade-off V between cost and queue stability
        tradeoff: f64 = default(10.0, Float::POSITIVE),
        /// weight of the share of late tasks in the reward
        late_penalty: f64 = default(1.0, Float::NON_NEGATIVE),
        /// whether tasks may go to the cloud, if there is one
        cloud: bool = default(true, Flag),
        /// whether the critics estimate what would follow the last slot of an episode; otherwise it counts as nothing
        bootstrap: bool = default(false, Flag),
    }
}

impl LysacConfig {
    /// For batches as large as those of `scenario`, over all capabilities.
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            sac: SacConfig {
                learning_rate: 2e-3,
                learning_starts: 500,
                buffer_size: 50_000,
                gradient_steps: 2,
                n_steps: 10,
                total_timesteps: 40_000,
                center_reward: true,
                // the reward of a slot rises from -8 to -1 while it learns; what remains to be learned is then in the second digit
                reward_keep: 0.95,
                // a hundred actions have much entropy, which must not outweigh the reward at the start
                ent_coef: 0.01,
                // the usual target, minus the number of actions, leaves too little for critics to learn the value of other actions
                target_entropy: Some(-50.0),
                ..SacConfig::default()
            },
            vehicles: vec![scenario.fleet.size.div_ceil(5)],
            ..Self::default()
        }
    }

    /// What its reward weighs.
    #[must_use]
    pub fn weights(&self) -> Weights {
        Weights {
            delay: self.delay_weight,
            tradeoff: self.tradeoff,
            late: self.late_penalty,
        }
    }

    /// The scenarios of its episodes: every number of vehicles with every capability.
    pub(super) fn worlds(&self, scenario: &Scenario) -> Result<Vec<Arc<World>>> {
        let mut worlds = Vec::new();
        for &vehicles in &self.vehicles {
            for &capability in &self.capability {
                let mut of_episode = scenario.clone();
                of_episode.fleet.size = vehicles;
                of_episode.time.slot_s = self.slot_s;
                of_episode.task.per_vehicle = self.tasks_per_vehicle;
                of_episode.task.probability = self.arrival;
                if let Execution::Queues(cores) = &mut of_episode.execution {
                    cores.capability = capability;
                }
                worlds.push(Arc::new(World::new(&of_episode)?));
            }
        }
        Ok(worlds)
    }
}
