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
    /// Holm's p value of the verdict; null for exact claims.
    pub p: Option<f64>,
    /// Seeds that it rests on.
    pub seeds: usize,
    /// Every comparison, where there is more than one.
    pub cells: Vec<Comparison>,
}

impl Claim {
    /// `5 of 5 cells`, where the number found is a share.
    #[must_use]
    pub fn count(&self) -> Option<String> {
        let share = self.measured?;
        let (all, what) = match self.cells.len() {
            // `share of 24 groups of 10 runs ...`
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
}
