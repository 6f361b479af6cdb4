//! A figure as SVG: laid out once, for paper and for the screen.
//!
//! Not with a plotting library: a paper wants sizes in points, names beside their lines instead of a legend
//! box, and text measured in the font that is embedded; a report wants colours that follow the reader's
//! theme and marks that a script can find by series.

use super::figure::{Direction, Figure, Names, Point, Series};
use super::scale::AxisScale;
use super::text::{FAMILY, FONT, base64, escape, width};
use super::theme::{self, BOUND, ColorRole, LIGHT, Theme};
use std::fmt::Write as _;

/// A joined series of more points than this shows a line and a band, one of fewer markers and whiskers.
const MARKED: usize = 16;

/// The figure as a file for a paper: 3.5 inch wide, with its font inside.
#[must_use]
pub fn svg(figure: &Figure) -> String {
    draw(figure, &theme::PAPER)
}

pub(crate) fn draw(figure: &Figure, theme: &Theme) -> String {
    let plot = Plot::new(figure, theme);
    let mut pen = Pen {
        svg: String::new(),
        theme,
    };
    head(&mut pen, figure, &plot);
    grid(&mut pen, figure, &plot);
    references(&mut pen, figure, &plot);
    for (place, series) in figure.series.iter().enumerate() {
        let open = format!(
            "<g class=\"mark\" data-series=\"{}\">",
            escape(&series.name)
        );
        pen.svg += &open;
        draw_series(&mut pen, &plot, series, place);
        pen.svg += "</g>\n";
    }
    published(&mut pen, figure, &plot);
    names(&mut pen, figure, &plot);
    pen.svg + "</svg>\n"
}

/// Where everything goes.
struct Plot<'a> {
    figure: &'a Figure,
    theme: &'a Theme,
    x: AxisScale,
    y: AxisScale,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    height: f64,
    key: Vec<KeyEntry>,
}

/// A name in the line above the plot.
struct KeyEntry {
    name: String,
    style: usize,
    x: f64,
    y: f64,
    published: bool,
}

impl<'a> Plot<'a> {
    fn new(figure: &'a Figure, theme: &'a Theme) -> Self {
        let (text, small) = (theme.text, theme.small);
        let lies = figure.lies();
        let gap = 0.6 * text;

        let widest = |texts: &mut dyn Iterator<Item = String>, size: f64| {
            texts.map(|t| width(&t, size)).fold(0.0, f64::max)
        };
        let ends = figure.names == Names::AtEnd;
        let right = if ends {
            let names = figure.series.iter();
            let names = names.map(|s| swatch(theme, s.style) + width(&s.name, small));
            names.fold(0.0, f64::max) + 2.0 * gap
        } else {
            let points = figure.series.iter().flat_map(|s| &s.points);
            let labels = &mut points.filter_map(|p| p.label.clone());
            let label = widest(labels, small);
            if label > 0.0 {
                label + 1.8 * gap
            } else {
                1.6 * text
            }
        };

        let key = key(figure, theme);
        let key_height = key.last().map_or(0.0, |last| last.y + 0.9 * text);
        let zones = figure.references.iter().any(|r| r.of == Direction::X);
        let top = key_height + if zones { 1.75 * small } else { 0.6 * text };
        let plot_height = if lies {
            figure.y.categories.len().max(1) as f64 * row_height(figure, theme)
        } else {
            theme.height
        };
        let bottom = top + plot_height;
        let height = bottom + 0.5 * gap + 1.25 * small + 1.5 * text;

        let y = if lies {
            AxisScale::categories(figure.y.categories.len(), [top, bottom])
        } else {
            AxisScale::new(
                figure.y.scale,
                values(figure, Direction::Y),
                [bottom, top],
                plot_height / theme.ticks[1],
            )
        };
        let left = if lies {
            widest(&mut figure.y.categories.iter().cloned(), text) + 2.0 * gap
        } else {
            widest(&mut y.ticks.iter().map(|&t| y.tick(t)), small) + 0.8 * gap + 1.6 * text
        };
        let right = theme.width - right;
        let right = right.max(left + 0.2 * theme.width);
        let count = (right - left) / theme.ticks[0];
        let x = if figure.x.categories.is_empty() {
            AxisScale::new(
                figure.x.scale,
                values(figure, Direction::X),
                [left, right],
                count,
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

    fn at(&self, point: &Point) -> (f64, f64) {
        (self.x.at(point.x), self.y.at(point.y))
    }
}

/// All values that an axis has to show.
fn values(figure: &Figure, of: Direction) -> impl Iterator<Item = f64> + Clone {
    let along = if figure.lies() {
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
        let advance = swatch(theme, style) + width(&name, theme.small) + 1.4 * theme.text;
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
fn swatch(theme: &Theme, style: usize) -> f64 {
    let lengths = if style == BOUND { 1.6 } else { 1.0 };
    2.0 * theme.marker * lengths + 0.5 * theme.text
}

struct Pen<'a> {
    svg: String,
    theme: &'a Theme,
}

impl Pen<'_> {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), ink: ColorRole, width: f64, dash: &str) {
        let color = self.theme.color(ink);
        write!(
            self.svg,
            "<path d=\"M{:.2} {:.2}L{:.2} {:.2}\" stroke=\"{color}\" stroke-width=\"{width:.2}\"",
            from.0, from.1, to.0, to.1
        )
        .expect("a string takes everything");
        self.end_dashed(dash);
    }

    fn end_dashed(&mut self, dash: &str) {
        if !dash.is_empty() {
            self.svg += &format!(" stroke-dasharray=\"{dash}\"");
        }
        self.svg += "/>\n";
    }

    fn text(&mut self, text: &str, (x, y): (f64, f64), size: f64, ink: ColorRole, anchor: &str) {
        // Lowered by a third of the size the middle of small letters is at y, in every viewer.
        let (y, color) = (y + 0.34 * size, self.theme.color(ink));
        let anchor = match anchor {
            "start" => String::new(),
            anchor => format!(" text-anchor=\"{anchor}\""),
        };
        self.svg += &format!(
            "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size}\" fill=\"{color}\"{anchor}>{}</text>\n",
            escape(text)
        );
    }

    fn marker(&mut self, style: usize, (x, y): (f64, f64), half: f64) {
        let (path, color) = (
            theme::marker(style, x, y, half),
            self.theme.color(ColorRole::Series(style)),
        );
        let rim = self.theme.color(ColorRole::Paper);
        self.svg += &format!(
            "<path d=\"{path}\" fill=\"{color}\" stroke=\"{rim}\" stroke-width=\"{:.2}\"/>\n",
            0.35 * self.theme.line
        );
    }
}

fn head(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let (width, height) = (pen.theme.width, plot.height);
    let (title, caption) = (escape(&figure.title), escape(&figure.caption));
    if pen.theme.screen {
        let key = if figure.lies() { &plot.y } else { &plot.x };
        writeln!(
            pen.svg,
            "<svg class=\"chart\" viewBox=\"0 0 {width} {height:.1}\" role=\"img\" tabindex=\"0\" \
             aria-label=\"{title}. Arrow keys read the values.\" fill=\"none\" \
             data-plot=\"{:.1} {:.1} {:.1} {:.1} {} {} {}\">",
            plot.left,
            plot.top,
            plot.right,
            plot.bottom,
            key.low,
            key.high,
            u8::from(key.log)
        )
        .expect("a string takes everything");
        return;
    }
    write!(
        pen.svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.4}in\" height=\"{:.4}in\" \
         viewBox=\"0 0 {width} {height:.1}\" role=\"img\" fill=\"none\" font-family=\"{FAMILY}\">\n\
         <title>{title}</title>\n<desc>{caption}</desc>\n\
         <style>@font-face{{font-family:Arimo;src:url(data:font/ttf;base64,{})}}</style>\n\
         <rect width=\"{width}\" height=\"{height:.1}\" fill=\"#ffffff\"/>\n",
        width / 72.0,
        height / 72.0,
        base64(FONT)
    )
    .expect("a string takes everything");
}

fn grid(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let theme = plot.theme;
    let (text, small) = (theme.text, theme.small);
    let hair = 0.5 * theme.line.min(1.2);
    let Plot {
        left,
        right,
        top,
        bottom,
        ..
    } = *plot;
    pen.svg += "<g class=\"axes\" aria-hidden=\"true\">\n";

    let mut last = f64::NEG_INFINITY;
    for &tick in &plot.x.ticks {
        let (x, label) = (plot.x.at(tick), plot.x.tick(tick));
        pen.line((x, top), (x, bottom), ColorRole::Grid, hair, "");
        pen.line(
            (x, bottom),
            (x, bottom + 0.3 * text),
            ColorRole::Muted,
            hair,
            "",
        );
        let half = 0.5 * width(&label, small);
        if x - half > last {
            pen.text(
                &label,
                (x, bottom + 0.4 * text + 0.55 * small),
                small,
                ColorRole::Muted,
                "middle",
            );
            last = x + half + 0.3 * small;
        }
    }
    for (category, name) in figure.x.categories.iter().enumerate() {
        let at = (
            plot.x.at(category as f64),
            bottom + 0.4 * text + 0.55 * small,
        );
        pen.text(name, at, small, ColorRole::Muted, "middle");
    }
    for &tick in &plot.y.ticks {
        let y = plot.y.at(tick);
        pen.line((left, y), (right, y), ColorRole::Grid, hair, "");
        pen.text(
            &plot.y.tick(tick),
            (left - 0.5 * text, y),
            small,
            ColorRole::Muted,
            "end",
        );
    }
    for (category, name) in figure.y.categories.iter().enumerate() {
        let y = plot.y.at(category as f64);
        // Through the marks of a row, or between the rows that many share.
        let line = plot
            .y
            .at(category as f64 + if shares_rows(figure) { 0.5 } else { 0.0 });
        pen.line((left, line), (right, line), ColorRole::Grid, hair, "");
        pen.text(name, (left - 0.7 * text, y), text, ColorRole::Text, "end");
    }
    pen.line((left, bottom), (right, bottom), ColorRole::Muted, hair, "");
    pen.line((left, top), (left, bottom), ColorRole::Muted, hair, "");

    let middle = 0.5 * (left + right);
    let title = figure.x.title();
    let half = 0.5 * width(&title, text);
    let x = middle.clamp(half + 1.0, (theme.width - half - 1.0).max(half + 1.0));
    pen.text(
        &title,
        (x, plot.height - 0.75 * text),
        text,
        ColorRole::Text,
        "middle",
    );
    if !figure.lies() {
        let (x, y) = (0.75 * text, 0.5 * (top + bottom));
        pen.svg += &format!("<g transform=\"translate({x:.2} {y:.2}) rotate(-90)\">");
        pen.text(
            &figure.y.title(),
            (0.0, 0.0),
            text,
            ColorRole::Text,
            "middle",
        );
        pen.svg += "</g>\n";
    }
    pen.svg += "</g>\n";
}

fn references(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let theme = plot.theme;
    let Plot {
        left,
        right,
        top,
        bottom,
        ..
    } = *plot;
    for reference in &figure.references {
        let axis = if reference.of == Direction::X {
            &plot.x
        } else {
            &plot.y
        };
        let [from, to] = reference.zone.map(|v| axis.at(v));
        let (color, dash) = (theme.color(ColorRole::Text), theme.dash(BOUND));
        pen.svg += "<g class=\"reference\">\n";
        let half = 0.5 * width(&reference.label, theme.small);
        let apart = (to - from).abs() > 0.01;
        let lines = [Some(from), Some(to).filter(|_| apart)]
            .into_iter()
            .flatten();
        if reference.of == Direction::X {
            if to > from {
                pen.svg += &format!(
                    "<rect x=\"{from:.2}\" y=\"{top:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{color}\" fill-opacity=\".07\"/>\n",
                    to - from,
                    bottom - top
                );
            }
            for x in lines {
                pen.line(
                    (x, top),
                    (x, bottom),
                    ColorRole::Text,
                    0.8 * theme.line,
                    &dash,
                );
            }
            let x =
                (0.5 * (from + to)).clamp(half + 1.0, (theme.width - half - 1.0).max(half + 1.0));
            pen.text(
                &reference.label,
                (x, top - 0.75 * theme.small),
                theme.small,
                ColorRole::Text,
                "middle",
            );
        } else {
            for y in lines {
                pen.line(
                    (left, y),
                    (right, y),
                    ColorRole::Text,
                    0.8 * theme.line,
                    &dash,
                );
            }
            let above = if from - 1.3 * theme.small > top {
                -0.7
            } else {
                0.7
            };
            pen.text(
                &reference.label,
                (left + 0.5 * theme.text, from + above * theme.small),
                theme.small,
                ColorRole::Text,
                "start",
            );
        }
        pen.svg += "</g>\n";
    }
}

fn draw_series(pen: &mut Pen<'_>, plot: &Plot<'_>, series: &Series, place: usize) {
    let theme = plot.theme;
    let ink = ColorRole::Series(series.style);
    let color = theme.color(ink);
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
            let lies = plot.figure.lies();
            let cap = 0.8 * theme.marker;
            let [lo, hi] = ends.map(|v| if lies { plot.x.at(v) } else { plot.y.at(v) });
            let width = 0.9 * theme.line;
            if lies {
                pen.line((lo, y), (hi, y), ink, width, "");
                for x in [lo, hi] {
                    pen.line((x, y - cap), (x, y + cap), ink, width, "");
                }
            } else {
                pen.line((x, lo), (x, hi), ink, width, "");
                for y in [lo, hi] {
                    pen.line((x - cap, y), (x + cap, y), ink, width, "");
                }
            }
        }
        pen.marker(series.style, (x, y), theme.marker);
        if let Some(label) = &point.label {
            let end = point.interval.map_or(x, |[_, hi]| plot.x.at(hi).max(x));
            let at = (end + theme.marker + 0.5 * theme.text, y);
            pen.text(label, at, theme.small, ColorRole::Text, "start");
        }
    }
}

/// Whether a row has marks of several series.
fn shares_rows(figure: &Figure) -> bool {
    figure.lies() && figure.names == Names::Above && figure.series.len() > 1
}

/// A row that several series share grows with them.
fn row_height(figure: &Figure, theme: &Theme) -> f64 {
    let needed = if shares_rows(figure) {
        1.05 * theme.marker * figure.series.len() as f64
    } else {
        0.0
    };
    theme.row.max(needed)
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

fn published(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
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
fn hollow(pen: &mut Pen<'_>, (x, y): (f64, f64), style: usize) {
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

fn names(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let theme = plot.theme;
    for entry in &plot.key {
        let at = (entry.x + theme.marker, entry.y);
        pen.svg += &format!("<g class=\"mark\" data-series=\"{}\">", escape(&entry.name));
        if entry.published {
            hollow(pen, at, BOUND);
        } else {
            sample(pen, at, entry.style);
        }
        let x = entry.x + swatch(theme, entry.style);
        pen.text(
            &entry.name,
            (x, entry.y),
            theme.small,
            ColorRole::Text,
            "start",
        );
        pen.svg += "</g>\n";
    }
    if figure.names != Names::AtEnd {
        return;
    }
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
        let at = (from.0 + 1.3 * gap + swatch(theme, series.style), label_y);
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
        if style >= LIGHT.len() {
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
