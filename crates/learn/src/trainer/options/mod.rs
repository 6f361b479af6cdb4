//! Options of a training: those of the algorithm under the names of stable-baselines3, and those of the trainer.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wayside_core::config::{
    self, Choice, Count, Document, Flag, Float, Keys, List, Node, NotEmpty, Nullable, Origin,
    PathStyle, Texts, Writer, read, section,
};
use wayside_core::engine::world::World;
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::observation::{Layout, Target};

mod defaults;
mod reference;

use defaults::{
    ac_defaults, paper_ac, paper_ppo, ppo_defaults, sac_defaults, train_defaults, vary_defaults,
};

pub use reference::{OptionGroup, reference};

use super::lysac::LysacConfig;
use super::problem::problem;
use super::vary::Vary;
use crate::algo::ac::AcConfig;
use crate::algo::ppo::PpoConfig;
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

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let all = [Self::Ppo, Self::Ac, Self::Sac, Self::Lysac];
        let found = all.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| "expected ppo, ac, sac or lysac".to_owned())
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
    /// Its name on the command line and in cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Shared => "shared",
            Self::Sequential => "sequential",
        }
    }
}

impl FromStr for Encoder {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let all = [Self::Sequential, Self::Shared, Self::Flat];
        let found = all.into_iter().find(|encoder| encoder.name() == name);
        found.ok_or_else(|| "expected sequential, shared or flat".to_owned())
    }
}

/// Whose agent learns: what the defaults of all other options are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agent {
    /// Ours.
    #[default]
    Ours,
    /// That of Wang et al. (IV-C): encoder `flat`, a critic that sees only the state, and textbook PPO or AC.
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

const AGENTS: [(&str, Agent); 2] = [("ours", Agent::Ours), ("paper", Agent::Paper)];
const TARGETS: [(&str, Target); 2] = [("any", Target::Any), ("candidates", Target::Candidates)];
const ACTIVATIONS: [(&str, Activation); 2] =
    [("tanh", Activation::Tanh), ("relu", Activation::Relu)];
/// More environments, seeds or slots are a typing error, and do not fit in memory.
const SOME: Count = Count {
    min: 1,
    max: 100_000,
};

/// One is no choice.
const SLOTS: Count = Count { min: 2, max: 32 };

section! {
    /// Options of the trainer itself; `defaults.rs` knows those that depend on what is trained.
    #[derive(Clone, Debug, PartialEq)]
    pub struct TrainOptions {
        /// whose agent is trained: `ours`, or `paper`, that of Wang et al. (encoder flat, ppo or ac); sets the other defaults
        agent: Agent = default(Agent::Ours, Choice(&AGENTS)),
        /// where the encoder flat may let a task execute: on `any` RSU, or on one of the `candidates` of its vehicle
        target: Target = default(Target::Any, Choice(&TARGETS)),
        /// slots, 2 to 32, that an action may name for a task to hold its CPU at most, later ones priced as plan-ahead prices them; only
        /// where tasks outlive slots (`carry_over`), with one encoder of ppo, ac or sac
        plan_slots: Option<usize> = default(None, Nullable(SLOTS)),
        /// environments that are stepped side by side
        n_envs: usize = default(8, SOME),
        /// slots of an episode
        episode_slots: usize = default(10, SOME),
        /// sizes of the hidden layers, of the actor and of a separate critic
        net_arch: Vec<usize> = default(vec![64, 64], NotEmpty(List(Count { min: 1, max: 4096 }))),
        /// activation function after each hidden layer: `tanh` or `relu`
        activation: Activation = default(Activation::Tanh, Choice(&ACTIVATIONS)),
        /// whether the critic has a network of its own
        own_critic: bool = default(true, Flag),
        /// whether each turn of a slot gets the reward that its own decision brings; this does not change the optimum
        shaping: bool = default(true, Flag),
        /// iterations between evaluations
        eval_freq: u64 = default(5, Count { min: 1, max: 100_000 }),
        /// number of seeds of an evaluation; training never uses them
        eval_seeds: usize = default(4, SOME),
        /// slots of each evaluation seed
        eval_slots: usize = default(30, SOME),
        /// training ends once an evaluation finds a gap of at most this
        target_gap: Option<f64> = default(None, Nullable(Float::NON_NEGATIVE)),
        /// keys of the scenario that vary between environments, as with --vary
        vary: Vec<String> = default(Vec::new(), Texts),
    }
}

/// The first seed of evaluations. Seeds of training have the highest bit set, and users' seeds are small, so they never coincide.
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
    /// Every text that is not of that form.
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
#[derive(Clone, Debug, PartialEq)]
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

    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        match self {
            Self::Ppo(config) => config.keys(k),
            Self::Ac(config) => config.keys(k),
            Self::Sac(config) => config.keys(k),
            Self::Lysac(config) => config.keys(k),
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
    /// The defaults for `world`, changed by `overrides`: names and values as on the command line. The encoder is, if not
    /// given, that of the agent.
    ///
    /// # Errors
    /// Every name that is not an option, with the nearest that is, and every value of another type.
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
        let mut settings = Self {
            algorithm,
            encoder,
            train: train_defaults(algorithm, agent, encoder, world),
            config: Config::defaults(algorithm, agent, encoder, world),
        };
        let varied = overrides.iter().any(|(name, _)| name == "vary");
        if varied && world.sessions.is_none() {
            vary_defaults(&mut settings.train, &mut settings.config);
        }
        let given = settings.given(overrides, &mut problems);
        let settings = read(&given, |s| {
            settings.keys(&mut Keys::Read(s));
            Some(settings)
        });
        // unknown names first, then wrong values, all at once
        let settings = match settings {
            Ok(settings) => problems.into_result(settings)?,
            Err(Error::Invalid(values)) => {
                problems.0.extend(values.0);
                return Err(Error::Invalid(problems));
            }
            Err(other) => return Err(other),
        };
        settings.check()?;
        Ok(settings)
    }

    /// The overrides that name options, as a section; the others are problems. A word is a text, everything else is JSON,
    /// and lists may go without brackets.
    fn given(&self, overrides: &[(String, String)], problems: &mut Problems) -> Document {
        let known = self.to_json();
        let mut entries: Vec<(String, Node)> = Vec::new();
        for (name, text) in overrides {
            let Some(value) = known.get(name) else {
                problems.push(problem(name, unknown(name, &known)));
                continue;
            };
            let json = match value.is_array() && !text.starts_with('[') {
                true => format!("[{text}]"),
                false => text.clone(),
            };
            let value = Document::from_json("", &json).map_or_else(
                |_| config::Value::String(text.clone()),
                |document| document.root.value,
            );
            entries.retain(|(earlier, _)| earlier != name);
            let origin = Origin::File;
            entries.push((name.clone(), Node { origin, value }));
        }
        Document {
            file: "--option".to_owned(),
            style: PathStyle::Dotted,
            root: Node {
                origin: Origin::File,
                value: config::Value::Table(entries),
            },
        }
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        self.train.keys(k);
        self.config.keys(k);
    }

    /// Checks that involve several options.
    fn check(&self) -> Result<()> {
        self.train.vary()?;
        let invalid = |name, message| Err(Error::invalid("--option", None, name, message));
        if self.train.target == Target::Candidates && self.encoder != Encoder::Flat {
            return invalid("target", "candidates needs the encoder flat");
        }
        if self.algorithm == Algorithm::Lysac && !self.train.vary.is_empty() {
            return invalid(
                "vary",
                "must be empty: lysac has `vehicles` and `capability`",
            );
        }
        Ok(())
    }

    /// All options in one object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut all = object(|k| self.train.clone().keys(k));
        all.extend(object(|k| self.config.clone().keys(k)));
        Value::Object(all)
    }

    /// Name and value of every option, in the order of [`Settings::to_json`].
    #[must_use]
    pub fn list(&self) -> Vec<(String, String)> {
        let train = object(|k| self.train.clone().keys(k));
        let config = object(|k| self.config.clone().keys(k));
        let all = train.into_iter().chain(config);
        all.map(|(name, value)| (name, value.to_string())).collect()
    }
}

/// The keys that `keys` binds, with their values.
fn object(keys: impl FnOnce(&mut Keys<'_, '_>)) -> Map<String, Value> {
    let mut writer = Writer::default();
    keys(&mut Keys::Write(&mut writer));
    let entries = writer.entries().into_iter();
    entries
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn unknown(name: &str, known: &Value) -> String {
    let names = known.as_object().into_iter().flat_map(Map::keys);
    match config::nearest(name, names.map(String::as_str)) {
        Some(known) => format!("is not an option; did you mean {known}?"),
        None => "is not an option; `wayside train --help` lists them".to_owned(),
    }
}

/// The agent that the overrides name; a wrong one is reported with all other values.
fn asked_agent(overrides: &[(String, String)]) -> Agent {
    let asked = overrides.iter().rev().find(|(name, _)| name == "agent");
    let of = |(_, text): &(String, String)| AGENTS.iter().find(|(word, _)| word == text);
    asked
        .and_then(of)
        .map(|&(_, agent)| agent)
        .unwrap_or_default()
}

/// The paper's agents are PPO and AC with one encoder.
fn paper_only(agent: Agent, algorithm: Algorithm, encoder: Encoder, problems: &mut Problems) {
    if agent == Agent::Ours {
        return;
    }
    if !matches!(algorithm, Algorithm::Ppo | Algorithm::Ac) {
        let message = format!("paper is for ppo and ac, not for {}", algorithm.name());
        problems.push(problem("agent", message));
    }
    if encoder != Encoder::Flat {
        let message = "paper needs the encoder flat".to_owned();
        problems.push(problem("agent", message));
    }
}
