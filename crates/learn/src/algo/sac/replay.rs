//! The last transitions, in a ring of columns; grows up to its capacity, then overwrites the oldest.

use wayside_core::error::Result;

use crate::nn::state::{State, invalid};

/// Widths of what a transition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Widths {
    pub(super) observation: usize,
    pub(super) action: usize,
    pub(super) mask: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Replay {
    widths: Widths,
    capacity: usize,
    /// Transitions ever stored.
    stored: u64,
    observations: Vec<f32>,
    next_observations: Vec<f32>,
    /// Choices of a factorised policy are whole numbers.
    actions: Vec<f32>,
    masks: Vec<u8>,
    next_masks: Vec<u8>,
    rewards: Vec<f32>,
    /// What a reward of the next step counts: 0 after a terminal one.
    discounts: Vec<f32>,
}

/// One transition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transition<'a> {
    pub(super) observation: &'a [f32],
    pub(super) next_observation: &'a [f32],
    pub(super) action: &'a [f32],
    /// 1 for what may be chosen.
    pub(super) mask: &'a [u8],
    pub(super) next_mask: &'a [u8],
    pub(super) reward: f32,
    pub(super) discount: f32,
}

fn write<T: Copy>(column: &mut Vec<T>, at: usize, values: &[T]) {
    let start = at * values.len();
    if start == column.len() {
        column.extend_from_slice(values);
    } else {
        column[start..start + values.len()].copy_from_slice(values);
    }
}

impl Replay {
    pub(super) fn new(widths: Widths, capacity: usize) -> Self {
        Self {
            widths,
            capacity,
            stored: 0,
            observations: Vec::new(),
            next_observations: Vec::new(),
            actions: Vec::new(),
            masks: Vec::new(),
            next_masks: Vec::new(),
            rewards: Vec::new(),
            discounts: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rewards.len()
    }

    pub(super) fn push(&mut self, t: Transition) {
        let at = (self.stored % self.capacity as u64) as usize;
        write(&mut self.observations, at, t.observation);
        write(&mut self.next_observations, at, t.next_observation);
        write(&mut self.actions, at, t.action);
        write(&mut self.masks, at, t.mask);
        write(&mut self.next_masks, at, t.next_mask);
        write(&mut self.rewards, at, &[t.reward]);
        write(&mut self.discounts, at, &[t.discount]);
        self.stored += 1;
    }

    pub(super) fn get(&self, i: usize) -> Transition<'_> {
        let w = self.widths;
        let of = |width: usize| i * width..(i + 1) * width;
        Transition {
            observation: &self.observations[of(w.observation)],
            next_observation: &self.next_observations[of(w.observation)],
            action: &self.actions[of(w.action)],
            mask: &self.masks[of(w.mask)],
            next_mask: &self.next_masks[of(w.mask)],
            reward: self.rewards[i],
            discount: self.discounts[i],
        }
    }

    pub(super) fn save(&self, state: &mut State) {
        state.card["replay_stored"] = self.stored.into();
        state.put("replay.observations", &self.observations);
        state.put("replay.next_observations", &self.next_observations);
        state.put("replay.actions", &self.actions);
        state.put("replay.masks", &self.masks);
        state.put("replay.next_masks", &self.next_masks);
        state.put("replay.rewards", &self.rewards);
        state.put("replay.discounts", &self.discounts);
    }

    /// A replay of the same form with the transitions of `state`.
    pub(super) fn loaded(&self, state: &State) -> Result<Self> {
        let (w, stored) = (self.widths, state.card_value::<u64>("replay_stored")?);
        let n = stored.min(self.capacity as u64) as usize;
        let held = state.get::<f32>("replay.rewards")?.len();
        if held != n {
            return Err(invalid(
                "replay",
                format!(
                    "must hold {n} transitions (buffer_size {}), got {held}",
                    self.capacity
                ),
            ));
        }
        Ok(Self {
            widths: w,
            capacity: self.capacity,
            stored,
            observations: state.get_len("replay.observations", n * w.observation)?,
            next_observations: state.get_len("replay.next_observations", n * w.observation)?,
            actions: state.get_len("replay.actions", n * w.action)?,
            masks: state.get_len("replay.masks", n * w.mask)?,
            next_masks: state.get_len("replay.next_masks", n * w.mask)?,
            rewards: state.get_len("replay.rewards", n)?,
            discounts: state.get_len("replay.discounts", n)?,
        })
    }
}
