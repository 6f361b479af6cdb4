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
    bounds_of: &mut BoundsOf<'_>,
    observer: &mut dyn Observer,
) -> Result<Option<Replication>> {
    let streams = Streams::new(seed);
    let mut scene = Scene::new(world, streams, slots)?;
    let mut lanes = lanes_of(world, policies, streams, &scene.traffic)?;
    // Where nothing of a lane depends on the bounds, another thread finds them meanwhile.
    let aside = !parallel::is_alone() && lanes.iter().all(Lane::is_bounded_afterwards);
    let instants = (0..slots).flat_map(|t| world.epochs(t).map(move |now_s| (t, now_s)));
    let mut instants = instants.peekable();
    while let Some((t, now_s)) = instants.next() {
        scene.advance(now_s)?;
        if observer.slot(t, &scene.slot).is_break() {
            return Ok(None);
        }
        let mut step = |mut stage: Stage<'_, '_>, bounds: Bounds| {
            for (policy, lane) in lanes.iter_mut().enumerate() {
                let mut ended = |task: &TaskOutcome| observer.ended(policy, task);
                lane.step(t, &mut stage, bounds, &mut ended);
                observer.decided(t, policy, stage.slot(), lane.decider());
            }
        };
        let is_split = aside && scene.slot.tasks.len() >= parallel::LARGE;
        let bounds = if is_split && !scene.traffic.is_needed() {
            let next_s = instants.peek().map(|(_, next_s)| *next_s);
            scene.step_while_drawing(next_s, bounds_of, step)
        } else if is_split && bound != BoundKind::Off {
            scene.step_while_bounding(bounds_of, step)
        } else {
            let bounds = bounds_of(&scene.slot);
            step(Stage::Own(&mut scene.slot, &mut scene.traffic), bounds);
            bounds
        };
        for (policy, lane) in lanes.iter_mut().enumerate() {
            lane.bound(bounds);
            if let Some(record) = lane.closed() {
                check_record(policies[policy].name(), seed, record)?;
            }
        }
    }
    finish(lanes, (seed, slots), &mut scene.traffic, observer).map(Some)
}

/// Bounds the tasks of a slot.
type BoundsOf<'a> = dyn FnMut(&Slot) -> Bounds + Send + 'a;

/// The slot at hand and where it comes from.
struct Scene<'w> {
    world: &'w World,
    traffic: Traffic<'w>,
    /// Where work runs in sessions.
    preview: Option<Preview>,
    slot: Slot,
    /// A copy of the slot, or the next one, for another thread to work on.
    other: Option<Slot>,
    /// What drawing the next slot came to, where that is done already.
    drawn: Option<Result<()>>,
}

impl<'w> Scene<'w> {
    fn new(world: &'w World, streams: Streams, slots: usize) -> Result<Self> {
        let slot = world.empty_slot();
        let sessions = world.scenario.execution.sessions();
        Ok(Self {
            world,
            traffic: Traffic::new(world, streams)?,
            preview: sessions.map(|options| Preview::new(&options, slots, &slot)),
            slot,
            other: None,
            drawn: None,
        })
    }

    /// Goes on to the slot at `now_s`.
    fn advance(&mut self, now_s: f64) -> Result<()> {
        match &mut self.preview {
            Some(preview) => preview.advance(&mut self.traffic, &mut self.slot),
            None => match self.drawn.take() {
                Some(drawn) => drawn,
                None => self.traffic.advance_to(now_s, &mut self.slot),
            },
        }
    }

    /// Steps while another thread bounds a copy of the slot.
    fn step_while_bounding(
        &mut self,
        bounds_of: &mut BoundsOf<'_>,
        step: impl FnOnce(Stage<'_, 'w>, Bounds),
    ) -> Bounds {
        let copy = self.other.get_or_insert_with(|| self.world.empty_slot());
        copy.copy_from(&self.slot);
        let own = Stage::Own(&mut self.slot, &mut self.traffic);
        parallel::beside(|| bounds_of(copy), || step(own, Bounds::default()))
    }

    /// Steps while another thread bounds the slot and then draws the next one, at `next_s`.
    fn step_while_drawing(
        &mut self,
        next_s: Option<f64>,
        bounds_of: &mut BoundsOf<'_>,
        step: impl FnOnce(Stage<'_, 'w>, Bounds),
    ) -> Bounds {
        let next = self.other.get_or_insert_with(|| self.world.empty_slot());
        let (slot, traffic) = (&self.slot, &mut self.traffic);
        let clamped = traffic.clamped();
        let work = || {
            let bounds = bounds_of(slot);
            let drawn = next_s.map(|next_s| {
                next.vehicles.copy_from(&slot.vehicles);
                traffic.advance_to(next_s, next)
            });
            (bounds, drawn)
        };
        let seen = Stage::Seen { slot, clamped };
        let (bounds, drawn) = parallel::beside(work, || step(seen, Bounds::default()));
        self.drawn = drawn;
        if self.drawn.is_some() {
            std::mem::swap(&mut self.slot, next);
        }
        bounds
    }
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
