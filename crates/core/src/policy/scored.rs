//! Decisions one after the other, each the row that scores most: by a network, or by a rule over the same rows, untrained.

use super::Policy;
use crate::observation::destinations::Destinations;
use crate::observation::hosts::Hosts;
use crate::observation::{Form, Layout, Observation, Scales, Scorer, VERSION};
use crate::slot::{Decision, Slot};

/// What is decided turn by turn, over rows.
pub trait OneByOne: Send {
    /// Begins with a slot.
    fn begin(&mut self, slot: &Slot);
    /// Shows the next turn; false where all is decided.
    fn observe(&mut self, slot: &Slot) -> bool;
    /// The present turn.
    fn observation(&self) -> &Observation;
    /// Takes a row.
    fn act(&mut self, slot: &Slot, actions: &[u32]);
    /// What was decided.
    fn decision(&mut self, decision: &mut Decision);
}

impl OneByOne for Hosts {
    fn begin(&mut self, slot: &Slot) {
        self.begin(slot);
    }

    fn observe(&mut self, slot: &Slot) -> bool {
        self.observe(slot)
    }

    fn observation(&self) -> &Observation {
        self.observation()
    }

    fn act(&mut self, slot: &Slot, actions: &[u32]) {
        self.act(slot, actions);
    }

    fn decision(&mut self, decision: &mut Decision) {
        Self::decision(self, decision);
    }
}

impl OneByOne for Destinations {
    fn begin(&mut self, slot: &Slot) {
        self.begin(slot);
    }

    fn observe(&mut self, slot: &Slot) -> bool {
        self.observe(slot)
    }

    fn observation(&self) -> &Observation {
        self.observation()
    }

    fn act(&mut self, slot: &Slot, actions: &[u32]) {
        self.act(slot, actions);
    }

    fn decision(&mut self, decision: &mut Decision) {
        self.decision(decision);
    }
}

/// Takes the likeliest row of every turn.
pub struct Scored<S, T> {
    scorer: S,
    turns: T,
    logits: Vec<f32>,
    actions: Vec<u32>,
}

impl<S: Scorer, T: OneByOne> Scored<S, T> {
    /// Decides `turns`, whose rows are those of the layout of `scorer`.
    #[must_use]
    pub fn new(scorer: S, turns: T) -> Self {
        Self {
            scorer,
            turns,
            logits: Vec::new(),
            actions: Vec::new(),
        }
    }
}

impl<S: Scorer, T: OneByOne> Policy for Scored<S, T> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            scorer,
            turns,
            logits,
            actions,
        } = self;
        turns.begin(slot);
        while turns.observe(slot) {
            logits.clear();
            if !turns.observation().is_empty() {
                scorer.score(turns.observation(), logits);
            }
            turns.observation().greedy(logits, actions);
            turns.act(slot, actions);
        }
        turns.decision(decision);
    }
}

/// The rule that learned policies are compared with: rows score by how little one of their features lies above the least.
#[derive(Clone, Debug)]
pub struct Least {
    layout: Layout,
    feature: usize,
}

impl Least {
    /// By `feature` of the rows of `form`.
    #[must_use]
    pub fn new(form: Form, feature: usize) -> Self {
        let layout = Layout {
            version: VERSION,
            form,
            spans: 1,
            priced: false,
            // squashing keeps the order, whatever the unit
            scales: Scales::UNIT,
        };
        Self { layout, feature }
    }

    /// The same where rows name the numbers of slots, up to `most`, for which a task holds its CPU.
    #[must_use]
    pub fn choosing_slots(mut self, most: usize) -> Self {
        self.layout.spans = most;
        self.layout.priced = true;
        self
    }
}

impl Scorer for Least {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        let rows = observation.rows.chunks_exact(observation.width);
        logits.extend(rows.map(|row| -row[self.feature]));
    }
}
