//! A network that hosts sessions, one after the other; and the rule that takes the least forecast of the rows that it sees.

use crate::observation::hosts::{ABOVE_LEAST, Hosts};
use crate::observation::{Form, Layout, Observation, Scales, Scorer, VERSION};
use crate::policy::Policy;
use crate::slot::{Decision, Slot};

/// Hosts sessions by the likeliest row of a network, session by session.
pub struct Scored<S> {
    scorer: S,
    hosts: Hosts,
    logits: Vec<f32>,
    actions: Vec<u32>,
}

impl<S: Scorer> Scored<S> {
    /// Decides by `scorer`, whose layout must be one of hosts.
    #[must_use]
    pub fn new(scorer: S) -> Self {
        Self {
            hosts: Hosts::new(scorer.layout().scales),
            scorer,
            logits: Vec::new(),
            actions: Vec::new(),
        }
    }
}

impl<S: Scorer> Policy for Scored<S> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            scorer,
            hosts,
            logits,
            actions,
        } = self;
        hosts.begin(slot);
        while hosts.observe(slot) {
            logits.clear();
            if !hosts.observation().is_empty() {
                scorer.score(hosts.observation(), logits);
            }
            hosts.observation().greedy(logits, actions);
            hosts.act(slot, actions);
        }
        hosts.decision(decision);
    }
}

/// Scores every row by how little its forecast lies above the least.
#[derive(Clone, Debug)]
pub struct LeastForecast {
    layout: Layout,
}

impl Default for LeastForecast {
    fn default() -> Self {
        Self {
            layout: Layout {
                version: VERSION,
                form: Form::Hosts,
                spans: 1,
                priced: false,
                // squashing keeps the order, whatever the unit
                scales: Scales::UNIT,
            },
        }
    }
}

impl Scorer for LeastForecast {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        let rows = observation.rows.chunks_exact(observation.width);
        logits.extend(rows.map(|row| -row[ABOVE_LEAST]));
    }
}
