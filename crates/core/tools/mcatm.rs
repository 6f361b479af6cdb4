//! A tool for the pages of system 2: the cells of the paper's figures, with policies of any options.
//! `cargo run --release -p wayside-core --example mcatm -- cells 60`.

#[path = "../tests/it/lin.rs"]
mod lin;

use lin::Lin;
use wayside_core::Scenario;
use wayside_core::bound::queues::{QueueBound, Venues};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate};
use wayside_core::outlook::view::View;
use wayside_core::policy::PolicyKind;
use wayside_core::policy::migration::{Selector, SelectorKind};
use wayside_core::rng::Streams;
use wayside_core::scenario::PolicyOptions;

const CAPABILITIES: [f64; 10] = [0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90];
const NUMS: [usize; 4] = [20, 30, 40, 50];

fn kind(name: &str) -> PolicyKind {
    PolicyKind::from_name(name).expect("a policy")
}

/// Mean total delay [s] and on-time share over the seeds.
fn cell(lin: &Lin, name: &str, options: &PolicyOptions, seeds: std::ops::Range<u64>) -> (f64, f64) {
    let n = seeds.end - seeds.start;
    let (mut total_s, mut on_time) = (0.0, 0.0);
    for seed in seeds {
        let slot = lin.slot(seed);
        let mut policy = kind(name).build(options, Streams::new(seed));
        let (ran, _) = lin::run(&slot, &mut *policy);
        total_s += ran.total_s();
        on_time += ran.on_time();
    }
    (total_s / n as f64, on_time / n as f64)
}

/// Gain over MCATM and gap to the bound in every cell: means, intervals, worst cells.
// Long: one nested loop over cells, and what it prints.
fn gain(options: &PolicyOptions, seeds: std::ops::Range<u64>) {
    let many = (seeds.end - seeds.start) as f64;
    for data_bytes in [(400e3, 500e3), (500e3, 500e3)] {
        println!("data {data_bytes:?} byte");
        for name in ["ect", "ect-h", "ect-cloud"] {
            let venues = match name {
                "ect-cloud" => Venues::ALL,
                _ => Venues::SERVERS,
            };
            let mut pooled = vec![0.0; (seeds.end - seeds.start) as usize];
            let mut least = (f64::INFINITY, 0.0, 0);
            let mut largest_gap = (0.0, 0.0, 0);
            let mut mean_gap = 0.0;
            for capability in CAPABILITIES {
                for num in NUMS {
                    let lin = Lin {
                        capability,
                        num,
                        data_bytes,
                        ..Lin::default()
                    };
                    let total = |name: &str, seed| {
                        let slot = lin.slot(seed);
                        let mut policy = kind(name).build(options, Streams::new(seed));
                        lin::run(&slot, &mut *policy).0.total_s()
                    };
                    let bound = |seed| {
                        let slot = lin.slot(seed);
                        let queues = slot.queues.as_ref().expect("queues");
                        let bounds = QueueBound::default().delays(&slot, queues, venues);
                        bounds.ten_s.max(bounds.asg_s)
                    };
                    let own: Vec<f64> = seeds.clone().map(|seed| total(name, seed)).collect();
                    let mcatm: Vec<f64> = seeds.clone().map(|seed| total("mcatm", seed)).collect();
                    let (sum, other) = (own.iter().sum::<f64>(), mcatm.iter().sum::<f64>());
                    let ratio = sum / other;
                    for ((pooled, own), mcatm) in pooled.iter_mut().zip(&own).zip(&mcatm) {
                        // the ratio's spread by the delta method
                        *pooled += (1.0 - ratio - (own - ratio * mcatm) * many / other) / 40.0;
                    }
                    if 1.0 - ratio < least.0 {
                        least = (1.0 - ratio, capability, num);
                    }
                    let gap = sum / seeds.clone().map(bound).sum::<f64>() - 1.0;
                    mean_gap += gap / 40.0;
                    if gap > largest_gap.0 {
                        largest_gap = (gap, capability, num);
                    }
                }
            }
            let mean = pooled.iter().sum::<f64>() / many;
            let variance =
                pooled.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (many - 1.0).max(1.0);
            println!(
                "{name:10} gain over mcatm {:.3} % +- {:.3}, least {:.2} % at {} {}; gap to the bound {:.2} %, largest {:.2} % at {} {}",
                100.0 * mean,
                196.0 * (variance / many).sqrt(),
                100.0 * least.0,
                least.1,
                least.2,
                100.0 * mean_gap,
                100.0 * largest_gap.0,
                largest_gap.1,
                largest_gap.2
            );
        }
    }
}

/// Fig. 10: standard deviation of the selection counts of one batch, over the servers, mean of the seeds.
/// Every task is selected for, whether or not it could run where it enters.
fn deviation(
    lin: &Lin,
    selector: SelectorKind,
    options: &PolicyOptions,
    seeds: std::ops::Range<u64>,
    over: usize,
) -> f64 {
    let n = (seeds.end - seeds.start) as f64;
    let mut sum = 0.0;
    for seed in seeds {
        let slot = lin.slot(seed);
        let mut view = View::default();
        view.observe(&slot, options.migration.max_hops);
        let mut selector = Selector::new(selector, &options.migration, Streams::new(seed));
        selector.begin(&view);
        let mut counts = vec![0.0; lin.servers];
        for task in &view.tasks {
            let server = selector.select(&view, task).expect("a neighbour");
            counts[view.servers[server].rsu as usize] += 1.0;
        }
        if over < lin.servers {
            counts.remove(lin.local as usize);
        }
        let mean = counts.iter().sum::<f64>() / over as f64;
        let squares = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>();
        sum += (squares / over as f64).sqrt();
    }
    sum / n
}

fn fig10(options: &PolicyOptions, seeds: u64) {
    for anywhere in [false, true] {
        for over in [20, 21] {
            for capability in [0.2, 0.4, 0.5, 0.6, 0.8, 1.0] {
                print!("anywhere {anywhere} over {over} capability {capability}:");
                for num in NUMS {
                    let lin = Lin {
                        num,
                        anywhere,
                        capability,
                        ..Lin::default()
                    };
                    let of = |s| deviation(&lin, s, options, 0..seeds, over);
                    print!(
                        "  {:.2}/{:.2}",
                        of(SelectorKind::Wvahp),
                        of(SelectorKind::Aahp)
                    );
                }
                println!();
            }
        }
    }
}

fn cells(options: &PolicyOptions, seeds: std::ops::Range<u64>) {
    let names = [
        "mcatm",
        "ratom",
        "ratos",
        "oesda",
        "all-cloud",
        "ect",
        "ect-h",
        "ect-cloud",
    ];
    println!("capability num {names:?}: total delay [s], on time [%]");
    for capability in CAPABILITIES {
        for num in NUMS {
            let lin = Lin {
                capability,
                num,
                ..Lin::default()
            };
            print!("{capability:.2} {num}");
            for name in names {
                let (total_s, on_time) = cell(&lin, name, options, seeds.clone());
                print!("  {total_s:7.3} {:5.1}", 100.0 * on_time);
            }
            println!();
        }
    }
}

/// Figs. 11 and 12: mean migration delay [ms] and distinct links under random destinations.
fn fig11(options: &PolicyOptions, seeds: u64) {
    let random = ["random-dijkstra", "random-ospf", "random-pacb"];
    let full = ["wvahp-dijkstra", "wvahp-ospf", "mcatm"];
    for (what, names) in [("random destinations", random), ("WVAHP's", full)] {
        for data_bytes in [(500e3, 500e3), (400e3, 500e3)] {
            for num in (5..=50).step_by(5) {
                print!("{what} {data_bytes:?} {num}:");
                for name in names {
                    let lin = Lin {
                        num,
                        data_bytes,
                        capability: 0.6,
                        ..Lin::default()
                    };
                    let (mut mean_s, mut links, mut most_s, mut least_s, mut many) =
                        (0.0, 0, 0.0, 0.0, 0.0);
                    for seed in 0..seeds {
                        let mut slot = lin.slot(seed);
                        if what.starts_with("random") {
                            // nothing fits at home, so that all migrate
                            slot.tasks.deadline_s.fill(0.0);
                            slot.tasks.cycles.fill(1.0);
                        }
                        let mut policy = kind(name).build(options, Streams::new(seed));
                        let (ran, _) = lin::run(&slot, &mut *policy);
                        if ran.migration_s.is_empty() {
                            continue;
                        }
                        many += 1.0;
                        mean_s +=
                            ran.migration_s.iter().sum::<f64>() / ran.migration_s.len() as f64;
                        most_s += ran.migration_s.iter().copied().fold(0.0, f64::max);
                        least_s += ran
                            .migration_s
                            .iter()
                            .copied()
                            .fold(f64::INFINITY, f64::min);
                        links += ran.links;
                    }
                    print!(
                        "  {:6.2} [{:5.2} {:6.2}] {:5.2}",
                        1e3 * mean_s / many,
                        1e3 * least_s / many,
                        1e3 * most_s / many,
                        links as f64 / many
                    );
                }
                println!();
            }
        }
    }
}

/// Total delays [s] of every policy, by seed, in the world of a study's cell.
fn engine(sets: &[(String, String)], names: &[&str], seeds: std::ops::Range<u64>) -> Vec<Vec<f64>> {
    let world = World::new(&Scenario::builtin("lin2025", sets).expect("valid")).expect("a world");
    let kinds: Vec<PolicyKind> = names.iter().map(|name| kind(name)).collect();
    let options = Options {
        slots: 1,
        bound: BoundKind::Off,
    };
    let mut totals = vec![Vec::new(); names.len()];
    for seed in seeds {
        let ran = replicate(&world, &kinds, seed, options).expect("a run");
        for (totals, lane) in totals.iter_mut().zip(ran.policies) {
            let record = &lane.slots[0];
            totals.push(record.delay_s * f64::from(record.tasks));
        }
    }
    totals
}

/// Gains over MCATM in the worlds of the study, with false information or without.
// Long: one nested loop over cells, and what it prints.
fn study(sets: &[(String, String)], seeds: std::ops::Range<u64>, shares: &[&str]) {
    let names = ["mcatm", "ect", "ect-h"];
    let many = (seeds.end - seeds.start) as f64;
    for false_kind in ["idle", "redraw"] {
        for share in shares {
            let mut pooled = vec![vec![0.0; many as usize]; 2];
            let mut cells: Vec<Vec<(f64, f64, f64, usize)>> = vec![Vec::new(); 2];
            for capability in CAPABILITIES {
                for num in NUMS {
                    let mut sets = sets.to_vec();
                    for (key, value) in [
                        ("information.false_kind", format!("{false_kind:?}")),
                        ("information.false_share", (*share).to_owned()),
                        ("execution.capability", capability.to_string()),
                        ("fleet.size", num.to_string()),
                    ] {
                        sets.push((key.to_owned(), value));
                    }
                    let totals = engine(&sets, &names, seeds.clone());
                    let other: f64 = totals[0].iter().sum();
                    for i in 0..2 {
                        let own = &totals[i + 1];
                        let ratio = own.iter().sum::<f64>() / other;
                        let sample: Vec<f64> = own
                            .iter()
                            .zip(&totals[0])
                            .map(|(own, mcatm)| 1.0 - ratio - (own - ratio * mcatm) * many / other)
                            .collect();
                        let spread = sample
                            .iter()
                            .map(|x| (x - (1.0 - ratio)).powi(2))
                            .sum::<f64>();
                        let half = 1.96 * (spread / (many - 1.0) / many).sqrt();
                        cells[i].push((1.0 - ratio, half, capability, num));
                        for (pooled, gain) in pooled[i].iter_mut().zip(&sample) {
                            *pooled += gain / 40.0;
                        }
                    }
                }
            }
            for i in 0..2 {
                let mean = pooled[i].iter().sum::<f64>() / many;
                let variance =
                    pooled[i].iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (many - 1.0);
                cells[i].sort_by(|p, q| p.0.total_cmp(&q.0));
                print!(
                    "{false_kind} {share} {}: {:.3} % +- {:.3}, cells below 0: {}; least:",
                    names[i + 1],
                    100.0 * mean,
                    196.0 * (variance / many).sqrt(),
                    cells[i].iter().filter(|cell| cell.0 < 0.0).count()
                );
                for (gain, half, capability, num) in &cells[i][..3] {
                    print!(
                        "  {:.2} +- {:.2} at {capability} {num}",
                        100.0 * gain,
                        100.0 * half
                    );
                }
                println!();
            }
            if *share == "0" && false_kind == "idle" && shares.len() == 1 {
                return;
            }
        }
    }
}

/// Total delay under false related information.
fn falsehood(options: &PolicyOptions, seeds: std::ops::Range<u64>) {
    for redrawn in [false, true] {
        for share in [0.0, 0.1, 0.2, 0.3, 0.4] {
            let (mut gains, mut worst, mut place) = ([0.0; 2], [f64::INFINITY; 2], [(0.0, 0); 2]);
            for capability in CAPABILITIES {
                for num in NUMS {
                    let falsehood = if share > 0.0 { share } else { 1e-12 };
                    let lin = Lin {
                        capability,
                        num,
                        falsehood,
                        redrawn,
                        ..Lin::default()
                    };
                    let of = |name| cell(&lin, name, options, seeds.clone()).0;
                    let mcatm = of("mcatm");
                    for (i, name) in ["ect", "ect-h"].into_iter().enumerate() {
                        let gain = 1.0 - of(name) / mcatm;
                        gains[i] += gain / 40.0;
                        if gain < worst[i] {
                            (worst[i], place[i]) = (gain, (capability, num));
                        }
                    }
                }
            }
            println!(
                "redrawn {redrawn} {share:.1}: gain over mcatm, mean and worst cell [%]: ect {:.2} {:.2}  ect-h {:.2} {:.2} at {:?}",
                100.0 * gains[0],
                100.0 * worst[0],
                100.0 * gains[1],
                100.0 * worst[1],
                place[1]
            );
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_else(|| "cells".to_owned());
    let mut number = |default| {
        args.next()
            .map_or(default, |s| s.parse().expect("a number"))
    };
    let (seeds, first) = (number(5), number(0));
    let sets: Vec<_> = args
        .filter_map(|s| Some(s.split_once('=')?).map(|(k, v)| (k.to_owned(), v.to_owned())))
        .collect();
    let options = Scenario::builtin("wang2025", &sets)
        .expect("valid options")
        .policy;
    match &*what {
        "cells" => cells(&options, first..first + seeds),
        "fig10" => fig10(&options, seeds),
        "fig11" => fig11(&options, seeds),
        "false" => falsehood(&options, first..first + seeds),
        "study" => study(&sets, first..first + seeds, &["0"]),
        "lies" => study(
            &sets,
            first..first + seeds,
            &["0", "0.1", "0.2", "0.3", "0.4"],
        ),
        "gain" => gain(&options, first..first + seeds),
        _ => panic!("cells, gain, study, lies, fig10, fig11 or false"),
    }
}
