//! One seed of a run: slot after slot, all policies in each.

use super::factory::PolicyFactory;
use super::lane::{Bounds, Lane, Stage, TaskOutcome};
use super::preview::Preview;
use super::records::{Replication, SlotRecord};
use super::traffic::Traffic;
use super::world::World;
use super::{BoundKind, Observer, Options, check_bound};
use crate::error::Result;
use crate::parallel;
use crate::rng::Streams;
use crate::slot::Slot;

/// Runs all `policies` over the traffic of `seed`, with bounds by `bounds_of`; `None` where `observer` stops it.
pub(super) fn run_slots<C: PolicyFactory>(
    world: &World,
    policies: &[C],
    seed: u64,
    Options { slots, bound }: Options,
    bounds_of: &mut (dyn FnMut(&Slot) -> Bounds + Send),
    observer: &mut dyn Observer,
) -> Result<Option<Replication>> {
    let streams = Streams::new(seed);
    let mut traffic = Traffic::new(world, streams)?;
    let mut lanes = lanes_of(world, policies, streams, &traffic)?;
    let mut slot = world.empty_slot();
    let sessions = world.scenario.execution.sessions();
    let mut preview = sessions.map(|options| Preview::new(&options, slots, &slot));
    // Where nothing of a lane depends on the bounds, another thread finds them meanwhile, in the slot itself or in its own;
    // where lanes need no traffic either, it goes on to draw the next slot.
    let aside = !parallel::is_alone() && lanes.iter().all(Lane::is_bounded_afterwards);
    let mut aside_slot = None;
    let mut is_drawn = false;
    let instants = (0..slots).flat_map(|t| world.epochs(t).map(move |now_s| (t, now_s)));
    let mut instants = instants.peekable();
    while let Some((t, now_s)) = instants.next() {
        match &mut preview {
            Some(preview) => preview.advance(&mut traffic, &mut slot)?,
            None if std::mem::take(&mut is_drawn) => {}
            None => traffic.advance_to(now_s, &mut slot)?,
        }
        if observer.slot(t, &slot).is_break() {
            return Ok(None);
        }
        let mut step = |mut stage: Stage<'_, '_>, bounds: Bounds| {
            for (policy, lane) in lanes.iter_mut().enumerate() {
                let mut ended = |task: &TaskOutcome| observer.ended(policy, task);
                lane.step(t, &mut stage, bounds, &mut ended);
                observer.decided(t, policy, stage.slot(), lane.decider());
            }
        };
        let later = Bounds::default();
        let is_split = aside && slot.tasks.len() >= parallel::LARGE;
        let mut next = Ok(());
        let bounds = if is_split && !traffic.is_needed() {
            let ahead = aside_slot.get_or_insert_with(|| world.empty_slot());
            let next_s = instants.peek().map(|(_, next_s)| *next_s);
            let clamped = traffic.clamped();
            let seen = Stage::Seen {
                slot: &slot,
                clamped,
            };
            let work = || {
                let bounds = bounds_of(&slot);
                next = next_s.map_or(Ok(()), |next_s| {
                    ahead.vehicles.copy_from(&slot.vehicles);
                    traffic.advance_to(next_s, ahead)
                });
                bounds
            };
            let bounds = parallel::beside(work, || step(seen, later));
            std::mem::swap(&mut slot, ahead);
            is_drawn = true;
            bounds
        } else if is_split && bound != BoundKind::Off {
            let copy = aside_slot.get_or_insert_with(|| world.empty_slot());
            copy.copy_from(&slot);
            let own = Stage::Own(&mut slot, &mut traffic);
            parallel::beside(|| bounds_of(copy), || step(own, later))
        } else {
            let bounds = bounds_of(&slot);
            step(Stage::Own(&mut slot, &mut traffic), bounds);
            bounds
        };
        for (policy, lane) in lanes.iter_mut().enumerate() {
            lane.bound(bounds);
            if let Some(record) = lane.closed() {
                check_record(policies[policy].name(), seed, record)?;
            }
        }
        next?;
    }
    finish(lanes, (seed, slots), &mut traffic, observer).map(Some)
}

fn lanes_of<C: PolicyFactory>(
    world: &World,
    policies: &[C],
    streams: Streams,
    traffic: &Traffic<'_>,
) -> Result<Vec<Lane>> {
    let lane = |policy: &C| {
        let (name, built) = (policy.name(), policy.for_run(world, streams)?);
        let core_free_s = traffic.core_free_s();
        Ok(Lane::new(world, name, built, streams, core_free_s))
    };
    policies.iter().map(lane).collect()
}

/// Waits for all tasks, after `slots` slots.
fn finish(
    lanes: Vec<Lane>,
    (seed, slots): (u64, usize),
    traffic: &mut Traffic<'_>,
    observer: &mut dyn Observer,
) -> Result<Replication> {
    let finish = |(policy, lane): (usize, Lane)| {
        let run = lane.finish(slots, traffic, &mut |task| observer.ended(policy, task));
        let mut records = run.slots.iter();
        records.try_for_each(|record| check_record(&run.policy, seed, record))?;
        Ok(run)
    };
    let policies = lanes.into_iter().enumerate().map(finish);
    Ok(Replication {
        seed,
        policies: policies.collect::<Result<_>>()?,
        ..Replication::default()
    })
}

fn check_record(policy: &str, seed: u64, record: &SlotRecord) -> Result<()> {
    let place = || format!("{policy}, seed {seed}, slot {},", record.slot);
    check_bound(record.objective, record.lower_bound, place)
}
