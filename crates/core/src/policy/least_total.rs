//! Least total: the rule that a learned policy starts from, untrained.
//!
//! Of the rows that the encoder `sequential` shows, every task takes the one with the least total: what its placement
//! costs, itself and others, at the loads expected. That is best response from the nearest RSUs, a sweep a pass, small
//! tasks before large, at equal shares in place of P2. The difference to a trained policy shows what training adds: so far almost
//! nothing (docs/policies/ppo.md).

use super::learned::Learned;
use super::least::Least;
use crate::observation::{Form, TOTAL_ABOVE_LEAST, Turns};

/// The rule as a policy: every task is decided `passes` times, at least once.
///
/// # Panics
/// Never: its layout makes sense.
#[must_use]
pub fn policy(passes: usize) -> Learned<Least> {
    let form = Form::Sequential {
        // of RSUs with the same way of counting only the cheapest can win
        options: 1,
        turns: Turns::SmallFirst,
        passes: passes.max(1),
    };
    Learned::new(Least::new(form, TOTAL_ABOVE_LEAST)).expect("the layout makes sense")
}
