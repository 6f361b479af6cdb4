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
        let (draft, mut file) = draft_beside(&target)?;
        let written = file
            .write_all(content)
            .and_then(|()| keep_owner(&file, &old))
            .and_then(|()| file.set_permissions(old.permissions()))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&draft, &target));
        if written.is_err() {
            _ = fs::remove_file(&draft);
        }
        written
    };
    replace().map_err(|e| Error::io(path, e))
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
}
