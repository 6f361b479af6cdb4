//! Reads input files as a whole, safely.
//!
//! A device may never end, and opening a named pipe may wait forever: only regular files are read, up to a limit.

use crate::error::{Error, Result};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Largest input that is read as a whole: scenarios, studies, slots, topologies, records, pages \[B\].
pub const MOST_BYTES: u64 = 256 << 20;

/// Checks that `path` is neither a device nor a pipe nor a socket. What does not exist, and a folder, is for the system
/// to refuse.
///
/// # Errors
/// [`Error::Invalid`] with the name that the caller shows for `path`.
pub fn check(path: &Path, shown: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => Err(refused(
            shown,
            "must be a file: a device, pipe or socket may never end",
        )),
        _ => Ok(()),
    }
}

/// The content of a regular file.
///
/// # Errors
/// [`Error::Invalid`] for what is no regular file, or larger than [`MOST_BYTES`]; [`Error::Io`] for what cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    check(path, path)?;
    let file = fs::File::open(path).map_err(|e| Error::io(path, e))?;
    read_from(file, path)
}

/// The text of a regular file.
///
/// # Errors
/// As [`read`]; text that is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    text(read(path)?, path)
}

/// The text of standard input.
///
/// # Errors
/// As [`read_text`].
pub fn read_stdin() -> Result<String> {
    let shown = Path::new("stdin");
    text(read_from(io::stdin().lock(), shown)?, shown)
}

fn read_from(input: impl Read, shown: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = input.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::io(shown, e))?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("must be at most {} MiB", MOST_BYTES >> 20);
        return Err(refused(shown, &message));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>, shown: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| refused(shown, "must be text in UTF-8"))
}

fn refused(shown: &Path, message: &str) -> Error {
    Error::invalid(shown.display().to_string(), None, "", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_only_regular_files_are_read() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("f");
        fs::write(&file, "text").unwrap();
        assert_eq!(read_text(&file).unwrap(), "text");
        fs::write(&file, [0xff]).unwrap();
        assert!(matches!(read_text(&file), Err(Error::Invalid(_))));
        let missing = root.path().join("none");
        for path in [missing.as_path(), root.path()] {
            assert!(matches!(read(path), Err(Error::Io { .. })), "{path:?}");
        }
        #[cfg(unix)]
        {
            let socket = root.path().join("socket");
            let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
            for path in [socket.as_path(), Path::new("/dev/zero")] {
                let error = read(path).unwrap_err();
                let name = path.display().to_string();
                assert!(matches!(error, Error::Invalid(_)), "{path:?}");
                assert!(error.to_string().starts_with(&name), "{error}");
            }
        }
    }

    #[test]
    fn closed_form_endless_input_stops_at_the_limit() {
        let error = read_from(io::repeat(b'x'), Path::new("stdin")).unwrap_err();
        assert_eq!(error.to_string(), "stdin: must be at most 256 MiB");
    }
}
