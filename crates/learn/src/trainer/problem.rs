//! A problem of an option.

use wayside_core::error::Problem;

pub(super) fn problem(name: &str, message: String) -> Problem {
    Problem {
        file: "--option".to_owned(),
        line: None,
        path: name.to_owned(),
        message,
    }
}
