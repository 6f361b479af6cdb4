//! The training environment of tasks that queue: a step per task, and a teacher that says where it would send it.
//!
//! The reward of a slot is minus what its tasks cost if nothing arises after it, in units of the cost of the mean task on the mean
//! vehicle; every turn earns its share as it is predicted, the last one what is missing.

use serde_json::Value;
use wayside_core::engine::queue_env::QueueEnv;
use wayside_core::engine::world::World;
use wayside_core::engine::{Options, replicate};
use wayside_core::error::Result;
use wayside_core::policy::PolicyKind;
use wayside_core::policy::migration::MigrationKind;
use wayside_core::rng::Streams;

use super::environment::{Teacher, end, from_json, show};
use crate::algo::env::{End, Env, Observe, SlotView, Step};

/// Those that may be imitated; each environment has the one that costs least in its own scenario. Not `ect`: its tasks change places
/// for reasons that no row shows, and a network that imitates it is far behind it (docs/decisions/0048-generalists.md).
const TEACHERS: [MigrationKind; 3] = [
    MigrationKind::Least,
    MigrationKind::Ect {
        hedged: true,
        cloud: true,
    },
    MigrationKind::Ect {
        hedged: true,
        cloud: false,
    },
];

/// Seeds on which they are compared.
const TRIALS: usize = 4;

/// The teacher that costs least in `world`, over some episodes with seeds of training.
///
/// # Errors
/// A scenario that cannot be run.
pub(crate) fn teacher(
    world: &World,
    slots: usize,
    streams: Streams,
    name: &str,
) -> Result<PolicyKind> {
    let cloud = world.scenario.cloud_round_trip_s.is_some();
    let all = TEACHERS.map(PolicyKind::Migration);
    let all: Vec<_> = all
        .into_iter()
        .filter(|kind| cloud || !kind.needs_cloud())
        .collect();
    let options = Options {
        slots,
        ..Options::default()
    };
    let mut stream = streams.stream(&format!("teacher.{name}"));
    let mut costs = vec![0.0; all.len()];
    for _ in 0..TRIALS {
        let run = replicate(world, &all, stream.seed() | 1 << 63, options)?;
        for (cost, policy) in costs.iter_mut().zip(&run.policies) {
            let slots = policy.slots.iter();
            *cost += slots
                .map(|slot| f64::from(slot.tasks) * slot.objective)
                .sum::<f64>();
        }
    }
    let least = costs.iter().zip(all).min_by(|a, b| a.0.total_cmp(b.0));
    Ok(least.expect("there are some").1)
}

/// One environment of the engine.
pub(crate) struct Queueing {
    engine: QueueEnv,
    unit: f64,
    kind: PolicyKind,
    teacher: Teacher,
}

impl Queueing {
    /// Counts costs in `unit`; `teacher` is imitated.
    pub(crate) fn new(engine: QueueEnv, unit: f64, teacher: PolicyKind) -> Self {
        Self {
            engine,
            unit,
            kind: teacher,
            teacher: Teacher::default(),
        }
    }
}

impl Observe for Queueing {
    fn observe(&mut self, slot: &mut SlotView) {
        show(self.engine.observation(), slot);
    }
}

impl Env for Queueing {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        let weight = self.engine.slot().tasks.len() as f64 / self.unit;
        let turn = self.engine.choose(actions)?;
        let (reported, end) = match turn.slot {
            None => (0.0, End::Turn),
            Some(slot) => (slot.reward, end(&slot)),
        };
        Ok(Step {
            reward: turn.reward * weight,
            reported,
            end,
        })
    }

    fn reset(&mut self) -> Result<()> {
        self.engine.reset()
    }

    fn teach(&mut self, actions: &mut Vec<u32>) -> bool {
        let engine = &self.engine;
        let options = &engine.world().scenario.policy;
        let decision = self
            .teacher
            .decide(self.kind, engine.position(), engine.slot(), options);
        if let Some(destinations) = engine.destinations() {
            destinations.express(decision, actions);
        }
        true
    }

    fn snapshot(&self) -> Value {
        serde_json::to_value(self.engine.snapshot()).unwrap_or_default()
    }

    fn restore(&mut self, snapshot: &Value) -> Result<()> {
        self.teacher.forget();
        self.engine.restore(&from_json(snapshot)?)
    }
}
