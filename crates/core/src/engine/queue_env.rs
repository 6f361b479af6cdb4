//! The training environment of LySAC: batches of tasks that queue, costs by the same lane as in a run.
//!
//! | | |
//! |---|---|
//! | observation | one row, see [`crate::observation::plan`] |
//! | action | numbers in (-1, 1), one plan for the batch of the slot |
//! | reward | -\[w d / D + (1 / V) (mean over u of Q̂ (â - b̂) + Ẑ (d / D - 1)) + penalty x late share\] |
//! | queues | Q(t+1) = max(Q - b, 0) + a for each vehicle \[bit\], Z(t+1) = max(Z + d - D, 0) \[s\] |
//! | start | slot 0 of a seed, nothing in flight, cores busy as the scenario says |
//! | end | truncated after `slots` slots |
//!
//! a are the bits that arise in the slot, b those in flight at its start (Q) that have ended by its end, d the mean delay of
//! what arises in it if nothing arises after it, D the mean deadline. With hats they are dimensionless: by the bits of a
//! vehicle's tasks in a slot, and by D. A slot without tasks has no d: its terms are left out, and Z stays.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::env::SlotEnd;
use super::episode::{Episode, Seeds};
use super::lane::{Bounds, QueueLane, TaskOutcome};
use super::world::World;
use crate::error::{Error, Result};
use crate::observation::plan::{Backlog, Planner};
use crate::observation::{Layout, Observation};
use crate::policy::baselines::Local;
use crate::rng::Streams;
use crate::scenario::Mobility;
use crate::slot::{Decision, Slot};

/// What a reward weighs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// w: of the delay.
    pub delay: f64,
    /// V: what the delay counts beside the queues.
    pub tradeoff: f64,
    /// Of the share of tasks that end late.
    pub late: f64,
}

/// The results of a slot, and the queues after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Mean delay d of what arose \[s\]; none where nothing did.
    pub delay_s: Option<f64>,
    /// Share of it that is late.
    pub late: f64,
    /// Bits a that arose, by vehicle.
    pub arrived_bits: Vec<f64>,
    /// Bits b that ended, by vehicle.
    pub served_bits: Vec<f64>,
    /// Q at the start of the slot, by vehicle \[bit\].
    pub queued_bits: Vec<f64>,
    /// Z at the start of the slot \[s\].
    pub virtual_s: f64,
    /// The reward.
    pub reward: f64,
}

/// Where an environment stands: its episode is replayed from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Episodes drawn so far, the present one included.
    drawn: u64,
    /// Actions of the episode so far, bit by bit.
    taken: Vec<u32>,
}

/// The first of `worlds`, where all of them suit.
fn admit(worlds: &[Arc<World>]) -> Result<Arc<World>> {
    let refused = |path: &str, message: &str| Err(Error::invalid("scenario", None, path, message));
    for world in worlds {
        let scenario = &world.scenario;
        if !scenario.execution.queues() {
            return refused("execution.kind", "must be \"queues\" for lysac");
        }
        if !matches!(scenario.fleet.mobility, Mobility::Parked(_)) || world.stands_m.len() != 1 {
            let message = "must be parked at one server, which then decides";
            return refused("fleet.mobility", message);
        }
        if scenario.task.period_s.is_some() {
            let message = "must be left out: tasks arise slot by slot";
            return refused("task.period_s", message);
        }
    }
    match worlds.first() {
        Some(world) => Ok(Arc::clone(world)),
        None => refused("", "must be at least one, got none"),
    }
}

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
    planner: Planner,
    observation: Observation,
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
        let episode = Episode::new(Arc::clone(&world).into(), slots)?;
        let mut env = Self {
            lane: lane(&world, Streams::new(0), episode.traffic.core_free_s()),
            planner: layout.planner()?,
            observation: layout.planned(),
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
    pub fn observation(&self) -> &[f32] {
        &self.observation.rows
    }

    /// Numbers that an action holds.
    #[must_use]
    pub fn actions(&self) -> usize {
        self.planner.actions()
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

    /// Decides the slot.
    ///
    /// # Errors
    /// An action of another length, an episode that is over.
    pub fn act(&mut self, action: &[f32]) -> Result<SlotEnd> {
        let wanted = self.planner.actions();
        if action.len() != wanted || self.episode.is_over() {
            let message = match self.episode.is_over() {
                true => "the episode is over: reset first".to_owned(),
                false => format!("must hold {wanted} numbers, got {}", action.len()),
            };
            return Err(Error::invalid("action", None, "", message));
        }
        self.taken.extend(action.iter().map(|x| x.to_bits()));
        if !self.episode.slot.tasks.vehicle.is_empty() && self.covered() {
            self.planner.decode(&self.episode.slot, 0, action);
            self.planner.keep();
            self.planner.settle(&self.episode.slot, 0);
        }
        self.planner.decision(&mut self.decision);
        self.close()?;
        Ok(SlotEnd {
            reward: self.account.reward,
            truncated: self.episode.is_over(),
            bootstrap: true,
        })
    }

    /// Where it stands; none where the episode is over.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        (!self.episode.is_over()).then(|| Snapshot {
            drawn: self.seeds.drawn(),
            taken: self.taken.clone(),
        })
    }

    /// Goes back to where a snapshot of this environment was taken.
    ///
    /// # Errors
    /// A snapshot of another environment.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        let refused = |message: &str| Err(Error::invalid("snapshot", None, "", message));
        let width = self.planner.actions();
        let slots = snapshot.taken.len() / width;
        if snapshot.drawn == 0
            || !snapshot.taken.len().is_multiple_of(width)
            || slots >= self.episode.slots()
        {
            return refused("must lie within an episode of the same layout");
        }
        self.seeds.restart();
        for _ in 1..snapshot.drawn {
            self.seeds.draw();
            self.seeds.draw_world(self.worlds.len());
        }
        self.reset()?;
        let mut action = Vec::with_capacity(width);
        for taken in snapshot.taken.chunks_exact(width) {
            action.clear();
            action.extend(taken.iter().map(|bits| f32::from_bits(*bits)));
            self.act(&action)?;
        }
        Ok(())
    }

    /// Whether any task of the slot enters by a server.
    fn covered(&self) -> bool {
        (0..self.episode.slot.tasks.len()).any(|task| !self.episode.slot.links(task).is_empty())
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
        let mut backlog = Backlog {
            virtual_s: self.virtual_s,
            ..Backlog::default()
        };
        for flight in self.flights.iter().filter(|flight| flight.end_s > now_s) {
            backlog.bits[flight.kind] += flight.bits;
        }
        match self.planner.begin(&self.episode.slot) {
            0 => self.planner.idle(&backlog, &mut self.observation),
            _ => self
                .planner
                .look(&self.episode.slot, 0, &backlog, &mut self.observation),
        }
        Ok(())
    }

    /// Sends the tasks out, goes on to the next slot, and accounts the one that is over.
    fn close(&mut self) -> Result<()> {
        let t = self.episode.t as u32;
        let mut account = self.take_off(t);
        let (mut sum_s, mut late, mut ended) = (0.0, 0u32, 0u32);
        let mut know = |end: &TaskOutcome| match end.outcome {
            Ok(outcome) => {
                sum_s += outcome.delay_s();
                ended += 1;
                late += u32::from(outcome.delay_s() > end.deadline_s);
            }
            Err(_) => late += 1,
        };
        self.lane.impose(&self.episode.slot, &self.decision);
        let (flights, slot_s) = (&mut self.flights, self.episode.slot.slot_s);
        self.lane
            .close(&mut self.episode.slot, Bounds::default(), &mut |end| {
                know(end);
                land(flights, end, slot_s);
            });
        self.lane.foresee(&mut know);
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
                kind: self.planner.foreseen(task).map_or(0, |(kind, _)| kind),
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
