//! Wayside's experiments: statistics over seeds, the summary, result folders, figures and tables.

pub mod stats;
pub mod summary;
#[cfg(test)]
mod synthetic;

pub use summary::Summary;
