//! How a study is run.

use super::Study;
use std::sync::{Arc, LazyLock};
use std::{env, fs, io};
use wayside_core::engine::PolicyRegistry;

/// Identifies this program by version, size and modification time of its file: for a program with policies of its own.
#[must_use]
pub fn program() -> &'static str {
    static PROGRAM: LazyLock<String> =
        LazyLock::new(|| built(env::current_exe().and_then(fs::metadata)));
    &PROGRAM
}

/// Identifies what Wayside itself was built from: its sources, and for which kind of machine. The program and the extension for
/// Python have it in common, on every machine, so that each goes on with blocks of the other.
#[must_use]
pub fn build() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), " ", env!("WAYSIDE_SOURCES"))
}

fn built(file: io::Result<fs::Metadata>) -> String {
    let built = file.map(|m| (m.len(), m.modified().ok()));
    format!("{} {built:?}", env!("CARGO_PKG_VERSION"))
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
    /// What runs the blocks, see [`build`] and [`program`]: results of another one are not taken.
    pub program: &'a str,
}
