//! What the trainer writes and refuses: policy files, folders, options, masks.

use std::path::Path;
use wayside_core::Scenario;
use wayside_core::engine::env::Env as Engine;
use wayside_core::engine::world::World;
use wayside_core::engine::{PolicyFactory as _, Trained};
use wayside_core::error::Error;
use wayside_core::rng::Streams;
use wayside_learn::nn::state::State;
use wayside_learn::trainer::learned::LearnedPolicy;
use wayside_learn::trainer::{Algorithm, CHECKPOINT, Encoder, POLICY, Plan, Settings, Trainer};

use crate::trainer::{ground, plan, settings, settings_of, train, world};

#[test]
fn property_policy_files_round_trip_and_refuse_what_they_cannot_serve() {
    let folder = tempfile::tempdir().unwrap();
    let small = world("wang2025", 6);
    let settings = settings(&small, Encoder::Flat, &[("total_timesteps", "90")]);
    train(plan(&small, settings, folder.path()), false, 1, u64::MAX);
    let path = folder.path().join(POLICY);
    let policy = LearnedPolicy::read(&path).unwrap();
    let again = LearnedPolicy::from_bytes(&policy.state().unwrap().to_bytes().unwrap()).unwrap();
    assert_eq!(policy.card(), again.card());
    let beside = std::fs::read_to_string(path.with_extension("json")).unwrap();
    assert_eq!(
        serde_json::to_value(policy.card()).unwrap(),
        serde_json::from_str::<serde_json::Value>(&beside).unwrap()
    );

    let enter = |world: &World| {
        let name = "flat".to_owned();
        let factory = Trained {
            name,
            scorer: policy.clone(),
        };
        factory.for_run(world, Streams::new(0)).map(|_| ())
    };
    enter(&small).unwrap();
    let error = enter(&world("wang2025", 9)).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
    assert!(
        error
            .to_string()
            .contains("must be at most 6 vehicles, got 9"),
        "{error}"
    );

    // any cut of the file is an error, and so is another layout version
    let bytes = std::fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(97) {
        assert!(
            LearnedPolicy::from_bytes(&bytes[..cut]).is_err(),
            "{cut} bytes"
        );
    }
    // and so is a network that can decide nothing: the end of the file is a weight
    for wrong in [f32::NAN, f32::INFINITY] {
        let mut bytes = bytes.clone();
        let end = bytes.len() - 4;
        bytes[end..].copy_from_slice(&wrong.to_le_bytes());
        let error = LearnedPolicy::from_bytes(&bytes).unwrap_err().to_string();
        assert!(error.contains("must hold finite numbers, got"), "{error}");
    }
    let mut state = State::from_bytes(&bytes).unwrap();
    state.card["policy"]["layout"]["version"] = 999.into();
    let error = LearnedPolicy::from_state(&state).unwrap_err().to_string();
    assert!(error.contains("layout.version: must be"), "{error}");
}

/// Every tensor of floating-point numbers, in turn, with one that is not finite.
fn checkpoints_with_other_numbers_are_refused<'w>(plan: impl Fn() -> Plan<'w>, path: &Path) {
    let whole = std::fs::read(path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(whole[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&whole[8..8 + length]).unwrap();
    let mut tensors = 0;
    for (name, tensor) in header.as_object().unwrap() {
        let begin = tensor["data_offsets"][0].as_u64();
        let Some(begin) = begin.filter(|&begin| tensor["data_offsets"][1] != begin) else {
            continue;
        };
        let wrong: &[u8] = match tensor["dtype"].as_str() {
            Some("F32") => &f32::NAN.to_le_bytes(),
            Some("F64") => &f64::INFINITY.to_le_bytes(),
            _ => continue,
        };
        let at = 8 + length + usize::try_from(begin).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + wrong.len()].copy_from_slice(wrong);
        std::fs::write(path, bytes).unwrap();
        let error = Trainer::new(plan(), true).err().expect(name).to_string();
        let named = error.contains(&format!("{name}: must hold finite numbers, got"));
        assert!(named, "{name}: {error}");
        tensors += 1;
    }
    assert!(tensors > 4, "{tensors}");
    std::fs::write(path, whole).unwrap();
}

#[test]
fn property_folders_and_options_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let world = world("wang2025", 6);
    let new = |options: &[(&str, &str)]| {
        let settings = settings(&world, Encoder::Sequential, options);
        plan(&world, settings, folder.path())
    };
    let refused = |plan, resume| match Trainer::new(plan, resume) {
        Ok(_) => panic!("must be refused"),
        Err(error) => error.to_string(),
    };
    assert!(
        refused(new(&[]), true).contains("checkpoint"),
        "nothing to go on with"
    );
    train(new(&[]), false, 1, 1);
    let error = refused(new(&[]), false);
    assert!(error.contains("--resume goes on with it"), "{error}");
    let error = refused(new(&[("learning_rate", "0.5")]), true);
    assert!(
        error.contains("learning_rate: is") && error.contains("says 0.5"),
        "{error}"
    );
    checkpoints_with_other_numbers_are_refused(|| new(&[]), &folder.path().join(CHECKPOINT));
    // how long it lasts may change
    Trainer::new(
        new(&[("total_timesteps", "9000"), ("target_gap", "0.1")]),
        true,
    )
    .unwrap();

    let wrong = [
        ("learnin_rate", "1", "did you mean learning_rate?"),
        ("n_steps", "many", "n_steps: expected a whole number >= 0"),
        ("schedule", "cosine", "expected \"constant\" or \"linear\""),
        (
            "net_arch",
            "0",
            "net_arch: must be between 1 and 4096, got 0",
        ),
        ("xyz", "1", "is not an option"),
    ];
    let lysac = [
        (
            "vehicles",
            "10,none",
            "each a whole number between 1 and 10000",
        ),
        ("capability", "1.5", "capability: must be <= 1, got 1.5"),
        ("slot_s", "0", "slot_s: must be > 0, got 0"),
        ("tau_", "1", "did you mean tau?"),
    ];
    for (name, value, message) in lysac {
        let options = [(name.to_owned(), value.to_owned())];
        let lin = ground(Algorithm::Lysac);
        let error = Settings::new(Algorithm::Lysac, Encoder::Sequential, &lin, &options);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    for (name, value, message) in wrong {
        let options = [(name.to_owned(), value.to_owned())];
        let error = Settings::new(Algorithm::Ppo, Encoder::Shared, &world, &options).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn property_the_agent_of_the_paper_is_chosen_whole() {
    use wayside_core::observation::{Form, Target};
    use wayside_learn::trainer::{Agent, Config};
    let world = world("wang2025", 3);
    let paper = [("agent".to_owned(), "paper".to_owned())];
    for algorithm in [Algorithm::Ppo, Algorithm::Ac] {
        let settings = Settings::new(algorithm, None, &world, &paper).unwrap();
        assert_eq!(
            (settings.encoder, settings.train.agent),
            (Encoder::Flat, Agent::Paper)
        );
        let layout = settings.layout(&world).unwrap();
        let Form::Flat {
            target, candidates, ..
        } = layout.form
        else {
            panic!("{layout:?}")
        };
        assert_eq!((target, candidates), (Target::Any, 8));
        // initial among beta + 1, target among all; a critic of the state alone
        assert_eq!(settings.net(&layout).logits_per_row, 3 * (8 + 11));
        assert_eq!(settings.net(&layout).globals, 0);
        if let Config::Ac(config) = settings.config {
            assert!((config.gamma - 0.99).abs() < 1e-12);
            assert!(!config.normalize_advantage && !config.normalize_reward);
        }
    }
    let refused = [
        (
            Algorithm::Sac,
            None,
            "agent",
            "paper",
            "agent: paper is for ppo and ac",
        ),
        (
            Algorithm::Ppo,
            Some(Encoder::Shared),
            "agent",
            "paper",
            "agent: paper needs the encoder flat",
        ),
        (
            Algorithm::Ppo,
            None,
            "agent",
            "papers",
            "agent: expected \"ours\" or \"paper\", found the text \"papers\"",
        ),
        (
            Algorithm::Ppo,
            None,
            "target",
            "candidates",
            "target: candidates needs the encoder flat",
        ),
    ];
    for (algorithm, encoder, name, value, message) in refused {
        let options = [(name.to_owned(), value.to_owned())];
        let error = Settings::new(algorithm, encoder, &world, &options).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

/// [`Engine::act`] refuses what the mask forbids, so none of these may fail.
#[test]
fn property_masks_are_never_violated() {
    use wayside_core::observation::Observation;
    let scenario = |name: &str| {
        let set = [("fleet.size", "30"), ("rsu_default.range_m", "180")];
        let set: Vec<_> = set
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        World::new(&Scenario::builtin(name, &set).unwrap()).unwrap()
    };
    let (mut decisions, mut forbidden) = (0, 0);
    for world in [scenario("wang2025"), scenario("coupled")] {
        let of = |algorithm| move |encoder| (algorithm, encoder);
        let encoders = [Encoder::Sequential, Encoder::Shared, Encoder::Flat];
        let (ppo, sac) = (of(Algorithm::Ppo), of(Algorithm::Sac));
        let all = encoders.map(ppo).into_iter().chain(encoders.map(sac));
        let any = all.map(|(algorithm, encoder)| (algorithm, encoder, "any"));
        let paper = [(Algorithm::Ppo, Encoder::Flat, "candidates")];
        for (algorithm, encoder, target) in any.chain(paper) {
            let folder = tempfile::tempdir().unwrap();
            let options = [("total_timesteps", "90"), ("target", target)];
            let settings = settings_of(algorithm, &world, encoder, &options);
            let plan = plan(&world, settings, folder.path());
            let mut policy = Trainer::new(plan, false).unwrap().policy(None).unwrap();
            let layout = policy.card().layout.clone();
            let mut env = Engine::new(&world, layout, 50, Streams::new(1), "env").unwrap();
            let (mut logits, mut actions) = (Vec::new(), Vec::new());
            for _ in 0..2000 {
                let shown: &Observation = env.observation();
                wayside_core::observation::Scorer::score(&mut policy, shown, &mut logits);
                // logits that would like most what is forbidden
                for (logit, legal) in logits.iter_mut().zip(&shown.legal) {
                    if !legal {
                        *logit += 1e3;
                        forbidden += 1;
                    }
                }
                shown.greedy(&logits, &mut actions);
                decisions += actions.len();
                let turn = env.act(&actions).unwrap();
                if turn.slot.is_some_and(|slot| slot.truncated) {
                    env.reset_next().unwrap();
                }
            }
        }
    }
    assert!(
        decisions > 900_000 && forbidden > 10_000,
        "{decisions}, {forbidden}"
    );
}
