//! Options of a training: those of the algorithm under the names of stable-baselines3, and those of the trainer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wayside_core::engine::world::World;
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::observation::{Layout, Target};

use super::lysac::LysacConfig;
use super::problem::problem;
use super::vary::Vary;
use crate::algo::ac::AcConfig;
use crate::algo::options::Schedule;
use crate::algo::ppo::{PpoConfig, Ratio};
use crate::algo::sac::SacConfig;
use crate::nn::mlp::Activation;

/// What learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Proximal policy optimisation.
    Ppo,
    /// The paper's actor-critic.
    Ac,
    /// Soft actor-critic for choices.
    Sac,
    /// Lyapunov-guided soft actor-critic for batches that queue; it has a form of its own, whatever the encoder.
    Lysac,
}

impl Algorithm {
    /// Its name on the command line and in cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ppo => "ppo",
            Self::Ac => "ac",
            Self::Sac => "sac",
            Self::Lysac => "lysac",
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

/// Whose agent learns: what the defaults of all other options are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agent {
    /// Ours.
    #[default]
    Ours,
    /// That of Wang et al. (IV-C): `flat`, a critic that sees the state and no more, and PPO or AC as textbooks have them.
    Paper,
}

impl Encoder {
    /// The layout for `world`; `target` is for `flat` alone.
    ///
    /// # Errors
    /// `flat` for a fleet from a trace.
    pub fn layout(self, world: &World, target: Target) -> Result<Layout> {
        match self {
            Self::Flat => Layout::flat(world, target),
            Self::Shared => Ok(Layout::shared(world)),
            Self::Sequential => Ok(Layout::sequential(world)),
        }
    }
}

/// Options of the trainer itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOptions {
    /// Whose agent.
    pub agent: Agent,
    /// Where `flat` may have a task execute.
    pub target: Target,
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
    /// Keys of the scenario that vary between environments, see [`Vary`].
    pub vary: Vec<String>,
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

    /// What varies.
    ///
    /// # Errors
    /// Every text that says nothing of the kind.
    pub(super) fn vary(&self) -> Result<Vec<Vary>> {
        let mut problems = Problems::default();
        let mut all = Vec::new();
        for text in &self.vary {
            match text.parse() {
                Ok(vary) => all.push(vary),
                Err(message) => problems.push(Problem {
                    file: "--vary".to_owned(),
                    line: None,
                    path: text.clone(),
                    message,
                }),
            }
        }
        problems.into_result(all)
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
    /// Of SAC.
    Sac(SacConfig),
    /// Of LySAC.
    Lysac(LysacConfig),
}

impl Config {
    /// The discount.
    #[must_use]
    pub fn gamma(&self) -> f64 {
        match self {
            Self::Ppo(config) => config.gamma,
            Self::Ac(config) => config.gamma,
            Self::Sac(config) => config.gamma,
            Self::Lysac(config) => config.sac.gamma,
        }
    }

    /// Steps after which training ends.
    #[must_use]
    pub fn total_timesteps(&self) -> u64 {
        match self {
            Self::Ppo(config) => config.total_timesteps,
            Self::Ac(config) => config.total_timesteps,
            Self::Sac(config) => config.total_timesteps,
            Self::Lysac(config) => config.sac.total_timesteps,
        }
    }

    /// The defaults of `algorithm`.
    fn defaults(algorithm: Algorithm, agent: Agent, encoder: Encoder, world: &World) -> Self {
        match algorithm {
            Algorithm::Ppo if agent == Agent::Paper => Self::Ppo(paper_ppo()),
            Algorithm::Ac if agent == Agent::Paper => Self::Ac(paper_ac()),
            Algorithm::Ppo => Self::Ppo(ppo_defaults(encoder, world)),
            Algorithm::Ac => Self::Ac(ac_defaults(encoder, world)),
            Algorithm::Sac => Self::Sac(sac_defaults(encoder, world)),
            Algorithm::Lysac => Self::Lysac(LysacConfig::new(&world.scenario)),
        }
    }

    /// From all its options by name.
    fn from_json(algorithm: Algorithm, value: Value) -> serde_json::Result<Self> {
        Ok(match algorithm {
            Algorithm::Ppo => Self::Ppo(serde_json::from_value(value)?),
            Algorithm::Ac => Self::Ac(serde_json::from_value(value)?),
            Algorithm::Sac => Self::Sac(serde_json::from_value(value)?),
            Algorithm::Lysac => Self::Lysac(serde_json::from_value(value)?),
        })
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
    /// The defaults for `world`, changed by `overrides`: names and values as on the command line. The encoder is, if not
    /// given, that of the agent.
    ///
    /// # Errors
    /// Every name that is no option, with the nearest that is, and every value of another type.
    pub fn new(
        algorithm: Algorithm,
        encoder: impl Into<Option<Encoder>>,
        world: &World,
        overrides: &[(String, String)],
    ) -> Result<Self> {
        let mut problems = Problems::default();
        let agent = asked_agent(overrides);
        let encoder = encoder.into().unwrap_or(match agent {
            Agent::Ours => Encoder::Sequential,
            Agent::Paper => Encoder::Flat,
        });
        paper_only(agent, algorithm, encoder, &mut problems);
        let mut defaults = train_defaults(algorithm, agent, encoder, world);
        let mut config = Config::defaults(algorithm, agent, encoder, world);
        if overrides.iter().any(|(name, _)| name == "vary") {
            vary_defaults(&mut defaults, &mut config);
        }
        let (mut train, mut config) = (object(&defaults), object(&config));
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
        if train.target == Target::Candidates && encoder != Encoder::Flat {
            let message = "candidates is for the encoder flat alone".to_owned();
            return problems_of(problem("target", message));
        }
        if algorithm == Algorithm::Lysac && !train.vary.is_empty() {
            let message = "must be empty: lysac has `vehicles` and `capability`";
            return Err(Error::invalid("--option", None, "vary", message));
        }
        if let Config::Lysac(config) = &config {
            config.check()?;
        }
        Ok(Self {
            algorithm,
            encoder,
            train,
            config,
        })
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
    let config = Config::from_json(algorithm, Value::Object(config.clone()))?;
    Ok((train, config))
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

/// More environments, seeds or slots are a slip of the pen, and more than memory holds.
const MOST: usize = 100_000;

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
        if count > MOST {
            let message = format!("must be at most {MOST}, got {count}");
            problems.push(problem(name, message));
        }
    }
    for &width in &train.net_arch {
        if !(1..=4096).contains(&width) {
            let message = format!("must be within 1..=4096, got {width}");
            problems.push(problem("net_arch", message));
        }
    }
    train.vary()?;
    if train
        .target_gap
        .is_some_and(|gap| gap.is_nan() || gap < 0.0)
    {
        let message = format!("must be >= 0, got {:?}", train.target_gap);
        problems.push(problem("target_gap", message));
    }
    problems.into_result(())
}

/// The agent that the overrides name; what is none is found with all other values.
fn asked_agent(overrides: &[(String, String)]) -> Agent {
    let asked = overrides.iter().rev().find(|(name, _)| name == "agent");
    let of = |(_, text): &(String, String)| serde_json::from_value(text.as_str().into()).ok();
    asked.and_then(of).unwrap_or_default()
}

/// The paper has PPO and AC, and one state.
fn paper_only(agent: Agent, algorithm: Algorithm, encoder: Encoder, problems: &mut Problems) {
    if agent == Agent::Ours {
        return;
    }
    if !matches!(algorithm, Algorithm::Ppo | Algorithm::Ac) {
        let message = format!("paper is for ppo and ac, not for {}", algorithm.name());
        problems.push(problem("agent", message));
    }
    if encoder != Encoder::Flat {
        let message = "paper sees the encoder flat and no other".to_owned();
        problems.push(problem("agent", message));
    }
}

fn problems_of<T>(one: Problem) -> Result<T> {
    let mut problems = Problems::default();
    problems.push(one);
    problems
        .into_result(())
        .map(|()| unreachable!("there is a problem"))
}

/// What the paper does not give was tuned, see docs/policies/ppo.md.
fn paper_ppo() -> PpoConfig {
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

/// One step of TD, gamma .99, advantages and rewards as they are: our AC as it comes, not tuned.
fn paper_ac() -> AcConfig {
    AcConfig {
        total_timesteps: 150_000,
        lanes: 1,
        shards: 1,
        ..AcConfig::default()
    }
}

fn train_defaults(
    algorithm: Algorithm,
    agent: Agent,
    encoder: Encoder,
    world: &World,
) -> TrainOptions {
    TrainOptions {
        agent,
        target: Target::Any,
        n_envs: match (algorithm, encoder) {
            (Algorithm::Lysac, _) => 40,
            // traffic changes slowly: what one environment shows in four slots is alike
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
        eval_slots: 30.min(world.scenario.time.slots),
        target_gap: None,
        vary: Vec::new(),
    }
}

/// Where scenarios vary: many of them side by side, so that each takes fewer steps of an iteration, and as many again to
/// evaluate in.
fn vary_defaults(train: &mut TrainOptions, config: &mut Config) {
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
            // what a decision withholds from later slots shows only there, a hundred turns on: of a lambda below 1 little is left there
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

/// A replay of slots takes room, all of it in every checkpoint: some 70 MB with these.
fn sac_defaults(encoder: Encoder, world: &World) -> SacConfig {
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
