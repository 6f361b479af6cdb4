//! Defaults of the options, by algorithm, agent, encoder and scenario.

use wayside_core::engine::world::World;
use wayside_core::observation::Target;

use super::{Agent, Algorithm, Config, Encoder, TrainOptions};
use crate::algo::ac::AcConfig;
use crate::algo::options::Schedule;
use crate::algo::ppo::{PpoConfig, Ratio};
use crate::algo::sac::SacConfig;
use crate::nn::mlp::Activation;

/// What the paper does not give was tuned, see docs/policies/ppo.md.
pub(super) fn paper_ppo() -> PpoConfig {
    PpoConfig {
        n_steps: 4,
        batch_size: 64,
        n_epochs: 4,
        // the paper optimises "the immediate cost at each step": no slot depends on another
        gamma: 0.0,
        learning_rate: 5e-4,
        schedule: Schedule::Linear,
        ratio: Ratio::Vehicle,
        total_timesteps: 150_000,
        lanes: 1,
        shards: 1,
        ..PpoConfig::default()
    }
}

/// One step of TD, gamma .99, advantages and rewards not normalised: our AC with its defaults, not tuned.
pub(super) fn paper_ac() -> AcConfig {
    AcConfig {
        total_timesteps: 150_000,
        lanes: 1,
        shards: 1,
        ..AcConfig::default()
    }
}

pub(super) fn train_defaults(
    algorithm: Algorithm,
    agent: Agent,
    encoder: Encoder,
    world: &World,
) -> TrainOptions {
    TrainOptions {
        agent,
        target: Target::Any,
        plan_slots: None,
        n_envs: match (algorithm, encoder) {
            (Algorithm::Lysac, _) => 40,
            // traffic changes slowly: four slots of one environment are much alike
            (Algorithm::Ppo, _) if agent == Agent::Paper => 64,
            (_, Encoder::Sequential) => 16,
            _ => 8,
        },
        episode_slots: match algorithm {
            Algorithm::Lysac => 10,
            _ => world.scenario.time.slots,
        },
        net_arch: match algorithm {
            Algorithm::Lysac => vec![256, 256],
            _ => vec![64, 64],
        },
        activation: match algorithm {
            Algorithm::Sac | Algorithm::Lysac => Activation::Relu,
            _ => Activation::Tanh,
        },
        own_critic: encoder != Encoder::Shared,
        shaping: true,
        eval_freq: match algorithm {
            Algorithm::Lysac => 20,
            // every 10,000 slots
            Algorithm::Ppo if agent == Agent::Paper => 40,
            Algorithm::Ac if agent == Agent::Paper => 250,
            _ => 5,
        },
        eval_seeds: if algorithm == Algorithm::Lysac { 16 } else { 4 },
        eval_slots: match world.sessions {
            // from empty RSUs on
            Some(_) => 60.min(world.scenario.time.slots),
            None => 30.min(world.scenario.time.slots),
        },
        target_gap: None,
        vary: Vec::new(),
    }
}

/// Where scenarios vary: many environments side by side, so each takes fewer steps of an iteration, and many seeds to
/// evaluate in.
pub(super) fn vary_defaults(train: &mut TrainOptions, config: &mut Config) {
    train.n_envs = 64;
    train.eval_seeds = 24;
    train.eval_slots = 4;
    match config {
        Config::Ppo(config) => config.n_steps = config.n_steps.div_ceil(4),
        Config::Ac(config) => config.n_steps = config.n_steps.div_ceil(4),
        Config::Sac(_) | Config::Lysac(_) => {}
    }
}

/// Without `carry_over` no slot depends on another, so that any discount has the same optimum and 0 the least noise.
fn gamma(world: &World) -> f64 {
    if world.scenario.time.carry_over {
        0.9
    } else {
        0.0
    }
}

pub(super) fn ppo_defaults(encoder: Encoder, world: &World) -> PpoConfig {
    let carry_over = world.scenario.time.carry_over;
    let common = PpoConfig {
        gamma: gamma(world),
        n_epochs: 4,
        normalize_reward: true,
        schedule: Schedule::Linear,
        ..PpoConfig::default()
    };
    if world.sessions.is_some() {
        return PpoConfig {
            n_steps: 1024,
            batch_size: 2048,
            learning_rate: 1e-3,
            gamma: 0.9,
            gae_lambda: 0.9,
            turn_lambda: 1.0,
            // rewards after imitation have made every policy worse so far, see docs/decisions/0044-learning-to-host.md
            imitate_timesteps: 400_000,
            total_timesteps: 400_000,
            ..common
        };
    }
    if world.scenario.execution.queues() {
        return by_task(common);
    }
    match encoder {
        // steps are turns, about as many a slot as there are vehicles
        Encoder::Sequential => PpoConfig {
            n_steps: 1024,
            batch_size: 2048,
            learning_rate: 1e-3,
            // what a decision costs later slots shows only there, a hundred turns later, where a lambda below 1 leaves little weight
            turn_lambda: if carry_over { 1.0 } else { 0.95 },
            gae_lambda: if carry_over { 0.9 } else { 0.95 },
            total_timesteps: if carry_over { 5_000_000 } else { 1_000_000 },
            ..common
        },
        Encoder::Shared => PpoConfig {
            n_steps: 64,
            batch_size: 64,
            learning_rate: 1e-3,
            total_timesteps: 100_000,
            ratio: Ratio::Vehicle,
            ..common
        },
        Encoder::Flat => PpoConfig {
            n_steps: 256,
            batch_size: 256,
            learning_rate: 3e-4,
            total_timesteps: 200_000,
            ratio: Ratio::Vehicle,
            ..common
        },
    }
}

/// For tasks that queue: rewards after imitation made every policy worse here, too.
fn by_task(common: PpoConfig) -> PpoConfig {
    PpoConfig {
        n_steps: 128,
        batch_size: 512,
        learning_rate: 3e-3,
        gamma: 0.9,
        turn_lambda: 1.0,
        imitate_timesteps: 150_000,
        total_timesteps: 150_000,
        ..common
    }
}

pub(super) fn ac_defaults(encoder: Encoder, world: &World) -> AcConfig {
    AcConfig {
        gamma: gamma(world),
        normalize_reward: true,
        normalize_advantage: true,
        n_steps: if encoder == Encoder::Sequential {
            128
        } else {
            8
        },
        total_timesteps: if encoder == Encoder::Sequential {
            1_000_000
        } else {
            200_000
        },
        ..AcConfig::default()
    }
}

/// The replay is part of every checkpoint: about 70 MB with these sizes.
pub(super) fn sac_defaults(encoder: Encoder, world: &World) -> SacConfig {
    let carry_over = world.scenario.time.carry_over;
    let common = SacConfig {
        gamma: gamma(world),
        learning_rate: 1e-3,
        normalize_reward: true,
        target_entropy: Some(0.1),
        ent_coef: 0.1,
        ..SacConfig::default()
    };
    match encoder {
        Encoder::Sequential => SacConfig {
            buffer_size: if carry_over { 15_000 } else { 50_000 },
            learning_starts: 5_000,
            turn_gamma: 0.9,
            n_steps: 128,
            total_timesteps: 200_000,
            ..common
        },
        Encoder::Shared => SacConfig {
            buffer_size: 2_000,
            learning_starts: 200,
            batch_size: 32,
            n_steps: 32,
            total_timesteps: 20_000,
            ..common
        },
        Encoder::Flat => SacConfig {
            buffer_size: 8_000,
            learning_starts: 1_000,
            batch_size: 128,
            n_steps: 64,
            total_timesteps: 50_000,
            ..common
        },
    }
}
