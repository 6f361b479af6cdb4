//! Trainings.

use crate::interrupt::interruptible;
use crate::raised;
use crate::scenario::Scenario;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wayside_core::engine::world::World;
use wayside_learn::trainer::{
    Ended, POLICY, Plan, Progress, Request, Trainer, named as drawn_scenario,
};

type Texts = Vec<(String, String)>;

/// Trains a policy into the folder `out`; how it ended, as JSON. `callback` gets the metrics of every iteration; the training
/// stops where it returns False. `progress` is called with the steps that are done, and of how many.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub(crate) fn train(
    py: Python<'_>,
    scenario: &Scenario,
    name: Option<String>,
    algorithm: &str,
    encoder: Option<&str>,
    set: Texts,
    vary: Vec<String>,
    options: Texts,
    seed: u64,
    out: PathBuf,
    resume: bool,
    force: bool,
    threads: usize,
    callback: Option<Py<PyAny>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let request = Request {
        algorithm: named("algorithm", algorithm)?,
        scenario: name.unwrap_or_else(|| scenario.scenario().name.clone()),
        set,
        vary,
        encoder: encoder.map(|name| named("encoder", name)).transpose()?,
        options,
        seed,
    };
    let training = Training {
        world: scenario.world()?,
        text: scenario.scenario().to_toml(),
        request,
        out,
        force,
        callback,
        progress,
        stop: Arc::default(),
        raised: Arc::default(),
    };
    let (stop, callback_raised) = (Arc::clone(&training.stop), Arc::clone(&training.raised));
    let cancel = || stop.store(true, Ordering::Relaxed);
    let work = move || wayside_study::pool(threads)?.install(|| training.run(resume));
    let ended = interruptible(py, cancel, work);
    // An exception of the callback comes first: it is why the training stopped.
    let first = callback_raised.lock().ok().and_then(|mut e| e.take());
    match first {
        Some(error) => Err(error),
        None => ended?.map_err(raised),
    }
}

fn named<T: FromStr<Err = String>>(what: &str, name: &str) -> PyResult<T> {
    name.parse()
        .map_err(|expected| PyValueError::new_err(format!("{what}: {expected}, got {name:?}")))
}

/// What a training needs on its thread.
struct Training {
    world: Arc<World>,
    /// The scenario as TOML, read again with the keys that vary.
    text: String,
    request: Request,
    out: PathBuf,
    force: bool,
    callback: Option<Py<PyAny>>,
    progress: Option<Py<PyAny>>,
    stop: Arc<AtomicBool>,
    raised: Arc<Mutex<Option<PyErr>>>,
}

impl Training {
    fn run(&self, resume: bool) -> wayside_core::Result<String> {
        let settings = self.request.settings(&self.world)?;
        let read = |drawn: &[(String, String)]| {
            let (name, drawn) = drawn_scenario(drawn);
            match name {
                Some(name) => wayside_core::scenario::resolve(
                    name,
                    &[self.request.set.clone(), drawn].concat(),
                ),
                None => {
                    wayside_core::Scenario::from_toml(&self.request.scenario, &self.text, &drawn)
                }
            }
        };
        let plan = Plan {
            world: &self.world,
            read: &read,
            command: self.request.command(&settings),
            settings,
            backend: None,
            architecture: None,
            seed: self.request.seed,
            out: self.out.clone(),
            force: self.force,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let total = plan.settings.config.total_timesteps();
        let mut trainer = Trainer::new(plan, resume)?;
        let ended = trainer.run(&self.stop, &mut |progress| self.tell(progress, total))?;
        let ended = match ended {
            Ended::Done => "done",
            Ended::Target => "target",
            Ended::Interrupted => "stopped",
        };
        Ok(json!({
            "ended": ended,
            "policy": self.out.join(POLICY).display().to_string(),
            "best": trainer.best(),
            "untrained": trainer.untrained().map(|(_, score)| score),
            "doubts": trainer.doubts(),
        })
        .to_string())
    }

    /// Tells of an iteration: how far the training is, then the callback.
    fn tell(&self, progress: &Progress, total: u64) {
        if self.callback.is_none() && self.progress.is_none() {
            return;
        }
        let told = Python::attach(|py| {
            if let Some(bar) = &self.progress {
                let done = progress.report.total_timesteps.min(total);
                bar.call1(py, (done, total))?;
            }
            let Some(callback) = &self.callback else {
                return Ok(true);
            };
            let metrics = PyDict::new(py);
            for (name, value) in progress.metrics() {
                metrics.set_item(name, value)?;
            }
            let answer = callback.call1(py, (metrics,))?;
            Ok(answer.extract::<bool>(py).unwrap_or(true))
        });
        match told {
            Ok(true) => {}
            Ok(false) => self.stop.store(true, Ordering::Relaxed),
            Err(error) => {
                self.stop.store(true, Ordering::Relaxed);
                if let Ok(mut first) = self.raised.lock() {
                    first.get_or_insert(error);
                }
            }
        }
    }
}

/// The program `wayside`: its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<std::ffi::OsString>) -> u8 {
    py.detach(|| wayside_cli::main(arguments, wayside_study::studies::plan::build()))
}
