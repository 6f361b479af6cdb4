//! Least total: the rule that a learned policy starts from, untrained.
//!
//! Of the rows that the encoder `sequential` shows, every task takes the one with the least total: what its placement
//! costs, itself and others, at the loads expected. That is best response from the nearest RSUs, a sweep a pass, small
//! tasks before large, at equal shares in place of P2. The difference to a trained policy shows what training adds: so far almost
//! nothing (docs/policies/ppo.md).

use super::learned::Learned;
use crate::observation::{
    Form, Layout, Observation, Scales, Scorer, TOTAL_ABOVE_LEAST, Turns, VERSION,
};

/// Scores every row by how little its total lies above the least of its task.
#[derive(Clone, Debug)]
pub struct LeastTotal {
    layout: Layout,
}

impl LeastTotal {
    /// Every task is decided `passes` times, at least once.
    #[must_use]
    pub fn new(passes: usize) -> Self {
        Self {
            layout: Layout {
                version: VERSION,
                form: Form::Sequential {
                    // of RSUs with the same way of counting only the cheapest can win
                    options: 1,
                    turns: Turns::SmallFirst,
                    passes: passes.max(1),
                },
                spans: 1,
                priced: false,
                // squashing keeps the order, whatever the unit
                scales: Scales::UNIT,
            },
        }
    }
}

impl Scorer for LeastTotal {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        let rows = observation.rows.chunks_exact(observation.width);
        logits.extend(rows.map(|row| -row[TOTAL_ABOVE_LEAST]));
    }
}

/// The rule as a policy.
///
/// # Panics
/// Never: its layout makes sense.
#[must_use]
pub fn policy(passes: usize) -> Learned<LeastTotal> {
    Learned::new(LeastTotal::new(passes)).expect("the layout makes sense")
}
