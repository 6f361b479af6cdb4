//! Observations and actions of learned policies: one definition for training, `run`, `decide` and Python.
//!
//! An [`Encoder`] turns a slot into [`Observation`]s and actions into a decision. A slot takes one turn or
//! several; in each the encoder shows rows of features, a network ([`Scorer`]) answers with logits, and one action is
//! taken per *head*, a range of consecutive logits:
//!
//! ```text
//! encoder.begin(slot)
//! while encoder.observe(slot)          // the first time always true, perhaps without rows
//!     logits = scorer(observation)     // rows x outputs numbers, row by row
//!     action of every head = one legal place in heads[i - 1]..heads[i], counted from its start
//!     encoder.act(slot, actions)
//! encoder.decision(slot)
//! ```
//!
//! | form | turns | rows of a turn | outputs of a row | heads |
//! |---|---|---|---|---|
//! | `flat` | 1 | 1 | all | entry, target (and rule) of every place for a task |
//! | `shared` | 1 | 1 per task | beta + 1 + targets (+ rules) | entry, target (and rule) of every task |
//! | `sequential` | up to 1 per task and pass | 1 per placement offered | 1 | 1 per task of the turn |
//! | `plan` | none: continuous actions for a batch that queues, see [`plan`]; task by task, see [`destinations`] | | | |
//! | `hosts` | 1 per session that may move, see [`hosts`] | 1 per host offered, row 0 to stay | 1 | 1 |
//!
//! Every feature lies in `[-1, 1]`. `sq(x)` is x / (1 + |x|); `cut` is to `[-1, 1]`, `share` to `[0, 1]`. C̄, D̄,
//! T̄ are the means of a task, F̂ the largest RSU, c̄ the cost of the mean task on the mean vehicle, all
//! from the [`Scales`] of the layout; F_m is the RSU's own CPU.
//!
//! ## `flat`
//!
//! | features | unit | normalised |
//! |---|---|---|
//! | per place: x, y of the vehicle | m | share of the area |
//! | road segment: RSU nearest to it (the paper leaves it open) | id | (m + 1) / M, 0 for none |
//! | C, D, T_max | cycles, bit, s | share(0.5 C / C̄) and so on |
//! | wait for its own CPU (ours, for `carry_over`) | s | sq(wait / slot) |
//! | candidates: covering RSUs, nearest first, padded cyclically to beta; last the vehicle | id | (m + 1) / M, 0 local |
//! | per RSU: CPU that may be granted; x, y | Hz, m | cut(F / F̂), share of the area |
//!
//! Places without a task are zero and may only say local.
//!
//! ## `shared`
//!
//! | features | unit | normalised |
//! |---|---|---|
//! | own: C, D, T_max | cycles, bit, s | cut(C / C̄ - 1) and so on |
//! | wait for its own CPU | s | sq(wait / slot) |
//! | cost on its vehicle | cost | sq(cost / c̄) |
//! | covering RSUs | - | share(count / 8) |
//! | none covers it | - | 0 or 1 |
//! | east and north of the nearest RSU | m | cut(distance / R_m) |
//! | per candidate: there | - | 0 or 1 |
//! | upload cost alone, and with all tasks nearest to it | cost | sq(a / 0.1 c̄) |
//! | demand of the tasks nearest to it | Hz | sq(demand / F_m) |
//! | CPU free; CPU held beyond this slot | Hz | share of F_m |
//! | per target: there | - | 0 or 1 |
//! | hops | - | share(k / 8) |
//! | migration cost | cost | sq(cost / 0.1 c̄) |
//! | demand; CPU free | Hz | as above |
//! | the slot | | the first 12 of the context |
//!
//! ## `sequential`
//!
//! | row | feature | unit | normalised |
//! |---|---|---|---|
//! | 0 | runs on the vehicle | - | 0 or 1 |
//! | 1 | migrates | - | 0 or 1 |
//! | 2, 3 | must end within 1 slot, within 2 | - | 0 or 1 |
//! | 4 | its own upload cost | cost | sq(cost / 0.1 c̄) |
//! | 5 | upload cost added to others | cost | sq(cost / 0.1 c̄) |
//! | 6 | migration cost | cost | sq(cost / 0.1 c̄) |
//! | 7 | its own execution cost | cost | sq(cost / 0.5 c̄) |
//! | 8 | execution cost added to others | cost | sq(cost / 0.1 c̄) |
//! | 9 | total of these | cost | sq(cost / 0.5 c̄) |
//! | 10, 11, 12 | total less the least total of the task | cost | sq(cost / 0.005, 0.05, 0.5 c̄) |
//! | 13 | slack to the deadline | s | cut(slack / T_max) |
//! | 14 | delay | s | sq(delay / slot) |
//! | 15 | time between its end and the next slot's start | s | share(time / slot) |
//! | 16 | its share F | Hz | sq(10 F / F_m) |
//! | 17 | CPU withheld from later tasks: F times slots begun | Hz | sq(10 F slots / F_m) |
//! | 18 | of these cycles, used | cycles | share(C / (F slots slot)) |
//! | 19 | CPU free when the slot began | Hz | share of F_m |
//! | 20 | promised to decided tasks | Hz | share of F_m |
//! | 21 | free demand of all others there | Hz | sq(demand / F_m) |
//! | 22, 23 | left if it takes F | Hz | cut(left / F_m), sq(left / F) |
//! | 24, 25 | held beyond the next slot's start; free again by then | Hz | share of F_m |
//! | 26, 27 | C, D | cycles, bit | cut(C / C̄ - 1) |
//! | 28 | wait for its vehicle's CPU | s | sq(wait / slot) |
//! | 29 | cost on its vehicle | cost | sq(cost / c̄) |
//! | 30 | covering RSUs | - | share(count / 8) |
//! | 31 | decisions made, of all passes | - | share of all |
//! | 32 | demand of all RSUs, promised and free | Hz | sq(demand / free CPU) |
//! | 33 | CPU free of all RSUs | Hz | share of all |
//! | 34 | tasks decided in this pass that run on their vehicles | - | share of the decided |
//! | 35 | cycles of its vehicle in a slot | cycles | sq(cycles / C̄) |
//!
//! Rows 15 to 25 are zero for the vehicle. A rule on the end is offered only where the share it needs is still free.
//!
//! Where the rules are numbers of slots k ([`Layout::choosing_slots`]), feature 2 is share(k / most), and 3 what the task pays for the
//! later slots, sq(cost / 0.1 c̄), which is part of the totals in 9 to 12.
//!
//! ## Context (of every form, for critics)
//!
//! | feature | unit | normalised |
//! |---|---|---|
//! | 0 tasks per RSU | - | sq(count / 10) |
//! | 1, 2 mean C, mean D | cycles, bit | cut(mean / C̄ - 1) |
//! | 3, 4 CPU free now, and by the next slot's start | Hz | share of all |
//! | 5 CPU free at the fullest RSU | Hz | share |
//! | 6, 7 demand, of all, and of the most crowded RSU | Hz | sq(demand / CPU) |
//! | 8 mean wait for a vehicle's CPU | s | sq(wait / slot) |
//! | 9 vehicles that wait; 10 tasks that no RSU covers | - | share |
//! | 11 slot length | s | sq(slot / T̄) |
//! | 12 decisions made, of all passes | - | share |
//! | 13 tentative cost of a task | cost | sq(cost / 0.5 c̄) |
//! | 14 decided tasks that run on their vehicles | - | share |
//! | 15 CPU promised | Hz | share of the free |
//! | 16 demand without a promise | Hz | sq(demand / free) |
//! | 17, 18 CPU that decided tasks hold beyond the next slot's start, and the one after | Hz | share of all |
//! | 19 mean wait that they leave on their vehicles | s | sq(wait / slot) |
//!
//! 12 to 19 are zero for `flat` and `shared`. Demand in 6, 7 and of crowds is C̄ / min(T̄, slot) a task.

mod context;
mod decode;
pub mod destinations;
mod express;
mod features;
mod flat;
pub mod hosts;
mod layout;
pub mod names;
pub mod plan;
mod sequential;
mod shared;
mod sizes;
mod tentative;
pub mod turn_by_turn;

pub use layout::{Form, Layout, Scales, Setting, Target, Turns, VERSION};
pub use sequential::TOTAL_ABOVE_LEAST;

use crate::error::{Error, Result};
use crate::slot::order::Order;
use crate::slot::{Decision, Slot};
use context::{Crowd, STILL};
use decode::{Minimums, Rules, TaskAction};
use layout::Steps;
use sequential::Sequential;

/// Features of the context.
pub const CONTEXT: usize = STILL + 8;

/// What is to be decided in one turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// Features row by row, `width` each.
    pub rows: Vec<f32>,
    /// Features of a row.
    pub width: usize,
    /// Logits a network gives for a row.
    pub outputs: usize,
    /// End of every head among the logits of all rows; they follow each other without gaps.
    pub heads: Vec<u32>,
    /// Which logits may be chosen, at least one in every head.
    pub legal: Vec<bool>,
    /// Features of the slot as a whole, [`CONTEXT`] of them.
    pub context: Vec<f32>,
}

impl Observation {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() / self.width.max(1)
    }

    /// Whether there is nothing to decide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Range of head `i` among the logits.
    #[must_use]
    pub fn head(&self, i: usize) -> std::ops::Range<usize> {
        let start = if i == 0 {
            0
        } else {
            self.heads[i - 1] as usize
        };
        start..self.heads[i] as usize
    }

    /// The likeliest legal action of every head; the first of equals, also where all are NaN.
    pub fn greedy(&self, logits: &[f32], actions: &mut Vec<u32>) {
        actions.clear();
        actions.extend((0..self.heads.len()).map(|i| {
            let head = self.head(i);
            let mut best: Option<(u32, f32)> = None;
            for (action, at) in head.enumerate() {
                if !self.legal[at] {
                    continue;
                }
                let logit = logits.get(at).copied().unwrap_or(f32::NAN);
                if best.is_none_or(|(_, most)| logit > most || (most.is_nan() && !logit.is_nan())) {
                    best = Some((action as u32, logit));
                }
            }
            best.map_or(0, |(action, _)| action)
        }));
    }

    /// Whether `actions` names one legal action for every head.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self, actions: &[u32]) -> Result<()> {
        let refused = |path: String, message: String| Error::invalid("action", None, path, message);
        if actions.len() != self.heads.len() {
            let message = format!(
                "must hold {} actions, got {}",
                self.heads.len(),
                actions.len()
            );
            return Err(refused(String::new(), message));
        }
        for (i, &action) in actions.iter().enumerate() {
            let head = self.head(i);
            if action as usize >= head.len() {
                let message = format!("must be below {}, got {action}", head.len());
                return Err(refused(format!("[{i}]"), message));
            }
            if !self.legal[head.start + action as usize] {
                return Err(refused(format!("[{i}]"), format!("{action} is masked")));
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.heads.clear();
        self.legal.clear();
        self.context.clear();
    }
}

/// What layouts whose actions [name numbers of slots](Layout::choosing_slots) are told before a slot begins: what `plan-ahead` knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Later {
    /// What a Hz costs in a later slot.
    pub price: f64,
    /// Where tasks enter, by task; `sequential` offers no other entries, so that uploads are no slower in the end than its rows say.
    pub entries: Vec<Option<u32>>,
}

/// A network: gives logits for rows.
pub trait Scorer: Send {
    /// The layout it was made for.
    fn layout(&self) -> &Layout;

    /// Fills `logits` with `observation.outputs` numbers for every row.
    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>);
}

impl<S: Scorer + ?Sized> Scorer for Box<S> {
    fn layout(&self) -> &Layout {
        (**self).layout()
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        (**self).score(observation, logits);
    }
}

/// Observes slot after slot, keeping its memory.
#[derive(Clone, Debug)]
pub struct Encoder {
    layout: Layout,
    /// How the present slot is gone through.
    steps: Steps,
    observation: Observation,
    crowd: Crowd,
    flat: flat::Flat,
    sequential: Sequential,
    choices: Vec<TaskAction>,
    turn: usize,
    order: Order,
    minimums: Minimums,
    later: Later,
}

impl Encoder {
    /// For slots that `layout` [serves](Layout::serves).
    ///
    /// # Errors
    /// A layout that makes no sense.
    pub fn new(layout: Layout) -> Result<Self> {
        layout.check()?;
        let steps = match layout.form {
            Form::Plan { .. } | Form::Hosts | Form::Destinations { .. } => {
                return Err(layout.other_form("flat, shared or sequential"));
            }
            Form::Sequential { .. } => layout.steps(false),
            Form::Flat { .. } | Form::Shared { .. } => Steps {
                spans: layout.spans,
                ..Steps::default()
            },
        };
        let (width, outputs) = layout.shape();
        Ok(Self {
            steps,
            observation: Observation {
                width,
                outputs,
                ..Observation::default()
            },
            layout,
            crowd: Crowd::default(),
            flat: flat::Flat::default(),
            sequential: Sequential::default(),
            choices: Vec::new(),
            turn: 0,
            order: Order::default(),
            minimums: Minimums::default(),
            later: Later::default(),
        })
    }

    /// The layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Says what later slots cost and where tasks enter, before a slot begins; for layouts whose actions [name numbers of
    /// slots](Layout::choosing_slots).
    pub fn price_later(&mut self, later: &Later) {
        if self.layout.priced {
            self.later.clone_from(later);
        }
    }

    fn rules(&self) -> Rules {
        Rules::new(&self.layout, self.steps.spans, self.later.price)
    }

    /// Whether the sizes of `slot` are those of the layout, as far as it has any.
    pub(crate) fn fits(&self, slot: &Slot) -> bool {
        match self.layout.form {
            Form::Flat { rsus, .. } => rsus == slot.rsus.len(),
            _ => true,
        }
    }

    /// Starts a slot.
    pub fn begin(&mut self, slot: &Slot) {
        self.turn = 0;
        self.choices.clear();
        self.choices.resize(slot.tasks.len(), TaskAction::default());
        self.crowd.fill(slot, &self.layout.scales);
        if let Form::Sequential { .. } = self.layout.form {
            self.steps = self.layout.steps(slot.carry_over);
            let entries = &self.later.entries;
            self.sequential
                .begin(slot, self.steps, entries, &mut self.choices);
        }
    }

    /// Goes on to the next turn; false when the slot is decided. The first turn always comes, with no
    /// rows where nothing can be chosen.
    pub fn observe(&mut self, slot: &Slot) -> bool {
        let rules = self.rules();
        let Self {
            layout,
            observation,
            crowd,
            ..
        } = self;
        let first = self.turn == 0;
        self.turn += 1;
        observation.clear();
        match layout.form {
            Form::Sequential { .. } => {
                let more = self.sequential.observe(
                    slot,
                    (layout, rules),
                    &mut self.choices,
                    &crowd.still,
                    observation,
                );
                return more || first;
            }
            _ if !first => return false,
            Form::Flat { .. } => {
                let sizes = layout.flat_sizes();
                self.flat.observe(slot, layout, (sizes, rules), observation);
            }
            Form::Shared { .. } => {
                let sizes = (layout.shared_sizes(), rules);
                shared::observe(slot, layout, sizes, crowd, observation);
            }
            Form::Plan { .. } | Form::Hosts | Form::Destinations { .. } => {
                unreachable!("refused when made")
            }
        }
        observation.context.extend(crowd.still);
        observation.context.resize(CONTEXT, 0.0);
        true
    }

    /// The present turn.
    #[must_use]
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// Takes an action per head, which [`Observation::check`] must accept.
    ///
    /// # Panics
    /// May panic where it does not.
    pub fn act(&mut self, slot: &Slot, actions: &[u32]) {
        debug_assert!(self.observation.check(actions).is_ok());
        let rules = self.rules();
        let choices = &mut self.choices;
        match self.layout.form {
            Form::Flat { .. } => {
                let sizes = self.layout.flat_sizes();
                self.flat.act(slot, (sizes, rules), actions, choices);
            }
            Form::Shared { .. } => {
                let sizes = (self.layout.shared_sizes(), rules);
                shared::act(slot, sizes, actions, choices);
            }
            Form::Sequential { .. } => self.sequential.act(slot, actions, choices),
            Form::Plan { .. } | Form::Hosts | Form::Destinations { .. } => {
                unreachable!("refused when made")
            }
        }
    }

    /// What was decided, once [`observe`](Self::observe) has returned false.
    pub fn decision(&mut self, slot: &Slot, decision: &mut Decision) {
        if self.steps.spans > 1 {
            // Large first: what is small finds room in what they leave.
            self.order.by_size(slot);
        }
        let rules = self.rules();
        let order = self.order.tasks().iter().map(|&task| task as usize);
        self.minimums
            .decide(slot, order, &self.choices, rules, decision);
    }

    /// Sum over all tasks of the cost at the tentative loads; `None` where the form has none.
    #[must_use]
    pub fn tentative_cost(&self) -> Option<f64> {
        matches!(self.layout.form, Form::Sequential { .. }).then(|| self.sequential.cost())
    }
}
