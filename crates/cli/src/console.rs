//! Results to stdout, everything else to stderr, and the exit codes.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use wayside_core::Error;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad input (exit code 2), or anything else that the library reports (1).
    Library(Error),
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
    pub(crate) fn report(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Library(error) => {
                for line in error.to_string().lines() {
                    say(format_args!("error: {line}"));
                }
                match error {
                    Error::Invalid(_) => 2,
                    _ => 1,
                }
            }
            Self::Interrupted => 130,
        })
    }
}

/// Writes a result to stdout. A reader that closes the pipe early, such as `head`, is not an error.
pub(crate) fn print(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
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
