//! Where an environment of batches stands, and how it goes back there.

use serde::{Deserialize, Serialize};

use super::QueueEnv;
use crate::engine::episode::check_drawn;
use crate::engine::queue_agent::Agent;
use crate::error::{Error, Result};

/// Where an environment stands: its episode is replayed from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Episodes drawn so far, the present one included.
    drawn: u64,
    /// Actions of the episode so far, bit by bit.
    taken: Vec<u32>,
}

/// Stands in a snapshot for the turn of a slot in which there was nothing to decide.
pub(super) const NOTHING: u32 = u32::MAX;

impl QueueEnv {
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
        let width = self.actions();
        let plans = matches!(self.agent, Agent::Plan { .. });
        let slots = snapshot.taken.len() / width;
        if snapshot.drawn == 0
            || !snapshot.taken.len().is_multiple_of(width)
            || plans && slots >= self.episode.slots()
        {
            return refused("must lie within an episode of the same layout");
        }
        check_drawn(snapshot.drawn)?;
        self.seeds.restart();
        for _ in 1..snapshot.drawn {
            self.seeds.draw();
            self.seeds.draw_world(self.worlds.len());
        }
        self.reset()?;
        if !plans {
            for &action in &snapshot.taken {
                let action = Some(action).filter(|action| *action != NOTHING);
                self.choose(action.as_slice())?;
            }
            return Ok(());
        }
        let mut action = Vec::with_capacity(width);
        for taken in snapshot.taken.chunks_exact(width) {
            action.clear();
            action.extend(taken.iter().map(|bits| f32::from_bits(*bits)));
            self.act(&action)?;
        }
        Ok(())
    }
}
