//! An environment of the engine in a frame.

use crate::engine::Engine;
use crate::expert::Expert;
use crate::frame::Frame;
use crate::raised;
use crate::run::bound_kind;
use crate::slot::{Origin, Slot};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wayside_core::engine::env::{MOST_EPISODES, Turn};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Bounder};
use wayside_core::rng::{Stream, Streams};

/// Seeds of episodes: the first is given, later ones are drawn from a stream of it.
struct Seeds {
    first: u64,
    stream: Stream,
    drawn: u64,
}

impl Seeds {
    fn new(first: u64) -> Self {
        Self {
            first,
            stream: Streams::new(first).stream("env"),
            drawn: 0,
        }
    }

    /// One that NumPy's integers hold.
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.stream.seed() >> 1
    }
}

/// How an environment is made, besides world and frame.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) slots: Option<usize>,
    pub(crate) masked: String,
    pub(crate) bound: Option<String>,
}

/// An environment of the engine in a frame, and the seeds of its episodes.
pub(crate) struct Framed {
    pub(crate) engine: Engine,
    home: Arc<World>,
    world: Arc<World>,
    /// Policies that were asked in this episode.
    experts: Vec<Expert>,
    pub(crate) frame: Arc<Frame>,
    slots: Option<usize>,
    strict: bool,
    /// `None` before the first reset.
    seeds: Option<Seeds>,
    pub(crate) actions: Vec<u32>,
    /// Actions of the episode so far, where the engine keeps no snapshot, and their turns: some have no action.
    history: Vec<u32>,
    turns: u64,
    over: bool,
    masked: u32,
    bounds: Option<BoundKind>,
    /// Bound of the objective of the slot at hand.
    lower_bound: f64,
    /// What is known of the slot decided last.
    figures: Figures,
    pub(crate) rows: Vec<f32>,
    pub(crate) mask: Vec<bool>,
}

impl Framed {
    pub(crate) fn new(world: Arc<World>, frame: Arc<Frame>, options: &Options) -> PyResult<Self> {
        let strict = match options.masked.as_str() {
            "error" => true,
            "first" => false,
            masked => {
                let message = format!("masked: must be first or error, got {masked}");
                return Err(PyValueError::new_err(message));
            }
        };
        let bounds = match bound_kind(options.bound.as_deref())? {
            BoundKind::Off => None,
            BoundKind::Horizon => {
                let message = "bound: must be None, simple or split in an environment, got horizon";
                return Err(PyValueError::new_err(message));
            }
            _ if world.sessions.is_some() => {
                let message =
                    "bound: must be None for sessions: their bound is that of a whole run";
                return Err(PyValueError::new_err(message));
            }
            kind => Some(kind),
        };
        let slots = options.slots.unwrap_or(world.scenario.time.slots);
        let engine = Engine::new(Arc::clone(&world), &frame, slots)?;
        Ok(Self {
            engine,
            home: Arc::clone(&world),
            world,
            experts: Vec::new(),
            frame,
            slots: options.slots,
            strict,
            seeds: None,
            actions: Vec::new(),
            history: Vec::new(),
            turns: 0,
            over: false,
            masked: 0,
            bounds,
            lower_bound: 0.0,
            figures: [0.0; FIGURES.len()],
            rows: Vec::new(),
            mask: Vec::new(),
        })
    }

    pub(crate) fn is_seeded(&self) -> bool {
        self.seeds.is_some()
    }

    /// Starts an episode: of `seed`, after which the seeds of later ones follow; or the next of these. In the scenario of the
    /// environment, or in another that its spaces fit.
    pub(crate) fn reset(&mut self, seed: Option<u64>, world: Option<Arc<World>>) -> PyResult<()> {
        if let Some(seed) = seed {
            if i64::try_from(seed).is_err() {
                let message = format!("seed: must be below 2^63, got {seed}");
                return Err(PyValueError::new_err(message));
            }
            self.seeds = Some(Seeds::new(seed));
        }
        self.enter(world.unwrap_or_else(|| Arc::clone(&self.home)))?;
        let seed = match (seed, &mut self.seeds) {
            (Some(seed), _) => seed,
            (None, Some(seeds)) => seeds.draw(),
            (None, None) => return Err(unseeded()),
        };
        self.masked = 0;
        self.begin(seed)?;
        self.show()
    }

    fn begin(&mut self, seed: u64) -> PyResult<()> {
        self.experts.clear();
        self.history.clear();
        self.turns = 0;
        self.over = false;
        self.lower_bound = 0.0;
        self.engine.reset(seed)?;
        self.bound();
        Ok(())
    }

    /// Goes on in `world`.
    fn enter(&mut self, world: Arc<World>) -> PyResult<()> {
        if Arc::ptr_eq(&world, &self.world) {
            return Ok(());
        }
        let kinds = |world: &World| (world.queues.is_some(), world.sessions.is_some());
        if kinds(&world) != kinds(&self.home) {
            let message = "options: scenario: execution.kind: must be that of the environment";
            return Err(PyValueError::new_err(message));
        }
        if self.frame.layout.spans > 1 && !world.scenario.time.carry_over {
            let message = "options: scenario: time.carry_over: must be that of the environment";
            return Err(PyValueError::new_err(message));
        }
        let slots = self.slots.unwrap_or(world.scenario.time.slots);
        self.engine = Engine::new(Arc::clone(&world), &self.frame, slots)?;
        self.world = world;
        Ok(())
    }

    /// Reads actions, which [`act`](Self::act) then takes.
    pub(crate) fn read(&mut self, actions: &[i64]) -> PyResult<()> {
        self.going()?;
        self.masked = self.frame.take(
            self.engine.slot(),
            self.engine.observation(),
            &self.mask,
            actions,
            self.strict,
            &mut self.actions,
        )?;
        Ok(())
    }

    fn going(&self) -> PyResult<()> {
        if !self.is_seeded() {
            return Err(unseeded());
        }
        if self.over {
            let message = "environment: the episode is over: reset first";
            return Err(PyValueError::new_err(message));
        }
        Ok(())
    }

    pub(crate) fn act(&mut self) -> PyResult<Turn> {
        let turn = self.engine.act(&self.actions)?;
        if !matches!(self.engine, Engine::Shared(_)) {
            self.history.extend_from_slice(&self.actions);
        }
        self.follow(turn)
    }

    /// The same, with CPU divided among the tasks of each RSU in proportion to `shares`, one per place.
    pub(crate) fn act_sharing(&mut self, shares: &[f64]) -> PyResult<Turn> {
        let of_tasks = self.frame.of_tasks(self.engine.slot(), shares)?;
        let turn = self.engine.act_sharing(&self.actions, &of_tasks)?;
        self.follow(turn)
    }

    /// Takes a plan.
    pub(crate) fn plan(&mut self, action: &[f32]) -> PyResult<Turn> {
        self.going()?;
        let turn = self.engine.plan(action)?;
        self.history.extend(action.iter().map(|x| x.to_bits()));
        self.follow(turn)
    }

    fn follow(&mut self, turn: Turn) -> PyResult<Turn> {
        self.turns += 1;
        if let Some(end) = turn.slot {
            self.over = end.truncated;
            self.figures = self.of_slot();
        }
        if turn.slot.is_none_or(|end| end.bootstrap) {
            if turn.slot.is_some() {
                self.bound();
            }
            self.show()?;
        }
        Ok(turn)
    }

    /// Bounds the slot at hand, where asked for.
    fn bound(&mut self) {
        if let Some(kind) = self.bounds {
            let slot = self.engine.slot();
            // a new one for every slot: a bound that starts from that of another slot depends on how one got here
            let mut bounder = Bounder::new(kind).within(self.world.scenario.bound.tolerance);
            let sum = slot
                .sessions
                .is_none()
                .then(|| bounder.solve(slot))
                .flatten();
            let tasks = slot.tasks.len();
            self.lower_bound = match sum {
                Some(sum) if tasks > 0 => sum / tasks as f64,
                // costs are never negative
                _ => 0.0,
            };
        }
    }

    fn show(&mut self) -> PyResult<()> {
        let (slot, observation) = (self.engine.slot(), self.engine.observation());
        self.frame
            .show(slot, observation, &mut self.rows, &mut self.mask)
    }

    pub(crate) fn context(&self) -> &[f32] {
        &self.engine.observation().context
    }

    pub(crate) fn position(&self) -> (u64, usize) {
        self.engine.position()
    }

    pub(crate) fn masked(&self) -> u32 {
        self.masked
    }

    /// What `info` says of the slot decided last, in the order of [`FIGURES`].
    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    fn of_slot(&self) -> Figures {
        let (record, lyapunov) = self.engine.record();
        [
            record.objective,
            record.delay_s,
            record.energy_j,
            record.tasks.into(),
            record.deadline_met.into(),
            record.offloaded.into(),
            record.migrated.into(),
            record.lost.into(),
            record.lbm,
            record.tau,
            lyapunov.unwrap_or(0.0),
            self.lower_bound,
        ]
    }

    pub(crate) fn slot(&self) -> Slot {
        let origin = Origin {
            world: Some(Arc::clone(&self.world)),
            seed: Some(self.engine.position().0),
        };
        Slot::new(self.engine.slot().clone(), origin)
    }

    /// The action by which `policy` would act now, and how many placements it cannot say. In an episode a policy decides every
    /// slot at most once, and the same one goes on.
    pub(crate) fn expert(&mut self, policy: &Bound<'_, PyAny>) -> PyResult<(Vec<i64>, usize)> {
        let (seed, t) = self.engine.position();
        let key = match policy.extract::<String>() {
            Ok(name) => name,
            Err(_) => format!("{:p}", policy.as_ptr()),
        };
        let known = self.experts.iter().position(|expert| expert.key == key);
        let at = match known {
            Some(at) => at,
            None => {
                let expert = Expert::new(key, policy, &self.world, seed)?;
                self.experts.push(expert);
                self.experts.len() - 1
            }
        };
        let (slot, expert) = (self.engine.slot(), &mut self.experts[at]);
        expert.decide(slot, t)?;
        let (actions, missed) = self.engine.express(&expert.decision)?;
        Ok((self.frame.place(slot, &self.mask, &actions)?, missed))
    }

    /// Where it stands, as JSON.
    pub(crate) fn state(&self) -> PyResult<String> {
        let Some(seeds) = &self.seeds else {
            return Err(unseeded());
        };
        let elsewhere = !Arc::ptr_eq(&self.world, &self.home);
        let state = State {
            seeds: (seeds.first, seeds.drawn),
            seed: self.engine.position().0,
            snapshot: self.engine.snapshot(),
            history: self.history.clone(),
            turns: self.turns,
            over: self.over,
            figures: self.figures.map(f64::to_bits).to_vec(),
            scenario: elsewhere.then(|| self.world.scenario.to_toml()),
        };
        serde_json::to_string(&state).map_err(|e| PyValueError::new_err(format!("state: {e}")))
    }

    /// Goes back to where [`state`](Self::state) was asked for, in an environment that was made alike.
    pub(crate) fn restore(&mut self, state: &str) -> PyResult<()> {
        let state: State = serde_json::from_str(state)
            .map_err(|e| PyValueError::new_err(format!("state: {e}")))?;
        let world = match &state.scenario {
            None => Arc::clone(&self.home),
            Some(text) => {
                let scenario = wayside_core::Scenario::from_toml("state", text, &[]);
                let world = World::new(&scenario.map_err(raised)?);
                Arc::new(world.map_err(raised)?)
            }
        };
        if state.seeds.1 > MOST_EPISODES {
            let message = format!(
                "state: seeds: must be at most {MOST_EPISODES} drawn, got {}",
                state.seeds.1
            );
            return Err(PyValueError::new_err(message));
        }
        self.enter(world)?;
        let mut seeds = Seeds::new(state.seeds.0);
        for _ in 0..state.seeds.1 {
            seeds.draw();
        }
        self.seeds = Some(seeds);
        self.masked = 0;
        self.begin(state.seed)?;
        match state.snapshot {
            Some(snapshot) => self.engine.restore(snapshot)?,
            None => self.replay(state.turns, &state.history)?,
        }
        (self.history, self.turns) = (state.history, state.turns);
        self.bound();
        self.over = state.over;
        let figures = state.figures.into_iter().map(f64::from_bits);
        for (figure, value) in self.figures.iter_mut().zip(figures) {
            *figure = value;
        }
        self.show()
    }

    /// Takes the actions of an episode again.
    fn replay(&mut self, turns: u64, history: &[u32]) -> PyResult<()> {
        let mut rest = history;
        if matches!(self.engine, Engine::Shared(_)) {
            return Ok(());
        }
        for _ in 0..turns {
            let planned = self.frame.planned();
            let count = match planned {
                0 => self.engine.observation().heads.len(),
                planned => planned,
            };
            let Some((actions, after)) = rest.split_at_checked(count) else {
                return Err(PyValueError::new_err(
                    "state: must be of the same environment",
                ));
            };
            if planned > 0 {
                let action: Vec<f32> = actions.iter().map(|&x| f32::from_bits(x)).collect();
                self.engine.plan(&action)?;
            } else {
                self.engine.act(actions)?;
            }
            rest = after;
        }
        Ok(())
    }
}

/// Where an environment stands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// The first seed, and how many were drawn after it.
    seeds: (u64, u64),
    seed: u64,
    snapshot: Option<serde_json::Value>,
    history: Vec<u32>,
    turns: u64,
    over: bool,
    /// Bit by bit.
    figures: Vec<u64>,
    /// Where it is not the environment's own.
    scenario: Option<String>,
}

pub(crate) fn unseeded() -> PyErr {
    PyRuntimeError::new_err("environment: reset it before the first step")
}

pub(crate) type Figures = [f64; FIGURES.len()];

/// What `info` says of a slot, see [`Framed::figures`].
pub(crate) const FIGURES: [&str; 12] = [
    "objective",
    "delay_s",
    "energy_j",
    "tasks",
    "deadline_met",
    "offloaded",
    "migrated",
    "lost",
    "lbm",
    "tau",
    "lyapunov",
    "lower_bound",
];
