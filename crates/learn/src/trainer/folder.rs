//! The folder of a training: which files are its own, and which are written together.

use serde_json::{Value, json};
use wayside_core::error::{Error, Result};
use wayside_core::input;
use wayside_output::{Folder, Kind, Request};

use super::logs::{self, Lengths, Logs};
use super::{Algorithm, CARD, CHECKPOINT, POLICY, Plan};
use crate::nn::state::{State, in_file};

/// The folder, and the manifest that is written with every commit.
#[derive(Debug)]
pub(crate) struct TrainingFolder {
    folder: Folder,
    manifest: Value,
    /// Nothing of this training is in place yet.
    is_fresh: bool,
}

impl TrainingFolder {
    /// Opens or makes it. Without `resume` nothing in it changes before the first commit.
    pub(crate) fn open(plan: &Plan<'_>, resume: bool) -> Result<Self> {
        let has_checkpoint = plan.out.join(CHECKPOINT).exists();
        let request = Request {
            kind: Kind::Training,
            force: plan.force,
            same: &|_| resume || !has_checkpoint,
            writes: &|name| {
                [POLICY, CARD, CHECKPOINT, logs::TABLE].contains(&name) || logs::is_events(name)
            },
        };
        let folder = Folder::open(&plan.out, &request)?;
        Ok(Self {
            folder,
            manifest: json!({
                "scenario": plan.world.scenario.name,
                "algorithm": plan.settings.algorithm,
                "seed": plan.seed,
                "version": plan.version,
                "command": plan.command,
            }),
            is_fresh: !resume,
        })
    }

    /// The checkpoint.
    pub(crate) fn checkpoint(&self) -> Result<State> {
        let path = self.folder.path(CHECKPOINT);
        let shown = self.folder.shown(CHECKPOINT);
        input::check(&path, &shown)?;
        let bytes = std::fs::read(path).map_err(|e| Error::io(&shown, e))?;
        let read = || -> Result<State> {
            let state = State::from_bytes(&bytes)?;
            state.check_finite()?;
            Ok(state)
        };
        read().map_err(|error| in_file(error, &shown))
    }

    /// New logs, in place with the first commit.
    pub(crate) fn create_logs(&self, algorithm: Algorithm) -> Result<Logs> {
        Logs::create(&self.folder, algorithm)
    }

    /// The logs as they were at a checkpoint.
    pub(crate) fn resume_logs(&mut self, lengths: &Lengths) -> Result<Logs> {
        let logs = Logs::resume(&self.folder, lengths)?;
        self.commit()?;
        Ok(logs)
    }

    /// Stages a file.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        self.folder.write(name, content)
    }

    /// Puts all that is staged into place; the first commit of a training removes what an earlier one left.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_fresh) {
            self.folder.replace(&self.manifest, &[])
        } else {
            self.folder.add(&self.manifest, &[])
        }
    }
}
