//! A policy of your own beside ours: the covering RSU that has the fewest tasks so far.
//!
//! `cargo run --release -p wayside-core --example own_policy`

use std::ops::ControlFlow;

use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory, own_policy, replicate};
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::slot::{Decision, Placement, Slot};
use wayside_core::{Result, Scenario};

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

fn main() -> Result<()> {
    let world = World::new(&Scenario::builtin("hotspot", &[])?)?;
    let policies: [Box<dyn PolicyFactory>; 3] = [
        Box::new(own_policy("fewest", |_, _| Fewest)),
        Box::new(PolicyKind::Nearest),
        Box::new(PolicyKind::Price),
    ];
    let options = Options {
        slots: 20,
        bound: BoundKind::Split,
    };
    let go_on = &mut |_, _: &Slot| ControlFlow::Continue(());
    let replication = replicate(&world, &policies, 0, options, go_on)?.expect("nobody stops it");

    let gaps = replication.policies.iter().map(|run| {
        let objective: f64 = run.slots.iter().map(|slot| slot.objective).sum();
        let bound: f64 = run.slots.iter().filter_map(|slot| slot.lower_bound).sum();
        let gap = objective / bound - 1.0;
        println!("{:8} is {:6.2} % above the bound", run.policy, 100.0 * gap);
        gap
    });
    let gaps: Vec<f64> = gaps.collect();
    assert!(gaps[2] < gaps[0], "price is nearer to the optimum");
    assert!(
        gaps[0] < gaps[1],
        "in a crowd the fewest tasks beat the nearest RSU"
    );
    Ok(())
}
