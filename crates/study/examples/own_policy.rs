//! Compares a policy of your own with built-in ones: every task goes to the covering RSU with the fewest tasks so far.
//!
//! `cargo run --release -p wayside-study --example own_policy`

use wayside_core::engine::BoundKind;
use wayside_core::policy::Policy;
use wayside_core::slot::{Decision, Placement, Slot};
use wayside_study::{Experiment, plot};

struct Fewest;

impl Policy for Fewest {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let mut tasks_at = vec![0; slot.rsus.len()];
        decision.placements.clear();
        for task in 0..slot.tasks.len() {
            let covering = slot.links(task).iter().map(|link| link.rsu);
            let best = covering.min_by_key(|&rsu| tasks_at[rsu as usize]);
            decision.placements.push(match best {
                None => Placement::Local,
                Some(rsu) => {
                    tasks_at[rsu as usize] += 1;
                    Placement::Rsu {
                        entry: rsu,
                        execution: rsu,
                    }
                }
            });
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let results = Experiment::named("hotspot")?
        .own_policy("fewest", || Fewest)
        .policies(["nearest", "price"])
        .seeds([0])
        .slots(20)
        .bound(BoundKind::Split)
        .run()?;
    print!("{}", results.table());
    if let Some(figure) = results.figure("comparison")? {
        let path = std::env::temp_dir().join("own-policy.svg");
        std::fs::write(&path, plot::svg(&figure))?;
        println!("{}", path.display());
    }

    let gap = |policy| results.gap(policy).expect("the run is bounded");
    assert!(
        gap("price") < gap("fewest"),
        "price is nearer to the optimum"
    );
    assert!(
        gap("fewest") < gap("nearest"),
        "in a crowd, the fewest tasks beat the nearest RSU"
    );
    Ok(())
}
