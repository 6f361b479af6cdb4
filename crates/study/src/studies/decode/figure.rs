//! Figures and tables from TOML.

use super::{condition, file_stem, grid_of, is_axis, is_policy, metric};
use crate::studies::{FigureSpec, Grid, PublishedPoint, SEEDS, TableSpec};
use wayside_core::config::{Count, Flag, Float, Presence, Section, Text, Texts};

pub(super) fn figure(s: &mut Section<'_>, grids: &[Grid]) -> FigureSpec {
    let id = file_stem(s, "stem of its files");
    let doc = "the paper's number of it";
    let number = s.default("number", Text::ANY, String::new(), doc);
    let title = s.required("title", Text::NAME, "what it shows");
    let name = s.required("grid", Text::NAME, "its grid");
    let grid = grid_of(s, "grid", &name, grids);
    let doc = "the axis drawn horizontally; `seed`: every run by itself";
    let x = s.required("x", Text::NAME, doc);
    if x != SEEDS {
        is_axis(s, "x", &x, grid);
    }
    let y = metric(s, "y", "the metric drawn vertically");
    let from = "its name";
    let y_label = s.inherited(
        "y_label",
        Text::NAME,
        Some(y.clone()),
        from,
        "what it is called",
    );
    let logarithmic = ["log_x", "log_y"].map(|key| {
        let doc = "whether the axis is logarithmic";
        s.default(key, Flag, false, doc)
    });
    let doc = "what has a line of its own: policy, or an axis";
    let series = s.default("series", Text::NAME, "policy".to_owned(), doc);
    if series != "policy" {
        is_axis(s, "series", &series, grid);
    }
    let doc = "the policies drawn; all if empty";
    let policies = s.default("policies", Texts, Vec::new(), doc);
    for policy in &policies {
        is_policy(s, "policies", policy, grid);
    }
    let cells = condition(s, grid);
    let doc = "A point that the paper prints";
    let published = s.list("published", Presence::Optional("none"), doc, |s, _| {
        PublishedPoint {
            series: s.required("series", Text::NAME, "the line that it belongs to"),
            x: s.required("x", Float::ANY, "place on the horizontal axis"),
            y: s.required("y", Float::ANY, "place on the vertical axis"),
            place: s.default("place", Text::ANY, String::new(), "where it is printed"),
        }
    });
    FigureSpec {
        id,
        number,
        title,
        grid: name,
        x,
        y,
        y_label,
        logarithmic,
        series,
        policies,
        cells,
        published,
    }
}

pub(super) fn table(s: &mut Section<'_>, grids: &[Grid]) -> TableSpec {
    let id = file_stem(s, "stem of its file");
    let title = s.required("title", Text::NAME, "what it shows");
    let names = s.required("grids", Texts, "grids whose cells are the columns");
    for name in &names {
        grid_of(s, "grids", name, grids);
    }
    TableSpec {
        id,
        title,
        grids: names,
        metric: metric(s, "metric", "the metric"),
        scale: s.default(
            "scale",
            Float::ANY,
            1.0,
            "what its values are multiplied by",
        ),
        digits: s.default(
            "digits",
            Count { min: 0, max: 12 },
            3,
            "digits after the point",
        ),
    }
}
