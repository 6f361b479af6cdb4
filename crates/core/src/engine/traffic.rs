//! One seed's traffic: where the vehicles of a run are, who covers them, and the tasks that they draw.

use std::collections::BTreeMap;

use super::coverage;
use super::health::{Health, Outages};
use super::links::{Links, NoiseRise};
use super::own::{OwnTraffic, ask_tasks};
use super::result::{Ground, Origin, ResultReturn, Returned};
use super::sessions::SessionSource;
use super::world::{WorldRef, draw, draw_cycles, keep_busy};
use crate::error::Result;
use crate::evaluate::Outcome;
use crate::mobility::VehicleKey;
use crate::mobility::{MobilitySource, Positions};
use crate::model::load::balance_bound;
use crate::rng::{Stream, Streams};
use crate::scenario::{self, Execution};
use crate::slot::{Placement, Slot};

/// One seed's traffic: moves the vehicles and draws their tasks, slot by slot.
pub struct Traffic<'w> {
    world: WorldRef<'w>,
    source: Box<dyn MobilitySource>,
    positions: Positions,
    keys: Vec<VehicleKey>,
    fleet: FleetStreams,
    tasks: TaskStreams,
    previous_cycles: Option<f64>,
    clamped: bool,
    /// For every vehicle its row in the slot before, where it was there.
    previous_row: Vec<Option<u32>>,
    /// When every core is free of its initial work \[s\].
    core_free_s: Vec<f64>,
    renewal: Renewal,
    /// Work that runs over many slots, in place of tasks.
    sessions: Option<SessionSource>,
    /// Which servers and links work, where any fail.
    health: Option<Health>,
    /// When servers interrupt tasks that run over several slots.
    outages: Option<Outages>,
    /// The radio, where it is more than log-distance.
    links: Option<Links>,
    /// Tasks and gains of the caller's own.
    own: Option<Box<dyn OwnTraffic>>,
    /// Returns the results of tasks, and reads positions ahead for that.
    results: Option<ResultReturn>,
    /// Scratch memory of the coverage.
    covering: coverage::Scratch,
}

/// Other work on the cores, drawn slot by slot.
struct Renewal {
    stream: Stream,
    /// The slot whose start is next.
    next: usize,
    /// When it comes, shortly before the instant of the decision \[s\], and how long from that instant on it occupies each core.
    at_s: Option<f64>,
    busy_s: Vec<f64>,
}

struct FleetStreams {
    tx_power: Stream,
    cpu: Stream,
    energy: Stream,
}

struct TaskStreams {
    arrival: Stream,
    cycles: Stream,
    data: Stream,
    deadline: Stream,
}

impl<'w> Traffic<'w> {
    /// The traffic of one seed.
    ///
    /// # Errors
    /// A trace that cannot be opened or is malformed.
    pub fn new(world: impl Into<WorldRef<'w>>, streams: Streams) -> Result<Self> {
        let world = world.into();
        let own = world.own_traffic(streams);
        Ok(Self {
            source: world.mobility(streams)?,
            positions: Positions::default(),
            keys: Vec::new(),
            fleet: FleetStreams {
                tx_power: streams.stream("fleet.tx_power"),
                cpu: streams.stream("fleet.cpu"),
                energy: streams.stream("fleet.energy_coeff"),
            },
            tasks: TaskStreams {
                arrival: streams.stream("task.arrival"),
                cycles: streams.stream("task.cycles"),
                data: streams.stream("task.data"),
                deadline: streams.stream("task.deadline"),
            },
            previous_cycles: None,
            clamped: false,
            previous_row: Vec::new(),
            core_free_s: world.core_free_s(streams),
            renewal: Renewal {
                stream: streams.stream("servers.renewed"),
                next: 1,
                at_s: None,
                busy_s: Vec::new(),
            },
            links: Links::new(
                &world,
                streams,
                own.as_ref().is_some_and(|own| own.has_gains()),
            )?,
            own,
            covering: coverage::Scratch::default(),
            health: Health::new(&world),
            outages: (world.scenario.time.carry_over && !world.faults.is_empty())
                .then(|| Outages::new(&world)),
            results: world.scenario.result.map(|options| {
                let sizes = streams.stream("task.result");
                ResultReturn::new(options, &world, sizes)
            }),
            sessions: world
                .scenario
                .execution
                .sessions()
                .map(|options| SessionSource::new(options, streams)),
            world,
        })
    }

    /// Fills `slot` with slot number `t`: positions at its start, who covers whom, the tasks.
    ///
    /// # Errors
    /// A trace that ends early or is malformed.
    pub fn advance(&mut self, t: usize, slot: &mut Slot) -> Result<()> {
        self.advance_to(t as f64 * self.world.scenario.time.slot_s, slot)
    }

    /// Fills `slot` with what there is at `now_s`, an instant of [`World::epochs`](super::world::World::epochs): positions, who covers
    /// whom, the tasks. Queues are as at the start, as if no policy had sent any task.
    ///
    /// # Errors
    /// A trace that ends early or is malformed.
    pub fn advance_to(&mut self, now_s: f64, slot: &mut Slot) -> Result<()> {
        let world = self.world.clone();
        let scenario = &world.scenario;
        slot.now_s = now_s;
        let (source, positions) = (&mut *self.source, &mut self.positions);
        match &mut self.results {
            Some(results) => results.trajectory().advance(source, now_s, positions)?,
            None => source.advance(now_s, positions)?,
        }
        self.match_vehicles(&scenario.fleet, slot);
        slot.vehicles.x_m.clone_from(&self.positions.x_m);
        slot.vehicles.y_m.clone_from(&self.positions.y_m);
        slot.rsus.reserved_cpu_hz.fill(0.0);
        slot.rsus.releasing_cpu_hz.fill(0.0);
        slot.vehicles.local_wait_s.clear();
        slot.vehicles
            .local_wait_s
            .resize(self.positions.key.len(), 0.0);
        match &mut self.links {
            Some(links) => {
                let moved = (&self.positions, self.previous_row.as_slice());
                let own = self.own.as_deref_mut();
                let near = &mut self.covering.near;
                links.cover(world.coverage(), moved, near, slot, own)?;
            }
            None => world.coverage().cover(
                &slot.rsus,
                &slot.vehicles,
                &mut self.covering,
                &mut slot.coverage,
            ),
        }
        world.fix_uplinks(slot);
        if let Some(health) = self.health.as_mut().filter(|_| slot.queues.is_none()) {
            let works = health.at(&world, now_s);
            if let Some(links) = &mut self.links {
                links.retain(slot, |rsu| works.is_up(rsu));
            }
            works.show(slot);
        }
        self.arise(&scenario.task, slot)?;
        if let Some(results) = &mut self.results {
            results.draw(now_s, slot.tasks.len());
        }
        self.idle_queues(slot);
        self.renew(now_s);

        let cycles = slot.tasks.cycles.iter().sum::<f64>();
        let bound = balance_bound(&scenario.load_balance, cycles, self.previous_cycles);
        slot.tau = bound.tau;
        self.clamped = bound.clamped;
        self.previous_cycles = Some(cycles);
        Ok(())
    }

    /// Lets `slot` show the rates that policies see, where these are not those that are paid.
    pub(super) fn show(&self, slot: &mut Slot, rise: &NoiseRise) {
        self.links.iter().for_each(|links| links.show(slot, rise));
    }

    /// Lets `slot` have the rates that are paid; without interference they are those that it came with.
    pub(super) fn pay(&self, slot: &mut Slot, rise: &NoiseRise) {
        self.links.iter().for_each(|links| links.pay(slot, rise));
    }

    /// Whether [`show`](Self::show) or [`pay`](Self::pay) change anything.
    pub(super) fn is_apart(&self) -> bool {
        self.links.as_ref().is_some_and(Links::is_apart)
    }

    /// Whether decisions need more of it than the slot that it fills, where CPU is shared: else it may go on meanwhile.
    ///
    /// Vehicles and tasks of the caller's own are asked for only when all is done that came before.
    pub(super) fn is_needed(&self) -> bool {
        let world = &self.world;
        let is_own = self.own.is_some() || world.own.mobility.is_some();
        world.scenario.time.carry_over || self.is_apart() || self.results.is_some() || is_own
    }

    /// Finds the interference of the next slot after a decision.
    pub(super) fn hear(
        &self,
        slot: &Slot,
        placements: &[Placement],
        outcomes: &[Outcome],
        rise: &mut NoiseRise,
    ) {
        if let Some(links) = &self.links {
            links.hear(slot, placements, outcomes, rise);
        }
    }

    /// When servers interrupt tasks, where that can happen.
    pub(super) fn outages(&self) -> Option<&Outages> {
        self.outages.as_ref()
    }

    /// Returns the results of the tasks of `slot`, where the scenario says how: adds to `outcomes` what that takes, and says in `out`
    /// what became of each. Tasks that `went_home` ran on their vehicles in the end. Whether it does.
    pub(super) fn return_results(
        &mut self,
        slot: &Slot,
        placements: (&[Placement], impl Fn(usize) -> bool),
        outcomes: &mut [Outcome],
        out: &mut Vec<Returned>,
    ) -> bool {
        let Some((results, ground)) = self.results() else {
            return false;
        };
        results.returns(slot, ground, placements, outcomes, out);
        true
    }

    /// Where `task` of `slot` comes from, for its answer to find its vehicle; `None` where answers are there at once.
    pub(super) fn origin(&self, slot: &Slot, task: usize) -> Option<Origin> {
        let results = self.results.as_ref();
        results.map(|results| results.origin(slot, task))
    }

    /// What becomes of the answer of the task from `origin` that ended at `ready_s` at `host`.
    pub(super) fn answer(&mut self, origin: Origin, host: u32, ready_s: f64) -> Returned {
        let (results, mut ground) = self.results().expect("answers are returned");
        results.answer(&mut ground, origin, host, ready_s)
    }

    fn results(&mut self) -> Option<(&mut ResultReturn, Ground<'_>)> {
        let Self {
            world,
            source,
            results,
            links,
            health,
            ..
        } = self;
        let ground = Ground {
            world,
            source: &mut **source,
            links: links.as_ref(),
            health: health.as_mut(),
        };
        Some((results.as_mut()?, ground))
    }

    /// When every core is free of its initial work \[s\].
    #[must_use]
    pub fn core_free_s(&self) -> &[f64] {
        &self.core_free_s
    }

    /// When other work comes before this instant \[s\], and how long from this instant on it occupies each core that is idle
    /// then; 0 for a core that stays free.
    #[must_use]
    pub fn renewal(&self) -> Option<(f64, &[f64])> {
        Some((self.renewal.at_s?, &self.renewal.busy_s))
    }

    fn renew(&mut self, now_s: f64) {
        let Execution::Queues(cores) = self.world.scenario.execution else {
            return;
        };
        let slot_s = self.world.scenario.time.slot_s;
        let Renewal {
            stream,
            next,
            at_s,
            busy_s,
        } = &mut self.renewal;
        *at_s = None;
        if cores.renewed && now_s >= *next as f64 * slot_s {
            *next += 1;
            *at_s = Some(now_s - 0.5 * slot_s);
            keep_busy(cores, self.core_free_s.len() as u32, stream, busy_s);
        }
    }

    fn idle_queues(&self, slot: &mut Slot) {
        let Some(queues) = &mut slot.queues else {
            return;
        };
        let present = &mut queues.present;
        present.time_s = slot.now_s;
        present.core_free_s.clone_from(&self.core_free_s);
        present.link_free_s.clear();
        present.link_free_s.resize(slot.network.links().len(), 0.0);
        present.waiting.clear();
        present.waiting.resize(slot.rsus.len(), 0);
        present.up.clear();
        present.up.resize(slot.rsus.len(), true);
    }

    /// Whether delta + phi fell below tau_min in this slot.
    #[must_use]
    pub fn clamped(&self) -> bool {
        self.clamped
    }

    /// For every vehicle of this slot its row in the slot before, where it was there.
    #[must_use]
    pub fn previous_row(&self) -> &[Option<u32>] {
        &self.previous_row
    }

    /// Keeps the properties of vehicles that stay, and draws those of vehicles that appear.
    fn match_vehicles(&mut self, fleet: &scenario::Fleet, slot: &mut Slot) {
        let present = &self.positions.key;
        self.previous_row.clear();
        if *present == self.keys {
            self.previous_row
                .extend((0..present.len()).map(|v| Some(v as u32)));
            return;
        }
        find_rows(&self.keys, present, &mut self.previous_row);
        let columns = [
            (
                &mut slot.vehicles.tx_power_w,
                fleet.tx_power_w,
                &mut self.fleet.tx_power,
            ),
            (&mut slot.vehicles.cpu_hz, fleet.cpu_hz, &mut self.fleet.cpu),
            (
                &mut slot.vehicles.energy_coeff,
                fleet.energy_coeff,
                &mut self.fleet.energy,
            ),
        ];
        for (column, range, stream) in columns {
            *column = self
                .previous_row
                .iter()
                .map(|from| from.map_or_else(|| draw(range, stream), |row| column[row as usize]))
                .collect();
        }
        slot.vehicles.key.clear();
        slot.vehicles.key.extend(present.iter().map(|key| key.0));
        self.keys.clone_from(present);
    }

    /// The work of the slot: batches of sessions, tasks of the caller's own, or those that are drawn.
    fn arise(&mut self, task: &scenario::Task, slot: &mut Slot) -> Result<()> {
        if let Some(sessions) = &mut self.sessions {
            let (positions, previous_row) = (&self.positions, &self.previous_row);
            sessions.advance(task, positions, previous_row, slot);
            return Ok(());
        }
        let own = self.own.as_deref_mut();
        let is_own = own.map_or(Ok(false), |own| ask_tasks(own, slot))?;
        if !is_own {
            self.draw_tasks(task, slot);
        }
        Ok(())
    }

    fn draw_tasks(&mut self, task: &scenario::Task, slot: &mut Slot) {
        let Self { tasks: streams, .. } = self;
        let tasks = &mut slot.tasks;
        tasks.vehicle.clear();
        tasks.cycles.clear();
        tasks.data_bits.clear();
        tasks.deadline_s.clear();
        for v in 0..slot.vehicles.x_m.len() {
            if streams.arrival.unit() >= task.probability {
                continue;
            }
            for _ in 0..task.per_vehicle {
                tasks.vehicle.push(v as u32);
                let data_bits = 8.0 * draw(task.data_bytes, &mut streams.data);
                let cycles = draw_cycles(task.cycles, data_bits, &mut streams.cycles);
                tasks.cycles.push(cycles);
                tasks.data_bits.push(data_bits);
                tasks
                    .deadline_s
                    .push(draw(task.deadline_s, &mut streams.deadline));
            }
        }
    }
}

/// For every one of `keys` its row among those `before`.
fn find_rows(before: &[VehicleKey], keys: &[VehicleKey], rows: &mut Vec<Option<u32>>) {
    let ascends = |keys: &[VehicleKey]| keys.is_sorted_by(|a, b| a < b);
    if ascends(before) && ascends(keys) {
        let mut row = 0;
        rows.extend(keys.iter().map(|key| {
            while before.get(row).is_some_and(|known| known < key) {
                row += 1;
            }
            (before.get(row) == Some(key)).then_some(row as u32)
        }));
        return;
    }
    let known: BTreeMap<VehicleKey, u32> = before.iter().copied().zip(0..).collect();
    rows.extend(keys.iter().map(|key| known.get(key).copied()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn oracle_vehicles_are_found_again() {
        let mut stream = Streams::new(3).stream("vehicles");
        for round in 0..200 {
            let mut draw = || {
                let keys: BTreeSet<u64> = (0..20).map(|_| stream.below(40) as u64).collect();
                let mut keys: Vec<_> = keys.into_iter().map(VehicleKey).collect();
                if round % 2 == 0 {
                    keys.reverse();
                }
                keys
            };
            let (before, now) = (draw(), draw());
            let mut rows = Vec::new();
            find_rows(&before, &now, &mut rows);
            for (key, row) in now.iter().zip(rows) {
                let place = before.iter().position(|known| known == key);
                assert_eq!(row, place.map(|place| place as u32), "{before:?} {now:?}");
            }
        }
    }
}
