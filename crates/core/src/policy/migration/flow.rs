//! Migrated tasks as flows from server to server.

use crate::slot::{Decision, Paths};

/// A migrated task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Its row in the slot.
    pub task: u32,
    /// Index of the source that sends it.
    pub source: u32,
    /// Entry RSU.
    pub from: u32,
    /// Execution RSU.
    pub to: u32,
    /// Data \[bit\].
    pub data_bits: f64,
}

/// Writes the paths of the flows, which are in order of their tasks, into the decision.
pub(super) fn lay(flows: &[Flow], paths: &Paths, decision: &mut Decision) {
    let mut next = 0;
    for n in 0..decision.placements.len() as u32 {
        if flows.get(next).is_some_and(|flow| flow.task == n) {
            decision.paths.push(paths.of(next));
            next += 1;
        } else {
            decision.paths.push(&[]);
        }
    }
}
