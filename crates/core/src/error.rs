//! Errors are for bad input and I/O; an infeasible or unsolved problem is an outcome, not an error.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing wrong with one input: where it is, what was found, what was expected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// File name, `--set`, or another name of the input.
    pub file: String,
    /// Line in the file, counted from 1, where known.
    pub line: Option<usize>,
    /// Path inside the document, as in `fleet.cpu_hz` or `$.tasks[3].cycles`; empty for the whole file.
    pub path: String,
    /// What was expected and what was found: `must be > 0, got -1`.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Every problem of an input, in the order of the file. Never empty inside an [`Error`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one problem.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// The value of `result`, or none where it is wrong and its problems have been added.
    ///
    /// # Errors
    /// What is no problem of an input.
    pub fn collect<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(Self(problems))) => {
                self.0.extend(problems);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Adds a problem for every name that was there before: `{name} is there twice`.
    pub fn add_repeats<T: Ord + fmt::Display>(
        &mut self,
        what: &str,
        names: impl IntoIterator<Item = T>,
    ) {
        let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
        for name in names {
            if let Some(name) = seen.replace(name) {
                twice.insert(name);
            }
        }
        self.0.extend(twice.into_iter().map(|name| Problem {
            file: what.to_owned(),
            line: None,
            path: String::new(),
            message: format!("{name} is there twice"),
        }));
    }

    /// `Ok(value)` when nothing is wrong, else all problems at once, ordered by file, line and path.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem collected so far.
    pub fn into_result<T>(mut self, value: T) -> Result<T> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            self.0.sort();
            self.0.dedup();
            Err(Error::Invalid(self))
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// What can go wrong: bad input (exit code 2); the file system, or a bug found in a run (exit code 1).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is wrong; every problem is named.
    #[error("{0}")]
    Invalid(Problems),
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A bug of Wayside: a cost below its certified lower bound. No result of such a run can be trusted.
    #[error("a bug of Wayside: {place} has J = {objective:e}, below its certified bound {bound:e}")]
    BelowBound {
        /// The policy, and where it decided.
        place: String,
        /// The objective J.
        objective: f64,
        /// The bound of it that is violated.
        bound: f64,
    },
}

/// Result of everything that reads input or touches files.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A single problem.
    #[must_use]
    pub fn invalid(
        file: impl Into<String>,
        line: Option<usize>,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::Invalid(Problems(vec![Problem {
            file: file.into(),
            line,
            path: path.into(),
            message: message.into(),
        }]))
    }

    /// An I/O failure on `path`.
    #[must_use]
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
