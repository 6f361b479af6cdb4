//! Runs with the radio of roads: bounds hold for what is paid, whatever policies see.

#![expect(clippy::float_cmp, reason = "the same computation gives the same bits")]

use std::fmt::Write as _;
use std::path::Path;

use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate};
use wayside_core::mobility::trace::FcdTrace;
use wayside_core::mobility::{MobilitySource, Positions};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::{Result, Scenario};

fn scenario(keys: &[(&str, &str)]) -> Result<Scenario> {
    let keys: Vec<_> = keys
        .iter()
        .map(|&(key, value)| (format!("channel.{key}"), value.to_owned()))
        .chain([("fleet.size".to_owned(), "30".to_owned())])
        .collect();
    Scenario::builtin("wang2025", &keys)
}

fn costs(keys: &[(&str, &str)], policy: PolicyKind) -> (f64, f64) {
    let world = World::new(&scenario(keys).unwrap()).unwrap();
    let options = Options {
        slots: 12,
        bound: BoundKind::Simple,
    };
    // a cost below its bound is an error of the run
    let run = replicate(&world, &[policy], 3, options).unwrap();
    let slots = &run.policies[0].slots;
    let mean = |f: fn(&wayside_core::engine::records::SlotRecord) -> f64| {
        slots.iter().map(f).sum::<f64>() / slots.len() as f64
    };
    (
        mean(|slot| slot.objective),
        mean(|slot| slot.lower_bound.unwrap()),
    )
}

const ROADS: [(&str, &str); 5] = [
    ("model", "\"umi\""),
    ("shadowing", "\"log-normal\""),
    ("fading", "\"rayleigh\""),
    ("rate", "\"cqi\""),
    ("noise_figure_db", "9"),
];

/// Every model and option runs with every kind of policy, above its bound.
#[test]
fn property_bounds_hold_for_what_is_paid() {
    let seen = [
        [
            ("information_delay_slots", "0"),
            ("information_error_db", "0"),
        ],
        [
            ("information_delay_slots", "3"),
            ("information_error_db", "0"),
        ],
        [
            ("information_delay_slots", "0"),
            ("information_error_db", "6"),
        ],
    ];
    for model in [
        "\"log-distance\"",
        "\"umi\"",
        "\"uma\"",
        "\"v2x-urban\"",
        "\"v2x-highway\"",
        "\"free-space\"",
    ] {
        for information in seen {
            let mut keys = vec![
                ("model", model),
                ("fading", "\"rician\""),
                ("interference", "\"load\""),
            ];
            keys.extend(information);
            for policy in [PolicyKind::Nearest, PolicyKind::Price] {
                let (cost, bound) = costs(&keys, policy);
                assert!(bound > 0.0 && cost >= bound, "{keys:?} {policy:?}");
            }
        }
    }
}

/// Wrong gains cost a policy that looks at them, and change neither the bound nor a policy that does not.
#[test]
fn property_wrong_gains_cost_only_who_looks() {
    let with =
        |more: &[(&'static str, &'static str)], policy| costs(&[&ROADS[..], more].concat(), policy);
    let wrong = [("information_error_db", "12")];
    let old = [("information_delay_slots", "5")];
    let (true_cost, bound) = with(&[], PolicyKind::Price);
    for more in [&wrong[..], &old[..]] {
        let (cost, same) = with(more, PolicyKind::Price);
        assert!(cost > true_cost, "{more:?}: {cost} {true_cost}");
        assert_eq!(same, bound);
        assert_eq!(
            with(more, PolicyKind::Nearest),
            with(&[], PolicyKind::Nearest)
        );
    }
}

/// Interference makes the same placements dearer; groups of their own bands take it away.
#[test]
fn property_interference_grows_with_shared_bands() {
    let with = |groups: &'static str| {
        let keys = [
            &ROADS[..],
            &[("interference", "\"load\""), ("reuse_groups", groups)],
        ]
        .concat();
        costs(&keys, PolicyKind::Nearest).0
    };
    let (one, three, all) = (with("1"), with("3"), with("1000"));
    let none = costs(&ROADS, PolicyKind::Nearest).0;
    assert!(one > three && three > all, "{one} {three} {all}");
    assert_eq!(all, none);
}

/// Coverage by SNR is a part of the radius, and less of it where more is asked.
#[test]
fn property_coverage_by_snr_shrinks() {
    let links = |least: &str| {
        let keys = [("model", "\"umi\""), ("min_snr_db", least)];
        let world = World::new(&scenario(&keys).unwrap()).unwrap();
        let mut slot = world.empty_slot();
        Traffic::new(&world, Streams::new(1))
            .unwrap()
            .advance(0, &mut slot)
            .unwrap();
        slot.coverage.links.len()
    };
    let counts = ["-50", "10", "20", "30", "90"].map(links);
    assert!(counts.windows(2).all(|w| w[0] > w[1]), "{counts:?}");
    assert_eq!(counts[4], 0);
}

/// Every problem of `[channel]` at once, by name.
#[test]
fn closed_form_problems_by_name() {
    let text = |keys: &[(&str, &str)]| scenario(keys).unwrap_err().to_string();
    let found = text(&[
        ("los", "\"buildings\""),
        ("shadowing", "\"log-normal\""),
        ("cqi_table", "4"),
        ("fading", "\"rice\""),
    ]);
    for expected in [
        "channel.buildings: missing: los = \"buildings\" needs it",
        "channel.los: must be \"always\", or left out",
        "channel.shadowing_sigma_db: missing",
        "channel.shadowing_m: missing",
        "channel.cqi_table",
        "channel.fading: expected \"none\", \"rayleigh\" or \"rician\", found the text \"rice\"",
    ] {
        assert!(found.contains(expected), "{expected} in {found}");
    }
    let queues = [("channel.information_delay_slots".to_owned(), "1".to_owned())];
    let found = Scenario::builtin("lin2025", &queues)
        .unwrap_err()
        .to_string();
    assert!(found.contains("needs tasks that share CPU"), "{found}");
}

/// Writes the gains of log-distance for every vehicle and RSU of `world`, whose vehicles `source` moves.
fn write_gains(
    path: &Path,
    prefix: &str,
    (world, mut source): (&World, impl MobilitySource),
    slots: usize,
) {
    let channel = &world.scenario.channel;
    let mut text = "time_s,vehicle,rsu,gain_db\n".to_owned();
    let mut positions = Positions::default();
    for t in 0..slots {
        let now_s = t as f64 * world.scenario.time.slot_s;
        source.advance(now_s, &mut positions).unwrap();
        for v in 0..positions.len() {
            let name = String::from_utf8(positions.name(v).into_owned()).unwrap();
            for (m, rsu) in world.rsus.id.iter().enumerate() {
                let (dx, dy) = (
                    positions.x_m[v] - world.rsus.x_m[m],
                    positions.y_m[v] - world.rsus.y_m[m],
                );
                let distance_m = dx.hypot(dy).hypot(channel.antenna_height_m);
                let decades = (distance_m / 1000.0).log10();
                let loss_db = channel.pathloss_db_at_1km + channel.pathloss_db_per_decade * decades;
                writeln!(text, "{now_s},{prefix}{name},{rsu},{}", -loss_db).unwrap();
            }
        }
    }
    std::fs::write(path, text).unwrap();
}

fn by_table(builtin: &str, size: &[(&str, &str)], named: bool) {
    const SLOTS: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gains.csv");
    let keys = |more: &[(&str, &str)]| -> Vec<_> {
        let keys = size.iter().chain(more);
        keys.map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    let prefix = if named { "" } else { "other" };
    let plain = World::new(&Scenario::builtin(builtin, &keys(&[])).unwrap()).unwrap();
    match plain.scenario.fleet.mobility.trace() {
        Some(fcd) => {
            let trace = FcdTrace::open(fcd).unwrap().named(true);
            write_gains(&path, prefix, (&plain, trace), SLOTS);
        }
        None => {
            let source = Boxed(plain.mobility(Streams::new(3)).unwrap());
            write_gains(&path, prefix, (&plain, source), SLOTS);
        }
    }
    let table = [
        ("channel.model", "\"table\""),
        ("channel.table", path.to_str().unwrap()),
    ];
    let table = World::new(&Scenario::builtin(builtin, &keys(&table)).unwrap()).unwrap();
    let costs = |world: &World, slots: usize| {
        let options = Options {
            slots,
            bound: BoundKind::Simple,
        };
        let run = replicate(world, &[PolicyKind::Price], 3, options);
        run.map(|run| {
            run.policies[0]
                .slots
                .iter()
                .map(|s| s.objective)
                .collect::<Vec<_>>()
        })
    };
    let result = costs(&table, SLOTS);
    if !named {
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains("vehicle: must name vehicles of the run"),
            "{error}"
        );
        return;
    }
    for (by_table, by_law) in result
        .unwrap()
        .into_iter()
        .zip(costs(&plain, SLOTS).unwrap())
    {
        assert!(
            (by_table / by_law - 1.0).abs() < 1e-9,
            "{by_table} {by_law}"
        );
    }
    let error = costs(&table, SLOTS + 1).unwrap_err().to_string();
    assert!(
        error.contains("the gains end at 3 s, 4 s was asked for"),
        "{error}"
    );
}

struct Boxed(Box<dyn MobilitySource>);

impl MobilitySource for Boxed {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        self.0.advance(time_s, out)
    }
}

/// Gains of log-distance from a file give the run of log-distance; vehicles are known by their names in the trace, or by their
/// numbers.
#[test]
fn oracle_a_table_of_gains_is_the_law_that_it_was_made_by() {
    by_table("wang2025", &[("fleet.size", "20")], true);
    by_table("city-grid", &[("rsu.grid.spacing_m", "600")], true);
    by_table(
        "city-grid",
        &[
            ("rsu.grid.spacing_m", "600"),
            ("fleet.mobility.begin_s", "560"),
            ("time.slots", "40"),
        ],
        true,
    );
}

#[test]
fn regress_a_table_of_other_vehicles_is_refused() {
    by_table("city-grid", &[("rsu.grid.spacing_m", "600")], false);
}

#[test]
fn regress_what_a_table_does_not_know_is_refused() {
    let keys = [
        ("model", "\"table\""),
        ("shadowing", "\"log-normal\""),
        ("interference", "\"load\""),
        ("information_delay_slots", "1"),
    ];
    let error = scenario(&keys).unwrap_err().to_string();
    for key in [
        "table: missing",
        "shadowing: must be",
        "interference: must be",
    ] {
        assert!(error.contains(&format!("channel.{key}")), "{error}");
    }
    assert!(
        error.contains("channel.information_delay_slots: must be 0"),
        "{error}"
    );
    let error = scenario(&[("table", "x.csv")]).unwrap_err().to_string();
    assert!(
        error.contains("channel.table: needs model = \"table\""),
        "{error}"
    );
}
