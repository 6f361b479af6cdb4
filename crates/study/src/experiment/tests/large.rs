//! Slots that are split among threads.

use super::*;

/// One seed with more threads than seeds: its slots are split, and another thread bounds them.
#[test]
fn property_threads_change_no_large_slot() {
    let text = include_str!("../../../../../scenarios/wang2025-unbalanced.toml");
    let (rsus, backhaul) = (
        text.find("[[rsu]]").unwrap(),
        text.find("[backhaul]").unwrap(),
    );
    let text = format!(
        "{}[rsu.grid]\nspacing_m = 417\n{}",
        &text[..rsus],
        &text[backhaul..]
    );
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let overrides = [
        set("area.width_m", "16000"),
        set("area.height_m", "21000"),
        set("fleet.size", "17000"),
        set("policy.price.effort", "fast"),
        set("bound.tolerance", "1e-3"),
    ];
    let scenario = Scenario::from_toml("city", &text, &overrides).unwrap();
    let world = Arc::new(World::new(&scenario).unwrap());
    let run = |threads: usize, seeds: &[u64]| {
        let experiment = Experiment::in_world(Arc::clone(&world)).policies(["nearest", "price"]);
        let experiment = experiment.seeds(seeds.iter().copied()).slots(2);
        let experiment = experiment.bound(BoundKind::Simple).threads(threads);
        untimed(experiment.run().unwrap().replications)
    };
    let one = run(1, &[5]);
    let slots = &one[0].policies[1].slots;
    assert!(
        slots
            .iter()
            .all(|slot| slot.tasks == 17_000 && slot.lower_bound.is_some())
    );
    for threads in [2, 3, 8] {
        assert_eq!(one, run(threads, &[5]), "{threads} threads");
    }
    assert_eq!(one, run(5, &[6, 5])[1..]);
}

/// Vehicles of a trace come and go, each with a CPU of its own, and parts fail. Traffic is drawn ahead of the decisions where they need
/// nothing else of it, and all threads share the rows of tasks.
#[test]
fn property_threads_change_no_large_slot_of_a_trace() {
    let root = tempfile::tempdir().unwrap();
    let faults = "[{kind = \"server\", rsu = \"r0\", from_s = 0.5, until_s = 1.5}]";
    let cases: [&[(&str, &str)]; 4] = [
        &[("fault", faults)],
        &[("time.carry_over", "true")],
        &[("channel.information_error_db", "3")],
        &[("result", "{data_bytes = 1000, tx_power_w = 1}")],
    ];
    for (case, keys) in cases.into_iter().enumerate() {
        let fleet = [
            ("fleet.mobility.copies", "60"),
            ("fleet.cpu_hz", "{min = 0.4e9, max = 0.6e9}"),
            ("bound.tolerance", "1e-3"),
        ];
        let overrides: Vec<_> = [&fleet, keys]
            .concat()
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let world = World::new(&Scenario::builtin("city-grid", &overrides).unwrap()).unwrap();
        let world = Arc::new(world);
        let run = |threads: usize, bound: BoundKind| {
            let experiment =
                Experiment::in_world(Arc::clone(&world)).policies(["nearest", "local"]);
            let experiment = experiment.seeds([5]).slots(3).bound(bound).threads(threads);
            let folder = root.path().join(format!("{case}-{threads}-{bound:?}"));
            std::fs::create_dir(&folder).unwrap();
            let replications = untimed(with_tasks(&experiment, &folder));
            let rows = std::fs::read(folder.join("seed5.parquet")).unwrap();
            (replications, rows)
        };
        for bound in [BoundKind::Off, BoundKind::Simple] {
            let one = run(1, bound);
            let slots = &one.0[0].policies[0].slots;
            assert!(slots.iter().all(|slot| slot.tasks > 17_000), "{keys:?}");
            assert!(
                slots
                    .windows(2)
                    .any(|pair| pair[0].vehicles != pair[1].vehicles)
            );
            assert!(one == run(2, bound), "{keys:?}, {bound:?}");
        }
    }
}
