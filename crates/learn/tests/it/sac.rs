//! SAC, continuous and discrete.

use wayside_learn::sac::SacConfig;
use wayside_learn::sac::continuous::{ContinuousEnv, Sac};
use wayside_learn::sac::discrete::{DiscreteSac, Form};
use wayside_learn::slot::{End, Env, Step};
use wayside_learn::state::State;

use crate::mdp::{Corridor, Keys};

/// Position x in [-1, 1]; a step moves it by half the action, and costs the squared position after it. The optimum goes to
/// zero at once: a = -2 x where |x| <= 1/2, else as far as it can.
#[derive(Clone, Debug)]
struct Line {
    x: f32,
    steps: usize,
}

impl ContinuousEnv for Line {
    fn observe(&mut self, observation: &mut [f32]) {
        observation[0] = self.x;
    }

    fn step(&mut self, action: &[f32]) -> Step {
        self.x = (self.x + 0.5 * action[0]).clamp(-1.0, 1.0);
        self.steps += 1;
        let end = if self.steps.is_multiple_of(4) {
            End::Truncated
        } else {
            End::No
        };
        Step {
            reward: -f64::from(self.x * self.x),
            end,
        }
    }

    fn reset(&mut self) {
        // a low-discrepancy walk over the starts
        self.x = (self.steps as f32 * 0.618_034).fract() * 2.0 - 1.0;
    }
}

fn small() -> SacConfig {
    SacConfig {
        learning_rate: 3e-3,
        batch_size: 64,
        gamma: 0.9,
        hidden: vec![32, 32],
        tau: 0.02,
        buffer_size: 3000,
        ..SacConfig::default()
    }
}

fn line() -> Line {
    Line { x: 0.8, steps: 0 }
}

#[test]
fn closed_form_continuous_sac_finds_the_way_to_zero() {
    let mut sac = Sac::new(small(), 1, 1, 1).unwrap();
    sac.iterate(&mut line(), 4000);
    for x in [-0.9f32, -0.5, -0.25, 0.0, 0.25, 0.5, 0.9] {
        let mut action = [0.0];
        sac.decide(&[x], &mut action);
        let after = (x + 0.5 * action[0]).abs();
        let best = (x.abs() - 0.5).max(0.0);
        assert!(
            after - best < 0.08,
            "from {x} by {action:?} to {after}, not {best}"
        );
    }
}

fn corridor() -> Form {
    Form {
        rows: 1,
        row_width: 4,
        factors: vec![2],
        factors_per_vehicle: 1,
    }
}

#[test]
fn closed_form_discrete_sac_finds_the_optimum_of_the_corridor() {
    let config = SacConfig {
        target_entropy: Some(0.1),
        ..small()
    };
    let mut sac = DiscreteSac::new(config, corridor(), 1).unwrap();
    sac.iterate(&mut Corridor::default(), 4000).unwrap();
    for cell in 0..4 {
        assert_eq!(
            sac.decide(&mut Corridor { cell }).unwrap(),
            [1],
            "in cell {cell}"
        );
    }
}

/// One vehicle, two factors, some choices forbidden.
#[test]
fn closed_form_discrete_sac_matches_all_keys() {
    let form = Form {
        rows: 1,
        row_width: 7,
        factors: vec![4, 3],
        factors_per_vehicle: 2,
    };
    let mut sac = DiscreteSac::new(
        SacConfig {
            target_entropy: Some(0.1),
            ..small()
        },
        form,
        1,
    )
    .unwrap();
    let mut env = Keys::new(1, 1, false);
    sac.iterate(&mut env, 3000).unwrap();
    for _ in 0..100 {
        let actions = sac.decide(&mut env).unwrap().to_vec();
        let reward = env.step(&actions, &mut [0.0]).reward;
        assert!((reward - 1.0).abs() < 1e-9, "{actions:?} brought {reward}");
    }
}

#[test]
fn property_zero_learning_rate_changes_nothing() {
    let mut sac = Sac::new(
        SacConfig {
            learning_rate: 0.0,
            ..small()
        },
        1,
        1,
        1,
    )
    .unwrap();
    let before = sac.params().to_vec();
    let report = sac.iterate(&mut line(), 150);
    assert!(report.n_updates > 0);
    assert_eq!(before, sac.params());
}

#[test]
fn property_threads_and_resumption_change_nothing() {
    let train = |threads: usize, resume: bool| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            // a small buffer, so that it wraps
            let config = SacConfig {
                buffer_size: 150,
                ..small()
            };
            let mut env = (line(), Corridor::default());
            let mut a = Sac::new(config.clone(), 1, 1, 1).unwrap();
            let mut b = DiscreteSac::new(config.clone(), corridor(), 1).unwrap();
            a.iterate(&mut env.0, 200);
            b.iterate(&mut env.1, 200).unwrap();
            if resume {
                let again = |state: &State| State::from_bytes(&state.to_bytes().unwrap()).unwrap();
                let (state_a, state_b) = (again(&a.save_state()), again(&b.save_state()));
                a = Sac::new(config.clone(), 1, 1, 77).unwrap();
                b = DiscreteSac::new(config, corridor(), 77).unwrap();
                a.load_state(&state_a).unwrap();
                b.load_state(&state_b).unwrap();
            }
            a.iterate(&mut env.0, 50);
            b.iterate(&mut env.1, 50).unwrap();
            (
                a.save_state().to_bytes().unwrap(),
                b.save_state().to_bytes().unwrap(),
            )
        })
    };
    let one = train(1, false);
    assert!(one == train(2, false) && one == train(4, false), "threads");
    assert!(one == train(1, true), "resumption");
}

#[test]
fn property_wrong_forms_are_errors() {
    let mut sac = DiscreteSac::new(small(), corridor(), 1).unwrap();
    let error = sac
        .iterate(&mut Keys::new(1, 1, true), 5)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("must have the form") && error.contains("[4]"),
        "{error}"
    );
    let error = Sac::new(
        SacConfig {
            tau: 2.0,
            batch_size: 0,
            ..small()
        },
        0,
        1,
        1,
    )
    .unwrap_err()
    .to_string();
    for part in [
        "tau: must be between 0 and 1, got 2",
        "batch_size: must be > 0",
        "observation: must be > 0",
    ] {
        assert!(error.contains(part), "{error}");
    }
}
