//! A single file of the user's, replaced whole.

use crate::folder::check_writable;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wayside_core::{Error, Result};

/// Whether [`replace_file`] may replace `path`; ask before work that takes long.
///
/// # Errors
/// [`Error::Io`] where the file is absent or its folder cannot be written.
pub fn check_file(path: &Path) -> Result<()> {
    let check = || check_writable(fs::canonicalize(path)?.parent().unwrap_or(Path::new("/")));
    check().map_err(|e| Error::io(path, e))
}

/// Replaces the content of `path`: whatever happens, it holds the old content or the new. A link is followed; the mode
/// stays, and where the system lets it, the owner.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub fn replace_file(path: &Path, content: &[u8]) -> Result<()> {
    let replace = || {
        let target = fs::canonicalize(path)?;
        let old = fs::metadata(&target)?;
        let mut draft = Draft::beside(path, target, Some(old))?;
        draft.file.write_all(content)?;
        draft.settle()
    };
    replace().map_err(|e| Error::io(path, e))
}

/// A file of the user's being written: whole at its place once it is committed, and gone if it is dropped before.
#[derive(Debug)]
pub struct Draft {
    shown: PathBuf,
    target: PathBuf,
    draft: PathBuf,
    file: File,
    /// What it replaces.
    old: Option<fs::Metadata>,
}

impl Draft {
    /// Begins `path`; an existing file is replaced only by `force`. A link is followed.
    ///
    /// # Errors
    /// [`Error::Invalid`] where something is in the way, [`Error::Io`] where the folder cannot be written.
    pub fn begin(path: &Path, force: bool) -> Result<Self> {
        let refused = |message: &str| {
            let file = path.display().to_string();
            Err(Error::invalid(file, None, "", message))
        };
        let old = match fs::metadata(path) {
            Ok(old) if old.is_dir() => return refused("is a folder, and must be a file"),
            Ok(old) if !old.is_file() => return refused("must be a plain file"),
            Ok(_) if !force => return refused("is there already; --force replaces it"),
            Ok(old) => Some(old),
            Err(_) if path.is_symlink() => return refused("is a link to a file that is not there"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io(path, e)),
        };
        let begin = || {
            let target = match &old {
                Some(_) => fs::canonicalize(path)?,
                None => std::path::absolute(path)?,
            };
            Self::beside(path, target, old)
        };
        begin().map_err(|e| Error::io(path, e))
    }

    fn beside(shown: &Path, target: PathBuf, old: Option<fs::Metadata>) -> io::Result<Self> {
        let (draft, file) = draft_beside(&target)?;
        let shown = shown.to_owned();
        Ok(Self {
            shown,
            target,
            draft,
            file,
            old,
        })
    }

    /// The file to write to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it is until it is committed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.draft
    }

    /// Moves the complete file to its place.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file, [`Error::Invalid`] where somebody else has made it in the meantime.
    pub fn commit(self) -> Result<()> {
        let shown = self.shown.clone();
        self.settle().map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => {
                let message = "has been made by somebody else; --force replaces it";
                Error::invalid(shown.display().to_string(), None, "", message)
            }
            _ => Error::io(&shown, e),
        })
    }

    fn settle(self) -> io::Result<()> {
        if let Some(old) = &self.old {
            keep_owner(&self.file, old)?;
            self.file.set_permissions(old.permissions())?;
        }
        self.file.sync_all()?;
        if self.old.is_none() {
            // unlike a rename it replaces nothing; some file systems have no links
            match fs::hard_link(&self.draft, &self.target) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {}
                linked => return linked,
            }
        }
        fs::rename(&self.draft, &self.target)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // after a rename it is not there
        _ = fs::remove_file(&self.draft);
    }
}

/// A new file in the same folder, under an unused name.
fn draft_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    let folder = target.parent().unwrap_or(Path::new("/"));
    let id = std::process::id();
    for nth in 0..1000 {
        let draft = folder.join(format!(".wayside-{id}-{nth}.tmp"));
        match OpenOptions::new().write(true).create_new(true).open(&draft) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (draft, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        // only root may change the owner
        _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_a_replaced_file_keeps_its_mode_and_its_links() {
        let root = tempfile::tempdir().unwrap();
        let page = root.path().join("page.md");
        fs::write(&page, "old").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt as _, symlink};
            fs::set_permissions(&page, fs::Permissions::from_mode(0o640)).unwrap();
            let link = root.path().join("link.md");
            symlink("page.md", &link).unwrap();
            replace_file(&link, b"by the link").unwrap();
            assert_eq!(fs::read_to_string(&page).unwrap(), "by the link");
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            let mode = fs::metadata(&page).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o640);
            fs::remove_file(link).unwrap();
        }
        replace_file(&page, b"new").unwrap();
        assert_eq!(fs::read_to_string(&page).unwrap(), "new");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        assert!(replace_file(&root.path().join("absent"), b"").is_err());
    }

    #[test]
    fn property_a_draft_is_whole_or_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("trace.parquet");
        let names = || fs::read_dir(root.path()).unwrap().count();
        let mut draft = Draft::begin(&path, false).unwrap();
        draft.file().write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(draft);
        assert_eq!(names(), 0);
        let mut draft = Draft::begin(&path, false).unwrap();
        draft.file().write_all(b"whole").unwrap();
        draft.commit().unwrap();
        assert_eq!(
            (fs::read(&path).unwrap().as_slice(), names()),
            (b"whole".as_slice(), 1)
        );
        let refused = Draft::begin(&path, false).unwrap_err().to_string();
        assert!(
            refused.ends_with("is there already; --force replaces it"),
            "{refused}"
        );
        // begun by force, and given up
        drop(Draft::begin(&path, true).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let mut draft = Draft::begin(&path, true).unwrap();
        draft.file().write_all(b"new").unwrap();
        draft.commit().unwrap();
        assert_eq!(
            (fs::read(&path).unwrap().as_slice(), names()),
            (b"new".as_slice(), 1)
        );
        // somebody else was faster
        let other = root.path().join("other");
        let draft = Draft::begin(&other, false).unwrap();
        fs::write(&other, "theirs").unwrap();
        assert!(matches!(draft.commit(), Err(Error::Invalid(_))));
        assert_eq!(fs::read(&other).unwrap(), b"theirs");
        assert!(matches!(
            Draft::begin(root.path(), true),
            Err(Error::Invalid(_))
        ));
        assert!(matches!(
            Draft::begin(&root.path().join("no/x"), true),
            Err(Error::Io { .. })
        ));
    }
}
