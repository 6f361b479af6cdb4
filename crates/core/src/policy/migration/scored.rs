//! A network that sends tasks on, one after the other; and the rule that takes the least predicted cost of the rows that it sees.

use crate::observation::destinations::{COST_ABOVE_LEAST, Destinations};
use crate::observation::{Form, Layout, Observation, Scales, Scorer, VERSION};
use crate::policy::Policy;
use crate::slot::{Decision, Slot};

/// Sends every task to the likeliest destination of a network.
pub struct Scored<S> {
    scorer: S,
    destinations: Destinations,
    logits: Vec<f32>,
    actions: Vec<u32>,
}

impl<S: Scorer> Scored<S> {
    /// Decides by `scorer`.
    ///
    /// # Errors
    /// A layout of another form than `destinations`.
    pub fn new(scorer: S) -> crate::Result<Self> {
        Ok(Self {
            destinations: scorer.layout().destinations()?,
            scorer,
            logits: Vec::new(),
            actions: Vec::new(),
        })
    }
}

impl<S: Scorer> Policy for Scored<S> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            scorer,
            destinations,
            logits,
            actions,
        } = self;
        destinations.begin(slot);
        while destinations.observe(slot) {
            logits.clear();
            if !destinations.observation().is_empty() {
                scorer.score(destinations.observation(), logits);
            }
            destinations.observation().greedy(logits, actions);
            destinations.act(slot, actions);
        }
        destinations.decision(decision);
    }
}

/// Scores every row by how little its predicted cost lies above the least.
#[derive(Clone, Debug)]
pub struct LeastCost {
    layout: Layout,
}

impl LeastCost {
    /// Over servers at most `max_hops` away, and the cloud.
    #[must_use]
    pub fn new(max_hops: u32) -> Self {
        Self {
            layout: Layout {
                version: VERSION,
                form: Form::Destinations {
                    max_hops,
                    cloud: true,
                },
                spans: 1,
                priced: false,
                // squashing keeps the order, whatever the unit
                scales: Scales::UNIT,
            },
        }
    }
}

impl Scorer for LeastCost {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        let rows = observation.rows.chunks_exact(observation.width);
        logits.extend(rows.map(|row| -row[COST_ABOVE_LEAST]));
    }
}
