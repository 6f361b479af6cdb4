//! Studies, run block by block wherever Python takes the blocks.

use crate::interrupt::interruptible;
use crate::policy::registry;
use crate::raised;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use wayside_study::studies::blocks;
use wayside_study::studies::plan::Plan;
use wayside_study::studies::results::StudyFolder;
use wayside_study::studies::runner::{self, Progress};
use wayside_study::studies::{self, BUILTIN_STUDIES};

/// Grid, cell and seeds.
type Block = (usize, usize, Vec<u64>);

/// A study, and how it is run.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Study {
    study: studies::Study,
    quick: bool,
    program: String,
}

impl Study {
    fn plan(&self) -> Plan<'_> {
        Plan {
            study: &self.study,
            quick: self.quick,
            threads: 1,
            registry: registry(),
            program: &self.program,
        }
    }

    fn folder(&self, out: &Path, force: bool) -> PyResult<StudyFolder> {
        StudyFolder::open(out, &self.study, self.quick, force).map_err(raised)
    }
}

fn named((grid, cell, seeds): Block) -> blocks::Block {
    blocks::Block { grid, cell, seeds }
}

#[pymethods]
impl Study {
    /// Reads the text of a TOML file; `file` stands for it in errors, and paths in it are relative to `folder`. Parts
    /// of another `program` are not taken.
    #[new]
    fn new(
        file: &str,
        text: &str,
        folder: PathBuf,
        quick: bool,
        program: String,
    ) -> PyResult<Self> {
        let study = studies::Study::from_toml(file, text, &folder).map_err(raised)?;
        Ok(Self {
            study,
            quick,
            program,
        })
    }

    /// The text of a built-in study, where `name` is one.
    #[staticmethod]
    fn builtin(name: &str) -> Option<&'static str> {
        let found = BUILTIN_STUDIES.iter().find(|b| b.name == name);
        found.map(|b| b.text)
    }

    /// Makes the folder `out`, or takes it up where an earlier run of this study left it.
    fn open(&self, out: PathBuf, force: bool) -> PyResult<()> {
        self.folder(&out, force).map(drop)
    }

    /// Blocks that are needed next and not in `out` yet; none where all are there.
    fn missing(&self, py: Python<'_>, out: PathBuf) -> PyResult<Vec<Block>> {
        let parts = StudyFolder::parts_of(&out);
        let progress = py.detach(|| runner::progress(&self.plan(), &parts));
        Ok(match progress.map_err(raised)? {
            Progress::Missing(missing) => {
                let blocks = missing.into_iter();
                blocks.map(|b| (b.grid, b.cell, b.seeds)).collect()
            }
            Progress::Complete(..) => Vec::new(),
        })
    }

    /// Runs a block without the GIL: the name of its part, and the part.
    fn run<'py>(&self, py: Python<'py>, block: Block) -> PyResult<(String, Bound<'py, PyBytes>)> {
        let (block, cancelled) = (named(block), AtomicBool::new(false));
        let stop = || cancelled.load(Ordering::Relaxed);
        let run = || block.run(&self.plan(), &stop);
        let (result, interrupt) = interruptible(py, &cancelled, run);
        if let Some(error) = interrupt {
            return Err(error);
        }
        match result?.map_err(raised)? {
            Some((name, part)) => Ok((name, PyBytes::new(py, &part))),
            None => Err(PyRuntimeError::new_err("study: stopped")),
        }
    }

    /// Keeps the part of a block in `out`.
    fn keep(&self, out: PathBuf, block: Block, name: &str, part: Vec<u8>) -> PyResult<()> {
        let kept = named(block).keep(&self.plan(), &StudyFolder::parts_of(&out), name, part);
        kept.map_err(raised)
    }

    /// Writes results, figures, tables and report to `out`, where all parts are; the claims as JSON.
    fn finish(&self, py: Python<'_>, out: PathBuf) -> PyResult<String> {
        let folder = self.folder(&out, false)?;
        let finish = || match runner::progress(&self.plan(), &folder.parts())? {
            Progress::Complete(data, claims) => {
                folder.finish(&self.study, &data, &claims, self.quick)?;
                Ok(Some(claims))
            }
            Progress::Missing(_) => Ok(None),
        };
        match py.detach(finish).map_err(raised)? {
            Some(claims) => {
                serde_json::to_string(&claims).map_err(|e| PyRuntimeError::new_err(e.to_string()))
            }
            None => Err(PyRuntimeError::new_err("study: blocks are missing")),
        }
    }
}
