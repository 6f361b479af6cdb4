//! What LySAC sees and says: one action for a whole batch of tasks at the server they enter by.
//!
//! | features of the one row | unit | normalised |
//! |---|---|---|
//! | tasks of the batch | - | sq(count / 50) |
//! | per type: bits that arrive, a | bit | sq(a / 10 D̄) |
//! | per type: bits in flight, Q | bit | sq(Q / 10 D̄) |
//! | virtual queue Z | s | sq(Z / T̄) |
//! | c: cores that idle, of all that are seen | - | share |
//! | backlog of the links that leave the server: mean, most | s | sq(backlog / T̄) |
//! | per server: there; cores that idle; wait for the first; hops | -, -, s, - | 0 or 1; share; sq(wait / T̄); share of the reach |
//!
//! The local server comes first, then the others by when the mean task could begin there. What a server knows of others it
//! has from their related information, so that all this may be stale.
//!
//! A type is a fifth of the batch by size. The action holds, for each type, a logit for the local server, for each of the
//! others and for the cloud, and a logit for its share of the local CPU; each in (-1, 1), times `GAIN`. [`Planner::decode`]
//! makes whole tasks of shares.

use std::ops::Range;

use super::Observation;
use super::features::{share, squash};
use super::layout::Scales;
use crate::backhaul::search::Dijkstra;
use crate::outlook::calendar::{CoreCalendar, LinkCalendar};
use crate::outlook::view::View;
use crate::slot::{Decision, Placement, Slot};

/// Types of tasks.
pub const TYPES: usize = 5;

/// Features besides those of servers, and those of a server.
const HEAD: usize = 5 + 2 * TYPES;
const PER_SERVER: usize = 4;

/// What an action in (-1, 1) is multiplied by: two destinations differ by a factor of e^10 at most.
const GAIN: f64 = 5.0;

/// Sizes of the form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Servers besides the local one.
    pub(super) servers: usize,
    /// How far they may be \[hops\].
    pub(super) max_hops: u32,
    /// Whether the cloud is among them, where there is one.
    pub(super) cloud: bool,
}

impl Sizes {
    pub(super) fn width(self) -> usize {
        HEAD + PER_SERVER * (1 + self.servers)
    }

    /// The local server, the others, the cloud.
    fn options(self) -> usize {
        self.servers + 2
    }

    pub(super) fn actions(self) -> usize {
        TYPES * (self.options() + 1)
    }
}

/// What Lyapunov optimisation keeps from slot to slot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Bits in flight of every type.
    pub bits: [f64; TYPES],
    /// Z \[s\].
    pub virtual_s: f64,
}

/// Where a task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlanTarget {
    /// To that row of the view.
    Server(usize),
    Cloud,
}

/// Plans batch after batch, keeping its memory.
#[derive(Clone, Debug)]
pub struct Planner {
    sizes: Sizes,
    scales: Scales,
    view: View,
    /// Tasks of the slot by source, then in the order in which they are complete there.
    order: Vec<u32>,
    /// Type of every task.
    kinds: Vec<u32>,
    /// Tasks of the source looked at: a part of `order`; the same by type.
    batch: std::ops::Range<usize>,
    by_size: Vec<u32>,
    /// Rows of the view on offer, by option; none where there is no such server.
    offered: Vec<Option<usize>>,
    seen: Vec<(f64, usize)>,
    cores: CoreCalendar,
    links: LinkCalendar,
    trial: (CoreCalendar, LinkCalendar),
    routes: Dijkstra,
    /// Target and predicted end of every task, by plan.
    plan: Vec<Option<PlanTarget>>,
    best: Vec<Option<PlanTarget>>,
    ends_s: Vec<f64>,
    owed: Vec<f64>,
    shares: Vec<f64>,
}

/// How many cores idle.
fn idle(cores: &[f64]) -> f64 {
    cores.iter().filter(|free_s| **free_s <= 0.0).count() as f64
}

impl Planner {
    pub(super) fn with(sizes: Sizes, scales: Scales) -> Self {
        Self {
            sizes,
            scales,
            view: View::default(),
            order: Vec::new(),
            kinds: Vec::new(),
            batch: 0..0,
            by_size: Vec::new(),
            offered: Vec::new(),
            seen: Vec::new(),
            cores: CoreCalendar::default(),
            links: LinkCalendar::default(),
            trial: Default::default(),
            routes: Dijkstra::default(),
            plan: Vec::new(),
            best: Vec::new(),
            ends_s: Vec::new(),
            owed: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// Numbers that an action holds.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.sizes.actions()
    }

    /// Starts a slot; the number of servers that tasks enter by.
    pub fn begin(&mut self, slot: &Slot) -> usize {
        let view = &mut self.view;
        view.observe(slot, self.sizes.max_hops);
        self.cores.start(view);
        self.links.start(&slot.network);
        self.routes.follow(&slot.network);
        let tasks = &view.tasks;
        self.order.clear();
        self.order
            .extend((0..tasks.len() as u32).filter(|&n| tasks[n as usize].source.is_some()));
        self.order.sort_by(|&a, &b| {
            let (a, b) = (&tasks[a as usize], &tasks[b as usize]);
            let by_source = a.source.cmp(&b.source);
            by_source.then(a.ready_s.total_cmp(&b.ready_s))
        });
        self.kinds.clear();
        self.kinds.resize(tasks.len(), 0);
        for all in [&mut self.plan, &mut self.best] {
            all.clear();
            all.resize(tasks.len(), None);
        }
        self.ends_s.clear();
        self.ends_s.resize(tasks.len(), 0.0);
        self.view.sources.len()
    }

    /// Looks at the batch of `source`: deals out its types, and writes what is seen of it.
    pub fn look(
        &mut self,
        slot: &Slot,
        source: u32,
        backlog: &Backlog,
        observation: &mut Observation,
    ) {
        let of = |n: &u32| self.view.tasks[*n as usize].source;
        let start = self.order.partition_point(|n| of(n) < Some(source));
        let end = self.order.partition_point(|n| of(n) <= Some(source));
        let arriving = self.deal_out_types(start..end);
        self.offer(source);

        let (view, s) = (&self.view, &self.scales);
        let row = &mut observation.rows;
        row.clear();
        row.push(squash(self.batch.len() as f64 / 50.0));
        for bits in arriving.iter().chain(&backlog.bits) {
            row.push(squash(bits / (10.0 * s.data_bits)));
        }
        row.push(squash(backlog.virtual_s / s.deadline_s));
        let servers = view.sources[source as usize].servers.clone();
        let (mut free, mut cores) = (0.0, 0.0);
        for server in servers {
            let all = view.cores(server as usize);
            free += idle(all);
            cores += all.len() as f64;
        }
        row.push(share(free / f64::max(cores, 1.0)));
        let (mut most_s, mut sum_s, mut links) = (0.0, 0.0, 0.0);
        for link in slot.network.leaving(view.sources[source as usize].entry) {
            let bits = view.backlog_bits(source)[link as usize];
            let busy_s = slot.network.links()[link as usize].transmission_s(bits);
            most_s = f64::max(most_s, busy_s);
            sum_s += busy_s;
            links += 1.0;
        }
        row.push(squash(sum_s / f64::max(links, 1.0) / s.deadline_s));
        row.push(squash(most_s / s.deadline_s));
        self.look_at_servers(row);
    }

    /// Takes `batch` of the order as the present batch and gives every task its type: a fifth of the batch by size. The
    /// bits that arrive, by type.
    fn deal_out_types(&mut self, batch: Range<usize>) -> [f64; TYPES] {
        self.batch = batch.clone();
        self.by_size.clear();
        self.by_size.extend_from_slice(&self.order[batch]);
        let tasks = &self.view.tasks;
        let bits = |n: u32| tasks[n as usize].data_bits;
        self.by_size
            .sort_by(|&a, &b| bits(a).total_cmp(&bits(b)).then(a.cmp(&b)));
        let mut arriving = [0.0; TYPES];
        for (rank, &n) in self.by_size.iter().enumerate() {
            let kind = rank * TYPES / self.by_size.len();
            self.kinds[n as usize] = kind as u32;
            arriving[kind] += bits(n);
        }
        arriving
    }

    /// Writes what is seen of the servers offered.
    fn look_at_servers(&self, row: &mut Vec<f32>) {
        let (view, s) = (&self.view, &self.scales);
        let reach = f64::from(self.sizes.max_hops.max(1));
        for offered in &self.offered[..=self.sizes.servers] {
            let Some(server) = *offered else {
                row.extend([0.0; PER_SERVER]);
                continue;
            };
            let cores = view.cores(server);
            let wait_s = cores.iter().copied().fold(f64::INFINITY, f64::min);
            row.push(1.0);
            row.push(share(idle(cores) / cores.len() as f64));
            row.push(squash(wait_s / s.deadline_s));
            row.push(share(f64::from(view.servers[server].hops) / reach));
        }
    }

    /// The row of a slot in which nothing arrives.
    pub fn idle(&self, backlog: &Backlog, observation: &mut Observation) {
        let row = &mut observation.rows;
        row.clear();
        row.resize(self.sizes.width(), 0.0);
        for (x, bits) in row[1 + TYPES..].iter_mut().zip(&backlog.bits) {
            *x = squash(bits / (10.0 * self.scales.data_bits));
        }
        row[1 + 2 * TYPES] = squash(backlog.virtual_s / self.scales.deadline_s);
    }

    /// Lists the servers in the order of the action's options.
    fn offer(&mut self, source: u32) {
        let view = &self.view;
        let free_s = |server: usize| {
            view.cores(server)
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min)
        };
        self.seen.clear();
        for server in view.candidates(source) {
            let there_s = view.servers[server].seconds_per_bit * self.scales.data_bits;
            self.seen.push((there_s.max(free_s(server)), server));
        }
        self.seen
            .sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.offered.clear();
        let own = view.own(source);
        self.offered
            .push((!view.cores(own).is_empty()).then_some(own));
        let others = self.seen.iter().map(|&(_, server)| Some(server));
        self.offered.extend(others.take(self.sizes.servers));
        self.offered.resize(1 + self.sizes.servers, None);
    }

    /// Makes a plan of an action for the batch looked at.
    ///
    /// Type by type, each task adds the type's shares to what the destinations are owed; the one that is owed most, of
    /// those there are, takes it. So the numbers of tasks follow the shares to within one, over all types. The local server
    /// takes tasks as long as they fit into its CPU up to their deadlines, of which each type has its share, and what earlier
    /// types left of theirs.
    pub fn decode(&mut self, slot: &Slot, source: u32, action: &[f32]) {
        let (view, options) = (&self.view, self.sizes.options());
        let (logits, cpu) = action.split_at(TYPES * options);
        let softmax = |logits: &mut dyn Iterator<Item = f64>, shares: &mut Vec<f64>| {
            shares.clear();
            shares.extend(logits.map(|x| (GAIN * x).exp()));
            let sum: f64 = shares.iter().sum();
            shares.iter_mut().for_each(|x| *x /= sum);
        };
        let mut cpu_shares = Vec::with_capacity(TYPES);
        softmax(&mut cpu.iter().map(|x| f64::from(*x)), &mut cpu_shares);
        let own = view.own(source);
        let deadline_s = |n: &u32| view.tasks[*n as usize].deadline_s;
        let count = self.by_size.len() as f64;
        let until_s = self.by_size.iter().map(deadline_s).sum::<f64>() / count.max(1.0);
        let left_s = |free_s: &f64| (until_s - free_s).max(0.0);
        let local = view.cores(own).iter().map(left_s).sum::<f64>() * view.servers[own].core_hz;
        self.owed.clear();
        self.owed.resize(options, 0.0);
        let clouded = self.sizes.cloud && slot.cloud_round_trip_s.is_some();
        let (mut used, mut granted, mut kind) = (0.0, 0.0, usize::MAX);
        for &n in &self.by_size {
            let task = &view.tasks[n as usize];
            let next = self.kinds[n as usize] as usize;
            if next != kind {
                kind = next;
                let own = &logits[kind * options..(kind + 1) * options];
                softmax(&mut own.iter().map(|x| f64::from(*x)), &mut self.shares);
                // types come in their order, but a small batch has not all of them
                granted = local * cpu_shares[..=kind].iter().sum::<f64>();
            }
            let target = |option: usize| match option {
                0 => self.offered[0].filter(|_| used + task.cycles <= granted),
                _ if option < options - 1 => self.offered[option],
                _ => None,
            };
            let mut most: Option<(f64, usize)> = None;
            for (option, owed) in self.owed.iter_mut().enumerate() {
                *owed += self.shares[option];
                let there = (clouded && option == options - 1) || target(option).is_some();
                if there && most.is_none_or(|(most, _)| *owed > most) {
                    most = Some((*owed, option));
                }
            }
            self.plan[n as usize] = match most {
                Some((_, option)) => {
                    self.owed[option] -= 1.0;
                    Some(target(option).map_or(PlanTarget::Cloud, PlanTarget::Server))
                }
                // there is no other destination: it waits at the local server
                None => Some(PlanTarget::Server(own)),
            };
            if self.plan[n as usize] == Some(PlanTarget::Server(own)) {
                used += task.cycles;
            }
        }
    }

    /// Mean delay of the batch under the plan, as far as its server can know \[s\].
    pub fn predict(&mut self, slot: &Slot, source: u32) -> f64 {
        let (mut cores, mut links) = std::mem::take(&mut self.trial);
        cores.copy(&self.cores);
        links.copy(&self.links);
        let mean_s = self.follow(slot, source, &mut cores, &mut links);
        self.trial = (cores, links);
        mean_s
    }

    /// Keeps the plan as the best so far.
    pub fn keep(&mut self) {
        for &n in &self.order[self.batch.clone()] {
            self.best[n as usize] = self.plan[n as usize];
        }
    }

    /// Decides the batch by the best plan: what follows in this slot sees its load. The predicted mean delay \[s\].
    pub fn settle(&mut self, slot: &Slot, source: u32) -> f64 {
        for &n in &self.order[self.batch.clone()] {
            self.plan[n as usize] = self.best[n as usize];
        }
        let mut cores = std::mem::take(&mut self.cores);
        let mut links = std::mem::take(&mut self.links);
        let mean_s = self.follow(slot, source, &mut cores, &mut links);
        (self.cores, self.links) = (cores, links);
        mean_s
    }

    /// Sends the batch as planned, over the shortest paths.
    fn follow(
        &mut self,
        slot: &Slot,
        source: u32,
        cores: &mut CoreCalendar,
        links: &mut LinkCalendar,
    ) -> f64 {
        let view = &self.view;
        let entry = view.sources[source as usize].entry;
        let backlog = view.backlog_bits(source);
        let mut sum_s = 0.0;
        for &n in &self.order[self.batch.clone()] {
            let (task, n) = (&view.tasks[n as usize], n as usize);
            let end_s = match self.plan[n] {
                Some(PlanTarget::Server(server)) => {
                    let path = self.routes.path(entry, view.servers[server].rsu);
                    let (ready_s, bits) = (task.ready_s, task.data_bits);
                    let there_s = links.arrival_s(&slot.network, backlog, path, ready_s, bits);
                    links.reserve(&slot.network, backlog, path, ready_s, bits);
                    let end_s = cores.end_s(view, server, there_s, task.cycles);
                    cores.reserve(view, server, there_s, task.cycles);
                    end_s
                }
                _ => task.ready_s + slot.cloud_round_trip_s.unwrap_or(0.0),
            };
            self.ends_s[n] = end_s;
            sum_s += end_s;
        }
        sum_s / (self.batch.len() as f64).max(1.0)
    }

    /// Type of a task, and its predicted delay once its batch is settled \[s\]; none where no server covers it.
    #[must_use]
    pub fn foreseen(&self, task: usize) -> Option<(usize, f64)> {
        self.view.tasks[task]
            .source
            .map(|_| (self.kinds[task] as usize, self.ends_s[task]))
    }

    /// The decision of all batches, once they are settled.
    pub fn decision(&mut self, decision: &mut Decision) {
        decision.placements.clear();
        decision.minimum_hz.clear();
        decision.later_price.clear();
        decision.paths.clear();
        for (task, plan) in self.view.tasks.iter().zip(&self.plan) {
            let entry = task.source.map(|s| self.view.sources[s as usize].entry);
            let (placement, path) = match (entry, plan) {
                (Some(entry), Some(PlanTarget::Server(server))) => {
                    let rsu = self.view.servers[*server].rsu;
                    let path = self.routes.path(entry, rsu);
                    (self.view.place(entry, *server), path)
                }
                (Some(entry), Some(PlanTarget::Cloud)) => (Placement::Cloud { entry }, &[][..]),
                _ => (Placement::Local, &[][..]),
            };
            decision.placements.push(placement);
            decision.paths.push(path);
        }
    }
}
