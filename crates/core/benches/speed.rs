//! Speed, as ratios in one run against a named alternative. `cargo bench -p wayside-core`.
//!
//! Every figure that the project claims about speed is measured here; `docs/benchmarks.md` records one
//! run. After Criterion's own lines the ratios are computed from its estimates and printed.

#[path = "../tests/it/conic.rs"]
mod conic;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;

use criterion::{Criterion, Throughput};
use wayside_core::alloc::Allocator;
use wayside_core::decision::Decision;
use wayside_core::engine::world::{Traffic, World};
use wayside_core::engine::{BoundKind, Options, replicate};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::{Scenario, Slot};

fn world(overrides: &[(&str, String)]) -> World {
    let overrides: Vec<_> = overrides
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let scenario = Scenario::builtin("wang2025", &overrides).expect("a valid scenario");
    World::new(&scenario).expect("a synthetic world")
}

/// wang2025 at its own density of vehicles and RSUs on a larger map: `columns` x `rows` cells of
/// 418 m x 418 m with an RSU in the middle of each and 100/11 vehicles.
fn grown(columns: usize, rows: usize) -> World {
    let text = include_str!("../../../scenarios/wang2025.toml");
    let (head, rest) = text.split_once("[rsu_default]").expect("the default RSU");
    let (rsu, rest) = rest.split_once("# 11 RSUs").expect("the list of RSUs");
    let (_, tail) = rest.split_once("[backhaul]").expect("the backhaul");
    let text = format!("{head}[rsu.grid]\nspacing_m = 418\n{rsu}\n[backhaul]{tail}");
    let overrides = [
        ("fleet.size", (columns * rows * 100 / 11).to_string()),
        ("area.width_m", (columns * 418 - 1).to_string()),
        ("area.height_m", (rows * 418 - 1).to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let scenario = Scenario::from_toml("grown", &text, &overrides).expect("a valid scenario");
    let world = World::new(&scenario).expect("a synthetic world");
    assert_eq!(world.rsus.len(), columns * rows);
    world
}

/// The first `count` slots of seed 0.
fn slots(world: &World, count: usize) -> Vec<Slot> {
    let mut traffic = Traffic::new(world, Streams::new(0)).expect("synthetic traffic");
    let mut slot = world.empty_slot();
    (0..count)
        .map(|t| {
            traffic.advance(t, &mut slot).expect("synthetic traffic");
            slot.clone()
        })
        .collect()
}

fn p2(c: &mut Criterion, name: &str, enforce: bool) {
    let world = world(&[
        ("load_balance.enforce", enforce.to_string()),
        ("load_balance.alpha", "0".to_owned()),
    ]);
    let slot = slots(&world, 1).remove(0);
    let mut decision = Decision::default();
    PolicyKind::Nearest
        .build(&world.scenario.policy, Streams::new(0))
        .decide(&slot, &mut decision);
    let mut group = c.benchmark_group(name);
    let (mut allocator, mut cpu_hz) = (Allocator::default(), Vec::new());
    group.bench_function("ours", |b| {
        b.iter(|| allocator.solve(black_box(&slot), &decision.placements, &[], &mut cpu_hz));
    });
    group.sample_size(10).bench_function("clarabel", |b| {
        b.iter(|| conic::clarabel(black_box(&slot), &decision.placements, &[]));
    });
    group.finish();
}

/// Decisions on warm slots, one after the other.
fn decisions(c: &mut Criterion) {
    let world = world(&[]);
    let slots = slots(&world, 32);
    let mut group = c.benchmark_group("slot-100");
    for kind in [
        PolicyKind::BestResponse,
        PolicyKind::Price,
        PolicyKind::LocalSearch,
    ] {
        let mut policy = kind.build(&world.scenario.policy, Streams::new(0));
        let (mut decision, mut next) = (Decision::default(), 0);
        group.bench_function(kind.info().name, |b| {
            b.iter(|| {
                policy.decide(black_box(&slots[next % slots.len()]), &mut decision);
                next += 1;
            });
        });
    }
    group.finish();
}

/// The whole engine: traffic, coverage, decision, P2, accounting.
fn engine(c: &mut Criterion) {
    let world = world(&[]);
    let mut group = c.benchmark_group("engine-100");
    let options = Options {
        slots: 100,
        bound: BoundKind::Off,
    };
    group
        .throughput(Throughput::Elements(100 * 100))
        .sample_size(20);
    for kind in [PolicyKind::Nearest, PolicyKind::Price] {
        group.bench_function(kind.info().name, |b| {
            b.iter(|| {
                replicate(&world, &[kind], 0, options, &mut |_, _| {
                    ControlFlow::Continue(())
                })
                .expect("synthetic traffic")
            });
        });
    }
    group.finish();
}

/// 1,000 s of ring-fifo: 100,000 tasks through mobility, coverage, queues and accounting.
fn queues(c: &mut Criterion) {
    let scenario = Scenario::builtin("ring-fifo", &[]).expect("a valid scenario");
    let world = World::new(&scenario).expect("a synthetic world");
    let mut group = c.benchmark_group("ring-fifo");
    let options = Options {
        slots: 1000,
        bound: BoundKind::Off,
    };
    group
        .throughput(Throughput::Elements(100_000))
        .sample_size(20);
    group.bench_function("nearest", |b| {
        b.iter(|| {
            let go_on = &mut |_: usize, _: &Slot| ControlFlow::Continue(());
            replicate(&world, &[PolicyKind::Nearest], 0, options, go_on).expect("synthetic traffic")
        });
    });
    group.finish();
}

/// Maps of 1,000, 9,900 and 100,227 vehicles.
const GROWTH: [(usize, usize); 3] = [(10, 11), (33, 33), (105, 105)];

/// A warm slot of `price` from 1,000 to 100,000 vehicles at constant density.
fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("growth");
    group.sample_size(10);
    for (columns, rows) in GROWTH {
        let world = grown(columns, rows);
        let slots = slots(&world, 6);
        let mut policy = PolicyKind::Price.build(&world.scenario.policy, Streams::new(0));
        let mut decision = Decision::default();
        for slot in &slots {
            policy.decide(slot, &mut decision);
        }
        // Five warm slots per iteration: how many steps the prices take differs from slot to slot.
        group.bench_function(format!("price-{columns}x{rows}"), |b| {
            b.iter(|| {
                for slot in &slots[1..] {
                    policy.decide(black_box(slot), &mut decision);
                }
            });
        });
    }
    group.finish();
}

/// Median time of one benchmark of this run \[s\].
fn median_s(id: &str) -> Option<f64> {
    let target = std::env::var("CARGO_TARGET_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").to_owned());
    let path = Path::new(&target)
        .join("criterion")
        .join(id)
        .join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    Some(estimates["median"]["point_estimate"].as_f64()? * 1e-9)
}

/// Time per vehicle on a map of `GROWTH` over that on the first.
fn growth_ratio(index: usize) -> Option<f64> {
    let per_cell = |(columns, rows): (usize, usize)| {
        Some(median_s(&format!("growth/price-{columns}x{rows}"))? / (columns * rows) as f64)
    };
    Some(per_cell(GROWTH[index])? / per_cell(GROWTH[0])?)
}

fn report() {
    let ratio = |over: &str, under: &str| Some(median_s(over)? / median_s(under)?);
    let lines = [
        (
            "P2 without (16e), Clarabel / ours",
            ratio("p2/clarabel", "p2/ours"),
            ">= 50",
        ),
        (
            "P2 with (16e), Clarabel / ours",
            ratio("p2-16e/clarabel", "p2-16e/ours"),
            ">= 10",
        ),
        (
            "best-response at N = 100 [ms]",
            median_s("slot-100/best-response").map(|s| s * 1e3),
            "<= 0.2",
        ),
        (
            "price with its bound at N = 100 [ms]",
            median_s("slot-100/price").map(|s| s * 1e3),
            "<= 1",
        ),
        (
            "local-search / price",
            ratio("slot-100/local-search", "slot-100/price"),
            "",
        ),
        (
            "engine with nearest [million task decisions/s]",
            median_s("engine-100/nearest").map(|s| 1e4 / s * 1e-6),
            ">= 1",
        ),
        (
            "ring-fifo with nearest [million tasks/s]",
            median_s("ring-fifo/nearest").map(|s| 1e5 / s * 1e-6),
            ">= 1",
        ),
        (
            "price, per vehicle, 9,900 / 1,000",
            growth_ratio(1),
            "<= 1.3",
        ),
        (
            "price, per vehicle, 100,227 / 1,000",
            growth_ratio(2),
            "<= 1.3",
        ),
    ];
    println!();
    for (what, value, target) in lines {
        if let Some(value) = value {
            println!("{what:50} {value:9.3}  {target}");
        }
    }
    if let Some(peak) = peak_memory_mib() {
        println!("{:50} {peak:9.0}", "peak memory of this process [MiB]");
    }
}

fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    p2(&mut criterion, "p2", false);
    p2(&mut criterion, "p2-16e", true);
    decisions(&mut criterion);
    engine(&mut criterion);
    queues(&mut criterion);
    growth(&mut criterion);
    criterion.final_summary();
    report();
}
