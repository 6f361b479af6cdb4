//! What learns to host sessions: its environment against a run, snapshots, and the rule that its rows allow untrained.

use super::{scenario, session, total, world};
use wayside_core::Scenario;
use wayside_core::engine::session_env::{SessionEnv, Snapshot};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory as _, Trained, replicate};
use wayside_core::observation::{Layout, Scorer as _};
use wayside_core::policy::PolicyKind;
use wayside_core::policy::sessions::{SessionKind, least_forecast};
use wayside_core::rng::Streams;

fn highway() -> World {
    let set = [("fleet.size".to_owned(), "60".to_owned())];
    World::new(&Scenario::builtin("highway", &set).unwrap()).unwrap()
}

fn options(slots: usize) -> Options {
    Options {
        slots,
        bound: BoundKind::Off,
    }
}

/// The row of the least forecast; nothing where nothing is to be decided.
fn least(env: &SessionEnv<'_>) -> Vec<u32> {
    let observation = env.hosts().observation();
    let (mut logits, mut actions) = (Vec::new(), Vec::new());
    least_forecast().score(observation, &mut logits);
    observation.greedy(&logits, &mut actions);
    actions
}

/// Plays one slot: its reward.
fn play(env: &mut SessionEnv<'_>) -> f64 {
    loop {
        let actions = least(env);
        if let Some(end) = env.act(&actions).unwrap().slot {
            return end.reward;
        }
    }
}

/// The run is the slow twin: the same rule pays in the environment what it pays there, slot by slot.
#[test]
fn oracle_the_environment_pays_what_a_run_pays() {
    let world = highway();
    let run = replicate(&world, &[session(SessionKind::Least)], 7, options(15)).unwrap();
    let mut env = SessionEnv::new(&world, 15).unwrap();
    env.reset(7).unwrap();
    for slot in &run.policies[0].slots {
        let reward = play(&mut env);
        assert!((reward + slot.objective).abs() < 1e-12, "{slot:?}");
    }
    assert!(env.act(&[]).is_err(), "the episode is over");
}

#[test]
fn property_a_snapshot_goes_on_to_the_bit() {
    let world = highway();
    let env = || SessionEnv::drawing(&world, 12, Streams::new(3), "env.0").unwrap();
    let mut first = env();
    first.reset_next().unwrap();
    for _ in 0..8 {
        play(&mut first);
    }
    // within a slot
    for _ in 0..3 {
        let actions = least(&first);
        assert!(first.act(&actions).unwrap().slot.is_none());
    }
    let json = serde_json::to_string(&first.snapshot().unwrap()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&json).unwrap();
    let mut second = env();
    second.restore(&snapshot).unwrap();
    assert_eq!(second.snapshot().unwrap(), snapshot);
    for _ in 8..12 {
        assert_eq!(first.hosts().observation(), second.hosts().observation());
        assert_eq!(play(&mut first).to_bits(), play(&mut second).to_bits());
    }
    assert!(first.snapshot().is_none(), "over");
    first.reset_next().unwrap();
    second.reset_next().unwrap();
    assert_eq!(first.position(), second.position());
}

/// Snapshots are part of checkpoints, which are files.
#[test]
fn regress_snapshots_of_something_else_are_refused() {
    let world = highway();
    let mut env = SessionEnv::new(&world, 5).unwrap();
    play(&mut env);
    let good = serde_json::to_value(env.snapshot().unwrap()).unwrap();
    let with = |path: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(path).unwrap() = value;
        serde_json::from_value::<Snapshot>(changed).unwrap()
    };
    let first = "/sessions/0/1";
    for snapshot in [
        with("/slot", 5.into()),
        with("/slot", 99.into()),
        with("/drawn", u64::MAX.into()),
        with("/taken", serde_json::json!([4_000_000])),
        with(&format!("{first}/host"), 99.into()),
        with(&format!("{first}/moving"), serde_json::json!([99, 1])),
        with(&format!("{first}/moving"), serde_json::json!([0, 0])),
        with(
            first,
            serde_json::json!({"host": null, "moving": [1, 1], "down": null}),
        ),
    ] {
        assert!(env.restore(&snapshot).is_err(), "{snapshot:?}");
    }
    env.restore(&serde_json::from_value(good).unwrap()).unwrap();
}

/// Alone, with its velocity kept, the forecast is the truth, so the rule must find the cheapest place to stay.
#[test]
fn oracle_one_session_goes_where_it_is_cheapest_to_stay() {
    let world = world(&scenario(&[]), 1, 0.0);
    let policies = [SessionKind::Least, SessionKind::Never, SessionKind::Alone].map(session);
    let run = replicate(&world, &policies, 0, options(6)).unwrap();
    let cost: Vec<f64> = run.policies.iter().map(total).collect();
    assert!(cost[2] <= cost[0] * (1.0 + 1e-12), "{cost:?}");
    assert!(cost[0] <= cost[1] * (1.0 + 1e-12), "{cost:?}");
}

/// Over no less than the rules of the field it looks ahead and at the others.
#[test]
fn property_the_least_forecast_beats_the_rules() {
    let world = World::new(&Scenario::builtin("highway", &[]).unwrap()).unwrap();
    let policies = [
        SessionKind::Least,
        SessionKind::Never,
        SessionKind::Follow,
        SessionKind::Threshold,
    ];
    let run = replicate(&world, &policies.map(session), 1, options(40)).unwrap();
    let cost: Vec<f64> = run.policies.iter().map(total).collect();
    assert!(cost[1..].iter().all(|rule| *rule > cost[0]), "{cost:?}");
}

/// A network is for sessions or for tasks, never for both.
#[test]
fn regress_networks_are_refused_where_they_do_not_suit() {
    let hosts = Trained {
        name: "mine".to_owned(),
        scorer: least_forecast(),
    };
    let tasks = World::new(&Scenario::builtin("wang2025", &[]).unwrap()).unwrap();
    let error = hosts.serves(&tasks).unwrap_err().to_string();
    assert!(error.contains("mine is for sessions"), "{error}");
    let slot = tasks.empty_slot();
    assert!(hosts.serves_slot(&slot).is_err());
    hosts.serves(&highway()).unwrap();
    assert!(SessionEnv::new(&tasks, 5).is_err());
    assert!(wayside_core::observation::Encoder::new(Layout::hosts(&highway())).is_err());
    assert_eq!(
        PolicyKind::from_name("session-least"),
        Some(session(SessionKind::Least))
    );
}
