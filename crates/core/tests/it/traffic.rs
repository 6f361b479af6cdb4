//! Real traffic: the built-in grid, and the cities whose traces may not be redistributed.

#![expect(clippy::float_cmp, reason = "draws that differ")]

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

/// Every scenario of the folder loads where its files are at hand; those with a trace run.
#[test]
fn property_every_scenario_file_loads_and_the_cities_run() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"));
    let is_shared = folder.join("../../shared/data/mobility").is_dir();
    let mut cities = 0;
    for entry in folder.read_dir().expect("the folder of scenarios") {
        let path = entry.expect("a readable folder").path();
        let scenario = match Scenario::load(&path, &[]) {
            Err(error) if error.to_string().contains("found no file") => {
                println!("skipped: {error}");
                continue;
            }
            loaded => loaded.unwrap_or_else(|error| panic!("{error}")),
        };
        if let Mobility::Fcd(fcd) = &scenario.fleet.mobility
            && let FcdSource::File(trace) = &fcd.source
        {
            cities += 1;
            assert!(trace.exists(), "{}", path.display());
            match scenario.execution.sessions() {
                Some(_) => drive_sessions(&scenario),
                None => drive(&scenario),
            }
        }
    }
    assert_eq!(cities, if is_shared { 4 } else { 0 });
}

/// The built-in grid, with RSUs at a list of places where `sites` is set.
fn grid_world(copies: &str, sites: bool) -> World {
    let mut text = include_str!("../../../../scenarios/city-grid.toml").to_owned();
    if sites {
        let (grid, backhaul) = (text.find("[rsu.grid]"), text.find("[backhaul]"));
        let rsu = |id: &str, x_m: f64| {
            format!(
                "[[rsu]]\nid = {id:?}\nx_m = {x_m}\ny_m = 800\nrange_m = 500\nbandwidth_hz = 1e8\ncpu_hz = 15e9\n\
                 energy_coeff = 3e-28\n"
            )
        };
        let list = rsu("west", 300.0) + &rsu("east", 900.0);
        text.replace_range(grid.expect("a grid")..backhaul.expect("links"), &list);
    }
    let copies = ("fleet.mobility.copies".to_owned(), copies.to_owned());
    let scenario = Scenario::from_toml("grid", &text, &[copies]).expect("a valid scenario");
    World::new(&scenario).expect("a readable trace")
}

fn seen(world: &World) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut watch = |_: usize, slot: &Slot| {
        slots.push(slot.clone());
        ControlFlow::Continue(())
    };
    let options = Options {
        slots: 4,
        bound: BoundKind::Simple,
    };
    replicate_observed(world, &[PolicyKind::Price], 0, options, &mut watch)
        .expect("a readable trace")
        .expect("nobody stops it");
    slots
}

/// Three copies: every vehicle of the trace is at its place in each of them, and keeps its own properties and tasks there.
#[test]
fn oracle_copies_are_the_map_again() {
    let (one, three) = (grid_world("1", false), grid_world("3", false));
    let (width_m, height_m) = (
        one.area.x_max_m - one.area.x_min_m,
        one.area.y_max_m - one.area.y_min_m,
    );
    assert!((three.area.x_max_m - one.area.x_min_m - 2.0 * width_m).abs() < 1e-9);
    assert!((three.area.y_max_m - one.area.y_min_m - 2.0 * height_m).abs() < 1e-9);
    assert!(three.rsus.len() > 3 * one.rsus.len());
    let shifts_m = [[0.0, 0.0], [width_m, 0.0], [0.0, height_m]];
    for (once, thrice) in seen(&one).iter().zip(seen(&three)) {
        let places = once.vehicles.x_m.iter().zip(&once.vehicles.y_m);
        let copied = places.flat_map(|(x, y)| shifts_m.map(|[dx, dy]| (x + dx, y + dy)));
        let copied: Vec<_> = copied.collect();
        assert_eq!(thrice.vehicles.len(), copied.len());
        for (v, (x_m, y_m)) in copied.into_iter().enumerate() {
            assert!((thrice.vehicles.x_m[v] - x_m).abs() < 1e-6, "{v}");
            assert!((thrice.vehicles.y_m[v] - y_m).abs() < 1e-6, "{v}");
        }
        assert_ne!(thrice.tasks.cycles[0], thrice.tasks.cycles[1]);
    }
}

#[test]
fn closed_form_listed_rsus_are_in_every_copy() {
    let world = grid_world("3", true);
    let names: Vec<_> = world.rsus.id.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        ["west", "east", "west#1", "east#1", "west#2", "east#2"]
    );
    let width_m = 0.5 * (world.area.x_max_m - world.area.x_min_m);
    let east_m = world.rsus.x_m[3] - world.rsus.x_m[1];
    assert!((east_m - width_m).abs() < 1e-9);
    let north_m = world.rsus.y_m[4] - world.rsus.y_m[0];
    assert!((north_m - 0.5 * (world.area.y_max_m - world.area.y_min_m)).abs() < 1e-9);
}

#[test]
fn regress_what_is_there_once_is_refused_in_copies() {
    let refused = |text: &str, overrides: &[(&str, &str)]| {
        let overrides: Vec<_> = overrides
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let scenario = Scenario::from_toml("grid", text, &overrides);
        scenario.expect_err("cannot be copied").to_string()
    };
    let umi = include_str!("../../../../scenarios/city-grid-umi.toml");
    let error = refused(umi, &[("fleet.mobility.copies", "2")]);
    assert!(error.contains("fleet.mobility.copies"), "{error}");
    assert!(error.contains("needs a radio without buildings"), "{error}");
    let grid = include_str!("../../../../scenarios/city-grid.toml");
    let error = refused(grid, &[("fleet.mobility.copies", "0")]);
    assert!(
        error.contains("must be between 1 and 100000, got 0"),
        "{error}"
    );
}
