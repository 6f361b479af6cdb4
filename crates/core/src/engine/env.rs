//! The training environment: one policy's lane, with decisions from outside.
//!
//! | | |
//! |---|---|
//! | observation | [`Env::observation`], see [`crate::observation`] |
//! | action | one legal index per head, [`Env::act`]; several turns may make a slot |
//! | reward | -J_t of (15) at the end of a slot, under exact P2 (and (16e) where enforced) |
//! | start | slot 0 of a seed's traffic, nothing held, no queues |
//! | end | truncated after `slots` slots: the task never terminates. The observation then shown is that of the next slot, for bootstrapping |
//!
//! The reward of a slot is also divided among its turns ([`Turn::reward`]): with potential Φ, the mean
//! tentative cost of the slot's tasks (`sequential` alone has one), turn i earns -(Φ_i - Φ_(i-1)), the first -Φ_1,
//! and the last what is missing to -J_t. The sum over the turns is -J_t, so that learning from turns with
//! no discount within a slot learns the same policy, with far less noise in the credit of each task.

use serde::{Deserialize, Serialize};

use super::carry_over::CarryOver;
use super::decider::CostEvaluator;
pub use super::episode::MOST_EPISODES;
use super::episode::{Episode, Seeds};
use super::lane::account;
use super::links::NoiseRise;
use super::records::SlotRecord;
use super::world::{World, WorldRef};
use crate::error::{Error, Result};
use crate::evaluate::Outcome;
use crate::observation::{Encoder, Form, Layout, Observation};
use crate::policy::plan_ahead::{LaterPrices, Outlook};
use crate::rng::Streams;
use crate::scenario::{Execution, Interference};
use crate::slot::{Decision, Placement, Slot};

/// The result of one turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// The turn's part of the slot's reward.
    pub reward: f64,
    /// Set where the turn was the last of its slot.
    pub slot: Option<SlotEnd>,
}

/// The result of one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlotEnd {
    /// -J_t.
    pub reward: f64,
    /// Whether the episode is over: reset before acting again.
    pub truncated: bool,
    /// Whether the observation now shown follows the slot. False only where a trace ends with the
    /// episode: then there is no value to bootstrap from.
    pub bootstrap: bool,
}

/// Where an environment stands between two slots, small enough for a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Seeds drawn so far.
    drawn: u64,
    seed: u64,
    slot: usize,
    /// Actions of the slot's turns so far.
    taken: Vec<u32>,
    #[serde(rename = "carried")]
    carry_over: CarryOver,
    /// What the prices of later slots remember, where actions name numbers of slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outlook: Option<Outlook>,
}

/// One environment.
pub struct Env<'w> {
    episode: Episode<'w>,
    seeds: Seeds,
    seed: u64,
    carry_over: CarryOver,
    costs: CostEvaluator,
    encoder: Encoder,
    /// Where actions name numbers of slots.
    later: Option<LaterPrices>,
    decision: Decision,
    record: SlotRecord,
    /// Turns taken in this slot, and their actions.
    turns: u32,
    taken: Vec<u32>,
    /// Rewards of the turns of this slot so far.
    dealt: f64,
}

impl<'w> Env<'w> {
    /// An environment of episodes of `slots` slots whose seeds are drawn from the stream `name` of
    /// `streams`, at the start of its first episode.
    ///
    /// # Errors
    /// A layout that cannot serve `world`; a trace that cannot be opened or is malformed.
    pub fn new(
        world: impl Into<WorldRef<'w>>,
        layout: Layout,
        slots: usize,
        streams: Streams,
        name: &str,
    ) -> Result<Self> {
        let world = world.into();
        layout.serves_world(&*world)?;
        if world.scenario.execution != Execution::SharedCpu {
            let message = match world.scenario.execution {
                Execution::Sessions(_) => {
                    "must not be \"sessions\", which have an environment of their own (`SessionEnv`)"
                }
                _ => {
                    "must not be \"queues\": these episodes share CPU (P2); `lysac` learns where tasks queue"
                }
            };
            return Err(Error::invalid("scenario", None, "execution.kind", message));
        }
        if world.scenario.radio.interference == Interference::Load {
            let message = "must be \"none\": training knows no interference by load";
            return Err(Error::invalid(
                "scenario",
                None,
                "channel.interference",
                message,
            ));
        }
        let mut env = Self {
            seeds: Seeds::new(streams, name),
            seed: 0,
            carry_over: CarryOver::new(world.scenario.time.carry_over),
            costs: CostEvaluator::new(world.scenario.load_balance.of),
            later: layout
                .priced
                .then(|| LaterPrices::new(world.scenario.policy.plan_ahead)),
            encoder: Encoder::new(layout)?,
            decision: Decision::default(),
            record: SlotRecord::default(),
            turns: 0,
            taken: Vec::new(),
            dealt: 0.0,
            episode: Episode::new(world, slots)?,
        };
        env.reset_next()?;
        Ok(env)
    }

    /// Starts an episode with the next seed of its stream. Such seeds have their highest bit set, so that none is
    /// among those that people name.
    ///
    /// # Errors
    /// A trace that cannot be opened or is malformed.
    pub fn reset_next(&mut self) -> Result<()> {
        let seed = self.seeds.draw();
        self.reset(seed)
    }

    /// Starts an episode with the traffic of `seed`: the same that [`replicate`](super::replicate) meets.
    ///
    /// # Errors
    /// A trace that cannot be opened or is malformed.
    pub fn reset(&mut self, seed: u64) -> Result<()> {
        self.seed = seed;
        self.episode.start(self.episode.world.clone(), seed)?;
        self.carry_over.clear();
        self.later.iter_mut().for_each(LaterPrices::clear);
        self.episode.advance()?;
        let Episode { traffic, slot, .. } = &mut self.episode;
        self.carry_over.load(0.0, slot, traffic.previous_row());
        self.open();
        Ok(())
    }

    /// The turn to be decided; after a truncated slot, the one that would have followed.
    #[must_use]
    pub fn observation(&self) -> &Observation {
        self.encoder.observation()
    }

    /// The slot as it stands.
    #[must_use]
    pub fn slot(&self) -> &Slot {
        &self.episode.slot
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.episode.world
    }

    /// Seed of the episode, and number of the slot in it.
    #[must_use]
    pub fn position(&self) -> (u64, usize) {
        (self.seed, self.episode.t)
    }

    /// Record of the slot decided last (no bound, no decision time).
    #[must_use]
    pub fn record(&self) -> &SlotRecord {
        &self.record
    }

    /// Outcome of every task of the slot decided last.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        self.costs.outcomes()
    }

    /// What was decided last.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Takes one action per head of the observation.
    ///
    /// # Errors
    /// Actions that are not legal, an episode that is over, a trace that ends early; the environment then
    /// stands as before, but for the trace.
    pub fn act(&mut self, actions: &[u32]) -> Result<Turn> {
        self.take(actions, None)
    }

    /// The same for a form that decides a slot at once, with the CPU divided by the agent: every RSU's free CPU goes to its
    /// tasks in proportion to `weights`, one per task of the slot, in place of the optimum of P2.
    ///
    /// # Errors
    /// As [`act`](Self::act); weights that are not positive numbers, or not one per task; a slot of several turns.
    pub fn act_sharing(&mut self, actions: &[u32], weights: &[f64]) -> Result<Turn> {
        let refused = |message: String| Err(Error::invalid("action", None, "shares", message));
        let tasks = self.episode.slot.tasks.len();
        if matches!(self.encoder.layout().form, Form::Sequential { .. }) {
            return refused("must be left out where a slot takes several turns".to_owned());
        }
        if self.later.is_some() {
            let message =
                "must be left out where actions name numbers of slots: P2 prices the later ones";
            return refused(message.to_owned());
        }
        if weights.len() != tasks {
            return refused(format!(
                "must hold {tasks}, one per task, got {}",
                weights.len()
            ));
        }
        if let Some(weight) = weights.iter().find(|w| !(**w > 0.0 && w.is_finite())) {
            return refused(format!("must be > 0, got {weight}"));
        }
        self.take(actions, Some(weights))
    }

    fn take(&mut self, actions: &[u32], weights: Option<&[f64]>) -> Result<Turn> {
        self.going()?;
        self.encoder.observation().check(actions)?;
        self.encoder.act(&self.episode.slot, actions);
        self.turns += 1;
        self.taken.extend_from_slice(actions);
        if self.encoder.observe(&self.episode.slot) {
            let reward = self.deal_tentative();
            return Ok(Turn { reward, slot: None });
        }
        self.decision.clear();
        self.encoder
            .decision(&self.episode.slot, &mut self.decision);
        if let Some(weights) = weights {
            divide(&self.episode.slot, weights, &mut self.decision);
        }
        self.close()
    }

    /// Takes a whole decision in place of the actions of a slot.
    ///
    /// # Errors
    /// A decision that the slot does not admit, a slot that is decided in part, an episode that is over, a
    /// trace that ends early.
    pub fn step(&mut self, decision: &Decision) -> Result<SlotEnd> {
        self.going()?;
        if self.turns > 0 {
            let message = "must come before the first action of a slot";
            return Err(Error::invalid("decision", None, "", message));
        }
        decision.check(&self.episode.slot)?;
        self.decision.clone_from(decision);
        let turn = self.close()?;
        Ok(turn.slot.expect("the slot is closed"))
    }

    /// The actions of the present turn that say `decision`, see [`Encoder::express`].
    pub fn express(&self, decision: &Decision, actions: &mut Vec<u32>) -> usize {
        self.encoder.express(&self.episode.slot, decision, actions)
    }

    /// What `actions` would decide in the present turn, see [`Encoder::preview`].
    #[must_use]
    pub fn preview(&self, actions: &[u32]) -> Vec<(usize, Placement)> {
        self.encoder.preview(&self.episode.slot, actions)
    }

    /// Where it stands; `None` where the episode is over.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        (!self.episode.is_over()).then(|| Snapshot {
            drawn: self.seeds.drawn(),
            seed: self.seed,
            slot: self.episode.t,
            taken: self.taken.clone(),
            carry_over: self.carry_over.clone(),
            outlook: self.later.as_ref().map(|later| later.outlook().clone()),
        })
    }

    /// Goes back to where a snapshot of this environment was taken.
    ///
    /// # Errors
    /// A snapshot of another environment; a trace that ends early.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        let refused = |message: &str| Err(Error::invalid("snapshot", None, "", message));
        if snapshot.slot >= self.episode.slots() {
            return refused("must lie within the episode");
        }
        if snapshot.outlook.is_some() != self.later.is_some() {
            return refused("must be of the same layout");
        }
        self.seeds.go_to(snapshot.drawn)?;
        self.reset(snapshot.seed)?;
        while self.episode.t < snapshot.slot {
            self.episode.t += 1;
            self.episode.advance()?;
        }
        if !snapshot
            .carry_over
            .suits(&self.carry_over, &self.episode.slot)
        {
            return refused("must be of the same scenario");
        }
        self.carry_over.clone_from(&snapshot.carry_over);
        let now_s = self.episode.now_s();
        self.carry_over.show(now_s, &mut self.episode.slot);
        if let (Some(later), Some(outlook)) = (&mut self.later, &snapshot.outlook) {
            let Episode { traffic, slot, .. } = &mut self.episode;
            traffic.show(slot, &NoiseRise::default());
            self.encoder
                .price_later(later.remember(outlook.clone(), slot)?);
        }
        self.show();
        let mut rest = snapshot.taken.as_slice();
        while !rest.is_empty() {
            let Some((actions, after)) = rest.split_at_checked(self.observation().heads.len())
            else {
                return refused("must be of the same layout");
            };
            if self.act(actions)?.slot.is_some() {
                return refused("must lie within a slot");
            }
            rest = after;
        }
        Ok(())
    }

    fn going(&self) -> Result<()> {
        if self.episode.is_over() {
            let message = "the episode is over: reset first";
            return Err(Error::invalid("environment", None, "", message));
        }
        Ok(())
    }

    /// Shows a slot that has just begun.
    fn open(&mut self) {
        if let Some(later) = &mut self.later {
            let Episode { traffic, slot, .. } = &mut self.episode;
            traffic.show(slot, &NoiseRise::default());
            self.encoder.price_later(later.price(slot));
        }
        self.show();
    }

    /// Shows the slot, at the price of later ones that is known.
    fn show(&mut self) {
        self.turns = 0;
        self.taken.clear();
        self.dealt = 0.0;
        let Episode { traffic, slot, .. } = &mut self.episode;
        traffic.show(slot, &NoiseRise::default());
        self.encoder.begin(&self.episode.slot);
        self.encoder.observe(&self.episode.slot);
    }

    /// Mean tentative cost of the slot's tasks as it stands; `None` where the form has none.
    #[must_use]
    pub fn tentative_cost(&self) -> Option<f64> {
        let tasks = (self.episode.slot.tasks.len() as f64).max(1.0);
        self.encoder.tentative_cost().map(|cost| cost / tasks)
    }

    /// The reward of the turns so far by the tentative cost, less what was given already.
    fn deal_tentative(&mut self) -> f64 {
        let reward = self.tentative_cost().map_or(0.0, |cost| -cost - self.dealt);
        self.dealt += reward;
        reward
    }

    /// Computes the costs of the decision and moves on to the next slot.
    fn close(&mut self) -> Result<Turn> {
        let now_s = self.episode.now_s();
        let Self {
            episode,
            costs,
            decision,
            ..
        } = self;
        let Episode { traffic, slot, .. } = &mut *episode;
        traffic.pay(slot, &NoiseRise::default());
        costs.allocate(&episode.slot, decision);
        costs.evaluate(&episode.slot, decision);
        if let Some(outages) = episode.traffic.outages() {
            costs.interrupt(&episode.slot, &decision.placements, outages);
        }
        costs.return_results(&episode.slot, &decision.placements, &mut episode.traffic);
        self.record = account(&episode.slot, &decision.placements, costs);
        self.record.enforced = episode.world.scenario.load_balance.enforce;
        self.record.slot = episode.t as u32;
        self.record.clamped = episode.traffic.clamped();
        self.carry_over
            .save(now_s, &episode.slot, &decision.placements, costs);

        let reward = -self.record.objective;
        let last = reward - self.dealt;
        self.episode.t += 1;
        let truncated = self.episode.is_over();
        let next = self.episode.advance();
        let bootstrap = next.is_ok();
        if !truncated {
            next?;
        }
        if bootstrap {
            let now_s = self.episode.now_s();
            let Episode { traffic, slot, .. } = &mut self.episode;
            self.carry_over.load(now_s, slot, traffic.previous_row());
            self.open();
        }
        Ok(Turn {
            reward: last,
            slot: Some(SlotEnd {
                reward,
                truncated,
                bootstrap,
            }),
        })
    }
}

/// Divides the free CPU of every RSU among its tasks, in proportion to their weights.
fn divide(slot: &Slot, weights: &[f64], decision: &mut Decision) {
    let mut sums = vec![0.0; slot.rsus.len()];
    let hosts = decision.placements.iter().map(|p| p.execution());
    for (host, weight) in hosts.clone().zip(weights) {
        if let Some(m) = host {
            sums[m as usize] += weight;
        }
    }
    let share_hz = |(host, weight): (Option<u32>, &f64)| {
        host.map_or(0.0, |m| {
            slot.rsus.available_cpu_hz(m as usize).max(0.0) * weight / sums[m as usize]
        })
    };
    let shares_hz = hosts.zip(weights).map(share_hz);
    decision.shares_hz.clear();
    decision.shares_hz.extend(shares_hz);
}

/// `count` environments of one world, each with a seed stream of its own (`env.0`, `env.1`, ...).
///
/// # Errors
/// See [`Env::new`].
pub fn batch<'w>(
    world: &'w World,
    layout: &Layout,
    slots: usize,
    streams: Streams,
    count: usize,
) -> Result<Vec<Env<'w>>> {
    (0..count)
        .map(|i| Env::new(world, layout.clone(), slots, streams, &format!("env.{i}")))
        .collect()
}
