//! SAC, continuous and discrete.

use wayside_learn::algo::on_policy::Schedule;
use wayside_learn::algo::sac::SacConfig;
use wayside_learn::algo::sac::continuous::{ContinuousEnv, Sac};
use wayside_learn::algo::sac::discrete::{DiscreteSac, Form};
use wayside_learn::algo::slot::{End, Env, Step};
use wayside_learn::nn::state::State;

use crate::mdp::{Bandit, Corridor, Keys};

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
        tau: 0.02,
        buffer_size: 3000,
        ..SacConfig::default()
    }
}

/// The same with so many steps an iteration.
fn steps(n_steps: usize) -> SacConfig {
    SacConfig { n_steps, ..small() }
}

const HIDDEN: [usize; 2] = [32, 32];

fn sac(config: SacConfig, seed: u64) -> Sac {
    Sac::new(config, (1, 1), &HIDDEN, 1, seed).unwrap()
}

fn discrete(config: SacConfig, form: Form, seed: u64) -> DiscreteSac {
    DiscreteSac::new(config, form, &HIDDEN, 1, seed).unwrap()
}

fn line() -> Line {
    Line { x: 0.8, steps: 0 }
}

#[test]
fn closed_form_continuous_sac_finds_the_way_to_zero() {
    let mut sac = sac(steps(4000), 1);
    sac.iterate(&mut [line()]).unwrap();
    for x in [-0.9f32, -0.5, -0.25, 0.0, 0.25, 0.5, 0.9] {
        let mut action = Vec::new();
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
        globals: 0,
        factors: vec![2],
        factors_per_vehicle: 1,
    }
}

#[test]
fn closed_form_discrete_sac_finds_the_optimum_of_the_corridor() {
    let config = SacConfig {
        target_entropy: Some(0.1),
        ..steps(4000)
    };
    let mut sac = discrete(config, corridor(), 1);
    sac.iterate(&mut [Corridor::default()]).unwrap();
    for cell in 0..4 {
        assert_eq!(
            sac.decide(&mut Corridor { cell }).unwrap(),
            [1],
            "in cell {cell}"
        );
    }
}

/// Vehicles with two factors each, some choices forbidden; one vehicle, or one to three in slots padded to three.
#[test]
fn closed_form_discrete_sac_matches_all_keys() {
    for (vehicles, n_steps) in [(1, 3000), (3, 5000)] {
        let form = Form {
            rows: vehicles,
            row_width: 7,
            globals: 0,
            factors: [4, 3].repeat(vehicles),
            factors_per_vehicle: 2,
        };
        let config = SacConfig {
            target_entropy: Some(0.1),
            ..steps(n_steps)
        };
        let mut sac = discrete(config, form, 1);
        let mut env = Keys::new(1, vehicles, false);
        sac.iterate(std::slice::from_mut(&mut env)).unwrap();
        for _ in 0..100 {
            let actions = sac.decide(&mut env).unwrap();
            let mut credits = vec![0.0; actions.len() / 2];
            let reward = env.step(&actions, &mut credits).reward;
            assert!((reward - 1.0).abs() < 1e-9, "{actions:?} brought {reward}");
        }
    }
}

/// The same where every option has a row: a slot of fewer options than the form is padded.
#[test]
fn closed_form_discrete_sac_points_at_the_key() {
    let form = Form {
        rows: 6,
        row_width: 2,
        globals: 0,
        factors: vec![6],
        factors_per_vehicle: 1,
    };
    let config = SacConfig {
        target_entropy: Some(0.1),
        ..steps(2000)
    };
    let mut sac = discrete(config, form, 1);
    let mut env = Keys::new(1, 1, true);
    sac.iterate(std::slice::from_mut(&mut env)).unwrap();
    for _ in 0..100 {
        let actions = sac.decide(&mut env).unwrap();
        let reward = env.step(&actions, &mut [0.0]).reward;
        assert!((reward - 1.0).abs() < 1e-9, "{actions:?} brought {reward}");
    }
}

#[test]
fn property_zero_learning_rate_changes_nothing() {
    let config = SacConfig {
        learning_rate: 0.0,
        ..steps(150)
    };
    let mut sac = sac(config, 1);
    let before = sac.params().to_vec();
    let report = sac.iterate(&mut [line()]).unwrap();
    assert!(report.n_updates > 0);
    assert_eq!(before, sac.params());
}

#[test]
fn closed_form_the_learning_rate_falls_to_zero() {
    let config = SacConfig {
        schedule: Schedule::Linear,
        total_timesteps: 200,
        learning_starts: 0,
        ..steps(100)
    };
    let (mut sac, mut envs) = (sac(config, 1), [line()]);
    for share in [1.0, 0.5, 0.0] {
        let before = sac.params().to_vec();
        let rate = sac.iterate(&mut envs).unwrap().learning_rate;
        assert!((rate - 3e-3 * share).abs() < 1e-12, "{rate}");
        assert_eq!(share == 0.0, before == sac.params());
    }
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
                normalize_reward: true,
                ..steps(125)
            };
            let mut env = ([line()], [Corridor::default()]);
            let mut a = sac(config.clone(), 1);
            let mut b = discrete(config.clone(), corridor(), 1);
            a.iterate(&mut env.0).unwrap();
            b.iterate(&mut env.1).unwrap();
            if resume {
                let again = |state: &State| State::from_bytes(&state.to_bytes().unwrap()).unwrap();
                let (state_a, state_b) = (again(&a.save_state()), again(&b.save_state()));
                a = sac(config.clone(), 77);
                b = discrete(config, corridor(), 77);
                a.load_state(&state_a).unwrap();
                b.load_state(&state_b).unwrap();
            }
            a.iterate(&mut env.0).unwrap();
            b.iterate(&mut env.1).unwrap();
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
    let mut sac = discrete(small(), corridor(), 1);
    let error = sac.iterate(&mut [Keys::new(1, 1, true)]).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("must be held by the form") && error.contains("[4]"),
        "{error}"
    );
    let error = sac.iterate::<Corridor>(&mut []).unwrap_err().to_string();
    assert!(error.contains("must be 1 environments, got 0"), "{error}");
    let config = SacConfig {
        tau: 2.0,
        batch_size: 0,
        ..small()
    };
    let error = Sac::new(config, (0, 1), &HIDDEN, 1, 1).unwrap_err();
    for part in [
        "tau: must be between 0 and 1, got 2",
        "batch_size: must be > 0",
        "observation: must be > 0",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn regress_rewards_far_from_zero_and_nearly_alike_are_learned_from() {
    for (normalize_reward, center_reward) in [(true, false), (false, true)] {
        let config = SacConfig {
            gamma: 0.0,
            normalize_reward,
            center_reward,
            ent_coef: 0.1,
            target_entropy: Some(0.1),
            ..steps(1500)
        };
        let form = Form {
            rows: 1,
            row_width: 1,
            globals: 0,
            factors: vec![4],
            factors_per_vehicle: 1,
        };
        let mut sac = DiscreteSac::new(config, form, &HIDDEN, 1, 2).unwrap();
        let mut envs = [Bandit::new(1)];
        sac.iterate(&mut envs).unwrap();
        let report = sac.iterate(&mut envs).unwrap();
        assert!(report.reward_clipped < 0.01, "{report:?}");
        let best = sac.policy().unwrap().decide(&mut Bandit::new(5)).to_vec();
        assert_eq!(
            best,
            [3],
            "normalised {normalize_reward}, centred {center_reward}"
        );
    }
}
