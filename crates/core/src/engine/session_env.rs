//! The training environment of sessions: hosts chosen session by session, costs by the same lane as in a run.
//!
//! | | |
//! |---|---|
//! | observation | a row per host that a session may have, see [`crate::observation::hosts`] |
//! | action | one of these rows |
//! | reward | -J_t, the mean cost of the batches of the slot, with its last session; 0 before |
//! | start | slot 0 of a seed, no session placed |
//! | end | truncated after `slots` slots; the observation then shown is that of the next slot |

use serde::{Deserialize, Serialize};

use super::env::{SlotEnd, Turn};
use super::episode::{Episode, Seeds};
use super::lane::SessionLane;
use super::records::SlotRecord;
use super::world::{World, WorldRef};
use crate::error::{Error, Result};
use crate::observation::Layout;
use crate::observation::hosts::Hosts;
use crate::policy::baselines::Local;
use crate::rng::Streams;
use crate::slot::sessions::SessionState;
use crate::slot::{Decision, Slot};

/// Where an environment stands within an episode, small enough for a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Seeds drawn so far.
    drawn: u64,
    seed: u64,
    slot: usize,
    /// Actions of the slot's turns so far.
    taken: Vec<u32>,
    /// Sessions by number, as the slot before left them.
    sessions: Vec<(u64, SessionState)>,
}

/// One environment.
pub struct SessionEnv<'w> {
    world: WorldRef<'w>,
    seeds: Seeds,
    seed: u64,
    episode: Episode<'w>,
    lane: SessionLane,
    hosts: Hosts,
    decision: Decision,
    /// Actions of the turns of this slot.
    taken: Vec<u32>,
}

impl<'w> SessionEnv<'w> {
    /// An environment of episodes of `slots` slots, at the start of that of seed 0.
    ///
    /// # Errors
    /// A scenario without sessions; a trace that cannot be opened or is malformed.
    pub fn new(world: impl Into<WorldRef<'w>>, slots: usize) -> Result<Self> {
        Self::drawing(world, slots, Streams::new(0), "env")
    }

    /// The same, with the seeds of [`reset_next`](Self::reset_next) drawn from the stream `name` of `streams`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn drawing(
        world: impl Into<WorldRef<'w>>,
        slots: usize,
        streams: Streams,
        name: &str,
    ) -> Result<Self> {
        let world = world.into();
        if world.sessions.is_none() {
            let message = "must be \"sessions\"";
            return Err(Error::invalid("scenario", None, "execution.kind", message));
        }
        let episode = Episode::new(world.clone(), slots)?;
        let mut env = Self {
            lane: lane(&world),
            hosts: Hosts::new(Layout::hosts(&*world).scales),
            seeds: Seeds::new(streams, name),
            seed: 0,
            decision: Decision::default(),
            taken: Vec::new(),
            episode,
            world,
        };
        env.reset(0)?;
        Ok(env)
    }

    /// Starts an episode with the traffic of `seed`.
    ///
    /// # Errors
    /// A trace that cannot be opened or is malformed.
    pub fn reset(&mut self, seed: u64) -> Result<()> {
        self.seed = seed;
        self.episode.start(self.world.clone(), seed)?;
        self.lane = lane(&self.world);
        self.open()
    }

    /// Starts an episode with the next seed of its stream, which has its highest bit set.
    ///
    /// # Errors
    /// As [`reset`](Self::reset).
    pub fn reset_next(&mut self) -> Result<()> {
        let seed = self.seeds.draw();
        self.reset(seed)
    }

    /// Where it stands; `None` where the episode is over.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        (!self.episode.is_over()).then(|| Snapshot {
            drawn: self.seeds.drawn(),
            seed: self.seed,
            slot: self.episode.t,
            taken: self.taken.clone(),
            sessions: self.lane.kept().collect(),
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
        let moves = &self.episode.slot.sessions.as_ref().expect("sessions").moves;
        let known = |rsu: u32| (rsu as usize) < self.world.rsus.len();
        let sound = |state: &SessionState| match (state.host, state.moving) {
            (None, moving) => moving.is_none() && state.down.is_none(),
            (Some(host), None) => known(host),
            (Some(host), Some((to, slots))) => {
                known(host) && slots > 0 && moves.find(host, to).is_some()
            }
        };
        if !snapshot.sessions.iter().all(|(_, state)| sound(state)) {
            return refused("must be of the same scenario");
        }
        self.seeds.go_to(snapshot.drawn)?;
        self.seed = snapshot.seed;
        self.episode.start(self.world.clone(), snapshot.seed)?;
        self.lane = lane(&self.world);
        self.lane.keep(&snapshot.sessions);
        while self.episode.t < snapshot.slot {
            self.episode.advance()?;
            self.episode.t += 1;
        }
        self.open()?;
        for action in &snapshot.taken {
            if self.act(std::slice::from_ref(action))?.slot.is_some() {
                return refused("must lie within a slot");
            }
        }
        Ok(())
    }

    /// The hosts of the session at hand; after the last slot, what would have followed.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The slot as it stands.
    #[must_use]
    pub fn slot(&self) -> &Slot {
        &self.episode.slot
    }

    /// Seed of the episode, and number of the slot in it.
    #[must_use]
    pub fn position(&self) -> (u64, usize) {
        (self.seed, self.episode.t)
    }

    /// Record of the slot decided last.
    #[must_use]
    pub fn record(&self) -> SlotRecord {
        self.lane.closed().cloned().unwrap_or_default()
    }

    /// What was decided last: an RSU for every session that is placed or moved.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Decides the session at hand.
    ///
    /// # Errors
    /// Actions that are not legal, an episode that is over, a trace that ends early.
    pub fn act(&mut self, actions: &[u32]) -> Result<Turn> {
        if self.episode.is_over() {
            let message = "the episode is over: reset first";
            return Err(Error::invalid("environment", None, "", message));
        }
        self.hosts.observation().check(actions)?;
        self.hosts.act(&self.episode.slot, actions);
        self.taken.extend_from_slice(actions);
        if self.hosts.observe(&self.episode.slot) {
            return Ok(Turn {
                reward: 0.0,
                slot: None,
            });
        }
        self.hosts.decision(&mut self.decision);
        let t = self.episode.t;
        let Episode { slot, traffic, .. } = &mut self.episode;
        self.lane.close(t, slot, traffic, Some(&self.decision));
        let reward = -self.record().objective;
        self.episode.t += 1;
        let truncated = self.episode.is_over();
        let next = self.open();
        let bootstrap = next.is_ok();
        if !truncated {
            next?;
        }
        Ok(Turn {
            reward,
            slot: Some(SlotEnd {
                reward,
                truncated,
                bootstrap,
            }),
        })
    }

    /// Shows the slot.
    fn open(&mut self) -> Result<()> {
        self.episode.advance()?;
        self.taken.clear();
        self.lane.open(&mut self.episode.slot);
        self.hosts.begin(&self.episode.slot);
        self.hosts.observe(&self.episode.slot);
        Ok(())
    }
}

/// A lane whose decisions come from outside.
fn lane(world: &World) -> SessionLane {
    SessionLane::new(world, "environment", Box::new(Local))
}
