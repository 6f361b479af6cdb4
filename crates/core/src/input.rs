//! Reads input files as a whole, safely.
//!
//! A device may never end: regular files are read, and pipes that somebody writes to, up to a limit.

use crate::error::{Error, Result};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Largest input that is read as a whole: scenarios, studies, slots, topologies, records, pages \[B\].
pub const MOST_BYTES: u64 = 256 << 20;

/// How long a named pipe may be without a writer.
const WRITER: Duration = Duration::from_secs(2);

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

/// The content of a regular file, or all that comes through a pipe, as of a shell's `<(...)`.
///
/// # Errors
/// [`Error::Invalid`] for what is neither, or larger than [`MOST_BYTES`], or a pipe without a writer; [`Error::Io`] for
/// what cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    if is_pipe(path) {
        return read_from(open_pipe(path.to_owned())?, path);
    }
    check(path, path)?;
    let file = fs::File::open(path).map_err(|e| Error::io(path, e))?;
    read_from(file, path)
}

/// Whether `path` is a pipe, which can be read only once.
#[must_use]
pub fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// What relative paths in the input `path` are relative to: its folder, for a pipe the working directory.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|_| !is_pipe(path));
    folder.unwrap_or(Path::new(""))
}

/// Opens a pipe, which waits for a writer, on a thread of its own, which is left behind where none comes.
fn open_pipe(path: PathBuf) -> Result<fs::File> {
    let (opened, result) = mpsc::channel();
    let pipe = path.clone();
    thread::spawn(move || opened.send(fs::File::open(pipe)));
    match result.recv_timeout(WRITER) {
        Ok(file) => file.map_err(|e| Error::io(&path, e)),
        Err(_) => {
            let message = format!(
                "is a pipe that nothing writes to, after {} s",
                WRITER.as_secs()
            );
            Err(refused(&path, &message))
        }
    }
}

/// The text of a regular file or a pipe.
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
    fn property_files_and_pipes_are_read_and_nothing_else() {
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
            let pipe = root.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status();
            assert!(made.unwrap().success());
            let error = read(&pipe).unwrap_err().to_string();
            assert!(
                error.ends_with("is a pipe that nothing writes to, after 2 s"),
                "{error}"
            );
            // the thread that waited is there still: whoever opens the pipe now does not wait, and may find no reader
            let late = root.path().join("late");
            let made = std::process::Command::new("mkfifo").arg(&late).status();
            assert!(made.unwrap().success());
            let writer = {
                let late = late.clone();
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(300));
                    fs::write(late, "text").unwrap();
                })
            };
            assert_eq!(read_text(&late).unwrap(), "text");
            writer.join().unwrap();
            assert_eq!(folder_of(&late), Path::new(""));
            assert_eq!(folder_of(&file), root.path());
        }
    }

    #[test]
    fn closed_form_endless_input_stops_at_the_limit() {
        let error = read_from(io::repeat(b'x'), Path::new("stdin")).unwrap_err();
        assert_eq!(error.to_string(), "stdin: must be at most 256 MiB");
    }
}
