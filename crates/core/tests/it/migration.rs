//! System 2's policies: selectors, routers, OESDA, ECT, and what they do in each other's worlds.

mod policies;

use std::sync::Arc;

use crate::lin::{self, Lin, diamond, run, simulate};
use crate::support::{Recipe, builtin, over_seeds};
use wayside_core::backhaul::Edge;
use wayside_core::backhaul::network::Network;
use wayside_core::outlook::view::View;
use wayside_core::policy::PolicyKind;
use wayside_core::policy::migration::flow::Flow;
use wayside_core::policy::migration::{MigrationKind, Router, RouterKind, Selector, SelectorKind};
use wayside_core::rng::Streams;
use wayside_core::scenario::{MigrationOptions, PolicyOptions};
use wayside_core::slot::{Decision, Paths, Placement, Slot};

fn options() -> PolicyOptions {
    builtin("wang2025", &[]).policy
}

fn decide(name: &str, slot: &Slot) -> Decision {
    let kind = PolicyKind::from_name(name).expect("a policy");
    let mut decision = Decision::default();
    kind.build(&options(), Streams::new(0))
        .decide(slot, &mut decision);
    decision
}

/// Total delay [s], mean over `seeds` batches.
fn total_s(lin: &Lin, name: &str, seeds: u64) -> f64 {
    mean(lin, name, seeds, lin::Ran::total_s)
}

fn mean(lin: &Lin, name: &str, seeds: u64, of: impl Fn(&lin::Ran) -> f64 + Sync) -> f64 {
    let kind = PolicyKind::from_name(name).expect("a policy");
    let options = options();
    let one = |seed| {
        let mut policy = kind.build(&options, Streams::new(seed));
        of(&run(&lin.slot(seed), &mut *policy).0)
    };
    over_seeds(seeds, one).iter().sum::<f64>() / seeds as f64
}

fn lin(capability: f64, num: usize) -> Lin {
    Lin {
        capability,
        num,
        ..Lin::default()
    }
}

/// Random flows over a random network of equal links: `extra` links beyond a tree.
fn random_flows(seed: u64, extra: usize) -> (Slot, Vec<Flow>) {
    let mut stream = Streams::new(seed).stream("flows");
    let servers = 3 + stream.below(12);
    let mut edges: Vec<(u32, u32)> = (1..servers)
        .map(|b| (stream.below(b) as u32, b as u32))
        .collect();
    for _ in 0..extra {
        let (a, b) = (stream.below(servers) as u32, stream.below(servers) as u32);
        let edge = (a.min(b), a.max(b));
        if a != b && !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    let lin = Lin {
        edges,
        servers,
        local: 0,
        num: 1,
        ..Lin::default()
    };
    let flows = (0..1 + stream.below(60) as u32)
        .map(|task| {
            let from = 0;
            let to = 1 + stream.below(servers - 1) as u32;
            let data_bits = stream.uniform(3.2e6, 4e6);
            let source = 0;
            Flow {
                task,
                source,
                from,
                to,
                data_bits,
            }
        })
        .collect();
    (lin.slot(seed), flows)
}

fn route(kind: RouterKind, slot: &Slot, flows: &[Flow]) -> Paths {
    let mut view = View::default();
    view.observe(slot, 100);
    let mut router = Router::new(kind, &options().migration.pacb, Streams::new(1));
    let mut paths = Paths::default();
    router.route(&slot.network, &view, flows, &mut paths);
    for (i, flow) in flows.iter().enumerate() {
        assert_leads(&slot.network, paths.of(i), flow.from, flow.to);
    }
    paths
}

/// A simple path from one server to the other.
fn assert_leads(network: &Network, path: &[u32], from: u32, to: u32) {
    let mut been = vec![from];
    for &row in path {
        let link = &network.links()[row as usize];
        assert_eq!(link.from, *been.last().expect("at least one"));
        assert!(!been.contains(&link.to), "a path without loops");
        been.push(link.to);
    }
    assert_eq!(*been.last().expect("at least one"), to);
}

/// Most bits on any link.
fn largest_load(slot: &Slot, flows: &[Flow], paths: &Paths) -> f64 {
    let mut load = vec![0.0; slot.network.links().len()];
    for (i, flow) in flows.iter().enumerate() {
        for &row in paths.of(i) {
            load[row as usize] += flow.data_bits;
        }
    }
    load.into_iter().fold(0.0, f64::max)
}

/// On a tree there is but one simple path per pair.
#[test]
fn closed_form_all_routers_agree_on_a_tree() {
    for seed in 0..100 {
        let (slot, flows) = random_flows(seed, 0);
        let dijkstra = route(RouterKind::Dijkstra, &slot, &flows);
        assert_eq!(dijkstra, route(RouterKind::Pacb, &slot, &flows));
        assert_eq!(dijkstra, route(RouterKind::Ospf, &slot, &flows));
    }
}

#[test]
fn property_pacb_never_loads_a_link_more_than_dijkstra() {
    let mut better = 0;
    for seed in 0..1000 {
        let (slot, flows) = random_flows(seed, 1 + seed as usize % 20);
        let of = |kind| largest_load(&slot, &flows, &route(kind, &slot, &flows));
        let (pacb, dijkstra) = (of(RouterKind::Pacb), of(RouterKind::Dijkstra));
        assert!(
            pacb <= dijkstra * (1.0 + 1e-12),
            "seed {seed}: {pacb} {dijkstra}"
        );
        better += usize::from(pacb < dijkstra * 0.99);
    }
    assert!(better > 300, "{better}");
}

/// Dijkstra's path is as short as the shortest of all simple ones, which PACB's first candidate is.
#[test]
fn oracle_dijkstra_is_the_best_simple_path() {
    use wayside_core::backhaul::paths::PathCache;
    use wayside_core::backhaul::search::{Dijkstra, static_cost_s};
    for seed in 0..100 {
        let (slot, _) = random_flows(seed, 10);
        let (mut dijkstra, mut cache) = (Dijkstra::default(), PathCache::new(1, 4));
        dijkstra.follow(&slot.network);
        cache.follow(&slot.network);
        let cost_s = |path: &[u32]| -> f64 {
            let links = path.iter().map(|&row| &slot.network.links()[row as usize]);
            links.map(static_cost_s).sum()
        };
        for to in 1..slot.rsus.len() as u32 {
            let best = cache.between(0, to).start;
            let (found, best) = (cost_s(dijkstra.path(0, to)), cost_s(cache.path(best)));
            assert!(
                (found - best).abs() <= 1e-12 * best,
                "seed {seed}: {found} {best}"
            );
        }
    }
}

/// Two ways of two hops: OSPF and PACB halve what Dijkstra sends along one.
#[test]
fn closed_form_a_square_splits() {
    let square = Lin {
        edges: vec![(0, 1), (0, 2), (1, 3), (2, 3)],
        servers: 4,
        local: 0,
        num: 1,
        ..Lin::default()
    };
    let slot = square.slot(0);
    let flows: Vec<Flow> = (0..10)
        .map(|task| Flow {
            task,
            source: 0,
            from: 0,
            to: 3,
            data_bits: 4e6,
        })
        .collect();
    let load = |kind| largest_load(&slot, &flows, &route(kind, &slot, &flows)) / 4e6;
    assert!((load(RouterKind::Dijkstra) - 10.0).abs() < 1e-9);
    assert!((load(RouterKind::Ospf) - 5.0).abs() < 1e-9);
    assert!((load(RouterKind::Pacb) - 5.0).abs() < 1e-9);
}

/// The selection by the spec's formulas, computed plainly for the first task: all counts are zero, so
/// that x4 = x5 = x6 = 1 and only the snapshot counts.
#[test]
fn closed_form_first_choice_of_wvahp() {
    for seed in 0..50 {
        let slot = lin(0.4, 1).slot(seed);
        let mut view = View::default();
        view.observe(&slot, 3);
        let candidates = view.candidates(0);
        let wait = |i: usize| view.cores(i).iter().copied().fold(f64::INFINITY, f64::min);
        let longest = candidates.clone().map(wait).fold(0.0, f64::max);
        let pair = |a: f64, b: f64| (a.powf(0.3) + b.powf(0.3)) / (a.powf(-0.7) + b.powf(-0.7));
        let score = |i: usize| {
            let free = view.cores(i).iter().filter(|&&f| f <= 0.0).count() as f64;
            let computing = pair(
                (free + 0.25) / 6.25,
                1.0 - 0.95 * wait(i) / longest.max(1e-300),
            );
            let network = pair(f64::from(4 - view.servers[i].hops) / 3.0, 1.0);
            let groups = [(0.5, computing), (0.25, network), (0.25, 1.0)];
            let value: f64 = groups.iter().map(|(w, x)| w * x.powf(0.3)).sum();
            value / groups.iter().map(|(w, x)| w * x.powf(-0.7)).sum::<f64>()
        };
        let best = candidates.clone().map(score).fold(0.0, f64::max);
        let standard = MigrationOptions::default();
        let mut selector = Selector::new(SelectorKind::Wvahp, &standard, Streams::new(0));
        selector.begin(&view);
        let chosen = selector.select(&view, &view.tasks[0]).expect("neighbours");
        assert!((score(chosen) - best).abs() < 1e-12, "seed {seed}");
    }
}

/// Fig. 10: every server idle, tasks from random servers; mean over 50 runs of the standard deviation of
/// the counts. The prototype's are .31/.40, .50/.54, .38/.61, .50/.62.
#[test]
fn regress_wvahp_spreads_more_evenly_than_aahp() {
    let prototype = [
        (20, 0.31, 0.40),
        (30, 0.50, 0.54),
        (40, 0.38, 0.61),
        (50, 0.50, 0.62),
    ];
    for (num, wvahp, aahp) in prototype {
        let batch = Lin {
            anywhere: true,
            ..lin(1.0, num)
        };
        let group = |kind, seeds: std::ops::Range<u64>| {
            let many = (seeds.end - seeds.start) as f64;
            seeds.map(|seed| deviation(&batch, kind, seed)).sum::<f64>() / many
        };
        for first in (0..50).step_by(10) {
            let (w, a) = (
                group(SelectorKind::Wvahp, first..first + 10),
                group(SelectorKind::Aahp, first..first + 10),
            );
            assert!(w < a, "num {num}, group {first}: {w} {a}");
        }
        let (w, a) = (
            group(SelectorKind::Wvahp, 0..50),
            group(SelectorKind::Aahp, 0..50),
        );
        assert!(
            (w - wvahp).abs() < 0.03 && (a - aahp).abs() < 0.05,
            "num {num}: {w} {a}"
        );
    }
}

fn deviation(batch: &Lin, kind: SelectorKind, seed: u64) -> f64 {
    let slot = batch.slot(seed);
    let mut view = View::default();
    view.observe(&slot, 3);
    let mut selector = Selector::new(kind, &MigrationOptions::default(), Streams::new(seed));
    selector.begin(&view);
    let mut counts = vec![0.0; batch.servers];
    for task in &view.tasks {
        let server = selector.select(&view, task).expect("neighbours");
        counts[view.servers[server].rsu as usize] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let squares = counts.iter().map(|c: &f64| (c - mean).powi(2)).sum::<f64>();
    (squares / counts.len() as f64).sqrt()
}

#[test]
fn regress_total_delay_of_mcatm() {
    for (capability, prototype_s) in [(0.2, 13.9), (0.4, 10.5), (0.6, 10.2), (0.8, 10.1)] {
        let found_s = total_s(&lin(capability, 50), "mcatm", 60);
        assert!(
            (found_s / prototype_s - 1.0).abs() < 0.03,
            "{capability}: {found_s}"
        );
    }
}

#[test]
fn regress_on_time_share_of_mcatm() {
    for (num, prototype) in [(40, 0.929), (50, 0.805)] {
        let found = mean(&lin(0.3, num), "mcatm", 60, lin::Ran::on_time);
        assert!((found - prototype).abs() < 0.03, "{num}: {found}");
    }
}

/// Fig. 13 where the prototype found it to hold.
#[test]
fn paper_order_of_total_delays() {
    for capability in [0.2, 0.4, 0.6, 0.8] {
        for num in [20, 30, 40, 50] {
            let of = |name| total_s(&lin(capability, num), name, 60);
            let (mcatm, ratom, ratos, oesda) = (of("mcatm"), of("ratom"), of("ratos"), of("oesda"));
            let cell = format!("{capability} {num}: {mcatm} {ratom} {ratos} {oesda}");
            // At 80 % and 20 tasks nearly all is idle and the prototype's order fails too.
            if (capability, num) != (0.8, 20) {
                // a tie at 60 % and 20 tasks: 0.05 %
                let slack = if (capability, num) == (0.6, 20) {
                    1e-3
                } else {
                    0.0
                };
                assert!(mcatm <= ratom * (1.0 + slack), "{cell}");
                assert!(ratom <= ratos, "{cell}");
            }
            if capability < 0.3 {
                assert_eq!(oesda < mcatm, num > 30, "{cell}");
            }
            let below = capability < 0.3 || capability < 0.5 && num >= 40;
            assert_eq!(oesda < ratos, below, "{cell}");
        }
    }
}

/// Figs. 11 and 12: random destinations, nothing waits for a core.
#[test]
fn paper_order_of_routers() {
    for data_bytes in [(500e3, 500e3), (400e3, 500e3)] {
        for num in (5..=50).step_by(5) {
            let batch = Lin {
                num,
                data_bytes,
                ..Lin::default()
            };
            let of = |name: &str| {
                let kind = PolicyKind::from_name(name).expect("a policy");
                let options = options();
                let one = |seed| {
                    let mut slot = batch.slot(seed);
                    slot.tasks.deadline_s.fill(0.0);
                    slot.tasks.cycles.fill(1.0);
                    let queues = slot.queues.as_mut().expect("queues");
                    queues.present.core_free_s.fill(0.0);
                    let (ran, _) = run(&slot, &mut *kind.build(&options, Streams::new(seed)));
                    let many = ran.migration_s.len() as f64;
                    (ran.migration_s.iter().sum::<f64>() / many, ran.links as f64)
                };
                let all = over_seeds(60, one);
                all.iter()
                    .fold((0.0, 0.0), |(d, l), (delay, links)| (d + delay, l + links))
            };
            let (dijkstra, ospf, pacb) =
                (of("random-dijkstra"), of("random-ospf"), of("random-pacb"));
            let cell = format!("{num} {data_bytes:?}: {dijkstra:?} {ospf:?} {pacb:?}");
            assert!(pacb.0 < dijkstra.0, "{cell}");
            assert!(
                ospf.0 <= pacb.0 * 1.005 && pacb.0 <= ospf.0 * 1.025,
                "{cell}"
            );
            assert!(pacb.1 > ospf.1 && ospf.1 > dijkstra.1, "{cell}");
        }
    }
}
