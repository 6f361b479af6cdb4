//! How a study is run.

use super::Study;
use super::block_cache::PROGRAM;
use std::sync::Arc;
use wayside_core::engine::PolicyRegistry;

/// Identifies this program by version, size and modification time of its file.
#[must_use]
pub fn program() -> &'static str {
    &PROGRAM
}

/// How a study is run.
#[derive(Clone)]
pub struct Plan<'a> {
    /// The study.
    pub study: &'a Study,
    /// Fewer cells and seeds.
    pub quick: bool,
    /// Blocks run at a time; 0: one per core.
    pub threads: usize,
    /// The policies.
    pub registry: Arc<PolicyRegistry>,
    /// What runs the blocks, see [`program`]: results of another one are not taken.
    pub program: &'a str,
}
