//! Scenarios as files: reading, canonical text, JSON Schema and reference page.

use super::{Scenario, builtin};
use crate::config::{self, Document, Keys, Writer};
use crate::error::Result;
use crate::input;
use std::path::Path;

impl Scenario {
    /// Decodes and checks a scenario; `overrides` are the `(key, value)` of `--set`, in order.
    /// Relative paths in it are relative to the folder of `file`.
    ///
    /// # Errors
    /// Every problem of the text and of the overrides.
    pub fn from_toml(file: &str, text: &str, overrides: &[(String, String)]) -> Result<Self> {
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        let mut document = Document::from_toml(file, text)?;
        document.set(overrides)?;
        Self::in_folder(&document, folder)
    }

    /// The same for a run: the files that it names must be there.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml), and every file that is missing.
    pub(super) fn to_run(file: &str, text: &str, overrides: &[(String, String)]) -> Result<Self> {
        Self::to_run_in(
            file,
            text,
            Path::new(file).parent().unwrap_or(Path::new("")),
            overrides,
        )
    }

    fn to_run_in(
        file: &str,
        text: &str,
        folder: &Path,
        overrides: &[(String, String)],
    ) -> Result<Self> {
        let mut document = Document::from_toml(file, text)?;
        document.set(overrides)?;
        Self::in_folder(&document, folder)?.with_inputs(&document)
    }

    fn in_folder(document: &Document, folder: &Path) -> Result<Self> {
        config::read(document, |s| {
            let mut scenario = Self::blank();
            scenario.keys(&mut Keys::Read(s), folder);
            Some(scenario)
        })
    }

    /// Reads a scenario from a file or a pipe, for a run: the files that it names must be there.
    ///
    /// # Errors
    /// A file that cannot be read, every problem of it, or every file that is missing.
    pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Self> {
        Self::of_text(path, &input::read_text(path)?, overrides)
    }

    /// The same of the `text` of `path` that has been read already.
    ///
    /// # Errors
    /// Every problem of it, or every file that is missing.
    pub fn of_text(path: &Path, text: &str, overrides: &[(String, String)]) -> Result<Self> {
        let file = path.display().to_string();
        Self::to_run_in(&file, text, input::folder_of(path), overrides)
    }

    /// The canonical text, with every default written out: equal scenarios have equal texts, and the
    /// text decodes to an equal scenario. Paths in it are relative to the working directory.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut writer = Writer::default();
        let keys = &mut Keys::Write(&mut writer);
        self.clone().keys(keys, Path::new(""));
        writer.toml(&ORDER)
    }
}

/// The order of sections in the canonical text, on which the hashes of scenarios depend. New sections need no place
/// here: they follow.
const ORDER: [&str; 13] = [
    "scenario",
    "time",
    "area",
    "channel",
    "fleet",
    "task",
    "rsu",
    "backhaul",
    "execution",
    "cloud",
    "information",
    "fault",
    "success",
];

/// JSON Schema (draft 2020-12) of a scenario.
#[must_use]
pub fn schema() -> serde_json::Value {
    config::schema("Wayside scenario", &fields())
}

/// The reference page of all keys, `docs/scenario.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let keys = config::markdown(&fields());
    let names: Vec<_> = builtin::BUILTIN_SCENARIOS
        .iter()
        .map(|b| format!("`{}`", b.name))
        .collect();
    format!(
        "# Scenario files\n\n\
         <!-- generated from crates/core/src/scenario: WAYSIDE_BLESS=1 cargo test -p wayside-core -->\n\n\
         A scenario is a TOML file, or the name of a built-in one: {}.\n\
         Every number has its unit in its key. Unknown keys are errors. Relative paths are relative to the file.\n\
         `--set key=value` changes any key from the command line, as in `--set fleet.size=200`,\n\
         `--set rsu.0.cpu_hz=1e9` (lists count from 0) or\n\
         `--set 'fleet.mobility={{kind=\"manhattan\", speed_mps=10, block_m=200}}'` (a whole section).\n\
         The value is TOML; what is not TOML is taken as text.\n\n{keys}",
        names.join(", ")
    )
    .trim_end()
    .to_owned()
        + "\n"
}

fn fields() -> Vec<config::Field> {
    config::describe(|s| Scenario::blank().keys(&mut Keys::Read(s), Path::new("")))
}
