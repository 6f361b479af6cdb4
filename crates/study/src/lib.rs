//! Wayside's experiments: replications in parallel, statistics over seeds, the summary, result folders, figures and tables.

pub mod claim;
mod columns;
mod control;
pub mod decision;
pub mod experiment;
mod facts;
pub mod figures;
pub mod output;
pub mod read;
pub mod report;
pub mod slots;
pub mod stats;
pub mod studies;
pub mod summary;
#[cfg(test)]
mod synthetic;
pub mod table;
mod tasks;

pub use control::Control;
pub use experiment::{Experiment, Results};
pub use facts::ScenarioFacts;
pub use summary::Summary;
