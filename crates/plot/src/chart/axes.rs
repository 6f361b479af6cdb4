//! Axes with their grids, and reference lines.

use super::layout::{Plot, shares_rows};
use super::pen::Pen;
use crate::figure::{Direction, Figure, Reference};
use crate::text::{shortened, width};
use crate::theme::{BOUND, ColorRole};

/// Draws the grid, ticks, categories and titles of both axes.
pub(super) fn grid(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let Plot {
        left,
        right,
        top,
        bottom,
        ..
    } = *plot;
    pen.svg += "<g class=\"axes\" aria-hidden=\"true\">\n";
    ticks_of_x(pen, figure, plot);
    ticks_of_y(pen, figure, plot);
    let hair = hair(plot);
    pen.line((left, bottom), (right, bottom), ColorRole::Muted, hair, "");
    pen.line((left, top), (left, bottom), ColorRole::Muted, hair, "");
    titles(pen, figure, plot);
    pen.svg += "</g>\n";
}

/// Width of the thinnest lines.
fn hair(plot: &Plot<'_>) -> f64 {
    0.5 * plot.theme.line.min(1.2)
}

fn ticks_of_x(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let (text, small, hair) = (plot.theme.text, plot.theme.small, hair(plot));
    let (top, bottom) = (plot.top, plot.bottom);
    let label_y = bottom + 0.4 * text + 0.55 * small;
    let mut last = f64::NEG_INFINITY;
    for &tick in &plot.x.ticks {
        let (x, label) = (plot.x.at(tick), plot.x.tick(tick));
        let end = (x, bottom + 0.3 * text);
        pen.line((x, top), (x, bottom), ColorRole::Grid, hair, "");
        pen.line((x, bottom), end, ColorRole::Muted, hair, "");
        let half = 0.5 * width(&label, small);
        if x - half > last {
            pen.text(&label, (x, label_y), small, ColorRole::Muted, "middle");
            last = x + half + 0.3 * small;
        }
    }
    for (category, name) in figure.x.categories.iter().enumerate() {
        let at = (plot.x.at(category as f64), label_y);
        pen.text(name, at, small, ColorRole::Muted, "middle");
    }
}

fn ticks_of_y(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let (text, small, hair) = (plot.theme.text, plot.theme.small, hair(plot));
    let (left, right) = (plot.left, plot.right);
    for &tick in &plot.y.ticks {
        let (y, label) = (plot.y.at(tick), plot.y.tick(tick));
        let at = (left - 0.5 * text, y);
        pen.line((left, y), (right, y), ColorRole::Grid, hair, "");
        pen.text(&label, at, small, ColorRole::Muted, "end");
    }
    // Lines go through the marks of a row, or between the rows that several series share.
    let offset = if shares_rows(figure) { 0.5 } else { 0.0 };
    for (category, name) in figure.y.categories.iter().enumerate() {
        let y = plot.y.at(category as f64);
        let line = plot.y.at(category as f64 + offset);
        pen.line((left, line), (right, line), ColorRole::Grid, hair, "");
        let name = shortened(name);
        pen.text(&name, (left - 0.7 * text, y), text, ColorRole::Text, "end");
    }
}

fn titles(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let text = plot.theme.text;
    let title = figure.x.title();
    let middle = 0.5 * (plot.left + plot.right);
    let at = (
        within_width(plot, middle, &title, text),
        plot.height - 0.75 * text,
    );
    pen.text(&title, at, text, ColorRole::Text, "middle");
    if !figure.is_horizontal() {
        let (x, y) = (0.75 * text, 0.5 * (plot.top + plot.bottom));
        pen.svg += &format!("<g transform=\"translate({x:.2} {y:.2}) rotate(-90)\">");
        let title = figure.y.title();
        pen.text(&title, (0.0, 0.0), text, ColorRole::Text, "middle");
        pen.svg += "</g>\n";
    }
}

/// The place nearest to `x` at which a centred text stays on the page.
fn within_width(plot: &Plot<'_>, x: f64, text: &str, size: f64) -> f64 {
    let half = 0.5 * width(text, size);
    let (least, most) = (half + 1.0, plot.theme.width - half - 1.0);
    x.clamp(least, most.max(least))
}

/// Draws lines and zones to compare with.
pub(super) fn references(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    for reference in &figure.references {
        pen.svg += "<g class=\"reference\">\n";
        match reference.of {
            Direction::X => across_x(pen, plot, reference),
            Direction::Y => across_y(pen, plot, reference),
        }
        pen.svg += "</g>\n";
    }
}

/// The ends of a reference that are drawn: one for a line, two for a zone.
fn ends([from, to]: [f64; 2]) -> impl Iterator<Item = f64> {
    let apart = (to - from).abs() > 0.01;
    std::iter::once(from).chain(Some(to).filter(|_| apart))
}

fn across_x(pen: &mut Pen<'_>, plot: &Plot<'_>, reference: &Reference) {
    let theme = plot.theme;
    let (top, bottom, dash) = (plot.top, plot.bottom, theme.dash(BOUND));
    let [from, to] = reference.zone.map(|v| plot.x.at(v));
    if to > from {
        let color = theme.color(ColorRole::Text);
        pen.svg += &format!(
            "<rect x=\"{from:.2}\" y=\"{top:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{color}\" fill-opacity=\".07\"/>\n",
            to - from,
            bottom - top
        );
    }
    let line = 0.8 * theme.line;
    for x in ends([from, to]) {
        pen.line((x, top), (x, bottom), ColorRole::Text, line, &dash);
    }
    let (label, small) = (&reference.label, theme.small);
    let x = within_width(plot, 0.5 * (from + to), label, small);
    let at = (x, top - 0.75 * small);
    pen.text(label, at, small, ColorRole::Text, "middle");
}

fn across_y(pen: &mut Pen<'_>, plot: &Plot<'_>, reference: &Reference) {
    let theme = plot.theme;
    let (left, right, dash) = (plot.left, plot.right, theme.dash(BOUND));
    let [from, to] = reference.zone.map(|v| plot.y.at(v));
    let (line, small) = (0.8 * theme.line, theme.small);
    for y in ends([from, to]) {
        pen.line((left, y), (right, y), ColorRole::Text, line, &dash);
    }
    let above = if from - 1.3 * small > plot.top {
        -0.7
    } else {
        0.7
    };
    let at = (left + 0.5 * theme.text, from + above * small);
    pen.text(&reference.label, at, small, ColorRole::Text, "start");
}
