//! The files that a scenario names are there before anything starts.

use super::{BUILTIN, FcdSource, LinkRule, Mobility, RsuLayout, Scenario};
use crate::config::{Document, Node, Origin};
use crate::error::{Problem, Problems};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

impl Scenario {
    /// Files that it names, each with its key.
    fn inputs(&self) -> Vec<([&'static str; 3], PathBuf)> {
        let mut named = Vec::new();
        match &self.fleet.mobility {
            Mobility::Fcd(fcd) | Mobility::Sumo(fcd) => match &fcd.source {
                FcdSource::File(path) => named.push((["fleet", "mobility", "path"], path.clone())),
                FcdSource::Sumo(it) => {
                    named.push((["fleet", "mobility", "config"], it.config.clone()));
                }
                FcdSource::Builtin(_) | FcdSource::Stdin => {}
            },
            _ => {}
        }
        if let LinkRule::File(path) = &self.backhaul.links {
            named.push((["backhaul", "path", ""], path.clone()));
        }
        if let RsuLayout::Sites { sites, .. } = &self.rsus {
            named.push((["rsu", "sites", ""], sites.path.clone()));
        }
        let radio = &self.radio;
        let files = [("buildings", &radio.buildings), ("table", &radio.table)];
        for (key, name) in files {
            let name = name.as_ref().filter(|name| !name.starts_with(BUILTIN));
            named.extend(name.map(|name| (["channel", key, ""], PathBuf::from(name))));
        }
        named
    }

    /// Checks that all files are there that it names, which was read from `document`.
    ///
    /// # Errors
    /// Every one that is missing, with its key.
    pub(super) fn with_inputs(self, document: &Document) -> crate::Result<Self> {
        let mut problems = Problems::default();
        for (keys, path) in self.inputs() {
            // a trace may be a folder of Parquet files
            let is_trace = keys[1..] == ["mobility", "path"];
            let Some(message) = wrong(&path, is_trace) else {
                continue;
            };
            let keys = keys.iter().copied().filter(|key| !key.is_empty());
            let (file, line) = match origin(&document.root, keys.clone()) {
                Origin::Override => ("--set", None),
                Origin::Line(line) => (document.file.as_str(), Some(line)),
                Origin::File => (document.file.as_str(), None),
            };
            problems.push(Problem {
                file: file.to_owned(),
                line,
                path: keys.collect::<Vec<_>>().join("."),
                message,
            });
        }
        problems.into_result(self)
    }
}

/// Where the innermost of nested keys was written, as far as they are there.
fn origin<'a>(root: &Node, keys: impl Iterator<Item = &'a str>) -> Origin {
    let mut node = root;
    for key in keys {
        let Some(inner) = node.get(key) else { break };
        node = inner;
    }
    node.origin
}

/// What keeps `path` from being read.
fn wrong(path: &Path, may_be_folder: bool) -> Option<String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() && !may_be_folder => {
            Some(format!("must name a file, but {shown} is a folder"))
        }
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound => Some(format!("found no file {shown}")),
        Err(error) => Some(format!("cannot read {shown}: {error}")),
    }
}
