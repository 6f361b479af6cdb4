//! How far is "every task to the nearest RSU" from the optimum, and what do prices make of it?
//!
//! `cargo run --release -p wayside-core --example gap`

use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate};
use wayside_core::policy::PolicyKind;

fn main() -> wayside_core::Result<()> {
    let scenario = Scenario::builtin("wang2025-unbalanced", &[("fleet.size".into(), "60".into())])?;
    let world = World::new(&scenario)?;
    let policies = [PolicyKind::Nearest, PolicyKind::Price];
    let options = Options {
        slots: 20,
        bound: BoundKind::Split,
    };
    let replication = replicate(&world, &policies, 0, options)?;

    let gaps = replication.policies.iter().map(|run| {
        let objective: f64 = run.slots.iter().map(|slot| slot.objective).sum();
        let bound: f64 = run.slots.iter().filter_map(|slot| slot.lower_bound).sum();
        let gap = objective / bound - 1.0;
        println!("{:8} is {:.2} % above the bound", run.policy, 100.0 * gap);
        gap
    });
    let gaps: Vec<f64> = gaps.collect();
    assert!(
        0.0 <= gaps[1] + 1e-9 && gaps[1] < 0.001,
        "price is near the optimum"
    );
    assert!(gaps[0] > gaps[1], "the nearest RSU is not always the best");
    Ok(())
}
