//! What every implementation of [`Backend`] must do: `crate::backend` says which is tested. `burn/tests` holds Burn to the same.

use wayside_learn::algo::learner::Learner;
use wayside_learn::algo::on_policy::OnPolicy;
use wayside_learn::algo::policy::Policy;
use wayside_learn::algo::ppo::PpoConfig;
use wayside_learn::nn::backend::Backend;
use wayside_learn::nn::net::{NetSpec, Pool};
use wayside_learn::nn::state::State;

use crate::backend;
use crate::mdp::Keys;

pub(crate) fn small() -> PpoConfig {
    PpoConfig {
        n_steps: 32,
        batch_size: 64,
        n_epochs: 4,
        gamma: 0.9,
        learning_rate: 3e-3,
        ..PpoConfig::default()
    }
}

pub(crate) fn keys(n: u64) -> Vec<Keys> {
    (0..n).map(|e| Keys::new(e, 5, false)).collect()
}

/// Numbers of the order of one agree to 1e-5, larger ones relative to it.
pub(crate) fn assert_near(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= 1e-5 * w.abs().max(1.0),
            "{what} {i}: {g} != {w}"
        );
    }
}

fn learner(spec: &NetSpec, envs: Vec<Keys>, backend: Option<Box<dyn Backend>>) -> OnPolicy<Keys> {
    let config = PpoConfig {
        normalize_observation: true,
        normalize_reward: true,
        ent_coef: 0.01,
        ..small()
    };
    let learner = config.learner(spec.clone(), envs, 1).unwrap();
    match backend {
        None => learner,
        Some(backend) => learner.with_backend(backend).unwrap(),
    }
}

/// Three iterations, each of twelve updates, report the same and end at the same parameters within rounding.
#[test]
fn oracle_ppo_by_a_backend_is_ppo_by_ours() {
    for spec in [
        NetSpec::shared(7, 7, 2, &[32]),
        NetSpec {
            pool: Pool::Rows,
            value_hidden: vec![16],
            ..NetSpec::shared(7, 7, 2, &[16, 16])
        },
    ] {
        let mut ours = learner(&spec, keys(5), None);
        let mut theirs = learner(&spec, keys(5), Some(backend(&spec)));
        for _ in 0..3 {
            let want = ours.iterate().unwrap();
            let got = theirs.iterate().unwrap();
            for ((tag, got), (_, want)) in got.tags().zip(want.tags()) {
                assert!(
                    (got - want).abs() < 1e-4 * want.abs().max(1.0),
                    "{tag} is {got}, not {want}"
                );
            }
        }
        assert_near("parameter", theirs.params(), ours.params());
    }
}

/// Training goes on with another backend than it began with; policy files do not tell which it was.
#[test]
fn property_checkpoints_and_policies_pass_between_backends() {
    let spec = NetSpec::shared(7, 7, 2, &[32]);
    let mut theirs = learner(&spec, keys(5), Some(backend(&spec)));
    theirs.iterate().unwrap();
    let state = State::from_bytes(&theirs.save().to_bytes().unwrap()).unwrap();
    let envs: Vec<Keys> = theirs.envs().cloned().collect();

    // with ours, and with another of theirs
    let mut ours = learner(&spec, envs.clone(), None);
    ours.load(&state).unwrap();
    assert_eq!(ours.params(), theirs.params());
    let mut twin = learner(&spec, envs, Some(backend(&spec)));
    twin.load(&state).unwrap();
    let iterate = |learner: &mut OnPolicy<Keys>| {
        learner.iterate().unwrap();
        learner.save().to_bytes().unwrap()
    };
    let (own, one, two) = (iterate(&mut ours), iterate(&mut theirs), iterate(&mut twin));
    assert_eq!(one, two, "a resumed training differs");
    let params = |bytes: &[u8]| State::from_bytes(bytes).unwrap().get("params").unwrap();
    assert_near("parameter", &params(&one), &params(&own));

    // and back, from ours
    let mut back = learner(&spec, keys(5), Some(backend(&spec)));
    back.load(&State::from_bytes(&own).unwrap()).unwrap();
    assert_eq!(back.save().to_bytes().unwrap(), own);

    let mut policy = theirs.policy();
    let mut file =
        Policy::load(&State::from_bytes(&policy.save().to_bytes().unwrap()).unwrap()).unwrap();
    for seed in 0..20 {
        let mut slot = Keys::new(100 + seed, 30, false);
        assert_eq!(policy.decide(&mut slot), file.decide(&mut slot));
    }
}

#[test]
fn property_backends_of_other_networks_are_refused() {
    let spec = NetSpec::shared(7, 7, 2, &[32]);
    let mut wrong = backend(&NetSpec::shared(7, 7, 2, &[31]));
    let error = wrong.update(&[], &[], 1e-3, None).unwrap_err().to_string();
    assert!(error.contains("must follow a forward pass"), "{error}");
    let learner = small().learner(spec, keys(5), 1).unwrap();
    let error = learner.with_backend(wrong).unwrap_err().to_string();
    let (want, got) = (
        7 * 31 + 31 + 31 * 7 + 7 + 31 + 1,
        7 * 32 + 32 + 32 * 7 + 7 + 32 + 1,
    );
    assert!(
        error.contains(&format!("must be {want} numbers, got {got}")),
        "{error}"
    );
}
