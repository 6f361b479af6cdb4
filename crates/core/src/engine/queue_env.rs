//! The training environments where tasks queue: batches of tasks at servers, costs by the same lane as in a run.
//!
//! | | |
//! |---|---|
//! | observation | one row, see [`crate::observation::plan`]; or a row per destination, see [`crate::observation::destinations`] |
//! | action | numbers in (-1, 1), one plan for the batch of a server ([`QueueEnv::plan`]); or a destination, task by task ([`QueueEnv::choose`]) |
//! | reward of LySAC | -\[w d / D + (1 / V) (mean over u of Q̂ (â - b̂) + Ẑ (d / D - 1)) + penalty x late share\] |
//! | queues | Q(t+1) = max(Q - b, 0) + a for each vehicle \[bit\], Z(t+1) = max(Z + d - D, 0) \[s\] |
//! | start | slot 0 of a seed, nothing in flight, cores busy as the scenario says |
//! | end | truncated after `slots` slots |
//!
//! a are the bits that arise in the slot, b those in flight at its start (Q) that have ended by its end, d the mean delay of
//! what arises in it if nothing arises after it, D the mean deadline. With hats they are dimensionless: by the bits of a
//! vehicle's tasks in a slot, and by D. A slot without tasks has no d: its terms are left out, and Z stays.
//!
//! [`Account::record`] has the objective of the slot: the mean cost of what arose in it, if nothing arises after it.

mod snapshot;

use std::sync::Arc;

pub use snapshot::Snapshot;

use super::env::{SlotEnd, Turn};
use super::episode::{Episode, Seeds};
use super::lane::{Bounds, QueueLane, TaskOutcome};
pub use super::queue_account::{Account, Weights};
use super::queue_account::{admit, admit_any};
use super::queue_agent::Agent;
use super::world::World;
use crate::error::{Error, Result};
use crate::observation::destinations::Destinations;
use crate::observation::plan::Backlog;
use crate::observation::{Layout, Observation};
use crate::policy::baselines::Local;
use crate::rng::Streams;
use crate::slot::{Decision, Slot};

/// A task in flight.
#[derive(Clone, Copy, Debug)]
struct Flight {
    slot: u32,
    task: u32,
    vehicle: usize,
    kind: usize,
    bits: f64,
    /// When it ends \[s\]; infinite as long as that is open.
    end_s: f64,
}

/// One environment.
pub struct QueueEnv {
    /// Scenarios to draw from, episode by episode.
    worlds: Vec<Arc<World>>,
    weights: Weights,
    seeds: Seeds,
    episode: Episode<'static>,
    lane: Box<QueueLane>,
    agent: Agent,
    seed: u64,
    backlog: Backlog,
    /// Rewards of the turns of this slot so far.
    dealt: f64,
    decision: Decision,
    taken: Vec<u32>,
    flights: Vec<Flight>,
    queued_bits: Vec<f64>,
    virtual_s: f64,
    account: Account,
}

impl QueueEnv {
    /// An environment of episodes of `slots` slots, each in one of `worlds`; worlds and seeds are drawn from the stream `name`
    /// of `streams`. At the start of its first episode.
    ///
    /// # Errors
    /// A scenario whose tasks do not queue, or do not arise slot by slot from parked vehicles; a layout of another form.
    pub fn new(
        worlds: Vec<Arc<World>>,
        layout: &Layout,
        weights: Weights,
        slots: usize,
        streams: Streams,
        name: &str,
    ) -> Result<Self> {
        let world = admit(&worlds)?;
        let agent = Agent::new(layout, false)?;
        Self::with(worlds, world, agent, weights, slots, (streams, name))
    }

    /// An environment in any scenario whose tasks queue and arise slot by slot, wherever they enter: of plans, or `by_task`.
    ///
    /// # Errors
    /// Another scenario; a layout of another form than `plan`.
    pub fn anywhere(
        world: Arc<World>,
        layout: &Layout,
        by_task: bool,
        weights: Weights,
        slots: usize,
    ) -> Result<Self> {
        admit_any(&world)?;
        let agent = Agent::new(layout, by_task)?;
        let streams = (Streams::new(0), "env");
        Self::with(
            vec![Arc::clone(&world)],
            world,
            agent,
            weights,
            slots,
            streams,
        )
    }

    /// An environment that decides task by task in any scenario whose tasks queue and arise slot by slot, with the seeds of
    /// [`reset`](Self::reset) drawn from the stream `name` of `streams`.
    ///
    /// # Errors
    /// As [`anywhere`](Self::anywhere).
    pub fn by_task(
        world: Arc<World>,
        layout: &Layout,
        slots: usize,
        streams: Streams,
        name: &str,
    ) -> Result<Self> {
        admit_any(&world)?;
        let agent = Agent::new(layout, true)?;
        let weights = Weights {
            delay: 1.0,
            tradeoff: 1.0,
            late: 0.0,
        };
        let worlds = vec![Arc::clone(&world)];
        Self::with(worlds, world, agent, weights, slots, (streams, name))
    }

    fn with(
        worlds: Vec<Arc<World>>,
        world: Arc<World>,
        agent: Agent,
        weights: Weights,
        slots: usize,
        (streams, name): (Streams, &str),
    ) -> Result<Self> {
        let episode = Episode::new(Arc::clone(&world).into(), slots)?;
        let mut env = Self {
            lane: lane(&world, Streams::new(0), episode.traffic.core_free_s()),
            agent,
            seed: 0,
            backlog: Backlog::default(),
            dealt: 0.0,
            decision: Decision::default(),
            seeds: Seeds::new(streams, name),
            episode,
            worlds,
            weights,
            taken: Vec::new(),
            flights: Vec::new(),
            queued_bits: Vec::new(),
            virtual_s: 0.0,
            account: Account::default(),
        };
        env.reset()?;
        Ok(env)
    }

    /// Starts the next episode.
    ///
    /// # Errors
    /// Those of the traffic; that of parked vehicles has none.
    pub fn reset(&mut self) -> Result<()> {
        let seed = self.seeds.draw();
        let world = self.seeds.draw_world(self.worlds.len());
        self.start(world, seed)
    }

    /// Starts an episode in world number `world` with the traffic of `seed`.
    ///
    /// # Errors
    /// As [`reset`](Self::reset).
    ///
    /// # Panics
    /// If there is no such world.
    pub fn start(&mut self, world: usize, seed: u64) -> Result<()> {
        let world = &self.worlds[world];
        self.seed = seed;
        self.episode.start(Arc::clone(world).into(), seed)?;
        let free_s = self.episode.traffic.core_free_s();
        self.lane = lane(world, Streams::new(seed), free_s);
        self.taken.clear();
        self.flights.clear();
        self.virtual_s = 0.0;
        self.queued_bits.clear();
        self.open()
    }

    /// What is to be decided; after the last slot, what would have followed.
    #[must_use]
    pub fn observation(&self) -> &Observation {
        self.agent.observation()
    }

    /// Seed of the episode, and number of the slot in it.
    #[must_use]
    pub fn position(&self) -> (u64, usize) {
        (self.seed, self.episode.t)
    }

    /// What was decided last.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The tasks at hand with a row per destination; none where plans are made.
    #[must_use]
    pub fn destinations(&self) -> Option<&Destinations> {
        match &self.agent {
            Agent::Choose(destinations) => Some(destinations),
            Agent::Plan { .. } => None,
        }
    }

    /// Numbers that an action holds.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.agent.actions()
    }

    /// The slot as it stands.
    #[must_use]
    pub fn slot(&self) -> &Slot {
        &self.episode.slot
    }

    /// The results of the slot decided last.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Decides the slot, whose tasks enter by one server.
    ///
    /// # Errors
    /// An action of another length, an episode that is over.
    ///
    /// # Panics
    /// Where tasks enter by several servers, or are decided one after the other.
    pub fn act(&mut self, action: &[f32]) -> Result<SlotEnd> {
        let turn = self.plan(action)?;
        Ok(turn.slot.expect("one batch a slot"))
    }

    /// Decides the batch at hand by a plan. The reward of the slot comes with its last batch.
    ///
    /// # Errors
    /// An action of another length, an episode that is over, an environment in which tasks are decided one after the other.
    pub fn plan(&mut self, action: &[f32]) -> Result<Turn> {
        self.going()?;
        let slot = &self.episode.slot;
        let more = self.agent.plan(slot, &self.backlog, action)?;
        self.taken.extend(action.iter().map(|x| x.to_bits()));
        if more {
            return Ok(Turn {
                reward: 0.0,
                slot: None,
            });
        }
        self.settle_slot(0.0)
    }

    /// The world of the present episode.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.episode.world
    }

    /// Decides the task at hand by one of its destinations. Its reward is its share of the predicted objective, that of the last task what
    /// is missing to that of the slot.
    ///
    /// # Errors
    /// Actions that are not legal, an episode that is over, an environment of plans.
    pub fn choose(&mut self, actions: &[u32]) -> Result<Turn> {
        self.going()?;
        let (reward, more) = self.agent.choose(&self.episode.slot, actions)?;
        self.taken
            .push(actions.first().copied().unwrap_or(snapshot::NOTHING));
        if more {
            self.dealt += reward;
            return Ok(Turn { reward, slot: None });
        }
        let dealt = self.dealt;
        self.settle_slot(dealt)
    }

    /// Carries the decision out.
    fn settle_slot(&mut self, dealt: f64) -> Result<Turn> {
        self.agent.decision(&mut self.decision);
        self.close()?;
        let reward = match self.agent {
            Agent::Plan { .. } => self.account.reward,
            Agent::Choose(_) => -self.account.record.objective,
        };
        Ok(Turn {
            reward: reward - dealt,
            slot: Some(SlotEnd {
                reward,
                truncated: self.episode.is_over(),
                bootstrap: true,
            }),
        })
    }

    fn going(&self) -> Result<()> {
        match self.episode.is_over() {
            true => {
                let message = "the episode is over: reset first";
                Err(Error::invalid("action", None, "", message))
            }
            false => Ok(()),
        }
    }

    /// Goes on to slot `t`: what happened up to it, what arises, what is seen.
    fn open(&mut self) -> Result<()> {
        self.episode.advance()?;
        let now_s = self.episode.now_s();
        let Episode {
            traffic, slot, t, ..
        } = &mut self.episode;
        let (flights, slot_s) = (&mut self.flights, slot.slot_s);
        let mut land = |ended: &TaskOutcome| land(flights, ended, slot_s);
        self.lane.open(*t, slot, traffic, &mut land);
        self.queued_bits
            .resize(self.episode.slot.vehicles.len(), 0.0);
        self.backlog = Backlog {
            virtual_s: self.virtual_s,
            ..Backlog::default()
        };
        for flight in self.flights.iter().filter(|flight| flight.end_s > now_s) {
            self.backlog.bits[flight.kind] += flight.bits;
        }
        self.dealt = 0.0;
        self.agent.open(&self.episode.slot, &self.backlog);
        Ok(())
    }

    /// Sends the tasks out, goes on to the next slot, and accounts the one that is over.
    fn close(&mut self) -> Result<()> {
        let t = self.episode.t as u32;
        let mut account = self.take_off(t);
        let (mut sum_s, mut late, mut ended) = (0.0, 0u32, 0u32);
        let (omega, record) = (self.episode.slot.omega, &mut account.record);
        let mut know = |end: &TaskOutcome| match end.outcome {
            Ok(outcome) => {
                record.add(&outcome, omega);
                record.deadline_met += u32::from(outcome.delay_s() <= end.deadline_s);
                record.offloaded += u32::from(end.placement.entry().is_some());
                record.migrated += u32::from(end.placement.is_migrated());
                sum_s += outcome.delay_s();
                ended += 1;
                late += u32::from(outcome.delay_s() > end.deadline_s);
            }
            Err(_) => {
                record.lost += 1;
                late += 1;
            }
        };
        self.lane.impose(&self.episode.slot, &self.decision);
        let (flights, slot_s) = (&mut self.flights, self.episode.slot.slot_s);
        let Episode { slot, traffic, .. } = &mut self.episode;
        self.lane
            .close(slot, traffic, Bounds::default(), &mut |end| {
                know(end);
                land(flights, end, slot_s);
            });
        self.lane.foresee(&mut know);
        record.slot = t;
        record.tasks = self.episode.slot.tasks.len() as u32;
        record.vehicles = self.episode.slot.vehicles.len() as u32;
        record.tau = self.episode.slot.tau;
        record.sums_to_means();
        let tasks = self.episode.slot.tasks.len() as f64;
        let deadline_s = self.episode.slot.tasks.deadline_s.iter().sum::<f64>() / tasks.max(1.0);
        account.delay_s = (ended > 0).then(|| sum_s / f64::from(ended));
        account.late = f64::from(late) / tasks.max(1.0);

        self.episode.t += 1;
        self.open()?;
        let now_s = self.episode.now_s();
        // b: of what was in flight when the slot began
        for flight in &self.flights {
            if flight.slot < t && flight.end_s <= now_s {
                account.served_bits[flight.vehicle] += flight.bits;
            }
        }
        self.flights
            .retain(|flight| flight.slot == t || flight.end_s > now_s);
        self.settle(account, deadline_s);
        Ok(())
    }

    /// The tasks of slot `t` are in flight from now on; an account of the slot as it begins.
    fn take_off(&mut self, t: u32) -> Account {
        let slot = &self.episode.slot;
        let vehicles = slot.vehicles.len();
        let mut account = Account {
            arrived_bits: vec![0.0; vehicles],
            served_bits: vec![0.0; vehicles],
            queued_bits: self.queued_bits.clone(),
            virtual_s: self.virtual_s,
            ..Account::default()
        };
        for task in 0..slot.tasks.len() {
            let vehicle = slot.tasks.vehicle[task] as usize;
            let bits = slot.tasks.data_bits[task];
            account.arrived_bits[vehicle] += bits;
            self.flights.push(Flight {
                slot: t,
                task: task as u32,
                vehicle,
                kind: self.agent.kind(task),
                bits,
                end_s: f64::INFINITY,
            });
        }
        account
    }

    /// Reward of the slot that is over, and the queues after it.
    fn settle(&mut self, mut account: Account, deadline_s: f64) {
        let task = &self.episode.world.scenario.task;
        let mean_bytes = 0.5 * (task.data_bytes.min + task.data_bytes.max);
        let unit_bits = 8.0 * mean_bytes * task.per_vehicle as f64;
        let mut drift = 0.0;
        for (u, queued) in self.queued_bits.iter_mut().enumerate() {
            let (a, b) = (account.arrived_bits[u], account.served_bits[u]);
            drift += *queued * (a - b) / (unit_bits * unit_bits);
            *queued = (*queued - b).max(0.0) + a;
        }
        drift /= (account.queued_bits.len() as f64).max(1.0);
        let mut cost = self.weights.late * account.late;
        if let Some(delay_s) = account.delay_s {
            let excess = delay_s / deadline_s - 1.0;
            cost += self.weights.delay * delay_s / deadline_s;
            drift += account.virtual_s / deadline_s * excess;
            self.virtual_s = (account.virtual_s + delay_s - deadline_s).max(0.0);
        }
        account.reward = -(cost + drift / self.weights.tradeoff);
        self.account = account;
    }
}

/// The outcome of a task is known.
fn land(flights: &mut [Flight], ended: &TaskOutcome, slot_s: f64) {
    let same = |f: &&mut Flight| (f.slot, f.task) == (ended.slot, ended.task);
    if let Some(flight) = flights.iter_mut().find(same) {
        let arose_s = f64::from(ended.slot) * slot_s;
        // what is lost is in flight no more
        flight.end_s = ended
            .outcome
            .map_or(arose_s, |outcome| arose_s + outcome.delay_s());
    }
}

/// A lane whose decisions come from outside.
fn lane(world: &World, streams: Streams, core_free_s: &[f64]) -> Box<QueueLane> {
    Box::new(QueueLane::new(
        world,
        "lysac",
        Box::new(Local),
        streams,
        core_free_s,
    ))
}
