//! ECT, earliest completion: ours, to beat MCATM.

use super::begin;
use super::improve::PlanImprover;
use crate::backhaul::paths::PathCache;
use crate::outlook::belief::Belief;
use crate::outlook::calendar::CoreCalendar;
use crate::outlook::calendar::LinkCalendar;
use crate::outlook::simulation::{Destination, PlanContext};
use crate::outlook::view::View;
use crate::policy::Policy;
use crate::scenario::MigrationOptions;
use crate::slot::{Decision, Placement, Slot};
use std::ops::Range;

/// Tasks, shortest first, each to the server and along the path where it is predicted to end first.
///
/// Shortest first is right for cores that serve several tasks, but it keeps the smallest tasks at home and
/// sends the largest over the links. So there is a second plan, in which the largest tasks take the idle
/// cores at home before the rest are placed. The plan with the smaller predicted sum of ends is then improved by
/// swapping tasks (`improve`).
#[derive(Clone, Debug)]
pub struct Ect {
    max_hops: u32,
    /// Time per earlier choice of a server and free core of it, against stale information \[s\].
    hedge_s: f64,
    /// Share of the reports held for false.
    doubt: f64,
    belief: Belief,
    /// Whether the cloud is one more candidate.
    cloud: bool,
    view: View,
    cores: CoreCalendar,
    links: LinkCalendar,
    cache: PathCache,
    /// Paths to every server of the view.
    paths: Vec<Range<u32>>,
    /// Times that every server of the view was chosen, by 1 over its free cores as seen, plus 1/2.
    chosen: Vec<f64>,
    per_free_core: Vec<f64>,
    order: Vec<u32>,
    plan: EctPlan,
    other: EctPlan,
    /// Most tasks simulated to improve a plan.
    effort: usize,
    improver: PlanImprover,
}

/// Where every task goes, and the sum of their predicted ends \[s\].
#[derive(Clone, Debug, Default)]
struct EctPlan {
    destinations: Vec<Destination>,
    placed: Vec<bool>,
    total_s: f64,
}

impl Ect {
    /// The policy, hedged against stale information or not, with the cloud or without.
    #[must_use]
    pub fn new(hedged: bool, cloud: bool, options: &MigrationOptions) -> Self {
        Self {
            max_hops: options.max_hops,
            hedge_s: if hedged { options.ect_h.hedge_s } else { 0.0 },
            doubt: if hedged { options.ect_h.doubt } else { 0.0 },
            belief: Belief::default(),
            cloud,
            view: View::default(),
            cores: CoreCalendar::default(),
            links: LinkCalendar::default(),
            cache: PathCache::new(options.pacb.candidates, options.pacb.detour_hops),
            paths: Vec::new(),
            chosen: Vec::new(),
            per_free_core: Vec::new(),
            order: Vec::new(),
            plan: EctPlan::default(),
            other: EctPlan::default(),
            effort: options.effort,
            improver: PlanImprover::default(),
        }
    }

    fn begin(&mut self, slot: &Slot) {
        let view = &mut self.view;
        view.observe(slot, self.max_hops);
        self.cache.follow(&slot.network);
        self.paths.clear();
        self.per_free_core.clear();
        for source in &view.sources {
            let rows = source.servers.start as usize..source.servers.end as usize;
            let free = |i: usize| {
                let idle = view.cores(i).iter().filter(|&&free_s| free_s <= 0.0);
                idle.count() as f64
            };
            // Reports that stand out are most likely false, so no server counts for more than the mean.
            let mean = rows.clone().map(free).sum::<f64>() / rows.len() as f64;
            for i in rows {
                self.paths
                    .push(self.cache.between(source.entry, view.servers[i].rsu));
                self.per_free_core.push(1.0 / (free(i).min(mean) + 0.5));
            }
        }
        if self.doubt > 0.0 {
            self.belief.form(&mut self.view, self.doubt);
        }
        let tasks = &self.view.tasks;
        self.order.clear();
        self.order.extend(0..tasks.len() as u32);
        self.order.sort_unstable_by(|&a, &b| {
            let (p, q) = (&tasks[a as usize], &tasks[b as usize]);
            p.cycles
                .total_cmp(&q.cycles)
                .then(p.data_bits.total_cmp(&q.data_bits))
                .then(a.cmp(&b))
        });
    }

    /// Makes a plan; `large_home` puts the largest tasks on the idle cores at home first.
    fn make(&mut self, slot: &Slot, large_home: bool) {
        self.cores.start(&self.view);
        self.links.start(&slot.network);
        self.chosen.clear();
        self.chosen.resize(self.view.servers.len(), 0.0);
        let tasks = self.order.len();
        let plan = &mut self.plan;
        plan.destinations.clear();
        plan.destinations.resize(tasks, Destination::Vehicle);
        plan.placed.clear();
        plan.placed.resize(tasks, false);
        plan.total_s = 0.0;
        if large_home {
            for i in (0..tasks).rev() {
                self.keep(self.order[i] as usize);
            }
        }
        for i in 0..tasks {
            let n = self.order[i] as usize;
            if !self.plan.placed[n] {
                let (destination, end_s) = self.place(slot, n);
                self.plan.destinations[n] = destination;
                self.plan.total_s += end_s;
            }
        }
    }

    /// Keeps task `n` at home if a core there is idle once its data is complete.
    fn keep(&mut self, n: usize) {
        let view = &self.view;
        let task = &view.tasks[n];
        let Some(source) = task.source else { return };
        let own = view.own(source);
        let end_s = self.cores.end_s(view, own, task.ready_s, task.cycles);
        if end_s <= task.ready_s + task.cycles / view.servers[own].core_hz {
            let (server, path) = (own as u32, self.paths[own].start);
            self.cores.reserve(view, own, task.ready_s, task.cycles);
            self.plan.destinations[n] = Destination::Server { server, path };
            self.plan.placed[n] = true;
            self.plan.total_s += end_s;
        }
    }

    /// Places task `n` where it ends first, reserves its way and its core, and tells its end \[s\].
    fn place(&mut self, slot: &Slot, n: usize) -> (Destination, f64) {
        let (view, network) = (&self.view, &slot.network);
        let task = &view.tasks[n];
        let Some(source) = task.source else {
            return (Destination::Vehicle, 0.0);
        };
        let backlog_bits = view.backlog_bits(source);
        let own = view.own(source);
        let (mut destination, mut least_s) = (Destination::Vehicle, f64::INFINITY);
        if let (true, Some(round_trip_s)) = (self.cloud, slot.cloud_round_trip_s) {
            (destination, least_s) = (Destination::Cloud, task.ready_s + round_trip_s);
        }
        let (mut arrival_s, mut predicted_s) = (task.ready_s, least_s);
        for server in own..view.candidates(source).end {
            // A server knows itself; of others it has only heard.
            let hedge_s = match server == own {
                true => 0.0,
                false => self.hedge_s * self.chosen[server] * self.per_free_core[server],
            };
            let core_s = self.cores.free_s(view, server);
            let run_s = task.cycles / view.servers[server].core_hz;
            for path in self.paths[server].clone() {
                // Most paths are too long, or their server too busy, without looking at queues.
                let bare_s = task.ready_s + self.cache.bare_s(path, task.data_bits);
                if core_s.max(bare_s) + run_s + hedge_s >= least_s {
                    continue;
                }
                let links = self.cache.path(path);
                let there_s = self.links.arrival_s(
                    network,
                    backlog_bits,
                    links,
                    task.ready_s,
                    task.data_bits,
                );
                let end_s = core_s.max(there_s) + run_s;
                if end_s + hedge_s < least_s {
                    let server = server as u32;
                    destination = Destination::Server { server, path };
                    (least_s, predicted_s, arrival_s) = (end_s + hedge_s, end_s, there_s);
                }
            }
        }
        if let Destination::Server { server, path } = destination {
            let links = self.cache.path(path);
            let server = server as usize;
            self.links
                .reserve(network, backlog_bits, links, task.ready_s, task.data_bits);
            self.cores.reserve(view, server, arrival_s, task.cycles);
            for &row in view.same(server) {
                self.chosen[row as usize] += 1.0;
            }
        }
        let end_s = if predicted_s.is_finite() {
            predicted_s
        } else {
            0.0
        };
        (destination, end_s)
    }
}

impl Policy for Ect {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.begin(slot);
        self.make(slot, true);
        std::mem::swap(&mut self.plan, &mut self.other);
        self.make(slot, false);
        if self.other.total_s < self.plan.total_s {
            std::mem::swap(&mut self.plan, &mut self.other);
        }
        let context = PlanContext {
            network: &slot.network,
            view: &self.view,
            cache: &self.cache,
            cloud_s: slot.cloud_round_trip_s.unwrap_or(f64::INFINITY),
        };
        self.improver.improve(
            &context,
            &self.paths,
            &mut self.plan.destinations,
            self.effort,
        );
        begin(decision);
        for (task, &destination) in self.view.tasks.iter().zip(&self.plan.destinations) {
            let entry = self.view.sources.get(task.source.unwrap_or(0) as usize);
            let entry = entry.map_or(0, |source| source.entry);
            let (placement, path): (_, &[u32]) = match destination {
                Destination::Vehicle => (Placement::Local, &[]),
                Destination::Cloud => (Placement::Cloud { entry }, &[]),
                Destination::Server { server, path } => {
                    let execution = self.view.servers[server as usize].rsu;
                    (Placement::Rsu { entry, execution }, self.cache.path(path))
                }
            };
            decision.placements.push(placement);
            decision.paths.push(path);
        }
    }
}
