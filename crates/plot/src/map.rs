//! The map of a scenario: RSUs, what they cover, the backhaul, the vehicles of one slot.

use super::figure::Scale;
use super::scale::AxisScale;
use super::text::{FAMILY, FONT, base64, escape, significant, width};
use super::theme::{self, ColorRole, Theme};
use std::fmt::Write as _;

/// A map in plain data: RSUs with their coverage, the links between them, and vehicles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// West and east end of the area \[m\].
    pub x_m: [f64; 2],
    /// South and north end of the area \[m\].
    pub y_m: [f64; 2],
    /// The RSUs.
    pub rsus: Vec<Site>,
    /// Backhaul links, as pairs of rows of `rsus`.
    pub links: Vec<[u32; 2]>,
    /// Positions of the vehicles \[m\].
    pub vehicles_m: Vec<[f64; 2]>,
    /// The seed that placed the vehicles.
    pub seed: u64,
}

/// An RSU on the map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// Name.
    pub id: String,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// Radio range \[m\].
    pub range_m: f64,
    /// CPU \[Hz\].
    pub cpu_hz: f64,
}

/// Most vehicles and links drawn; beyond that they are a stain, and the file is large.
const MOST: usize = 3000;
/// Most RSUs drawn with a name.
const NAMED: usize = 40;

/// The map as a file for a paper.
#[must_use]
pub fn map_svg(map: &Map) -> String {
    draw(map, &theme::PAPER)
}

/// The places of the map, for its CSV.
pub(crate) fn csv(map: &Map) -> String {
    let mut text = String::from("kind,id,x_m,y_m,range_m\n");
    for site in &map.rsus {
        // Ids are free text.
        let id = site.id.replace('"', "\"\"");
        writeln!(
            text,
            "rsu,\"{id}\",{},{},{}",
            site.x_m, site.y_m, site.range_m
        )
        .expect("a string");
    }
    for (i, [x, y]) in map.vehicles_m.iter().enumerate() {
        writeln!(text, "vehicle,{i},{x},{y},").expect("a string");
    }
    text
}

pub(crate) fn draw(map: &Map, theme: &Theme) -> String {
    let (text, small) = (theme.text, theme.small);
    let xs = map
        .rsus
        .iter()
        .map(|r| r.x_m)
        .chain([map.x_m[0], map.x_m[1]]);
    let ys = map
        .rsus
        .iter()
        .map(|r| r.y_m)
        .chain([map.y_m[0], map.y_m[1]]);
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[lo, hi], v| {
            [lo.min(v), hi.max(v)]
        })
    };
    let ([west, east], [south, north]) = (ends(&mut xs.into_iter()), ends(&mut ys.into_iter()));
    let (wide_m, high_m) = ((east - west).max(1.0), (north - south).max(1.0));

    let left = width("0000", small) + 2.6 * text;
    let top = 2.0 * text;
    let most_wide = theme.width - left - 1.5 * text;
    let most_high = if theme.screen { 560.0 } else { 230.0 };
    let per_m = (most_wide / wide_m).min(most_high / high_m);
    let (wide, high) = (per_m * wide_m, per_m * high_m);
    let left = left + 0.5 * (most_wide - wide);
    let (right, bottom) = (left + wide, top + high);
    let height = bottom + 3.0 * text;
    let x = AxisScale::new(
        Scale::Between(west, east),
        [].into_iter(),
        [left, right],
        wide / theme.ticks[0],
    );
    let y = AxisScale::new(
        Scale::Between(south, north),
        [].into_iter(),
        [bottom, top],
        high / theme.ticks[1],
    );
    let color = |ink| theme.color(ink);

    let mut svg = head(map, theme, height);
    // Points beyond the frame would be moved onto it by the scales.
    let place = |x_m: f64, y_m: f64| (left + (x_m - west) * per_m, bottom - (y_m - south) * per_m);
    svg += &format!(
        "<clipPath id=\"frame\"><rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\"/></clipPath>\n\
         <g clip-path=\"url(#frame)\">\n<g class=\"coverage\">\n"
    );
    for site in &map.rsus {
        let (cx, cy) = place(site.x_m, site.y_m);
        svg += &format!(
            "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{:.1}\" fill=\"{blue}\" fill-opacity=\".06\" stroke=\"{blue}\" stroke-opacity=\".35\" stroke-width=\"{:.2}\"/>\n",
            site.range_m * per_m,
            0.4 * theme.line,
            blue = color(ColorRole::Series(0)),
        );
    }
    svg += "</g>\n";
    let mut links = String::new();
    for [a, b] in map
        .links
        .iter()
        .step_by(map.links.len().div_ceil(MOST).max(1))
    {
        let end = |m: u32| place(map.rsus[m as usize].x_m, map.rsus[m as usize].y_m);
        let ((x1, y1), (x2, y2)) = (end(*a), end(*b));
        write!(links, "M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}").expect("a string");
    }
    let mut vehicles = String::new();
    for [x_m, y_m] in map
        .vehicles_m
        .iter()
        .step_by(map.vehicles_m.len().div_ceil(MOST).max(1))
    {
        let (x, y) = place(*x_m, *y_m);
        write!(vehicles, "M{x:.1} {y:.1}h.01").expect("a string");
    }
    let dot = if map.vehicles_m.len() > 400 { 1.6 } else { 2.6 } * theme.line;
    svg += &format!(
        "<path d=\"{links}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>\n\
         <path d=\"{vehicles}\" stroke=\"{}\" stroke-width=\"{dot:.2}\" stroke-linecap=\"round\"/>\n",
        color(ColorRole::Text),
        0.7 * theme.line,
        color(ColorRole::Series(1))
    );
    svg += "</g>\n";
    let many = map.rsus.len() > NAMED;
    let half = if many { 0.5 } else { 1.3 } * theme.marker;
    for site in &map.rsus {
        let (cx, cy) = place(site.x_m, site.y_m);
        svg += &format!(
            "<g class=\"site\"><title>{}: {} GHz, range {} m</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>",
            escape(&site.id),
            significant(site.cpu_hz / 1e9, 4),
            significant(site.range_m, 4),
            cx - half,
            cy - half,
            2.0 * half,
            2.0 * half,
            color(ColorRole::Series(0)),
            color(ColorRole::Paper),
            0.5 * theme.line
        );
        if !many {
            let aside = half + 0.3 * text;
            let (at, anchor) = match cx + aside + width(&site.id, small) > right {
                true => (cx - aside, "end"),
                false => (cx + aside, "start"),
            };
            svg += &format!(
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"{small}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"{:.1}\" paint-order=\"stroke\">{}</text>",
                cy - half,
                color(ColorRole::Text),
                color(ColorRole::Paper),
                0.25 * text,
                escape(&site.id)
            );
        }
        svg += "</g>\n";
    }
    svg += "<g class=\"axes\" aria-hidden=\"true\">\n";
    svg += &format!(
        "<rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>\n",
        color(ColorRole::Muted),
        0.5 * theme.line
    );
    let mut label = |words: &str, x: f64, y: f64, size: f64, ink: ColorRole, anchor: &str| {
        svg += &format!(
            "<text x=\"{x:.2}\" y=\"{:.2}\" font-size=\"{size}\" fill=\"{}\" text-anchor=\"{anchor}\">{}</text>\n",
            y + 0.34 * size,
            color(ink),
            escape(words)
        );
    };
    for &tick in &x.ticks {
        label(
            &x.tick(tick),
            x.at(tick),
            bottom + 0.8 * small,
            small,
            ColorRole::Muted,
            "middle",
        );
    }
    for &tick in &y.ticks {
        label(
            &y.tick(tick),
            left - 0.4 * text,
            y.at(tick),
            small,
            ColorRole::Muted,
            "end",
        );
    }
    label(
        "East [m]",
        0.5 * (left + right),
        height - 0.8 * text,
        text,
        ColorRole::Text,
        "middle",
    );
    let (north_x, north_y) = (
        left - 2.0 * text - width("0000", small),
        0.5 * (top + bottom),
    );
    let north_x = north_x.max(0.7 * text);
    svg += &format!(
        "<g transform=\"translate({north_x:.2} {north_y:.2}) rotate(-90)\"><text y=\"{:.2}\" font-size=\"{text}\" fill=\"{}\" text-anchor=\"middle\">North [m]</text></g>\n</g>\n",
        0.34 * text,
        color(ColorRole::Text)
    );
    svg += &key(map, theme);
    svg + "</svg>\n"
}

fn head(map: &Map, theme: &Theme, height: f64) -> String {
    let width = theme.width;
    let title = format!(
        "Map: {} RSUs with their coverage, {} backhaul links, {} vehicles",
        map.rsus.len(),
        map.links.len(),
        map.vehicles_m.len()
    );
    if theme.screen {
        return format!(
            "<svg class=\"map\" viewBox=\"0 0 {width} {height:.1}\" role=\"img\" aria-label=\"{title}\" fill=\"none\">\n"
        );
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.4}in\" height=\"{:.4}in\" viewBox=\"0 0 {width} {height:.1}\" \
         role=\"img\" fill=\"none\" font-family=\"{FAMILY}\">\n<title>{title}</title>\n\
         <style>@font-face{{font-family:Arimo;src:url(data:font/ttf;base64,{})}}</style>\n\
         <rect width=\"{width}\" height=\"{height:.1}\" fill=\"#ffffff\"/>\n",
        width / 72.0,
        height / 72.0,
        base64(FONT)
    )
}

/// What the signs mean, in a line above the map.
fn key(map: &Map, theme: &Theme) -> String {
    let (text, small) = (theme.text, theme.small);
    let (blue, red, ink) = (
        theme.color(ColorRole::Series(0)),
        theme.color(ColorRole::Series(1)),
        theme.color(ColorRole::Text),
    );
    let half = theme.marker;
    let y = 0.9 * text;
    let mut x = 0.5 * text;
    let mut svg = String::from("<g class=\"key\" aria-hidden=\"true\">\n");
    let entries = [
        (
            "RSU",
            format!(
                "<rect x=\"{{x}}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{blue}\"/>",
                y - half,
                2.0 * half,
                2.0 * half
            ),
        ),
        (
            "its coverage",
            format!(
                "<circle cx=\"{{m}}\" cy=\"{y}\" r=\"{}\" fill=\"{blue}\" fill-opacity=\".12\" stroke=\"{blue}\" stroke-opacity=\".5\" stroke-width=\".5\"/>",
                1.3 * half
            ),
        ),
        (
            "backhaul link",
            format!(
                "<path d=\"M{{x}} {y}h{}\" stroke=\"{ink}\" stroke-width=\"{:.2}\"/>",
                2.2 * half,
                0.7 * theme.line
            ),
        ),
        (
            "vehicle",
            format!(
                "<circle cx=\"{{m}}\" cy=\"{y}\" r=\"{:.2}\" fill=\"{red}\"/>",
                1.3 * theme.line
            ),
        ),
    ];
    for (name, sign) in entries {
        let sign = sign
            .replace("{x}", &format!("{x:.1}"))
            .replace("{m}", &format!("{:.1}", x + half));
        let at = x + 2.0 * half + 0.6 * text;
        let name = match name {
            "vehicle" => format!("vehicle at the start (seed {})", map.seed),
            name => name.to_owned(),
        };
        svg += &format!(
            "{sign}<text x=\"{at:.1}\" y=\"{:.1}\" font-size=\"{small}\" fill=\"{ink}\">{name}</text>\n",
            y + 0.34 * small
        );
        x = at + width(&name, small) + 1.1 * text;
    }
    svg + "</g>\n"
}
