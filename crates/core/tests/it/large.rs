//! One slot of a large city.

use std::sync::Arc;
use wayside_core::backhaul::{Edge, Routes};
use wayside_core::bound::dual::{Dual, Effort, Prices};
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::slot::Slot;

use crate::bound_oracle::dual_value;
use crate::support::{cost, decide, excess};

/// The first slots of `vehicles` vehicles, RSUs every 400 m, both as dense as in wang2025, (16e) not enforced.
fn city(vehicles: usize, slots: usize) -> Vec<Slot> {
    let side_m = (1200.0 * 1600.0 * vehicles as f64 / 100.0).sqrt();
    let mut text = include_str!("../../../../scenarios/wang2025-unbalanced.toml").to_owned();
    let (rsus, backhaul) = (text.find("[[rsu]]"), text.find("[backhaul]"));
    text.replace_range(
        rsus.expect("RSUs one by one")..backhaul.expect("then the backhaul"),
        "[rsu.grid]\nspacing_m = 400\n",
    );
    let (side, size) = (side_m.to_string(), vehicles.to_string());
    let overrides = [
        ("area.width_m", side.as_str()),
        ("area.height_m", &side),
        ("fleet.size", &size),
        ("backhaul.max_distance_m", "410"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let scenario = wayside_core::Scenario::from_toml("city", &text, &overrides);
    let world = World::new(&scenario.expect("a valid scenario")).expect("no files");
    let mut slot = world.empty_slot();
    let mut traffic = Traffic::new(&world, Streams::new(0)).expect("no trace is read");
    let next = |t| {
        traffic.advance(t, &mut slot).expect("no trace is read");
        slot.clone()
    };
    (0..slots).map(next).collect()
}

fn assert_bounded(vehicles: usize) {
    let slot = city(vehicles, 1).remove(0);
    assert_eq!(slot.tasks.len(), vehicles);
    let bound = Dual::default().solve(&slot, Effort::CERTIFY);
    for kind in [PolicyKind::Nearest, PolicyKind::Price] {
        let gap = excess(cost(&slot, &decide(kind, &slot, 0).placements), bound);
        println!("{vehicles} {}: gap {gap:.2e}", kind.info().name);
        let most = if kind == PolicyKind::Price {
            0.005
        } else {
            0.5
        };
        assert!(
            (-1e-9..most).contains(&gap),
            "{vehicles} {}: {gap}",
            kind.info().name
        );
    }
}

#[test]
fn property_ten_thousand_vehicles_are_bounded() {
    assert_bounded(10_000);
}

#[test]
#[ignore = "a minute or two in the dev profile"]
fn property_a_hundred_thousand_vehicles_are_bounded() {
    assert_bounded(100_000);
}

/// On large maps the first slot starts from a sample of the tasks and the nearest targets, and with a tolerance prices stop
/// at a temperature that is not the last one. Both give up little, and the dual's own maximum is never passed.
#[test]
fn oracle_a_loose_bound_is_close_to_the_largest() {
    let (mut loose, mut largest) = (Dual::default(), Dual::default());
    for (t, slot) in city(6_000, 4).iter().enumerate() {
        largest.solve(slot, Effort::CERTIFY);
        // once more, from the best prices
        let most = largest.solve(slot, Effort::CERTIFY);
        let short = 1.0 - loose.solve(slot, Effort::within(1e-4)) / most;
        println!("slot {t}: {short:.2e} below");
        let tolerated = if t == 0 { 4e-4 } else { 2e-4 };
        assert!((-1e-6..tolerated).contains(&short), "slot {t}: {short:.2e}");
    }
}

/// A rough bound takes one unchecked step a slot. Where that was too long, prices of neighbours swung, more from slot to slot.
#[test]
fn regress_a_rough_bound_of_a_city_stays_close_slot_after_slot() {
    let keys = [("fleet.mobility.copies", "60"), ("rsu.grid.cpu_hz", "30e9")];
    let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let scenario = wayside_core::Scenario::builtin("city-grid", &keys).expect("a scenario");
    let world = World::new(&scenario).expect("its trace is built in");
    let mut slot = world.empty_slot();
    let mut traffic = Traffic::new(&world, Streams::new(0)).expect("the trace is sound");
    let (mut dual, mut bound) = (Dual::default(), 0.0);
    for t in 0..60 {
        traffic.advance(t, &mut slot).expect("the trace has 60 s");
        bound = dual.solve(&slot, Effort::within(1e-3));
    }
    let short = 1.0 - bound / dual.solve(&slot, Effort::CERTIFY);
    println!("{short:.2e} below after 60 slots");
    // Measured: 9.5e-5; 2.6e-3 with steps of 0.7.
    assert!((-1e-6..3e-4).contains(&short), "{short:.2e}");
}

/// A slot of several blocks, with few targets so that the formula can be evaluated for all of them.
#[test]
fn oracle_the_bound_of_a_large_slot_is_its_formula() {
    let mut slot = city(17_000, 1).remove(0);
    let links: Vec<_> = slot.network.links().iter().collect();
    let edges: Vec<Edge> = links
        .iter()
        .filter(|link| link.from < link.to)
        .map(|link| Edge {
            a: link.from,
            b: link.to,
            rate_bps: link.rate_bps,
            length_m: 0.0,
            backlog_bits: 0.0,
        })
        .collect();
    slot.routes = Arc::new(Routes::build(slot.rsus.len(), &edges, 1));
    let mut dual = Dual::default();
    let bound = dual.solve(&slot, Effort::within(1e-3));
    let Prices { band, cpu } = dual.prices();
    let apart = excess(bound, dual_value(&slot, band, cpu)).abs();
    assert!(apart <= 1e-9, "the bound is off its formula by {apart:e}");
}

#[test]
fn closed_form_no_tolerance_is_the_certificate() {
    assert_eq!(Effort::within(0.0), Effort::CERTIFY);
}
