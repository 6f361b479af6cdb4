//! The part of a run that no policy can change: the map, the vehicles, the tasks.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use super::coverage::CoverageIndex;
use crate::backhaul::network::{Link, Network};
use crate::backhaul::{self, MAX_TARGETS, Routes};
use crate::config::unknown;
use crate::error::{Error, Result};
use crate::ids::VehicleKey;
use crate::information::{FalseReports, Falsehood, Rounds, Schedule};
use crate::mobility::{self, MobilitySource, Positions};
use crate::model::channel::Radio;
use crate::model::load::balance_bound;
use crate::rng::{Stream, Streams};
use crate::scenario::{
    self, Area, Cores, Cycles, Execution, MAX_GRID, Mobility, Parking, Range, Rsu, RsuLayout,
    Scenario,
};
use crate::scenario::{BalanceOf, FalseKind};
use crate::slot::queues::{Information, Queues};
use crate::slot::{Rsus, Slot};

/// A fault of the scenario, its names resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What fails.
    pub what: Faulty,
    /// From this instant on \[s\] ...
    pub from_s: f64,
    /// ... until this one \[s\].
    pub until_s: f64,
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faulty {
    /// The server in this row.
    Server(u32),
    /// The directed link in this row, and its reverse.
    Link(u32),
    /// All related information.
    Information,
}

/// What all seeds of a scenario share.
#[derive(Clone, Debug)]
pub struct World {
    /// The scenario.
    pub scenario: Scenario,
    /// The map's rectangle.
    pub area: Area,
    /// The RSUs.
    pub rsus: Rsus,
    /// Backhaul links.
    pub links: Vec<backhaul::Edge>,
    /// Shortest paths over them.
    pub routes: Arc<Routes>,
    /// The same links, one by one.
    pub network: Arc<Network>,
    /// Cores and what servers hear of each other, where tasks queue for cores.
    pub queues: Option<Queues>,
    /// What fails when.
    pub faults: Vec<Fault>,
    /// Places of the RSUs that parked vehicles may stand at \[m\].
    pub stands_m: Vec<[f64; 2]>,
    index: CoverageIndex,
}

/// A world that is borrowed, or shared by what must not depend on a borrow, as in Python.
#[derive(Clone, Debug)]
pub enum WorldRef<'w> {
    /// Borrowed.
    Borrowed(&'w World),
    /// Shared.
    Shared(Arc<World>),
}

impl Deref for WorldRef<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        match self {
            Self::Borrowed(world) => world,
            Self::Shared(world) => world,
        }
    }
}

impl<'w> From<&'w World> for WorldRef<'w> {
    fn from(world: &'w World) -> Self {
        Self::Borrowed(world)
    }
}

impl From<Arc<World>> for WorldRef<'_> {
    fn from(world: Arc<World>) -> Self {
        Self::Shared(world)
    }
}

impl World {
    /// Lays out the scenario: reads its topology, and its trace where the RSUs depend on the extent.
    ///
    /// # Errors
    /// A topology or trace that is malformed or cannot be read.
    pub fn new(scenario: &Scenario) -> Result<Self> {
        let area = area(scenario)?;
        let list = match &scenario.rsus {
            RsuLayout::Explicit(rsus) => rsus.clone(),
            RsuLayout::Grid {
                spacing_m,
                template,
            } => grid(&area, *spacing_m, template)?,
        };
        let links = backhaul::edges(&scenario.backhaul, &list)?;
        let max_hops = scenario.backhaul.max_hops;
        let routes = Routes::try_build(list.len(), &links, max_hops).ok_or_else(|| {
            Error::invalid(
                "scenario",
                None,
                "backhaul.max_hops",
                format!("must reach at most {MAX_TARGETS} pairs of RSUs, got more with {max_hops}"),
            )
        })?;
        let routes = Arc::new(routes);
        let per_m = scenario.backhaul.propagation_s_per_m;
        let network = Arc::new(Network::new(list.len(), &links, per_m));
        if scenario.execution != Execution::SharedCpu && !scenario.backhaul.allow_disconnected {
            connected(&network, &list)?;
        }
        let faults = faults(&scenario.faults, &list, &network)?;
        let stands_m = stands_m(&scenario.fleet.mobility, &list)?;
        let column = |f: fn(&Rsu) -> f64| list.iter().map(f).collect::<Vec<f64>>();
        let rsus = Rsus {
            id: list.iter().map(|r| r.id.clone()).collect(),
            x_m: column(|r| r.x_m),
            y_m: column(|r| r.y_m),
            range_m: column(|r| r.range_m),
            bandwidth_hz: column(|r| r.bandwidth_hz),
            cpu_hz: column(|r| r.cpu_hz),
            energy_coeff: column(|r| r.energy_coeff),
            reserved_cpu_hz: vec![0.0; list.len()],
            releasing_cpu_hz: vec![0.0; list.len()],
        };
        let index = CoverageIndex::new(Radio::new(&scenario.channel), &rsus);
        let queues =
            (scenario.execution != Execution::SharedCpu).then(|| queues(scenario, &list, &network));
        Ok(Self {
            scenario: scenario.clone(),
            area,
            rsus,
            links,
            routes,
            network,
            queues,
            stands_m,
            faults,
            index,
        })
    }

    /// The instants of slot `t` at which tasks arise \[s\]: its start, or the multiples of
    /// `task.period_s` that lie in it.
    pub fn epochs(&self, t: usize) -> impl Iterator<Item = f64> + use<> {
        let instant = |i: usize, step_s: f64| i as f64 * step_s;
        let slot_s = self.scenario.time.slot_s;
        let (start_s, end_s) = (instant(t, slot_s), instant(t + 1, slot_s));
        let period_s = self.scenario.task.period_s;
        // the division may round to either side, but no multiple is to be missed or seen twice
        let mut next = period_s.map_or(t, |period_s| {
            let mut k = (start_s / period_s) as usize;
            while k > 0 && instant(k - 1, period_s) >= start_s {
                k -= 1;
            }
            while instant(k, period_s) < start_s {
                k += 1;
            }
            k
        });
        let step_s = period_s.unwrap_or(slot_s);
        std::iter::from_fn(move || {
            let now_s = instant(next, step_s);
            next += 1;
            (now_s < end_s).then_some(now_s)
        })
    }

    /// When the cores of all servers are free under one seed \[s\]: at once with probability `capability`,
    /// else at an instant drawn uniformly. Empty where CPU is shared.
    #[must_use]
    pub fn core_free_s(&self, streams: Streams) -> Vec<f64> {
        let (Some(queues), Execution::Queues(cores)) = (&self.queues, self.scenario.execution)
        else {
            return Vec::new();
        };
        let count = queues.core_start.last().copied().unwrap_or(0);
        let mut free_s = Vec::new();
        keep_busy(
            cores,
            count,
            &mut streams.stream("servers.busy"),
            &mut free_s,
        );
        free_s
    }

    /// The rounds of related information of one seed, where servers need them to know of each other.
    #[must_use]
    pub fn rounds(&self, streams: Streams) -> Option<Rounds> {
        let told = self.scenario.information?;
        let Execution::Queues(cores) = self.scenario.execution else {
            return None;
        };
        let lost = |fault: &Fault| {
            (fault.what == Faulty::Information).then_some((fault.from_s, fault.until_s))
        };
        let schedule = Schedule {
            rate_hz: told.rate_hz,
            lost_s: self.faults.iter().filter_map(lost).collect(),
            falsified: (told.false_share > 0.0).then_some(FalseReports {
                share: told.false_share,
                kind: match told.false_kind {
                    FalseKind::Idle => Falsehood::Idle,
                    FalseKind::Redraw => Falsehood::Redraw {
                        capability: cores.capability,
                        busy_s: cores.busy_s.max,
                    },
                },
            }),
        };
        let travels = self.queues.as_ref()?.information?;
        Some(Rounds::new(schedule, &travels, streams))
    }

    /// A slot with the RSUs of this world and nobody in it.
    #[must_use]
    pub fn empty_slot(&self) -> Slot {
        Slot {
            now_s: 0.0,
            slot_s: self.scenario.time.slot_s,
            omega: self.scenario.omega,
            // No allocation changes where cycles are placed.
            enforce_balance: self.scenario.load_balance.enforce
                && self.scenario.load_balance.of == BalanceOf::Allocated,
            tau: self.scenario.load_balance.delta,
            migration_power_w: self.scenario.backhaul.migration_power_w,
            rsus: self.rsus.clone(),
            routes: Arc::clone(&self.routes),
            network: Arc::clone(&self.network),
            queues: self.queues.clone(),
            cloud_round_trip_s: self.scenario.cloud_round_trip_s,
            vehicles: Default::default(),
            coverage: Default::default(),
            tasks: Default::default(),
        }
    }
}

/// The row of the RSU called `id`, which `key` names.
pub(super) fn row_of(id: &str, rsus: &[Rsu], key: &str) -> Result<u32> {
    let row = rsus.iter().position(|rsu| rsu.id == id);
    row.map(|row| row as u32).ok_or_else(|| {
        let known: Vec<_> = rsus.iter().map(|rsu| rsu.id.as_str()).take(100).collect();
        Error::invalid("scenario", None, key, unknown("RSU", id, &known))
    })
}

/// The cores of `rsus` with their state still to be filled in.
fn queues(scenario: &Scenario, rsus: &[Rsu], network: &Network) -> Queues {
    let mut core_start = vec![0];
    for rsu in rsus {
        core_start.push(core_start[core_start.len() - 1] + rsu.cores as u32);
    }
    Queues {
        core_start,
        core_hz: rsus.iter().map(|r| r.cpu_hz / r.cores as f64).collect(),
        information: scenario.information.map(|information| {
            let packet_bits = 8.0 * information.packet_bytes;
            let hop_s = |link: &Link| link.transmission_s(packet_bits) + link.propagation_s;
            Information {
                ttl: information.ttl,
                // that of the slowest link: nothing is heard too early
                hop_s: network.links().iter().map(hop_s).fold(0.0, f64::max),
                delay_s: information.delay_s,
            }
        }),
        ..Queues::default()
    }
}

fn faults(list: &[scenario::Fault], rsus: &[Rsu], network: &Network) -> Result<Vec<Fault>> {
    let resolve = |(i, fault): (usize, &scenario::Fault)| {
        let row = |id: &str, key: &str| row_of(id, rsus, &format!("fault.{i}.{key}"));
        let what = match &fault.what {
            scenario::Faulty::Server(id) => Faulty::Server(row(id, "rsu")?),
            scenario::Faulty::Information => Faulty::Information,
            scenario::Faulty::Link(a, b) => {
                let link = network.find(row(a, "a")?, row(b, "b")?).ok_or_else(|| {
                    let message = format!("no link between {a:?} and {b:?}");
                    Error::invalid("scenario", None, format!("fault.{i}"), message)
                })?;
                Faulty::Link(link)
            }
        };
        Ok(Fault {
            what,
            from_s: fault.from_s,
            until_s: fault.until_s,
        })
    };
    list.iter().enumerate().map(resolve).collect()
}

fn stands_m(mobility: &Mobility, rsus: &[Rsu]) -> Result<Vec<[f64; 2]>> {
    let place = |rsu: &Rsu| [rsu.x_m, rsu.y_m];
    Ok(match mobility {
        Mobility::Parked(Parking::At(id)) => {
            let row = row_of(id, rsus, "fleet.mobility.at")?;
            vec![place(&rsus[row as usize])]
        }
        Mobility::Parked(Parking::Random) => rsus.iter().map(place).collect(),
        _ => Vec::new(),
    })
}

/// Whether every RSU has a way to every other.
fn connected(network: &Network, rsus: &[Rsu]) -> Result<()> {
    let mut reached = vec![false; rsus.len()];
    let mut open = vec![0u32];
    reached[0] = true;
    while let Some(m) = open.pop() {
        for row in network.leaving(m) {
            let to = network.links()[row as usize].to;
            if !std::mem::replace(&mut reached[to as usize], true) {
                open.push(to);
            }
        }
    }
    match reached.iter().position(|reached| !reached) {
        None => Ok(()),
        Some(cut_off) => {
            let message = format!(
                "must connect all RSUs, but no way leads from {:?} to {:?}; \
                 backhaul.allow_disconnected = true permits it",
                rsus[0].id, rsus[cut_off].id
            );
            Err(Error::invalid("scenario", None, "backhaul", message))
        }
    }
}

fn area(scenario: &Scenario) -> Result<Area> {
    match (&scenario.area, &scenario.fleet.mobility) {
        (Some(area), _) => Ok(*area),
        (None, Mobility::Fcd(fcd)) => {
            let extent = mobility::fcd::extent(fcd)?;
            Ok(Area {
                x_min_m: extent.x_min_m,
                y_min_m: extent.y_min_m,
                x_max_m: extent.x_max_m,
                y_max_m: extent.y_max_m,
            })
        }
        (None, _) => unreachable!("a checked scenario with a synthetic fleet has an area"),
    }
}

/// RSUs exactly `spacing_m` apart, the whole grid centred in the area.
fn grid(area: &Area, spacing_m: f64, template: &Rsu) -> Result<Vec<Rsu>> {
    let count = |length_m: f64| (length_m / spacing_m).floor() + 1.0;
    let (width_m, height_m) = (area.x_max_m - area.x_min_m, area.y_max_m - area.y_min_m);
    let (columns, rows) = (count(width_m), count(height_m));
    if columns * rows > MAX_GRID {
        return Err(Error::invalid(
            "scenario",
            None,
            "rsu.grid.spacing_m",
            format!(
                "must give at most {MAX_GRID} RSUs over {width_m} m x {height_m} m, \
                 got {spacing_m}, which gives {}",
                columns * rows
            ),
        ));
    }
    let place = |min: f64, length: f64, count: f64, i: usize| {
        min + 0.5 * (length - (count - 1.0) * spacing_m) + i as f64 * spacing_m
    };
    let mut rsus = Vec::new();
    for row in 0..rows as usize {
        for column in 0..columns as usize {
            rsus.push(Rsu {
                id: format!("r{}", rsus.len()),
                x_m: place(area.x_min_m, width_m, columns, column),
                y_m: place(area.y_min_m, height_m, rows, row),
                ..template.clone()
            });
        }
    }
    Ok(rsus)
}

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
    came_from: Vec<Option<u32>>,
    /// When every core is free of what it does at the start \[s\].
    core_free_s: Vec<f64>,
    renewal: Renewal,
    /// Scratch memory of the coverage.
    near: Vec<(f64, u32)>,
}

/// Other work that comes slot by slot.
struct Renewal {
    stream: Stream,
    /// The slot whose start is next.
    next: usize,
    /// When it comes before the instant decided at \[s\], and for how long it then keeps cores from that instant on.
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

/// For how long other work keeps each of `count` cores \[s\].
fn keep_busy(cores: Cores, count: u32, busy: &mut Stream, free_s: &mut Vec<f64>) {
    free_s.clear();
    // both are drawn for every core, so that one more free core changes no other
    free_s.extend((0..count).map(|_| {
        let (unit, busy_s) = (busy.unit(), draw(cores.busy_s, busy));
        if unit < cores.capability { 0.0 } else { busy_s }
    }));
}

impl<'w> Traffic<'w> {
    /// The traffic of one seed.
    ///
    /// # Errors
    /// A trace that cannot be opened or is malformed.
    pub fn new(world: impl Into<WorldRef<'w>>, streams: Streams) -> Result<Self> {
        let world = world.into();
        Ok(Self {
            source: mobility::source(&world.scenario.fleet, world.area, &world.stands_m, streams)?,
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
            came_from: Vec::new(),
            core_free_s: world.core_free_s(streams),
            renewal: Renewal {
                stream: streams.stream("servers.renewed"),
                next: 1,
                at_s: None,
                busy_s: Vec::new(),
            },
            near: Vec::new(),
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

    /// Fills `slot` with what there is at `now_s`, an instant of [`World::epochs`]: positions, who covers
    /// whom, the tasks. Queues are as at the start, as if no policy had sent any task.
    ///
    /// # Errors
    /// A trace that ends early or is malformed.
    pub fn advance_to(&mut self, now_s: f64, slot: &mut Slot) -> Result<()> {
        let world = self.world.clone();
        let scenario = &world.scenario;
        slot.now_s = now_s;
        self.source.advance(slot.now_s, &mut self.positions)?;
        self.board(&scenario.fleet, slot);
        slot.vehicles.x_m.clone_from(&self.positions.x_m);
        slot.vehicles.y_m.clone_from(&self.positions.y_m);
        slot.rsus.reserved_cpu_hz.fill(0.0);
        slot.rsus.releasing_cpu_hz.fill(0.0);
        slot.vehicles.local_wait_s.clear();
        slot.vehicles
            .local_wait_s
            .resize(self.positions.key.len(), 0.0);
        world.index.cover(
            &slot.rsus,
            &slot.vehicles,
            &mut self.near,
            &mut slot.coverage,
        );
        if let Some(rate_bps) = scenario.uplink_rate_bps {
            for link in &mut slot.coverage.links {
                link.seconds_per_bit = 1.0 / rate_bps;
            }
        }
        self.draw_tasks(&scenario.task, slot);
        self.idle_queues(slot);
        self.renew(now_s);

        let cycles = slot.tasks.cycles.iter().sum::<f64>();
        let bound = balance_bound(&scenario.load_balance, cycles, self.previous_cycles);
        slot.tau = bound.tau;
        self.clamped = bound.clamped;
        self.previous_cycles = Some(cycles);
        Ok(())
    }

    /// When every core is free of what it does at the start \[s\].
    #[must_use]
    pub fn core_free_s(&self) -> &[f64] {
        &self.core_free_s
    }

    /// When other work comes before this instant \[s\], and for how long from this instant on it keeps every core that idles
    /// then, 0 where it leaves one alone.
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
    pub fn came_from(&self) -> &[Option<u32>] {
        &self.came_from
    }

    /// Keeps what vehicles are while they stay, and draws it for those that appear.
    fn board(&mut self, fleet: &scenario::Fleet, slot: &mut Slot) {
        let present = &self.positions.key;
        self.came_from.clear();
        if *present == self.keys {
            self.came_from
                .extend((0..present.len()).map(|v| Some(v as u32)));
            return;
        }
        let before: BTreeMap<VehicleKey, u32> = self
            .keys
            .iter()
            .enumerate()
            .map(|(v, &key)| (key, v as u32))
            .collect();
        self.came_from
            .extend(present.iter().map(|key| before.get(key).copied()));
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
                .came_from
                .iter()
                .map(|from| from.map_or_else(|| draw(range, stream), |row| column[row as usize]))
                .collect();
        }
        self.keys.clone_from(present);
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
                tasks.cycles.push(match task.cycles {
                    Cycles::Drawn(cycles) => draw(cycles, &mut streams.cycles),
                    Cycles::PerBit(cycles) => data_bits * draw(cycles, &mut streams.cycles),
                });
                tasks.data_bits.push(data_bits);
                tasks
                    .deadline_s
                    .push(draw(task.deadline_s, &mut streams.deadline));
            }
        }
    }
}

fn draw(range: Range, stream: &mut Stream) -> f64 {
    stream.uniform(range.min, range.max)
}
