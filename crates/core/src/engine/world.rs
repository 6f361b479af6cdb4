//! The part of a run that no policy can change: the map, the vehicles, the tasks.

use std::ops::Deref;
use std::sync::Arc;

use super::coverage::{self, CoverageIndex};
pub use super::map::{Degrees, FaultyPart, WorldFault};
use super::map::{columns, connected, faults, ground, laid_out, queues, stands_m};
use super::own::{Own, OwnMobility};
use crate::backhaul::network::Network;
use crate::backhaul::{self, Routes, TOO_FAR};
use crate::error::{Error, Problem, Problems, Result};
use crate::information::{FalseReports, Falsehood, Rounds, Schedule};
use crate::mobility::trace::projection::{Projection, unprojectable};
use crate::mobility::{self, MobilitySource};
use crate::model::channel::Radio;
use crate::model::moving::Copying;
use crate::observation::Setting;
use crate::radio::buildings::Buildings;
use crate::radio::polygons::{self, Project};
use crate::radio::table::Gains;
use crate::rng::{Stream, Streams};
use crate::scenario::{
    Area, BalanceOf, Cores, Cycles, Execution, FalseKind, Range, Scenario, SessionOptions,
};
use crate::sites::SiteReport;
use crate::slot::queues::Queues;
use crate::slot::sessions::{Moves, Sessions};
use crate::slot::{Rsus, Slot};

/// What all seeds of a scenario share.
#[derive(Clone, Debug)]
pub struct World {
    /// The scenario.
    pub scenario: Scenario,
    /// The map's rectangle.
    pub area: Area,
    /// The RSUs.
    pub rsus: Rsus,
    /// What was taken of a table of sites, where the RSUs are from one.
    pub sites: Option<SiteReport>,
    /// Where the map is on earth, where that is known.
    pub degrees: Option<Degrees>,
    /// Backhaul links.
    pub links: Vec<backhaul::Edge>,
    /// Shortest paths over them.
    pub routes: Arc<Routes>,
    /// The same links, one by one.
    pub network: Arc<Network>,
    /// Cores and what servers hear of each other, where tasks queue for cores.
    pub queues: Option<Queues>,
    /// What moves of sessions take, where work runs in sessions.
    pub sessions: Option<Sessions>,
    /// What fails when.
    pub faults: Vec<WorldFault>,
    /// Places of the RSUs that parked vehicles may stand at \[m\].
    pub stands_m: Vec<[f64; 2]>,
    /// Walls that cut lines of sight, where `[channel] los` is by them.
    pub(super) buildings: Option<Arc<Buildings>>,
    index: CoverageIndex,
    pub(super) own: Own,
    /// Of the map, where it is known in degrees.
    projection: Option<Arc<Projection>>,
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

impl<'w> From<&'w World> for Setting<'w> {
    fn from(world: &'w World) -> Self {
        Self {
            scenario: &world.scenario,
            area: world.area,
            rsus: &world.rsus,
            routes: &world.routes,
        }
    }
}

impl World {
    /// Lays out the scenario: reads its topology, and its trace where the RSUs depend on the extent.
    ///
    /// # Errors
    /// A topology or trace that is malformed or cannot be read.
    pub fn new(scenario: &Scenario) -> Result<Self> {
        let (one, projection) = ground(scenario)?;
        let (area, list, sites) = laid_out(scenario, one, projection.as_ref())?;
        let links = backhaul::edges(&scenario.backhaul, &list)?;
        let max_hops = scenario.backhaul.max_hops;
        let routes = Routes::try_build(list.len(), &links, max_hops).ok_or_else(|| {
            Error::invalid(
                "scenario",
                None,
                "backhaul.max_hops",
                format!("{TOO_FAR}, got more with {max_hops}"),
            )
        })?;
        let per_m = scenario.backhaul.propagation_s_per_m;
        let network = Arc::new(Network::new(list.len(), &links, per_m));
        if scenario.execution != Execution::SharedCpu && !scenario.backhaul.allow_disconnected {
            connected(&network, &list)?;
        }
        let faults = faults(&scenario.faults, &list, &network)?;
        let stands_m = stands_m(&scenario.fleet.mobility, &list)?;
        let rsus = columns(&list);
        check_gains(scenario, &rsus)?;
        let index = CoverageIndex::new(Radio::new(&scenario.channel), &rsus);
        let has_queues = scenario.execution.queues();
        let queues = has_queues.then(|| queues(scenario, &list, &network));
        check_work(scenario, queues.as_ref())?;
        let sessions = scenario.execution.sessions().map(|options| Sessions {
            moves: Arc::new(moves(scenario, &options, &routes, rsus.len())),
            ..Sessions::default()
        });
        Ok(Self {
            sessions,
            scenario: scenario.clone(),
            area,
            rsus,
            sites,
            degrees: projection.as_ref().and_then(|p| Degrees::new(p, &area)),
            links,
            routes: Arc::new(routes),
            network,
            queues,
            stands_m,
            faults,
            buildings: buildings(scenario, projection.as_ref())?,
            index,
            own: Own::default(),
            projection: projection.map(Arc::new),
        })
    }

    /// Metres of a place in degrees, by the projection of the map.
    ///
    /// # Errors
    /// A map that has none; a place that the projection cannot show.
    pub fn project(&self, lon: f64, lat: f64) -> std::result::Result<[f64; 2], String> {
        let Some(projection) = &self.projection else {
            return Err("must be in metres: the map has no projection".to_owned());
        };
        let projected = projection.project(lon, lat);
        projected.ok_or_else(|| unprojectable(projection, lon, lat))
    }

    /// This world with vehicles of your own in place of those of `fleet.mobility`. `make` builds their source anew for
    /// every seed; all else, such as `[area]`, stays as the scenario says. The manifest of a run names the scenario and
    /// does not know of them.
    ///
    /// ```
    /// use wayside_core::engine::world::World;
    /// use wayside_core::engine::{Options, replicate};
    /// use wayside_core::mobility::{MobilitySource, Positions, VehicleKey};
    /// use wayside_core::policy::PolicyKind;
    /// use wayside_core::{Result, Scenario};
    ///
    /// /// A platoon: ten vehicles, 20 m apart, at 25 m/s along the x axis.
    /// struct Platoon;
    ///
    /// impl MobilitySource for Platoon {
    ///     fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
    ///         out.clear();
    ///         for i in 0..10 {
    ///             out.push(VehicleKey(i), 25.0 * time_s + 20.0 * i as f64, 0.0);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let world = World::new(&Scenario::builtin("wang2025", &[])?)?.with_mobility(|_streams| Platoon);
    /// let run = replicate(&world, &[PolicyKind::Nearest], 0, Options { slots: 3, ..Options::default() })?;
    /// assert_eq!(run.policies[0].slots[0].tasks, 10);
    /// # Ok::<(), wayside_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_mobility<S: MobilitySource + 'static>(
        mut self,
        make: impl Fn(Streams) -> S + Send + Sync + 'static,
    ) -> Self {
        let make = move |streams| Box::new(make(streams)) as Box<dyn MobilitySource>;
        self.own.mobility = Some(OwnMobility(Arc::new(make)));
        self
    }

    /// The vehicles of one seed.
    ///
    /// # Errors
    /// A trace that cannot be opened, or does not hold the time asked for.
    pub fn mobility(&self, streams: Streams) -> Result<Box<dyn MobilitySource>> {
        if let Some(OwnMobility(make)) = &self.own.mobility {
            return Ok(make(streams));
        }
        let (fleet, time) = (&self.scenario.fleet, self.scenario.time);
        let named = self.scenario.radio.table.is_some();
        mobility::source(fleet, time, self.area, &self.stands_m, streams, named)
    }

    /// Whether there are bounds: that of queues holds as long as no server and no link fails.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let mut parts = self.faults.iter().map(|fault| fault.what);
        self.queues.is_none() || parts.all(|what| what == FaultyPart::Information)
    }

    /// What moves of sessions take over `routes`.
    ///
    /// # Panics
    /// Where there are no sessions.
    pub(super) fn moves(&self, routes: &Routes) -> Moves {
        let options = self.scenario.execution.sessions().expect("sessions");
        moves(&self.scenario, &options, routes, self.rsus.len())
    }

    /// Finds the links of the vehicles that `slot` has, by the radio's line of log-distance; with `scratch` memory.
    ///
    /// For vehicles from elsewhere than [`mobility`](Self::mobility). It knows nothing of `[channel]` beyond that line.
    pub fn cover(&self, scratch: &mut coverage::Scratch, slot: &mut Slot) {
        self.index
            .cover(&slot.rsus, &slot.vehicles, scratch, &mut slot.coverage);
        self.fix_uplinks(slot);
    }

    /// Gives all uplinks the rate of `[channel] uplink_rate_bps`, where there is one.
    pub(super) fn fix_uplinks(&self, slot: &mut Slot) {
        if let Some(rate_bps) = self.scenario.uplink_rate_bps {
            for link in &mut slot.coverage.links {
                link.seconds_per_bit = 1.0 / rate_bps;
            }
        }
    }

    /// Which RSUs cover a vehicle.
    pub(super) fn coverage(&self) -> &CoverageIndex {
        &self.index
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
        let lost = |fault: &WorldFault| {
            (fault.what == FaultyPart::Information).then_some((fault.from_s, fault.until_s))
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

    /// A slot with the RSUs of this world and without vehicles.
    #[must_use]
    pub fn empty_slot(&self) -> Slot {
        Slot {
            now_s: 0.0,
            slot_s: self.scenario.time.slot_s,
            carry_over: self.scenario.time.carry_over,
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
            sessions: self.sessions.clone(),
            cloud_round_trip_s: self.scenario.cloud_round_trip_s,
            vehicles: Default::default(),
            coverage: Default::default(),
            tasks: Default::default(),
        }
    }
}

/// Whatever is wrong with the beginning of a table of gains is known before a run begins.
fn check_gains(scenario: &Scenario, rsus: &Rsus) -> Result<()> {
    let table = scenario.radio.table.as_deref();
    table.map_or(Ok(()), |path| Gains::open(path, &rsus.id).map(|_| ()))
}

/// The walls of `[channel] buildings`.
fn buildings(
    scenario: &Scenario,
    projection: Option<&Projection>,
) -> Result<Option<Arc<Buildings>>> {
    let project =
        projection.map(|projection| move |[lon, lat]: [f64; 2]| projection.project(lon, lat));
    let project = project.as_ref().map(|project| project as Project<'_>);
    let path = scenario.radio.buildings.as_deref();
    let read = path.map(|path| polygons::named(path, project));
    Ok(read.transpose()?.map(Arc::new))
}

/// What moves take in `scenario` over `routes`.
fn moves(scenario: &Scenario, options: &SessionOptions, routes: &Routes, rsus: usize) -> Moves {
    let copying = Copying {
        state_bits: 8.0 * options.state_bytes,
        dirty_bps: 8.0 * options.dirty_bytes_per_s,
        rounds: options.rounds,
        stop_bits: 8.0 * options.stop_bytes,
        restart_s: options.restart_s,
    };
    let power_w = scenario.backhaul.migration_power_w;
    Moves::new(routes, rsus, &copying, power_w, scenario.time.slot_s)
}

/// Most rounds of information under way at once, and in a run: more would take too long to simulate.
const MOST_ON_THE_WAY: f64 = 10_000.0;
const MOST_ROUNDS: f64 = 1e6;

/// Most instants of a run at which tasks arise.
const MOST_INSTANTS: f64 = 1e7;

/// Refuses scenarios whose number of instants or rounds would take too long to simulate.
fn check_work(scenario: &Scenario, queues: Option<&Queues>) -> Result<()> {
    let mut problems = Problems::default();
    let mut check = |path: &str, count: f64, most: f64, what: &str| {
        if count > most || count.is_nan() {
            problems.push(Problem {
                file: "scenario".into(),
                line: None,
                path: path.into(),
                message: format!("must lead to at most {most} {what}, leads to {count:.3e}"),
            });
        }
    };
    let run_s = scenario.time.slots as f64 * scenario.time.slot_s;
    if let Some(period_s) = scenario.task.period_s {
        let what = "instants in a run (time.slots times time.slot_s over period_s)";
        check("task.period_s", run_s / period_s, MOST_INSTANTS, what);
    }
    let Some((told, travels)) = scenario.information.zip(queues.and_then(|q| q.information)) else {
        return problems.into_result(());
    };
    let (hops_s, rate_hz) = (f64::from(travels.ttl) * travels.hop_s, told.rate_hz);
    let key = match hops_s > travels.delay_s {
        true => "information.packet_bytes",
        false => "information.delay_s",
    };
    let what = "rounds on their way at once (ttl times packet_bytes over the link's rate, plus delay_s, times rate_hz)";
    check(
        key,
        (hops_s + travels.delay_s) * rate_hz,
        MOST_ON_THE_WAY,
        what,
    );
    let what = "rounds in a run (time.slots times time.slot_s times rate_hz)";
    check("information.rate_hz", run_s * rate_hz, MOST_ROUNDS, what);
    problems.into_result(())
}

/// For how long other work keeps each of `count` cores \[s\].
pub(super) fn keep_busy(cores: Cores, count: u32, busy: &mut Stream, free_s: &mut Vec<f64>) {
    free_s.clear();
    // both are drawn for every core, so that the state of one core does not shift the draws of others
    free_s.extend((0..count).map(|_| {
        let (unit, busy_s) = (busy.unit(), draw(cores.busy_s, busy));
        if unit < cores.capability { 0.0 } else { busy_s }
    }));
}

/// The cycles of a task of `data_bits`.
pub(super) fn draw_cycles(cycles: Cycles, data_bits: f64, stream: &mut Stream) -> f64 {
    match cycles {
        Cycles::Drawn(cycles) => draw(cycles, stream),
        Cycles::PerBit(per_bit) => data_bits * draw(per_bit, stream),
    }
}

/// A uniform draw from `range`.
pub(super) fn draw(range: Range, stream: &mut Stream) -> f64 {
    stream.uniform(range.min, range.max)
}
