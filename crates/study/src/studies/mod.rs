//! Studies: grids of runs with figures and claims, declared in TOML, and a verdict on every claim.
//!
//! [`runner`] runs the cells of the grids of a [`Study`] in [`blocks`] of seeds, here or on other machines. [`verdict`] judges
//! the claims on the results ([`data::Data`]), and [`results`] writes everything to a folder.

pub mod block_cache;
pub mod blocks;
mod cells;
pub mod data;
mod decode;
mod draws;
pub mod figures;
pub(crate) mod kinds;
pub mod metrics;
mod p_values;
mod page;
pub mod plan;
mod recorded;
pub mod results;
pub mod runner;
mod samples;
mod seeds;
mod tables;
#[cfg(test)]
mod tests;
pub mod verdict;

pub use decode::schema;
pub use page::{count, replace_block};
pub use seeds::Seeds;

use crate::claim::ClaimSource;
use std::path::Path;
use wayside_core::config::{Document, read};
use wayside_core::{Error, Result, input};

/// Question, runs, figures and claims.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Name, and prefix of the ids of its claims.
    pub name: String,
    /// What it asks, in a line.
    pub title: String,
    /// What it checks against.
    pub source: String,
    /// How many seeds.
    pub seeds: Seeds,
    /// What is run.
    pub grids: Vec<Grid>,
    /// What is drawn.
    pub figures: Vec<FigureSpec>,
    /// What is tabulated.
    pub tables: Vec<TableSpec>,
    /// What is judged.
    pub claims: Vec<ClaimSpec>,
    /// Its text.
    pub text: String,
}

/// A scenario, with every combination of values of some of its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Unique name.
    pub id: String,
    /// A built-in scenario or a file; unused where an axis is over scenarios.
    pub scenario: String,
    /// What is measured.
    pub measure: Measure,
    /// Policies, compared on the same traffic.
    pub policies: Vec<String>,
    /// Policies that join once they exist.
    pub awaited: Vec<String>,
    /// Whether every slot is bounded.
    pub bound: bool,
    /// Fixed changes of the scenario, `(dotted key, TOML value)`.
    pub set: Vec<(String, String)>,
    /// What varies; the last axis varies fastest.
    pub axes: Vec<GridAxis>,
    /// Seeds of each cell, where the study's number of them does not apply.
    pub seeds: Option<usize>,
    /// Keys whose values are drawn: each value of the axis [`DRAW_AXIS`] stands for one of each of them.
    pub drawn: Vec<Drawn>,
    /// What was measured before.
    pub records: Vec<Record>,
}

impl Grid {
    /// Whether its cells get more seeds where claims are undecided.
    fn grows(&self) -> bool {
        self.measure == Measure::Policies && self.seeds.is_none()
    }
}

/// A key that the paper leaves open, and what was drawn for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// Dotted key of the scenario.
    pub key: String,
    /// A TOML value per draw.
    pub values: Vec<String>,
}

/// What a grid measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Policies.
    Policies,
    /// Policies, slot by slot in the run of the first seed: a row is a slot, not a seed.
    Slots,
    /// What a round of related information costs.
    Information,
    /// Nothing: results were recorded before, such as while a policy was trained.
    Recorded,
}

/// A line of a file of records.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// One label per axis.
    pub cell: Vec<String>,
    /// The policy.
    pub policy: String,
    /// The seed.
    pub seed: u64,
    /// What was measured, by column of [`metrics::NAMES`].
    pub values: Vec<Option<f64>>,
}

/// The key that varies over scenarios.
pub const SCENARIO_AXIS: &str = "scenario";

/// The axis over draws of keys whose values are unknown.
pub const DRAW_AXIS: &str = "draw";

/// The horizontal axis of a figure that shows every run instead of the mean over seeds.
pub const SEEDS: &str = "seed";

/// A key and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct GridAxis {
    /// Dotted key of the scenario, or [`SCENARIO_AXIS`].
    pub key: String,
    /// How the study calls it.
    pub name: String,
    /// Unit and meaning, for axes of figures.
    pub label: String,
    /// Its values.
    pub values: Vec<AxisValue>,
    /// Those that `--quick` runs.
    pub quick: Vec<AxisValue>,
}

/// A value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisValue {
    /// As TOML.
    pub toml: String,
    /// As text; conditions match it.
    pub label: String,
    /// As a number, where it is one.
    pub number: Option<f64>,
}

/// Which cells of a grid: for each axis named the labels that may be; others are free.
pub type Where = Vec<(String, Vec<String>)>;

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureSpec {
    /// Stem of its files.
    pub id: String,
    /// The paper's number of it; empty for one of ours.
    pub number: String,
    /// What it shows.
    pub title: String,
    /// Its grid.
    pub grid: String,
    /// The axis drawn horizontally, or [`SEEDS`].
    pub x: String,
    /// The metric drawn vertically.
    pub y: String,
    /// What the metric is called there.
    pub y_label: String,
    pub(crate) logarithmic: [bool; 2],
    /// `policy`, or the axis that has one line for each of its values.
    pub series: String,
    /// The policies drawn; empty: all of the grid.
    pub policies: Vec<String>,
    /// The cells drawn.
    pub cells: Where,
    /// Points that the paper prints.
    pub published: Vec<PublishedPoint>,
}

/// A point that a paper prints.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedPoint {
    /// The line that it belongs to, by the paper's name.
    pub series: String,
    /// Place on the horizontal axis.
    pub x: f64,
    /// Place on the vertical axis.
    pub y: f64,
    /// Where it is printed.
    pub place: String,
}

/// A table: a row per policy, a column per cell.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSpec {
    /// Stem of its file.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Grids whose cells are the columns.
    pub grids: Vec<String>,
    /// The metric.
    pub metric: String,
    /// What its values are multiplied by: 100 for percent.
    pub scale: f64,
    /// Digits after the point.
    pub digits: usize,
}

/// A claim.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimSpec {
    /// Unique name, without that of the study.
    pub id: String,
    /// The figure that makes it, as the paper numbers it; empty for one of ours.
    pub figure: String,
    /// What is claimed.
    pub claim: String,
    /// Where the paper says it.
    pub place: String,
    /// The number printed, where one is.
    pub published: Option<f64>,
    /// What to know about it.
    pub note: String,
    /// Who makes it.
    pub source: ClaimSource,
    /// Whether constants were chosen so that it holds.
    pub fitted: bool,
    /// Seeds on which it is judged at most.
    pub max_seeds: usize,
    /// What is compared.
    pub test: Test,
}

/// What a claim compares, and in which cells.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Cannot be judged yet; the note says why.
    Pending,
    /// A quantity against something, in some cells.
    Of {
        /// The grid.
        grid: String,
        /// The metric.
        metric: String,
        /// Whose.
        policy: String,
        /// Against what.
        against: Against,
        /// The cells.
        cells: Where,
        /// Share of the cells in which it has to hold.
        share: f64,
        /// Whether the metric's spread over seeds is meant: of each seed its distance from the median of the
        /// cell (Brown and Forsythe 1974), instead of its value.
        spread: bool,
        /// Largest difference that counts as none, relative to the other policy's metric.
        margin: Option<f64>,
    },
}

/// How quantities are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Smaller.
    Less,
    /// Smaller or equal.
    AtMost,
    /// Larger.
    Greater,
    /// Larger or equal.
    AtLeast,
}

/// How the ratios of several cells become what is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooled {
    /// Each cell by itself.
    Not,
    /// The mean of their ratios.
    Ratios,
    /// The ratio of their totals.
    Totals,
}

/// What a quantity is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Against {
    /// Every seed finds the published value.
    Exactly(f64),
    /// The mean is the published value, give or take.
    About {
        /// The published value.
        value: f64,
        /// Largest distance.
        within: f64,
    },
    /// The mean lies on the right side of a limit.
    Limit(Relation, f64),
    /// The other policy's, seed by seed.
    Policy {
        /// How it compares.
        relation: Relation,
        /// The other policy.
        than: String,
        /// Its metric.
        metric: String,
        /// Seeds whose mean is compared, group by group; `None`: the means over all seeds, by interval.
        group: Option<usize>,
    },
    /// Mean of the quantity over mean of the other policy's, less 1, averaged over the cells.
    Ratio {
        /// How it compares.
        relation: Relation,
        /// The limit.
        limit: f64,
        /// The other policy.
        than: String,
        /// Its metric.
        metric: String,
        /// What of the cells is judged.
        pooled: Pooled,
    },
    /// From each value of the axis to the next it rises, or falls.
    Trend {
        /// The axis.
        axis: String,
        /// `Less` and `AtMost`: falls; `Greater` and `AtLeast`: rises.
        relation: Relation,
        /// What each step is compared with, usually 0: a rise of less than so much.
        limit: f64,
    },
    /// With so many draws of the constants the mean compares so to the other policy's.
    Survives {
        /// How it compares.
        relation: Relation,
        /// The other policy.
        than: String,
        /// Its metric.
        metric: String,
    },
    /// Its distance between the ends of the axis is smaller than the other policy's.
    Rise {
        /// The axis.
        axis: String,
        /// How it compares.
        relation: Relation,
        /// The other policy.
        than: String,
    },
}

/// A study, or a file of records, that the library carries with it.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its text, TOML or CSV.
    pub text: &'static str,
}

macro_rules! builtins {
    ($ending:literal: $($name:literal),* $(,)?) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../studies/", $name, $ending
            )),
        }),*]
    };
}

/// All built-in studies.
pub const BUILTIN_STUDIES: &[Builtin] =
    builtins![".toml": "wang2025", "lin2025", "cross", "sessions"];

/// The records of built-in studies.
const BUILTIN_RECORDS: &[Builtin] = builtins![
    "": "records/wang2025-training.csv", "records/wang2025-agents.csv",
    "records/lin2025-lysac-training.csv", "records/lin2025-times.csv", "records/lin2025-times-lysac.csv",
];

impl Study {
    /// Reads and checks a study; relative paths are relative to `folder`.
    ///
    /// # Errors
    /// Every problem of it, those of its scenarios included.
    pub fn from_toml(file: &str, text: &str, folder: &Path) -> Result<Self> {
        let document = Document::from_toml(file, text)?;
        let study = read(&document, |s| Some(decode::study(s, folder)))?;
        Ok(Self {
            text: text.to_owned(),
            ..study
        })
    }

    /// Reads the study of a file.
    ///
    /// # Errors
    /// A file that cannot be read, and as [`Study::from_toml`].
    pub fn load(path: &Path) -> Result<Self> {
        let folder = input::folder_of(path);
        let text = input::read_text(path)?;
        Self::from_toml(&path.display().to_string(), &text, folder)
    }

    /// The built-in study `name`.
    ///
    /// # Errors
    /// An unknown name.
    pub fn builtin(name: &str) -> Result<Self> {
        let Some(found) = BUILTIN_STUDIES.iter().find(|b| b.name == name) else {
            let names: Vec<_> = BUILTIN_STUDIES.iter().map(|b| b.name).collect();
            let message = format!("unknown study {name:?}; built-in are {}", names.join(", "));
            return Err(Error::invalid(name, None, "", message));
        };
        Self::from_toml(&format!("{name} (built-in)"), found.text, Path::new(""))
    }

    /// The place of the grid called `id`.
    fn place_of(&self, id: &str) -> usize {
        let found = self.grids.iter().position(|g| g.id == id);
        found.expect("the decoder has checked it")
    }

    /// Only what belongs to the paper's figure `number`.
    ///
    /// # Errors
    /// A figure that the study does not have.
    pub fn only_figure(mut self, number: &str) -> Result<Self> {
        let is_of = |numbers: &str| {
            let mut numbers = numbers.split(", ");
            numbers.any(|n| n == number || n.trim_end_matches(char::is_alphabetic) == number)
        };
        self.figures.retain(|f| is_of(&f.number));
        self.claims.retain(|c| is_of(&c.figure));
        self.tables.clear();
        if self.figures.is_empty() && self.claims.is_empty() {
            let message = format!("the study {} has no figure {number:?}", self.name);
            return Err(Error::invalid("--figure", None, "", message));
        }
        let used = |grid: &Grid| {
            let by_claim =
                |c: &ClaimSpec| matches!(&c.test, Test::Of { grid: g, .. } if *g == grid.id);
            self.figures.iter().any(|f| f.grid == grid.id) || self.claims.iter().any(by_claim)
        };
        let used: Vec<bool> = self.grids.iter().map(used).collect();
        let mut used = used.into_iter();
        self.grids.retain(|_| used.next().expect("one per grid"));
        Ok(self)
    }
}

/// Whether the TOML `text` is meant to be a study.
#[must_use]
pub fn is_study(text: &str) -> bool {
    Document::from_toml("", text).is_ok_and(|d| d.root.get("study").is_some())
}
