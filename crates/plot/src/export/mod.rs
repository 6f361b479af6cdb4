//! A figure as files: SVG, PDF, PNG, CSV, and TeX for pgfplots.

mod csv;
mod tex;

use crate::chart::svg;
use crate::figure::Figure;
use crate::map::{self, Map};
use crate::text::FONT;
use resvg::{tiny_skia, usvg};
use std::io;
use std::sync::{Arc, LazyLock};

/// Dots per inch of the PNG: 3.5 inch are 1050 pixels.
const PREVIEW_DPI: f32 = 300.0;

/// Extensions of the files of figures and maps.
pub const EXTENSIONS: [&str; 5] = ["csv", "pdf", "png", "svg", "tex"];

/// All files of a figure: extension and content.
///
/// # Errors
/// An SVG that the converters cannot read, which would be a bug.
pub fn files(figure: &Figure) -> io::Result<[(&'static str, Vec<u8>); 5]> {
    let svg = svg(figure);
    let tree = parse(&svg)?;
    Ok([
        ("pdf", pdf(&tree)?),
        ("png", png(&tree)?),
        ("csv", csv::csv(figure).into_bytes()),
        ("tex", tex::tex(figure).into_bytes()),
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

/// A picture in SVG as pixels, row by row: red, green and blue of `wide` times `high` of them, on white where nothing is drawn.
///
/// # Errors
/// What is no SVG, or an empty picture.
pub fn pixels(svg: &str, wide: u32, high: u32) -> io::Result<Vec<u8>> {
    let tree = parse(svg)?;
    let [across, down] = [
        wide as f32 / tree.size().width(),
        high as f32 / tree.size().height(),
    ];
    let scale = tiny_skia::Transform::from_scale(across, down);
    let picture = painted(&tree, wide, high, scale)?;
    let rgb = |p: &tiny_skia::PremultipliedColorU8| [p.red(), p.green(), p.blue()];
    Ok(picture.pixels().iter().flat_map(rgb).collect())
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

/// Sorts the entries of every resource dictionary, which svg2pdf writes in the order of a hash map, so that equal
/// figures have equal bytes. Lines move only within their dictionary, so that no offset changes.
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
    let scale = tiny_skia::Transform::from_scale(scale, scale);
    let picture = painted(tree, size.width(), size.height(), scale)?;
    picture.encode_png().map_err(io::Error::other)
}

fn painted(
    tree: &usvg::Tree,
    wide: u32,
    high: u32,
    scale: tiny_skia::Transform,
) -> io::Result<tiny_skia::Pixmap> {
    let mut picture = tiny_skia::Pixmap::new(wide, high)
        .ok_or_else(|| io::Error::other("a picture without pixels, or with too many"))?;
    // The last row of pixels may reach a fraction beyond the drawing.
    picture.fill(tiny_skia::Color::WHITE);
    resvg::render(tree, scale, &mut picture.as_mut());
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Axis, Direction, Map, Names, Point, Published, Reference, Scale, Series, Site, Stop,
    };

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

    /// Lines, and marks in rows that several series share.
    fn all() -> [Figure; 2] {
        let mut rows = figure();
        rows.id = "delay-rows".into();
        rows.names = Names::Above;
        rows.x = Axis::new("Mean delay", Some("s"), Scale::Log);
        rows.y = Axis::of(
            "place",
            ["north", "east", "south", "west", "centre"]
                .map(Into::into)
                .into(),
        );
        rows.published.clear();
        for series in &mut rows.series {
            series.joined = false;
            for (row, point) in series.points.iter_mut().enumerate() {
                (point.x, point.y) = (point.y, row as f64);
            }
        }
        [figure(), rows]
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
        for figure in all() {
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
        for figure in all() {
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
        let (svg, csv, tex) = (svg(&figure), csv::csv(&figure), tex::tex(&figure));
        assert!(svg.contains(">published</text>") && svg.contains("deadline 100 %"));
        assert!(svg.contains("price_1 &amp; more") && svg.contains(">Mean delay [s]</text>"));
        assert!(csv.starts_with("series,vehicles,mean_delay_s,lo,hi,kind\n"));
        assert!(csv.contains("nearest,100,1.25,,,published: Fig. 3"));
        assert!(csv.contains("deadline 100 %,,,1,1,reference: mean_delay_s"));
        assert!(csv.contains("price_1 & more,20,0.2,0.1,0.30000000000000004,measured"));
        assert!(tex.contains("mark=diamond, forget plot] coordinates {(100,1.25)}"));
        assert!(tex.contains("price\\_1 \\& more") && tex.contains("ylabel={Mean delay [s]}"));
    }

    /// Intervals need not be symmetric, and have no lower end where a logarithmic axis has no place for it.
    #[test]
    fn property_intervals_of_pgfplots_have_both_ends() {
        let mut figure = figure();
        for series in &mut figure.series {
            series.points[0].y = 0.5;
            series.points[0].interval = Some([0.25, 1.5]);
        }
        figure.series[1].points[0].interval = Some([0.0, 1.0]);
        let ends = |figure: &Figure| {
            let tex = tex::tex(figure);
            let rows = tex.lines().filter(|line| line.starts_with("(20,"));
            let first = rows.map(|row| row[..row.find(" (40,").unwrap()].to_owned());
            first.collect::<Vec<_>>()
        };
        let both = [
            "(20,0.5) += (0,1) -= (0,0.25)",
            "(20,0.5) += (0,0.5) -= (0,0.5)",
        ];
        assert_eq!(ends(&figure), both);
        figure.y.scale = Scale::Log;
        assert_eq!(ends(&figure), [both[0], "(20,0.5) += (0,0.5)"]);
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
            path: (0..11)
                .map(|m| Stop {
                    x_m: 100.0 * f64::from(m),
                    y_m: 180.0,
                    rsu: (m < 10).then_some(m / 3),
                })
                .collect(),
            vehicles_m: (0..11).map(|m| [100.0 * f64::from(m), 190.0]).collect(),
            seed: 0,
        };
        for files in [map_files(&map).unwrap(), {
            map.rsus.truncate(1);
            map.links.clear();
            map.path.clear();
            map.vehicles_m.clear();
            map_files(&map).unwrap()
        }] {
            let text = String::from_utf8(files[2].1.clone()).unwrap();
            assert!(text.starts_with("kind,id,x_m,y_m,range_m\nrsu,\"r0\",0,200,150\n"));
        }
    }
}
