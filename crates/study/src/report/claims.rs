//! Claims of a paper and what became of them: `claims.json`, and its place in a report.

use super::page::{Block, Section};
use super::table::{Cell, Table};
use crate::figures::text::significant;
use serde::{Deserialize, Serialize};

/// A claim with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Unique name: `lin2025.fig6.packets-per-round`.
    pub id: String,
    /// The figure that makes it, as the paper numbers it.
    pub figure: String,
    /// What is claimed.
    pub claim: String,
    /// The number printed, where one is.
    pub published: Option<f64>,
    /// The number found.
    pub measured: Option<f64>,
    /// Its 95 % confidence interval.
    pub ci95: Option<[f64; 2]>,
    /// Whether the claim stands.
    pub verdict: Verdict,
    /// Why it fails, or what to know.
    pub note: String,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The interval lies where the claim says.
    Holds,
    /// It lies elsewhere.
    Fails,
    /// It crosses the limit.
    Undecided,
}

/// The section of claims; `None` without any.
#[must_use]
pub fn claims(claims: &[Claim]) -> Option<Section> {
    let number = |x: Option<f64>| x.map_or_else(|| "–".into(), |x| significant(x, 4));
    let rows = claims.iter().map(|claim| {
        let verdict = match claim.verdict {
            Verdict::Holds => "✓ holds",
            Verdict::Fails => "✗ fails",
            Verdict::Undecided => "? undecided",
        };
        let interval = claim
            .ci95
            .map(|[lo, hi]| format!("{} to {}", significant(lo, 4), significant(hi, 4)));
        vec![
            Cell {
                text: claim.claim.clone(),
                note: claim.id.clone(),
                ..Cell::default()
            },
            Cell::new(&claim.figure),
            Cell::new(&number(claim.published)),
            Cell {
                text: number(claim.measured),
                note: interval.unwrap_or_default(),
                ..Cell::default()
            },
            Cell {
                text: verdict.into(),
                note: claim.note.clone(),
                ..Cell::default()
            },
        ]
    });
    let table = Table {
        caption: "Claims of the paper, and whether they hold here".into(),
        header: ["claim", "figure", "published", "measured", "verdict"]
            .map(Into::into)
            .into(),
        rows: rows.collect(),
    };
    let blocks = if claims.is_empty() {
        Vec::new()
    } else {
        vec![Block::Table(table)]
    };
    Section::new("claims", "Claims", blocks)
}
