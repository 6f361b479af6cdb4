//! Least: the row with the least of one feature, untrained.

use crate::observation::{Form, Layout, Observation, Scales, Scorer, VERSION};

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
