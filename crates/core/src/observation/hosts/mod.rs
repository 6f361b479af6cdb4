//! What an agent sees and says where work runs in sessions: a row per host that a session may have, sessions one after the other.
//!
//! Row 0 leaves the session where it is, or on its vehicle if it has no host yet. The others are RSUs near the one that its vehicle
//! enters by, fewest hops first, to which it can be placed or moved now. Sessions with nothing to choose are passed over. Large
//! ones come first; each sees where those before it are going to be.
//!
//! | | feature | unit | normalised |
//! |---|---|---|---|
//! | 0 | stays | - | 0 or 1 |
//! | 1 | has no host yet | - | 0 or 1 |
//! | 2 | is the RSU that it enters by | - | 0 or 1 |
//! | 3, 4 | hops from there; from its host | - | share of 8 |
//! | 5 | way of a batch from entry to host | s | sq(10 time / slot) |
//! | 6 | upload | s | sq(10 time / slot) |
//! | 7 | slots until the switch | - | share of 8 |
//! | 8 | downtime | s | sq(time / slot) |
//! | 9 | energy of the move | cost | sq(cost / 0.1 c̄) |
//! | 10 | demand of the sessions there, of its CPU | cycles | sq(cycles / (F_m slot)) |
//! | 11 | execution by an equal share | s | sq(time / slot) |
//! | 12 | predicted cost of a batch there | cost | sq(cost / 0.5 c̄) |
//! | 13 | that less the cost on its vehicle | cost | sq(cost / 0.5 c̄) |
//! | 14, 15 | C, D | cycles, bit | cut(C / C̄ - 1) |
//! | 16 | slots that it has left | - | sq(slots / 20) |
//! | 17 | how fast its vehicle comes nearer | m/s | sq(speed / 20) |
//! | 18 | distance of its vehicle | m | cut(distance / R_m) |
//! | 19, 20 | forecast over 4 s above the least of all rows | cost | sq(cost / 0.02, 0.2 c̄) |
//! | 21, 22; 23, 24 | the same over 8 s; over 20 s | cost | sq(cost / 0.02, 0.2 c̄) |
//! | 25 | mean forecast over 20 s | cost | sq(cost / 0.5 c̄) |
//! | 26 | next 8 s in which it is the RSU that the session enters by | - | share |
//! | 27 | next 20 s in which the vehicle is covered | - | share |
//!
//! The forecast is what the session costs there, itself and others, if its vehicle keeps its velocity and no session moves again: way,
//! CPU as P2 would share it, downtime and energy of the move. [`SessionKind::Least`](crate::policy::sessions::SessionKind::Least) takes the least over 20 s.
//!
//! Rows 2 to 11, 17, 18 and 26 are of its host in row 0, and zero there without one. The context: sessions, sq(count / 50); decided, share;
//! sessions with a host, share; demand of all, sq(cycles / (F slot)).

mod forecast;

use super::Observation;
use super::features::{cut, flag, share, squash};
use super::layout::Scales;
use crate::model::{compute, objective, transfer};
use crate::slot::order::Order;
use crate::slot::sessions::{Move, Sessions, UNCOVERED};
use crate::slot::{Decision, Placement, Slot};

use forecast::{Course, Forecast, SPANS_S};

/// Features of a row.
pub const WIDTH: usize = 28;
/// The feature by which the forecast over the longest span lies above the least of all rows.
pub const ABOVE_LEAST: usize = 23;
/// Features of the context.
pub const GLOBALS: usize = 4;
/// RSUs offered to a session at most.
const HOSTS: usize = 8;
/// Rows of a session at most.
pub const ROWS: usize = 1 + HOSTS;

/// Offers hosts session after session, keeping its memory.
#[derive(Clone, Debug)]
pub struct Hosts {
    scales: Scales,
    order: Order,
    next: usize,
    /// The session at hand, and the RSUs offered to it.
    session: Option<usize>,
    offers: Vec<u32>,
    /// Where each session is going to be, and what all need of each RSU \[cycles\].
    hosts: Vec<Option<u32>>,
    demand: Vec<f64>,
    counts: Vec<f64>,
    chosen: Vec<Placement>,
    /// Where each session is going to be slot by slot, and what that costs.
    courses: Vec<Course>,
    forecast: Forecast,
    /// Forecasts of the rows at hand.
    costs: Vec<[f64; SPANS_S.len()]>,
    observation: Observation,
}

impl Hosts {
    /// For sessions whose features are divided by `scales`.
    #[must_use]
    pub fn new(scales: Scales) -> Self {
        Self {
            scales,
            order: Order::default(),
            next: 0,
            session: None,
            offers: Vec::new(),
            hosts: Vec::new(),
            demand: Vec::new(),
            counts: Vec::new(),
            chosen: Vec::new(),
            courses: Vec::new(),
            forecast: Forecast::default(),
            costs: Vec::new(),
            observation: Observation {
                width: WIDTH,
                outputs: 1,
                ..Observation::default()
            },
        }
    }

    /// Starts a slot of sessions.
    pub fn begin(&mut self, slot: &Slot) {
        let sessions = sessions_of(slot);
        self.order.by_size(slot);
        self.next = 0;
        self.chosen.clear();
        self.chosen.resize(slot.tasks.len(), Placement::Local);
        self.hosts.clear();
        let going = |state: &crate::slot::sessions::SessionState| {
            state.moving.map_or(state.host, |(to, _)| Some(to))
        };
        self.hosts.extend(sessions.state.iter().map(going));
        self.courses.clear();
        let course = |state| Course::of(state, sessions);
        self.courses.extend(sessions.state.iter().map(course));
        self.forecast.begin(slot);
        for column in [&mut self.demand, &mut self.counts] {
            column.clear();
            column.resize(slot.rsus.len(), 0.0);
        }
        for task in 0..self.hosts.len() {
            self.count(slot, task, 1.0);
        }
    }

    /// Goes on to the next session with a choice; false when there is none. The first time always true, perhaps without rows.
    pub fn observe(&mut self, slot: &Slot) -> bool {
        let first = self.next == 0;
        let observation = &mut self.observation;
        observation.rows.clear();
        observation.heads.clear();
        observation.legal.clear();
        self.session = None;
        while self.session.is_none()
            && let Some(&task) = self.order.tasks().get(self.next)
        {
            self.next += 1;
            self.offer(slot, task as usize);
            if !self.offers.is_empty() {
                self.session = Some(task as usize);
            }
        }
        if let Some(task) = self.session {
            // its own load must not count against it
            self.count(slot, task, -1.0);
            self.foresee(slot, task);
            for at in 0..=self.offers.len() {
                self.write(slot, task, at);
            }
            self.count(slot, task, 1.0);
            let rows = 1 + self.offers.len();
            self.observation.heads.push(rows as u32);
            self.observation.legal.resize(rows, true);
        }
        self.write_context(slot);
        self.session.is_some() || first
    }

    /// The present turn.
    #[must_use]
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// The session at hand.
    #[must_use]
    pub fn deciding(&self) -> Option<usize> {
        self.session
    }

    /// Takes the host of the session at hand, if there is one.
    pub fn act(&mut self, slot: &Slot, actions: &[u32]) {
        // an empty slot has had its turn
        self.next = self.next.max(1);
        let (Some(task), Some(&action)) = (self.session, actions.first()) else {
            return;
        };
        if let Some(host) = self.host(action) {
            self.count(slot, task, -1.0);
            self.hosts[task] = Some(host);
            self.courses[task] = self.course(slot, task, action as usize);
            self.count(slot, task, 1.0);
        }
        self.chosen[task] = self.placement(action);
    }

    /// What was decided.
    pub fn decision(&self, decision: &mut Decision) {
        decision.clear();
        decision.placements.extend_from_slice(&self.chosen);
    }

    /// Where an action would put the session at hand.
    #[must_use]
    pub fn preview(&self, actions: &[u32]) -> Vec<(usize, Placement)> {
        let put = |(task, &action): (usize, &u32)| (task, self.placement(action));
        let put = self.session.zip(actions.first()).map(put);
        put.into_iter().collect()
    }

    /// The action that says `decision`; a host that is not offered counts as staying. The number of sessions for which that is so.
    pub fn express(&self, slot: &Slot, decision: &Decision, actions: &mut Vec<u32>) -> usize {
        actions.clear();
        let Some(task) = self.session else {
            return 0;
        };
        let host = sessions_of(slot).state[task].host;
        let wanted = decision.placements[task].execution();
        let said = match wanted.filter(|&wanted| Some(wanted) != host) {
            None => Some(0),
            Some(wanted) => {
                let at = self.offers.iter().position(|&rsu| rsu == wanted);
                at.map(|at| at + 1)
            }
        };
        actions.push(said.unwrap_or(0) as u32);
        usize::from(said.is_none())
    }

    fn host(&self, action: u32) -> Option<u32> {
        let at = (action as usize).checked_sub(1)?;
        Some(self.offers[at])
    }

    /// The engine finds the entry.
    fn placement(&self, action: u32) -> Placement {
        let host = self.host(action);
        host.map_or(Placement::Local, |host| Placement::Rsu {
            entry: host,
            execution: host,
        })
    }

    /// Counts the session of `task` at its host, or takes it away.
    fn count(&mut self, slot: &Slot, task: usize, sign: f64) {
        if let Some(host) = self.hosts[task] {
            self.demand[host as usize] += sign * slot.tasks.cycles[task];
            self.counts[host as usize] += sign;
            self.forecast.count(slot, task, &self.courses[task], sign);
        }
    }

    /// Where the session of `task` is going to be after an action.
    fn course(&self, slot: &Slot, task: usize, at: usize) -> Course {
        let sessions = sessions_of(slot);
        let state = &sessions.state[task];
        match self.host(at as u32) {
            None => Course::of(state, sessions),
            Some(rsu) => {
                let way = state.host.and_then(|from| sessions.moves.find(from, rsu));
                Course::to(rsu, state.host, way, slot.omega)
            }
        }
    }

    /// Forecasts all rows of the session of `task`.
    fn foresee(&mut self, slot: &Slot, task: usize) {
        self.costs.clear();
        for at in 0..=self.offers.len() {
            let course = self.course(slot, task, at);
            self.costs.push(self.forecast.cost(slot, task, &course));
        }
    }

    /// Lists the RSUs to which the session of `task` can be placed or moved now.
    fn offer(&mut self, slot: &Slot, task: usize) {
        self.offers.clear();
        let (sessions, entry) = (sessions_of(slot), slot.session_entry(task));
        let state = &sessions.state[task];
        if entry == UNCOVERED || !state.takes_orders() {
            return;
        }
        let may = |rsu: u32| match state.host {
            None => sessions.is_up(rsu),
            Some(host) => host != rsu && sessions.moves.find(host, rsu).is_some(),
        };
        let near = slot.routes.targets(entry).iter().map(|target| target.rsu);
        self.offers.extend(near.filter(|&rsu| may(rsu)).take(HOSTS));
    }

    /// Writes the row of an action.
    fn write(&mut self, slot: &Slot, task: usize, at: usize) {
        let (s, sessions) = (&self.scales, sessions_of(slot));
        let (state, entry) = (&sessions.state[task], slot.session_entry(task));
        let stays = at == 0;
        let rsu = if stays {
            state.host
        } else {
            self.host(at as u32)
        };
        let (cycles, bits) = (slot.tasks.cycles[task], slot.tasks.data_bits[task]);
        let local_cost = slot.local_cost(task);
        let way = state
            .host
            .zip(rsu)
            .and_then(|(from, to)| sessions.moves.find(from, to));
        let there = rsu.map(|m| self.at(slot, task, (entry, m), way));
        let There {
            features,
            cost,
            nearer,
        } = there.unwrap_or(There {
            features: [0.0; 10],
            cost: local_cost,
            nearer: [0.0; 2],
        });
        let row = &mut self.observation.rows;
        row.extend_from_slice(&[flag(stays), flag(state.host.is_none())]);
        row.extend_from_slice(&features);
        row.extend_from_slice(&[
            squash(cost / (0.5 * s.cost)),
            squash((cost - local_cost) / (0.5 * s.cost)),
            cut(cycles / s.cycles - 1.0),
            cut(bits / s.data_bits - 1.0),
            squash(f64::from(sessions.left[task]) / 20.0),
        ]);
        row.extend_from_slice(&nearer);
        self.write_forecast(task, at, rsu);
    }

    /// Writes the last features of a row, of what is forecast at `rsu`.
    fn write_forecast(&mut self, task: usize, at: usize, rsu: Option<u32>) {
        let unit = self.scales.cost;
        let journey = self.forecast.journey(task);
        let row = &mut self.observation.rows;
        for span in 0..SPANS_S.len() {
            let least = |least: f64, costs: &[f64; SPANS_S.len()]| least.min(costs[span]);
            let above = self.costs[at][span] - self.costs.iter().fold(f64::INFINITY, least);
            row.extend([squash(above / (0.02 * unit)), squash(above / (0.2 * unit))]);
        }
        let [_, near, far] = self.forecast.spans();
        let part = |slots: usize, is: &dyn Fn(u32) -> bool| {
            let ahead = journey.iter().take(slots);
            let count = ahead.clone().filter(|ahead| is(ahead.entry)).count();
            share(count as f64 / ahead.count().max(1) as f64)
        };
        let slots = journey.len().max(1) as f64;
        row.extend([
            squash(self.costs[at][SPANS_S.len() - 1] / (0.5 * slots * unit)),
            part(near, &|entry| Some(entry) == rsu),
            part(far, &|entry| entry != UNCOVERED),
        ]);
    }

    /// What it is like at RSU `m` for a vehicle that enters by `entry`.
    fn at(&self, slot: &Slot, task: usize, (entry, m): (u32, u32), way: Option<&Move>) -> There {
        let (s, sessions, row) = (&self.scales, sessions_of(slot), m as usize);
        let (cycles, bits) = (slot.tasks.cycles[task], slot.tasks.data_bits[task]);
        let route = slot.routes.find(entry, m);
        let hops = |from: u32| {
            slot.routes
                .find(from, m)
                .map_or(f64::INFINITY, |t| t.hops.into())
        };
        let from_host = sessions.state[task].host.map_or(0.0, hops);
        let sent_s = route.map_or(f64::INFINITY, |t| {
            transfer::migration_s(bits, t.seconds_per_bit)
        });
        let hz = slot.rsus.cpu_hz[row] / (self.counts[row] + 1.0);
        let compute_s = compute::delay_s(cycles, hz);
        let energy_j = compute::energy_j(slot.rsus.energy_coeff[row], cycles, hz);
        let upload_s = sessions.upload_s[task];
        let cost = slot.access_cost(task)
            + slot.way_cost(entry, m, bits).unwrap_or(f64::INFINITY)
            + objective(slot.omega, compute_s, energy_j);
        let moved = way.copied().unwrap_or_default();
        let vehicle = slot.tasks.vehicle[task] as usize;
        let away = [
            slot.rsus.x_m[row] - slot.vehicles.x_m[vehicle],
            slot.rsus.y_m[row] - slot.vehicles.y_m[vehicle],
        ];
        let distance_m = away[0].hypot(away[1]);
        let [east, north] = sessions.velocity_mps[task];
        let nearer_mps = (east * away[0] + north * away[1]) / distance_m.max(1.0);
        There {
            features: [
                flag(m == entry),
                share(hops(entry) / 8.0),
                share(from_host / 8.0),
                squash(10.0 * sent_s / slot.slot_s),
                squash(10.0 * upload_s / slot.slot_s),
                share(f64::from(moved.lead) / 8.0),
                squash(moved.down_s / slot.slot_s),
                squash((1.0 - slot.omega) * moved.energy_j / (0.1 * s.cost)),
                squash(self.demand[row] / (slot.rsus.cpu_hz[row] * slot.slot_s)),
                squash(compute_s / slot.slot_s),
            ],
            cost,
            nearer: [
                squash(nearer_mps / 20.0),
                cut(distance_m / slot.rsus.range_m[row]),
            ],
        }
    }

    fn write_context(&mut self, slot: &Slot) {
        let all = self.hosts.len() as f64;
        let hosted = self.hosts.iter().filter(|host| host.is_some()).count();
        let cpu_hz: f64 = slot.rsus.cpu_hz.iter().sum();
        let demand: f64 = slot.tasks.cycles.iter().sum();
        let context = &mut self.observation.context;
        context.clear();
        context.extend_from_slice(&[
            squash(all / 50.0),
            share(self.next.min(self.hosts.len()) as f64 / all.max(1.0)),
            share(hosted as f64 / all.max(1.0)),
            squash(demand / (cpu_hz * slot.slot_s)),
        ]);
    }
}

/// A session at an RSU.
struct There {
    /// Features 2 to 11.
    features: [f32; 10],
    /// Predicted cost of a batch.
    cost: f64,
    /// Features 17 and 18.
    nearer: [f32; 2],
}

fn sessions_of(slot: &Slot) -> &Sessions {
    slot.sessions.as_ref().expect("sessions")
}
