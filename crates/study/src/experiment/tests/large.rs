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
