//! Why programs have not done tasks.

use serde::{Deserialize, Serialize};

/// Why a program has not done a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It could not be started.
    NotStarted,
    /// It ended with another exit code than 0, or by a signal.
    Exit,
    /// It took too long.
    Time,
    /// It wrote too much.
    Output,
    /// The agent ends.
    Unwanted,
}

/// Tasks that a program has not done, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkFailures {
    /// It could not be started.
    pub not_started: u64,
    /// It ended with another exit code than 0, or by a signal.
    pub exit: u64,
    /// It took too long, and was killed.
    pub time: u64,
    /// It wrote too much, and was killed.
    pub output: u64,
}

impl WorkFailures {
    pub(super) fn add(&mut self, failure: Failure) {
        match failure {
            Failure::NotStarted => self.not_started += 1,
            Failure::Exit => self.exit += 1,
            Failure::Time => self.time += 1,
            Failure::Output => self.output += 1,
            Failure::Unwanted => {}
        }
    }
}
