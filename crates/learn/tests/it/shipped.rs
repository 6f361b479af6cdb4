//! The shipped policies still do what their pages say.

use std::path::Path;

use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory, Trained, replicate};
use wayside_core::policy::PolicyKind;
use wayside_core::policy::migration::MigrationKind;
use wayside_core::policy::sessions::SessionKind;
use wayside_learn::trainer::builtin::{BUILTIN_POLICIES, builtin};
use wayside_learn::trainer::learned::LearnedPolicy;

fn world(scenario: &str, set: &[(&str, &str)]) -> World {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let set: Vec<_> = set.iter().map(owned).collect();
    World::new(&Scenario::builtin(scenario, &set).unwrap()).unwrap()
}

/// Mean objective and mean bound over the slots of some seeds.
fn costs(world: &World, factory: &impl PolicyFactory, seeds: &[u64], slots: usize) -> (f64, f64) {
    let options = Options {
        slots,
        bound: BoundKind::Split,
    };
    let (mut objective, mut bound) = (0.0, 0.0);
    for &seed in seeds {
        let run = replicate(world, std::slice::from_ref(factory), seed, options).unwrap();
        for slot in &run.policies[0].slots {
            objective += slot.objective;
            bound += slot.lower_bound.unwrap();
        }
    }
    let n = (seeds.len() * slots) as f64;
    (objective / n, bound / n)
}

fn trained(algorithm: &str, world: &World) -> impl PolicyFactory {
    Trained {
        name: algorithm.to_owned(),
        scorer: builtin(algorithm, Some(&world.scenario)).unwrap(),
    }
}

#[test]
fn property_every_shipped_policy_is_small_and_says_where_it_comes_from() {
    for found in BUILTIN_POLICIES {
        let policy = found.policy().unwrap();
        let card = policy.card();
        assert_eq!(
            (card.algorithm.as_str(), card.scenario.as_str()),
            (found.algorithm, found.scenario)
        );
        assert!(
            card.command.starts_with("wayside train"),
            "{}",
            card.command
        );
        assert!(card.score.is_some() && card.timesteps > 0);
        assert!(policy.state().unwrap().to_bytes().unwrap().len() < 1_000_000);
    }
}

/// Scenarios that they have not met among them: other places, other loads, other weights.
#[test]
fn regress_one_policy_is_near_the_bound_under_any_load() {
    for (scenario, set) in [
        ("wang2025", vec![("fleet.size", "20")]),
        ("wang2025", vec![]),
        ("wang2025", vec![("fleet.size", "400")]),
        ("wang2025-unbalanced", vec![("fleet.size", "40")]),
        ("wang2025-unbalanced", vec![("fleet.size", "200")]),
        ("wang2025-unbalanced", vec![("fleet.size", "1000")]),
        ("wang2025-unbalanced", vec![("objective.omega", "1.0")]),
        ("hotspot", vec![]),
        ("city-grid", vec![]),
    ] {
        let world = world(scenario, &set);
        for algorithm in ["ppo", "ac"] {
            let (objective, bound) = costs(&world, &trained(algorithm, &world), &[0], 4);
            let gap = objective / bound - 1.0;
            let case = format!("{algorithm} in {scenario}, {set:?}: {gap}");
            assert!((0.0..0.02).contains(&gap), "{case}");
        }
    }
}

/// Before, 1,000 vehicles cost 1.62 and all-local 1.14.
#[test]
fn regress_no_shipped_policy_is_dearer_than_all_local() {
    for (vehicles, cpu_hz) in [("1000", "15e9"), ("300", "1e9"), ("50", "1e8")] {
        let set = [("fleet.size", vehicles), ("rsu_default.cpu_hz", cpu_hz)];
        let world = world("wang2025", &set);
        let (local, _) = costs(&world, &PolicyKind::Local, &[0], 2);
        for algorithm in ["ppo", "ac"] {
            let (objective, _) = costs(&world, &trained(algorithm, &world), &[0], 2);
            let case = format!("{algorithm}, N = {vehicles}, {cpu_hz}: {objective}, local {local}");
            assert!(objective <= local * (1.0 + 1e-12), "{case}");
        }
    }
}

#[test]
fn regress_learning_earns_its_place_where_slots_are_coupled() {
    // from empty RSUs on, so that `price` has only 60 slots to go astray in
    for (slot_s, least) in [("0.25", 1.6), ("0.30", 1.2)] {
        let world = world("coupled", &[("time.slot_s", slot_s)]);
        let of = |factory: &dyn PolicyFactory| costs(&world, &factory, &[0], 60).0;
        let ppo = of(&trained("ppo", &world));
        let (price, fit) = (of(&PolicyKind::Price), of(&PolicyKind::SlotFit));
        assert!(price > least * ppo, "{slot_s} s: {ppo}, price {price}");
        // better at 0.25 s, where it was trained; within 2 % at 0.30 s
        let most = if slot_s == "0.25" { 1.0 } else { 1.02 };
        assert!(ppo < most * fit, "{slot_s} s: {ppo}, slot-fit {fit}");
    }
}

/// Its page has the numbers; everything to the cloud takes 0.206 s, and so it must be worth having learned.
#[test]
fn regress_lysac_plans_batches_of_any_size_and_capability() {
    for (name, scenario, capability, tasks, most_s) in [
        ("lysac", "lin2025", "0.2", "50", 0.205),
        ("lysac", "lin2025", "0.8", "50", 0.2),
        ("lysac", "lin2025", "0.8", "10", 0.19),
        ("lysac", "lin2025-n5", "0.8", "20", 0.2),
        ("lysac", "lin2025-n30", "0.8", "50", 0.2),
        ("lysac-no-cloud", "lin2025", "0.2", "50", 0.31),
        ("lysac-no-cloud", "lin2025", "0.8", "50", 0.206),
    ] {
        let set = [("execution.capability", capability), ("fleet.size", tasks)];
        let world = world(scenario, &set);
        let seeds: Vec<u64> = (0..10).collect();
        let (delay_s, bound_s) = costs(&world, &trained(name, &world), &seeds, 1);
        let case = format!("{name} in {scenario} at {capability} with {tasks}: {delay_s}");
        assert!(delay_s < most_s && delay_s >= bound_s, "{case}");
    }
}

/// One network for sessions on a highway and in a city, not built in. Its page has the numbers: it costs .1 % less than the rule that
/// takes the least forecast on the highway and .8 % less in the city, and both cost 4 % less than the threshold.
#[test]
fn regress_one_network_hosts_sessions_on_a_highway_and_in_a_city() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let scorer = LearnedPolicy::read(&folder.join("ppo-sessions.safetensors")).unwrap();
    let options = Options {
        slots: 40,
        bound: BoundKind::Off,
    };
    for scenario in ["highway", "city-sessions"] {
        let world = world(scenario, &[]);
        let cost = |factory: &dyn PolicyFactory| {
            let run = replicate(&world, &[factory], 3, options).unwrap();
            let slots = &run.policies[0].slots;
            let cost = slots.iter().map(|s| s.objective * f64::from(s.tasks));
            cost.sum::<f64>()
        };
        let learned = cost(&Trained {
            name: "learned".to_owned(),
            scorer: scorer.clone(),
        });
        let least = cost(&PolicyKind::Session(SessionKind::Least));
        let threshold = cost(&PolicyKind::Session(SessionKind::Threshold));
        let case = format!("{scenario}: {learned}, least {least}, threshold {threshold}");
        assert!(
            learned < 1.002 * least && learned < 0.98 * threshold,
            "{case}"
        );
    }
}

/// One network for tasks that queue, not built in. Its page (docs/decisions/0048-generalists.md) has the numbers: within 2 % of the best
/// `ect` where news is fresh, and where it is stale a third cheaper than `ect-cloud`.
#[test]
fn regress_one_network_sends_tasks_that_queue_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let scorer = LearnedPolicy::read(&folder.join("ppo-queues.safetensors")).unwrap();
    let learned = Trained {
        name: "learned".to_owned(),
        scorer,
    };
    let ect = |cloud| {
        PolicyKind::Migration(MigrationKind::Ect {
            cloud,
            hedged: false,
        })
    };
    let stale = [
        ("fleet.size", "40"),
        ("time.slot_s", "0.1"),
        ("information.rate_hz", "2"),
        ("information.delay_s", "0.3"),
    ];
    let fresh = |size| [("execution.capability", "0.2"), ("fleet.size", size)];
    for (cloud, set, slots, most) in [
        (false, fresh("30").as_slice(), 1, 1.02),
        (true, fresh("50").as_slice(), 1, 1.02),
        (true, stale.as_slice(), 10, 0.8),
    ] {
        let mut world = world("lin2025", set);
        if !cloud {
            let mut scenario = world.scenario.clone();
            scenario.cloud_round_trip_s = None;
            world = World::new(&scenario).unwrap();
        }
        let seeds: Vec<u64> = (0..10).collect();
        let (cost, bound) = costs(&world, &learned, &seeds, slots);
        let (rule, _) = costs(&world, &ect(cloud), &seeds, slots);
        let case = format!("cloud {cloud}, {set:?}: {cost}, ect {rule}, bound {bound}");
        assert!(cost < most * rule && cost >= bound, "{case}");
    }
}
