//! Tiny decision problems with known optima.

use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};
use wayside_learn::algo::env::{End, Env, Observe, SlotView, Step};

/// A corridor of four cells. `left` in cell 0 ends the episode with 0.3, `right` in cell 3 with 1; all else brings 0.
/// With discount 0.9 the optimum is to go right: 0.9^3 = 0.729 from cell 0, although leaving at once tempts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Corridor {
    pub(crate) cell: usize,
}

impl Observe for Corridor {
    fn observe(&mut self, slot: &mut SlotView) {
        slot.row()[self.cell] = 1.0;
        slot.factor(2);
    }
}

impl Env for Corridor {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        let reward = match (actions[0], self.cell) {
            (0, 0) => Some(0.3),
            (1, 3) => Some(1.0),
            _ => None,
        };
        if let Some(reward) = reward {
            return Ok(Step::new(reward, End::Terminated));
        }
        self.cell = if actions[0] == 1 {
            self.cell + 1
        } else {
            self.cell - 1
        };
        Ok(Step::new(0.0, End::No))
    }

    fn reset(&mut self) -> Result<()> {
        self.cell = 0;
        Ok(())
    }
}

/// Vehicles with two choices each, a key to match: an "entry" of 4, some forbidden, and a "target" of 3. The reward is the
/// share of right choices; one when all are right. The number of vehicles changes from slot to slot; episodes are cut off.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    stream: Stream,
    /// Per vehicle: right entry, right target, forbidden entry.
    keys: Vec<(usize, usize, usize)>,
    steps: usize,
    /// One row per option (pointer), of the entry only, instead of one per vehicle.
    pointer: bool,
    most: usize,
}

impl Keys {
    pub(crate) fn new(seed: u64, most: usize, pointer: bool) -> Self {
        let stream = Streams::new(seed).stream("keys");
        let mut env = Self {
            stream,
            keys: Vec::new(),
            steps: 0,
            pointer,
            most,
        };
        env.draw();
        env
    }

    /// The right choices, where both are shown.
    pub(crate) fn right(&self) -> impl Iterator<Item = u32> {
        let both = |&(entry, target, _): &(usize, usize, usize)| [entry as u32, target as u32];
        self.keys.iter().flat_map(both)
    }

    fn draw(&mut self) {
        self.keys.clear();
        for _ in 0..1 + self.stream.below(self.most) {
            let right = self.stream.below(4);
            let forbidden = (right + 1 + self.stream.below(3)) % 4;
            self.keys.push((right, self.stream.below(3), forbidden));
        }
    }
}

impl Observe for Keys {
    fn observe(&mut self, slot: &mut SlotView) {
        for &(entry, target, forbidden) in &self.keys {
            if self.pointer {
                for option in 0..4 {
                    let row = slot.row();
                    row[0] = f32::from(option == entry);
                    row[1] = target as f32;
                }
            } else {
                let row = slot.row();
                row[entry] = 1.0;
                row[4 + target] = 1.0;
            }
            slot.factor(4)[forbidden] = false;
            if !self.pointer {
                slot.factor(3);
            }
        }
    }
}

impl Env for Keys {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        let heads = actions.len() / self.keys.len();
        let mut right = 0.0;
        for (&(entry, target, forbidden), choice) in self.keys.iter().zip(actions.chunks(heads)) {
            assert_ne!(choice[0] as usize, forbidden);
            right += f64::from(u8::from(choice[0] as usize == entry))
                + choice
                    .get(1)
                    .map_or(0.0, |t| f64::from(u8::from(*t as usize == target)));
        }
        let reward = right / actions.len() as f64;
        self.steps += 1;
        self.draw();
        let end = if self.steps.is_multiple_of(7) {
            End::Truncated
        } else {
            End::No
        };
        Ok(Step::new(reward, end))
    }

    fn reset(&mut self) -> Result<()> {
        self.steps = 0;
        Ok(())
    }
}

/// Three identical vehicles share three servers and want one each. They look alike, so a network that decides them at once can
/// at best draw at random (all alone in 2 of 9 slots). Deciding them turn by turn it sees the loads left by those before, and can
/// always be right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Herd {
    /// Servers chosen in the present slot.
    chosen: Vec<u32>,
    slots: usize,
}

impl Observe for Herd {
    fn observe(&mut self, slot: &mut SlotView) {
        let row = slot.row();
        row[3] = 1.0;
        self.chosen.iter().for_each(|&c| row[c as usize] += 1.0);
        slot.globals()[0] = 1.0;
        slot.factor(3);
    }
}

impl Env for Herd {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        self.chosen.push(actions[0]);
        if self.chosen.len() < 3 {
            return Ok(Step::new(0.0, End::Turn));
        }
        let used = (0..3).filter(|s| self.chosen.contains(s)).count();
        self.chosen.clear();
        self.slots += 1;
        let end = if self.slots.is_multiple_of(10) {
            End::Truncated
        } else {
            End::No
        };
        Ok(Step::new(used as f64 / 3.0, end))
    }

    fn reset(&mut self) -> Result<()> {
        Ok(())
    }
}

/// One state and four arms that earn -0.38, give or take 0.012: all far from zero, and nearly alike. The last is best.
#[derive(Clone, Debug)]
pub(crate) struct Bandit {
    noise: Stream,
    steps: usize,
}

impl Bandit {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            noise: Streams::new(seed).stream("bandit"),
            steps: 0,
        }
    }
}

impl Observe for Bandit {
    fn observe(&mut self, slot: &mut SlotView) {
        slot.row()[0] = 1.0;
        slot.factor(4);
    }
}

impl Env for Bandit {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        self.steps += 1;
        let reward = -0.38 + 0.008 * (f64::from(actions[0]) - 1.5) + 0.008 * self.noise.normal();
        let end = if self.steps.is_multiple_of(50) {
            End::Truncated
        } else {
            End::No
        };
        Ok(Step::new(reward, end))
    }

    fn reset(&mut self) -> Result<()> {
        Ok(())
    }
}
