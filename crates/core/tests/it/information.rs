//! Related information: the packets of Fig. 6, and what rounds observers get to see.

use std::sync::Arc;

use wayside_core::backhaul::Edge;
use wayside_core::backhaul::network::Network;
use wayside_core::information::{
    Counting, FalseReports, Falsehood, Flooding, Protocol, Rounds, Schedule, Sources,
};
use wayside_core::queueing::{QueueNetwork, Submission};
use wayside_core::rng::Streams;
use wayside_core::slot::queues::{Information, QueueState, Queues};

use crate::queueing::{edge, line};

type Cell = (i32, i32);

/// Neighbouring cells of a grid, linked.
fn grid(cells: &[Cell]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (b, &(x, y)) in (0..).zip(cells) {
        for (a, &(u, v)) in (0..b).zip(cells) {
            if (x - u).abs() + (y - v).abs() == 1 {
                edges.push(edge(a, b, 1e9, 1000.0));
            }
        }
    }
    edges
}

fn rectangle(side: i32, without: &[Cell]) -> Vec<Cell> {
    let all = (0..side * side).map(|i| (i % side, i / side));
    all.filter(|cell| !without.contains(cell)).collect()
}

/// 5 x 5 without its corners, and the row of its centre.
fn cluster() -> (Vec<Cell>, u32) {
    let cells = rectangle(5, &[(0, 0), (4, 0), (0, 4), (4, 4)]);
    let centre = cells.iter().position(|&cell| cell == (2, 2));
    (cells, centre.expect("the centre") as u32)
}

/// 250 B at 1 Gbit/s.
fn protocol(rate_hz: f64, counting: Counting) -> Protocol {
    Protocol {
        rate_hz,
        packet_bits: 2000.0,
        link_rate_bps: 1e9,
        ttl: 3,
        counting,
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs()
}

#[test]
fn paper_packets_of_21_servers() {
    let (cells, centre) = cluster();
    let edges = grid(&cells);
    assert_eq!((cells.len(), edges.len()), (21, 32));
    let network = Arc::new(Network::new(21, &edges, 5e-9));
    let neighbours = Sources::Neighbours {
        local: vec![centre],
    };
    for (rate_hz, per_s, busy_s) in [(10.0, 1720.0, 3.44e-3), (50.0, 8600.0, 17.2e-3)] {
        let mut flooding = Flooding::new(
            Arc::clone(&network),
            protocol(rate_hz, Counting::PerBroadcast),
        );
        for _ in 0..3 {
            let traffic = flooding.round(&neighbours, |_| true);
            assert_eq!(traffic.packets, 172);
            assert!(close(traffic.packets_per_s, per_s));
            assert!(close(traffic.busy_s, busy_s));
        }
    }
}

#[test]
fn paper_packets_of_60_servers() {
    let (cells, centre) = cluster();
    let one = grid(&cells);
    let shifted = |by: u32| {
        let moved = move |e: &Edge| Edge {
            a: e.a + by,
            b: e.b + by,
            ..*e
        };
        one.iter().map(moved).collect::<Vec<_>>()
    };
    let edges: Vec<Edge> = [0, 21, 42].into_iter().flat_map(shifted).collect();
    let network = Arc::new(Network::new(63, &edges, 5e-9));
    let neighbours = Sources::Neighbours {
        local: [0, 21, 42].map(|by| centre + by).to_vec(),
    };
    assert_eq!(neighbours.rows(63).count(), 60);
    let mut flooding = Flooding::new(network, protocol(50.0, Counting::PerBroadcast));
    let traffic = flooding.round(&neighbours, |_| true);
    assert_eq!(traffic.packets, 516);
    assert!(close(traffic.packets_per_s, 25_800.0));
    assert!(close(traffic.busy_s, 51.6e-3));
}

/// 61 servers: 8 x 8 without three of its corners, the local server in the fourth, 60 sources.
#[test]
fn paper_packets_of_one_connected_grid() {
    let cells = rectangle(8, &[(7, 0), (0, 7), (7, 7)]);
    let network = Arc::new(Network::new(61, &grid(&cells), 5e-9));
    let neighbours = Sources::Neighbours { local: vec![0] };
    let mut flooding = Flooding::new(network, protocol(50.0, Counting::PerBroadcast));
    assert_eq!(flooding.round(&neighbours, |_| true).packets, 637);
}

/// A round costs the balls of radius TTL-1 around its sources, one packet a server or one a link; every
/// server within TTL hops hears, at the distance, and none beyond.
#[test]
fn oracle_flooding_fills_balls() {
    let mut rng = Streams::new(5).stream("flooding");
    for _ in 0..200 {
        let servers = 1 + rng.below(12);
        let mut edges = Vec::new();
        for b in 1..servers as u32 {
            for a in 0..b {
                if rng.unit() < 0.3 {
                    edges.push(edge(a, b, 1e9, 1.0));
                }
            }
        }
        let network = Arc::new(Network::new(servers, &edges, 0.0));
        // Floyd and Warshall's distances.
        let mut far = vec![vec![99_u32; servers]; servers];
        for (m, row) in far.iter_mut().enumerate() {
            row[m] = 0;
        }
        for link in network.links() {
            far[link.from as usize][link.to as usize] = 1;
        }
        for k in 0..servers {
            for i in 0..servers {
                for j in 0..servers {
                    far[i][j] = far[i][j].min(far[i][k] + far[k][j]);
                }
            }
        }
        let ttl = 1 + rng.below(4) as u32;
        for counting in [Counting::PerBroadcast, Counting::PerLink] {
            let mut flooding = Flooding::new(
                Arc::clone(&network),
                Protocol {
                    ttl,
                    ..protocol(1.0, counting)
                },
            );
            for round in 1..3 {
                let packets = flooding.round(&Sources::All, |_| true).packets;
                let cost = |m: usize| match counting {
                    Counting::PerBroadcast => 1,
                    Counting::PerLink => network.leaving(m as u32).len() as u64,
                };
                let mut expected = 0;
                for (s, far) in far.iter().enumerate() {
                    let ball = (0..servers).filter(|&m| far[m] < ttl);
                    expected += ball.map(cost).sum::<u64>();
                    for (m, &hops) in far.iter().enumerate() {
                        let heard = flooding.heard(m as u32, s as u32);
                        let expected = (hops <= ttl).then_some((round, hops));
                        assert_eq!(heard.map(|r| (r.sequence, r.hops)), expected);
                    }
                }
                assert_eq!(packets, expected);
            }
        }
    }
}

#[test]
fn property_a_cut_keeps_information_in() {
    let network = line(3);
    let (cut, back) = (network.find(1, 2), network.find(2, 1));
    let mut flooding = Flooding::new(network, protocol(1.0, Counting::PerBroadcast));
    flooding.round(&Sources::All, |row| Some(row) != cut && Some(row) != back);
    assert!(flooding.heard(0, 1).is_some() && flooding.heard(0, 2).is_none());
    flooding.round(&Sources::All, |_| true);
    assert!(flooding.heard(0, 2).is_some());
}

fn schedule(lost_s: Vec<(f64, f64)>, falsified: Option<FalseReports>) -> Schedule {
    Schedule {
        rate_hz: 10.0,
        lost_s,
        falsified,
    }
}

/// Five servers of two cores in a row, the first of which gets 2 s of work every 0.05 s.
fn busy_row() -> QueueNetwork {
    let mut servers = QueueNetwork::new(line(5), &[0, 2, 4, 6, 8, 10], &[1.0; 5], &[0.0; 10]);
    for key in 0..100 {
        servers.submit(Submission {
            key,
            ready_s: 0.05 * key as f64,
            entry: 0,
            path: &[],
            data_bits: 0.0,
            cycles: 2.0,
        });
    }
    servers
}

/// Whatever the delay and the losses: what is seen is what a keeper of all rounds would see.
#[test]
fn oracle_rounds_kept_are_those_that_can_be_needed() {
    for delay_s in [0.0, 0.03, 0.1, 0.25, 1.0] {
        let information = Information {
            ttl: 3,
            hop_s: 0.04,
            delay_s,
        };
        let lost = vec![(0.5, 0.9), (1.0, 2.0), (3.05, 3.05)];
        let mut rounds = Rounds::new(schedule(lost, None), &information, Streams::new(0));
        let mut servers = busy_row();
        let mut queues = Queues {
            information: Some(information),
            ..Queues::default()
        };
        for step in 0..400 {
            let now_s = 0.01 * f64::from(step);
            rounds.advance(now_s, &mut servers, &mut queues.rounds, &mut |_| {});
            servers.observe(now_s, &mut queues.present);
            for hops in 1..=3 {
                let travel_s = f64::from(hops) * information.hop_s + delay_s;
                let went_out = |k: &u32| {
                    let s = f64::from(*k) / 10.0;
                    let lost = (0.5..0.9).contains(&s) || (1.0..2.0).contains(&s);
                    !lost && s + travel_s <= now_s
                };
                let expected = (0..400).rev().find(went_out).map(|k| f64::from(k) / 10.0);
                let seen = queues.seen(hops);
                assert_eq!(seen.map(|state| state.time_s), expected, "{now_s} {hops}");
                if let Some(state) = seen {
                    let mut twin = busy_row();
                    twin.run_until(state.time_s, &mut |_| {});
                    let mut then = QueueState::default();
                    twin.observe(state.time_s, &mut then);
                    assert_eq!(state, &then);
                }
            }
            assert!(queues.rounds.len() <= 16);
        }
    }
}

#[test]
fn property_false_reports_have_their_share() {
    let information = Information {
        ttl: 3,
        hop_s: 0.0,
        delay_s: 0.0,
    };
    for kind in [
        Falsehood::Idle,
        Falsehood::Redraw {
            capability: 0.25,
            busy_s: 2.5,
        },
    ] {
        for share in [0.0, 0.3, 1.0] {
            let falsified = Some(FalseReports { share, kind });
            let plan = schedule(Vec::new(), falsified);
            let mut rounds = Rounds::new(plan, &information, Streams::new(1));
            // All cores are busy for the whole test: whoever seems free, or free early, lies.
            let mut servers =
                QueueNetwork::new(line(5), &[0, 2, 4, 6, 8, 10], &[1.0; 5], &[1e3; 10]);
            let (mut kept, mut reports, mut lies, mut free) = (Vec::new(), 0.0, 0.0, 0.0);
            for k in 0..2000 {
                let now_s = f64::from(k) / 10.0;
                rounds.advance(now_s, &mut servers, &mut kept, &mut |_| {});
                let newest = &kept[0];
                assert!(newest.time_s >= now_s && newest.waiting == [0; 5]);
                for cores in newest.core_free_s.chunks(2) {
                    reports += 1.0;
                    if cores.iter().all(|&s| s < 1e3) {
                        lies += 1.0;
                        let idle = cores.iter().filter(|&&s| s <= newest.time_s);
                        free += idle.count() as f64 / 2.0;
                    }
                    let late = cores.iter().all(|&s| s <= newest.time_s + 2.5);
                    assert!(late || cores.iter().all(|&s| s >= 1e3));
                }
            }
            assert!((lies / reports - share).abs() < 0.02, "{share} {lies}");
            let capability = match kind {
                Falsehood::Idle => 1.0,
                Falsehood::Redraw { capability, .. } => capability,
            };
            assert!(lies == 0.0 || (free / lies - capability).abs() < 0.03);
        }
    }
}
