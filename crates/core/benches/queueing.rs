//! Tasks per second of the queue simulator, against its plainest alternative in the same run: a
//! `BinaryHeap` of events, and a box and a path for every task. `cargo bench -p wayside-core --bench queueing`.
//!
//! The alternative knows no faults, results or observers; it adds up waits, and no more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wayside_core::backhaul::Edge;
use wayside_core::backhaul::network::Network;
use wayside_core::queueing::{QueueNetwork, Submission};

const SERVERS: u32 = 11;
const SECONDS: u32 = 100;
const TASKS_PER_S: u32 = 100;

/// Servers in a ring, 1 Gbit/s and 5 us apart.
fn ring() -> Arc<Network> {
    let edges: Vec<Edge> = (0..SERVERS)
        .map(|m| Edge {
            a: m.min((m + 1) % SERVERS),
            b: m.max((m + 1) % SERVERS),
            rate_bps: 1e9,
            length_m: 1000.0,
            backlog_bits: 0.0,
        })
        .collect();
    Arc::new(Network::new(SERVERS as usize, &edges, 5e-9))
}

fn submission(key: u64, ready_s: f64, entry: u32, path: &[u32]) -> Submission<'_> {
    Submission {
        key,
        ready_s,
        entry,
        path,
        data_bits: 1e5,
        cycles: 1e8,
    }
}

/// A task at every server in turn, `TASKS_PER_S` at every whole second, simulated second by second.
fn simulate(servers: &mut QueueNetwork, paths: &[Vec<u32>], start_s: f64) -> f64 {
    let mut wait_s = 0.0;
    let mut done = |f: wayside_core::queueing::Finished| {
        wait_s += f.outcome.map_or(0.0, |travel| travel.wait_s);
    };
    for second in 0..SECONDS {
        let now_s = start_s + f64::from(second);
        servers.run_until(now_s, &mut done);
        for i in 0..TASKS_PER_S {
            let entry = i % SERVERS;
            let path = &paths[entry as usize];
            let key = u64::from(second * TASKS_PER_S + i);
            servers.submit(submission(key, now_s + 0.05, entry, path));
        }
    }
    servers.run_until(start_s + f64::from(SECONDS), &mut done);
    wait_s
}

/// The same by a heap of boxed tasks. All tasks of a second are on their cores' queues before the next.
fn plainly(network: &Network, paths: &[Vec<u32>], start_s: f64) -> f64 {
    struct Task {
        path: Vec<u32>,
        next: usize,
        entry: u32,
        came_s: f64,
        wait_s: f64,
    }
    // Instants are positive, so that their bits are in their order.
    let mut events: BinaryHeap<Reverse<(u64, u64, usize)>> = BinaryHeap::new();
    let mut tasks: Vec<Box<Task>> = Vec::new();
    let mut link_free_s = vec![0.0_f64; network.links().len()];
    let mut core_free_s = vec![0.0_f64; SERVERS as usize];
    let mut wait_s = 0.0;
    for second in 0..SECONDS {
        for i in 0..TASKS_PER_S {
            let entry = i % SERVERS;
            let came_s = start_s + f64::from(second) + 0.05;
            let number = tasks.len();
            events.push(Reverse((came_s.to_bits(), number as u64, number)));
            tasks.push(Box::new(Task {
                path: paths[entry as usize].clone(),
                next: 0,
                entry,
                came_s,
                wait_s: 0.0,
            }));
        }
        while let Some(Reverse((time, number, place))) = events.pop() {
            let task = &mut tasks[place];
            task.came_s = f64::from_bits(time);
            if let Some(&row) = task.path.get(task.next) {
                let link = &network.links()[row as usize];
                let begin_s = link_free_s[row as usize].max(task.came_s);
                task.wait_s += begin_s - task.came_s;
                link_free_s[row as usize] = begin_s + link.transmission_s(1e5);
                task.next += 1;
                task.entry = link.to;
                let arrives_s = link_free_s[row as usize] + link.propagation_s;
                events.push(Reverse((arrives_s.to_bits(), number, place)));
            } else {
                let free_s = &mut core_free_s[task.entry as usize];
                let begin_s = free_s.max(task.came_s);
                *free_s = begin_s + 0.05;
                wait_s += task.wait_s + begin_s - task.came_s;
            }
        }
        tasks.clear();
    }
    wait_s
}

fn queueing(criterion: &mut Criterion) {
    let network = ring();
    let cores: Vec<u32> = (0..=SERVERS).collect();
    for hops in [0, 3] {
        let mut group = criterion.benchmark_group(format!("queueing/{hops} hops"));
        group.throughput(Throughput::Elements(u64::from(SECONDS * TASKS_PER_S)));
        let paths: Vec<Vec<u32>> = (0..SERVERS)
            .map(|entry| {
                let leg = |k| {
                    let (from, to) = ((entry + k) % SERVERS, (entry + k + 1) % SERVERS);
                    network.find(from, to).expect("neighbours")
                };
                (0..hops).map(leg).collect()
            })
            .collect();
        let new = || {
            let free_s = vec![0.0; SERVERS as usize];
            QueueNetwork::new(Arc::clone(&network), &cores, &[2e9; 11], &free_s)
        };
        let (fast, plain) = (
            simulate(&mut new(), &paths, 0.0),
            plainly(&network, &paths, 0.0),
        );
        assert!((fast - plain).abs() < 1e-6, "{fast} is not {plain}");
        let mut servers = new();
        let mut start_s = 0.0;
        group.bench_function("simulator", |bencher| {
            bencher.iter(|| {
                let wait_s = simulate(&mut servers, &paths, start_s);
                start_s += f64::from(SECONDS);
                black_box(wait_s)
            });
        });
        group.bench_function("plain heap", |bencher| {
            bencher.iter(|| black_box(plainly(&network, &paths, 0.0)));
        });
        group.finish();
    }
}

criterion_group!(benches, queueing);
criterion_main!(benches);
