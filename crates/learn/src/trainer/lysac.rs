//! Options of LySAC, and the scenarios that its episodes draw from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wayside_core::engine::queue_env::Weights;
use wayside_core::engine::world::World;
use wayside_core::error::{Problems, Result};
use wayside_core::scenario::{Execution, Scenario};

use super::problem::problem;
use crate::algo::sac::SacConfig;

/// Options of LySAC: those of SAC, and what its episodes are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LysacConfig {
    /// Those of SAC.
    #[serde(flatten)]
    pub sac: SacConfig,
    /// Numbers of vehicles; each episode draws one.
    pub vehicles: Vec<usize>,
    /// Capabilities likewise.
    pub capability: Vec<f64>,
    /// Tasks of a vehicle in a slot, where it has any.
    pub tasks_per_vehicle: usize,
    /// Probability that it has.
    pub arrival: f64,
    /// Length of a slot \[s\].
    pub slot_s: f64,
    /// w.
    pub delay_weight: f64,
    /// V.
    pub tradeoff: f64,
    /// Weight of the share of tasks that end late.
    pub late_penalty: f64,
    /// Whether tasks may go to the cloud, where there is one.
    pub cloud: bool,
    /// Whether critics guess at what would follow the last slot of an episode, where nobody ever acts; else nothing does.
    pub bootstrap: bool,
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
                // the reward of a slot falls from -8 to -1 while it learns, and what is to be learned then is in the second digit
                reward_keep: 0.95,
                // a hundred actions have much entropy, and what it counts is to be small beside a reward from the start
                ent_coef: 0.01,
                // minus the number of actions, as usual, leaves each so little that critics do not learn what another would be worth
                target_entropy: Some(-50.0),
                ..SacConfig::default()
            },
            vehicles: vec![scenario.fleet.size.div_ceil(5)],
            capability: vec![0.2, 0.4, 0.6, 0.8],
            tasks_per_vehicle: 5,
            arrival: 1.0,
            slot_s: 0.1,
            delay_weight: 1.0,
            tradeoff: 10.0,
            late_penalty: 1.0,
            cloud: true,
            bootstrap: false,
        }
    }

    /// Every option out of its range, at once.
    pub(super) fn check(&self) -> Result<()> {
        let mut problems = Problems::default();
        let mut unless = |ok: bool, name: &str, want: &str, got: &dyn std::fmt::Debug| {
            if !ok {
                problems.push(problem(name, format!("must be {want}, got {got:?}")));
            }
        };
        let counts = self.vehicles.iter().all(|n| (1..=10_000).contains(n));
        let counts = counts && !self.vehicles.is_empty();
        unless(counts, "vehicles", "within 1..=10000", &self.vehicles);
        let shares = self.capability.iter().all(|c| (0.0..=1.0).contains(c));
        let shares = shares && !self.capability.is_empty();
        unless(shares, "capability", "within 0..=1", &self.capability);
        let tasks = self.tasks_per_vehicle;
        unless(
            (1..=1000).contains(&tasks),
            "tasks_per_vehicle",
            "within 1..=1000",
            &tasks,
        );
        let arrival = self.arrival;
        unless(
            (0.0..=1.0).contains(&arrival),
            "arrival",
            "within 0..=1",
            &arrival,
        );
        let positive = [("slot_s", self.slot_s), ("tradeoff", self.tradeoff)];
        for (name, value) in positive {
            unless(value > 0.0 && value.is_finite(), name, "> 0", &value);
        }
        let weights = [
            ("delay_weight", self.delay_weight),
            ("late_penalty", self.late_penalty),
        ];
        for (name, value) in weights {
            unless(value >= 0.0 && value.is_finite(), name, ">= 0", &value);
        }
        problems.into_result(())
    }

    pub(super) fn weights(&self) -> Weights {
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
