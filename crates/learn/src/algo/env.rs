//! The interface to the model: what a learner sees of a slot, and the result of its choices.
//!
//! A slot is `rows [R, row_width]` for the encoder, `globals [G]` for the critic, and factors: an action is one choice per
//! factor, a masked categorical over a run of logits. The encoder gives `logits_per_row` logits per row, and the factors
//! partition the slot's logits in order. This covers three layouts:
//!
//! | layout | rows | logits per row | factors |
//! |---|---|---|---|
//! | several heads per row | one per vehicle | 4 + 11 | 4, 11, 4, 11, ... |
//! | `flat` | one | 100 (4 + 11) | 4, 11, 4, 11, ... |
//! | pointer | one per vehicle and option | 1 | as many as each vehicle has options |
//!
//! `factors_per_vehicle` consecutive factors belong to one vehicle (here 2, 2 and 1). An environment that decides one vehicle
//! after the other shows each as a step of its own, ended by [`End::Turn`].

use serde_json::Value;
use wayside_core::error::Result;

/// The rows and masks of one slot, written by [`Observe::observe`], and the choices, written by the policy.
#[derive(Clone, Debug)]
pub struct SlotView {
    row_width: usize,
    pub(crate) rows: Vec<f32>,
    pub(crate) globals: Vec<f32>,
    pub(crate) mask: Vec<bool>,
    pub(crate) lens: Vec<u32>,
    pub(crate) actions: Vec<u32>,
    /// Log-probability of the choices, per vehicle.
    pub(crate) log_probs: Vec<f32>,
    pub(crate) value: f32,
}

impl SlotView {
    pub(crate) fn new(row_width: usize, globals: usize) -> Self {
        Self {
            row_width,
            rows: Vec::new(),
            globals: vec![0.0; globals],
            mask: Vec::new(),
            lens: Vec::new(),
            actions: Vec::new(),
            log_probs: Vec::new(),
            value: 0.0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.globals.fill(0.0);
        self.mask.clear();
        self.lens.clear();
        self.actions.clear();
        self.log_probs.clear();
    }

    /// Adds a row of zeros and returns it to be written, `[row_width]`.
    pub fn row(&mut self) -> &mut [f32] {
        let at = self.rows.len();
        self.rows.resize(at + self.row_width, 0.0);
        &mut self.rows[at..]
    }

    /// What the critic sees beside the rows, `[G]`; zeros until written.
    pub fn globals(&mut self) -> &mut [f32] {
        &mut self.globals
    }

    /// Adds a factor of `options` choices, all allowed, and returns its mask to be narrowed.
    /// At least one choice must stay allowed.
    pub fn factor(&mut self, options: usize) -> &mut [bool] {
        self.lens.push(options as u32);
        let at = self.mask.len();
        self.mask.resize(at + options, true);
        &mut self.mask[at..]
    }

    /// Number of rows so far.
    pub(crate) fn row_count(&self) -> usize {
        self.rows.len() / self.row_width
    }
}

/// What a policy can decide about.
pub trait Observe {
    /// Adds the rows and factors of what is to be decided. A second call before the next step must show the same.
    fn observe(&mut self, slot: &mut SlotView);
}

/// A training environment with one choice per factor.
pub trait Env: Observe + Send {
    /// Applies one choice per factor and moves on.
    ///
    /// # Errors
    /// If the environment fails; training then ends with this error.
    fn step(&mut self, actions: &[u32]) -> Result<Step>;

    /// Writes what a teacher would choose for what was last observed, one choice per factor; false where there is no teacher.
    fn teach(&mut self, _actions: &mut Vec<u32>) -> bool {
        false
    }

    /// Begins a new episode. Called after a step that ended one, once the last state has been observed.
    ///
    /// # Errors
    /// As [`Env::step`].
    fn reset(&mut self) -> Result<()>;

    /// Where the environment stands, for a checkpoint. Null for one that need not be restored.
    fn snapshot(&self) -> Value {
        Value::Null
    }

    /// Goes on from a [`Env::snapshot`].
    ///
    /// # Errors
    /// If it is none of this environment.
    fn restore(&mut self, _snapshot: &Value) -> Result<()> {
        Ok(())
    }
}

/// A training environment with a fixed observation and continuous actions.
pub trait ContinuousEnv: Send {
    /// Writes what is seen, `[observation]`. A second call before the next step must show the same.
    fn observe(&mut self, observation: &mut [f32]);

    /// Applies `action [actions]`, each in (-1, 1), and moves on.
    ///
    /// # Errors
    /// As [`Env::step`].
    fn step(&mut self, action: &[f32]) -> Result<Step>;

    /// As [`Env::reset`].
    ///
    /// # Errors
    /// As [`Env::step`].
    fn reset(&mut self) -> Result<()>;

    /// As [`Env::snapshot`].
    fn snapshot(&self) -> Value {
        Value::Null
    }

    /// As [`Env::restore`].
    ///
    /// # Errors
    /// As [`Env::restore`].
    fn restore(&mut self, _snapshot: &Value) -> Result<()> {
        Ok(())
    }
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The reward that is learned from.
    pub reward: f64,
    /// The reward that reports count: without the shaping that may be part of `reward`.
    pub reported: f64,
    /// Whether, and how, the episode ended.
    pub end: End,
}

impl Step {
    /// A step whose reward is reported as it is.
    #[must_use]
    pub fn new(reward: f64, end: End) -> Self {
        Self {
            reward,
            reported: reward,
            end,
        }
    }
}

/// How an episode ended, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It goes on with the next slot.
    No,
    /// It goes on within the same slot: another turn of its decision, without a discount.
    Turn,
    /// In a terminal state, of value 0.
    Terminated,
    /// Cut off by a limit of time: the value of the last state is bootstrapped.
    Truncated,
}

impl End {
    /// Whether the episode is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Terminated | Self::Truncated)
    }
}
