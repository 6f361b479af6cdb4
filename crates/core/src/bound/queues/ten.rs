//! The time-expanded network: links as they fill up, for tasks as small as the smallest.

use super::flow::{Flow, SINK, UNLIMITED};
use super::places::Places;
use super::problem::{Goal, Problem};
use crate::backhaul::network::Network;

/// Most slots; later, links have room for all.
const MOST_SLOTS: usize = 1024;

/// A slot is a hair shorter than the smallest task on the fastest link, so that rounding costs none.
const HAIR: f64 = 1e-9;

/// Adds to `flow` the network of all servers, `places` at its end, and the jobs at its start.
pub(super) fn build(
    problem: &Problem,
    network: &Network,
    goal: Goal,
    places: &mut Places,
    flow: &mut Flow,
) {
    flow.clear();
    places.build(problem, goal, flow);
    let grid = Grid::new(problem, network);
    let first_node = flow.add_nodes(problem.servers.len() * (grid.last + 1));
    let node = |m: usize, slot: usize| first_node + (m * (grid.last + 1) + slot) as u32;

    for (m, server) in problem.servers.iter().enumerate() {
        if server.first_s.is_infinite() {
            continue;
        }
        let latest_s = problem
            .jobs
            .iter()
            .map(|job| goal.latest_s(job, server))
            .fold(f64::NEG_INFINITY, f64::max);
        for slot in 0..=grid.last {
            if slot < grid.last {
                flow.add_arc(node(m, slot), node(m, slot + 1), UNLIMITED, 0);
            }
            let ready_s = server.first_s + slot as f64 * grid.slot_s;
            places.attach(flow, goal, node(m, slot), m, (ready_s, latest_s), 0);
        }
        for row in network.leaving(m as u32) {
            let to = network.links()[row as usize].to as usize;
            grid.windows(problem, network, row, |leaves, arrives, capacity| {
                flow.add_arc(node(m, leaves), node(to, arrives), capacity, 0);
            });
        }
    }

    let fastest = |f: &dyn Fn(&super::problem::Server) -> f64| {
        let reached = problem.servers.iter().filter(|s| s.first_s.is_finite());
        reached.map(f).fold(f64::INFINITY, f64::min)
    };
    let (second_s, joule) = (
        fastest(&|server| 1.0 / server.core_hz),
        fastest(&|server| server.joule_per_cycle),
    );
    for job in &problem.jobs {
        let source = flow.add_nodes(1);
        flow.add_supply(source, job.count);
        add_outside(flow, goal, source, job);
        // What it has more than the smallest task, at least.
        let more = job.cycles - problem.least_cycles;
        for entry in problem.entries(job) {
            let m = entry.server as usize;
            let slot = grid.slot(entry.ready_s - problem.servers[m].first_s);
            let extra = goal.units(more * second_s, entry.upload_j + more * joule);
            flow.add_arc(source, node(m, slot), UNLIMITED, extra);
        }
    }
}

/// Adds a job's ways outside the servers; to be late is one where lateness is what counts.
pub(super) fn add_outside(flow: &mut Flow, goal: Goal, source: u32, job: &super::problem::Job) {
    let ways = job.outside.iter().map(|&way| goal.outside(job, way));
    let late = (goal == Goal::Late).then_some(1);
    if let Some(cost) = ways.chain(late).min() {
        flow.add_arc(source, SINK, UNLIMITED, cost);
    }
}

/// Slots of equal length; those of a server count from the first arrival there.
struct Grid {
    slot_s: f64,
    last: usize,
    fastest_bps: f64,
}

impl Grid {
    fn new(problem: &Problem, network: &Network) -> Self {
        let reached = |m: u32| problem.servers[m as usize].first_s.is_finite();
        let fastest_bps = network
            .links()
            .iter()
            .filter(|link| reached(link.from))
            .map(|link| link.rate_bps)
            .fold(0.0, f64::max);
        let mut grid = Self {
            slot_s: problem.least_bits / fastest_bps * (1.0 - HAIR),
            last: MOST_SLOTS,
            fastest_bps,
        };
        let contended = fastest_bps > 0.0 && problem.least_bits > 0.0;
        if !contended {
            grid.slot_s = 0.0;
            grid.last = 0;
            return grid;
        }
        // A link sends a task a slot: when all have come, as many slots see the last of them off.
        let comes = problem.jobs.iter().flat_map(|job| {
            let entry = |e: &super::problem::Entry| {
                grid.slot(e.ready_s - problem.servers[e.server as usize].first_s)
            };
            problem.entries(job).iter().map(entry)
        });
        grid.last = (comes.max().unwrap_or(0) + problem.tasks()).min(MOST_SLOTS);
        grid
    }

    /// The slot of an instant `after_s` the first.
    fn slot(&self, after_s: f64) -> usize {
        self.clamp(after_s / self.slot_s)
    }

    fn clamp(&self, slots: f64) -> usize {
        // `as` takes what is negative, or none, as 0.
        (slots as usize).min(self.last)
    }

    /// Calls `add(leaves, arrives, capacity)` for the windows of link `row`: it sends one task in each,
    /// at most. A task that leaves by the slot `leaves` is there in slot `arrives` at the earliest.
    fn windows(
        &self,
        problem: &Problem,
        network: &Network,
        row: u32,
        mut add: impl FnMut(usize, usize, u32),
    ) {
        let link = &network.links()[row as usize];
        let (from_s, to_s) = (
            problem.servers[link.from as usize].first_s,
            problem.servers[link.to as usize].first_s,
        );
        if self.last == 0 {
            add(0, 0, UNLIMITED);
            return;
        }
        // All in slots, from the first arrival at the link.
        let window = self.fastest_bps / link.rate_bps;
        let free = ((problem.link_free_s[row as usize] - from_s) / self.slot_s).max(0.0);
        let transfer_s = link.transmission_s(problem.least_bits) + link.propagation_s;
        let travel = (from_s + transfer_s - to_s) / self.slot_s;
        let mut number = (free / window).floor();
        loop {
            let leaves = ((number + 1.0) * window).ceil() - 1.0;
            let arrives = self.clamp((number * window).max(free) + travel);
            if leaves >= self.last as f64 {
                add(self.last, arrives, UNLIMITED);
                return;
            }
            add(leaves as usize, arrives, 1);
            number += 1.0;
        }
    }
}
