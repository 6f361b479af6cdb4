//! The training environment of sessions: hosts chosen session by session, costs by the same lane as in a run.
//!
//! | | |
//! |---|---|
//! | observation | a row per host that a session may have, see [`crate::observation::hosts`] |
//! | action | one of these rows |
//! | reward | -J_t, the mean cost of the batches of the slot, with its last session; 0 before |
//! | start | slot 0 of a seed, no session placed |
//! | end | truncated after `slots` slots; the observation then shown is that of the next slot |

use std::sync::Arc;

use super::env::{SlotEnd, Turn};
use super::episode::Episode;
use super::lane::SessionLane;
use super::records::SlotRecord;
use super::world::World;
use crate::error::{Error, Result};
use crate::observation::Layout;
use crate::observation::hosts::Hosts;
use crate::policy::baselines::Local;
use crate::slot::{Decision, Slot};

/// One environment.
pub struct SessionEnv {
    world: Arc<World>,
    seed: u64,
    episode: Episode<'static>,
    lane: SessionLane,
    hosts: Hosts,
    decision: Decision,
}

impl SessionEnv {
    /// An environment of episodes of `slots` slots, at the start of that of seed 0.
    ///
    /// # Errors
    /// A scenario without sessions; a trace that cannot be opened or is malformed.
    pub fn new(world: Arc<World>, slots: usize) -> Result<Self> {
        if world.sessions.is_none() {
            let message = "must be \"sessions\"";
            return Err(Error::invalid("scenario", None, "execution.kind", message));
        }
        let episode = Episode::new(Arc::clone(&world).into(), slots)?;
        let mut env = Self {
            lane: lane(&world),
            hosts: Hosts::new(Layout::sequential(&*world).scales),
            seed: 0,
            decision: Decision::default(),
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
        self.episode.start(Arc::clone(&self.world).into(), seed)?;
        self.lane = lane(&self.world);
        self.open()
    }

    /// The hosts of the session at hand; after the last slot, what would have followed.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
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
