//! Options of a training: those of the algorithm under the names of stable-baselines3, and those of the trainer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wayside_core::engine::world::World;
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::observe::{CONTEXT, Layout};

use crate::ac::AcConfig;
use crate::mlp::Activation;
use crate::net::{NetSpec, Pool};
use crate::on_policy::{Learner, Schedule};
use crate::ppo::{PpoConfig, Ratio};

/// What learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Proximal policy optimisation.
    Ppo,
    /// The paper's actor-critic.
    Ac,
}

impl Algorithm {
    /// Its name on the command line and in cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ppo => "ppo",
            Self::Ac => "ac",
        }
    }
}

/// What the network sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoder {
    /// The paper's concatenated state.
    Flat,
    /// The same network for every task, all at once.
    Shared,
    /// The same network for every placement, task after task.
    Sequential,
}

impl Encoder {
    /// The layout for `world`.
    ///
    /// # Errors
    /// `flat` for a fleet from a trace.
    pub fn layout(self, world: &World) -> Result<Layout> {
        match self {
            Self::Flat => Layout::flat(world),
            Self::Shared => Ok(Layout::shared(world)),
            Self::Sequential => Ok(Layout::sequential(world)),
        }
    }
}

/// Options of the trainer itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOptions {
    /// Environments stepped side by side.
    pub n_envs: usize,
    /// Slots of an episode.
    pub episode_slots: usize,
    /// Hidden layers of the actor, and of the critic where it is a network of its own.
    pub net_arch: Vec<usize>,
    /// What follows each hidden layer.
    pub activation: Activation,
    /// Whether the critic has a network of its own.
    pub own_critic: bool,
    /// Moves reward to the turn that brought it; leaves the optimum where it is.
    pub shaping: bool,
    /// Iterations between evaluations.
    pub eval_freq: u64,
    /// Seeds of an evaluation; no training meets them.
    pub eval_seeds: usize,
    /// Slots of each.
    pub eval_slots: usize,
    /// Training ends once an evaluation finds a gap this small.
    pub target_gap: Option<f64>,
}

/// The first seed of evaluations: training's own seeds all have the highest bit, people's seeds are small.
const FIRST_EVAL_SEED: u64 = 1 << 32;

impl TrainOptions {
    /// The seeds of evaluations.
    #[must_use]
    pub fn evaluation_seeds(&self) -> Vec<u64> {
        (0..self.eval_seeds as u64)
            .map(|i| FIRST_EVAL_SEED + i)
            .collect()
    }
}

/// Options of an algorithm.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Config {
    /// Of PPO.
    Ppo(PpoConfig),
    /// Of AC.
    Ac(AcConfig),
}

impl Config {
    /// The discount.
    #[must_use]
    pub fn gamma(&self) -> f64 {
        match self {
            Self::Ppo(config) => config.gamma,
            Self::Ac(config) => config.gamma,
        }
    }

    /// Steps after which training ends.
    #[must_use]
    pub fn total_timesteps(&self) -> u64 {
        match self {
            Self::Ppo(config) => config.total_timesteps,
            Self::Ac(config) => config.total_timesteps,
        }
    }

    /// The learner.
    ///
    /// # Errors
    /// Every option out of its range, at once.
    pub fn learner(&self, net: NetSpec, envs: usize, seed: u64) -> Result<Learner> {
        match self {
            Self::Ppo(config) => config.learner(net, envs, seed),
            Self::Ac(config) => config.learner(net, envs, seed),
        }
    }
}

/// Everything that may be set: the trainer's options and the algorithm's.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What learns.
    pub algorithm: Algorithm,
    /// What it sees.
    pub encoder: Encoder,
    /// The trainer's options.
    pub train: TrainOptions,
    /// The algorithm's options.
    pub config: Config,
}

impl Settings {
    /// The defaults for `world`, changed by `overrides`: names and values as on the command line.
    ///
    /// # Errors
    /// Every name that is no option, with the nearest that is, and every value of another type.
    pub fn new(
        algorithm: Algorithm,
        encoder: Encoder,
        world: &World,
        overrides: &[(String, String)],
    ) -> Result<Self> {
        let mut train = object(&train_defaults(encoder, world));
        let mut config = object(&match algorithm {
            Algorithm::Ppo => Config::Ppo(ppo_defaults(encoder, world)),
            Algorithm::Ac => Config::Ac(ac_defaults(encoder, world)),
        });
        let mut problems = Problems::default();
        for (name, text) in overrides {
            let known = if train.contains_key(name) {
                &mut train
            } else {
                &mut config
            };
            let Some(value) = known.get_mut(name) else {
                let names = train.keys().chain(config.keys());
                problems.push(problem(name, unknown(name, names)));
                continue;
            };
            // a word is a string, everything else is JSON; lists may go without brackets
            let list = value.is_array() && !text.starts_with('[');
            let json = if list {
                format!("[{text}]")
            } else {
                text.clone()
            };
            let new = serde_json::from_str(&json).unwrap_or_else(|_| Value::String(text.clone()));
            // each alone, so that the error names it
            let was = std::mem::replace(value, new);
            if let Err(error) = check(algorithm, &train, &config) {
                problems.push(problem(name, format!("{error}, got {text}")));
                if let Some(value) = train.get_mut(name).or(config.get_mut(name)) {
                    *value = was;
                }
            }
        }
        problems.into_result(())?;
        let (train, config) = check(algorithm, &train, &config)
            .map_err(|e| Error::invalid("--option", None, "", e.to_string()))?;
        range(&train)?;
        Ok(Self {
            algorithm,
            encoder,
            train,
            config,
        })
    }

    /// Sizes of the networks for a layout.
    #[must_use]
    pub fn net(&self, layout: &Layout) -> NetSpec {
        let (row_width, logits_per_row) = layout.shape();
        let factors_per_vehicle = match self.encoder {
            Encoder::Sequential => 1,
            _ => 2 + usize::from(layout.spans > 1),
        };
        let hidden = self.train.net_arch.clone();
        NetSpec {
            row_width,
            globals: CONTEXT,
            logits_per_row,
            factors_per_vehicle,
            value_hidden: if self.train.own_critic {
                hidden.clone()
            } else {
                Vec::new()
            },
            pool: if self.train.own_critic {
                Pool::Rows
            } else {
                Pool::Trunk
            },
            hidden,
            activation: self.train.activation,
        }
    }

    /// All options in one object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut all = object(&self.train);
        all.extend(object(&self.config));
        Value::Object(all)
    }

    /// Name and value of every option, in the order of [`Settings::to_json`].
    #[must_use]
    pub fn list(&self) -> Vec<(String, String)> {
        let all = object(&self.train).into_iter().chain(object(&self.config));
        all.map(|(name, value)| (name, value.to_string())).collect()
    }
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn check(
    algorithm: Algorithm,
    train: &Map<String, Value>,
    config: &Map<String, Value>,
) -> std::result::Result<(TrainOptions, Config), serde_json::Error> {
    let train = serde_json::from_value(Value::Object(train.clone()))?;
    let config = Value::Object(config.clone());
    Ok((
        train,
        match algorithm {
            Algorithm::Ppo => Config::Ppo(serde_json::from_value(config)?),
            Algorithm::Ac => Config::Ac(serde_json::from_value(config)?),
        },
    ))
}

fn problem(name: &str, message: String) -> Problem {
    Problem {
        file: "--option".to_owned(),
        line: None,
        path: name.to_owned(),
        message,
    }
}

fn unknown<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> String {
    let near = names
        .map(|known| (strsim::osa_distance(name, known), known))
        .min();
    match near {
        Some((distance, known)) if distance <= 1 + name.len() / 3 => {
            format!("is no option; did you mean {known}?")
        }
        _ => "is no option; `wayside train --help` lists them".to_owned(),
    }
}

fn range(train: &TrainOptions) -> Result<()> {
    let mut problems = Problems::default();
    let counts = [
        ("n_envs", train.n_envs),
        ("episode_slots", train.episode_slots),
        ("eval_freq", train.eval_freq as usize),
        ("eval_seeds", train.eval_seeds),
        ("eval_slots", train.eval_slots),
        ("net_arch", train.net_arch.len()),
    ];
    for (name, count) in counts {
        if count == 0 {
            problems.push(problem(name, "must be > 0, got 0".to_owned()));
        }
    }
    for &width in &train.net_arch {
        if !(1..=4096).contains(&width) {
            let message = format!("must be within 1..=4096, got {width}");
            problems.push(problem("net_arch", message));
        }
    }
    if train
        .target_gap
        .is_some_and(|gap| gap.is_nan() || gap < 0.0)
    {
        let message = format!("must be >= 0, got {:?}", train.target_gap);
        problems.push(problem("target_gap", message));
    }
    problems.into_result(())
}

fn train_defaults(encoder: Encoder, world: &World) -> TrainOptions {
    TrainOptions {
        n_envs: if encoder == Encoder::Sequential {
            16
        } else {
            8
        },
        episode_slots: world.scenario.time.slots,
        net_arch: vec![64, 64],
        activation: Activation::Tanh,
        own_critic: encoder != Encoder::Shared,
        shaping: true,
        eval_freq: 5,
        eval_seeds: 4,
        eval_slots: 30.min(world.scenario.time.slots),
        target_gap: None,
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

fn ppo_defaults(encoder: Encoder, world: &World) -> PpoConfig {
    let carry_over = world.scenario.time.carry_over;
    let common = PpoConfig {
        gamma: gamma(world),
        n_epochs: 4,
        normalize_reward: true,
        schedule: Schedule::Linear,
        ..PpoConfig::default()
    };
    match encoder {
        // steps are turns, about as many a slot as there are vehicles
        Encoder::Sequential => PpoConfig {
            n_steps: 1024,
            batch_size: 2048,
            learning_rate: 1e-3,
            // what a decision withholds from later slots shows only there, a hundred turns on: no lambda below 1 reaches it
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

fn ac_defaults(encoder: Encoder, world: &World) -> AcConfig {
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
