//! One slot as a learner sees it, and the interface to whoever knows the model.
//!
//! A slot is `rows [R, row_width]` for the encoder, `globals [G]` for the critic, and factors: the action is one choice
//! per factor, a masked categorical over a run of logits. The encoder gives `logits_per_row` logits per row, and the
//! factors partition the slot's logits in order. Three layouts are thereby one:
//!
//! | layout | rows | logits per row | factors |
//! |---|---|---|---|
//! | several heads per row | one per vehicle | 4 + 11 | 4, 11, 4, 11, ... |
//! | `flat` | one | 100 (4 + 11) | 4, 11, 4, 11, ... |
//! | pointer | one per vehicle and option | 1 | as many as each vehicle has options |
//!
//! `factors_per_vehicle` consecutive factors belong to one vehicle (here 2, 2 and 1).

/// The rows, masks and choices of one slot; filled by [`Observe::observe`], then by the policy.
#[derive(Clone, Debug)]
pub struct Slot {
    row_width: usize,
    pub(crate) rows: Vec<f32>,
    pub(crate) globals: Vec<f32>,
    pub(crate) mask: Vec<bool>,
    pub(crate) lens: Vec<u32>,
    pub(crate) actions: Vec<u32>,
    /// Log-probability of the choices, per vehicle.
    pub(crate) log_probs: Vec<f32>,
    /// Credit of each vehicle, see [`Env::step`].
    pub(crate) credits: Vec<f32>,
    pub(crate) value: f32,
    /// What earlier rounds have had decided: rows, logits, factors.
    pub(crate) done: (usize, usize, usize),
    /// Whether another round follows.
    pub(crate) more: bool,
}

impl Slot {
    pub(crate) fn new(row_width: usize, globals: usize) -> Self {
        Self {
            row_width,
            rows: Vec::new(),
            globals: vec![0.0; globals],
            mask: Vec::new(),
            lens: Vec::new(),
            actions: Vec::new(),
            log_probs: Vec::new(),
            credits: Vec::new(),
            value: 0.0,
            done: (0, 0, 0),
            more: false,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.globals.fill(0.0);
        self.mask.clear();
        self.lens.clear();
        self.actions.clear();
        self.log_probs.clear();
        self.credits.clear();
        self.done = (0, 0, 0);
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

/// What a policy can decide about: shows its rows and masks.
pub trait Observe {
    /// Adds the rows and factors of `round` to the slot. Round 0 begins the slot; `chosen` holds the choices of the
    /// rounds before, one per factor. Returns whether another round follows: a sequential encoder shows one vehicle per round, every other
    /// encoder all of them in round 0. Must not change what a second call with the same arguments would show.
    fn observe(&mut self, round: usize, chosen: &[u32], slot: &mut Slot) -> bool;
}

/// A training environment: an MDP over slots.
pub trait Env: Observe + Send {
    /// Applies one choice per factor and moves to the next slot. `credits`, one per vehicle and zero before, may say what of the outcome is
    /// due to each vehicle's choice (see `credit_coef`).
    fn step(&mut self, actions: &[u32], credits: &mut [f32]) -> Step;

    /// Begins a new episode; called after every [`End`] that ends it, once the last state has been observed.
    fn reset(&mut self);
}

/// What a step brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Reward r_t.
    pub reward: f64,
    /// Whether, and how, the episode ended.
    pub end: End,
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
