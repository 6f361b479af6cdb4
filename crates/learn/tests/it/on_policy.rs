//! PPO and AC.

use wayside_core::error::Result;
use wayside_core::rng::Streams;
use wayside_learn::algo::ac::AcConfig;
use wayside_learn::algo::env::{End, Env, Observe, SlotView, Step};
use wayside_learn::algo::learner::{Learner, Losses, OnPolicyLosses, Report};
use wayside_learn::algo::on_policy::OnPolicy;
use wayside_learn::algo::options::Schedule;
use wayside_learn::algo::policy::Policy;
use wayside_learn::algo::ppo::{PpoConfig, Ratio};
use wayside_learn::nn::net::{NetSpec, Pool};
use wayside_learn::nn::state::State;

use crate::mdp::{Bandit, Corridor, Herd, Keys};

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

/// Mean reward of the greedy policy over some slots.
fn score<E: Env + Observe>(policy: &mut Policy, env: &mut E, slots: usize) -> f64 {
    let mut total = 0.0;
    for _ in 0..slots {
        let mut end = End::Turn;
        while end == End::Turn {
            let actions = policy.decide(env).to_vec();
            let step = env.step(&actions).unwrap();
            total += step.reward;
            end = step.end;
        }
    }
    total / slots as f64
}

fn losses(report: &Report) -> OnPolicyLosses {
    match report.losses {
        Losses::OnPolicy(losses) => losses,
        Losses::Sac(_) => panic!("{report:?}"),
    }
}

fn keys(n: u64) -> Vec<Keys> {
    (0..n).map(|e| Keys::new(e, 5, false)).collect()
}

fn corridors() -> Vec<Corridor> {
    vec![Corridor::default(); 8]
}

/// The optimum of the corridor: right everywhere, with the values 0.9^k.
fn assert_solves_corridor(mut learner: OnPolicy<Corridor>, iterations: usize) {
    for _ in 0..iterations {
        learner.iterate().unwrap();
    }
    let mut policy = learner.policy();
    for cell in 0..4 {
        let mut at = Corridor { cell };
        assert_eq!(policy.decide(&mut at), [1], "in cell {cell}");
        let value = 0.9f32.powi(3 - cell as i32);
        assert!(
            (policy.value() - value).abs() < 0.1,
            "V({cell}) = {}, not {value}",
            policy.value()
        );
    }
}

#[test]
fn closed_form_ppo_finds_the_optimum_of_the_corridor() {
    let config = PpoConfig {
        ent_coef: 0.01,
        ..small()
    };
    for spec in [
        NetSpec::flat(4, 2, 1, &[16]),
        NetSpec::shared(4, 2, 1, &[16, 16]),
    ] {
        assert_solves_corridor(config.learner(spec, corridors(), 1).unwrap(), 60);
    }
}

#[test]
fn closed_form_ac_finds_the_optimum_of_the_corridor() {
    let config = AcConfig {
        gamma: 0.9,
        learning_rate: 3e-3,
        ent_coef: 0.01,
        n_steps: 8,
        ..AcConfig::default()
    };
    assert_solves_corridor(
        config
            .learner(NetSpec::flat(4, 2, 1, &[16]), corridors(), 1)
            .unwrap(),
        1000,
    );
}

/// The share of the best arm among what is drawn.
fn drawn_best(policy: &mut Policy) -> f64 {
    let (mut env, mut stream) = (Bandit::new(9), Streams::new(9).stream("drawn"));
    let best = |_| f64::from(u8::from(policy.sample(&mut env, &mut stream) == [3]));
    (0..1000).map(best).sum::<f64>() / 1000.0
}

#[test]
fn regress_rewards_far_from_zero_and_nearly_alike_are_learned_from() {
    let spec = || NetSpec::flat(1, 4, 1, &[16]);
    let bandits = || (0..8).map(Bandit::new).collect::<Vec<_>>();
    for (gamma, normalize_reward) in [(0.0, true), (0.0, false), (0.2, true), (0.9, true)] {
        let case = format!("gamma {gamma}, normalised: {normalize_reward}");
        let ppo = PpoConfig {
            gamma,
            normalize_reward,
            ..small()
        };
        let ac = AcConfig {
            gamma,
            normalize_reward,
            normalize_advantage: true,
            learning_rate: 3e-3,
            n_steps: 16,
            ..AcConfig::default()
        };
        let learners = [
            ("ppo", ppo.learner(spec(), bandits(), 2).unwrap(), 100),
            ("ac", ac.learner(spec(), bandits(), 2).unwrap(), 800),
        ];
        for (name, mut learner, iterations) in learners {
            let mut clipped = 0.0;
            for _ in 0..iterations {
                let report = learner.iterate().unwrap();
                clipped += report.reward_clipped / f64::from(iterations);
                assert!(
                    losses(&report).explained_variance.is_finite(),
                    "{name}, {case}"
                );
            }
            let best = drawn_best(&mut learner.policy());
            assert!(best > 0.9, "{name}, {case}: {best}");
            assert!(clipped < 0.01, "{name}, {case}: {clipped}");
        }
    }
}

/// Algorithm 1 with a buffer, K = 16.
fn buffered() -> PpoConfig {
    PpoConfig {
        n_steps: 16,
        min_buffer_size: 300,
        buffer_size: 700,
        ent_coef: 0.01,
        ..small()
    }
}

#[test]
fn closed_form_ppo_with_a_buffer_finds_the_optimum_of_the_corridor() {
    let learner = buffered()
        .learner(NetSpec::flat(4, 2, 1, &[16]), corridors(), 1)
        .unwrap();
    assert_solves_corridor(learner, 300);
}

#[test]
fn property_a_buffer_learns_once_it_is_full_enough_and_goes_on_to_the_bit() {
    let new = |seed, envs| {
        let spec = NetSpec::shared(7, 7, 2, &[16]);
        buffered().learner(spec, envs, seed).unwrap()
    };
    let (mut whole, mut early) = (new(1, keys(5)), new(1, keys(5)));
    for i in 1..=12 {
        let report = whole.iterate().unwrap();
        // 80 slots an iteration: 300 are there after the fourth; then one minibatch, four epochs
        assert_eq!(report.n_updates, if i < 4 { 0 } else { 4 * (i - 3) });
        assert_eq!(report.total_timesteps, 80 * i);
    }
    for _ in 0..6 {
        early.iterate().unwrap();
    }
    let state = State::from_bytes(&early.save().to_bytes().unwrap()).unwrap();
    let mut late = new(77, early.envs().cloned().collect());
    late.load(&state).unwrap();
    for _ in 0..6 {
        late.iterate().unwrap();
    }
    let bytes = |learner: &OnPolicy<Keys>| learner.save().to_bytes().unwrap();
    assert!(bytes(&whole) == bytes(&late));
    let config = PpoConfig {
        buffer_size: 200,
        ..buffered()
    };
    let error = config.learner(NetSpec::flat(4, 2, 1, &[16]), corridors(), 1);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("buffer_size: must be at least min_buffer_size (300), got 200"),
        "{error}"
    );
}

#[test]
fn closed_form_ppo_matches_all_keys_with_either_ratio_and_either_layout() {
    for (ratio, pool) in [(Ratio::Joint, Pool::Trunk), (Ratio::Vehicle, Pool::Rows)] {
        let config = PpoConfig {
            ratio,
            normalize_observation: true,
            normalize_reward: true,
            ..small()
        };
        let spec = NetSpec {
            pool,
            ..NetSpec::shared(7, 7, 2, &[32])
        };
        let mut learner = config.learner(spec, keys(8), 3).unwrap();
        for _ in 0..80 {
            learner.iterate().unwrap();
        }
        let score = score(&mut learner.policy(), &mut Keys::new(99, 9, false), 200);
        assert!(score > 0.999, "{ratio:?}: {score}");
    }
    let envs: Vec<_> = (0..8).map(|e| Keys::new(e, 5, true)).collect();
    let mut learner = small()
        .learner(NetSpec::shared(2, 1, 1, &[16]), envs, 3)
        .unwrap();
    for _ in 0..60 {
        learner.iterate().unwrap();
    }
    let score = score(&mut learner.policy(), &mut Keys::new(99, 9, true), 200);
    assert!(score > 0.999, "pointer: {score}");
}

/// Keys whose teacher says what its rewards do not.
struct Taught(Keys);

impl Observe for Taught {
    fn observe(&mut self, slot: &mut SlotView) {
        self.0.observe(slot);
    }
}

impl Env for Taught {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        let step = self.0.step(actions)?;
        Ok(Step::new(-step.reward, step.end))
    }

    fn reset(&mut self) -> Result<()> {
        self.0.reset()
    }

    fn teach(&mut self, actions: &mut Vec<u32>) -> bool {
        actions.clear();
        actions.extend(self.0.right());
        true
    }
}

/// The teacher matches keys, rewards punish that: what is imitated follows the teacher, what is not the rewards.
#[test]
fn closed_form_imitation_follows_the_teacher_whatever_rewards_say() {
    for (imitate_timesteps, follows) in [(u64::MAX, true), (0, false)] {
        let config = PpoConfig {
            imitate_timesteps,
            ..small()
        };
        let envs: Vec<_> = (0..8).map(|e| Taught(Keys::new(e, 9, false))).collect();
        let mut learner = config
            .learner(NetSpec::shared(7, 7, 2, &[32]), envs, 3)
            .unwrap();
        for _ in 0..80 {
            learner.iterate().unwrap();
        }
        let score = score(&mut learner.policy(), &mut Keys::new(99, 9, false), 200);
        assert!((score > 0.99) == follows, "{imitate_timesteps}: {score}");
    }
}

#[test]
fn closed_form_ppo_turn_by_turn_spreads_vehicles_that_look_alike() {
    let spec = NetSpec {
        globals: 1,
        ..NetSpec::shared(4, 3, 1, &[16])
    };
    let mut learner = PpoConfig {
        ent_coef: 0.003,
        ..small()
    }
    .learner(spec, vec![Herd::default(); 8], 3)
    .unwrap();
    for _ in 0..80 {
        learner.iterate().unwrap();
    }
    assert!((score(&mut learner.policy(), &mut Herd::default(), 5) - 1.0).abs() < 1e-9);
}

#[test]
fn property_zero_learning_rate_changes_nothing() {
    let mut learner = PpoConfig {
        learning_rate: 0.0,
        ..small()
    }
    .learner(NetSpec::shared(7, 7, 2, &[16]), keys(4), 1)
    .unwrap();
    let before = learner.params().to_vec();
    let report = learner.iterate().unwrap();
    assert_eq!(before, learner.params());
    let losses = losses(&report);
    assert!(losses.grad_norm > 0.0, "there was something to change");
    assert!(
        losses.approx_kl.abs() < 1e-9 && losses.clip_fraction.abs() < 1e-12,
        "{report:?}"
    );
}

#[test]
fn property_linear_schedule_and_target_kl_stop() {
    let config = PpoConfig {
        schedule: Schedule::Linear,
        total_timesteps: 256,
        ..small()
    };
    let mut learner = config
        .learner(NetSpec::shared(7, 7, 2, &[16]), keys(4), 1)
        .unwrap();
    let rates: Vec<f64> = (0..3)
        .map(|_| learner.iterate().unwrap().learning_rate)
        .collect();
    assert!(
        (rates[0] - 3e-3).abs() < 1e-12
            && (rates[1] - 1.5e-3).abs() < 1e-12
            && rates[2].abs() < 1e-12,
        "{rates:?}"
    );
    let mut learner = PpoConfig {
        target_kl: Some(1e-9),
        ..small()
    }
    .learner(NetSpec::shared(7, 7, 2, &[16]), keys(4), 1)
    .unwrap();
    let report = learner.iterate().unwrap();
    assert!(
        report.n_updates < 3,
        "the second minibatch already differs: {report:?}"
    );
}

fn trained(threads: usize, iterations: usize) -> (Vec<f32>, Vec<u8>) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let config = PpoConfig {
            normalize_observation: true,
            normalize_reward: true,
            ..small()
        };
        let mut learner = config
            .learner(NetSpec::shared(7, 7, 2, &[32]), keys(5), 1)
            .unwrap();
        for _ in 0..iterations {
            learner.iterate().unwrap();
        }
        (
            learner.params().to_vec(),
            learner.save().to_bytes().unwrap(),
        )
    })
}

#[test]
fn property_threads_change_nothing() {
    let one = trained(1, 5);
    assert_eq!(one, trained(2, 5));
    assert_eq!(one, trained(4, 5));
}

#[test]
fn property_resumed_training_is_the_same_to_the_bit() {
    let whole = trained(2, 6);
    let config = PpoConfig {
        normalize_observation: true,
        normalize_reward: true,
        ..small()
    };
    let new = |seed, envs| {
        config
            .learner(NetSpec::shared(7, 7, 2, &[32]), envs, seed)
            .unwrap()
    };
    let mut first = new(1, keys(5));
    for _ in 0..3 {
        first.iterate().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    first.save().write(&path).unwrap();
    // another seed: all that matters is in the file
    let mut second = new(77, first.envs().cloned().collect());
    second.load(&State::read(&path).unwrap()).unwrap();
    for _ in 0..3 {
        second.iterate().unwrap();
    }
    assert_eq!(whole.1, second.save().to_bytes().unwrap());

    let mut other = config
        .learner(NetSpec::shared(7, 7, 2, &[16]), keys(5), 1)
        .unwrap();
    let error = other
        .load(&State::read(&path).unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("net: must be") && error.contains("[32]"),
        "{error}"
    );
}

#[test]
fn property_saved_policies_decide_alike() {
    let mut learner = PpoConfig {
        normalize_observation: true,
        ..small()
    }
    .learner(NetSpec::shared(7, 7, 2, &[16]), keys(4), 1)
    .unwrap();
    learner.iterate().unwrap();
    let mut policy = learner.policy();
    let mut back =
        Policy::load(&State::from_bytes(&policy.save().to_bytes().unwrap()).unwrap()).unwrap();
    let (mut stream, mut again) = (Streams::new(1).stream("p"), Streams::new(1).stream("p"));
    let mut env = Keys::new(5, 30, false);
    for _ in 0..50 {
        let choice = policy.sample(&mut env, &mut stream).to_vec();
        assert_eq!(choice, back.sample(&mut env, &mut again));
        assert_eq!(policy.value().to_bits(), back.value().to_bits());
        env.step(&choice).unwrap();
    }
}

#[test]
fn property_options_out_of_range_are_all_reported() {
    let config = PpoConfig {
        n_steps: 0,
        gamma: 1.5,
        clip_range: f64::NAN,
        ..PpoConfig::default()
    };
    let error = config
        .learner(NetSpec::flat(4, 2, 1, &[16]), corridors(), 1)
        .unwrap_err()
        .to_string();
    for part in [
        "n_steps: must be > 0, got 0",
        "gamma: must be between 0 and 1, got 1.5",
        "clip_range: must be > 0, got NaN",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let error = PpoConfig::default()
        .learner(NetSpec::flat(7, 7, 1, &[16]), keys(0), 1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("envs: must be > 0, got 0"), "{error}");
    assert!(
        PpoConfig::default()
            .learner(NetSpec::flat(7, 0, 1, &[16]), keys(8), 1)
            .is_err()
    );
}
