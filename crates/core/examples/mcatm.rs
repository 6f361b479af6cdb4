//! The cells of the paper's figures: `cargo run --release -p wayside-core --example mcatm -- 60`.

#[path = "../tests/it/lin.rs"]
mod lin;

use lin::Lin;
use wayside_core::Scenario;
use wayside_core::policy::PolicyKind;
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

fn main() {
    let seeds: u64 = std::env::args()
        .nth(1)
        .map_or(20, |s| s.parse().expect("a number of seeds"));
    let options = Scenario::builtin("wang2025", &[]).expect("built in").policy;
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
                let (total_s, on_time) = cell(&lin, name, &options, 0..seeds);
                print!("  {total_s:7.3} {:5.1}", 100.0 * on_time);
            }
            println!();
        }
    }
}
