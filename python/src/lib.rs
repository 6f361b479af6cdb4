//! Wayside for Python: it only converts.
//!
//! | room | what it is for |
//! |---|---|
//! | `scenario` | scenarios, laid out once and shared |
//! | `choose` | random choices among legal actions |
//! | `frame` | observations and actions of changing size in spaces of fixed size |
//! | `engine`, `framed` | the environments of the engine under one roof, and in a frame |
//! | `expert`, `gym` | policies asked in environments; policies that act as in one |
//! | `env`, `vector` | one environment; several, stepped side by side without the GIL |
//! | `run` | runs, decisions and bounds |
//! | `figure` | figures |
//! | `benchmark` | the score card of the open benchmark |
//! | `study` | studies, block by block |
//! | `train` | trainings; the program `wayside` |
//! | `interrupt` | Ctrl-C, and progress |
//! | `slot`, `answer`, `feedback` | what a policy written in Python sees, answers and is told |
//! | `policy` | policies written in Python, and others that Python names |
//! | `learned` | trained policies |
//! | `own` | mobility, tasks, gains and metrics written in Python |
//! | `table` | results as Arrow tables |
//! | `topology` | backhaul graphs from files |
//!
//! The package `wayside` around it (`python/wayside`) adds what Gymnasium and PettingZoo ask for.

mod answer;
mod benchmark;
mod choose;
mod engine;
mod env;
mod expert;
mod feedback;
mod figure;
mod frame;
mod framed;
mod gym;
mod interrupt;
mod learned;
mod own;
mod policy;
mod run;
mod scenario;
mod slot;
mod study;
mod table;
mod topology;
mod train;
mod vector;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, TryLockError};
use wayside_core::Problems;

/// The native part of `wayside`; use the package instead.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::benchmark::benchmark;
    #[pymodule_export]
    use super::choose::choose;
    #[pymodule_export]
    use super::env::Env;
    #[pymodule_export]
    use super::figure::{Figure, pixels};
    #[pymodule_export]
    use super::learned::Learned;
    #[pymodule_export]
    use super::policy::place;
    #[pymodule_export]
    use super::run::{Results, decide, policies, run};
    #[pymodule_export]
    use super::scenario::Scenario;
    #[pymodule_export]
    use super::slot::Slot;
    #[pymodule_export]
    use super::study::{Folder, Study};
    #[pymodule_export]
    use super::table::Table;
    #[pymodule_export]
    use super::topology::topology;
    #[pymodule_export]
    use super::train::{main, train};
    #[pymodule_export]
    use super::vector::VectorEnv;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    const FIGURES: [&str; super::framed::FIGURES.len()] = super::framed::FIGURES;
}

/// The error as the Python exception that fits it.
fn raised(error: wayside_core::Error) -> PyErr {
    match error {
        wayside_core::Error::Invalid(problems) => {
            PyValueError::new_err(in_python(problems).to_string())
        }
        error @ wayside_core::Error::Io { .. } => PyOSError::new_err(error.to_string()),
        error => PyRuntimeError::new_err(error.to_string()),
    }
}

/// The same problems, with the options of the command line as arguments of Python.
fn in_python(mut problems: Problems) -> Problems {
    for problem in &mut problems.0 {
        if let Some(option) = problem.file.strip_prefix("--") {
            problem.file = match option {
                "set" => "overrides",
                "option" => "options",
                same => same,
            }
            .to_owned();
        }
        problem.message = problem.message.replace("--force", "force=True");
    }
    problems
}

/// Takes a lock without waiting: waiting for a thread that waits for the GIL, or that a fork left behind, would
/// never end.
fn locked<'a, T>(lock: &'a Mutex<T>, what: &str) -> PyResult<MutexGuard<'a, T>> {
    lock.try_lock().map_err(|e| {
        PyRuntimeError::new_err(match e {
            TryLockError::WouldBlock => format!("{what}: in use by another thread"),
            TryLockError::Poisoned(_) => format!("{what}: broken by an earlier error"),
        })
    })
}

fn closed(what: &str) -> PyErr {
    PyRuntimeError::new_err(format!("{what}: closed; make a new one"))
}
