//! Where the parts of a figure go.

use crate::figure::{Direction, Figure, Names, Point};
use crate::scale::AxisScale;
use crate::text::{shortened, width};
use crate::theme::{BOUND, Theme};

/// Where everything goes.
pub(super) struct Plot<'a> {
    pub(super) figure: &'a Figure,
    pub(super) theme: &'a Theme,
    pub(super) x: AxisScale,
    pub(super) y: AxisScale,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) height: f64,
    pub(super) key: Vec<KeyEntry>,
}

/// A name in the line above the plot.
pub(super) struct KeyEntry {
    pub(super) name: String,
    pub(super) style: usize,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) published: bool,
}

impl<'a> Plot<'a> {
    pub(super) fn new(figure: &'a Figure, theme: &'a Theme) -> Self {
        let (text, small) = (theme.text, theme.small);
        let horizontal = figure.is_horizontal();
        let gap = 0.6 * text;

        let key = key(figure, theme);
        let key_height = key.last().map_or(0.0, |last| last.y + 0.9 * text);
        let zones = figure.references.iter().any(|r| r.of == Direction::X);
        let top = key_height + if zones { 1.75 * small } else { 0.6 * text };
        let plot_height = if horizontal {
            figure.y.categories.len().max(1) as f64 * row_height(figure, theme)
        } else {
            theme.height
        };
        let bottom = top + plot_height;
        let height = bottom + 0.5 * gap + 1.25 * small + 1.5 * text;

        let y = if horizontal {
            AxisScale::categories(figure.y.categories.len(), [top, bottom])
        } else {
            AxisScale::new(
                figure.y.scale,
                values(figure, Direction::Y),
                [bottom, top],
                plot_height / theme.ticks[1],
            )
        };
        let left = if horizontal {
            widest(figure.y.categories.iter().map(|c| shortened(c)), text) + 2.0 * gap
        } else {
            widest(y.ticks.iter().map(|&t| y.tick(t)), small) + 0.8 * gap + 1.6 * text
        };
        let right = theme.width - right_margin(figure, theme);
        let right = right.max(left + 0.2 * theme.width);
        let x = if figure.x.categories.is_empty() {
            AxisScale::new(
                figure.x.scale,
                values(figure, Direction::X),
                [left, right],
                (right - left) / theme.ticks[0],
            )
        } else {
            AxisScale::categories(figure.x.categories.len(), [left, right])
        };
        Self {
            figure,
            theme,
            x,
            y,
            left,
            right,
            top,
            bottom,
            height,
            key,
        }
    }

    pub(super) fn at(&self, point: &Point) -> (f64, f64) {
        (self.x.at(point.x), self.y.at(point.y))
    }
}

fn widest(texts: impl Iterator<Item = String>, size: f64) -> f64 {
    texts.map(|text| width(&text, size)).fold(0.0, f64::max)
}

/// Room to the right of the plot, for names or labels.
fn right_margin(figure: &Figure, theme: &Theme) -> f64 {
    let gap = 0.6 * theme.text;
    if figure.names == Names::AtEnd {
        let names = figure.series.iter();
        let names = names.map(|s| sample_width(theme, s.style) + width(&s.name, theme.small));
        return names.fold(0.0, f64::max) + 2.0 * gap;
    }
    let points = figure.series.iter().flat_map(|s| &s.points);
    let label = widest(points.filter_map(|p| p.label.clone()), theme.small);
    if label > 0.0 {
        label + 1.8 * gap
    } else {
        1.6 * theme.text
    }
}

/// All values that an axis has to show.
fn values(figure: &Figure, of: Direction) -> impl Iterator<Item = f64> + Clone {
    let along = if figure.is_horizontal() {
        Direction::X
    } else {
        Direction::Y
    };
    let points = figure.series.iter().flat_map(|s| &s.points);
    let points = points.flat_map(move |p| {
        let value = if of == Direction::X { p.x } else { p.y };
        let interval = p.interval.filter(|_| of == along);
        std::iter::once(value).chain(interval.into_iter().flatten())
    });
    let references = figure.references.iter().filter(move |r| r.of == of);
    let published = figure.published.iter();
    let published = published.map(move |p| if of == Direction::X { p.x } else { p.y });
    points
        .chain(references.flat_map(|r| r.zone))
        .chain(published)
}

/// Names above the plot, broken into lines.
fn key(figure: &Figure, theme: &Theme) -> Vec<KeyEntry> {
    let mut names: Vec<(String, usize, bool)> = Vec::new();
    if figure.names == Names::Above {
        names.extend(
            figure
                .series
                .iter()
                .map(|s| (s.name.clone(), s.style, false)),
        );
    }
    if !figure.published.is_empty() {
        names.push(("published".into(), BOUND, true));
    }
    let (mut x, mut y) = (0.5 * theme.text, 0.8 * theme.text);
    let mut entries = Vec::new();
    for (name, style, published) in names {
        let advance = sample_width(theme, style) + width(&name, theme.small) + 1.4 * theme.text;
        if x + advance > theme.width && !entries.is_empty() {
            (x, y) = (0.5 * theme.text, y + 1.45 * theme.text);
        }
        entries.push(KeyEntry {
            name,
            style,
            x,
            y,
            published,
        });
        x += advance;
    }
    entries
}

/// Room for the sample of a line, and what separates it from the name.
pub(super) fn sample_width(theme: &Theme, style: usize) -> f64 {
    let lengths = if style == BOUND { 1.6 } else { 1.0 };
    2.0 * theme.marker * lengths + 0.5 * theme.text
}

/// Whether a row has marks of several series.
pub(super) fn shares_rows(figure: &Figure) -> bool {
    figure.is_horizontal() && figure.names == Names::Above && figure.series.len() > 1
}

/// A row that several series share grows with them.
pub(super) fn row_height(figure: &Figure, theme: &Theme) -> f64 {
    let needed = if shares_rows(figure) {
        1.05 * theme.marker * figure.series.len() as f64
    } else {
        0.0
    };
    theme.row.max(needed)
}
