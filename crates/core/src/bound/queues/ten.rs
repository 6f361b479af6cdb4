//! The time-expanded network: links as they fill up, for tasks as small as the smallest.

use super::MOST_ARCS;
use super::flow::{Flow, SINK, UNLIMITED};
use super::places::Places;
use super::problem::{Goal, Problem};
use crate::backhaul::network::Network;

/// Most slots; later, links have room for all.
const MOST_SLOTS: usize = 1024;

/// The same, with memory for the arcs of all of them.
fn most_slots(problem: &Problem, network: &Network) -> usize {
    let arcs = network.links().len() + 3 * problem.servers.len();
    (MOST_ARCS / arcs.max(1)).clamp(1, MOST_SLOTS)
}

/// A slot is a hair shorter than the smallest task on the fastest link, so that rounding costs none.
const HAIR: f64 = 1e-9;

/// The time-expanded network of a problem. Keeps its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Ten {
    /// Arcs that carry more than links can.
    overflow: Vec<u32>,
}

impl Ten {
    /// Cost of the cheapest flow; `None` where tasks have nowhere to run.
    ///
    /// Few slots are tried first. If no flow goes over links after the last of them, more would change
    /// nothing.
    pub(super) fn solve(
        &mut self,
        problem: &Problem,
        network: &Network,
        goal: Goal,
        places: &mut Places,
        flow: &mut Flow,
    ) -> Option<i64> {
        let mut grid = Grid::new(problem, network);
        let most = match grid.contended() {
            true => (grid.last + problem.tasks()).min(most_slots(problem, network)),
            false => grid.last,
        };
        let mut more = problem.tasks() / 4 + 4;
        loop {
            grid.extend(more.min(most - grid.last));
            self.build(problem, network, goal, &grid, places, flow);
            let cost = flow.solve()?;
            if grid.last == most || self.overflow.iter().all(|&arc| flow.units(arc) == 0) {
                return Some(cost);
            }
            more *= 2;
        }
    }

    /// Makes `flow` the network of all servers, with `places` at its end and the jobs at its start.
    pub(super) fn build(
        &mut self,
        problem: &Problem,
        network: &Network,
        goal: Goal,
        grid: &Grid,
        places: &mut Places,
        flow: &mut Flow,
    ) {
        flow.clear();
        self.overflow.clear();
        places.build(problem, goal, flow);
        let first_node = flow.add_nodes(problem.servers.len() * (grid.last + 1));
        let node = |m: usize, slot: usize| first_node + (m * (grid.last + 1) + slot) as u32;

        for (m, server) in problem.servers.iter().enumerate() {
            if server.first_s.is_infinite() {
                continue;
            }
            let latest_s = goal.latest_of_all_s(problem, server);
            for slot in 0..=grid.last {
                if slot < grid.last {
                    flow.add_arc(node(m, slot), node(m, slot + 1), UNLIMITED, 0);
                }
                let ready_s = server.first_s + grid.after_s(slot);
                places.attach(flow, goal, node(m, slot), m, (ready_s, latest_s), 0);
            }
            for row in network.leaving(m as u32) {
                let to = network.links()[row as usize].to as usize;
                grid.windows(problem, network, row, |window| {
                    let capacity = if window.overflow { UNLIMITED } else { 1 };
                    let (from, to) = (node(m, window.leaves), node(to, window.arrives));
                    let arc = flow.add_arc(from, to, capacity, 0);
                    if window.overflow {
                        self.overflow.push(arc);
                    }
                });
            }
        }
        add_jobs(problem, goal, grid, flow, node);
    }
}

fn add_jobs(
    problem: &Problem,
    goal: Goal,
    grid: &Grid,
    flow: &mut Flow,
    node: impl Fn(usize, usize) -> u32,
) {
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
        // What it costs at least beyond the smallest task.
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
pub(super) struct Grid {
    slot_s: f64,
    last: usize,
    fastest_bps: f64,
}

/// A link sends a task that leaves by the slot `leaves`; it arrives in slot `arrives` at the earliest.
struct Window {
    leaves: usize,
    arrives: usize,
    /// Whether this stands for all windows from here on.
    overflow: bool,
}

impl Grid {
    /// With slots until all uploads have ended.
    pub(super) fn new(problem: &Problem, network: &Network) -> Self {
        let reached = |m: u32| problem.servers[m as usize].first_s.is_finite();
        let fastest_bps = network
            .links()
            .iter()
            .filter(|link| reached(link.from))
            .map(|link| link.rate_bps)
            .fold(0.0, f64::max);
        // Without data or links no task waits for a link: one slot is enough.
        let slot_s = if fastest_bps > 0.0 && problem.least_bits > 0.0 {
            problem.least_bits / fastest_bps * (1.0 - HAIR)
        } else {
            f64::INFINITY
        };
        let mut grid = Self {
            slot_s,
            last: most_slots(problem, network),
            fastest_bps,
        };
        let comes = problem.jobs.iter().flat_map(|job| {
            let entries = problem.entries(job).iter();
            entries.map(|e| grid.slot(e.ready_s - problem.servers[e.server as usize].first_s))
        });
        grid.last = comes.max().unwrap_or(0);
        grid
    }

    /// Whether tasks ever wait for links.
    fn contended(&self) -> bool {
        self.slot_s.is_finite()
    }

    /// Begin of a slot, after that of the first \[s\].
    fn after_s(&self, slot: usize) -> f64 {
        match slot {
            0 => 0.0,
            _ => slot as f64 * self.slot_s,
        }
    }

    /// Adds slots at the end.
    pub(super) fn extend(&mut self, slots: usize) {
        self.last += slots;
    }

    /// The slot of an instant `after_s` the first.
    fn slot(&self, after_s: f64) -> usize {
        self.clamp(after_s / self.slot_s)
    }

    fn clamp(&self, slots: f64) -> usize {
        // `as` turns negative numbers and NaN into 0.
        (slots as usize).min(self.last)
    }

    /// Calls `add` for the windows of link `row`, in order.
    fn windows(&self, problem: &Problem, network: &Network, row: u32, mut add: impl FnMut(Window)) {
        let link = &network.links()[row as usize];
        let (from_s, to_s) = (
            problem.servers[link.from as usize].first_s,
            problem.servers[link.to as usize].first_s,
        );
        if !self.contended() {
            add(Window {
                leaves: 0,
                arrives: 0,
                overflow: true,
            });
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
            let arrives = (number * window).max(free) + travel;
            let overflow = leaves.max(arrives) >= self.last as f64;
            add(Window {
                // Data that misses the earlier windows leaves in the last one.
                leaves: if overflow { self.last } else { leaves as usize },
                arrives: self.clamp(arrives),
                overflow,
            });
            if overflow {
                return;
            }
            number += 1.0;
        }
    }
}
