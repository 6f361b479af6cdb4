//! The same seed simulated.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use wayside_core::Result;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::world::World;
use wayside_core::engine::{Observer, Options, SharedFactory, TaskOutcome, replicate_observed};
use wayside_core::evaluate::Outcome;
use wayside_core::slot::{Placement, Slot};

/// Where a task ran, and what became of it.
pub(super) type End = (Placement, Outcome);

/// The same of every task, by slot and place.
pub(super) type Ends = BTreeMap<(u32, u32), End>;

struct Watch(Ends);

impl Observer for Watch {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn decided(&mut self, t: usize, _: usize, slot: &Slot, decider: &Decider) {
        // where tasks share CPU all is known at once
        if slot.queues.is_none() {
            let ends = decider.placements().iter().zip(decider.outcomes());
            let places = (0..).map(|place| (t as u32, place));
            let ends = ends.map(|(&placement, &outcome)| (placement, outcome));
            self.0.extend(places.zip(ends));
        }
    }

    fn ended(&mut self, _: usize, task: &TaskOutcome) {
        if let Ok(outcome) = task.outcome {
            self.0
                .insert((task.slot, task.task), (task.placement, outcome));
        }
    }
}

/// The world with `time.carry_over`, where tasks share CPU in slots that stand alone: among processes they do not.
pub(super) fn carrying(world: &World) -> Result<Option<World>> {
    let mut scenario = world.scenario.clone();
    if world.queues.is_some() || scenario.time.carry_over {
        return Ok(None);
    }
    scenario.time.carry_over = true;
    World::new(&scenario).map(Some)
}

/// Simulates a policy under a seed.
pub(super) fn ends(world: &World, policy: &SharedFactory, seed: u64, slots: usize) -> Result<Ends> {
    let mut watch = Watch(Ends::new());
    let options = Options {
        slots,
        ..Options::default()
    };
    let policies = [SharedFactory::clone(policy)];
    replicate_observed(world, &policies, seed, options, &mut watch)?;
    Ok(watch.0)
}
