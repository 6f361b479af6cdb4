//! Flags that several commands share.

use clap::ValueEnum;
use wayside_core::engine::BoundKind;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for reading.
    #[default]
    Table,
    /// One document, all digits.
    Json,
    /// A header and a line per row, all digits.
    Csv,
}

/// Kinds of lower bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bound {
    /// Horizon where time.carry_over is true or work runs in sessions, else simple.
    Auto,
    /// The dual of the slot: fast.
    Simple,
    /// Tighter, and about ten times slower.
    Split,
    /// All slots of a run together: for tasks that hold CPU into later slots, and the only one for sessions.
    Horizon,
    /// None.
    Off,
}

impl From<Bound> for BoundKind {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Simple => Self::Simple,
            Bound::Split => Self::Split,
            Bound::Auto | Bound::Horizon => Self::Horizon,
            Bound::Off => Self::Off,
        }
    }
}

/// Splits `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected KEY=VALUE, such as fleet.size=200".to_owned()),
    }
}

/// Seconds that a second of the scenario takes.
#[cfg(feature = "live")]
pub(crate) fn dilation(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|f| (0.1..=1000.0).contains(f));
    factor.ok_or_else(|| format!("expected a number between 0.1 and 1000, got {text:?}"))
}
