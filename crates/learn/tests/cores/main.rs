//! Whatever computes the networks, it learns alike: every kernel of our own core, and other cores behind the seam.
//!
//! `cargo xtask test` runs these with all features that are on by default, and without AVX-512; `cargo xtask burn` with Burn.

use wayside_learn::algo::on_policy::Learner;
use wayside_learn::algo::policy::Policy;
use wayside_learn::algo::ppo::PpoConfig;
use wayside_learn::nn::backend::{Backend, Own};
use wayside_learn::nn::net::{NetSpec, Pool};
use wayside_learn::nn::state::State;

use crate::mdp::Keys;

#[cfg(feature = "burn")]
mod burn;
#[allow(dead_code)] // the other tests' problems
#[path = "../it/mdp.rs"]
mod mdp;

fn small() -> PpoConfig {
    PpoConfig {
        n_steps: 32,
        batch_size: 64,
        n_epochs: 4,
        gamma: 0.9,
        learning_rate: 3e-3,
        ..PpoConfig::default()
    }
}

fn keys(n: u64) -> Vec<Keys> {
    (0..n).map(|e| Keys::new(e, 5, false)).collect()
}

/// Every core behind the seam.
fn others(spec: &NetSpec) -> Vec<Box<dyn Backend>> {
    #[allow(unused_mut)]
    let mut all: Vec<Box<dyn Backend>> = vec![Box::new(Own::new(spec.clone()).unwrap())];
    #[cfg(feature = "burn")]
    all.push(burn::backend(spec));
    all
}

/// Numbers of the order of one agree to 1e-5, larger ones relative to it.
fn assert_near(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= 1e-5 * w.abs().max(1.0),
            "{what} {i}: {g} != {w}"
        );
    }
}

fn name(backend: &dyn Backend) -> String {
    let text = format!("{backend:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn learner(spec: &NetSpec, backend: Option<Box<dyn Backend>>) -> Learner {
    let config = PpoConfig {
        normalize_observation: true,
        normalize_reward: true,
        ent_coef: 0.01,
        ..small()
    };
    let learner = config.learner(spec.clone(), 5, 1).unwrap();
    match backend {
        None => learner,
        Some(backend) => learner.by(backend).unwrap(),
    }
}

/// Three iterations, each of twelve updates, report the same and end at the same parameters within rounding.
#[test]
fn oracle_ppo_by_any_core_is_ppo_by_ours() {
    for spec in [
        NetSpec::shared(7, 7, 2, &[32]),
        NetSpec {
            pool: Pool::Rows,
            value_hidden: vec![16],
            ..NetSpec::shared(7, 7, 2, &[16, 16])
        },
    ] {
        let mut ours = learner(&spec, None);
        let mut reports = Vec::new();
        let mut envs = keys(5);
        for _ in 0..3 {
            reports.push(ours.iterate(&mut envs).unwrap());
        }
        for backend in others(&spec) {
            let name = name(backend.as_ref());
            let (mut theirs, mut envs) = (learner(&spec, Some(backend)), keys(5));
            for want in &reports {
                let got = theirs.iterate(&mut envs).unwrap();
                for ((tag, got), (_, want)) in got.tags().zip(want.tags()) {
                    assert!(
                        (got - want).abs() < 1e-4 * want.abs().max(1.0),
                        "{name}: {tag} is {got}, not {want}"
                    );
                }
            }
            assert_near(
                &format!("{name}: parameter"),
                theirs.params(),
                ours.params(),
            );
        }
    }
}

/// What one core has learned so far another goes on from; policy files do not tell who learned.
#[test]
fn property_checkpoints_and_policies_pass_between_cores() {
    let spec = NetSpec::shared(7, 7, 2, &[32]);
    for (i, backend) in others(&spec).into_iter().enumerate() {
        let again = || others(&spec).swap_remove(i);
        let name = name(backend.as_ref());
        let mut envs = keys(5);
        let mut theirs = learner(&spec, Some(backend));
        theirs.iterate(&mut envs).unwrap();
        let state = State::from_bytes(&theirs.save_state().to_bytes().unwrap()).unwrap();

        // on by ours, and on by another of theirs, as on by itself
        let mut ours = learner(&spec, None);
        ours.load_state(&state).unwrap();
        assert_eq!(ours.params(), theirs.params(), "{name}");
        let mut twin = learner(&spec, Some(again()));
        twin.load_state(&state).unwrap();
        let iterate = |learner: &mut Learner| {
            let mut envs = envs.clone();
            learner.iterate(&mut envs).unwrap();
            learner.save_state().to_bytes().unwrap()
        };
        let (own, one, two) = (iterate(&mut ours), iterate(&mut theirs), iterate(&mut twin));
        assert_eq!(one, two, "{name} does not go on to the bit");
        let params = |bytes: &[u8]| State::from_bytes(bytes).unwrap().get("params").unwrap();
        assert_near(&name, &params(&one), &params(&own));

        // and back: what ours learned
        let mut back = learner(&spec, Some(again()));
        back.load_state(&State::from_bytes(&own).unwrap()).unwrap();
        assert_eq!(back.save_state().to_bytes().unwrap(), own, "{name}");

        let mut policy = theirs.policy();
        let mut file =
            Policy::load(&State::from_bytes(&policy.save().to_bytes().unwrap()).unwrap()).unwrap();
        for seed in 0..20 {
            let mut slot = Keys::new(100 + seed, 30, false);
            assert_eq!(policy.decide(&mut slot), file.decide(&mut slot));
        }
    }
}

#[test]
fn property_cores_of_other_networks_are_refused() {
    let spec = NetSpec::shared(7, 7, 2, &[32]);
    for mut wrong in others(&NetSpec::shared(7, 7, 2, &[31])) {
        let error = wrong.update(&[], &[], 1e-3, None).unwrap_err().to_string();
        assert!(error.contains("must follow a forward pass"), "{error}");
        let learner = small().learner(spec.clone(), 5, 1).unwrap();
        let error = learner.by(wrong).unwrap_err().to_string();
        let (want, got) = (
            7 * 31 + 31 + 31 * 7 + 7 + 31 + 1,
            7 * 32 + 32 + 32 * 7 + 7 + 32 + 1,
        );
        assert!(
            error.contains(&format!("must be {want} numbers, got {got}")),
            "{error}"
        );
    }
}

/// AVX-512 and the fallback round products differently, in the seventh digit; one iteration of two updates must not
/// make more of it. Run with and without the feature `x86-v4`; the numbers were recorded with it.
#[test]
fn regress_every_kernel_learns_alike() {
    let config = PpoConfig {
        n_epochs: 1,
        ..small()
    };
    let mut learner = config
        .learner(NetSpec::shared(7, 7, 2, &[32]), 4, 1)
        .unwrap();
    let before: f64 = learner.params().iter().map(|&p| f64::from(p).abs()).sum();
    let report = learner.iterate(&mut keys(4)).unwrap();
    let after: f64 = learner.params().iter().map(|&p| f64::from(p).abs()).sum();
    let got = [
        before,
        after,
        report.value_loss,
        report.entropy_loss,
        report.grad_norm,
    ];
    let want = [
        49.559_083_84,
        50.456_528_07,
        1.000_922_049,
        -6.351_143_812,
        1.546_810_728,
    ];
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() < 1e-5 * w.abs(), "{got:?} != {want:?}");
    }
}
