//! A figure as files: SVG, PDF, PNG, CSV, and TeX for pgfplots.

use super::draw::svg;
use super::figure::{Direction, Figure, Names, Point, Scale, Series};
use super::map::{self, Map};
use super::text::{FONT, width};
use super::theme::{BOUND, LIGHT};
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
pub fn files(figure: &Figure) -> io::Result<[(&'static str, Vec<u8>); 5]> {
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
pub fn map_files(map: &Map) -> io::Result<[(&'static str, Vec<u8>); 4]> {
    let svg = map::map_svg(map);
    let tree = parse(&svg)?;
    Ok([
        ("pdf", pdf(&tree)?),
        ("png", png(&tree)?),
        ("csv", map::csv(map).into_bytes()),
        ("svg", svg.into_bytes()),
    ])
}

fn parse(svg: &str) -> io::Result<usvg::Tree> {
    static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(FONT.to_vec());
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
    let mut pdf =
        svg2pdf::to_pdf(tree, conversion, page).map_err(|e| io::Error::other(e.to_string()))?;
    sort_resources(&mut pdf);
    Ok(pdf)
}

/// Orders the entries of every resource dictionary, which svg2pdf writes in the order of a hash map: equal
/// figures are to have equal bytes. Lines move within their dictionary alone, so that no offset changes.
fn sort_resources(pdf: &mut [u8]) {
    // `      /gs2 9 0 R`
    let entry = |line: &[u8]| {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        matches!(words[..], [name, number, "0", "R"]
            if name.starts_with('/') && number.bytes().all(|b| b.is_ascii_digit()))
            && text.starts_with("      /")
            && text.ends_with(" 0 R\n")
    };
    let mut start = 0;
    let mut run: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    while at < pdf.len() {
        let end = pdf[at..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(pdf.len(), |n| at + n + 1);
        let line = &pdf[at..end];
        if entry(line) {
            if run.is_empty() {
                start = at;
            }
            run.push(line.to_vec());
        } else if !run.is_empty() {
            run.sort();
            let sorted = run.concat();
            pdf[start..start + sorted.len()].copy_from_slice(&sorted);
            run.clear();
        }
        at = end;
    }
}

fn png(tree: &usvg::Tree) -> io::Result<Vec<u8>> {
    let scale = PREVIEW_DPI / 72.0;
    let size = tree.size().to_int_size();
    let size = size
        .scale_by(scale)
        .ok_or_else(|| io::Error::other("a figure without a size"))?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())
        .ok_or_else(|| io::Error::other("a figure too large for a preview"))?;
    // The last row of pixels may reach a fraction beyond the drawing.
    pixels.fill(tiny_skia::Color::WHITE);
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
    // The room of the labels is not pgfplots' to guess: together they make a column.
    let names = figure.y.categories.iter().map(|name| width(name, 8.0));
    let labels_in = names.fold(0.0, f64::max) / 72.0 + if figure.lies() { 0.15 } else { 0.5 };
    let height_in = match figure.y.categories.len() {
        0 => 1.75,
        rows => 0.18 * rows as f64,
    };
    write!(
        tex,
        "\\begin{{axis}}[scale only axis, width={:.2}in, height={height_in:.2}in, ",
        3.4 - labels_in
    )
    .expect("a string");
    tex += "font=\\scriptsize, grid=major, grid style={black!12},\n  axis lines=left, legend columns=4,\n";
    tex += "  legend style={draw=none, font=\\tiny, at={(0.5,1.02)}, anchor=south},\n";
    for (letter, axis) in [("x", &figure.x), ("y", &figure.y)] {
        if axis.categories.is_empty() {
            writeln!(tex, "  {letter}label={{{}}},", escape(&axis.title())).expect("a string");
        } else {
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
            Scale::FromZero => writeln!(
                tex,
                "  {letter}min=0, enlarge {letter} limits={{upper, value=0.05}},"
            ),
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
        let [low, high] = reference.zone;
        let ends = [Some(low), Some(high).filter(|high| *high > low)];
        for at in ends.into_iter().flatten() {
            let end = |name: &str| match reference.of {
                Direction::X => format!("(axis cs:{at},\\pgfkeysvalueof{{/pgfplots/y{name}}})"),
                Direction::Y => format!("(axis cs:\\pgfkeysvalueof{{/pgfplots/x{name}}},{at})"),
            };
            writeln!(
                tex,
                "\\draw[densely dashed] {} -- {}; % {}",
                end("min"),
                end("max"),
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
        (true, style) => format!("mark={}, mark size=1.5pt", MARKS[style % 8]),
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
        "\\addplot[{color}, mark options={{fill={color}}}, {line}, error bars/.cd, {direction} dir=both, {direction} explicit]\n  coordinates {{"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Map, Published, Reference, Site};

    /// A figure as a study would declare it: a line over a parameter, whiskers, a published point.
    fn figure() -> Figure {
        let series = |name: &str, style, slope: f64| Series {
            name: name.into(),
            style,
            joined: true,
            points: [20.0, 40.0, 60.0, 80.0, 100.0]
                .map(|x| Point {
                    x,
                    y: slope * x,
                    interval: Some([slope * x - 0.1, slope * x + 0.1]),
                    label: None,
                })
                .to_vec(),
        };
        Figure {
            id: "delay-vehicles".into(),
            title: "Mean delay over the number of vehicles".into(),
            caption: "Made up.".into(),
            x: Axis::new("Vehicles", None, Scale::Linear),
            y: Axis::new("Mean delay", Some("s"), Scale::FromZero),
            series: vec![
                series("price_1 & more", 0, 0.01),
                series("nearest", 1, 0.012),
            ],
            references: vec![Reference {
                of: Direction::Y,
                zone: [1.0, 1.0],
                label: "deadline 100 %".into(),
            }],
            published: vec![Published {
                series: "nearest".into(),
                x: 100.0,
                y: 1.25,
                source: "Fig. 3".into(),
            }],
            names: Names::AtEnd,
        }
    }

    /// Set `WAYSIDE_FIGURES` to a folder to look at them.
    fn show(figure: &Figure) -> Vec<(&'static str, Vec<u8>)> {
        let files = files(figure).unwrap();
        if let Some(folder) = std::env::var_os("WAYSIDE_FIGURES") {
            for (extension, content) in &files {
                let path = std::path::Path::new(&folder).join(format!("{}.{extension}", figure.id));
                std::fs::write(path, content).unwrap();
            }
        }
        files.into()
    }

    #[test]
    fn property_every_file_has_the_size_of_a_column_and_its_font() {
        for figure in [figure()] {
            let files = show(&figure);
            let of = |wanted: &str| &files.iter().find(|(e, _)| *e == wanted).unwrap().1;
            let text = |wanted: &str| String::from_utf8(of(wanted).clone()).unwrap();
            let svg = text("svg");
            assert!(svg.contains("width=\"3.5000in\"") && svg.contains("@font-face"));
            let tree = parse(&svg).unwrap();
            assert!((tree.size().width() - 252.0).abs() < 0.01, "{}", figure.id);
            let pdf = String::from_utf8_lossy(of("pdf"));
            assert!(
                pdf.contains("FontFile") && pdf.contains("Arimo"),
                "{}",
                figure.id
            );
            assert!(of("png").starts_with(b"\x89PNG"));
            let width = u32::from_be_bytes(of("png")[16..20].try_into().unwrap());
            assert!(width.abs_diff(1050) <= 5, "{width}");
            assert_eq!(
                text("tex").matches("error bars/.cd").count(),
                figure.series.len()
            );
            let again = show(&figure);
            for ((extension, one), (_, two)) in files.iter().zip(&again) {
                assert!(one == two, "{}.{extension}: equal bytes", figure.id);
            }
        }
    }

    /// All that is drawn lies on the page, texts included, as the renderer lays them out.
    #[test]
    fn oracle_renderer_finds_nothing_cut() {
        for figure in [figure()] {
            let tree = parse(&svg(&figure)).unwrap();
            let (page, drawn) = (tree.size(), tree.root().abs_stroke_bounding_box());
            assert!(
                drawn.left() >= -0.5
                    && drawn.top() >= -0.5
                    && drawn.right() <= page.width() + 0.5
                    && drawn.bottom() <= page.height() + 0.5,
                "{}: {drawn:?} on {page:?}",
                figure.id
            );
        }
    }

    #[test]
    fn property_published_points_and_references_are_in_every_backend() {
        let figure = figure();
        let (svg, csv, tex) = (svg(&figure), csv(&figure), tex(&figure));
        assert!(svg.contains(">published</text>") && svg.contains("deadline 100 %"));
        assert!(svg.contains("price_1 &amp; more") && svg.contains(">Mean delay [s]</text>"));
        assert!(csv.starts_with("series,vehicles,mean_delay_s,lo,hi,kind\n"));
        assert!(csv.contains("nearest,100,1.25,,,published: Fig. 3"));
        assert!(csv.contains("deadline 100 %,,,1,1,reference: mean_delay_s"));
        assert!(csv.contains("price_1 & more,20,0.2,0.1,0.30000000000000004,measured"));
        assert!(tex.contains("mark=diamond, forget plot] coordinates {(100,1.25)}"));
        assert!(tex.contains("price\\_1 \\& more") && tex.contains("ylabel={Mean delay [s]}"));
    }

    #[test]
    fn property_the_map_is_drawn_for_any_place() {
        let mut map = Map {
            x_m: [0.0, 1000.0],
            y_m: [0.0, 400.0],
            rsus: (0..11)
                .map(|m| Site {
                    id: format!("r{m}"),
                    x_m: 100.0 * f64::from(m),
                    y_m: 200.0,
                    range_m: 150.0,
                    cpu_hz: 15e9,
                })
                .collect(),
            links: (1..11).map(|m| [m - 1, m]).collect(),
            vehicles_m: (0..11).map(|m| [100.0 * f64::from(m), 190.0]).collect(),
            seed: 0,
        };
        for files in [map_files(&map).unwrap(), {
            map.rsus.truncate(1);
            map.links.clear();
            map.vehicles_m.clear();
            map_files(&map).unwrap()
        }] {
            let text = String::from_utf8(files[2].1.clone()).unwrap();
            assert!(text.starts_with("kind,id,x_m,y_m,range_m\nrsu,\"r0\",0,200,150\n"));
        }
    }
}
