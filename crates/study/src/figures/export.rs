//! A figure as files: SVG, PDF, PNG, CSV, and TeX for pgfplots.

use super::draw::svg;
use super::look::{BOUND, LIGHT};
use super::map::{self, Setting};
use super::model::{Direction, Figure, Names, Point, Scale, Series};
use super::text::REGULAR;
use resvg::{tiny_skia, usvg};
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, LazyLock};

/// Dots per inch of the previews: 3.5 inch make 1050 pixels.
const PREVIEW_DPI: f32 = 300.0;

/// All files of a figure: extension and content.
///
/// # Errors
/// What the converters say of an SVG that they cannot read, which would be a bug of ours.
pub(crate) fn files(figure: &Figure) -> io::Result<[(&'static str, Vec<u8>); 5]> {
    let svg = svg(figure);
    let tree = parse(&svg)?;
    Ok([
        ("pdf", pdf(&tree)?),
        ("png", png(&tree)?),
        ("csv", csv(figure).into_bytes()),
        ("tex", tex(figure).into_bytes()),
        ("svg", svg.into_bytes()),
    ])
}

/// The map's files.
///
/// # Errors
/// As [`files`].
pub(crate) fn map_files(setting: &Setting) -> io::Result<[(&'static str, Vec<u8>); 4]> {
    let svg = map::map(setting);
    let tree = parse(&svg)?;
    Ok([
        ("pdf", pdf(&tree)?),
        ("png", png(&tree)?),
        ("csv", map::csv(setting).into_bytes()),
        ("svg", svg.into_bytes()),
    ])
}

fn parse(svg: &str) -> io::Result<usvg::Tree> {
    static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(REGULAR.to_vec());
        Arc::new(fonts)
    });
    let options = usvg::Options {
        // Lengths in inch become points.
        dpi: 72.0,
        fontdb: Arc::clone(&FONTS),
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(svg, &options).map_err(io::Error::other)
}

/// With the glyphs that it uses embedded.
fn pdf(tree: &usvg::Tree) -> io::Result<Vec<u8>> {
    let (conversion, page) = (
        svg2pdf::ConversionOptions::default(),
        svg2pdf::PageOptions { dpi: 72.0 },
    );
    svg2pdf::to_pdf(tree, conversion, page).map_err(|e| io::Error::other(e.to_string()))
}

fn png(tree: &usvg::Tree) -> io::Result<Vec<u8>> {
    let scale = PREVIEW_DPI / 72.0;
    let size = tree.size().to_int_size();
    let size = size
        .scale_by(scale)
        .ok_or_else(|| io::Error::other("a figure without a size"))?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())
        .ok_or_else(|| io::Error::other("a figure too large for a preview"))?;
    let transform = tiny_skia::Transform::from_scale(scale, scale);
    resvg::render(tree, transform, &mut pixels.as_mut());
    pixels.encode_png().map_err(io::Error::other)
}

/// A line per point; references and published points as series of their own.
pub(crate) fn csv(figure: &Figure) -> String {
    let (key, value) = (figure.key_axis(), figure.value_axis());
    let name = value.column();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["series", &key.column(), &name, "lo", "hi", "kind"];
    let mut rows = vec![header.map(str::to_owned)];
    for series in &figure.series {
        rows.extend(series.points.iter().map(|point| {
            let [lo, hi] = point.interval.map_or([None, None], |ends| ends.map(Some));
            let end = |end: Option<f64>| end.map_or_else(String::new, |v| v.to_string());
            [
                series.name.clone(),
                key.value(figure.key(point)),
                figure.value(point).to_string(),
                end(lo),
                end(hi),
                "measured".into(),
            ]
        }));
    }
    for point in &figure.published {
        let at = Point {
            x: point.x,
            y: point.y,
            ..Point::default()
        };
        rows.push([
            point.series.clone(),
            key.value(figure.key(&at)),
            figure.value(&at).to_string(),
            String::new(),
            String::new(),
            format!("published: {}", point.source),
        ]);
    }
    for reference in &figure.references {
        let along = if reference.of == Direction::X {
            &figure.x
        } else {
            &figure.y
        };
        let [lo, hi] = reference.zone.map(|v| v.to_string());
        rows.push([
            reference.label.clone(),
            String::new(),
            String::new(),
            lo,
            hi,
            format!("reference: {}", along.column()),
        ]);
    }
    for row in rows {
        writer.write_record(row).expect("memory takes everything");
    }
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("made of strings")
}

/// A `tikzpicture` for `\input`: the numbers are inside, the fonts are the paper's.
pub(crate) fn tex(figure: &Figure) -> String {
    let mut tex = format!(
        "% {}\n% {}\n% Needs \\usepackage{{pgfplots}}\\pgfplotsset{{compat=1.16}}; 3.5 in wide.\n\\begin{{tikzpicture}}\n",
        comment(&figure.title),
        comment(&figure.caption)
    );
    for (i, color) in LIGHT.iter().enumerate() {
        writeln!(
            tex,
            "\\definecolor{{ws{i}}}{{HTML}}{{{}}}",
            color[1..].to_uppercase()
        )
        .expect("a string");
    }
    let lies = figure.lies();
    let rows = figure.y.categories.len().max(1);
    tex += "\\begin{axis}[width=3.5in, ";
    if lies {
        write!(tex, "height={:.2}in, ", 0.6 + 0.2 * rows as f64).expect("a string");
    } else {
        tex += "height=2.3in, ";
    }
    tex += "font=\\scriptsize, grid=major, grid style={black!12},\n  axis lines=left, legend columns=4,\n";
    tex += "  legend style={draw=none, font=\\tiny, at={(0.5,1.02)}, anchor=south},\n";
    for (letter, axis) in [("x", &figure.x), ("y", &figure.y)] {
        writeln!(tex, "  {letter}label={{{}}},", escape(&axis.title())).expect("a string");
        if !axis.categories.is_empty() {
            let names: Vec<_> = axis
                .categories
                .iter()
                .map(|c| format!("{{{}}}", escape(c)))
                .collect();
            let places: Vec<_> = (0..names.len()).map(|i| i.to_string()).collect();
            writeln!(
                tex,
                "  {letter}tick={{{}}}, {letter}ticklabels={{{}}}, {letter}min=-0.5, {letter}max={},",
                places.join(","),
                names.join(","),
                names.len() as f64 - 0.5
            )
            .expect("a string");
            if letter == "y" {
                tex += "  y dir=reverse,\n";
            }
        }
        match axis.scale {
            Scale::Log => writeln!(tex, "  {letter}mode=log,"),
            Scale::FromZero => writeln!(tex, "  {letter}min=0,"),
            Scale::Between(low, high) => writeln!(tex, "  {letter}min={low}, {letter}max={high},"),
            Scale::Linear => Ok(()),
        }
        .expect("a string");
    }
    tex += "]\n";
    for series in &figure.series {
        tex_series(&mut tex, figure, series);
    }
    for point in &figure.published {
        writeln!(
            tex,
            "\\addplot[only marks, mark=diamond, forget plot] coordinates {{({},{})}}; % {}",
            point.x,
            point.y,
            comment(&point.source)
        )
        .expect("a string");
    }
    for reference in &figure.references {
        for at in reference.zone {
            let (from, to) = match reference.of {
                Direction::X => (
                    format!("{{axis cs:{at},0}}|-{{rel axis cs:0,0}}"),
                    format!("{{axis cs:{at},0}}|-{{rel axis cs:0,1}}"),
                ),
                Direction::Y => (
                    format!("{{rel axis cs:0,0}}|-{{axis cs:0,{at}}}"),
                    format!("{{rel axis cs:1,0}}|-{{axis cs:0,{at}}}"),
                ),
            };
            writeln!(
                tex,
                "\\draw[densely dashed] ({from}) -- ({to}); % {}",
                comment(&reference.label)
            )
            .expect("a string");
        }
    }
    tex + "\\end{axis}\n\\end{tikzpicture}\n"
}

fn tex_series(tex: &mut String, figure: &Figure, series: &Series) {
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
    let color = match series.style {
        BOUND => "black".to_owned(),
        style => format!("ws{}", style % LIGHT.len()),
    };
    let many = series.joined && series.points.len() >= 16;
    let line = match (series.joined, series.style) {
        (true, BOUND) => "no marks, densely dashed".to_owned(),
        (true, _) if many => "no marks, thick".to_owned(),
        (true, style) => format!("mark={}", MARKS[style % 8]),
        (false, style) => format!("only marks, mark={}, mark size=1.5pt", MARKS[style % 8]),
    };
    let known: Vec<&Point> = series
        .points
        .iter()
        .filter(|p| p.x.is_finite() && p.y.is_finite())
        .filter(|p| !matches!(figure.value_axis().scale, Scale::Log) || figure.value(p) > 0.0)
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
    let direction = if figure.lies() { "x" } else { "y" };
    writeln!(
        tex,
        "\\addplot+[{color}, mark options={{fill={color}}}, {line}, error bars/.cd, {direction} dir=both, {direction} explicit]\n  coordinates {{"
    )
    .expect("a string");
    for point in known {
        write!(tex, "({},{})", point.x, point.y).expect("a string");
        if let (Some([_, hi]), false) = (point.interval, many) {
            let half = hi - figure.value(point);
            let (x, y) = if figure.lies() {
                (half, 0.0)
            } else {
                (0.0, half)
            };
            write!(tex, " +- ({x},{y})").expect("a string");
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

/// What TeX gives a meaning.
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
