//! What executing a task means.

use super::NetFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wayside_core::config::{List, Section, Text};
use wayside_core::error::{Error, Result};

/// What executing a task means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Waiting for as long as it would take.
    Sleep,
    /// Computing for as long as it would take.
    Burn,
    /// A program of the user, for as long as it takes.
    Command(Arc<Program>),
}

/// A program that executes tasks: the data of a task is its standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// Its arguments, as they are: no shell reads them.
    pub arguments: Vec<String>,
    /// How long it may take, by the clock of the wall.
    pub limit: Duration,
    /// How much it may write to its standard output \[bytes\].
    pub output_bytes: u64,
}

/// The kinds of work, as the file names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkKind {
    Sleep,
    Burn,
    Command,
}

pub(super) const WORKS: [(&str, WorkKind); 3] = [
    ("sleep", WorkKind::Sleep),
    ("burn", WorkKind::Burn),
    ("command", WorkKind::Command),
];

/// The program that executes tasks, where one does.
pub(super) fn command(s: &mut Section<'_>, work: WorkKind) -> Option<Vec<String>> {
    let doc = "the program that executes a task, and its arguments: no shell reads them";
    let command = s.optional("command", List(Text::ANY), "none", doc);
    match (&command, work) {
        (None, WorkKind::Command) if !s.has("command") => {
            s.problem("command", "is missing: work = \"command\" runs it");
        }
        (Some(_), WorkKind::Sleep | WorkKind::Burn) => {
            s.problem("command", "is for work = \"command\" only");
        }
        (Some(words), _)
            if words
                .first()
                .is_none_or(|program| program.trim().is_empty()) =>
        {
            s.problem("command", "must begin with a program");
        }
        (Some(words), _) if words.iter().any(|word| word.contains('\0')) => {
            s.problem("command", "must not have U+0000");
        }
        _ => {}
    }
    command
}

/// The file of a program: relative to `folder` where its name has a separator, else from the `PATH`.
fn find_program(folder: &Path, name: &str) -> Option<PathBuf> {
    if name.contains(std::path::is_separator) {
        return Some(folder.join(name)).filter(|path| path.is_file());
    }
    let folders = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&folders).map(|folder| folder.join(name));
    found.find(|path| path.is_file())
}

impl NetFile {
    /// What executing a task means; the program is looked for in `folder`.
    pub(super) fn work(&self, file: &str, folder: &Path) -> Result<Work> {
        let command = self.command.as_ref().and_then(|words| words.split_first());
        let (name, arguments) = match (self.work, command) {
            (WorkKind::Sleep, _) => return Ok(Work::Sleep),
            (WorkKind::Burn, _) => return Ok(Work::Burn),
            (WorkKind::Command, command) => command.expect("it was checked"),
        };
        let path = find_program(folder, name).ok_or_else(|| {
            let message = format!("there is no program {name:?}");
            Error::invalid(file, None, "command", message)
        })?;
        Ok(Work::Command(Arc::new(Program {
            path,
            arguments: arguments.to_vec(),
            limit: Duration::from_secs_f64(self.command_s),
            output_bytes: 1024 * self.output_kib,
        })))
    }
}
