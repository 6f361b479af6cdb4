//! Time to decide a batch: `cargo bench -p wayside-core --bench migration`.
//!
//! The paper's Fig. 16: 5 vehicles with 5-15 tasks each and 5 neighbours 41 ms, 55-65 tasks each 91 ms,
//! 30 neighbours 53 ms. Its neighbours' places are unknown; here they are the nearest of a square grid.

#[path = "../tests/it/lin.rs"]
mod lin;

use std::hint::black_box;

use criterion::Criterion;
use lin::Lin;
use wayside_core::Scenario;
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::slot::{Decision, Slot};

/// A server with its `neighbours` nearest on a square grid (within three hops for up to 24).
fn grid(neighbours: usize) -> (usize, Vec<(u32, u32)>) {
    let mut places: Vec<(i32, i32)> = (-4..=4)
        .flat_map(|x| (-4..=4).map(move |y| (x, y)))
        .collect();
    places.sort_by_key(|&(x, y): &(i32, i32)| (x.abs() + y.abs(), x * x + y * y, x, y));
    places.truncate(neighbours + 1);
    let mut edges = Vec::new();
    for (a, p) in (0..).zip(&places) {
        for (b, q) in (0..).zip(&places).take(a as usize) {
            if (p.0 - q.0).abs() + (p.1 - q.1).abs() == 1 {
                edges.push((b, a));
            }
        }
    }
    (places.len(), edges)
}

/// Batches of `least..=most` tasks, at capabilities from 10 to 90 %.
fn batches(neighbours: usize, (least, most): (usize, usize)) -> Vec<Slot> {
    let (servers, edges) = grid(neighbours);
    (0..36)
        .map(|seed| {
            let lin = Lin {
                servers,
                edges: edges.clone(),
                local: 0,
                num: least + (most - least) * seed as usize / 35,
                capability: 0.1 + 0.1 * (seed % 9) as f64,
                ..Lin::default()
            };
            lin.slot(seed)
        })
        .collect()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    // 30 neighbours lie up to four hops away
    let sets = [("policy.migration.max_hops".to_owned(), "4".to_owned())];
    let options = Scenario::builtin("wang2025", &sets).expect("valid").policy;
    for (name, neighbours, tasks) in [
        ("5-neighbours-25-75", 5, (25, 75)),
        ("5-neighbours-275-325", 5, (275, 325)),
        ("30-neighbours-25-75", 30, (25, 75)),
        ("20-neighbours-50", 20, (50, 50)),
    ] {
        let slots = batches(neighbours, tasks);
        let mut group = criterion.benchmark_group(name);
        for policy in ["mcatm", "ratom", "ect"] {
            let kind = PolicyKind::from_name(policy).expect("a policy");
            let mut decider = kind.build(&options, Streams::new(0));
            let (mut decision, mut next) = (Decision::default(), 0);
            slots
                .iter()
                .for_each(|slot| decider.decide(slot, &mut decision));
            group.bench_function(policy, |b| {
                b.iter(|| {
                    decider.decide(black_box(&slots[next % slots.len()]), &mut decision);
                    next += 1;
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
