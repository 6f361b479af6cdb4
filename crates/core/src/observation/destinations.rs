//! What an agent sees and says where tasks queue: a row per destination that a task may take, tasks one after the other.
//!
//! A destination is the task's vehicle, the server that it enters by, the cloud, or another server within reach, by the shortest path
//! or, where that differs, by the path of least backlog. The tasks of a server follow each other as their data becomes complete;
//! each sees the cores and links that those before it have taken, as far as its server knows of them.
//!
//! | | feature | unit | normalised |
//! |---|---|---|---|
//! | 0, 1, 2, 3 | its vehicle; own server; another server; cloud | - | 0 or 1 |
//! | 4 | by the path of least backlog | - | 0 or 1 |
//! | 5 | hops | - | share of the reach |
//! | 6 | upload | s | sq(time / T̄) |
//! | 7 | from there to the server or the cloud, waits included | s | sq(time / T̄) |
//! | 8 | wait for a core | s | sq(time / T̄) |
//! | 9 | execution | s | sq(time / T̄) |
//! | 10 | predicted delay | s | sq(delay / T̄) |
//! | 11, 12 | that above the least of the task | s | sq(time / 0.02, 0.2 T̄) |
//! | 13 | slack to the deadline | s | cut(slack / T̄) |
//! | 14 | predicted cost | cost | sq(cost / c̄) |
//! | 15 | that above the least of the task | cost | sq(cost / 0.1 c̄) |
//! | 16 | cores that idle there | - | share |
//! | 17, 18 | C, D | cycles, bit | cut(C / C̄ - 1) |
//! | 19 | tasks of its server that are still to be decided | - | sq(count / 50) |
//! | 20 | tasks of other servers that are | - | sq(count / 50) |
//! | 21 | age of what its server knows of that server | s | sq(age / 0.2 T̄) |
//! | 22 | tasks of this slot that its server has sent there, by the cores that idle and half a core | - | sq(count) |
//!
//! The context is that of the slot: decided tasks, share; tasks, sq(count / 50); cores that idle, as the server of the task at hand
//! knows, share; mean predicted delay of the decided, sq(delay / T̄); of these late, share.

use super::Observation;
use super::features::{cut, flag, share, squash};
use super::layout::Scales;
use crate::backhaul::network::Link;
use crate::backhaul::search::{Dijkstra, Search, static_cost_s};
use crate::model::{compute, objective, transfer};
use crate::outlook::calendar::{CoreCalendar, LinkCalendar};
use crate::outlook::view::View;
use crate::slot::{Decision, Placement, Slot};

/// Features of a row.
pub const WIDTH: usize = 23;
/// The feature of a row that tells how far its predicted cost lies above the least of its task.
pub const COST_ABOVE_LEAST: usize = 15;
/// Features of the context.
pub const GLOBALS: usize = 5;
/// Servers offered besides the own: those where the task is predicted to end first.
const SERVERS: usize = 20;
/// Rows of a task at most: vehicle, own server, cloud, and two paths to each of the others.
pub const ROWS: usize = 3 + 2 * SERVERS;

/// One destination of the task at hand.
#[derive(Clone, Copy, Debug)]
struct Offer {
    place: Place,
    /// Its path among `paths`.
    path: (usize, usize),
    least_backlog: bool,
    /// When it is there, when it begins, and when it ends \[s\].
    there_s: f64,
    begin_s: f64,
    end_s: f64,
    cost: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Vehicle,
    /// A row of the view.
    Server(usize),
    Cloud,
}

/// Offers destinations task after task, keeping its memory.
#[derive(Clone, Debug)]
pub struct Destinations {
    max_hops: u32,
    cloud: bool,
    scales: Scales,
    view: View,
    cores: CoreCalendar,
    links: LinkCalendar,
    routes: Dijkstra,
    search: Search,
    /// The source that `search` has searched from.
    searched: Option<u32>,
    /// Tasks that a server covers, by source, then in the order in which they are complete there.
    order: Vec<u32>,
    next: usize,
    offers: Vec<Offer>,
    /// Links of the paths offered, and of those that were chosen.
    paths: Vec<u32>,
    chosen: Vec<(Placement, (usize, usize))>,
    ways: Vec<u32>,
    /// Tasks of this slot that were sent to each server of the view.
    sent: Vec<f64>,
    /// When the CPU of every vehicle is free \[s\].
    vehicle_free_s: Vec<f64>,
    observation: Observation,
    /// Sum of the predicted delays of decided tasks, and those that are late.
    decided: (f64, f64),
}

impl Destinations {
    /// Of servers at most `max_hops` away, and the cloud where `cloud`; features are divided by `scales`.
    #[must_use]
    pub fn with(max_hops: u32, cloud: bool, scales: Scales) -> Self {
        Self {
            max_hops,
            cloud,
            scales,
            view: View::default(),
            cores: CoreCalendar::default(),
            links: LinkCalendar::default(),
            routes: Dijkstra::default(),
            search: Search::default(),
            searched: None,
            order: Vec::new(),
            next: 0,
            offers: Vec::new(),
            paths: Vec::new(),
            chosen: Vec::new(),
            ways: Vec::new(),
            sent: Vec::new(),
            vehicle_free_s: Vec::new(),
            observation: Observation {
                width: WIDTH,
                outputs: 1,
                ..Observation::default()
            },
            decided: (0.0, 0.0),
        }
    }

    /// Starts a slot.
    pub fn begin(&mut self, slot: &Slot) {
        self.view.observe(slot, self.max_hops);
        self.cores.start(&self.view);
        self.links.start(&slot.network);
        self.routes.follow(&slot.network);
        self.searched = None;
        let tasks = &self.view.tasks;
        self.order.clear();
        let covered = (0..tasks.len() as u32).filter(|&n| tasks[n as usize].source.is_some());
        self.order.extend(covered);
        self.order.sort_by(|&a, &b| {
            let (a, b) = (&tasks[a as usize], &tasks[b as usize]);
            let by_source = a.source.cmp(&b.source);
            by_source.then(a.ready_s.total_cmp(&b.ready_s))
        });
        self.next = 0;
        self.ways.clear();
        self.chosen.clear();
        self.chosen.resize(tasks.len(), (Placement::Local, (0, 0)));
        self.sent.clear();
        self.sent.resize(self.view.servers.len(), 0.0);
        self.vehicle_free_s.clone_from(&slot.vehicles.local_wait_s);
        self.decided = (0.0, 0.0);
    }

    /// Goes on to the next task; false when all are decided. The first time always true, perhaps without rows.
    pub fn observe(&mut self, slot: &Slot) -> bool {
        let observation = &mut self.observation;
        observation.rows.clear();
        observation.heads.clear();
        observation.legal.clear();
        self.offers.clear();
        self.paths.clear();
        let Some(&task) = self.order.get(self.next) else {
            self.write_context();
            return self.order.is_empty() && self.next == 0;
        };
        self.offer(slot, task as usize);
        let count = self.offers.len();
        for at in 0..count {
            self.write(slot, task as usize, at);
        }
        self.observation.heads.push(count as u32);
        self.observation.legal.resize(count, true);
        self.write_context();
        true
    }

    /// The present turn.
    #[must_use]
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// Takes the destination of the task at hand, if there is one; its predicted cost.
    pub fn act(&mut self, slot: &Slot, actions: &[u32]) -> f64 {
        let at = self.next;
        self.next += 1;
        let (Some(&task), Some(&action)) = (self.order.get(at), actions.first()) else {
            return 0.0;
        };
        let offer = self.offers[action as usize];
        let task = task as usize;
        let seen = &self.view.tasks[task];
        let (ready_s, bits, cycles) = (seen.ready_s, seen.data_bits, seen.cycles);
        let late = offer.end_s > seen.deadline_s;
        self.decided.0 += offer.end_s;
        self.decided.1 += f64::from(u8::from(late));
        let placement = self.placement(task, offer.place);
        let first = self.ways.len();
        self.ways
            .extend_from_slice(&self.paths[offer.path.0..offer.path.1]);
        let way = (first, self.ways.len());
        self.chosen[task] = (placement, way);
        match offer.place {
            Place::Vehicle => {
                self.vehicle_free_s[slot.tasks.vehicle[task] as usize] = offer.end_s;
            }
            Place::Server(server) => {
                self.sent[server] += 1.0;
                let source = self.view.tasks[task].source.expect("covered");
                let backlog = self.view.backlog_bits(source);
                let path = &self.ways[way.0..way.1];
                self.links
                    .reserve(&slot.network, backlog, path, ready_s, bits);
                self.cores
                    .reserve(&self.view, server, offer.there_s, cycles);
            }
            Place::Cloud => {}
        }
        offer.cost
    }

    /// What was decided.
    pub fn decision(&mut self, decision: &mut Decision) {
        decision.clear();
        for &(placement, (from, to)) in &self.chosen {
            decision.placements.push(placement);
            decision.paths.push(&self.ways[from..to]);
        }
    }

    /// The task at hand.
    #[must_use]
    pub fn deciding(&self) -> Option<usize> {
        self.order.get(self.next).map(|&task| task as usize)
    }

    /// Where an action would put the task at hand.
    #[must_use]
    pub fn preview(&self, actions: &[u32]) -> Vec<(usize, Placement)> {
        let put = |(task, &action): (usize, &u32)| {
            let place = self.offers[action as usize].place;
            (task, self.placement(task, place))
        };
        self.deciding()
            .zip(actions.first())
            .map(put)
            .into_iter()
            .collect()
    }

    /// The action that says `decision`; where it is not offered, the same destination by another path, or that of least predicted
    /// cost. The number of tasks for which that is so.
    pub fn express(&self, decision: &Decision, actions: &mut Vec<u32>) -> usize {
        actions.clear();
        let Some(task) = self.deciding() else {
            return 0;
        };
        let wanted = decision.placements[task];
        let path = (!decision.paths.is_empty()).then(|| decision.paths.of(task));
        let same = |offer: &Offer| self.placement(task, offer.place) == wanted;
        let exact = |offer: &Offer| {
            let (from, to) = offer.path;
            same(offer) && path.is_none_or(|path| *path == self.paths[from..to])
        };
        let all = || self.offers.iter();
        let said = all().position(exact);
        let least = || {
            let costs = all().map(|offer| offer.cost).enumerate();
            let least = costs.min_by(|a, b| a.1.total_cmp(&b.1));
            least.map_or(0, |(at, _)| at)
        };
        let near = || all().position(same);
        actions.push(said.or_else(near).unwrap_or_else(least) as u32);
        usize::from(said.is_none())
    }

    fn placement(&self, task: usize, place: Place) -> Placement {
        let source = self.view.tasks[task].source.expect("covered");
        let entry = self.view.sources[source as usize].entry;
        match place {
            Place::Vehicle => Placement::Local,
            Place::Cloud => Placement::Cloud { entry },
            Place::Server(server) => self.view.place(entry, server),
        }
    }

    /// Lists the destinations of `task`.
    fn offer(&mut self, slot: &Slot, task: usize) {
        let seen = self.view.tasks[task];
        let source = seen.source.expect("covered");
        let vehicle = slot.tasks.vehicle[task] as usize;
        let free_s = self.vehicle_free_s[vehicle];
        let end_s = free_s + seen.cycles / slot.vehicles.cpu_hz[vehicle];
        self.push(slot, task, Place::Vehicle, false, [0.0, free_s, end_s]);
        let own = self.view.own(source);
        if !self.view.cores(own).is_empty() {
            self.try_server(slot, task, own, false);
        }
        if let Some(round_s) = slot.cloud_round_trip_s.filter(|_| self.cloud) {
            let end_s = seen.ready_s + round_s;
            self.push(slot, task, Place::Cloud, false, [end_s; 3]);
        }
        let first = self.offers.len();
        for server in self.view.candidates(source) {
            if !self.view.cores(server).is_empty() {
                self.try_server(slot, task, server, false);
            }
        }
        let by_end = |a: &Offer, b: &Offer| a.end_s.total_cmp(&b.end_s);
        self.offers[first..].sort_by(by_end);
        self.offers.truncate(first + SERVERS);
        for at in first..self.offers.len() {
            if let Place::Server(server) = self.offers[at].place {
                self.try_server(slot, task, server, true);
            }
        }
    }

    /// Offers a server, by the shortest path or by that of least backlog, which must differ.
    fn try_server(&mut self, slot: &Slot, task: usize, server: usize, least_backlog: bool) {
        let seen = self.view.tasks[task];
        let source = seen.source.expect("covered");
        let entry = self.view.sources[source as usize].entry;
        let rsu = self.view.servers[server].rsu;
        let first = self.paths.len();
        let backlog = self.view.backlog_bits(source);
        let shortest = self.routes.path(entry, rsu);
        if least_backlog {
            let cost =
                |row: u32, link: &Link| static_cost_s(link) + backlog[row as usize] / link.rate_bps;
            if self.searched != Some(source) {
                self.search.run(&slot.network, entry, u32::MAX, cost);
                self.searched = Some(source);
            }
            let ends = (entry, rsu);
            self.search
                .path(&slot.network, ends, cost, |_| 0, &mut self.paths);
            if self.paths[first..] == *shortest {
                self.paths.truncate(first);
                return;
            }
        } else {
            self.paths.extend_from_slice(shortest);
        }
        let path = &self.paths[first..];
        let there_s =
            self.links
                .arrival_s(&slot.network, backlog, path, seen.ready_s, seen.data_bits);
        let end_s = self.cores.end_s(&self.view, server, there_s, seen.cycles);
        let begin_s = end_s - seen.cycles / self.view.servers[server].core_hz;
        let times = [there_s, begin_s, end_s];
        self.push(slot, task, Place::Server(server), least_backlog, times);
        if let Some(offer) = self.offers.last_mut() {
            offer.path = (first, self.paths.len());
        }
    }

    fn push(
        &mut self,
        slot: &Slot,
        task: usize,
        place: Place,
        least_backlog: bool,
        [there_s, begin_s, end_s]: [f64; 3],
    ) {
        self.offers.push(Offer {
            place,
            path: (0, 0),
            least_backlog,
            there_s,
            begin_s,
            end_s,
            cost: objective(slot.omega, end_s, self.energy_j(slot, task, place)),
        });
    }

    /// Energy of `task` there \[J\].
    fn energy_j(&self, slot: &Slot, task: usize, place: Place) -> f64 {
        let vehicle = slot.tasks.vehicle[task] as usize;
        let seen = &self.view.tasks[task];
        let upload_j = transfer::upload_energy_j(slot.vehicles.tx_power_w[vehicle], seen.ready_s);
        match place {
            Place::Vehicle => {
                let (kappa, hz) = (
                    slot.vehicles.energy_coeff[vehicle],
                    slot.vehicles.cpu_hz[vehicle],
                );
                compute::energy_j(kappa, seen.cycles, hz)
            }
            Place::Cloud => upload_j,
            Place::Server(server) => {
                let server = &self.view.servers[server];
                let kappa = slot.rsus.energy_coeff[server.rsu as usize];
                let sent_s = transfer::migration_s(seen.data_bits, server.seconds_per_bit);
                let power_w = slot.migration_power_w;
                upload_j
                    + transfer::migration_energy_j(server.hops, power_w, sent_s)
                    + compute::energy_j(kappa, seen.cycles, server.core_hz)
            }
        }
    }

    /// Writes a row.
    fn write(&mut self, slot: &Slot, task: usize, at: usize) {
        let least = |of: fn(&Offer) -> f64| {
            let all = self.offers.iter().map(of);
            all.fold(f64::INFINITY, f64::min)
        };
        let (least_s, least_cost) = (least(|o| o.end_s), least(|o| o.cost));
        let (s, seen, offer) = (&self.scales, &self.view.tasks[task], &self.offers[at]);
        let source = seen.source.expect("covered");
        let own = Place::Server(self.view.own(source));
        let (hops, idle, age_s, sent) = match offer.place {
            Place::Server(server) => {
                let cores = self.view.cores(server);
                let idle = cores.iter().filter(|free_s| **free_s <= 0.0).count();
                let hops = self.view.servers[server].hops;
                let age_s = slot
                    .queues
                    .as_ref()
                    .map_or(0.0, |queues| queues.age_s(hops));
                let sent = self.sent[server] / (idle as f64 + 0.5);
                (hops, idle as f64 / cores.len() as f64, age_s, sent)
            }
            _ => (0, 0.0, 0.0, 0.0),
        };
        let upload_s = match offer.place {
            Place::Vehicle => 0.0,
            _ => seen.ready_s,
        };
        let mine = self.order[self.next..]
            .iter()
            .filter(|&&n| self.view.tasks[n as usize].source == Some(source))
            .count();
        let rest = self.order.len() - self.next - mine;
        let unit_s = s.deadline_s;
        self.observation.rows.extend_from_slice(&[
            flag(offer.place == Place::Vehicle),
            flag(offer.place == own),
            flag(matches!(offer.place, Place::Server(_)) && offer.place != own),
            flag(offer.place == Place::Cloud),
            flag(offer.least_backlog),
            share(f64::from(hops) / f64::from(self.max_hops.max(1))),
            squash(upload_s / unit_s),
            squash((offer.there_s - upload_s) / unit_s),
            squash((offer.begin_s - offer.there_s) / unit_s),
            squash((offer.end_s - offer.begin_s) / unit_s),
            squash(offer.end_s / unit_s),
            squash((offer.end_s - least_s) / (0.02 * unit_s)),
            squash((offer.end_s - least_s) / (0.2 * unit_s)),
            cut((slot.tasks.deadline_s[task] - offer.end_s) / unit_s),
            squash(offer.cost / s.cost),
            squash((offer.cost - least_cost) / (0.1 * s.cost)),
            share(idle),
            cut(seen.cycles / s.cycles - 1.0),
            cut(seen.data_bits / s.data_bits - 1.0),
            squash(mine as f64 / 50.0),
            squash(rest as f64 / 50.0),
            squash(age_s / (0.2 * unit_s)),
            squash(sent),
        ]);
    }

    fn write_context(&mut self) {
        let all = self.order.len() as f64;
        let decided = self.next.min(self.order.len()) as f64;
        let of_decided = |sum: f64| sum / decided.max(1.0);
        let source = self.deciding().and_then(|n| self.view.tasks[n].source);
        let (mut idle, mut cores) = (0.0, 0.0);
        if let Some(source) = source {
            for server in self.view.own(source)..self.view.candidates(source).end {
                let free = self.view.cores(server);
                idle += free.iter().filter(|free_s| **free_s <= 0.0).count() as f64;
                cores += free.len() as f64;
            }
        }
        let context = &mut self.observation.context;
        context.clear();
        context.extend_from_slice(&[
            share(decided / all.max(1.0)),
            squash(all / 50.0),
            share(idle / f64::max(cores, 1.0)),
            squash(of_decided(self.decided.0) / self.scales.deadline_s),
            share(of_decided(self.decided.1)),
        ]);
    }
}
