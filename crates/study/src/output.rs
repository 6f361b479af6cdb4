//! The folder that `run --out DIR` leaves, and that of `--dump-slots DIR`.
//!
//! With equal inputs and without timing every file but the manifest has equal bytes; the manifest tells when and where
//! the run was, and is exempt. How folders are written: `wayside_output`.

use crate::facts::ScenarioFacts;
use crate::figures;
pub use crate::manifest::{Machine, Manifest};
use crate::playback;
use crate::report;
use crate::slots;
use crate::summary::Summary;
use crate::table;
use crate::tasks::{self, Further};
use serde::Deserialize as _;
use serde_json::Value;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wayside_core::engine::records::Replication;
use wayside_core::engine::world::World;
use wayside_core::{Error, Result};
use wayside_output::{Folder, Kind, Request};

/// A results folder being written; dropped before [`RunFolder::finish`] it is as it was.
#[derive(Debug)]
pub struct RunFolder {
    folder: Folder,
    manifest: Manifest,
}

impl RunFolder {
    /// Prepares to write `target`. Call it before the run, so that a refusal costs nothing.
    ///
    /// # Errors
    /// As [`Folder::open`]: [`Error::Invalid`] where `target` holds other results and `force` is not given, or files of
    /// the user's under names of results; [`Error::Io`] where it cannot be written.
    pub fn create(target: &Path, manifest: Manifest, force: bool) -> Result<Self> {
        let folder = open(target, Kind::Run, &manifest, force, &is_result)?;
        Ok(Self { folder, manifest })
    }

    /// Stages one file, `name` relative to the folder, with any folder on the way.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file as it will be called.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        self.folder.write(name, content)
    }

    /// Writes the summary, the slots, the figures and the report of a run.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_results(
        &mut self,
        summary: &Summary,
        replications: &[Replication],
        facts: &ScenarioFacts,
    ) -> Result<()> {
        self.manifest.loose_bounds = summary.loose_bounds;
        self.write("summary.json", table::json(summary).as_bytes())?;
        self.write("summary.csv", table::csv(summary).as_bytes())?;
        let timing = summary.timing.is_some();
        self.folder.write_with("slots.parquet", |file| {
            slots::write_slots(file, replications, timing).map(drop)
        })?;
        let figures = figures::of_run(summary, replications, facts);
        for figure in &figures {
            self.write_figure(&figure.id, wayside_plot::files(figure))?;
        }
        self.write_figure("map", wayside_plot::map_files(&facts.map()))?;
        let page = report::of_run(summary, facts, &figures, &self.manifest);
        self.write("report.html", page.to_html().as_bytes())
    }

    /// Writes the files of one figure.
    fn write_figure<const N: usize>(
        &self,
        id: &str,
        files: io::Result<[(&'static str, Vec<u8>); N]>,
    ) -> Result<()> {
        let path = |extension: &str| format!("figures/{id}.{extension}");
        let files = files.map_err(|e| Error::io(&self.folder.shown(&path("svg")), e))?;
        for (extension, content) in files {
            self.write(&path(extension), &content)?;
        }
        Ok(())
    }

    /// Makes the folder that the tasks of every seed are written to.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made.
    pub fn task_parts(&self) -> Result<PathBuf> {
        self.folder.scratch()
    }

    /// Joins the parts of `replications` to `tasks.parquet`.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_tasks(&self, replications: &[Replication]) -> Result<()> {
        let parts = self.folder.scratch()?;
        let seeds = replications.iter().map(|r| r.seed);
        let further = Further::of_runs(replications.iter().flat_map(|r| &r.policies));
        self.folder.write_with("tasks.parquet", |file| {
            tasks::join(file, &parts, seeds, further).map(drop)
        })
    }

    /// Joins the parts of `replications` to `playback.parquet`.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_playback(&self, replications: &[Replication], world: &World) -> Result<()> {
        let parts = self.folder.scratch()?;
        let seeds = replications.iter().map(|r| r.seed);
        self.folder.write_with(playback::FILE, |file| {
            playback::join(file, &parts, seeds, world).map(drop)
        })
    }

    /// Puts everything into place, the manifest last.
    ///
    /// # Errors
    /// As [`Folder::replace`].
    pub fn finish(mut self, complete: bool) -> Result<()> {
        self.manifest.complete = complete;
        self.folder.replace(&self.manifest.to_value(), &[])
    }
}

/// A folder of slots being written; dropped before [`DumpFolder::finish`] it is as it was.
#[derive(Debug)]
pub struct DumpFolder {
    folder: Folder,
    manifest: Manifest,
}

impl DumpFolder {
    /// Prepares to write the slots of a run to `target`.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn create(target: &Path, manifest: Manifest, force: bool) -> Result<Self> {
        let folder = open(target, Kind::Dump, &manifest, force, &is_slot)?;
        Ok(Self { folder, manifest })
    }

    /// Stages a slot, the `instant`th of slot `t`.
    pub(crate) fn write(&self, seed: u64, t: usize, instant: usize, text: &str) -> Result<()> {
        // a slot has several instants only where tasks arise with a shorter period
        let nth = match instant {
            0 => String::new(),
            nth => format!("_{nth}"),
        };
        let name = format!("seed{seed}_slot{t:03}{nth}.json");
        let mut file = self.folder.create(&name)?;
        file.write_all(text.as_bytes())
            .map_err(|e| Error::io(&self.folder.shown(&name), e))
    }

    /// Puts all slots into place.
    ///
    /// # Errors
    /// As [`Folder::replace`].
    pub fn finish(mut self, complete: bool) -> Result<()> {
        self.manifest.complete = complete;
        self.folder.replace(&self.manifest.to_value(), &[])
    }
}

fn open(
    target: &Path,
    kind: Kind,
    manifest: &Manifest,
    force: bool,
    writes: &dyn Fn(&str) -> bool,
) -> Result<Folder> {
    let same =
        |found: &Value| Manifest::deserialize(found).is_ok_and(|found| found.same_run(manifest));
    let request = Request {
        kind,
        force,
        same: &same,
        writes,
    };
    Folder::open(target, &request)
}

/// Whether a run writes a file of this name.
fn is_result(name: &str) -> bool {
    let figure = || {
        let (id, extension) = name.strip_prefix("figures/")?.rsplit_once('.')?;
        let known = figures::IDS.contains(&id) || id == "map";
        Some(known && wayside_plot::EXTENSIONS.contains(&extension))
    };
    RESULTS.contains(&name) || figure() == Some(true)
}

/// What a run writes beside its figures.
const RESULTS: [&str; 6] = [
    playback::FILE,
    "report.html",
    "slots.parquet",
    "summary.csv",
    "summary.json",
    "tasks.parquet",
];

/// Whether a dump may write a file of this name: `seed0_slot000.json`, `seed0_slot000_1.json`.
fn is_slot(name: &str) -> bool {
    let numbers = name
        .strip_prefix("seed")
        .and_then(|n| n.strip_suffix(".json"));
    numbers
        .and_then(|n| n.split_once("_slot"))
        .is_some_and(|(seed, slot)| {
            let digits = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
            digits(seed) && slot.split('_').all(digits)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::utc;
    use crate::synthetic;
    use jiff::Timestamp;
    use std::fs;

    fn manifest(text: &str) -> Manifest {
        Manifest::now("wang2025", text, &[0, 1], 3, &["price".into()])
    }

    fn write(target: &Path, text: &str, force: bool) -> Result<()> {
        let mut folder = RunFolder::create(target, manifest(text), force)?;
        let replications = synthetic::replications(2, 3);
        let summary = Summary::new("wang2025", &replications, false);
        folder.write_results(&summary, &replications, &synthetic::facts())?;
        folder.finish(true)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn closed_form_sha256_and_utc() {
        // FIPS 180-4's example, and `date -u -d @N +%FT%TZ`.
        assert!(
            manifest("abc")
                .scenario_sha256
                .starts_with("ba7816bf8f01cfea414140de5dae2223")
        );
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(Timestamp::from_second(seconds).unwrap()), expected);
        }
    }

    #[test]
    fn property_folder_is_whole_equal_and_alone() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("deep/two"));
        write(&one, "x", false).unwrap();
        write(&two, "x", false).unwrap();
        let expected = [
            "figures",
            "manifest.json",
            "report.html",
            "slots.parquet",
            "summary.csv",
            "summary.json",
        ];
        assert_eq!(names(&one), expected);
        let figures = names(&one.join("figures"));
        assert_eq!(figures, names(&two.join("figures")));
        for figure in [
            "comparison",
            "delay",
            "gap",
            "lbm-time",
            "load",
            "map",
            "objective-time",
        ] {
            for extension in ["csv", "pdf", "png", "svg"] {
                let name = format!("{figure}.{extension}");
                assert!(figures.contains(&name), "{name}");
                let read = |folder: &Path| fs::read(folder.join("figures").join(&name)).unwrap();
                assert!(read(&one) == read(&two), "{name}");
            }
        }
        assert_eq!(names(root.path()), ["deep", "one"]);
        for name in [
            "slots.parquet",
            "summary.csv",
            "summary.json",
            "report.html",
        ] {
            let read = |folder: &Path| fs::read(folder.join(name)).unwrap();
            assert_eq!(read(&one), read(&two), "{name}");
        }
        let text = fs::read(one.join("manifest.json")).unwrap();
        let found: Manifest = serde_json::from_slice(&text).unwrap();
        assert!(found.complete && found.same_run(&manifest("x")));
        assert!(!found.same_run(&manifest("y")));
    }

    #[test]
    fn property_nothing_is_replaced_without_force() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("out");
        fs::create_dir(&target).unwrap();
        write(&target, "x", false).unwrap();
        write(&target, "x", false).unwrap();

        let refused = |text: &str| {
            let error = write(&target, text, false).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)));
            error.to_string()
        };
        assert!(refused("y").contains("another run; --force"));
        fs::write(target.join("notes.txt"), "mine").unwrap();
        fs::write(target.join("figures/mine.txt"), "mine").unwrap();
        write(&target, "x", false).unwrap();
        write(&target, "y", true).unwrap();
        for name in ["notes.txt", "figures/mine.txt"] {
            assert_eq!(fs::read_to_string(target.join(name)).unwrap(), "mine");
        }
        assert_eq!(names(root.path()), ["out"]);

        fs::remove_file(target.join("manifest.json")).unwrap();
        let error = write(&target, "y", true).unwrap_err().to_string();
        assert!(error.contains("is not listed"), "{error}");
        assert!(target.join("summary.json").exists());
    }

    #[test]
    fn property_every_name_that_is_written_was_claimed_before() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "x", false).unwrap();
        let text = fs::read_to_string(root.path().join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let files = manifest["files"].as_array().unwrap();
        assert!(files.len() > 30 && files.iter().all(|f| is_result(f.as_str().unwrap())));
        assert_eq!(manifest["kind"], "run");
        assert!(is_slot("seed7_slot002.json") && is_slot("seed7_slot1234_1.json"));
        assert!(!is_slot("seed7_slot.json") && !is_slot("seeds_slot001.json"));
    }

    #[test]
    fn property_failures_name_the_path_and_leave_nothing() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write(&file, "x", true).unwrap_err().to_string();
        assert!(error.contains("is a file"), "{error}");

        let below = file.join("out");
        let error = write(&below, "x", false).unwrap_err();
        assert!(
            matches!(&error, Error::Io { path, .. } if *path == below),
            "{error}"
        );

        let target = root.path().join("out");
        let folder = RunFolder::create(&target, manifest("x"), false).unwrap();
        folder.write("summary.json", b"{}").unwrap();
        let error = folder.write("summary.json/x", b"").unwrap_err();
        assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("out/summary.json/x")));
        drop(folder);
        assert_eq!(names(root.path()), ["file"]);
    }
}
