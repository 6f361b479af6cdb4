//! OESDA, the even spread over the nearest servers, and sending everything to the cloud.

use super::begin;
use crate::backhaul::search::Dijkstra;
use crate::outlook::calendar::CoreCalendar;
use crate::outlook::calendar::LinkCalendar;
use crate::outlook::view::View;
use crate::policy::Policy;
use crate::scenario::options::migration::{CloudRule, MigrationOptions, Oesda as Options};
use crate::slot::{Decision, Placement, Slot};

/// Optimal enumeration: tasks that do not fit at home are distributed to the m nearest servers, for the best m.
///
/// Tasks go to these servers in turn, nearest first, whatever their state; the state counts only in the choice
/// of m. Where even the best m is too slow, the late tasks go to the cloud.
#[derive(Clone, Debug)]
pub struct Oesda {
    options: Options,
    view: View,
    cores: CoreCalendar,
    links: LinkCalendar,
    trial: (CoreCalendar, LinkCalendar),
    routes: Dijkstra,
    /// Tasks that do not fit at home, by source.
    rest: Vec<(u32, u32)>,
    /// Response of the tasks of one source, and the best of all trials \[s\].
    response_s: Vec<f64>,
    best_s: Vec<f64>,
    /// Server of every task of the slot.
    server: Vec<Option<usize>>,
    cloud: Vec<bool>,
}

impl Oesda {
    /// The policy with its options.
    #[must_use]
    pub fn new(options: &MigrationOptions) -> Self {
        Self {
            options: options.oesda,
            view: View::default(),
            cores: CoreCalendar::default(),
            links: LinkCalendar::default(),
            trial: Default::default(),
            routes: Dijkstra::default(),
            rest: Vec::new(),
            response_s: Vec::new(),
            best_s: Vec::new(),
            server: Vec::new(),
            cloud: Vec::new(),
        }
    }

    /// Tasks that end in time at home stay there; the rest are listed.
    fn keep_what_fits(&mut self) {
        let view = &self.view;
        self.rest.clear();
        self.server.clear();
        for (n, task) in (0..).zip(&view.tasks) {
            let own = task.source.map(|source| view.own(source));
            let fits =
                |own| self.cores.end_s(view, own, task.ready_s, task.cycles) <= task.deadline_s;
            match (task.source, own) {
                (Some(_), Some(own)) if fits(own) => {
                    self.cores.reserve(view, own, task.ready_s, task.cycles);
                }
                (Some(source), _) => self.rest.push((source, n)),
                _ => {}
            }
            self.server.push(own);
        }
        self.rest.sort_unstable();
    }

    /// Deals `rest[tasks]`, all of one source, to its `m` nearest servers: the mean response \[s\].
    fn deal(&mut self, slot: &Slot, source: u32, tasks: std::ops::Range<usize>, m: usize) -> f64 {
        let view = &self.view;
        let (cores, links) = &mut self.trial;
        cores.copy(&self.cores);
        links.copy(&self.links);
        let candidates = view.candidates(source);
        let backlog_bits = view.backlog_bits(source);
        self.response_s.clear();
        for (turn, &(_, n)) in self.rest[tasks].iter().enumerate() {
            let task = &view.tasks[n as usize];
            let server = candidates.start + turn % m;
            let ends = (
                view.sources[source as usize].entry,
                view.servers[server].rsu,
            );
            let path = self.routes.path(ends.0, ends.1);
            let there_s = links.arrival_s(
                &slot.network,
                backlog_bits,
                path,
                task.ready_s,
                task.data_bits,
            );
            links.reserve(
                &slot.network,
                backlog_bits,
                path,
                task.ready_s,
                task.data_bits,
            );
            self.response_s
                .push(cores.end_s(view, server, there_s, task.cycles));
            cores.reserve(view, server, there_s, task.cycles);
        }
        self.response_s.iter().sum::<f64>() / self.response_s.len() as f64
    }

    /// Places `rest[tasks]`, all of one source.
    fn place(&mut self, slot: &Slot, source: u32, tasks: std::ops::Range<usize>) {
        let candidates = self.view.candidates(source);
        let mut best = (f64::INFINITY, 0);
        for m in 1..=candidates.len() {
            let mean_s = self.deal(slot, source, tasks.clone(), m);
            if mean_s < best.0 {
                best = (mean_s, m);
            }
        }
        let (mean_s, m) = best;
        if m == 0 {
            // there is no other server: they wait at the local one
            self.best_s.clear();
            self.best_s.resize(tasks.len(), f64::INFINITY);
        } else {
            self.deal(slot, source, tasks.clone(), m);
            std::mem::swap(&mut self.best_s, &mut self.response_s);
            std::mem::swap(&mut self.cores, &mut self.trial.0);
            std::mem::swap(&mut self.links, &mut self.trial.1);
        }
        let cloudy = slot.cloud_round_trip_s.is_some()
            && match self.options.cloud {
                CloudRule::Mean => mean_s > self.options.tolerance_s,
                CloudRule::Late => true,
                CloudRule::Never => false,
            };
        for (turn, (&(_, n), response_s)) in self.rest[tasks].iter().zip(&self.best_s).enumerate() {
            let n = n as usize;
            if m > 0 {
                self.server[n] = Some(candidates.start + turn % m);
            }
            self.cloud[n] = cloudy && *response_s > self.view.tasks[n].deadline_s;
        }
    }
}

impl Policy for Oesda {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.view.observe(slot, self.options.max_hops);
        self.cores.start(&self.view);
        self.links.start(&slot.network);
        self.routes.follow(&slot.network);
        self.keep_what_fits();
        self.cloud.clear();
        self.cloud.resize(self.view.tasks.len(), false);
        let mut first = 0;
        while first < self.rest.len() {
            let source = self.rest[first].0;
            let many = self.rest[first..]
                .iter()
                .take_while(|(s, _)| *s == source)
                .count();
            self.place(slot, source, first..first + many);
            first += many;
        }
        begin(decision);
        for (n, task) in self.view.tasks.iter().enumerate() {
            let (Some(source), Some(server)) = (task.source, self.server[n]) else {
                decision.placements.push(Placement::Local);
                decision.paths.push(&[]);
                continue;
            };
            let entry = self.view.sources[source as usize].entry;
            let execution = self.view.servers[server].rsu;
            if self.cloud[n] {
                decision.placements.push(Placement::Cloud { entry });
                decision.paths.push(&[]);
            } else {
                decision.placements.push(self.view.place(entry, server));
                decision.paths.push(self.routes.path(entry, execution));
            }
        }
    }
}

/// Every task to the cloud; to the server it enters by where the scenario has no cloud.
#[derive(Clone, Copy, Debug)]
pub struct AllCloud;

impl Policy for AllCloud {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        begin(decision);
        let place = |n: usize| match (slot.links(n).first(), slot.cloud_round_trip_s) {
            (None, _) => Placement::Local,
            (Some(link), Some(_)) => Placement::Cloud { entry: link.rsu },
            (Some(link), None) => Placement::Rsu {
                entry: link.rsu,
                execution: link.rsu,
            },
        };
        decision.placements.extend((0..slot.tasks.len()).map(place));
    }
}
