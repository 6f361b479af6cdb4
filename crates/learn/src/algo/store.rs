//! What a rollout keeps: its slots in columns, and what followed each.

use wayside_core::error::Result;

use crate::algo::env::{End, SlotView};
use crate::algo::gae::{Discounts, Trajectories, advantages};
use crate::nn::state::{State, invalid};

/// Slots one after the other, time-major; each with as many rows, logits, factors and vehicles as it had.
#[derive(Debug, Default)]
pub(crate) struct Store {
    rows: Vec<f32>,
    globals: Vec<f32>,
    mask: Vec<bool>,
    lens: Vec<u32>,
    actions: Vec<u32>,
    log_probs: Vec<f32>,
    /// Where each slot ends in the above.
    ends: Vec<Ends>,
    rewards: Vec<f32>,
    pub(crate) values: Vec<f32>,
    next_values: Vec<f32>,
    ended: Vec<bool>,
    /// Whether the episode was cut off by a limit of time.
    cut: Vec<bool>,
    /// Whether the next step is another turn of the same slot.
    within: Vec<bool>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) returns: Vec<f32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    rows: usize,
    globals: usize,
    logits: usize,
    factors: usize,
    vehicles: usize,
}

/// What followed one slot of a store.
pub(crate) struct Outcome {
    pub(crate) reward: f32,
    /// Value of the next state, by the critic of that time.
    pub(crate) next_value: f32,
    pub(crate) ended: bool,
    pub(crate) within: bool,
}

/// One slot of a store.
pub(crate) struct StoredSlot<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) globals: &'a [f32],
    pub(crate) mask: &'a [bool],
    pub(crate) lens: &'a [u32],
    pub(crate) actions: &'a [u32],
    pub(crate) log_probs: &'a [f32],
    pub(crate) advantage: f32,
    pub(crate) target: f32,
}

impl Store {
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.globals.clear();
        self.mask.clear();
        self.lens.clear();
        self.actions.clear();
        self.log_probs.clear();
        self.ends.clear();
        self.rewards.clear();
        self.ended.clear();
        self.cut.clear();
        self.within.clear();
    }

    pub(crate) fn push(&mut self, slot: &SlotView, reward: f32, end: End) {
        self.rows.extend_from_slice(&slot.rows);
        self.globals.extend_from_slice(&slot.globals);
        self.mask.extend_from_slice(&slot.mask);
        self.lens.extend_from_slice(&slot.lens);
        self.actions.extend_from_slice(&slot.actions);
        self.log_probs.extend_from_slice(&slot.log_probs);
        self.ends.push(Ends {
            rows: self.rows.len(),
            globals: self.globals.len(),
            logits: self.mask.len(),
            factors: self.lens.len(),
            vehicles: self.log_probs.len(),
        });
        self.rewards.push(reward);
        self.ended.push(end.is_over());
        self.cut.push(end == End::Truncated);
        self.within.push(end == End::Turn);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn step(&self, i: usize) -> Outcome {
        Outcome {
            reward: self.rewards[i],
            next_value: self.next_values[i],
            ended: self.ended[i],
            within: self.within[i],
        }
    }

    /// Writes all but values, advantages and returns, which are computed again.
    pub(crate) fn save(&self, name: &str, state: &mut State) {
        let bytes = |of: &[bool]| of.iter().map(|&b| u8::from(b)).collect::<Vec<_>>();
        let ends = self.ends.iter();
        let ends: Vec<u32> = ends
            .flat_map(|e| [e.rows, e.globals, e.logits, e.factors, e.vehicles])
            .map(|at| at as u32)
            .collect();
        let floats = [
            ("rows", &self.rows),
            ("globals", &self.globals),
            ("log_probs", &self.log_probs),
            ("rewards", &self.rewards),
            ("next_values", &self.next_values),
        ];
        for (part, values) in floats {
            state.put(&format!("{name}.{part}"), values);
        }
        for (part, values) in [
            ("lens", &self.lens),
            ("actions", &self.actions),
            ("ends", &ends),
        ] {
            state.put(&format!("{name}.{part}"), values);
        }
        let flags = [
            ("mask", &self.mask),
            ("ended", &self.ended),
            ("cut", &self.cut),
            ("within", &self.within),
        ];
        for (part, values) in flags {
            state.put(&format!("{name}.{part}"), &bytes(values));
        }
    }

    /// Reads what [`Store::save`] wrote.
    pub(crate) fn load(name: &str, state: &State) -> Result<Self> {
        let floats = |part: &str| state.get::<f32>(&format!("{name}.{part}"));
        let whole = |part: &str| state.get::<u32>(&format!("{name}.{part}"));
        let flags = |part: &str| -> Result<Vec<bool>> {
            let bytes = state.get::<u8>(&format!("{name}.{part}"))?;
            Ok(bytes.into_iter().map(|b| b != 0).collect())
        };
        let ends: Vec<Ends> = whole("ends")?
            .chunks_exact(5)
            .map(|e| Ends {
                rows: e[0] as usize,
                globals: e[1] as usize,
                logits: e[2] as usize,
                factors: e[3] as usize,
                vehicles: e[4] as usize,
            })
            .collect();
        let unknown = vec![0.0; ends.len()];
        let store = Self {
            rows: floats("rows")?,
            globals: floats("globals")?,
            mask: flags("mask")?,
            lens: whole("lens")?,
            actions: whole("actions")?,
            log_probs: floats("log_probs")?,
            rewards: floats("rewards")?,
            values: unknown.clone(),
            next_values: floats("next_values")?,
            ended: flags("ended")?,
            cut: flags("cut")?,
            within: flags("within")?,
            advantages: unknown.clone(),
            returns: unknown,
            ends,
        };
        store.check(name).map(|()| store)
    }

    /// Checks that the columns are as long as the ends say.
    fn check(&self, name: &str) -> Result<()> {
        let (n, last) = (
            self.ends.len(),
            self.ends.last().copied().unwrap_or_default(),
        );
        let sorted = self.ends.windows(2).all(|w| {
            let (a, b) = (&w[0], &w[1]);
            a.rows <= b.rows
                && a.globals <= b.globals
                && a.logits <= b.logits
                && a.factors <= b.factors
                && a.vehicles <= b.vehicles
        });
        let lengths = [
            (self.rows.len(), last.rows),
            (self.globals.len(), last.globals),
            (self.mask.len(), last.logits),
            (self.lens.len(), last.factors),
            (self.actions.len(), last.factors),
            (self.log_probs.len(), last.vehicles),
            (self.rewards.len(), n),
            (self.next_values.len(), n),
            (self.ended.len(), n),
            (self.cut.len(), n),
            (self.within.len(), n),
        ];
        match lengths.iter().find(|(got, want)| got != want) {
            None if sorted => Ok(()),
            None => Err(invalid(name, "must have ends that grow".to_owned())),
            Some((got, want)) => Err(invalid(
                name,
                format!("must hold {want} numbers, got {got}"),
            )),
        }
    }

    pub(crate) fn slot(&self, i: usize) -> StoredSlot<'_> {
        let from = if i == 0 {
            Ends::default()
        } else {
            self.ends[i - 1]
        };
        let to = self.ends[i];
        StoredSlot {
            rows: &self.rows[from.rows..to.rows],
            globals: &self.globals[from.globals..to.globals],
            mask: &self.mask[from.logits..to.logits],
            lens: &self.lens[from.factors..to.factors],
            actions: &self.actions[from.factors..to.factors],
            log_probs: &self.log_probs[from.vehicles..to.vehicles],
            advantage: self.advantages[i],
            target: self.returns[i],
        }
    }

    /// Whether the episode ended with step `i`.
    pub(crate) fn ended(&self, i: usize) -> bool {
        self.ended[i]
    }

    /// Gives every step of `envs` environments its value and that of the next state: the value of the next step where the
    /// episode goes on, of the last state where it was cut off, 0 where it is over. `values` holds those of all decisions;
    /// `cuts` says of every step whether a second decision found the values of last states.
    pub(crate) fn set_values(&mut self, values: &[f32], cuts: &[bool], envs: usize) {
        self.values.clear();
        self.next_values.clear();
        let mut decision = 0;
        for (t, &cut) in cuts.iter().enumerate() {
            let next = decision + 1 + usize::from(cut);
            for e in 0..envs {
                let after = match (self.ended[t * envs + e], self.cut[t * envs + e]) {
                    (false, _) => values[next * envs + e],
                    (true, true) => values[(decision + 1) * envs + e],
                    (true, false) => 0.0,
                };
                self.values.push(values[decision * envs + e]);
                self.next_values.push(after);
            }
            decision = next;
        }
    }

    /// Advantages and returns of `envs` environments, once the values are set.
    pub(crate) fn estimate(&mut self, envs: usize, discounts: Discounts) {
        let trajectories = Trajectories {
            rewards: &self.rewards,
            values: &self.values,
            next_values: &self.next_values,
            ended: &self.ended,
            within: &self.within,
            envs,
        };
        advantages(trajectories, discounts, &mut self.advantages);
        self.returns.clear();
        let pairs = self.advantages.iter().zip(&self.values);
        self.returns.extend(pairs.map(|(a, v)| a + v));
    }
}
