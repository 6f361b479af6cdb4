//! Names that become paths.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Longest plain name in bytes: with any extension it fits a file name on every file system.
pub const MAX_NAME_BYTES: usize = 100;

/// Whether `name` may become the name of a file: not empty, not hidden, at most [`MAX_NAME_BYTES`] long, without
/// separators, control characters, and characters that a file system or a shell may refuse.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let refused = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c) || is_noncharacter(c);
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with(['.', ' '])
        && !name.ends_with(['.', ' '])
        && !name.contains(refused)
}

/// Noncharacters such as U+FFFE and U+FFFF; XML forbids some of them, and no text needs them.
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}

/// Whether every component of the relative path `name` is a plain name.
pub(crate) fn is_plain_path(name: &str) -> bool {
    name.split('/').all(is_plain_name)
}

/// The folders on the way to `name` below `root`, outermost first.
fn parents(root: &Path, name: &str) -> Vec<PathBuf> {
    let mut below = root.to_owned();
    let mut components: Vec<&str> = name.split('/').collect();
    components.pop();
    components
        .into_iter()
        .map(|component| {
            below.push(component);
            below.clone()
        })
        .collect()
}

/// Makes the folders on the way to `name`; one that is a link or a file is an error that names it.
pub(crate) fn create_parents(root: &Path, name: &str) -> Result<(), (PathBuf, io::Error)> {
    for parent in parents(root, name) {
        check_folder(&parent)?;
        match fs::create_dir(&parent) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err((parent, e)),
            _ => {}
        }
    }
    Ok(())
}

/// That `path` is a folder of its own, or nothing yet.
pub(crate) fn check_folder(path: &Path) -> Result<(), (PathBuf, io::Error)> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(found) => {
            let what = if found.is_symlink() { "link" } else { "file" };
            let message = format!("must be a folder, is a {what}");
            Err((
                path.to_owned(),
                io::Error::new(io::ErrorKind::NotADirectory, message),
            ))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err((path.to_owned(), e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_plain_names() {
        for name in [
            "fig3",
            "lin2025.fig6",
            "a b",
            "größe",
            "x-1_2",
            &"x".repeat(100),
        ] {
            assert!(is_plain_name(name), "{name}");
        }
        let long = "x".repeat(101);
        let refused = [
            "",
            ".",
            "..",
            ".git",
            "../x",
            "a/b",
            "/etc",
            "a\\b",
            "C:",
            "a\0",
            "a\n",
            "a\u{1b}",
            "x ",
            "x.",
            "a\u{ffff}",
            "a\u{fffe}",
            "a\u{1fffe}",
            &long,
        ];
        for name in refused {
            assert!(!is_plain_name(name), "{name:?}");
        }
        assert!(is_plain_path("figures/fig3.svg"));
        assert!(!is_plain_path("figures/../x") && !is_plain_path("figures//x"));
    }
}
