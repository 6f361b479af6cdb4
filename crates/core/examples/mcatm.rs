//! The cells of the paper's figures: `cargo run --release -p wayside-core --example mcatm -- cells 60`.

#[path = "../tests/it/lin.rs"]
mod lin;

use lin::Lin;
use wayside_core::Scenario;
use wayside_core::policy::PolicyKind;
use wayside_core::policy::migration::view::View;
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
        _ => panic!("cells, fig10, fig11 or false"),
    }
}
