//! Studies, run block by block wherever Python takes the blocks.

use crate::figure::Figure;
use crate::interrupt::{followed, interruptible};
use crate::policy::registry;
use crate::{closed, locked, raised};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wayside_study::Control;
use wayside_study::studies::blocks;
use wayside_study::studies::plan::{Plan, build};
use wayside_study::studies::results::StudyFolder;
use wayside_study::studies::runner::{self, Progress};
use wayside_study::studies::{self, BUILTIN_STUDIES, figures};

/// Grid, cell and seeds.
type Block = (usize, usize, Vec<u64>);

/// A study, and how it is run.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Study(Arc<Inner>);

/// What the work of a block holds on to.
struct Inner {
    study: studies::Study,
    quick: bool,
}

impl Inner {
    fn plan(&self) -> Plan<'_> {
        self.plan_on(1)
    }

    fn plan_on(&self, threads: usize) -> Plan<'_> {
        Plan {
            study: &self.study,
            quick: self.quick,
            threads,
            registry: registry(),
            program: build(),
        }
    }
}

fn named((grid, cell, seeds): Block) -> blocks::Block {
    blocks::Block { grid, cell, seeds }
}

#[pymethods]
impl Study {
    /// Reads the text of a TOML file; `file` stands for it in errors, and paths in it are relative to `folder`. Parts
    /// of another build are not taken.
    #[new]
    fn new(file: &str, text: &str, folder: PathBuf, quick: bool) -> PyResult<Self> {
        let study = studies::Study::from_toml(file, text, &folder).map_err(raised)?;
        Ok(Self(Arc::new(Inner { study, quick })))
    }

    /// The text of a built-in study, where `name` is one.
    #[staticmethod]
    fn builtin(name: &str) -> Option<&'static str> {
        let found = BUILTIN_STUDIES.iter().find(|b| b.name == name);
        found.map(|b| b.text)
    }

    /// Makes the folder `out`, or takes it up where an earlier run of this study left it.
    fn open(slf: Bound<'_, Self>, out: PathBuf, force: bool) -> PyResult<Folder> {
        let study = &slf.get().0;
        let folder = StudyFolder::open(&out, &study.study, study.quick, force).map_err(raised)?;
        Ok(Folder {
            study: slf.unbind(),
            folder: Mutex::new(Some(folder)),
        })
    }

    /// Runs a block without the GIL: the name of its part, and the part.
    fn run<'py>(&self, py: Python<'py>, block: Block) -> PyResult<(String, Bound<'py, PyBytes>)> {
        let (block, study) = (named(block), Arc::clone(&self.0));
        let cancelled = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&cancelled);
        let run = move || block.run(&study.plan(), &|| stopped.load(Ordering::Relaxed));
        let cancel = || cancelled.store(true, Ordering::Relaxed);
        match interruptible(py, cancel, run)?.map_err(raised)? {
            Some((name, part)) => Ok((name, PyBytes::new(py, &part))),
            None => Err(PyRuntimeError::new_err("study: stopped")),
        }
    }
}

/// The folder of a study, locked until it is closed.
#[pyclass(frozen, module = "wayside._native", name = "StudyFolder")]
pub(crate) struct Folder {
    study: Py<Study>,
    folder: Mutex<Option<StudyFolder>>,
}

impl Folder {
    fn with<T>(
        &self,
        work: impl FnOnce(&Inner, &mut StudyFolder) -> wayside_core::Result<T>,
    ) -> PyResult<T> {
        let mut folder = locked(&self.folder, "study")?;
        let folder = folder.as_mut().ok_or_else(|| closed("study"))?;
        work(&self.study.get().0, folder).map_err(raised)
    }
}

#[pymethods]
impl Folder {
    /// Blocks that are needed next and not there yet; none where all are there.
    fn missing(&self, py: Python<'_>) -> PyResult<Vec<Block>> {
        py.detach(|| {
            self.with(|study, folder| {
                Ok(match runner::progress(&study.plan(), folder.parts())? {
                    Progress::Missing(missing) => {
                        let blocks = missing.into_iter();
                        blocks.map(|b| (b.grid, b.cell, b.seeds)).collect()
                    }
                    Progress::Complete(..) => Vec::new(),
                })
            })
        })
    }

    /// Runs all that is missing, without the GIL. After Ctrl-C the folder is closed, and what is finished stays in it.
    #[pyo3(signature = (threads, progress=None))]
    fn run(&self, py: Python<'_>, threads: usize, progress: Option<Py<PyAny>>) -> PyResult<()> {
        let taken = locked(&self.folder, "study")?.take();
        let folder = taken.ok_or_else(|| closed("study"))?;
        let study = Arc::clone(&self.study.get().0);
        let control = Arc::new(Control::default());
        let asked = Arc::clone(&control);
        let work = move || {
            let ran = runner::run(&study.plan_on(threads), folder.parts(), &control);
            (folder, ran.map(|done| done.is_some()))
        };
        let (counts, cancel) = (|| asked.progress(), || _ = asked.cancel());
        let (folder, ran) = followed(py, progress, counts, cancel, work)?;
        *locked(&self.folder, "study")? = Some(folder);
        match ran.map_err(raised)? {
            true => Ok(()),
            false => Err(PyRuntimeError::new_err("study: stopped")),
        }
    }

    /// Keeps the part of a block.
    fn keep(&self, block: Block, name: &str, part: Vec<u8>) -> PyResult<()> {
        self.with(|study, folder| named(block).keep(&study.plan(), folder.parts(), name, part))
    }

    /// Writes results, figures, tables and report, where all parts are; the claims as JSON, and the figures with their names.
    fn finish(&self, py: Python<'_>) -> PyResult<(String, Vec<(String, Figure)>)> {
        let finish = |study: &Inner, folder: &mut StudyFolder| match runner::progress(
            &study.plan(),
            folder.parts(),
        )? {
            Progress::Complete(data, claims) => {
                folder.finish(&study.study, &data, &claims, study.quick)?;
                let figures = figures::figures(&study.study, &data, study.quick).into_iter();
                let figures = figures.map(|(spec, figure)| (spec.id.clone(), Figure(figure)));
                Ok(Some((claims, figures.collect())))
            }
            Progress::Missing(_) => Ok(None),
        };
        match py.detach(|| self.with(finish))? {
            Some((claims, figures)) => {
                let claims = serde_json::to_string(&claims);
                let claims = claims.map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
                Ok((claims, figures))
            }
            None => Err(PyRuntimeError::new_err("study: blocks are missing")),
        }
    }

    /// Files of parts that were damaged.
    fn damaged(&self) -> PyResult<Vec<PathBuf>> {
        self.with(|_, folder| Ok(folder.parts().damaged()))
    }

    /// Lets others write there.
    fn close(&self) -> PyResult<()> {
        *locked(&self.folder, "study")? = None;
        Ok(())
    }
}
