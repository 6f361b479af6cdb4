//! SAC, continuous and discrete.

use wayside_core::error::Result;
use wayside_learn::algo::env::{ContinuousEnv, End, Env, Step};
use wayside_learn::algo::learner::Learner;
use wayside_learn::algo::options::Schedule;
use wayside_learn::algo::sac::SacConfig;
use wayside_learn::algo::sac::continuous::Sac;
use wayside_learn::algo::sac::discrete::{DiscreteSac, SlotForm};
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

    fn step(&mut self, action: &[f32]) -> Result<Step> {
        self.x = (self.x + 0.5 * action[0]).clamp(-1.0, 1.0);
        self.steps += 1;
        let end = if self.steps.is_multiple_of(4) {
            End::Truncated
        } else {
            End::No
        };
        Ok(Step::new(-f64::from(self.x * self.x), end))
    }

    fn reset(&mut self) -> Result<()> {
        // a low-discrepancy walk over the starts
        self.x = (self.steps as f32 * 0.618_034).fract() * 2.0 - 1.0;
        Ok(())
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

fn sac(config: SacConfig, env: Line, seed: u64) -> Sac<Line> {
    Sac::new(config, (1, 1), &HIDDEN, vec![env], seed).unwrap()
}

fn discrete<E: Env>(config: SacConfig, form: SlotForm, env: E, seed: u64) -> DiscreteSac<E> {
    DiscreteSac::new(config, form, &HIDDEN, vec![env], seed).unwrap()
}

fn line() -> Line {
    Line { x: 0.8, steps: 0 }
}

#[test]
fn closed_form_continuous_sac_finds_the_way_to_zero() {
    let mut sac = sac(steps(4000), line(), 1);
    sac.iterate().unwrap();
    let mut policy = sac.policy();
    for x in [-0.9f32, -0.5, -0.25, 0.0, 0.25, 0.5, 0.9] {
        // the mean, and the logarithm of the deviation
        let mut output = Vec::new();
        policy.logits(&[x], &mut output);
        let action = output[0].tanh();
        let after = (x + 0.5 * action).abs();
        let best = (x.abs() - 0.5).max(0.0);
        assert!(
            after - best < 0.08,
            "from {x} by {action} to {after}, not {best}"
        );
    }
}

fn corridor() -> SlotForm {
    SlotForm {
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
    let mut sac = discrete(config, corridor(), Corridor::default(), 1);
    sac.iterate().unwrap();
    let mut policy = sac.policy();
    for cell in 0..4 {
        let choice = policy.decide(&mut Corridor { cell });
        assert_eq!(choice, [1], "in cell {cell}");
    }
}

/// Vehicles with two factors each, some choices forbidden; one vehicle, or one to three in slots padded to three.
#[test]
fn closed_form_discrete_sac_matches_all_keys() {
    for (vehicles, n_steps) in [(1, 3000), (3, 5000)] {
        let form = SlotForm {
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
        let mut sac = discrete(config, form, Keys::new(1, vehicles, false), 1);
        sac.iterate().unwrap();
        let (mut policy, mut env) = (sac.policy(), sac.envs().next().unwrap().clone());
        for _ in 0..100 {
            let actions = policy.decide(&mut env).to_vec();
            let reward = env.step(&actions).unwrap().reward;
            assert!((reward - 1.0).abs() < 1e-9, "{actions:?} brought {reward}");
        }
    }
}

/// The same where every option has a row: a slot of fewer options than the form is padded.
#[test]
fn closed_form_discrete_sac_points_at_the_key() {
    let form = SlotForm {
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
    let mut sac = discrete(config, form, Keys::new(1, 1, true), 1);
    sac.iterate().unwrap();
    let (mut policy, mut env) = (sac.policy(), sac.envs().next().unwrap().clone());
    for _ in 0..100 {
        let actions = policy.decide(&mut env).to_vec();
        let reward = env.step(&actions).unwrap().reward;
        assert!((reward - 1.0).abs() < 1e-9, "{actions:?} brought {reward}");
    }
}

#[test]
fn property_zero_learning_rate_changes_nothing() {
    let config = SacConfig {
        learning_rate: 0.0,
        ..steps(150)
    };
    let mut sac = sac(config, line(), 1);
    let before = sac.params().to_vec();
    let report = sac.iterate().unwrap();
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
    let mut sac = sac(config, line(), 1);
    for share in [1.0, 0.5, 0.0] {
        let before = sac.params().to_vec();
        let rate = sac.iterate().unwrap().learning_rate;
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
            let mut a = sac(config.clone(), line(), 1);
            let mut b = discrete(config.clone(), corridor(), Corridor::default(), 1);
            a.iterate().unwrap();
            b.iterate().unwrap();
            if resume {
                let again = |state: &State| State::from_bytes(&state.to_bytes().unwrap()).unwrap();
                let (state_a, state_b) = (again(&a.save()), again(&b.save()));
                let line = a.envs().next().cloned().unwrap();
                let cell = b.envs().next().cloned().unwrap();
                a = sac(config.clone(), line, 77);
                b = discrete(config, corridor(), cell, 77);
                a.load(&state_a).unwrap();
                b.load(&state_b).unwrap();
            }
            a.iterate().unwrap();
            b.iterate().unwrap();
            (a.save().to_bytes().unwrap(), b.save().to_bytes().unwrap())
        })
    };
    let one = train(1, false);
    assert!(one == train(2, false) && one == train(4, false), "threads");
    assert!(one == train(1, true), "resumption");
}

#[test]
fn property_wrong_forms_are_errors() {
    let mut sac = discrete(small(), corridor(), Keys::new(1, 1, true), 1);
    let error = sac.iterate().unwrap_err().to_string();
    assert!(
        error.contains("must be held by the form") && error.contains("[4]"),
        "{error}"
    );
    let none: Vec<Corridor> = Vec::new();
    let error = DiscreteSac::new(small(), corridor(), &HIDDEN, none, 1).unwrap_err();
    assert!(error.to_string().contains("envs: must be > 0"), "{error}");
    let config = SacConfig {
        tau: 2.0,
        batch_size: 0,
        ..small()
    };
    let error = Sac::new(config, (0, 1), &HIDDEN, vec![line()], 1).unwrap_err();
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
        let form = SlotForm {
            rows: 1,
            row_width: 1,
            globals: 0,
            factors: vec![4],
            factors_per_vehicle: 1,
        };
        let mut sac = discrete(config, form, Bandit::new(1), 2);
        sac.iterate().unwrap();
        let report = sac.iterate().unwrap();
        assert!(report.reward_clipped < 0.01, "{report:?}");
        let best = sac.policy().decide(&mut Bandit::new(5)).to_vec();
        assert_eq!(
            best,
            [3],
            "normalised {normalize_reward}, centred {center_reward}"
        );
    }
}
