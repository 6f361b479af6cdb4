//! Results to stdout, everything else to stderr, and the exit codes.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use wayside_core::Error;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad input or a missing file (exit code 2), or anything else that the library reports (1).
    Library(Error),
    /// A command line with several values that are wrong, as text for the user (2).
    Usage(String),
    /// Ctrl-C (130).
    Interrupted,
}

/// Result of a command.
pub(crate) type Outcome = Result<(), Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl Failure {
    /// Prints a line per problem, and returns the exit code.
    pub(crate) fn report(&self) -> u8 {
        match self {
            Self::Library(error) => {
                for line in error.to_string().lines() {
                    say(format_args!("error: {}", visible(line)));
                }
                match error {
                    Error::Invalid(_) => 2,
                    // folders are made when they are needed: what is missing is a file that the user has named
                    Error::Io { source, .. } if is_no_file(source) => 2,
                    _ => 1,
                }
            }
            Self::Usage(text) => {
                text.lines().for_each(|line| say(visible(line)));
                2
            }
            Self::Interrupted => 130,
        }
    }
}

/// Whether what was named is not there, or no file.
fn is_no_file(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotFound};
    // the kind of a loop of links is not stable yet
    #[cfg(target_os = "linux")]
    let is_loop = error.raw_os_error() == Some(libc::ELOOP);
    #[cfg(not(target_os = "linux"))]
    let is_loop = false;
    is_loop || matches!(error.kind(), NotFound | IsADirectory)
}

/// `line` without control characters: keys and file names may contain escape sequences.
pub(crate) fn visible(line: &str) -> String {
    let escaped = |c: char| match c.is_control() && c != '\t' {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    line.chars().map(escaped).collect()
}

/// Writes a result to stdout. A reader that closes the pipe early, such as `head`, is not an error.
pub(crate) fn print(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    printed(written.and_then(|()| stdout.flush()))
}

/// The result of writing to stdout. A closed pipe, as after `head`, is not a failure.
pub(crate) fn printed(written: io::Result<()>) -> Outcome {
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io(Path::new("stdout"), e).into())
        }
        _ => Ok(()),
    }
}

/// Writes a line to stderr. Unlike `eprintln!` it does not panic when stderr is closed.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
