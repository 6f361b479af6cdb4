//! The folder that `run --out DIR` leaves.
//!
//! Everything is written to a sibling folder and renamed into place at the end, so that a results folder
//! is whole or absent. With equal inputs and without timing every file but `manifest.json` has equal
//! bytes; the manifest tells when and where the run was, and is exempt.

use crate::facts::ScenarioFacts;
use crate::figures;
use crate::report;
use crate::slots;
use crate::summary::Summary;
use crate::table;
use crate::tasks;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use wayside_core::engine::records::Replication;
use wayside_core::{Error, Result};

/// What a run was: a result without it cannot be cited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the scenario.
    pub scenario: String,
    /// SHA-256 of `scenario_text`, in hexadecimal.
    pub scenario_sha256: String,
    /// The whole scenario in its canonical form.
    pub scenario_text: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Slots of a run.
    pub slots: usize,
    /// The policies.
    pub policies: Vec<String>,
    /// Version of Wayside.
    pub version: String,
    /// Git commit that the program was built from, where it was built from a checkout.
    pub commit: Option<String>,
    /// Where it ran.
    pub machine: Machine,
    /// The command line.
    pub command: Vec<String>,
    /// When it started, UTC.
    pub started: String,
    /// Whether every seed and slot was run.
    pub complete: bool,
}

/// A computer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the CPU, where the system tells.
    pub cpu: Option<String>,
    /// Cores available.
    pub cores: usize,
    /// Operating system and architecture.
    pub os: String,
}

impl Machine {
    /// The computer that this program runs on.
    #[must_use]
    pub fn this() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find(|line| line.starts_with("model name"));
        Self {
            cpu: model
                .and_then(|line| line.split_once(':'))
                .map(|(_, model)| model.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl Manifest {
    /// The manifest of a run that starts now, with the command line of this process.
    #[must_use]
    pub fn now(
        scenario: &str,
        scenario_text: &str,
        seeds: &[u64],
        slots: usize,
        policies: &[String],
    ) -> Self {
        Self {
            scenario: scenario.into(),
            scenario_sha256: hex::encode(Sha256::digest(scenario_text)),
            scenario_text: scenario_text.into(),
            seeds: seeds.into(),
            slots,
            policies: policies.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            commit: option_env!("WAYSIDE_COMMIT").map(Into::into),
            machine: Machine::this(),
            command: std::env::args().collect(),
            started: utc(Timestamp::now()),
            complete: false,
        }
    }

    /// Whether both come from the same command on the same inputs.
    fn same_run(&self, other: &Self) -> bool {
        // The name of the program is where it was built, and `--force` changes no result.
        let options = |m: &'_ Self| -> Vec<String> {
            let options = m.command.iter().skip(1).filter(|a| *a != "--force");
            options.cloned().collect()
        };
        self.scenario_sha256 == other.scenario_sha256
            && self.seeds == other.seeds
            && self.slots == other.slots
            && self.policies == other.policies
            && self.version == other.version
            && options(self) == options(other)
    }
}

/// A results folder being written; dropped before [`RunFolder::finish`] it leaves nothing.
#[derive(Debug)]
pub struct RunFolder {
    target: PathBuf,
    draft: tempfile::TempDir,
    manifest: Manifest,
    force: bool,
}

impl RunFolder {
    /// Prepares to write `target`. Call it before the run: that is when a refusal costs nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `target` holds anything but the results of the same run and `force` is
    /// not given, or files and no results at all; [`Error::Io`] where its parent cannot be written.
    pub fn create(target: &Path, manifest: Manifest, force: bool) -> Result<Self> {
        may_replace(target, &manifest, force)?;
        let failed = |e| Error::io(target, e);
        // `.` and links have no sibling of their own: the folder that they mean has.
        let target = match fs::canonicalize(target) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => std::path::absolute(target),
            found => found,
        }
        .map_err(failed)?;
        let Some(parent) = target.parent() else {
            let file = target.display().to_string();
            return Err(Error::invalid(
                file,
                None,
                "",
                "is the root of the file system",
            ));
        };
        let draft = fs::create_dir_all(parent)
            .and_then(|()| scratch(parent))
            .map_err(failed)?;
        Ok(Self {
            target,
            draft,
            manifest,
            force,
        })
    }

    /// Writes one file, `name` relative to the folder, with any folder on the way.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file as it would be called in the end.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        self.write_with(name, |file| file.write_all(content))
    }

    /// Writes the summary, the slots, the figures and the report of a run.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_results(
        &self,
        summary: &Summary,
        replications: &[Replication],
        facts: &ScenarioFacts,
    ) -> Result<()> {
        self.write("summary.json", table::json(summary).as_bytes())?;
        self.write("summary.csv", table::csv(summary).as_bytes())?;
        let timing = summary.timing.is_some();
        self.write_with("slots.parquet", |file| {
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
        let files = files.map_err(|e| Error::io(&self.target.join(path("svg")), e))?;
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
        let parts = self.draft.path().join(TASK_PARTS);
        fs::create_dir(&parts).map_err(|e| Error::io(&self.target, e))?;
        Ok(parts)
    }

    /// Joins the parts of `replications` to `tasks.parquet`.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_tasks(&self, replications: &[Replication]) -> Result<()> {
        let parts = self.draft.path().join(TASK_PARTS);
        let seeds = replications.iter().map(|r| r.seed);
        self.write_with("tasks.parquet", |file| {
            tasks::join(file, &parts, seeds)?;
            fs::remove_dir_all(&parts)
        })
    }

    /// Writes the manifest and moves the folder into place.
    ///
    /// # Errors
    /// As [`RunFolder::create`], for the target may have changed since; [`Error::Io`] naming the target.
    pub fn finish(mut self, complete: bool) -> Result<()> {
        self.manifest.complete = complete;
        let mut text = serde_json::to_string_pretty(&self.manifest).expect("plain data");
        text.push('\n');
        self.write("manifest.json", text.as_bytes())?;
        may_replace(&self.target, &self.manifest, self.force)?;
        self.swap().map_err(|e| Error::io(&self.target, e))
    }

    /// Renames the draft to the target; what was there is removed last, and put back on failure.
    fn swap(&self) -> io::Result<()> {
        if !self.target.try_exists()? {
            return fs::rename(self.draft.path(), &self.target);
        }
        let parent = self.draft.path().parent().expect("a sibling has a parent");
        let aside = scratch(parent)?;
        let old = aside.path().join("old");
        fs::rename(&self.target, &old)?;
        if let Err(e) = fs::rename(self.draft.path(), &self.target) {
            fs::rename(&old, &self.target)?;
            return Err(e);
        }
        aside.close()
    }

    fn write_with(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>,
    ) -> Result<()> {
        let path = self.draft.path().join(name);
        let write = || {
            fs::create_dir_all(path.parent().expect("inside the draft"))?;
            let mut file = BufWriter::new(fs::File::create(&path)?);
            fill(&mut file)?;
            file.flush()
        };
        write().map_err(|e| Error::io(&self.target.join(name), e))
    }
}

/// An unnamed folder beside the target, readable by whom the user's mask lets.
fn scratch(parent: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wayside-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(parent)
}

/// An unnamed file in `folder`, readable by whom the user's mask lets.
pub(crate) fn draft_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wayside-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Folder within the draft for what [`RunFolder::write_tasks`] joins.
const TASK_PARTS: &str = "tasks.tmp";

/// Top-level names of a results folder; anything else in it is the user's own.
const OURS: [&str; 7] = [
    "figures",
    "manifest.json",
    "report.html",
    "slots.parquet",
    "summary.csv",
    "summary.json",
    "tasks.parquet",
];

/// Refuses to touch what is not the same run's; forced, what is no run's.
fn may_replace(target: &Path, manifest: &Manifest, force: bool) -> Result<()> {
    let refuse = |message: &str| {
        let file = target.display().to_string();
        Err(Error::invalid(file, None, "", message))
    };
    match fs::metadata(target) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io(target, e)),
        Ok(found) if !found.is_dir() => return refuse("is a file, and must be a folder"),
        Ok(_) => {}
    }
    let names = fs::read_dir(target)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|e| Error::io(target, e))?;
    if names.is_empty() {
        return Ok(());
    }
    let known = |name: &fs::DirEntry| name.file_name().to_str().is_some_and(|n| OURS.contains(&n));
    let found: Option<Manifest> = fs::read(target.join("manifest.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match found {
        // Even forced: it may be somebody's home.
        None => refuse("holds files, but no results of Wayside; name a new or an empty folder"),
        Some(_) if force => Ok(()),
        Some(found) if !found.same_run(manifest) => {
            refuse("holds the results of another run; --force replaces them")
        }
        Some(_) if names.iter().all(known) => Ok(()),
        Some(_) => refuse("holds more than the results of this run; --force replaces all of it"),
    }
}

/// To the second: `2026-01-31T12:00:00Z`.
fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    fn manifest(text: &str) -> Manifest {
        Manifest::now("wang2025", text, &[0, 1], 3, &["price".into()])
    }

    fn write(target: &Path, text: &str, force: bool) -> Result<()> {
        let folder = RunFolder::create(target, manifest(text), force)?;
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
        assert!(refused("x").contains("--force"));
        write(&target, "y", true).unwrap();
        assert!(!target.join("notes.txt").exists());
        assert_eq!(names(root.path()), ["out"]);

        fs::remove_file(target.join("manifest.json")).unwrap();
        let error = write(&target, "y", true).unwrap_err().to_string();
        assert!(error.contains("no results of Wayside"), "{error}");
        assert!(target.join("summary.json").exists());
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
