//! Every kernel of our own core learns alike, and the core behind the seam learns as it does without.
//!
//! `cargo xtask test` runs these with all features that are on by default, and without AVX-512.

use wayside_learn::algo::learner::{Learner, Losses};
use wayside_learn::algo::ppo::PpoConfig;
use wayside_learn::nn::backend::{Backend, Own};
use wayside_learn::nn::net::NetSpec;

use crate::seam::{keys, small};

mod architecture;
#[allow(dead_code)] // the other tests' problems
#[path = "../it/mdp.rs"]
mod mdp;
mod seam;

/// What [`seam`] tests.
fn backend(spec: &NetSpec) -> Box<dyn Backend> {
    Box::new(Own::new(spec.clone()).unwrap())
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
        .learner(NetSpec::shared(7, 7, 2, &[32]), keys(4), 1)
        .unwrap();
    let before: f64 = learner.params().iter().map(|&p| f64::from(p).abs()).sum();
    let report = learner.iterate().unwrap();
    let Losses::OnPolicy(losses) = report.losses else {
        panic!("{report:?}")
    };
    let after: f64 = learner.params().iter().map(|&p| f64::from(p).abs()).sum();
    let got = [
        before,
        after,
        losses.value_loss,
        losses.entropy_loss,
        losses.grad_norm,
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
