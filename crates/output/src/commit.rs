//! From staged files to results: the journal, and the renames that it promises.

use crate::lock::{JOURNAL, JOURNAL_DRAFT, NEW, absent_is_fine};
use crate::name::{check_folder, create_parents, is_plain_path};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What a commit does, written down before it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// Name of the manifest, which is moved last.
    pub(crate) manifest: String,
    /// Staged files.
    pub(crate) files: Vec<String>,
    /// What the old manifest lists: may be replaced.
    pub(crate) replaces: Vec<String>,
    /// Names of `replaces` that are no longer results.
    pub(crate) removes: Vec<String>,
}

/// One change of the folder; doing it again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Move(String),
    Remove(String),
}

/// A path, and what is wrong with it.
pub(crate) type Fault = (PathBuf, io::Error);

impl Journal {
    /// Writes it: whole, or not at all.
    pub(crate) fn write(&self, staging: &Path) -> io::Result<()> {
        let draft = staging.join(JOURNAL_DRAFT);
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec(self).expect("plain data"))?;
        file.sync_all()?;
        fs::rename(draft, staging.join(JOURNAL))?;
        sync_folder(staging);
        Ok(())
    }

    /// The journal of a commit that was begun.
    pub(crate) fn read(staging: &Path) -> Result<Option<Self>, Fault> {
        let path = staging.join(JOURNAL);
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|e| (path.clone(), e))?,
        };
        let wrong = |message: String| {
            (
                path.clone(),
                io::Error::new(io::ErrorKind::InvalidData, message),
            )
        };
        let journal: Self =
            serde_json::from_slice(&bytes).map_err(|e| wrong(format!("is damaged: {e}")))?;
        let names = journal.files.iter().chain(&journal.removes);
        match names
            .chain([&journal.manifest])
            .find(|name| !is_plain_path(name))
        {
            Some(name) => Err(wrong(format!("is damaged: {name:?} is not a file name"))),
            None => Ok(Some(journal.clone())),
        }
    }

    /// Every change, in order.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let moves = self.files.iter().cloned().map(Step::Move);
        let removes = self.removes.iter().cloned().map(Step::Remove);
        let last = Step::Move(self.manifest.clone());
        moves.chain(removes).chain([last]).collect()
    }

    /// Does what is left of it.
    pub(crate) fn finish(&self, root: &Path, staging: &Path) -> Result<(), Fault> {
        // The manifest went last: without it here, all is done.
        if staging.join(NEW).join(&self.manifest).exists() {
            self.check_free(root, staging)?;
            for step in self.steps() {
                step.apply(root, staging)?;
            }
        }
        sync_folder(root);
        let journal = staging.join(JOURNAL);
        absent_is_fine(fs::remove_file(&journal)).map_err(|e| (journal, e))
    }

    /// That no file of the user's is where a staged one belongs.
    fn check_free(&self, root: &Path, staging: &Path) -> Result<(), Fault> {
        let taken = |message: &str| io::Error::new(io::ErrorKind::AlreadyExists, message);
        for name in self.files.iter().chain([&self.manifest]) {
            let path = root.join(name);
            if !staging.join(NEW).join(name).exists() {
                continue;
            }
            match fs::symlink_metadata(&path) {
                Err(_) => {}
                Ok(found) if found.is_dir() => {
                    return Err((
                        path,
                        taken("is a folder where a result belongs; move it away"),
                    ));
                }
                Ok(_) if self.replaces.contains(name) => {}
                Ok(_) => {
                    let message = "is not Wayside's, and a result belongs there; move it away and \
                                   run the command again, which finishes first what is in .wayside";
                    return Err((path, taken(message)));
                }
            }
        }
        Ok(())
    }
}

impl Step {
    pub(crate) fn apply(&self, root: &Path, staging: &Path) -> Result<(), Fault> {
        match self {
            Self::Move(name) => {
                create_parents(root, name)?;
                let moved = fs::rename(staging.join(NEW).join(name), root.join(name));
                // moved before the process was killed
                absent_is_fine(moved).map_err(|e| (root.join(name), e))
            }
            Self::Remove(name) => {
                let path = root.join(name);
                for parent in path.ancestors().skip(1).take_while(|p| *p != root) {
                    check_folder(parent)?;
                }
                if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_dir()) {
                    absent_is_fine(fs::remove_file(&path)).map_err(|e| (path.clone(), e))?;
                }
                // a folder that holds nothing any more goes too
                for parent in path.ancestors().skip(1).take_while(|p| *p != root) {
                    _ = fs::remove_dir(parent);
                }
                Ok(())
            }
        }
    }
}

/// Renames are on the disk once the folder is; not every system lets one be opened.
fn sync_folder(folder: &Path) {
    _ = fs::File::open(folder).and_then(|f| f.sync_all());
}
