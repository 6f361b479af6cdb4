//! Real traffic: the built-in grid, and the cities whose traces may not be redistributed.

use std::ops::ControlFlow;
use std::path::Path;

use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate, replicate_observed};
use wayside_core::policy::PolicyKind;
use wayside_core::policy::sessions::SessionKind;
use wayside_core::scenario::{FcdSource, Mobility};
use wayside_core::{Scenario, Slot};

/// Some slots of a trace: vehicles come and go, nobody beats the bound, and `price` is near it.
fn drive(scenario: &Scenario) {
    let world = World::new(scenario).expect("a readable trace");
    let options = Options {
        slots: 6,
        bound: BoundKind::Simple,
    };
    let mut vehicles = Vec::new();
    let mut watch = |_: usize, slot: &Slot| {
        vehicles.push(slot.vehicles.len());
        ControlFlow::Continue(())
    };
    let policies = [PolicyKind::Nearest, PolicyKind::Price];
    let replication = replicate_observed(&world, &policies, 0, options, &mut watch)
        .expect("a readable trace")
        .expect("nobody stops it");
    assert!(vehicles.iter().all(|&count| count > 50), "{vehicles:?}");
    for run in &replication.policies {
        for slot in &run.slots {
            let bound = slot.lower_bound.expect("the bound was asked for");
            let gap = slot.objective / bound - 1.0;
            assert!(gap >= -1e-9, "{} in slot {}: {gap}", run.policy, slot.slot);
            assert!(
                run.policy != "price" || gap < 0.02,
                "price in slot {}: {gap}",
                slot.slot
            );
        }
    }
}

/// Some slots of a trace with sessions: planning is near the bound, and no worse than following.
fn drive_sessions(scenario: &Scenario) {
    let world = World::new(scenario).expect("a readable trace");
    let options = Options {
        slots: 12,
        bound: BoundKind::Horizon,
    };
    let policies = [SessionKind::Follow, SessionKind::Plan].map(PolicyKind::Session);
    let replication = replicate(&world, &policies, 0, options).expect("a readable trace");
    let gap = |policy: usize| {
        let run = &replication.policies[policy];
        let totals = run.sessions.expect("sessions");
        assert!(totals.begun > 50 && totals.served > 0, "{totals:?}");
        let cost: f64 = run
            .slots
            .iter()
            .map(|s| s.objective * f64::from(s.tasks))
            .sum();
        let bound = run.horizon_bound.expect("the bound was asked for");
        cost / totals.batches as f64 / bound - 1.0
    };
    let (follow, plan) = (gap(0), gap(1));
    assert!(
        (-1e-9..0.05).contains(&plan) && plan <= follow,
        "{plan} {follow}"
    );
}

#[test]
fn property_the_grid_runs() {
    drive(&Scenario::builtin("city-grid", &[]).expect("a valid scenario"));
}

/// Every scenario of the folder loads; those with a trace run where the trace is at hand.
#[test]
fn property_every_scenario_file_loads_and_the_cities_run() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"));
    let mut cities = 0;
    for entry in folder.read_dir().expect("the folder of scenarios") {
        let path = entry.expect("a readable folder").path();
        let scenario = Scenario::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        if let Mobility::Fcd(fcd) = &scenario.fleet.mobility
            && let FcdSource::File(trace) = &fcd.source
        {
            cities += 1;
            if trace.exists() {
                match scenario.execution.sessions() {
                    Some(_) => drive_sessions(&scenario),
                    None => drive(&scenario),
                }
            } else {
                println!("skipped {}: no {}", path.display(), trace.display());
            }
        }
    }
    assert_eq!(cities, 4);
}
