//! Lines, bands, markers and whiskers.

use super::layout::{Plot, row_height, shares_rows};
use super::pen::Pen;
use crate::figure::{Figure, Point, Series};
use crate::text::escape;
use crate::theme::{self, BOUND, ColorRole};
use std::fmt::Write as _;

/// A joined series with at least this many points shows a line and a band; one with fewer, markers and whiskers.
const MARKED: usize = 16;

/// Draws the series in place `place` of the figure.
pub(super) fn draw(pen: &mut Pen<'_>, plot: &Plot<'_>, series: &Series, place: usize) {
    let theme = plot.theme;
    let role = ColorRole::Series(series.style);
    let color = theme.color(role);
    let known: Vec<&Point> = series
        .points
        .iter()
        .filter(|p| p.x.is_finite() && p.y.is_finite())
        .collect();
    let marked = series.style != BOUND && (!series.joined || known.len() < MARKED);
    if series.joined {
        let thick = if series.style == BOUND { 0.9 } else { 1.0 } * theme.line;
        if !marked {
            band(pen, plot, &known, &color);
        }
        let mut path = String::new();
        for (i, point) in known.iter().enumerate() {
            let (x, y) = plot.at(point);
            let command = if i == 0 { 'M' } else { 'L' };
            write!(path, "{command}{x:.2} {y:.2}").expect("a string takes everything");
        }
        pen.svg += &format!(
            "<path d=\"{path}\" stroke=\"{color}\" stroke-width=\"{thick:.2}\" stroke-linejoin=\"round\""
        );
        pen.end_dashed(&theme.dash(series.style));
    }
    if !marked {
        return;
    }
    let dodge = dodge(plot, place);
    for point in known {
        let (x, y) = plot.at(point);
        let y = y + dodge;
        if let Some(ends) = point.interval {
            whisker(pen, plot, (x, y), ends, role);
        }
        pen.marker(series.style, (x, y), theme.marker);
        if let Some(label) = &point.label {
            let end = point.interval.map_or(x, |[_, hi]| plot.x.at(hi).max(x));
            let at = (end + theme.marker + 0.5 * theme.text, y);
            pen.text(label, at, theme.small, ColorRole::Text, "start");
        }
    }
}

/// An interval with caps at its ends; an end that is beyond the axis, as zero is on a logarithmic one, is open: an arrow.
fn whisker(
    pen: &mut Pen<'_>,
    plot: &Plot<'_>,
    (x, y): (f64, f64),
    ends: [f64; 2],
    role: ColorRole,
) {
    let horizontal = plot.figure.is_horizontal();
    let axis = if horizontal { &plot.x } else { &plot.y };
    let [lo, hi] = ends.map(|v| axis.at(v));
    let cap = 0.8 * plot.theme.marker;
    let width = 0.9 * plot.theme.line;
    // places are along the interval and across it
    let mut line = |from: (f64, f64), to: (f64, f64)| {
        let [from, to] = [from, to].map(|(along, across)| match horizontal {
            true => (along, y + across),
            false => (x + across, along),
        });
        pen.line(from, to, role, width, "");
    };
    line((lo, 0.0), (hi, 0.0));
    for (value, end, inwards) in [(ends[0], lo, hi - lo), (ends[1], hi, lo - hi)] {
        if axis.holds(value) {
            line((end, -cap), (end, cap));
        } else {
            let back = end + inwards.signum() * 1.5 * cap;
            line((back, -cap), (end, 0.0));
            line((back, cap), (end, 0.0));
        }
    }
}

/// How far the marks of a series are moved, so that those of several in one row are all seen.
fn dodge(plot: &Plot<'_>, place: usize) -> f64 {
    let competitors = plot.figure.series.len();
    let step = 0.8 * row_height(plot.figure, plot.theme) / competitors as f64;
    if shares_rows(plot.figure) {
        (place as f64 - 0.5 * (competitors as f64 - 1.0)) * step
    } else {
        0.0
    }
}

/// The area between the ends of the intervals.
fn band(pen: &mut Pen<'_>, plot: &Plot<'_>, points: &[&Point], color: &str) {
    let ends = |end: usize| {
        points
            .iter()
            .filter_map(move |p| Some((plot.x.at(p.x), plot.y.at(p.interval?[end]))))
    };
    let mut path = String::new();
    for (i, (x, y)) in ends(0)
        .chain(ends(1).collect::<Vec<_>>().into_iter().rev())
        .enumerate()
    {
        let command = if i == 0 { 'M' } else { 'L' };
        write!(path, "{command}{x:.2} {y:.2}").expect("a string takes everything");
    }
    if !path.is_empty() {
        pen.svg += &format!("<path d=\"{path}Z\" fill=\"{color}\" fill-opacity=\".12\"/>\n");
    }
}

/// Draws the points that a paper printed.
pub(super) fn published(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    for point in &figure.published {
        let style = figure
            .series
            .iter()
            .find(|s| s.name == point.series)
            .map_or(BOUND, |s| s.style);
        let (x, y) = (plot.x.at(point.x), plot.y.at(point.y));
        pen.svg += &format!(
            "<g class=\"mark\" data-series=\"{}\">",
            escape(&point.series)
        );
        hollow(pen, (x, y), style);
        pen.svg += "</g>\n";
    }
}

/// A diamond that lets through what is below it.
pub(super) fn hollow(pen: &mut Pen<'_>, (x, y): (f64, f64), style: usize) {
    let path = theme::marker(3, x, y, 1.25 * pen.theme.marker);
    let color = pen.theme.color(if style == BOUND {
        ColorRole::Text
    } else {
        ColorRole::Series(style)
    });
    pen.svg += &format!(
        "<path d=\"{path}\" stroke=\"{color}\" stroke-width=\"{:.2}\"/>\n",
        0.9 * pen.theme.line
    );
}

#[cfg(test)]
mod tests {
    use crate::{Axis, Figure, Names, Point, Scale, Series, svg};

    /// Lines of a figure on a logarithmic axis whose second point has the interval.
    fn lines(interval: [f64; 2], horizontal: bool) -> usize {
        let points = [(1.0, [0.9, 1.1]), (10.0, interval)];
        let points = points.map(|(value, ends)| Point {
            x: if horizontal { value } else { 0.0 },
            y: if horizontal { 0.0 } else { value },
            interval: Some(ends),
            label: None,
        });
        let log = Axis::new("Delay", Some("s"), Scale::Log);
        let other = Axis::of("place", vec!["here".into()]);
        let (x, y) = if horizontal {
            (log, other)
        } else {
            (Axis::new("Vehicles", None, Scale::Linear), log)
        };
        let series = Series {
            name: "nearest".into(),
            style: 0,
            joined: false,
            points: points.to_vec(),
        };
        let figure = Figure {
            id: "delay".into(),
            title: String::new(),
            caption: String::new(),
            x,
            y,
            series: vec![series],
            references: Vec::new(),
            published: Vec::new(),
            names: Names::Above,
        };
        svg(&figure).matches("<path").count()
    }

    /// An arrow has a line more than a cap: zero has no place on a logarithmic axis, and what is below it none either.
    #[test]
    fn property_an_interval_that_leaves_the_axis_is_open() {
        for horizontal in [true, false] {
            let closed = lines([2.0, 20.0], horizontal);
            for end in [0.0, -3.0] {
                assert_eq!(lines([end, 20.0], horizontal), closed + 1);
            }
        }
    }
}
