//! A figure in a report: the drawing, its values for the script, and the table behind it.

use super::table::{Table, TableCell};
use crate::chart::draw;
use crate::text::{escape, significant};
use crate::theme::SCREEN;
use crate::{Figure, Point};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Most rows of the table behind a chart.
const ROWS: usize = 61;

pub(super) fn write(html: &mut String, figure: &Figure) {
    writeln!(
        html,
        "<figure id=\"figure-{}\">\n<h3>{}</h3>\n{}<figcaption>{}</figcaption>\n\
         <details><summary>Values as a table</summary>",
        escape(&figure.id),
        escape(&figure.title),
        draw(figure, &SCREEN),
        escape(&figure.caption)
    )
    .expect("a string takes everything");
    table(figure).write(html);
    // An unescaped `<` in a name could end the element.
    let data = values(figure).to_string().replace('<', "\\u003c");
    writeln!(
        html,
        "</details>\n<script type=\"application/json\">{data}</script>\n</figure>"
    )
    .expect("a string takes everything");
}

/// What the script reads aloud and shows under the pointer: for every series keys, values and intervals.
fn values(figure: &Figure) -> Value {
    let (key, value) = (figure.key_axis(), figure.value_axis());
    let series: Vec<Value> = figure
        .series
        .iter()
        .map(|series| {
            let column = |of: &dyn Fn(&Point) -> Value| -> Vec<Value> { series.points.iter().map(of).collect() };
            json!({
                "name": series.name,
                "style": if series.style == crate::BOUND { Value::Null } else { (series.style % 8).into() },
                "key": column(&|p| short(figure.key(p))),
                "value": column(&|p| short(figure.value(p))),
                "interval": column(&|p| p.interval.map_or(Value::Null, |ends| ends.map(short).to_vec().into())),
            })
        })
        .collect();
    json!({
        "lies": figure.is_horizontal(),
        "key": key.title(),
        "categories": key.categories,
        "value": value.title(),
        "series": series,
    })
}

/// Rounded to five digits, more than a reader can see.
fn short(value: f64) -> Value {
    let digits: f64 = format!("{value:.4e}").parse().unwrap_or(f64::NAN);
    if digits.fract() == 0.0 && digits.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and not large")]
        return (digits as i64).into();
    }
    digits.into()
}

/// A row per place on the key axis, or every nth where there are many; a column per series.
fn table(figure: &Figure) -> Table {
    let keys = keys(figure);
    let step = keys.len().div_ceil(ROWS).max(1);
    let key = figure.key_axis();
    let shown = keys.iter().copied().step_by(step);
    let rows: Vec<Vec<TableCell>> = shown.map(|at| row(figure, at)).collect();
    let every = match step {
        1 => String::new(),
        step => format!(
            "; every {step}th point, all are in figures/{}.csv",
            figure.id
        ),
    };
    let caption = format!("{}: {}{every}", figure.title, figure.value_axis().title());
    // With one point per series, each in a category of its own, a column per series would say every name twice.
    if !key.categories.is_empty() && figure.series.iter().all(|s| s.points.len() == 1) {
        let merged = rows.into_iter().map(|row| {
            let mut cells = row.into_iter();
            let heading = cells.next().unwrap_or_default();
            let value = cells.find(|c| !c.text.is_empty());
            vec![heading, value.unwrap_or_default()]
        });
        return Table {
            caption,
            header: vec![key.title(), figure.value_axis().title()],
            rows: merged.collect(),
        };
    }
    let names = figure.series.iter().map(|s| s.name.clone());
    Table {
        caption,
        header: std::iter::once(key.title()).chain(names).collect(),
        rows,
    }
}

/// Places on the key axis: its categories, or where the longest series has points.
fn keys(figure: &Figure) -> Vec<f64> {
    let longest = figure.series.iter().max_by_key(|s| s.points.len());
    match figure.key_axis().categories.len() {
        0 => longest.map_or_else(Vec::new, |s| {
            s.points.iter().map(|p| figure.key(p)).collect()
        }),
        count => (0..count).map(|i| i as f64).collect(),
    }
}

/// What every series has at `at`.
fn row(figure: &Figure, at: f64) -> Vec<TableCell> {
    let key = figure.key_axis();
    let heading = match key.categories.is_empty() {
        true => significant(at, 5),
        false => key.value(at),
    };
    let cell = |point: &Point| TableCell {
        text: significant(figure.value(point), 5),
        note: point.interval.map_or_else(String::new, |[lo, hi]| {
            format!("{} to {}", significant(lo, 5), significant(hi, 5))
        }),
        ..TableCell::default()
    };
    let cells = figure.series.iter().map(|series| {
        let close = |p: &&Point| (figure.key(p) - at).abs() <= 1e-9 * at.abs().max(1.0);
        let found = series.points.iter().find(close);
        found.map_or_else(TableCell::default, cell)
    });
    std::iter::once(TableCell::new(&heading))
        .chain(cells)
        .collect()
}
