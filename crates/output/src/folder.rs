//! A result folder, open for writing.

use crate::commit::{Fault, Journal};
use crate::lock::{Lock, NEW, Refusal, SCRATCH};
use crate::name::{check_folder, create_parents, is_plain_path};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use wayside_core::{Error, Result, input};

/// What a folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Results of a run.
    Run,
    /// Results of a study.
    Study,
    /// A training.
    Training,
    /// Slots as JSON.
    Dump,
    /// A score card of the benchmark.
    Benchmark,
}

impl Kind {
    /// Name of the manifest.
    #[must_use]
    pub fn manifest(self) -> &'static str {
        match self {
            // every *.json beside it is a slot
            Self::Dump => "slots.manifest",
            Self::Run | Self::Study | Self::Training | Self::Benchmark => "manifest.json",
        }
    }

    /// Folders that it writes to.
    fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Run => &["figures"],
            Self::Study => &["cells", "draws", "figures", "tables"],
            Self::Benchmark => &["figures", "records"],
            Self::Training | Self::Dump => &[],
        }
    }

    /// How messages name other work of this kind.
    fn other(self) -> &'static str {
        match self {
            Self::Run => "the results of another run",
            Self::Study => "the results of another study",
            Self::Training => "a training; --resume goes on with it",
            Self::Dump => "the slots of another run",
            Self::Benchmark => "another score card",
        }
    }

    fn any(self) -> &'static str {
        match self {
            Self::Run => "the results of a run",
            Self::Study => "the results of a study",
            Self::Training => "a training",
            Self::Dump => "the slots of a run",
            Self::Benchmark => "a score card",
        }
    }
}

/// What a folder is opened for.
pub struct Request<'a> {
    /// What will be written.
    pub kind: Kind,
    /// Whether other results may be replaced.
    pub force: bool,
    /// Whether a manifest of this kind is that of the same work, which may be replaced anyway.
    pub same: &'a dyn Fn(&Value) -> bool,
    /// Whether a name, relative to the folder, is one that will be written.
    pub writes: &'a dyn Fn(&str) -> bool,
}

/// The part of every manifest that lists the names that are Wayside's.
#[derive(Debug, Deserialize)]
struct Head {
    kind: Kind,
    files: BTreeSet<String>,
}

/// A result folder, locked. Dropped without a commit it is as it was.
#[derive(Debug)]
pub struct Folder {
    kind: Kind,
    /// As it was named, for messages.
    shown: PathBuf,
    /// The same, whatever the current folder becomes.
    root: PathBuf,
    lock: Option<Lock>,
    /// Folders made for it, outermost first.
    created: Vec<PathBuf>,
    /// What the manifest lists.
    listed: BTreeSet<String>,
    found: Option<Value>,
}

impl Folder {
    /// Opens or makes `root`. Call it before the work, so that a refusal costs nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it holds other results and `force` is not given, where a name that will be written is
    /// the user's, where another process writes; [`Error::Io`] where it cannot be written.
    pub fn open(root: &Path, request: &Request<'_>) -> Result<Self> {
        let mut folder = Self::lock(root, request.kind)?;
        folder.judge(request)?;
        Ok(folder)
    }

    fn lock(shown: &Path, kind: Kind) -> Result<Self> {
        let failed = |e| Error::io(shown, e);
        if fs::metadata(shown).is_ok_and(|found| !found.is_dir()) {
            return Err(refused(shown, "is a file, and must be a folder"));
        }
        let root = std::path::absolute(shown).map_err(failed)?;
        let missing = root.ancestors().take_while(|path| !path.exists());
        let mut created: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        created.reverse();
        let made = fs::create_dir_all(&root).map_err(failed);
        let mut folder = Self {
            kind,
            shown: shown.to_owned(),
            root,
            lock: None,
            created,
            listed: BTreeSet::new(),
            found: None,
        };
        made?;
        let lock = Lock::acquire(&folder.root).map_err(|refusal| match refusal {
            Refusal::Busy => refused(shown, "another Wayside process is writing to it"),
            Refusal::Foreign => refused(
                &shown.join(crate::lock::STAGING),
                "is not Wayside's, and must be moved away",
            ),
            Refusal::Io(e) => Error::io(shown, e),
        })?;
        folder.created.retain(|path| *path != lock.staging);
        folder.lock = Some(lock);
        Ok(folder)
    }

    /// Ends what a killed process left, then looks whether the request may have the folder.
    fn judge(&mut self, request: &Request<'_>) -> Result<()> {
        let staging = self.staging();
        if let Some(journal) = Journal::read(&staging).map_err(|fault| self.fault(fault))? {
            let finished = journal.finish(&self.root, &staging);
            finished.map_err(|fault| self.fault(fault))?;
        }
        self.clear()?;
        self.read_manifest()?;
        if let Some(found) = &self.found
            && !request.force
        {
            let kind = Head::deserialize(found).map(|head| head.kind);
            let kind = kind.unwrap_or(self.kind);
            if kind != self.kind {
                let message = format!("holds {}; --force replaces it", kind.any());
                return Err(refused(&self.shown, &message));
            }
            if !(request.same)(found) {
                let message = format!("holds {}; --force replaces it", kind.other());
                return Err(refused(&self.shown, &message));
            }
        }
        self.check_names(request.writes)
    }

    fn read_manifest(&mut self) -> Result<()> {
        let path = self.root.join(self.kind.manifest());
        input::check(&path, &self.shown.join(self.kind.manifest()))?;
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            bytes => bytes.map_err(|e| Error::io(&self.shown.join(self.kind.manifest()), e))?,
        };
        let value: Option<Value> = serde_json::from_slice(&bytes).ok();
        let head = value.as_ref().and_then(|v| Head::deserialize(v).ok());
        if let Some(head) = head.filter(|head| head.files.iter().all(|name| is_plain_path(name))) {
            self.listed = head.files;
            self.listed.insert(self.kind.manifest().to_owned());
            self.found = value;
        }
        Ok(())
    }

    /// Refuses where the user has a file or a folder in the way, and where a folder cannot be written.
    fn check_names(&self, writes: &dyn Fn(&str) -> bool) -> Result<()> {
        let mut taken = Vec::new();
        let mut look = |below: Option<&str>| -> io::Result<()> {
            let folder = below.map_or(self.root.clone(), |below| self.root.join(below));
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                let name = below.map_or(name.clone(), |below| format!("{below}/{name}"));
                let ours = self.listed.contains(&name) && !entry.file_type()?.is_dir();
                if !ours && (writes(&name) || name == self.kind.manifest()) {
                    taken.push(name);
                }
            }
            Ok(())
        };
        look(None).map_err(|e| Error::io(&self.shown, e))?;
        for below in self.kind.folders() {
            let path = self.root.join(below);
            check_folder(&path).map_err(|fault| self.fault(fault))?;
            if path.exists() {
                look(Some(below))
                    .and_then(|()| check_writable(&path))
                    .map_err(|e| Error::io(&self.shown.join(below), e))?;
            }
        }
        taken.sort();
        match taken.as_slice() {
            [] => Ok(()),
            [name, others @ ..] => {
                let more = match others.len() {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                let message = format!(
                    "is not listed in a manifest of Wayside, and would be overwritten{more}; move it away, or name \
                     another folder"
                );
                Err(refused(&self.shown.join(name), &message))
            }
        }
    }

    /// The manifest that was there.
    #[must_use]
    pub fn found(&self) -> Option<&Value> {
        self.found.as_ref()
    }

    /// Where `name` is in the end.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The same as the user would call it, for messages.
    #[must_use]
    pub fn shown(&self, name: &str) -> PathBuf {
        self.shown.join(name)
    }

    fn staging(&self) -> PathBuf {
        self.lock
            .as_ref()
            .expect("locked until it is dropped")
            .staging
            .clone()
    }

    /// Stages a file.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file as it will be called.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        self.write_with(name, |file| file.write_all(content))
    }

    /// Stages a file that `fill` writes.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file as it will be called.
    pub fn write_with(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<()> {
        let mut file = BufWriter::new(self.create(name)?);
        fill(&mut file)
            .and_then(|()| file.flush())
            // a full disk or an exceeded quota shows up here at the latest
            .and_then(|()| file.get_ref().sync_data())
            .map_err(|e| Error::io(&self.shown(name), e))
    }

    /// Stages an empty file, to be filled even after it is committed.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file as it will be called.
    pub fn create(&self, name: &str) -> Result<File> {
        if !is_plain_path(name) {
            return Err(refused(&self.shown(name), "is not a plain file name"));
        }
        let new = self.staging().join(NEW);
        let made = match fs::create_dir(&new) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err((new.clone(), e)),
            _ => create_parents(&new, name),
        };
        made.and_then(|()| File::create(new.join(name)).map_err(|e| (new.join(name), e)))
            .map_err(|(_, e)| Error::io(&self.shown(name), e))
    }

    /// A folder for files that are joined before they are staged.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made.
    pub fn scratch(&self) -> Result<PathBuf> {
        let path = self.staging().join(SCRATCH);
        fs::create_dir_all(&path).map_err(|e| Error::io(&self.shown, e))?;
        Ok(path)
    }

    /// Stages one file and moves it into place at once, outside of any commit.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        self.write(name, content)?;
        create_parents(&self.root, name).map_err(|fault| self.fault(fault))?;
        let from = self.staging().join(NEW).join(name);
        fs::rename(from, self.root.join(name)).map_err(|e| Error::io(&self.shown(name), e))
    }

    /// Commits what is staged in place of all that the manifest lists; `more` names stay, and are Wayside's.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file. What was staged is lost where the journal could not be written, and moved by the
    /// next command on this folder where a file could not be moved.
    pub fn replace(&mut self, manifest: &Value, more: &[String]) -> Result<()> {
        let files = self.staged()?;
        let all = files.iter().chain(more).cloned().collect();
        self.commit(manifest, &files, all)
    }

    /// Commits what is staged, beside what the manifest lists already and with `more` names that are Wayside's.
    ///
    /// # Errors
    /// As [`Folder::replace`].
    pub fn add(&mut self, manifest: &Value, more: &[String]) -> Result<()> {
        let files = self.staged()?;
        let all = self.listed.union(&files).chain(more).cloned().collect();
        self.commit(manifest, &files, all)
    }

    fn commit(
        &mut self,
        manifest: &Value,
        files: &BTreeSet<String>,
        mut listed: BTreeSet<String>,
    ) -> Result<()> {
        let name = self.kind.manifest();
        listed.remove(name);
        let mut whole = serde_json::Map::new();
        whole.insert(
            "kind".into(),
            serde_json::to_value(self.kind).expect("a word"),
        );
        whole.extend(manifest.as_object().cloned().unwrap_or_default());
        whole.insert("files".into(), listed.iter().cloned().collect());
        let whole = Value::Object(whole);
        self.write(name, format!("{whole:#}\n").as_bytes())?;
        let journal = Journal {
            manifest: name.to_owned(),
            files: files.iter().filter(|file| *file != name).cloned().collect(),
            replaces: self.listed.iter().cloned().collect(),
            removes: self
                .listed
                .difference(&listed)
                .filter(|file| *file != name)
                .cloned()
                .collect(),
        };
        let staging = self.staging();
        journal
            .write(&staging)
            .map_err(|e| Error::io(&self.shown, e))?;
        // from here on the staged files are the results
        self.created.clear();
        listed.insert(name.to_owned());
        self.listed = listed;
        self.found = Some(whole);
        journal
            .finish(&self.root, &staging)
            .map_err(|fault| self.fault(fault))
    }

    /// Names of what is staged.
    fn staged(&self) -> Result<BTreeSet<String>> {
        let new = self.staging().join(NEW);
        let mut names = BTreeSet::new();
        list(&new, "", &mut names).map_err(|e| Error::io(&self.shown, e))?;
        Ok(names)
    }

    fn clear(&self) -> Result<()> {
        let lock = self.lock.as_ref().expect("locked until it is dropped");
        lock.clear().map_err(|e| Error::io(&self.shown, e))
    }

    /// Names the path as the user does.
    fn fault(&self, (path, error): Fault) -> Error {
        let shown = match path.strip_prefix(&self.root) {
            Ok(below) => self.shown.join(below),
            Err(_) => path,
        };
        match error.kind() {
            io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidData => refused(&shown, &error.to_string()),
            _ => Error::io(&shown, error),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.release();
        }
        // only what is empty goes
        for path in self.created.iter().rev() {
            _ = fs::remove_dir(path);
        }
    }
}

fn refused(path: &Path, message: &str) -> Error {
    Error::invalid(path.display().to_string(), None, "", message)
}

/// Files below `folder`, which may be absent, as names relative to it.
fn list(folder: &Path, below: &str, names: &mut BTreeSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.insert(name);
        }
    }
    Ok(())
}

#[cfg(unix)]
pub(crate) fn check_writable(folder: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
}

#[cfg(not(unix))]
pub(crate) fn check_writable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
