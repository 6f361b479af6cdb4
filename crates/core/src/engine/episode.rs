//! Episodes of training environments: the traffic of one seed over a number of slots, and where seeds come from.

use super::traffic::Traffic;
use super::world::WorldRef;
use crate::error::{Error, Result};
use crate::rng::{Stream, Streams};
use crate::slot::Slot;

/// The bit that seeds drawn for training have, so that users never name one of them.
const TRAINING: u64 = 1 << 63;

/// The seeds of one environment's episodes.
pub(super) struct Seeds {
    streams: Streams,
    name: String,
    stream: Stream,
    drawn: u64,
}

impl Seeds {
    /// Draws from the stream `name` of `streams`.
    pub(super) fn new(streams: Streams, name: &str) -> Self {
        Self {
            streams,
            name: name.to_owned(),
            stream: streams.stream(name),
            drawn: 0,
        }
    }

    /// The seed of the next episode.
    pub(super) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.stream.seed() | TRAINING
    }

    /// One of `count` worlds for it, all equally likely.
    pub(super) fn draw_world(&mut self, count: usize) -> usize {
        self.stream.below(count)
    }

    /// Seeds drawn so far.
    pub(super) fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Starts the stream again.
    pub(super) fn restart(&mut self) {
        self.stream = self.streams.stream(&self.name);
        self.drawn = 0;
    }

    /// Starts the stream again and draws `drawn` seeds.
    ///
    /// # Errors
    /// More than [`MOST_EPISODES`].
    pub(super) fn go_to(&mut self, drawn: u64) -> Result<()> {
        check_drawn(drawn)?;
        self.restart();
        for _ in 0..drawn {
            self.draw();
        }
        Ok(())
    }
}

/// Seeds that an environment may have drawn: drawing more again would take a second, and nobody trains that long.
pub const MOST_EPISODES: u64 = 100_000_000;

/// Whether a snapshot may say that so many seeds were drawn.
///
/// # Errors
/// More than [`MOST_EPISODES`].
pub(in crate::engine) fn check_drawn(drawn: u64) -> Result<()> {
    if drawn <= MOST_EPISODES {
        return Ok(());
    }
    let message = format!("must be at most {MOST_EPISODES}, got {drawn}");
    Err(Error::invalid("snapshot", None, "drawn", message))
}

/// One seed's traffic, slot by slot.
pub(super) struct Episode<'w> {
    pub(super) world: WorldRef<'w>,
    pub(super) traffic: Traffic<'w>,
    pub(super) slot: Slot,
    /// Number of the slot.
    pub(super) t: usize,
    slots: usize,
}

impl<'w> Episode<'w> {
    /// An episode of `slots` slots with the traffic of seed 0.
    ///
    /// # Errors
    /// No slots; a trace that cannot be opened or is malformed.
    pub(super) fn new(world: WorldRef<'w>, slots: usize) -> Result<Self> {
        if slots == 0 {
            return Err(Error::invalid(
                "environment",
                None,
                "slots",
                "must be > 0, got 0",
            ));
        }
        Ok(Self {
            traffic: Traffic::new(world.clone(), Streams::new(0))?,
            slot: world.empty_slot(),
            t: 0,
            slots,
            world,
        })
    }

    /// Starts again in `world`, with the traffic of `seed`; the slot is still empty.
    ///
    /// # Errors
    /// A trace that cannot be opened or is malformed.
    pub(super) fn start(&mut self, world: WorldRef<'w>, seed: u64) -> Result<()> {
        self.traffic = Traffic::new(world.clone(), Streams::new(seed))?;
        self.slot = world.empty_slot();
        self.world = world;
        self.t = 0;
        Ok(())
    }

    /// Fills the slot.
    ///
    /// # Errors
    /// A trace that ends early or is malformed.
    pub(super) fn advance(&mut self) -> Result<()> {
        self.traffic.advance(self.t, &mut self.slot)
    }

    /// When the slot starts \[s\].
    pub(super) fn now_s(&self) -> f64 {
        self.t as f64 * self.slot.slot_s
    }

    /// Number of slots.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Whether the last slot is decided.
    pub(super) fn is_over(&self) -> bool {
        self.t == self.slots
    }
}
