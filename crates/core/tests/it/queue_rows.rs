//! What learns to send tasks on one by one: its environment against a run, snapshots, and the rule that its rows allow untrained.

use std::sync::Arc;

use wayside_core::Scenario;
use wayside_core::engine::queue_env::{QueueEnv, Snapshot};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory as _, Trained, replicate};
use wayside_core::observation::{Layout, Scorer as _};
use wayside_core::policy::PolicyKind;
use wayside_core::policy::migration::MigrationKind;
use wayside_core::policy::migration::kinds::least_cost;
use wayside_core::rng::Streams;

fn world(name: &str, set: &[(&str, &str)]) -> Arc<World> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let set: Vec<_> = set.iter().map(owned).collect();
    Arc::new(World::new(&Scenario::builtin(name, &set).unwrap()).unwrap())
}

fn options(slots: usize) -> Options {
    Options {
        slots,
        bound: BoundKind::Off,
    }
}

/// The row of the least predicted cost; nothing where nothing is to be decided.
fn least(env: &QueueEnv) -> Vec<u32> {
    let (mut logits, mut actions) = (Vec::new(), Vec::new());
    least_cost(3).score(env.observation(), &mut logits);
    env.observation().greedy(&logits, &mut actions);
    actions
}

/// Plays one slot: its reward, and the sum of the rewards of its turns.
fn play(env: &mut QueueEnv) -> (f64, f64) {
    let mut sum = 0.0;
    loop {
        let turn = env.choose(&least(env)).unwrap();
        sum += turn.reward;
        if let Some(end) = turn.slot {
            return (end.reward, sum);
        }
    }
}

/// The run is the slow twin: of a single batch, after which nothing arises, the same rule costs what it costs there.
#[test]
fn oracle_a_batch_pays_what_a_run_pays() {
    let rule = [PolicyKind::Migration(MigrationKind::Least)];
    for (name, set) in [
        ("lin2025", vec![("execution.capability", "0.2")]),
        ("lin2025-n5", vec![]),
        ("lin2025-three-clusters", vec![("objective.omega", "0.6")]),
    ] {
        let world = world(name, &set);
        let layout = Layout::by_destination(&*world);
        let streams = Streams::new(1);
        let mut env = QueueEnv::by_task(Arc::clone(&world), &layout, 1, streams, "env.0").unwrap();
        for seed in 0..5 {
            let run = replicate(&world, &rule, seed, options(1)).unwrap();
            env.start(0, seed).unwrap();
            let (reward, sum) = play(&mut env);
            let cost = run.policies[0].slots[0].objective;
            assert!(
                (reward + cost).abs() < 1e-12,
                "{name}, {seed}: {reward} {cost}"
            );
            assert!(
                (reward - sum).abs() < 1e-12,
                "{name}, {seed}: {reward} {sum}"
            );
        }
    }
}

#[test]
fn property_a_snapshot_within_a_slot_goes_on_to_the_bit() {
    let set = [("time.slot_s", "0.1"), ("information.delay_s", "0.3")];
    let world = world("lin2025", &set);
    let layout = Layout::by_destination(&*world);
    let env =
        || QueueEnv::by_task(Arc::clone(&world), &layout, 6, Streams::new(3), "env.0").unwrap();
    let mut first = env();
    first.reset().unwrap();
    for _ in 0..3 {
        play(&mut first);
    }
    for _ in 0..4 {
        let actions = least(&first);
        assert!(first.choose(&actions).unwrap().slot.is_none());
    }
    let json = serde_json::to_string(&first.snapshot().unwrap()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&json).unwrap();
    let mut second = env();
    second.restore(&snapshot).unwrap();
    assert_eq!(second.snapshot().unwrap(), snapshot);
    assert_eq!(first.position(), second.position());
    for _ in 3..6 {
        assert_eq!(first.observation(), second.observation());
        let (one, other) = (play(&mut first), play(&mut second));
        assert_eq!(one.0.to_bits(), other.0.to_bits());
    }
}

/// A network enters a run as the rule does, and neither hosts sessions.
#[test]
fn property_the_rule_is_the_policy_of_its_rows() {
    let world = world("lin2025", &[("time.slot_s", "0.1")]);
    let rule = PolicyKind::Migration(MigrationKind::Least);
    let network = Trained {
        name: "network".to_owned(),
        scorer: least_cost(3),
    };
    let of = |factory: &dyn wayside_core::engine::PolicyFactory| {
        let run = replicate(&world, &[factory], 2, options(4)).unwrap();
        run.policies[0]
            .slots
            .iter()
            .map(|slot| slot.objective)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&rule), of(&network));
    let sessions = World::new(&Scenario::builtin("highway", &[]).unwrap()).unwrap();
    assert!(network.serves(&sessions).is_err());
}
