//! Studies from TOML.

mod claims;
mod figure;
mod grid;

use super::kinds::Condition;
use super::{Grid, Measure, Seeds, Study, Where, metrics};
use std::path::Path;
use wayside_core::config::{self, Count, Presence, Section, Text, unknown};
use wayside_output::{MAX_NAME_BYTES, is_plain_name};

/// Most cells or seeds; more are taken for a typing error.
const MOST: usize = 10_000;
/// Seeds that may be asked for.
const MOST_SEEDS: usize = 100_000;

/// Most cells of all grids together.
const MOST_CELLS: usize = 100_000;

/// JSON Schema of a study.
#[must_use]
pub fn schema() -> serde_json::Value {
    config::schema(
        "Wayside study",
        &config::describe(|s| study(s, Path::new(""))),
    )
}

pub(super) fn study(s: &mut Section<'_>, folder: &Path) -> Study {
    let (name, title, source, seeds) = s.section("study", "What this is", |s| {
        let name = s.required(
            "name",
            Text::NAME,
            "short name, and prefix of the ids of its claims",
        );
        let title = s.required("title", Text::NAME, "what it asks, in a line");
        let source = s.default("source", Text::ANY, String::new(), "what it checks against");
        (name, title, source, seeds(s))
    });
    let doc = "A scenario, with every combination of values of some of its keys";
    let grids = s.list("grid", Presence::Required, doc, |s, _| {
        grid::grid(s, folder)
    });
    for (i, grid) in grids.iter().enumerate() {
        if grids[..i].iter().any(|other| other.id == grid.id) && !grid.id.is_empty() {
            s.problem("grid", format!("two grids are called {:?}", grid.id));
        }
    }
    let cells = grids.iter().map(|grid| grid.count(false));
    let cells = cells.fold(0, usize::saturating_add);
    if cells > MOST_CELLS {
        let message =
            format!("all grids together must have at most {MOST_CELLS} cells, got {cells}");
        s.problem("grid", message);
    }
    let doc = "Something to draw: a metric over an axis of a grid";
    let none = || Presence::Optional("none");
    let figures = s.list("figure", none(), doc, |s, _| figure::figure(s, &grids));
    let doc = "Something to tabulate: a metric, a row per policy, a column per cell";
    let tables = s.list("table", none(), doc, |s, _| figure::table(s, &grids));
    let mut ids: Vec<String> = Vec::new();
    let doc = "Something to judge";
    let claims = s.list("claim", none(), doc, |s, _| {
        let claim = claims::claim(s, seeds, &grids);
        if ids.contains(&claim.id) && !claim.id.is_empty() {
            s.problem("id", format!("{:?} is taken already", claim.id));
        }
        ids.push(claim.id.clone());
        claim
    });
    Study {
        name,
        title,
        source,
        seeds,
        grids,
        figures,
        tables,
        claims,
        text: String::new(),
    }
}

fn count(least: usize) -> Count {
    Count {
        min: least,
        max: MOST_SEEDS,
    }
}

fn seeds(s: &mut Section<'_>) -> Seeds {
    let first = s.default(
        "first_seed",
        Count {
            min: 0,
            max: usize::MAX >> 1,
        },
        0,
        "the first seed",
    );
    let seeds = s.default("seeds", count(1), 10, "seeds that are run in any case");
    let without = "no more than seeds";
    let doc = "seeds that are run at most, by doubling, where a claim is undecided with fewer";
    let most = s.optional("max_seeds", count(seeds), without, doc);
    let quick = s.default("quick_seeds", count(1), 3.min(seeds), "seeds with --quick");
    Seeds {
        first: first as u64,
        count: seeds,
        most: most.unwrap_or(seeds),
        quick,
    }
}

/// The id of something that is written to files of that name.
fn file_stem(s: &mut Section<'_>, doc: &'static str) -> String {
    let id: String = s.required("id", Text::NAME, doc);
    if !id.is_empty() && !is_plain_name(&id) {
        let message = format!(
            "must be a plain name of at most {MAX_NAME_BYTES} bytes, without separators and control characters, \
             got {id:?}"
        );
        s.problem("id", message);
    }
    id
}

/// The grid that the key names.
fn grid_of<'g>(s: &mut Section<'_>, key: &str, id: &str, grids: &'g [Grid]) -> Option<&'g Grid> {
    let found = grids.iter().find(|grid| grid.id == id);
    if found.is_none() && !id.is_empty() {
        let ids: Vec<_> = grids.iter().map(|grid| grid.id.as_str()).collect();
        s.problem(key, unknown("grid", id, &ids));
    }
    found
}

fn metric(s: &mut Section<'_>, name: &'static str, doc: &'static str) -> String {
    let metric = s.required(name, Text::NAME, doc);
    is_metric(s, name, &metric);
    metric
}

fn is_metric(s: &mut Section<'_>, key: &str, metric: &str) {
    if !metric.is_empty() && metrics::column(metric).is_none() {
        s.problem(key, unknown("metric", metric, &metrics::NAMES));
    }
}

fn condition(s: &mut Section<'_>, grid: Option<&Grid>) -> Where {
    let doc = "the cells: a value or a list of values for each axis that is not free";
    let cells = s.default("where", Condition, Vec::new(), doc);
    for (name, labels) in grid.iter().flat_map(|_| &cells) {
        let axes = &grid.expect("there is one").axes;
        let Some(axis) = axes.iter().find(|axis| axis.name == *name) else {
            let names: Vec<_> = axes.iter().map(|axis| axis.name.as_str()).collect();
            s.problem("where", unknown("axis", name, &names));
            continue;
        };
        for label in labels {
            if !axis.values.iter().any(|v| v.label == *label) {
                s.problem("where", format!("the axis {name} has no value {label}"));
            }
        }
    }
    cells
}

fn is_axis(s: &mut Section<'_>, key: &str, name: &str, grid: Option<&Grid>) {
    let Some(grid) = grid.filter(|_| !name.is_empty()) else {
        return;
    };
    if !grid.axes.iter().any(|axis| axis.name == name) {
        let names: Vec<_> = grid.axes.iter().map(|axis| axis.name.as_str()).collect();
        s.problem(key, unknown("axis", name, &names));
    }
}

fn is_policy(s: &mut Section<'_>, key: &str, name: &str, grid: Option<&Grid>) {
    let Some(grid) = grid.filter(|_| !name.is_empty()) else {
        return;
    };
    let known: Vec<_> = grid
        .policies
        .iter()
        .chain(&grid.awaited)
        .map(String::as_str)
        .collect();
    if grid.measure != Measure::Information && !known.contains(&name) {
        s.problem(key, unknown("policy of the grid", name, &known));
    }
}
