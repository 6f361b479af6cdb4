//! Scenarios and traces that the library carries with it.

use super::Scenario;
use crate::config::unknown;
use crate::error::{Error, Result};
use crate::input;
use std::path::Path;

/// Marks the name of a built-in trace, in place of a file.
pub(super) const PREFIX: &str = "builtin:";

/// A scenario that the library carries with it.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its text, TOML.
    pub text: &'static str,
}

macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../scenarios/", $name, ".toml"
            )),
        }),*]
    };
}

/// All built-in scenarios; the first is the default one.
pub const BUILTIN_SCENARIOS: &[Builtin] = builtins![
    "wang2025",
    "wang2025-unbalanced",
    "wang2025-s2",
    "lin2025",
    "lin2025-fitted",
    "lin2025-n5",
    "lin2025-n30",
    "lin2025-three-clusters",
    "lin2025-connected",
    "ring-fifo",
    "hotspot",
    "coupled",
    "city-grid",
    "highway",
    "city-sessions",
    "wang2025-umi",
    "highway-radio",
    "city-grid-umi",
];

/// Names of all built-in traces.
pub const BUILTIN_TRACES: &[&str] = &["city-grid"];

impl Scenario {
    /// The built-in scenario `name`, with the `(key, value)` of `--set`.
    ///
    /// # Errors
    /// An unknown name, or every problem of the overrides.
    pub fn builtin(name: &str, overrides: &[(String, String)]) -> Result<Self> {
        let names: Vec<_> = BUILTIN_SCENARIOS.iter().map(|b| b.name).collect();
        match BUILTIN_SCENARIOS.iter().find(|b| b.name == name) {
            Some(found) => Self::to_run(&format!("{name} (built-in)"), found.text, overrides),
            None => {
                let message = format!(
                    "{}; built-in are {}, and a file ends in .toml",
                    unknown("scenario", name, &names),
                    names.join(", ")
                );
                Err(Error::invalid(name, None, "", message))
            }
        }
    }
}

/// The scenario that a user names: exactly a built-in one, `-` for standard input, else a file. A file of the same name
/// as a built-in one is `./NAME`.
///
/// # Errors
/// An unknown name, a file that cannot be read, or every problem of the scenario and the overrides.
pub fn resolve(name_or_path: &str, overrides: &[(String, String)]) -> Result<Scenario> {
    if name_or_path == "-" {
        return Scenario::to_run("stdin", &input::read_stdin()?, overrides);
    }
    let path = Path::new(name_or_path);
    let is_builtin = BUILTIN_SCENARIOS.iter().any(|b| b.name == name_or_path);
    let is_path = name_or_path.contains(['/', std::path::MAIN_SEPARATOR])
        || path
            .extension()
            .is_some_and(|extension| extension == "toml")
        || path.exists();
    if is_path && !is_builtin {
        Scenario::load(path, overrides)
    } else {
        Scenario::builtin(name_or_path, overrides)
    }
}

/// The built-in trace `name`.
pub(super) fn trace(name: &str) -> std::result::Result<&'static str, String> {
    let found = BUILTIN_TRACES.iter().copied().find(|&known| known == name);
    found.ok_or_else(|| unknown("built-in trace", name, BUILTIN_TRACES))
}
