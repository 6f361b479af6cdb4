//! PACB: paths for all migrated tasks together, by pre-allocation, then balancing of the links' loads.

use super::flow::Flow;
use crate::backhaul::network::{Link, Network};
use crate::backhaul::paths::PathCache;
use crate::outlook::view::View;
use crate::scenario::options::migration::Pacb as Options;
use crate::slot::Paths;
use std::ops::Range;
use std::sync::Arc;

/// The router, with the paths that it has found so far.
#[derive(Clone, Debug)]
pub struct Pacb {
    options: Options,
    cache: PathCache,
    /// Candidates and choice of every flow.
    choices: Vec<RoutedFlow>,
    /// What every link has to send \[s\]: L_l / R_l.
    load_s: Vec<f64>,
    /// Bits assigned to every link \[bit\].
    assigned_bits: Vec<f64>,
    /// Links by falling load.
    ranking: Vec<u32>,
}

#[derive(Clone, Debug)]
struct RoutedFlow {
    candidates: Range<u32>,
    path: u32,
    data_bits: f64,
}

/// A move that balancing may make, and the loads that it leads to.
#[derive(Clone, Copy, Debug)]
struct Move {
    flow: usize,
    path: u32,
    /// The largest load, and the sum of squares of all.
    after: (f64, f64),
}

/// Falls by less than this, relative, are rounding.
const ROUNDING: f64 = 1e-12;

impl Pacb {
    /// A router without any paths yet.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            options: *options,
            cache: PathCache::new(options.candidates, options.detour_hops),
            choices: Vec::new(),
            load_s: Vec::new(),
            assigned_bits: Vec::new(),
            ranking: Vec::new(),
        }
    }

    /// A path for every flow, in their order.
    pub fn route(
        &mut self,
        network: &Arc<Network>,
        view: &View,
        flows: &[Flow],
        paths: &mut Paths,
    ) {
        self.cache.follow(network);
        self.assigned_bits.clear();
        self.assigned_bits.resize(network.links().len(), 0.0);
        self.choices.clear();
        for flow in flows {
            self.pre_allocate(network, view.backlog_bits(flow.source), flow);
        }
        if let Some(flow) = flows.first() {
            let backlog_bits = view.backlog_bits(flow.source);
            self.balance(network, backlog_bits);
            self.yield_to_dijkstra(network, backlog_bits);
        }
        paths.clear();
        for choice in &self.choices {
            paths.push(if choice.candidates.is_empty() {
                &[]
            } else {
                self.cache.path(choice.path)
            });
        }
    }

    /// argmin over q of sum_l (prop + (L_l + b)/R) + lambda max_l (L_l + b)/R - mu (share of unused links).
    fn pre_allocate(&mut self, network: &Network, backlog_bits: &[f64], flow: &Flow) {
        let candidates = self.cache.between(flow.from, flow.to);
        let (links, bits) = (network.links(), flow.data_bits);
        let cost = |path: u32| {
            let path = self.cache.path(path);
            let (mut sum, mut largest, mut unused) = (0.0, 0.0_f64, 0);
            for &row in path {
                let row = row as usize;
                let queued_bits = backlog_bits[row] + self.assigned_bits[row];
                let busy_s = links[row].transmission_s(queued_bits + bits);
                sum += links[row].propagation_s + busy_s;
                largest = largest.max(busy_s);
                unused += u32::from(queued_bits <= 0.0);
            }
            let share = f64::from(unused) / path.len().max(1) as f64;
            sum + self.options.lambda * largest - self.options.mu_s * share
        };
        let mut best = (candidates.start, f64::INFINITY);
        for path in candidates.clone() {
            let cost = cost(path);
            if cost < best.1 {
                best = (path, cost);
            }
        }
        let path = best.0;
        if !candidates.is_empty() {
            for &row in self.cache.path(path) {
                self.assigned_bits[row as usize] += bits;
            }
        }
        self.choices.push(RoutedFlow {
            candidates,
            path,
            data_bits: bits,
        });
    }

    /// Starts again from the shortest path for everyone where that loads no link as much.
    ///
    /// Neither pre-allocation nor moves of one task rule that out, rare as it is.
    fn yield_to_dijkstra(&mut self, network: &Network, backlog_bits: &[f64]) {
        let largest = |load_s: &[f64]| load_s.iter().copied().fold(0.0, f64::max);
        let ours_s = largest(&self.load_s);
        self.weigh(network, backlog_bits, |choice| choice.candidates.start);
        if largest(&self.load_s) < ours_s * (1.0 - ROUNDING) {
            for choice in &mut self.choices {
                choice.path = choice.candidates.start;
            }
            self.balance(network, backlog_bits);
        }
    }

    /// Loads of all links, were every flow to take the path that `path` tells.
    ///
    /// They are times to send, L/R, so that links of unequal rates compare; with equal rates that is L.
    fn weigh(
        &mut self,
        network: &Network,
        backlog_bits: &[f64],
        path: impl Fn(&RoutedFlow) -> u32,
    ) {
        let links = network.links();
        self.load_s.clear();
        let backlog_s = |(&bits, link): (&f64, &Link)| link.transmission_s(bits);
        self.load_s
            .extend(backlog_bits.iter().zip(links).map(backlog_s));
        for choice in self.choices.iter().filter(|c| !c.candidates.is_empty()) {
            for &row in self.cache.path(path(choice)) {
                self.load_s[row as usize] += links[row as usize].transmission_s(choice.data_bits);
            }
        }
    }

    /// Moves tasks off the most loaded link while sum L^2 falls and max L does not rise.
    fn balance(&mut self, network: &Network, backlog_bits: &[f64]) {
        let links = network.links();
        self.weigh(network, backlog_bits, |choice| choice.path);
        self.ranking.clear();
        self.ranking.extend(0..links.len() as u32);
        for _ in 0..self.options.moves {
            let load_s = &self.load_s;
            self.ranking.sort_unstable_by(|&a, &b| {
                load_s[b as usize]
                    .total_cmp(&load_s[a as usize])
                    .then(a.cmp(&b))
            });
            let Some(best) = self.best_move(network) else {
                return;
            };
            let (old, bits) = {
                let choice = &mut self.choices[best.flow];
                let old = std::mem::replace(&mut choice.path, best.path);
                (old, choice.data_bits)
            };
            for &row in self.cache.path(old) {
                self.load_s[row as usize] -= links[row as usize].transmission_s(bits);
            }
            for &row in self.cache.path(best.path) {
                self.load_s[row as usize] += links[row as usize].transmission_s(bits);
            }
        }
    }

    /// The best move off the most loaded link: least (max L, sum L^2) of those by which the sum falls.
    fn best_move(&self, network: &Network) -> Option<Move> {
        let &worst = self.ranking.first()?;
        let largest = self.load_s[worst as usize];
        let squares: f64 = self.load_s.iter().map(|x| x * x).sum();
        let mut best: Option<Move> = None;
        let mut least = (f64::INFINITY, f64::INFINITY);
        for (flow, choice) in self.choices.iter().enumerate() {
            if choice.candidates.len() < 2 || !self.cache.path(choice.path).contains(&worst) {
                continue;
            }
            for path in choice
                .candidates
                .clone()
                .filter(|&path| path != choice.path)
            {
                let Some(after) = self.after(network, choice, path, worst, squares) else {
                    continue;
                };
                if after.1 < squares * (1.0 - ROUNDING) && after < least {
                    least = after;
                    best = Some(Move { flow, path, after });
                }
            }
        }
        best.inspect(|found| debug_assert!(found.after.0 <= largest))
    }

    /// (max L, sum L^2) once `choice` takes `path`; `None` if that uses the link `worst` or raises the max.
    #[inline]
    fn after(
        &self,
        network: &Network,
        choice: &RoutedFlow,
        path: u32,
        worst: u32,
        squares: f64,
    ) -> Option<(f64, f64)> {
        let (old, new) = (self.cache.path(choice.path), self.cache.path(path));
        let largest = self.load_s[worst as usize];
        let (mut most, mut squares) = (0.0_f64, squares);
        for &row in new {
            if row == worst {
                return None;
            }
            let before = self.load_s[row as usize];
            if old.contains(&row) {
                most = most.max(before);
                continue;
            }
            let after = before + network.links()[row as usize].transmission_s(choice.data_bits);
            if after > largest {
                return None;
            }
            most = most.max(after);
            squares += after * after - before * before;
        }
        for &row in old.iter().filter(|row| !new.contains(row)) {
            let before = self.load_s[row as usize];
            let after = before - network.links()[row as usize].transmission_s(choice.data_bits);
            most = most.max(after);
            squares += after * after - before * before;
        }
        // the most loaded of the links that the move does not touch
        let untouched = self
            .ranking
            .iter()
            .find(|row| !old.contains(row) && !new.contains(row));
        let rest = untouched.map_or(0.0, |&row| self.load_s[row as usize]);
        Some((most.max(rest), squares))
    }
}
