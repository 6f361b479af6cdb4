//! From settings to what is trained: layout, networks, worlds, learner and environments.

use std::sync::Arc;

use wayside_core::engine::env;
use wayside_core::engine::queue_env::QueueEnv;
use wayside_core::engine::session_env::SessionEnv;
use wayside_core::engine::world::{World, WorldRef};
use wayside_core::error::{Error, Result};
use wayside_core::observation::{self, CONTEXT, Form, Layout};
use wayside_core::policy::PolicyKind;
use wayside_core::policy::sessions::SessionKind;
use wayside_core::rng::Streams;
use wayside_core::scenario::Execution;

use super::Plan;
use super::batches::Batches;
use super::environment::Environment;
use super::lysac::LysacConfig;
use super::options::{Agent, Algorithm, Config, Encoder, Settings};
use super::queues::{self, Queueing};
use super::sessions::Hosting;
use super::vary::{self, Reader};
use crate::algo::env::Env;
use crate::algo::learner::Learner;
use crate::algo::on_policy::OnPolicy;
use crate::algo::sac::continuous::Sac;
use crate::algo::sac::discrete::{DiscreteSac, SlotForm};
use crate::nn::backend::Backend;
use crate::nn::net::{NetSpec, Pool};

/// Makes the networks of a [`NetSpec`] by another library than ours.
pub type MakeBackend<'b> = dyn Fn(&NetSpec) -> Result<Box<dyn Backend>> + Sync + 'b;

impl Settings {
    /// What the policy sees and says in `world`.
    ///
    /// # Errors
    /// `flat` for a fleet from a trace; an option that makes no sense there.
    pub fn layout(&self, world: &World) -> Result<Layout> {
        self.check_plan_slots(world)?;
        match &self.config {
            Config::Lysac(config) => Ok(Layout::plan(world, config.cloud)),
            _ if world.sessions.is_some() => self.turns_only("sessions", Layout::hosts(world)),
            _ if world.scenario.execution.queues() => {
                self.turns_only("tasks that queue", Layout::by_destination(world))
            }
            _ => {
                let layout = self.encoder.layout(world, self.train.target)?;
                Ok(match self.train.plan_slots {
                    Some(most) => layout.choosing_slots(most),
                    None => layout,
                })
            }
        }
    }

    /// Only where tasks hold CPU in later slots can an action say for how many.
    fn check_plan_slots(&self, world: &World) -> Result<()> {
        let Some(most) = self.train.plan_slots else {
            return Ok(());
        };
        let what = match &world.scenario.execution {
            _ if self.algorithm == Algorithm::Lysac => "for lysac, which sends batches",
            Execution::Sessions(_) => "for sessions, which get CPU anew in every slot",
            Execution::Queues(_) => "where tasks queue for cores",
            Execution::SharedCpu if !world.scenario.time.carry_over => {
                "where slots stand alone (time.carry_over is false)"
            }
            Execution::SharedCpu => return Ok(()),
        };
        let message = format!("must be null {what}, got {most}");
        Err(Error::invalid("--option", None, "plan_slots", message))
    }

    /// The layout for a training whose scenarios are `varied`: one for both kinds of slots, where there are both.
    ///
    /// # Errors
    /// As [`layout`](Self::layout).
    pub(super) fn layout_of_all(&self, world: &World, varied: &[World]) -> Result<Layout> {
        for world in varied {
            self.check_plan_slots(world)?;
        }
        let held = |world: &World| world.scenario.time.carry_over;
        let mixed = varied.iter().any(held) && !varied.iter().all(held);
        let shared_cpu = varied
            .iter()
            .all(|world| world.scenario.execution == Execution::SharedCpu);
        match mixed && shared_cpu && self.encoder == Encoder::Sequential {
            true => Ok(Layout::either(world)),
            false => self.layout(world),
        }
    }

    /// What is seen where only PPO and AC learn, turn by turn.
    fn turns_only(&self, what: &str, layout: Layout) -> Result<Layout> {
        let refused = |path, message| Err(Error::invalid("--option", None, path, message));
        if !matches!(self.algorithm, Algorithm::Ppo | Algorithm::Ac) {
            let message = format!(
                "must be ppo or ac for {what}, got {}",
                self.algorithm.name()
            );
            return refused("algorithm", message);
        }
        if self.encoder != Encoder::Sequential {
            let message = format!("must be sequential for {what}, got {}", self.encoder.name());
            return refused("encoder", message);
        }
        Ok(layout)
    }

    /// The scenarios that vary, each laid out: one per environment, and one per seed of evaluations, which do not depend
    /// on `seed`. None where nothing varies.
    ///
    /// # Errors
    /// A value that the scenario does not admit; a topology or trace that cannot be read.
    pub(super) fn varied(&self, seed: u64, read: &Reader) -> Result<(Vec<World>, Vec<World>)> {
        let vary = &self.train.vary()?;
        if vary.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let train = |i| vary::world(vary, read, Streams::new(seed), &format!("scenario.{i}"));
        let held_out = |seed| vary::world(vary, read, Streams::new(seed), "scenario");
        let seeds = self.train.evaluation_seeds();
        Ok((
            (0..self.train.n_envs).map(train).collect::<Result<_>>()?,
            seeds.into_iter().map(held_out).collect::<Result<_>>()?,
        ))
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
            globals: match self.train.agent {
                Agent::Ours => layout.globals(),
                Agent::Paper => 0,
            },
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
}

/// The learner of a training, with its environments; each has a scenario of its own where they are `varied`.
///
/// # Errors
/// Options out of range; a layout that the scenario cannot serve.
pub(super) fn learner<'w>(
    plan: &Plan<'w>,
    varied: Vec<World>,
    layout: &Layout,
) -> Result<Box<dyn Learner + 'w>> {
    let settings = &plan.settings;
    let (hidden, seed) = (&settings.train.net_arch, plan.seed);
    let net = settings.net(layout);
    match layout.form {
        Form::Hosts => return turn_by_turn(plan, net, hosting(plan, varied)?),
        Form::Destinations { .. } => {
            return turn_by_turn(plan, net, queueing(plan, varied, layout)?);
        }
        _ => {}
    }
    let envs = || environments(plan, varied, layout);
    Ok(match &settings.config {
        Config::Ppo(config) => on_policy(plan, config.learner(net, envs()?, seed)?)?,
        Config::Ac(config) => on_policy(plan, config.learner(net, envs()?, seed)?)?,
        _ if plan.backend.is_some() || plan.architecture.is_some() => {
            let path = match plan.backend {
                Some(_) => "backend",
                None => "architecture",
            };
            let message = format!("must be our own for {}", settings.algorithm.name());
            return Err(Error::invalid("plan", None, path, message));
        }
        Config::Sac(config) => {
            let form = slot_form(layout, plan.world, net.factors_per_vehicle)?;
            let config = config.clone();
            Box::new(DiscreteSac::new(config, form, hidden, envs()?, seed)?)
        }
        Config::Lysac(config) => {
            let (observation, outputs) = layout.shape();
            let sizes = (observation, outputs / 2);
            let envs = batches(plan, config, layout)?;
            Box::new(Sac::new(config.sac.clone(), sizes, hidden, envs, seed)?)
        }
    })
}

/// PPO or AC, which the layout has asked for.
fn turn_by_turn<'w, E: Env + 'w>(
    plan: &Plan<'w>,
    net: NetSpec,
    envs: Vec<E>,
) -> Result<Box<dyn Learner + 'w>> {
    match &plan.settings.config {
        Config::Ppo(config) => on_policy(plan, config.learner(net, envs, plan.seed)?),
        Config::Ac(config) => on_policy(plan, config.learner(net, envs, plan.seed)?),
        _ => unreachable!("refused with the layout"),
    }
}

/// Gives the networks the architecture of the plan, and hands them to its backend, where it has one.
fn on_policy<'w, E: Env + 'w>(
    plan: &Plan<'w>,
    mut learner: OnPolicy<E>,
) -> Result<Box<dyn Learner + 'w>> {
    if let Some(make) = plan.architecture {
        let architecture = make(learner.spec())?;
        learner = learner.with_architecture(architecture)?;
    }
    Ok(Box::new(match plan.backend {
        Some(make) => {
            let backend = make(learner.spec())?;
            learner.with_backend(backend)?
        }
        None => learner,
    }))
}

/// The environments of all algorithms but LySAC.
fn environments<'w>(
    plan: &Plan<'w>,
    varied: Vec<World>,
    layout: &Layout,
) -> Result<Vec<Environment<'w>>> {
    let (train, streams) = (&plan.settings.train, Streams::new(plan.seed));
    let (slots, shaping, gamma) = (
        train.episode_slots,
        train.shaping,
        plan.settings.config.gamma(),
    );
    if varied.is_empty() {
        let engines = env::batch(plan.world, layout, slots, streams, train.n_envs)?;
        let envs = engines.into_iter();
        return Ok(envs
            .map(|env| Environment::new(env, shaping, gamma))
            .collect());
    }
    let env = |(i, world): (usize, World)| {
        let unit = Layout::sequential(&world).scales.cost;
        let (layout, name) = (layout.clone(), format!("env.{i}"));
        let env = env::Env::new(Arc::new(world), layout, slots, streams, &name)?;
        Ok(Environment::new(env, shaping, gamma).by_task(unit))
    };
    varied.into_iter().enumerate().map(env).collect()
}

/// The environments of sessions; each has a scenario of its own where they are `varied`. All learn from `session-plan`.
fn hosting<'w>(plan: &Plan<'w>, varied: Vec<World>) -> Result<Vec<Hosting<'w>>> {
    let (train, streams) = (&plan.settings.train, Streams::new(plan.seed));
    let worlds: Vec<WorldRef<'w>> = match varied.is_empty() {
        true => vec![plan.world.into(); train.n_envs],
        false => varied.into_iter().map(|w| Arc::new(w).into()).collect(),
    };
    let env = |(i, world): (usize, WorldRef<'w>)| {
        let unit = Layout::hosts(&*world).scales.cost;
        let name = format!("env.{i}");
        let engine = SessionEnv::drawing(world, train.episode_slots, streams, &name)?;
        let teacher = PolicyKind::Session(SessionKind::Plan);
        Ok(Hosting::new(engine, unit, teacher))
    };
    worlds.into_iter().enumerate().map(env).collect()
}

/// The environments of tasks that queue, decided task by task; each has a scenario of its own where they are `varied`.
fn queueing(plan: &Plan, varied: Vec<World>, layout: &Layout) -> Result<Vec<Queueing>> {
    let (train, streams) = (&plan.settings.train, Streams::new(plan.seed));
    let worlds: Vec<Arc<World>> = match varied.is_empty() {
        true => {
            let shared = Arc::new(World::new(&plan.world.scenario)?);
            (0..train.n_envs).map(|_| Arc::clone(&shared)).collect()
        }
        false => varied.into_iter().map(Arc::new).collect(),
    };
    let env = |(i, world): (usize, Arc<World>)| {
        let unit = Layout::by_destination(&*world).scales.cost;
        let name = format!("env.{i}");
        let teacher = queues::teacher(&world, train.episode_slots, streams, &name)?;
        let engine = QueueEnv::by_task(world, layout, train.episode_slots, streams, &name)?;
        Ok(Queueing::new(engine, unit, teacher))
    };
    worlds.into_iter().enumerate().map(env).collect()
}

/// The environments of LySAC.
fn batches(plan: &Plan, config: &LysacConfig, layout: &Layout) -> Result<Vec<Batches>> {
    let (train, streams) = (&plan.settings.train, Streams::new(plan.seed));
    let worlds = config.worlds(&plan.world.scenario)?;
    let (weights, slots) = (config.weights(), train.episode_slots);
    let env = |i: usize| {
        let name = format!("env.{i}");
        let engine = QueueEnv::new(worlds.clone(), layout, weights, slots, streams, &name)?;
        Ok(Batches::new(engine, config.bootstrap))
    };
    (0..train.n_envs).map(env).collect()
}

/// The largest slot of `world` in that layout.
fn slot_form(layout: &Layout, world: &World, factors_per_vehicle: usize) -> Result<SlotForm> {
    let fleet = &world.scenario.fleet;
    let (row_width, _) = layout.shape();
    let heads = layout.heads().map(|len| len as u32);
    let (rows, factors) = match layout.form {
        observation::Form::Sequential { .. } => (layout.heads().sum(), heads.collect()),
        _ if fleet.mobility.trace().is_some() => {
            let message =
                "must not be a trace: the replay keeps slots of one size; `sequential` can";
            return Err(Error::invalid("scenario", None, "fleet.mobility", message));
        }
        _ => {
            let tasks = fleet.size * world.scenario.task.per_vehicle;
            let flat = matches!(layout.form, observation::Form::Flat { .. });
            let rows = if flat { 1 } else { tasks };
            let each = heads.collect::<Vec<_>>();
            (rows, each.repeat(tasks))
        }
    };
    Ok(SlotForm {
        rows,
        row_width,
        globals: CONTEXT,
        factors,
        factors_per_vehicle,
    })
}
