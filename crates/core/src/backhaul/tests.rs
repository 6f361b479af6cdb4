mod topologies;

use super::*;
use crate::rng::{Stream, Streams};
use petgraph::graph::{NodeIndex, UnGraph};
use std::ops::Add;
use std::path::{Path, PathBuf};

fn edge(a: u32, b: u32, rate_bps: f64) -> Edge {
    Edge {
        a,
        b,
        rate_bps,
        length_m: 0.0,
        backlog_bits: 0.0,
    }
}

/// Fewest hops first, then least time.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
struct Cost(u32, f64);

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

/// A random multigraph whose rates are few, so that ties are many.
fn random_links(rng: &mut Stream, rsus: usize, links: usize) -> Vec<Edge> {
    let end = |rng: &mut Stream| u32::try_from(rng.below(rsus)).unwrap();
    (0..links)
        .map(|_| {
            let (a, b) = (end(rng), end(rng));
            let rate = [1e9, 2e9, 4e9][rng.below(3)];
            Edge {
                backlog_bits: 1e6 * rng.unit(),
                ..edge(a, b, rate)
            }
        })
        .collect()
}

#[test]
fn oracle_routes_agree_with_dijkstra() {
    let mut rng = Streams::new(1).stream("routes");
    for _ in 0..60 {
        let rsus = 1 + rng.below(24);
        let count = rng.below(2 * rsus);
        let links = random_links(&mut rng, rsus, count);
        let max_hops = rng.below(5);
        agree_with_dijkstra(rsus, &links, max_hops);
    }
}

fn agree_with_dijkstra(rsus: usize, links: &[Edge], max_hops: usize) {
    let routes = Routes::build(rsus, links, max_hops);
    let mut graph = UnGraph::<(), f64>::default();
    for _ in 0..rsus {
        graph.add_node(());
    }
    for link in links {
        graph.add_edge(link.a.into(), link.b.into(), link.rate_bps.recip());
    }
    for m in 0..u32::try_from(rsus).unwrap() {
        let all = petgraph::algo::dijkstra(&graph, m.into(), None, |e| Cost(1, *e.weight()));
        let mut within: Vec<(u32, u32, f64)> = all
            .iter()
            .filter(|(_, cost)| cost.0 as usize <= max_hops)
            .map(|(node, cost)| (cost.0, u32::try_from(node.index()).unwrap(), cost.1))
            .collect();
        within.sort_by(|p, q| p.partial_cmp(q).unwrap());
        let found: Vec<_> = routes
            .targets(m)
            .iter()
            .map(|t| (t.hops, t.rsu, t.seconds_per_bit))
            .collect();
        assert_eq!(found, within);
        assert_eq!(
            routes.beyond[m as usize].is_some(),
            all.len() > within.len()
        );

        let beyond = all.values().filter(|c| c.0 as usize > max_hops);
        for (cost, bound) in beyond.zip(routes.beyond[m as usize].iter().cycle()) {
            assert!(bound.hops <= cost.0 && bound.seconds_per_bit <= cost.1 * (1.0 + 1e-12));
        }
        for target in routes.targets(m) {
            assert_eq!(routes.find(m, target.rsu), Some(target));
            let path = routes.path(m, target.rsu).unwrap();
            assert_eq!((path[0], path.len()), (m, target.hops as usize + 1));
            if target.rsu != m {
                let smallest = graph
                    .neighbors(NodeIndex::from(target.rsu))
                    .filter(|&p| {
                        graph.edges_connecting(p, target.rsu.into()).any(|e| {
                            all[&p] + Cost(1, *e.weight()) == all[&NodeIndex::from(target.rsu)]
                        })
                    })
                    .min()
                    .unwrap();
                assert_eq!(target.previous as usize, smallest.index());
            }
        }
    }
}

#[test]
fn closed_form_routes_of_a_path() {
    let mut links = vec![
        edge(0, 1, 1e9),
        edge(1, 2, 2e9),
        edge(2, 3, 1e9),
        edge(1, 0, 5e8),
    ];
    links[1].backlog_bits = 2e6;
    let routes = Routes::build(5, &links, 2);
    let far = routes.find(0, 2).unwrap();
    assert_eq!((far.hops, far.previous), (2, 1));
    assert!((far.seconds_per_bit - 1.5e-9).abs() < 1e-24 && (far.wait_s - 1e-3).abs() < 1e-15);
    assert_eq!(routes.path(0, 2), Some(vec![0, 1, 2]));
    assert_eq!((routes.find(0, 3), routes.path(0, 3)), (None, None));
    let beyond = routes.beyond[0].unwrap();
    assert_eq!(beyond.hops, 3);
    assert!((beyond.seconds_per_bit - 1.5e-9).abs() < 1e-24);
    assert_eq!((routes.beyond[1], routes.beyond[4]), (None, None));
    assert_eq!(routes.targets(4).len(), 1);
}

#[test]
fn closed_form_grid_of_11000_rsus() {
    let (columns, lines) = (110_u32, 100_u32);
    let at = |i: u32, j: u32| j * columns + i;
    let mut links = Vec::new();
    for j in 0..lines {
        for i in 0..columns {
            if i + 1 < columns {
                links.push(edge(at(i, j), at(i + 1, j), 1e9));
            }
            if j + 1 < lines {
                links.push(edge(at(i, j), at(i, j + 1), 1e9));
            }
        }
    }
    let routes = Routes::build((columns * lines) as usize, &links, 6);
    // A diamond of radius 6 holds 2 * 6 * 7 + 1 places.
    assert_eq!(routes.targets(at(50, 50)).len(), 85);
    assert_eq!(routes.find(at(50, 50), at(53, 47)).unwrap().hops, 6);
    assert!(routes.beyond.iter().all(|b| b.is_some_and(|b| b.hops == 7)));
}

#[test]
fn oracle_links_within_agree_with_all_pairs() {
    let mut rng = Streams::new(2).stream("links");
    for (count, max_m) in [(0, 10.0), (1, 10.0), (300, 90.0), (300, 0.0), (40, 1e9)] {
        // Positions on a lattice, so that many pairs lie exactly at the limit.
        let mut place = || (rng.below(100) as f64 - 50.0) * 9.0;
        let (x_m, y_m): (Vec<f64>, Vec<f64>) = (0..count).map(|_| (place(), place())).unzip();
        let mut slow = Vec::new();
        for a in 0..count {
            for b in a + 1..count {
                if (x_m[a] - x_m[b]).hypot(y_m[a] - y_m[b]) <= max_m {
                    slow.push((u32::try_from(a).unwrap(), u32::try_from(b).unwrap()));
                }
            }
        }
        let fast = links_within(&x_m, &y_m, max_m, 1e9).unwrap();
        let fast: Vec<_> = fast.iter().map(|e| (e.a, e.b)).collect();
        assert_eq!(fast, slow);
    }
}

fn rsu(id: &str, x_m: f64) -> Rsu {
    Rsu {
        id: id.into(),
        x_m,
        y_m: 0.0,
        range_m: 500.0,
        bandwidth_hz: 1e8,
        cpu_hz: 1e10,
        cores: 1,
        energy_coeff: 1e-28,
        lon_lat: None,
    }
}

fn backhaul(links: LinkRule) -> scenario::Backhaul {
    scenario::Backhaul {
        links,
        rate_bps: 1e9,
        migration_power_w: 0.5,
        max_hops: 6,
        propagation_s_per_m: 0.0,
        length_scale: 1.0,
        allow_disconnected: false,
    }
}

fn link(a: &str, b: &str, rate_bps: Option<f64>) -> scenario::Link {
    scenario::Link {
        a: a.into(),
        b: b.into(),
        rate_bps,
        length_m: None,
    }
}

#[test]
fn closed_form_edges_of_every_rule() {
    let rsus = [rsu("r0", 0.0), rsu("r1", 100.0), rsu("r2", 300.0)];
    let near = edges(&backhaul(LinkRule::Distance(150.0)), &rsus).unwrap();
    assert_eq!(
        near.iter().map(|e| (e.a, e.b)).collect::<Vec<_>>(),
        [(0, 1)]
    );

    // 3200 * 3199 / 2 pairs
    let crowd = vec![rsu("r", 0.0); 3200];
    let message = edges(&backhaul(LinkRule::Distance(1.0)), &crowd).unwrap_err();
    assert_eq!(
        message.to_string(),
        "scenario: backhaul.max_distance_m: links more than 5000000 pairs of RSUs"
    );

    let links = vec![
        link("r2", "r1", None),
        link("r1", "r2", Some(4e9)),
        link("r0", "r1", None),
    ];
    let listed = edges(&backhaul(LinkRule::Explicit(links)), &rsus).unwrap();
    let expected = [
        Edge {
            length_m: 100.0,
            ..edge(0, 1, 1e9)
        },
        Edge {
            length_m: 200.0,
            ..edge(1, 2, 4e9)
        },
    ];
    assert_eq!(listed, expected);

    let wrong = vec![link("r9", "r1", None), link("r1", "r1", None)];
    let message = edges(&backhaul(LinkRule::Explicit(wrong)), &rsus)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("backhaul.links[0].a: there is no RSU \"r9\""),
        "{message}"
    );
    assert!(
        message.contains("backhaul.links[1].b: links RSU \"r1\" to itself"),
        "{message}"
    );
}

#[test]
fn closed_form_edges_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.json");
    std::fs::write(&path, topologies::SMALL_JSON).unwrap();
    let rule = backhaul(LinkRule::File(path));
    let three = [rsu("r0", 0.0), rsu("r1", 100.0), rsu("r2", 300.0)];
    let expected = [
        Edge {
            length_m: 1500.0,
            ..edge(0, 1, 4e9)
        },
        Edge {
            length_m: 200.0,
            ..edge(1, 2, 1e9)
        },
    ];
    assert_eq!(edges(&rule, &three).unwrap(), expected);

    let message = edges(&rule, &three[..2]).unwrap_err().to_string();
    assert!(
        message.contains("has 3 nodes, but the scenario has 2 RSUs"),
        "{message}"
    );
    let absent = backhaul(LinkRule::File(folder.path().join("absent")));
    assert!(matches!(edges(&absent, &three), Err(Error::Io { .. })));
}

/// Dense graphs, where nearly all is one layer.
#[test]
fn oracle_routes_of_dense_graphs_agree_with_dijkstra() {
    let mut rng = Streams::new(2).stream("dense");
    for round in 0..40 {
        let rsus = 2 + rng.below(12);
        let links: Vec<Edge> = (0..rsus as u32)
            .flat_map(|a| (a + 1..rsus as u32).map(move |b| (a, b)))
            .filter(|_| round % 4 == 0 || rng.below(8) > 0)
            .map(|(a, b)| {
                edge(
                    a,
                    b,
                    [1e9, 2e9, 3e9][(a as usize + 3 * b as usize + round) % 3],
                )
            })
            .collect();
        agree_with_dijkstra(rsus, &links, rng.below(4));
    }
}

/// A search of every layer of a complete graph of 1000 would take a billion steps.
#[test]
fn property_a_complete_graph_is_no_cubic_work() {
    let complete = |rsus: u32| (0..rsus).flat_map(move |a| (a + 1..rsus).map(move |b| (a, b)));
    let links: Vec<Edge> = complete(1000).map(|(a, b)| edge(a, b, 1e9)).collect();
    let routes = Routes::build_within(1000, &links, 6, 1_000_000).unwrap();
    assert_eq!(routes.targets.len(), 1_000_000);
    // without a link between the two of each pair there is a second layer, of one
    let pairs: Vec<Edge> = links
        .iter()
        .copied()
        .filter(|e| e.a / 2 != e.b / 2)
        .collect();
    let routes = Routes::build_within(1000, &pairs, 6, 4_000_000).unwrap();
    assert_eq!(routes.targets.len(), 1_000_000);
    // half of all links, equally fast: of many neighbours the first will do
    let mut rng = Streams::new(5).stream("half");
    let mut half: Vec<Edge> = links.into_iter().filter(|_| rng.unit() < 0.5).collect();
    let routes = Routes::build_within(1000, &half, 6, 10_000_000).unwrap();
    assert_eq!(routes.targets.len(), 1_000_000);
    // differently fast: all have to be looked at
    for edge in &mut half {
        edge.rate_bps = rng.uniform(1e9, 2e9);
    }
    assert_eq!(Routes::build_within(1000, &half, 6, 100_000_000), None);
}
