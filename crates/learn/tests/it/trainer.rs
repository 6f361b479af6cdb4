//! The trainer: the same bytes whatever the threads and whoever killed it; policy files and their errors.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_core::observation::Form;
use wayside_learn::nn::state::State;
use wayside_learn::trainer::learned::LearnedPolicy;
use wayside_learn::trainer::{
    Algorithm, CHECKPOINT, Encoder, Ended, POLICY, Plan, Progress, Settings, Trainer, named,
};

pub(crate) fn world(scenario: &str, vehicles: usize) -> World {
    let size = ("fleet.size".to_owned(), vehicles.to_string());
    World::new(&Scenario::builtin(scenario, &[size]).unwrap()).unwrap()
}

pub(crate) fn settings(world: &World, encoder: Encoder, options: &[(&str, &str)]) -> Settings {
    settings_of(Algorithm::Ppo, world, encoder, options)
}

/// What makes SAC learn from its second iteration on, and its replay wrap.
const SOON: &[(&str, &str)] = &[("learning_starts", "100"), ("buffer_size", "300")];

pub(crate) fn settings_of(
    algorithm: Algorithm,
    world: &World,
    encoder: Encoder,
    options: &[(&str, &str)],
) -> Settings {
    let soon = match algorithm {
        Algorithm::Sac | Algorithm::Lysac => SOON,
        _ => &[],
    };
    let small = [
        ("n_envs", "3"),
        ("n_steps", "30"),
        ("batch_size", "30"),
        ("net_arch", "8"),
        ("eval_freq", "2"),
        ("eval_seeds", "2"),
        ("eval_slots", "3"),
        ("episode_slots", "7"),
        ("total_timesteps", "540"),
    ];
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let all: Vec<_> = small.iter().chain(soon).chain(options).map(owned).collect();
    Settings::new(algorithm, encoder, world, &all).unwrap()
}

pub(crate) fn plan<'w>(world: &'w World, settings: Settings, out: &Path) -> Plan<'w> {
    Plan {
        world,
        read: &|_| unreachable!("nothing varies"),
        settings,
        backend: None,
        architecture: None,
        seed: 5,
        out: out.to_owned(),
        force: false,
        command: "test".to_owned(),
        version: "test".to_owned(),
    }
}

/// Trains until the end, or until so many iterations are seen.
pub(crate) fn train(plan: Plan, resume: bool, threads: usize, most: u64) -> (Ended, Vec<Progress>) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let (stop, mut seen) = (AtomicBool::new(false), Vec::new());
        let mut watch = |progress: &Progress| {
            seen.push(*progress);
            let enough = progress.report.iterations >= most;
            stop.store(enough, Ordering::Relaxed);
        };
        let ended = Trainer::new(plan, resume)
            .unwrap()
            .run(&stop, &mut watch)
            .unwrap();
        (ended, seen)
    })
}

/// All that a training leaves, times aside: policy, table, checkpoint.
fn left(out: &Path) -> (Vec<u8>, Vec<String>, Vec<u8>) {
    let table = std::fs::read_to_string(out.join("progress.csv")).unwrap();
    let untimed = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        cells[..cells.len() - 2].join(",")
    };
    let mut state = State::read(&out.join(CHECKPOINT)).unwrap();
    state.card["spent_s"] = serde_json::Value::Null;
    state.card["logs"] = serde_json::Value::Null;
    (
        std::fs::read(out.join(POLICY)).unwrap(),
        table.lines().map(untimed).collect(),
        state.to_bytes().unwrap(),
    )
}

/// The encoders, with and without slots that depend on each other.
fn cases() -> Vec<(Algorithm, World, Encoder)> {
    let on_policy = [
        ("wang2025", Encoder::Sequential),
        ("coupled", Encoder::Sequential),
        ("coupled", Encoder::Shared),
        ("wang2025", Encoder::Flat),
    ];
    let sac = [
        ("coupled", Encoder::Sequential),
        ("wang2025", Encoder::Shared),
        ("coupled", Encoder::Flat),
    ];
    let case = |algorithm| move |(name, encoder)| (algorithm, world(name, 5), encoder);
    let on_policy = on_policy.into_iter().map(case(Algorithm::Ppo));
    on_policy
        .chain(sac.into_iter().map(case(Algorithm::Sac)))
        .chain([("lin2025", Encoder::Sequential)].map(case(Algorithm::Lysac)))
        .collect()
}

#[test]
fn property_threads_and_interruptions_change_nothing() {
    for (algorithm, world, encoder) in cases() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_of(algorithm, &world, encoder, &[]);
        let out = |name: &str| folder.path().join(name);
        let new = |name: &str| plan(&world, settings.clone(), &out(name));
        let (ended, seen) = train(new("one"), false, 1, u64::MAX);
        assert_eq!(ended, Ended::Done);
        assert_eq!(seen.len(), 7, "one before the six iterations");
        train(new("three"), false, 3, u64::MAX);
        let case = format!("{algorithm:?} {encoder:?}");
        assert!(left(&out("one")) == left(&out("three")), "{case}");

        for (from, to) in [(false, 1), (true, 4), (true, 4)] {
            assert_eq!(train(new("parts"), from, 2, to).0, Ended::Interrupted);
        }
        assert_eq!(train(new("parts"), true, 2, u64::MAX).0, Ended::Done);
        assert!(left(&out("one")) == left(&out("parts")), "{case}");
    }
}

/// Each environment has a scenario of its own, and so has each evaluation.
#[test]
fn property_threads_and_interruptions_change_nothing_where_scenarios_vary() {
    let set = |drawn: &[(String, String)]| Scenario::builtin("hotspot", drawn);
    let world = World::new(&set(&[]).unwrap()).unwrap();
    let vary =
        r#"["fleet.size=3..9", "objective.omega=0.3..1.0", "load_balance.enforce=true,false"]"#;
    let settings = settings(&world, Encoder::Sequential, &[("vary", vary)]);
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let new = |name: &str, seed| Plan {
        read: &set,
        seed,
        ..plan(&world, settings.clone(), &out(name))
    };
    train(new("one", 5), false, 1, u64::MAX);
    train(new("three", 5), false, 3, u64::MAX);
    assert!(left(&out("one")) == left(&out("three")));
    assert_eq!(train(new("parts", 5), false, 2, 3).0, Ended::Interrupted);
    assert_eq!(train(new("parts", 5), true, 2, u64::MAX).0, Ended::Done);
    assert!(left(&out("one")) == left(&out("parts")));

    // another seed learns in other scenarios and is marked in the same
    train(new("other", 6), false, 1, u64::MAX);
    let card = |name| {
        LearnedPolicy::read(&out(name).join(POLICY))
            .unwrap()
            .card()
            .clone()
    };
    let (one, other) = (card("one"), card("other"));
    assert_eq!(one.untrained, other.untrained);
    assert!(one.untrained.is_some() && one.layout == other.layout);
    assert_eq!(
        one.options["vary"],
        serde_json::from_str::<serde_json::Value>(vary).unwrap()
    );
    let slots = |name| train(new(name, 6), true, 1, u64::MAX).0;
    assert_eq!(slots("other"), Ended::Done);
}

/// Sessions of two scenarios: first a teacher is imitated, then rewards count; interrupted in the one and in the other.
#[test]
fn property_threads_and_interruptions_change_nothing_where_sessions_are_hosted() {
    let size = ("fleet.size".to_owned(), "12".to_owned());
    let set = |drawn: &[(String, String)]| {
        let (name, drawn) = named(drawn);
        let name = name.unwrap_or("highway");
        let small = (name == "highway").then(|| size.clone());
        Scenario::builtin(name, &small.into_iter().chain(drawn).collect::<Vec<_>>())
    };
    let world = World::new(&set(&[]).unwrap()).unwrap();
    let options = [
        ("vary", r#"["scenario=highway,city-sessions"]"#),
        ("imitate_timesteps", "270"),
    ];
    let settings = settings(&world, Encoder::Sequential, &options);
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let new = |name: &str| Plan {
        read: &set,
        ..plan(&world, settings.clone(), &out(name))
    };
    let (ended, seen) = train(new("one"), false, 1, u64::MAX);
    assert_eq!((ended, seen.len()), (Ended::Done, 7));
    assert!(seen[0].score.unwrap().gap > 0.0, "to the bound of the run");
    train(new("three"), false, 3, u64::MAX);
    assert!(left(&out("one")) == left(&out("three")));
    for (from, to) in [(false, 1), (true, 4)] {
        assert_eq!(train(new("parts"), from, 2, to).0, Ended::Interrupted);
    }
    train(new("parts"), true, 2, u64::MAX);
    assert!(left(&out("one")) == left(&out("parts")));
}

/// A training over several scenarios that goes on to the bit, whatever the threads and wherever it was interrupted; its policy.
pub(crate) fn goes_on(
    name: &str,
    vary: &str,
    small: &[(&str, &str)],
    options: &[(&str, &str)],
) -> LearnedPolicy {
    let set = |drawn: &[(String, String)]| {
        let (drawn_name, drawn) = named(drawn);
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let all: Vec<_> = small.iter().map(owned).chain(drawn).collect();
        Scenario::builtin(drawn_name.unwrap_or(name), &all)
    };
    let world = World::new(&set(&[]).unwrap()).unwrap();
    let all: Vec<_> = [("vary", vary), ("imitate_timesteps", "270")]
        .into_iter()
        .chain(options.iter().copied())
        .collect();
    let settings = settings(&world, Encoder::Sequential, &all);
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let new = |name: &str| Plan {
        read: &set,
        ..plan(&world, settings.clone(), &out(name))
    };
    let (ended, seen) = train(new("one"), false, 1, u64::MAX);
    assert_eq!(ended, Ended::Done);
    assert!(seen.iter().filter_map(|p| p.score).all(|s| s.gap > 0.0));
    train(new("three"), false, 3, u64::MAX);
    assert!(left(&out("one")) == left(&out("three")));
    for (from, to) in [(false, 1), (true, 4)] {
        assert_eq!(train(new("parts"), from, 2, to).0, Ended::Interrupted);
    }
    train(new("parts"), true, 2, u64::MAX);
    assert!(left(&out("one")) == left(&out("parts")));
    LearnedPolicy::read(&out("one").join(POLICY)).unwrap()
}

#[test]
fn property_threads_and_interruptions_change_nothing_where_tasks_queue() {
    let small = [("fleet.size", "5"), ("time.slot_s", "0.1")];
    let vary = r#"["scenario=lin2025,lin2025-n5", "information.delay_s=0,0.3"]"#;
    let policy = goes_on("lin2025", vary, &small, &[]);
    assert!(matches!(
        policy.card().layout.form,
        Form::Destinations { .. }
    ));
    assert!(policy.card().untrained.is_some());
}

/// Of both kinds of slots: one network for them.
#[test]
fn property_threads_and_interruptions_change_nothing_where_only_some_slots_depend_on_each_other() {
    let small = [("fleet.size", "6")];
    // both kinds are drawn among the three environments of the seed, or the assertion below fails
    let vary = r#"["scenario=coupled,hotspot", "time.slot_s=0.2..0.3"]"#;
    let policy = goes_on("hotspot", vary, &small, &[]);
    assert!(
        policy.card().layout.is_either(),
        "{:?}",
        policy.card().layout
    );
}

#[test]
fn regress_what_cannot_host_sessions_or_send_tasks_on_is_refused() {
    for world in [world("highway", 12), world("lin2025", 5)] {
        for (algorithm, encoder, path) in [
            (Algorithm::Sac, Encoder::Sequential, "algorithm"),
            (Algorithm::Ppo, Encoder::Flat, "encoder"),
            (Algorithm::Ac, Encoder::Shared, "encoder"),
        ] {
            let settings = Settings::new(algorithm, encoder, &world, &[]).unwrap();
            let error = settings.layout(&world).unwrap_err().to_string();
            assert!(error.contains(&format!("{path}: must be")), "{error}");
        }
    }
}

#[test]
fn property_values_that_no_scenario_admits_are_named() {
    let set = |drawn: &[(String, String)]| Scenario::builtin("wang2025", drawn);
    let world = World::new(&set(&[]).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (vary, path) in [
        ("objective.omega=2..3", "objective.omega"),
        ("fleet.sise=2..3", "fleet.sise"),
        ("fleet.size=0.5..1.5", "fleet.size"),
    ] {
        let settings = settings(
            &world,
            Encoder::Sequential,
            &[("vary", &format!("[{vary:?}]"))],
        );
        let plan = Plan {
            read: &set,
            ..plan(&world, settings, &folder.path().join("out"))
        };
        let error = Trainer::new(plan, false).err().unwrap().to_string();
        assert!(error.contains(path), "{error}");
    }
    let text = [("vary".to_owned(), r#"["fleet.size"]"#.to_owned())];
    let error = Settings::new(Algorithm::Ppo, Encoder::Sequential, &world, &text).unwrap_err();
    assert!(error.to_string().contains("KEY=LOW..HIGH"), "{error}");
}

const OUT: &str = "WAYSIDE_TEST_TRAINING";
const WHAT: &str = "WAYSIDE_TEST_ALGORITHM";

/// Where it takes place.
pub(crate) fn ground(algorithm: Algorithm) -> World {
    match algorithm {
        Algorithm::Lysac => world("lin2025", 5),
        _ => world("coupled", 5),
    }
}

/// The training that is killed.
fn long(algorithm: Algorithm, world: &World) -> Settings {
    settings_of(algorithm, world, Encoder::Sequential, LONG)
}

/// Not a test by itself: the training that the next test kills.
#[test]
fn victim() {
    let Ok(out) = std::env::var(OUT) else {
        return;
    };
    let algorithm = match std::env::var(WHAT).as_deref() {
        Ok("sac") => Algorithm::Sac,
        Ok("lysac") => Algorithm::Lysac,
        _ => Algorithm::Ppo,
    };
    let (world, out) = (ground(algorithm), Path::new(&out));
    let resume = out.join(CHECKPOINT).exists();
    train(
        plan(&world, long(algorithm, &world), out),
        resume,
        2,
        u64::MAX,
    );
}

/// Long enough to be killed some times.
const LONG: &[(&str, &str)] = &[("total_timesteps", "7200"), ("eval_freq", "1")];

#[test]
fn property_killed_trainings_end_in_the_same_bytes() {
    for algorithm in [Algorithm::Ppo, Algorithm::Sac, Algorithm::Lysac] {
        kill(algorithm);
    }
}

fn kill(algorithm: Algorithm) {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let world = ground(algorithm);
    train(
        plan(&world, long(algorithm, &world), &whole),
        false,
        1,
        u64::MAX,
    );
    let mut kills = 0;
    for round in 0..200 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "trainer::victim"])
            .env(OUT, &killed)
            .env(WHAT, algorithm.name())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // longer and longer, so that it comes to an end on slow machines too
        let patience = Duration::from_millis(150 + 40 * round);
        let started = std::time::Instant::now();
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "what a kill left cannot be gone on with");
                break true;
            }
            if started.elapsed() > patience {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                break false;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if ended {
            break;
        }
    }
    assert!(kills > 0, "the training was over before it could be killed");
    assert!(
        left(&whole) == left(&killed),
        "{algorithm:?} after {kills} kills"
    );
}

#[test]
fn closed_form_a_short_training_finds_the_best_of_what_it_began_with() {
    let world = world("wang2025-unbalanced", 20);
    let folder = tempfile::tempdir().unwrap();
    let options = [
        ("n_steps", "256"),
        ("batch_size", "256"),
        ("net_arch", "16"),
        ("total_timesteps", "11520"),
        ("learning_rate", "0.003"),
    ];
    let settings = settings(&world, Encoder::Sequential, &options);
    let (_, seen) = train(plan(&world, settings, folder.path()), false, 2, u64::MAX);
    let reward = |i: usize| seen[i].reward.unwrap();
    let (first, last) = (reward(1), reward(seen.len() - 1));
    // uniform choices among what is offered earn -0.4, the optimum -0.25
    assert!(first < -0.35 && last > -0.30, "{first} to {last}");
    let best = LearnedPolicy::read(&folder.path().join(POLICY)).unwrap();
    let gap = best.card().score.unwrap().gap;
    assert!((0.0..0.01).contains(&gap), "{gap}");
}

#[test]
fn property_no_learning_rate_no_change() {
    for algorithm in [Algorithm::Ppo, Algorithm::Sac, Algorithm::Lysac] {
        let world = ground(algorithm);
        let folder = tempfile::tempdir().unwrap();
        let still = &[("learning_rate", "0")];
        let settings = settings_of(algorithm, &world, Encoder::Sequential, still);
        let (_, seen) = train(plan(&world, settings, folder.path()), false, 1, u64::MAX);
        let scores: Vec<_> = seen.iter().filter_map(|p| p.score).collect();
        assert!(
            scores.len() > 2 && scores.iter().all(|s| *s == scores[0]),
            "{scores:?}"
        );
    }
}
