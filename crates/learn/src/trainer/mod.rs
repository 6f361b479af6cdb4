//! Training from start to policy file: rollouts, evaluation, logs, checkpoints.
//!
//! The folder of a training holds
//!
//! | file | what |
//! |---|---|
//! | `policy.safetensors`, `policy.json` | the best policy so far by the evaluations, and its card |
//! | `progress.csv` | a row per iteration |
//! | `events.out.tfevents...` | the same for `TensorBoard` |
//! | `checkpoint.safetensors` | everything that the next iteration depends on |
//! | `manifest.json` | what the training was, and which files are its own |
//!
//! Another process cannot train there at the same time.
//!
//! A checkpoint is written after an iteration, whole or not at all. It records the length of the logs, and a resumed training
//! cuts them there. So a training that was killed leaves the same files as one that was not, but for times.

mod batches;
mod build;
pub mod builtin;
mod environment;
mod evaluate;
mod events;
mod folder;
pub mod learned;
mod logs;
mod lysac;
mod options;
mod problem;
mod queues;
mod report;
mod request;
mod sessions;
mod vary;

pub use build::MakeBackend;
pub use environment::Environment;
pub use evaluate::Evaluation;
pub use lysac::LysacConfig;
pub use options::{
    Agent, Algorithm, Config, Encoder, OptionGroup, Settings, TrainOptions, reference,
};
pub use report::Progress;
use report::{Health, no_report};
pub use request::Request;
pub use vary::{Reader, Vary, named};

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use folder::TrainingFolder;
use logs::Logs;
use serde_json::json;
use wayside_core::engine::BoundKind;
use wayside_core::engine::world::World;
use wayside_core::error::Result;
use wayside_core::observation::{Form, Layout};
use wayside_core::policy::PolicyKind;
use wayside_core::policy::migration::MigrationKind;
use wayside_core::policy::sessions::SessionKind;

use crate::algo::learner::Learner;
use crate::algo::policy::MakeArchitecture;
use crate::nn::state::{State, in_file, invalid};
use crate::trainer::learned::{Card, LearnedPolicy, Score, scenario_hash};

/// File of the checkpoint, in the folder of the training.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// File of the best policy.
pub const POLICY: &str = "policy.safetensors";
/// Its card.
const CARD: &str = "policy.json";

/// Seconds after which a checkpoint is due.
const CHECKPOINT_S: f64 = 10.0;

/// How training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All its steps are done.
    Done,
    /// The target gap is reached.
    Target,
    /// It was stopped, and can go on from its checkpoint.
    Interrupted,
}

/// What to train, and where it goes.
pub struct Plan<'w> {
    /// The scenario to train in.
    pub world: &'w World,
    /// Reads that scenario again, with the keys that vary changed.
    pub read: &'w Reader<'w>,
    /// All options.
    pub settings: Settings,
    /// Makes a library of networks other than ours, for `ppo` and `ac`. Not an option: it decides where the networks are
    /// computed and how fast, so that a training may go on with another.
    pub backend: Option<&'w MakeBackend<'w>>,
    /// Makes a network of your own architecture ([`crate::nn::architecture`]), for `ppo` and `ac`. The options `net_arch`,
    /// `activation` and `own_critic` then have no effect, and [`LearnedPolicy::read_with`] reads the policy.
    pub architecture: Option<&'w MakeArchitecture<'w>>,
    /// Seed of every random stream.
    pub seed: u64,
    /// Folder of the training.
    pub out: PathBuf,
    /// Whether a training or results in that folder may be replaced.
    pub force: bool,
    /// The command line, for the card.
    pub command: String,
    /// Version, for the card.
    pub version: String,
}

/// A training.
pub struct Trainer<'w> {
    plan: Plan<'w>,
    layout: Layout,
    learner: Box<dyn Learner + 'w>,
    evaluation: Evaluation,
    /// Scenarios of evaluations, one per seed; empty: that of the training.
    held_out: Vec<World>,
    folder: TrainingFolder,
    logs: Logs,
    slots: u64,
    /// Score of the best policy so far.
    best: Option<Score>,
    /// Name and score of the rule that decides by the same rows, where there is one.
    untrained: Option<(&'static str, Score)>,
    last: Option<Score>,
    target_reached: bool,
    health: Health,
    /// Wall-clock and CPU time of earlier runs \[s\], and when this one began.
    before: (f64, f64),
    began: (Instant, Option<f64>),
    steps_before: u64,
}

impl<'w> Trainer<'w> {
    /// Starts a training, or with `resume` goes on from its checkpoint; from the beginning where it was ended before it had one.
    ///
    /// # Errors
    /// Options out of range; a folder that holds a training already, or none to go on with, or one of other options;
    /// a file system that refuses.
    pub fn new(plan: Plan<'w>, resume: bool) -> Result<Self> {
        let settings = &plan.settings;
        let (worlds, held_out) = settings.varied(plan.seed, plan.read)?;
        let layout = settings.layout_of_all(plan.world, &worlds)?;
        let mut learner = build::learner(&plan, worlds, &layout)?;
        let train = &settings.train;
        // killed before its first checkpoint: there is nothing to go on with
        let resume = resume && !wayside_output::holds_nothing_finished(&plan.out);
        let mut folder = TrainingFolder::open(&plan, resume)?;
        let path = plan.out.join(CHECKPOINT);
        let (mut slots, mut best, mut before) = (0, None, (0.0, 0.0));
        let mut health = Health::default();
        let logs = if resume {
            let state = folder.checkpoint()?;
            let named = |error| in_file(error, &path);
            same_training(&state, &plan).map_err(named)?;
            learner.load(&state).map_err(named)?;
            slots = state.card_value("slots").map_err(named)?;
            best = state.card_value("best").map_err(named)?;
            before = state.card_value("spent_s").map_err(named)?;
            health = state.card_value("health").map_err(named)?;
            let lengths = state.card_value("logs").map_err(named)?;
            folder.resume_logs(&lengths).map_err(named)?
        } else {
            folder.create_logs(settings.algorithm)?
        };
        let seeds = train.evaluation_seeds();
        let bound = match layout.form {
            Form::Hosts => BoundKind::Horizon,
            _ if layout.is_either() || layout.priced => BoundKind::Horizon,
            _ => BoundKind::Split,
        };
        let mut evaluation = Evaluation::new(seeds, train.eval_slots, bound);
        let untrained = rule(&layout).map(|rule| {
            let worlds = evaluated(&held_out, plan.world);
            Ok((rule.info().name, evaluation.score_of(worlds, &rule)?))
        });
        Ok(Self {
            untrained: untrained.transpose()?,
            evaluation,
            steps_before: learner.timesteps(),
            held_out,
            last: None,
            target_reached: false,
            health,
            began: (Instant::now(), cpu_s()),
            plan,
            layout,
            learner,
            folder,
            logs,
            slots,
            best,
            before,
        })
    }

    /// Trains until the end, or until `stop` is set; `watch` is called after every iteration.
    ///
    /// # Errors
    /// A trace that ends early; a file system that refuses.
    pub fn run(&mut self, stop: &AtomicBool, watch: &mut dyn FnMut(&Progress)) -> Result<Ended> {
        if self.best.is_none() {
            // the score before anything is learned
            let score = Some(self.evaluate()?);
            let (wall_s, cpu_s) = self.spent_s();
            let progress = Progress {
                report: no_report(self.plan.settings.algorithm),
                slots: 0,
                reward: None,
                score,
                wall_s,
                cpu_s,
                fps: 0.0,
            };
            self.logs.add(&progress)?;
            watch(&progress);
        }
        let mut saved = Instant::now();
        let ended = loop {
            if self.target_reached {
                break Ended::Target;
            }
            if self.learner.timesteps() >= self.plan.settings.config.total_timesteps() {
                break Ended::Done;
            }
            if stop.load(Ordering::Relaxed) {
                break Ended::Interrupted;
            }
            let progress = self.iterate()?;
            watch(&progress);
            if progress.score.is_some() || saved.elapsed() > Duration::from_secs_f64(CHECKPOINT_S) {
                self.checkpoint()?;
                saved = Instant::now();
            }
        };
        self.checkpoint()?;
        Ok(ended)
    }

    /// One iteration of the learner, with the evaluation if one is due.
    fn iterate(&mut self) -> Result<Progress> {
        let report = self.learner.iterate()?;
        self.slots += report.slots;
        self.health.count(&report);

        let over = self.learner.timesteps() >= self.plan.settings.config.total_timesteps();
        let train = &self.plan.settings.train;
        let due = report.iterations % train.eval_freq == 0 || over;
        let score = if due { Some(self.evaluate()?) } else { None };
        let (wall_s, cpu_s) = self.spent_s();
        let run_s = self.began.0.elapsed().as_secs_f64();
        let progress = Progress {
            report,
            slots: self.slots,
            reward: report.slot_reward,
            score,
            wall_s,
            cpu_s,
            fps: (self.learner.timesteps() - self.steps_before) as f64 / run_s,
        };
        self.logs.add(&progress)?;
        Ok(progress)
    }

    /// Scores the policy as it stands, and writes it if it is the best.
    fn evaluate(&mut self) -> Result<Score> {
        let mut policy = self.policy(None)?;
        let worlds = evaluated(&self.held_out, self.plan.world);
        let score = self.evaluation.score(worlds, &policy)?;
        self.last = Some(score);
        let target = self.plan.settings.train.target_gap;
        self.target_reached = target.is_some_and(|target| score.gap <= target);
        // where scenarios vary, the one with the largest costs would dominate the objective
        let mark = |score: Score| match self.held_out.is_empty() {
            true => score.objective,
            false => score.gap,
        };
        if self.best.is_none_or(|best| mark(score) < mark(best)) {
            self.best = Some(score);
            policy = self.policy(Some(score))?;
            let (file, card) = policy.to_files()?;
            self.folder.write(POLICY, &file)?;
            self.folder.write(CARD, card.as_bytes())?;
            self.logs.flushed()?;
            self.folder.commit()?;
        }
        Ok(score)
    }

    /// The policy as it stands.
    ///
    /// # Errors
    /// If the network does not fit the layout, which would be a bug.
    pub fn policy(&self, score: Option<Score>) -> Result<LearnedPolicy> {
        let plan = &self.plan;
        let train = &plan.settings.train;
        let card = Card {
            algorithm: plan.settings.algorithm.name().to_owned(),
            scenario: plan.world.scenario.name.clone(),
            scenario_hash: scenario_hash(&plan.world.scenario),
            layout: self.layout.clone(),
            seed: plan.seed,
            timesteps: self.learner.timesteps(),
            slots: self.slots,
            score,
            untrained: self.untrained.map(|(_, score)| score),
            evaluated: (train.evaluation_seeds(), train.eval_slots),
            command: plan.command.clone(),
            version: plan.version.clone(),
            options: plan.settings.to_json(),
        };
        LearnedPolicy::new(card, self.learner.policy())
    }

    /// Score of the best policy so far: that in `policy.safetensors`.
    #[must_use]
    pub fn best(&self) -> Option<Score> {
        self.best
    }

    /// Signs that the training has a problem, a sentence each.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        self.health.doubts()
    }

    /// The rule that decides by the same rows, where there is one, and its score on the same slots.
    #[must_use]
    pub fn untrained(&self) -> Option<(&'static str, Score)> {
        self.untrained
    }

    /// Folder of the training.
    #[must_use]
    pub fn out(&self) -> &Path {
        &self.plan.out
    }

    /// Wall-clock and CPU time spent, over all runs \[s\].
    fn spent_s(&self) -> (f64, Option<f64>) {
        let cpu = cpu_s().zip(self.began.1).map(|(now, then)| now - then);
        (
            self.before.0 + self.began.0.elapsed().as_secs_f64(),
            cpu.map(|cpu| self.before.1 + cpu),
        )
    }

    fn checkpoint(&mut self) -> Result<()> {
        let mut state = self.learner.save();
        let card = &mut state.card;
        card["plan"] = identity(&self.plan);
        card["slots"] = self.slots.into();
        card["best"] = json!(self.best);
        card["health"] = json!(self.health);
        let (wall_s, cpu_s) = self.spent_s();
        card["spent_s"] = json!([wall_s, cpu_s.unwrap_or(0.0)]);
        card["logs"] = json!(self.logs.flushed()?);
        self.folder.write(CHECKPOINT, &state.to_bytes()?)?;
        self.folder.commit()
    }
}

/// The worlds of evaluations: those held out where they vary, else the one trained in.
fn evaluated<'w>(held_out: &'w [World], world: &'w World) -> &'w [World] {
    match held_out {
        [] => std::slice::from_ref(world),
        held_out => held_out,
    }
}

/// The rule that decides by the same rows as a policy of `layout`, untrained.
fn rule(layout: &Layout) -> Option<PolicyKind> {
    match layout.form {
        Form::Sequential { .. } if layout.priced => Some(PolicyKind::LeastAhead),
        Form::Sequential { .. } if layout.spans == 1 || layout.is_either() => {
            Some(PolicyKind::LeastTotal)
        }
        Form::Destinations { .. } => Some(PolicyKind::Migration(MigrationKind::Least)),
        Form::Hosts => Some(PolicyKind::Session(SessionKind::Least)),
        _ => None,
    }
}

/// All that a training depends on, except for how long it lasts.
fn identity(plan: &Plan) -> serde_json::Value {
    let mut options = plan.settings.to_json();
    options["total_timesteps"] = serde_json::Value::Null;
    options["target_gap"] = serde_json::Value::Null;
    json!({
        "algorithm": plan.settings.algorithm,
        "encoder": plan.settings.encoder,
        "scenario": scenario_hash(&plan.world.scenario),
        "seed": plan.seed,
        "options": options,
    })
}

/// Checks that the checkpoint is of the training that `plan` describes.
fn same_training(state: &State, plan: &Plan) -> Result<()> {
    let kept: serde_json::Value = state.card_value("plan")?;
    let asked = identity(plan);
    for key in ["algorithm", "encoder", "scenario", "seed"] {
        if kept[key] != asked[key] {
            let message = format!("is {}, the command says {}", kept[key], asked[key]);
            return Err(invalid(key, message));
        }
    }
    let options = asked["options"].as_object().into_iter().flatten();
    for (name, value) in options {
        if kept["options"][name] != *value {
            let message = format!("is {}, the command says {value}", kept["options"][name]);
            return Err(invalid(name, message));
        }
    }
    Ok(())
}

/// CPU time of this process so far, where the system tells \[s\].
fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // fields 14 and 15, after the name in parentheses, in hundredths of a second
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / 100.0)
}
