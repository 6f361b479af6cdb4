//! `.wayside/`: its mark, and the lock that admits one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The folder of everything unfinished.
pub(crate) const STAGING: &str = ".wayside";
/// Its entries.
pub(crate) const LOCK: &str = "lock";
pub(crate) const NEW: &str = "new";
pub(crate) const SCRATCH: &str = "scratch";
pub(crate) const JOURNAL: &str = "commit.json";
pub(crate) const JOURNAL_DRAFT: &str = "commit.tmp";

/// What makes a `.wayside` ours.
const MARK: &str = "Wayside is writing, or was killed while it did.\n";

/// Whether a process wrote to `folder` and ended before anything was in place there.
#[must_use]
pub fn holds_nothing_finished(folder: &Path) -> bool {
    let is_staging =
        |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|e| e.file_name() == STAGING);
    folder.join(STAGING).is_dir() && fs::read_dir(folder).is_ok_and(|mut all| all.all(is_staging))
}

/// Why a folder cannot be locked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Another process has it.
    Busy,
    /// `.wayside` is the user's.
    Foreign,
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The right to write below a folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    /// `.wayside`.
    pub(crate) staging: PathBuf,
    /// Unlocked when it is closed.
    _file: File,
}

impl Lock {
    /// Locks `root`, which exists.
    pub(crate) fn acquire(root: &Path) -> Result<Self, Refusal> {
        let staging = root.join(STAGING);
        // A process that ends removes the file that another one has just opened: then try again.
        for _ in 0..100 {
            check_ours(&staging)?;
            match fs::create_dir(&staging) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e.into()),
                _ => {}
            }
            let path = staging.join(LOCK);
            let mut options = OpenOptions::new();
            let opened = options.read(true).append(true).create(true).open(&path);
            let mut file = match opened {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(Refusal::Busy),
                Err(TryLockError::Error(e)) if e.kind() != io::ErrorKind::Unsupported => {
                    return Err(e.into());
                }
                _ => {}
            }
            if !is_at(&file, &path) {
                continue;
            }
            if file.metadata()?.len() == 0 {
                file.write_all(MARK.as_bytes())?;
                file.sync_all()?;
            }
            return Ok(Self {
                staging,
                _file: file,
            });
        }
        Err(Refusal::Busy)
    }

    /// Removes what is staged, and the journal first.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for name in [JOURNAL, JOURNAL_DRAFT] {
            absent_is_fine(fs::remove_file(self.staging.join(name)))?;
        }
        for name in [NEW, SCRATCH] {
            absent_is_fine(fs::remove_dir_all(self.staging.join(name)))?;
        }
        Ok(())
    }

    /// Removes the folder, unless a commit is still to be finished.
    pub(crate) fn release(self) {
        if self.staging.join(JOURNAL).exists() || self.clear().is_err() {
            return;
        }
        _ = fs::remove_file(self.staging.join(LOCK));
        _ = fs::remove_dir(&self.staging);
    }
}

pub(crate) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// That `.wayside` is absent, or holds nothing but what we put there.
fn check_ours(staging: &Path) -> Result<(), Refusal> {
    match fs::symlink_metadata(staging) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e.into()),
        Ok(found) if !found.is_dir() => return Err(Refusal::Foreign),
        Ok(_) => {}
    }
    let mut others = false;
    for entry in fs::read_dir(staging)? {
        let name = entry?.file_name();
        match name.to_str() {
            Some(LOCK) => {}
            Some(NEW | SCRATCH | JOURNAL | JOURNAL_DRAFT) => others = true,
            _ => return Err(Refusal::Foreign),
        }
    }
    let path = staging.join(LOCK);
    let text = match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e.into()),
        Ok(found) if !found.is_file() => return Err(Refusal::Foreign),
        Ok(_) => {
            let mut text = String::new();
            let longest = MARK.len() as u64 + 1;
            let read = File::open(&path).and_then(|f| f.take(longest).read_to_string(&mut text));
            match read {
                Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err(Refusal::Foreign),
                read => read.map(|_| text)?,
            }
        }
    };
    // Killed before the mark was written: then there is nothing else yet.
    let begun = MARK.starts_with(&text) && !others;
    if text == MARK || begun {
        Ok(())
    } else {
        Err(Refusal::Foreign)
    }
}

/// Whether `path` is still the file that was opened.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |m: fs::Metadata| (m.dev(), m.ino());
    let found = fs::symlink_metadata(path).map(place).ok();
    found.is_some() && found == file.metadata().map(place).ok()
}

/// An open file cannot be removed here.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
