//! Results to stdout, everything else to stderr, and the exit codes.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use wayside_core::Error;

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad input (exit code 2) or the file system (1).
    Library(Error),
    /// A bug of Wayside, described already (1).
    Bug,
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
    /// Says what is wrong, a line per problem, and how the program exits.
    pub(crate) fn report(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Library(error) => {
                for line in error.to_string().lines() {
                    say(format_args!("error: {line}"));
                }
                match error {
                    Error::Invalid(_) => 2,
                    Error::Io { .. } => 1,
                }
            }
            Self::Bug => 1,
            Self::Interrupted => 130,
        })
    }
}

/// Writes a result to stdout. That its reader has left, as `head` does, is no failure.
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

/// A line to stderr. Unlike `eprintln!` it does not mind that nobody listens.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A cost below its certified bound is a bug: no result of such a run is to be trusted.
pub(crate) fn report_bug(objective: f64, bound: f64, place: impl Display) -> Outcome {
    if objective - bound >= -1e-9 * bound {
        return Ok(());
    }
    say(format_args!(
        "error: a bug of Wayside: {place} has J = {objective:e}, below its certified bound {bound:e}"
    ));
    Err(Failure::Bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_only_rounding_is_forgiven() {
        assert!(report_bug(1.0, 1.0 + 1e-10, "here").is_ok());
        assert!(report_bug(0.0, 0.0, "here").is_ok());
        let bug = report_bug(1.0, 1.0 + 1e-8, "a test,");
        assert!(matches!(bug, Err(Failure::Bug)));
    }
}
