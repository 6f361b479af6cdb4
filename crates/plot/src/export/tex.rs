//! A figure as TeX for pgfplots.

use crate::figure::{Axis, Direction, Figure, Names, Point, Scale, Series};
use crate::text::{shortened, width};
use crate::theme::{BOUND, LIGHT};
use std::fmt::Write as _;

/// A `tikzpicture` for `\input`, with its numbers inside and the fonts of the paper.
pub(super) fn tex(figure: &Figure) -> String {
    let mut tex = format!(
        "% {}\n% {}\n% Needs \\usepackage{{pgfplots}}\\pgfplotsset{{compat=1.16}}; 3.5 in wide.\n\\begin{{tikzpicture}}\n",
        comment(&figure.title),
        comment(&figure.caption)
    );
    colors(&mut tex);
    axis_options(&mut tex, figure);
    tex += "]\n";
    for series in &figure.series {
        tex_series(&mut tex, figure, series);
    }
    published_and_references(&mut tex, figure);
    tex + "\\end{axis}\n\\end{tikzpicture}\n"
}

fn colors(tex: &mut String) {
    for (i, color) in LIGHT.iter().enumerate() {
        writeln!(
            *tex,
            "\\definecolor{{ws{i}}}{{HTML}}{{{}}}",
            color[1..].to_uppercase()
        )
        .expect("a string");
    }
}

fn axis_options(tex: &mut String, figure: &Figure) {
    // Leave room for the labels, so that the whole is one column wide; pgfplots would not.
    let names = figure
        .y
        .categories
        .iter()
        .map(|name| width(&shortened(name), 8.0));
    let labels_in =
        names.fold(0.0, f64::max) / 72.0 + if figure.is_horizontal() { 0.15 } else { 0.5 };
    let height_in = match figure.y.categories.len() {
        0 => 1.75,
        rows => 0.18 * rows as f64,
    };
    write!(
        *tex,
        "\\begin{{axis}}[scale only axis, width={:.2}in, height={height_in:.2}in, ",
        3.4 - labels_in
    )
    .expect("a string");
    *tex += "font=\\scriptsize, grid=major, grid style={black!12},\n  axis lines=left, legend columns=4,\n";
    *tex += "  legend style={draw=none, font=\\tiny, at={(0.5,1.02)}, anchor=south},\n";
    for (letter, axis) in [("x", &figure.x), ("y", &figure.y)] {
        places(tex, letter, axis);
        match axis.scale {
            Scale::Log => writeln!(*tex, "  {letter}mode=log,"),
            Scale::FromZero => writeln!(
                *tex,
                "  {letter}min=0, enlarge {letter} limits={{upper, value=0.05}},"
            ),
            Scale::Between(low, high) => writeln!(*tex, "  {letter}min={low}, {letter}max={high},"),
            Scale::Linear => Ok(()),
        }
        .expect("a string");
    }
}

/// The title of an axis of numbers, or the names of one of categories.
fn places(tex: &mut String, letter: &str, axis: &Axis) {
    if axis.categories.is_empty() {
        writeln!(*tex, "  {letter}label={{{}}},", escape(&axis.title())).expect("a string");
    } else {
        let names: Vec<_> = axis
            .categories
            .iter()
            .map(|c| format!("{{{}}}", escape(&shortened(c))))
            .collect();
        let places: Vec<_> = (0..names.len()).map(|i| i.to_string()).collect();
        writeln!(
            *tex,
            "  {letter}tick={{{}}}, {letter}ticklabels={{{}}}, {letter}min=-0.5, {letter}max={},",
            places.join(","),
            names.join(","),
            names.len() as f64 - 0.5
        )
        .expect("a string");
        if letter == "y" {
            *tex += "  y dir=reverse,\n";
        }
    }
}

fn published_and_references(tex: &mut String, figure: &Figure) {
    for point in &figure.published {
        writeln!(
            *tex,
            "\\addplot[only marks, mark=diamond, forget plot] coordinates {{({},{})}}; % {}",
            point.x,
            point.y,
            comment(&point.source)
        )
        .expect("a string");
    }
    for reference in &figure.references {
        let [low, high] = reference.zone;
        let ends = [Some(low), Some(high).filter(|high| *high > low)];
        for at in ends.into_iter().flatten() {
            // the other coordinate of `axis cs` is not used; 1 is in the range of any scale
            let end = |side: u8| match reference.of {
                Direction::X => format!("({{axis cs:{at},1}} |- {{rel axis cs:0,{side}}})"),
                Direction::Y => format!("({{rel axis cs:{side},0}} |- {{axis cs:1,{at}}})"),
            };
            writeln!(
                *tex,
                "\\draw[densely dashed] {} -- {}; % {}",
                end(0),
                end(1),
                comment(&reference.label)
            )
            .expect("a string");
        }
    }
}

/// Markers of pgfplots, by style.
const MARKS: [&str; 8] = [
    "*",
    "square*",
    "triangle*",
    "diamond*",
    "pentagon*",
    "+",
    "x",
    "star",
];

fn tex_series(tex: &mut String, figure: &Figure, series: &Series) {
    let color = match series.style {
        BOUND => "black".to_owned(),
        style => format!("ws{}", style % LIGHT.len()),
    };
    let many = series.joined && series.points.len() >= 16;
    let line = match (series.joined, series.style) {
        (true, BOUND) => "no marks, densely dashed".to_owned(),
        (true, _) if many => "no marks, thick".to_owned(),
        (true, style) => format!("mark={}, mark size=1.5pt", MARKS[style % 8]),
        (false, style) => format!("only marks, mark={}, mark size=1.5pt", MARKS[style % 8]),
    };
    let is_log = matches!(figure.value_axis().scale, Scale::Log);
    let known: Vec<&Point> = series
        .points
        .iter()
        .filter(|p| p.x.is_finite() && p.y.is_finite())
        .filter(|p| !is_log || figure.value(p) > 0.0)
        .collect();
    let banded = known.iter().filter(|p| p.interval.is_some());
    if many && banded.clone().count() > 1 {
        let end = |p: &&&Point, end: usize| {
            p.interval
                .map_or_else(String::new, |i| format!("({},{})", p.x, i[end]))
        };
        let low: String = banded.clone().map(|p| end(&p, 0)).collect();
        let high: String = banded.rev().map(|p| end(&p, 1)).collect();
        writeln!(tex, "\\addplot[draw=none, fill={color}, fill opacity=0.18, forget plot] coordinates {{{low}{high}}} -- cycle;").expect("a string");
    }
    let direction = if figure.is_horizontal() { "x" } else { "y" };
    writeln!(
        tex,
        "\\addplot[{color}, mark options={{fill={color}}}, {line}, error bars/.cd, {direction} dir=both, {direction} explicit]\n  coordinates {{"
    )
    .expect("a string");
    for point in known {
        let value = figure.value(point);
        write!(tex, "({},{})", point.x, point.y).expect("a string");
        if let (Some([lo, hi]), false) = (point.interval, many) {
            // a logarithmic axis has no place for an end at zero or below: the interval is open there
            let open = is_log && lo <= 0.0;
            let ends = [("+=", hi - value, false), ("-=", value - lo, open)];
            for (sign, length, _) in ends.iter().filter(|(.., open)| !open) {
                let (x, y) = match figure.is_horizontal() {
                    true => (*length, 0.0),
                    false => (0.0, *length),
                };
                write!(tex, " {sign} ({x},{y})").expect("a string");
            }
        }
        tex.push(' ');
    }
    *tex += "};\n";
    if figure.names != Names::OnAxis {
        writeln!(tex, "\\addlegendentry{{{}}}", escape(&series.name)).expect("a string");
    }
}

fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// `text` with the special characters of TeX escaped.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        match sign {
            '%' | '&' | '#' | '_' | '{' | '}' | '$' => {
                escaped.push('\\');
                escaped.push(sign);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            'τ' => escaped.push_str("$\\tau$"),
            'ω' => escaped.push_str("$\\omega$"),
            '\u{2212}' => escaped.push_str("$-$"),
            '×' => escaped.push_str("$\\times$"),
            '≤' => escaped.push_str("$\\le$"),
            '·' => escaped.push_str("$\\cdot$"),
            c => escaped.push(c),
        }
    }
    escaped
}
