//! How a study is run.

use super::Study;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::{env, fs, io};
use wayside_core::engine::PolicyRegistry;

/// Identifies this program as [`program_in`] its file.
#[must_use]
pub fn program() -> &'static str {
    static PROGRAM: LazyLock<String> =
        LazyLock::new(|| built(env::current_exe().and_then(fs::metadata)));
    &PROGRAM
}

/// Identifies the program in `file`, an executable or a library, by version, size and modification time.
#[must_use]
pub fn program_in(file: &Path) -> String {
    built(fs::metadata(file))
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
    /// What runs the blocks, see [`program`]: results of another one are not taken.
    pub program: &'a str,
}
