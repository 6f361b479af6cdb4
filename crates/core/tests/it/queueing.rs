//! Servers and links as queues: closed forms, a slow twin, and what must hold under any faults.

use std::sync::Arc;

use wayside_core::backhaul::Edge;
use wayside_core::backhaul::network::Network;
use wayside_core::queueing::{Finished, QueueNetwork, Submission, Travel};
use wayside_core::slot::queues::QueueState;

/// Servers in a row, linked with 1 Mbit/s, 1 ms apart.
pub(crate) fn line(servers: u32) -> Arc<Network> {
    let edges: Vec<Edge> = (1..servers).map(|b| edge(b - 1, b, 1e6, 1.0)).collect();
    Arc::new(Network::new(servers as usize, &edges, 1e-3))
}

pub(crate) fn edge(a: u32, b: u32, rate_bps: f64, length_m: f64) -> Edge {
    Edge {
        a,
        b,
        rate_bps,
        length_m,
        backlog_bits: 0.0,
    }
}

/// `cores` per server, of 1 Hz (a task of `c` cycles takes `c` seconds), idle at the start.
fn idle(network: Arc<Network>, cores: &[u32]) -> QueueNetwork {
    let core_start: Vec<u32> = std::iter::once(0)
        .chain(cores.iter().scan(0, |sum, &n| {
            *sum += n;
            Some(*sum)
        }))
        .collect();
    let free_s = vec![0.0; *core_start.last().expect("one more than servers") as usize];
    QueueNetwork::new(network, &core_start, &vec![1.0; cores.len()], &free_s)
}

fn task(key: u64, ready_s: f64, cycles: f64) -> Submission<'static> {
    Submission {
        key,
        ready_s,
        entry: 0,
        path: &[],
        data_bits: 0.0,
        cycles,
    }
}

fn drained(mut servers: QueueNetwork) -> Vec<Travel> {
    let mut done: Vec<(u64, Travel)> = Vec::new();
    servers.drain(&mut |finished: Finished| {
        done.push((finished.key, finished.outcome.expect("nothing fails")));
    });
    done.sort_by_key(|&(key, _)| key);
    done.into_iter().map(|(_, travel)| travel).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12
}

/// Ten tasks at once on a core of 50 ms: waits 0, 50, ..., 450 ms, mean 225 ms.
#[test]
fn closed_form_a_batch_on_one_core_waits_for_those_before() {
    let mut servers = idle(line(1), &[1]);
    for key in 0..10 {
        servers.submit(task(key, 0.05, 0.05));
    }
    let done = drained(servers);
    for (k, travel) in (0..).zip(&done) {
        assert!(close(travel.wait_s, 0.05 * f64::from(k)), "{travel:?}");
        assert!(close(travel.compute_s, 0.05));
        assert!(close(travel.finished_s, 0.1 + 0.05 * f64::from(k)));
    }
    let mean = done.iter().map(|t| t.wait_s).sum::<f64>() / 10.0;
    assert!(close(mean, 0.225), "{mean}");
}

/// `ring-fifo` without its ring: of 100 tasks at every whole second, 10 go to one server and 9 to each of ten,
/// (10 x 9 + 10 x 9 x 8) / 2 x 50 ms / 100 = 0.2025 s, and 0.1 s for upload and compute; whatever the slot.
#[test]
fn closed_form_ring_fifo() {
    for slot_s in [0.07, 1.0, 7.3, 1000.0] {
        let cores: Vec<u32> = (0..=11).collect();
        let mut servers = QueueNetwork::new(line(11), &cores, &[2e9; 11], &[0.0; 11]);
        let (mut wait_s, mut total_s, mut tasks) = (0.0, 0.0, 0);
        let mut done = |finished: Finished| {
            let travel = finished.outcome.expect("nothing fails");
            let second = (finished.key / 100) as f64;
            wait_s += travel.wait_s;
            total_s += travel.finished_s - second;
            tasks += 1;
        };
        let mut second = 0;
        for slot in 0.. {
            let (now_s, then_s) = (f64::from(slot) * slot_s, f64::from(slot + 1) * slot_s);
            servers.run_until(now_s, &mut done);
            while f64::from(second) < then_s && second < 1000 {
                for i in 0..100 {
                    let key = u64::from(second * 100 + i);
                    let entry = (second + i) % 11;
                    let ready_s = f64::from(second) + 0.05;
                    servers.submit(Submission {
                        entry,
                        ..task(key, ready_s, 1e8)
                    });
                }
                second += 1;
            }
            if second == 1000 {
                break;
            }
        }
        servers.drain(&mut done);
        assert_eq!(tasks, 100_000);
        assert!((wait_s / 1e5 - 0.2025).abs() < 1e-9, "{wait_s}");
        assert!((total_s / 1e5 - 0.3025).abs() < 1e-9, "{total_s}");
    }
}

/// D/D/1: a task every `gap` seconds, each of 1 s. Above full load task k waits k (1 - gap).
#[test]
fn closed_form_d_d_1() {
    for gap in [0.25, 0.5, 1.0, 2.0] {
        let mut servers = idle(line(1), &[1]);
        for k in 0..1000 {
            servers.submit(task(k, gap * k as f64, 1.0));
        }
        for (k, travel) in drained(servers).iter().enumerate() {
            let wait_s = (k as f64 * (1.0 - gap)).max(0.0);
            assert!(close(travel.wait_s, wait_s), "{gap} {k} {travel:?}");
        }
    }
}

/// Of n tasks of 1 s on c cores at once, task k waits floor(k / c).
#[test]
fn closed_form_a_batch_on_many_cores() {
    for cores in 1..=6 {
        let mut servers = idle(line(1), &[cores]);
        for k in 0..100 {
            servers.submit(task(k, 0.0, 1.0));
        }
        for (k, travel) in (0..).zip(&drained(servers)) {
            assert!(close(travel.wait_s, f64::from(k / cores)), "{k} {travel:?}");
        }
    }
}

/// Equal links in a row: task k waits k transmissions at the first and nowhere else; all its way takes
/// h (transmission + propagation).
#[test]
fn closed_form_tandem_links() {
    let network = line(4);
    let path = [0, 1, 2].map(|m| network.find(m, m + 1).expect("neighbours"));
    let mut servers = idle(network, &[1, 1, 1, 50]);
    for key in 0..50 {
        servers.submit(Submission {
            path: &path,
            data_bits: 1e4,
            ..task(key, 0.0, 1.0)
        });
    }
    for (k, travel) in (0..).zip(&drained(servers)) {
        assert_eq!((travel.hops, travel.execution), (3, 3));
        assert!(close(travel.wait_s, 0.01 * f64::from(k)), "{k} {travel:?}");
        assert!(close(travel.transmission_s, 0.03));
        assert!(close(travel.propagation_s, 0.003));
        assert!(close(travel.finished_s, 1.033 + 0.01 * f64::from(k)));
    }
}

/// Four tasks on two cores, seen at 0.5 s.
#[test]
fn closed_form_observed_state() {
    let network = line(2);
    let row = network.find(0, 1).expect("neighbours");
    let mut servers = idle(network, &[2, 1]);
    for key in 0..4 {
        servers.submit(task(key, 0.0, 1.0 + key as f64));
    }
    servers.submit(Submission {
        path: &[row],
        data_bits: 2e6,
        ..task(4, 0.0, 1.0)
    });
    servers.run_until(0.5, &mut |_| {});
    let mut state = QueueState::default();
    servers.observe(0.5, &mut state);
    // Tasks 0 and 1 run till 1 and 2 s; 2 runs from 1 to 4 s on core 0, 3 from 2 to 6 s on core 1.
    assert_eq!(state.core_free_s, [4.0, 6.0, 0.0]);
    assert_eq!(state.waiting, [2, 0]);
    assert!(close(state.link_free_s[row as usize], 2.0));
    assert_eq!(state.up, [true, true]);
    servers.run_until(1.0, &mut |_| {});
    servers.observe(1.0, &mut state);
    assert_eq!(state.waiting, [1, 0]);
    assert_eq!(servers.in_flight(), 1);
    assert_eq!(servers.counts().finished, 4);
}
