//! A claim of a paper and what became of it: an entry of `claims.json`.

use serde::{Deserialize, Serialize};

/// A claim with its verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Unique name: `lin2025.fig6.packets-per-round`.
    pub id: String,
    /// The figure that makes it, as the paper numbers it.
    pub figure: String,
    /// What is claimed.
    pub claim: String,
    /// The number printed, where one is.
    pub published: Option<f64>,
    /// The number found; what it is says `measure`.
    pub measured: Option<f64>,
    /// Its 95 % confidence interval by Student's t.
    pub ci95: Option<[f64; 2]>,
    /// Whether the claim stands.
    pub verdict: Verdict,
    /// Why it fails, or what to know.
    pub note: String,
    /// Where the paper makes it.
    pub place: String,
    /// What `measured` is.
    pub measure: String,
    /// Holm's p value of the verdict; null for exact claims and pending ones.
    pub p: Option<f64>,
    /// Seeds that it rests on.
    pub seeds: usize,
    /// Every comparison, where there is more than one.
    pub cells: Vec<Comparison>,
    /// Whose claim it is.
    #[serde(default)]
    pub source: ClaimSource,
    /// Whether constants were chosen so that it holds.
    #[serde(default)]
    pub fitted: bool,
    /// Whether the two that it compares are as good as equal; null where no margin is given.
    #[serde(default)]
    pub equivalence: Option<Equivalence>,
}

impl Claim {
    /// `5 of 5 cells`, where the number found is a share.
    #[must_use]
    pub fn count(&self) -> Option<String> {
        let share = self.measured?;
        let (all, what) = match self.cells.len() {
            // `share of 24 groups of 10 runs ...`, `share of 200 draws ...`
            0 => {
                let mut words = self.measure.strip_prefix("share of ")?.split(' ');
                (words.next()?.parse().ok()?, words.next()?)
            }
            cells => (cells as f64, "cells"),
        };
        let found: f64 = share * all;
        Some(format!("{} of {all} {what}", found.round()))
    }
}

/// Whose claim it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimSource {
    /// The paper's own.
    #[default]
    Paper,
    /// Ours.
    Ours,
    /// A prototype's of ours, whose numbers the code should find again.
    Prototype,
}

impl ClaimSource {
    /// As in `claims.json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Ours => "ours",
            Self::Prototype => "prototype",
        }
    }
}

/// Whether two policies are as good as equal, beside the strict verdict on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Equivalence {
    /// Largest difference of the means that is nothing, relative to that of the policy compared with.
    pub margin: f64,
    /// Whether they are equivalent in every cell.
    pub equivalent: bool,
    /// Holm's p value of that, over all equivalences of the study.
    pub p: Option<f64>,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The interval lies where the claim says.
    Holds,
    /// It lies elsewhere.
    Fails,
    /// It crosses the limit.
    #[default]
    Undecided,
}

impl Verdict {
    /// As in `claims.json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        }
    }
}

/// A comparison within a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Where.
    pub cell: String,
    /// The mean of what is compared.
    pub measured: f64,
    /// Its 95 % confidence interval by Student's t.
    pub ci95: Option<[f64; 2]>,
    /// What it says alone, without correction for the others.
    pub verdict: Verdict,
    /// Whether the two are equivalent within the margin, corrected for all such cells; null without a margin.
    #[serde(default)]
    pub equivalent: Option<bool>,
}
