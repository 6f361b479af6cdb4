//! Assignments of tasks to places on cores, for tasks of any size, on links without a queue.
//!
//! Two countings, neither above the other. From the first: the task in place i of a core starts no
//! earlier than the core is free, plus the i - 1 smallest tasks, nor than it can be there itself.
//! From the last: on a core free at A that runs n tasks, ends sum up to at least n A + sum k p_k, with
//! p_k the time of the k-th from last, because it delays itself and the k - 1 after it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::flow::{Flow, SINK};
use super::places::Places;
use super::problem::{Goal, Problem};
use super::ten::add_outside;

/// Adds the assignment counted from the first to `flow`.
pub(super) fn build_from_first(
    problem: &Problem,
    goal: Goal,
    places: &mut Places,
    flow: &mut Flow,
) {
    flow.clear();
    places.build(problem, goal, flow);
    for (number, job) in problem.jobs.iter().enumerate() {
        let source = flow.add_nodes(1);
        flow.add_supply(source, job.count);
        add_outside(flow, goal, source, job);
        let more = job.cycles - problem.least_cycles;
        for (m, (server, &ready_s)) in problem
            .servers
            .iter()
            .zip(problem.arrivals(number))
            .enumerate()
        {
            let energy_j = job.upload_j + more * server.joule_per_cycle;
            let extra = goal.units(more / server.core_hz, energy_j);
            let latest_s = goal.latest_s(job, server);
            places.attach(flow, goal, source, m, (ready_s, latest_s), extra);
        }
    }
}

/// Adds the assignment counted from the last to `flow`; it knows no deadlines.
///
/// Of all places a job is offered as many of its cheapest as there are tasks: one of them is always free.
pub(super) fn build_from_last(problem: &Problem, goal: Goal, flow: &mut Flow) {
    flow.clear();
    let tasks = problem.tasks();
    let usable = problem
        .servers
        .iter()
        .enumerate()
        .filter(|(_, server)| server.first_s.is_finite() && server.core_hz > 0.0);
    let cores: Vec<(usize, f64)> = usable
        .flat_map(|(m, server)| problem.cores_s(server).map(move |free_s| (m, free_s)))
        .collect();
    // Nodes of places, made when the first job looks at them.
    let mut nodes = vec![SINK; cores.len() * tasks];
    let mut cheapest = BinaryHeap::new();
    for (number, job) in problem.jobs.iter().enumerate() {
        let source = flow.add_nodes(1);
        flow.add_supply(source, job.count);
        add_outside(flow, goal, source, job);
        let arrivals = problem.arrivals(number);
        let cost = |core: usize, place: usize| {
            let (m, free_s) = cores[core];
            let server = &problem.servers[m];
            let run_s = job.cycles / server.core_hz;
            let energy_j = job.upload_j + job.cycles * server.joule_per_cycle;
            goal.units(free_s + (place + 1) as f64 * run_s, energy_j)
        };
        cheapest.clear();
        let reached = (0..cores.len()).filter(|&core| arrivals[cores[core].0].is_finite());
        cheapest.extend(reached.map(|core| Reverse((cost(core, 0), core, 0))));
        for _ in 0..tasks {
            let Some(Reverse((units, core, place))) = cheapest.pop() else {
                break;
            };
            let node = &mut nodes[core * tasks + place];
            if *node == SINK {
                *node = flow.add_nodes(1);
                flow.add_arc(*node, SINK, 1, 0);
            }
            flow.add_arc(source, *node, 1, units);
            if place + 1 < tasks {
                cheapest.push(Reverse((cost(core, place + 1), core, place + 1)));
            }
        }
    }
}
