//! Places on cores, as the end of a flow network.
//!
//! The `i`-th task on a core that is free at A starts no earlier than A plus the time of the i - 1
//! smallest tasks. A task that comes at r to a place open from b starts at max(r, b). The places of a
//! server form a chain by b: forward a task pays for the time it waits, backward it goes for free, for
//! an open place does not let a task start before it arrives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::MOST_ARCS;
use super::flow::{Flow, SINK, UNLIMITED};
use super::problem::{Goal, Instant, Problem};

/// The chains of all servers in a [`Flow`]. Keeps its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// `open_s[start[m]..start[m + 1]]`, ascending: when the places of server `m` open \[s\].
    start: Vec<usize>,
    open_s: Vec<f64>,
    /// Node of the first place of all; the rest follow.
    node: u32,
    /// By core of a server: when its next place opens, its number, and the core.
    next: BinaryHeap<Reverse<(Instant, usize, usize)>>,
    /// When the cores of a server are free \[s\].
    free_s: Vec<f64>,
}

impl Places {
    /// Adds the chains to `flow`. A server has no use for more places than there are tasks, nor for
    /// such as open too late for every job. Of more than memory allows the last one stands for the rest.
    pub(super) fn build(&mut self, problem: &Problem, goal: Goal, flow: &mut Flow) {
        self.start.clear();
        self.start.push(0);
        self.open_s.clear();
        let tasks = problem.tasks();
        let room = (MOST_ARCS / (4 * problem.servers.len()).max(1)).max(1);
        let most = tasks.min(room);
        for server in &problem.servers {
            let latest_s = goal.latest_of_all_s(problem, server);
            self.next.clear();
            self.free_s.clear();
            if server.first_s.is_finite() && server.core_hz > 0.0 && tasks > 0 {
                self.free_s.extend(problem.cores_s(server));
            }
            let open_s = |free_s: f64, place| Instant(free_s + problem.ahead_s(server, place));
            let first = self.free_s.iter().enumerate();
            self.next
                .extend(first.map(|(core, &free_s)| Reverse((open_s(free_s, 0), 0, core))));
            for _ in 0..most {
                let Some(Reverse((Instant(at_s), place, core))) = self.next.pop() else {
                    break;
                };
                if at_s > latest_s {
                    break;
                }
                self.open_s.push(at_s);
                if place + 1 < tasks {
                    let then = open_s(self.free_s[core], place + 1);
                    self.next.push(Reverse((then, place + 1, core)));
                }
            }
            self.start.push(self.open_s.len());
        }
        self.node = flow.add_nodes(self.open_s.len());

        for (m, server) in problem.servers.iter().enumerate() {
            let run = problem.least_cycles;
            let cost = goal.units(run / server.core_hz, run * server.joule_per_cycle);
            let chain = self.start[m]..self.start[m + 1];
            for place in chain.clone() {
                let node = self.node + place as u32;
                // Later places are as good as the last one where there are too many of them.
                let is_last_of_many = most < tasks && place + 1 - chain.start == most;
                let capacity = if is_last_of_many { UNLIMITED } else { 1 };
                flow.add_arc(node, SINK, capacity, cost);
                if place + 1 < chain.end {
                    let wait = goal.units(self.open_s[place + 1], 0.0)
                        - goal.units(self.open_s[place], 0.0);
                    // An end that is late is of no use: there chains only go back.
                    if goal != Goal::Late {
                        flow.add_arc(node, node + 1, UNLIMITED, wait);
                    }
                    flow.add_arc(node + 1, node, UNLIMITED, 0);
                }
            }
        }
    }

    /// Lets tasks at `node` of `flow` run on server `m` from `ready_s` on, starting by `latest_s`, at
    /// `extra` beside what time and the smallest task's run cost there.
    pub(super) fn attach(
        &self,
        flow: &mut Flow,
        goal: Goal,
        node: u32,
        m: usize,
        (ready_s, latest_s): (f64, f64),
        extra: i64,
    ) {
        if !(ready_s <= latest_s && ready_s.is_finite()) {
            return;
        }
        let chain = self.start[m]..self.start[m + 1];
        let at =
            |s: f64| chain.start + self.open_s[chain.clone()].partition_point(|&open| open <= s);
        let mut arc = |place: usize, start_s: f64| {
            let cost = goal.units(start_s, 0.0) + extra;
            flow.add_arc(node, self.node + place as u32, UNLIMITED, cost);
        };
        if goal == Goal::Late {
            if at(latest_s) > chain.start {
                arc(at(latest_s) - 1, latest_s);
            }
            return;
        }
        let after = at(ready_s);
        if after > chain.start {
            arc(after - 1, ready_s);
        }
        if after < chain.end {
            arc(after, self.open_s[after]);
        }
    }
}
