//! Names of the series: above the plot, or at the ends of their lines.

use super::layout::{Plot, sample_width};
use super::pen::Pen;
use super::series::hollow;
use crate::figure::{Figure, Names};
use crate::text::escape;
use crate::theme::{BOUND, ColorRole, MARKERS};

/// Names every series, and what published points look like.
pub(super) fn draw(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let theme = plot.theme;
    for entry in &plot.key {
        let at = (entry.x + theme.marker, entry.y);
        pen.svg += &format!("<g class=\"mark\" data-series=\"{}\">", escape(&entry.name));
        if entry.published {
            hollow(pen, at, BOUND);
        } else {
            sample(pen, at, entry.style);
        }
        let x = entry.x + sample_width(theme, entry.style);
        pen.text(
            &entry.name,
            (x, entry.y),
            theme.small,
            ColorRole::Text,
            "start",
        );
        pen.svg += "</g>\n";
    }
    if figure.names == Names::AtEnd {
        at_ends(pen, figure, plot);
    }
}

/// Names at the right ends of the lines, moved apart where they would overlap.
fn at_ends(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let theme = plot.theme;
    let ends = figure.series.iter().filter_map(|s| {
        let last = s.points.iter().rev().find(|p| p.y.is_finite())?;
        Some((s, plot.at(last)))
    });
    let mut ends: Vec<_> = ends.collect();
    ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let wanted: Vec<f64> = ends.iter().map(|e| e.1.1).collect();
    let placed = spread(
        &wanted,
        1.2 * theme.small,
        plot.top,
        plot.bottom + theme.small,
    );
    for ((series, (x, y)), label_y) in ends.into_iter().zip(placed) {
        pen.svg += &format!(
            "<g class=\"mark\" data-series=\"{}\">",
            escape(&series.name)
        );
        let from = (x.max(plot.right), label_y);
        let gap = 0.6 * theme.text;
        pen.line(
            (x + 1.0, y),
            (from.0 + 1.3 * gap, label_y),
            ColorRole::Series(series.style),
            0.4 * theme.line,
            "",
        );
        sample(
            pen,
            (from.0 + 1.3 * gap + theme.marker, label_y),
            series.style,
        );
        let at = (
            from.0 + 1.3 * gap + sample_width(theme, series.style),
            label_y,
        );
        pen.text(&series.name, at, theme.small, ColorRole::Text, "start");
        pen.svg += "</g>\n";
    }
}

/// What a series looks like, in a key.
fn sample(pen: &mut Pen<'_>, (x, y): (f64, f64), style: usize) {
    let theme = pen.theme;
    if style == BOUND {
        let half = theme.marker;
        pen.line(
            (x - half, y),
            (x + 2.2 * half, y),
            ColorRole::Text,
            0.9 * theme.line,
            &theme.dash(BOUND),
        );
    } else {
        if style >= MARKERS {
            let half = 2.0 * theme.marker;
            pen.line(
                (x - half, y),
                (x + half, y),
                ColorRole::Series(style),
                theme.line,
                &theme.dash(style),
            );
        }
        pen.marker(style, (x, y), theme.marker);
    }
}

/// Ascending places moved as little as it takes to be `apart`, and within the ends where there is room.
fn spread(wanted: &[f64], apart: f64, low: f64, high: f64) -> Vec<f64> {
    // Groups that touch move to the mean of what they want, as in isotonic regression.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for &at in wanted {
        groups.push((at, 1));
        while let [.., (a, n), (b, m)] = groups[..] {
            if b - a >= 0.5 * (n + m) as f64 * apart {
                break;
            }
            let middle = (a * n as f64 + b * m as f64) / (n + m) as f64;
            groups.truncate(groups.len() - 2);
            groups.push((middle, n + m));
        }
    }
    let mut placed: Vec<f64> = Vec::new();
    for (middle, n) in groups {
        let first = middle - 0.5 * (n as f64 - 1.0) * apart;
        placed.extend((0..n).map(|i| first + i as f64 * apart));
    }
    let mut limit = high;
    for at in placed.iter_mut().rev() {
        *at = at.min(limit);
        limit = *at - apart;
    }
    let mut limit = low;
    for at in &mut placed {
        *at = at.max(limit);
        limit = *at + apart;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_names_are_spread() {
        let close = |found: Vec<f64>, wanted: &[f64]| {
            assert!(
                found.len() == wanted.len()
                    && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9),
                "{found:?}"
            );
        };
        close(spread(&[10.0, 50.0], 10.0, 0.0, 100.0), &[10.0, 50.0]);
        close(
            spread(&[50.0, 50.0, 50.0], 10.0, 0.0, 100.0),
            &[40.0, 50.0, 60.0],
        );
        close(spread(&[1.0, 2.0], 10.0, 0.0, 100.0), &[0.0, 10.0]);
        close(spread(&[99.0, 100.0], 10.0, 0.0, 100.0), &[90.0, 100.0]);
        close(spread(&[], 10.0, 0.0, 1.0), &[]);
    }
}
