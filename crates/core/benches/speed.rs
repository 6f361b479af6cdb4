//! Speed, as ratios in one run against a named alternative. `cargo bench -p wayside-core`.
//!
//! Every figure that the project claims about speed is measured here; `docs/benchmarks.md` records one
//! run. After Criterion's own lines the ratios are computed from its estimates and printed.

#[path = "../tests/it/conic.rs"]
mod conic;

use std::hint::black_box;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use criterion::{Criterion, Throughput};
use wayside_core::alloc::Allocator;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Bounder, Options, replicate};
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::Streams;
use wayside_core::slot::Decision;
use wayside_core::{Scenario, Slot};

/// That of the program.
#[allow(dead_code)] // its tests, which this harness does not run
#[path = "../../cli/src/allocator.rs"]
mod allocator;

#[global_allocator]
static ALLOCATOR: allocator::ProgramAllocator = allocator::ProgramAllocator;

fn world(overrides: &[(&str, String)]) -> World {
    let overrides: Vec<_> = overrides
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let scenario = Scenario::builtin("wang2025-unbalanced", &overrides).expect("a valid scenario");
    World::new(&scenario).expect("a synthetic world")
}

/// wang2025-unbalanced at its own density of vehicles and RSUs on a larger map: `columns` x `rows` cells of
/// 418 m x 418 m with an RSU in the middle of each and 100/11 vehicles.
fn grown(columns: usize, rows: usize) -> World {
    let text = include_str!("../../../scenarios/wang2025-unbalanced.toml");
    let (head, rest) = text.split_once("[rsu_default]").expect("the default RSU");
    let (rsu, rest) = rest.split_once("[[rsu]]").expect("the list of RSUs");
    let (_, tail) = rest.split_once("[backhaul]").expect("the backhaul");
    let text = format!("{head}[rsu.grid]\nspacing_m = 418\n{rsu}\n[backhaul]{tail}");
    let overrides = [
        ("fleet.size", (columns * rows * 100 / 11).to_string()),
        ("area.width_m", (columns * 418 - 1).to_string()),
        ("area.height_m", (rows * 418 - 1).to_string()),
        ("policy.price.effort", "fast".to_owned()),
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
    let world = world(&[("policy.price.effort", "fast".to_owned())]);
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
            b.iter(|| replicate(&world, &[kind], 0, options).expect("synthetic traffic"));
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
            replicate(&world, &[PolicyKind::Nearest], 0, options).expect("synthetic traffic")
        });
    });
    group.finish();
}

/// Columns, rows and timed slots of maps of 1,000, 9,900 and 100,227 vehicles: each decides about as many tasks.
const GROWTH: [(usize, usize, usize); 3] = [(10, 11, 125), (33, 33, 15), (105, 105, 5)];

/// Slots before the timed ones, so that the prices of every map are equally old.
const WARM_SLOTS: usize = 5;
/// Timings of every map.
const ROUNDS: usize = 9;

/// `price` on one map of `GROWTH`.
struct Grown {
    slots: Vec<Slot>,
    policy: Box<dyn Policy>,
    decision: Decision,
}

impl Grown {
    fn new((columns, rows, timed_slots): (usize, usize, usize)) -> Self {
        let world = grown(columns, rows);
        let mut grown = Self {
            slots: slots(&world, WARM_SLOTS + timed_slots),
            policy: PolicyKind::Price.build(&world.scenario.policy, Streams::new(0)),
            decision: Decision::default(),
        };
        for slot in &grown.slots[..WARM_SLOTS] {
            grown.policy.decide(slot, &mut grown.decision);
        }
        grown
    }

    /// Decides the timed slots; the time per vehicle and slot \[s\].
    fn time_s(&mut self) -> f64 {
        let begin_s = cpu_s();
        let slots = &self.slots[WARM_SLOTS..];
        let mut vehicles = 0;
        for slot in slots {
            self.policy.decide(black_box(slot), &mut self.decision);
            vehicles += slot.tasks.len();
        }
        (cpu_s() - begin_s) / vehicles as f64
    }

    fn links_per_vehicle(&self) -> f64 {
        let slot = &self.slots[WARM_SLOTS];
        slot.coverage.links.len() as f64 / slot.vehicles.len() as f64
    }
}

/// CPU time of this process \[s\], of which a loaded machine takes less than of the time on the wall; that
/// where the system does not tell.
fn cpu_s() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let spent = std::fs::read_to_string("/proc/self/schedstat").ok();
    spent
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// Warm slots of `price` from 1,000 to 100,000 vehicles at constant density. The maps take turns, so that
/// whatever else the machine does meets all of them; medians over the rounds.
fn growth() {
    let mut maps = GROWTH.map(Grown::new);
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        let mut times_s = [0.0; GROWTH.len()];
        for k in [0, 1, 2, 1, 0] {
            let share = if k == 2 { 1.0 } else { 0.5 };
            times_s[k] += share * maps[k].time_s();
        }
        rounds.push(times_s);
    }
    // The first round warms up.
    let median = |figure: &dyn Fn(&[f64; GROWTH.len()]) -> f64| {
        let mut figures: Vec<f64> = rounds[1..].iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    println!();
    for (k, map) in maps.iter().enumerate() {
        println!(
            "price, {} vehicles, {:.2} links each: {:.3} us a vehicle; {:.3} times the first, {:.3} per link",
            map.slots[0].tasks.len(),
            map.links_per_vehicle(),
            median(&|times_s| times_s[k] * 1e6),
            median(&|times_s| times_s[k] / times_s[0]),
            median(&|times_s| times_s[k] / times_s[0]) * maps[0].links_per_vehicle()
                / map.links_per_vehicle(),
        );
    }
}

/// The bound of the largest map of `GROWTH`, as large as it gets and with a tolerance: CPU time of the first slot and of a
/// warm one, and how far the second bound is below.
fn certificates() {
    let (columns, rows, _) = GROWTH[GROWTH.len() - 1];
    let slots = slots(&grown(columns, rows), 5);
    let solve = |tolerance: f64| -> Vec<(f64, f64)> {
        let mut bounder = Bounder::new(BoundKind::Simple).within(tolerance);
        let one = |slot: &Slot| {
            let begin_s = cpu_s();
            let bound = bounder.solve(black_box(slot)).expect("shared CPU");
            (cpu_s() - begin_s, bound)
        };
        slots.iter().map(one).collect()
    };
    let largest = solve(0.0);
    for tolerance in [0.0, 1e-4, 1e-3] {
        let found = solve(tolerance);
        let warm_s = found[1..].iter().map(|(s, _)| s).sum::<f64>() / 4.0;
        let short = |t: usize| 100.0 * (1.0 - found[t].1 / largest[t].1);
        println!(
            "bound within {tolerance}, {} vehicles: first slot {:.2} s, {:.4} % below; then {warm_s:.3} s a slot, {:.4} % below",
            slots[0].tasks.len(),
            found[0].0,
            short(0),
            (1..5).map(short).sum::<f64>() / 4.0,
        );
    }
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
    criterion.final_summary();
    // Not where `cargo test` only sees whether benchmarks run, nor where others are asked for by name.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |argument: &String| argument.starts_with('-') || argument == "growth";
    if arguments.iter().any(|a| a == "--bench") && arguments.iter().all(asked) {
        growth();
        certificates();
    }
    report();
}
