//! Maps: RSUs with their coverage, the backhaul, and vehicles.

mod key;
mod names;

use super::figure::Scale;
use super::scale::AxisScale;
use super::text::{FAMILY, FONT, csv_field, escape, font_source, significant, width};
use super::theme::{self, ColorRole, Theme};
use names::Names;
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
    /// The way of one vehicle and where its tasks ran, instant by instant; empty for none.
    pub path: Vec<Stop>,
}

/// A vehicle at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stop {
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// The RSU, by row, that its task runs on; `None` on the vehicle.
    pub rsu: Option<u32>,
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

/// Most vehicles and links drawn: with more, the map is unreadable and the file large.
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
        let id = csv_field(&site.id).replace('"', "\"\"");
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
    for (i, Stop { x_m, y_m, .. }) in map.path.iter().enumerate() {
        writeln!(text, "path,{i},{x_m},{y_m},").expect("a string");
    }
    text
}

pub(crate) fn draw(map: &Map, theme: &Theme) -> String {
    let frame = Frame::new(map, theme);
    let mut svg = head(map, theme, frame.height());
    let Frame {
        left,
        top,
        wide,
        high,
        ..
    } = frame;
    svg += &format!(
        "<clipPath id=\"frame\"><rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\"/></clipPath>\n\
         <g clip-path=\"url(#frame)\">\n"
    );
    coverage(&mut svg, map, &frame);
    links_and_vehicles(&mut svg, map, &frame);
    path(&mut svg, map, &frame);
    svg += "</g>\n";
    sites(&mut svg, map, &frame);
    axes(&mut svg, &frame);
    svg += &key::draw(map, theme);
    svg + "</svg>\n"
}

/// Where the map lies on the page.
struct Frame<'a> {
    theme: &'a Theme,
    left: f64,
    top: f64,
    wide: f64,
    high: f64,
    /// Ends of the area \[m\].
    west: f64,
    east: f64,
    south: f64,
    north: f64,
    /// Length of a metre on the page.
    per_m: f64,
}

/// Least height of a map, relative to its width: a road alone would hide its RSUs' names and the circles that they cover.
const LEAST_HIGH: f64 = 0.2;

impl<'a> Frame<'a> {
    fn new(map: &Map, theme: &'a Theme) -> Self {
        let ends = |area: [f64; 2], of: fn(&Site) -> f64| {
            let values = map.rsus.iter().map(of).chain(area);
            values.fold([f64::INFINITY, f64::NEG_INFINITY], |[lo, hi], v| {
                [lo.min(v), hi.max(v)]
            })
        };
        let [west, east] = ends(map.x_m, |r| r.x_m);
        let [south, north] = ends(map.y_m, |r| r.y_m);
        let lacking = (LEAST_HIGH * (east - west) - (north - south)).max(0.0);
        let [south, north] = [south - 0.5 * lacking, north + 0.5 * lacking];
        let (wide_m, high_m) = ((east - west).max(1.0), (north - south).max(1.0));
        let left = width("0000", theme.small) + 2.6 * theme.text;
        let most_wide = theme.width - left - 1.5 * theme.text;
        let most_high = if theme.screen { 560.0 } else { 230.0 };
        let per_m = (most_wide / wide_m).min(most_high / high_m);
        let wide = per_m * wide_m;
        Self {
            theme,
            left: left + 0.5 * (most_wide - wide),
            top: 2.0 * theme.text,
            wide,
            high: per_m * high_m,
            west,
            east,
            south,
            north,
            per_m,
        }
    }

    fn right(&self) -> f64 {
        self.left + self.wide
    }

    fn bottom(&self) -> f64 {
        self.top + self.high
    }

    fn height(&self) -> f64 {
        self.bottom() + 3.0 * self.theme.text
    }

    /// A place on the page, which may lie outside of the frame.
    fn at(&self, x_m: f64, y_m: f64) -> (f64, f64) {
        let (left, bottom) = (self.left, self.bottom());
        (
            left + (x_m - self.west) * self.per_m,
            bottom - (y_m - self.south) * self.per_m,
        )
    }
}

fn coverage(svg: &mut String, map: &Map, frame: &Frame<'_>) {
    let blue = frame.theme.color(ColorRole::Series(0));
    *svg += "<g class=\"coverage\">\n";
    for site in &map.rsus {
        let (cx, cy) = frame.at(site.x_m, site.y_m);
        *svg += &format!(
            "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{:.1}\" fill=\"{blue}\" fill-opacity=\".06\" stroke=\"{blue}\" stroke-opacity=\".35\" stroke-width=\"{:.2}\"/>\n",
            site.range_m * frame.per_m,
            0.4 * frame.theme.line,
        );
    }
    *svg += "</g>\n";
}

/// At most [`MOST`] of `all`, evenly.
fn thinned<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().step_by(all.len().div_ceil(MOST).max(1))
}

fn links_and_vehicles(svg: &mut String, map: &Map, frame: &Frame<'_>) {
    let theme = frame.theme;
    let mut links = String::new();
    for ends in thinned(&map.links) {
        let [(x1, y1), (x2, y2)] = ends.map(|m| {
            let site = &map.rsus[m as usize];
            frame.at(site.x_m, site.y_m)
        });
        write!(links, "M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}").expect("a string");
    }
    let mut vehicles = String::new();
    for [x_m, y_m] in thinned(&map.vehicles_m) {
        let (x, y) = frame.at(*x_m, *y_m);
        write!(vehicles, "M{x:.1} {y:.1}h.01").expect("a string");
    }
    let dot = if map.vehicles_m.len() > 400 { 1.6 } else { 2.6 } * theme.line;
    *svg += &format!(
        "<path d=\"{links}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>\n\
         <path d=\"{vehicles}\" stroke=\"{}\" stroke-width=\"{dot:.2}\" stroke-linecap=\"round\"/>\n",
        theme.color(ColorRole::Text),
        0.7 * theme.line,
        theme.color(ColorRole::Series(1))
    );
}

/// The way of one vehicle: a dot per instant in the colour of the RSU that ran its task, which is ringed in it; a dot without
/// filling says on the vehicle.
fn path(svg: &mut String, map: &Map, frame: &Frame<'_>) {
    if map.path.is_empty() {
        return;
    }
    let theme = frame.theme;
    let line = theme.line;
    let mut own = String::new();
    // RSUs in the order in which they come, each with a line to every dot, and its dots
    let mut hosts: Vec<(u32, String, String)> = Vec::new();
    for stop in &map.path {
        let (x, y) = frame.at(stop.x_m, stop.y_m);
        let Some(m) = stop.rsu else {
            write!(own, "M{x:.1} {y:.1}h.01").expect("a string");
            continue;
        };
        let at = hosts.iter().position(|host| host.0 == m);
        let at = at.unwrap_or_else(|| {
            hosts.push((m, String::new(), String::new()));
            hosts.len() - 1
        });
        let (_, lines, dots) = &mut hosts[at];
        let site = &map.rsus[m as usize];
        let (to_x, to_y) = frame.at(site.x_m, site.y_m);
        write!(lines, "M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}").expect("a string");
        write!(dots, "M{x:.1} {y:.1}h.01").expect("a string");
    }
    *svg += "<g class=\"path\" stroke-linecap=\"round\">\n";
    for (place, (m, lines, dots)) in hosts.iter().enumerate() {
        let site = &map.rsus[*m as usize];
        let (cx, cy) = frame.at(site.x_m, site.y_m);
        // the first colour is that of RSUs
        let color = theme.color(ColorRole::Series(1 + place % 7));
        *svg += &format!(
            "<g stroke=\"{color}\"><title>{}</title><path d=\"{lines}\" stroke-width=\"{:.2}\" stroke-opacity=\".5\"/>\
             <path d=\"{dots}\" stroke-width=\"{:.2}\"/>\
             <circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{:.2}\" stroke-width=\"{:.2}\"/></g>\n",
            escape(&site.id),
            0.4 * line,
            3.0 * line,
            3.2 * theme.marker,
            1.2 * line,
        );
    }
    *svg += &format!(
        "<path d=\"{own}\" stroke=\"{}\" stroke-width=\"{:.2}\"/><path d=\"{own}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>\n</g>\n",
        theme.color(ColorRole::Text),
        3.0 * line,
        theme.color(ColorRole::Paper),
        1.8 * line,
    );
}

fn sites(svg: &mut String, map: &Map, frame: &Frame<'_>) {
    let theme = frame.theme;
    let color = |role| theme.color(role);
    let (text, small) = (theme.text, theme.small);
    let many = map.rsus.len() > NAMED;
    let half = if many { 0.5 } else { 1.3 } * theme.marker;
    let mut names = Names::around(&map.rsus, frame, half);
    for site in &map.rsus {
        let (cx, cy) = frame.at(site.x_m, site.y_m);
        *svg += &format!(
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
        let place = (!many).then(|| names.place(&site.id, (cx, cy)));
        if let Some((at, y, anchor)) = place.flatten() {
            *svg += &format!(
                "<text x=\"{at:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{small}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"{:.1}\" paint-order=\"stroke\">{}</text>",
                color(ColorRole::Text),
                color(ColorRole::Paper),
                0.25 * text,
                escape(&site.id)
            );
        }
        *svg += "</g>\n";
    }
}

fn axes(svg: &mut String, frame: &Frame<'_>) {
    let theme = frame.theme;
    let (text, small) = (theme.text, theme.small);
    let Frame {
        left,
        top,
        wide,
        high,
        ..
    } = *frame;
    let (right, bottom) = (frame.right(), frame.bottom());
    let axis = |area: [f64; 2], page: [f64; 2], ticks: f64| {
        AxisScale::new(
            Scale::Between(area[0], area[1]),
            [].into_iter(),
            page,
            ticks,
        )
    };
    let x = axis(
        [frame.west, frame.east],
        [left, right],
        wide / theme.ticks[0],
    );
    let y = axis(
        [frame.south, frame.north],
        [bottom, top],
        high / theme.ticks[1],
    );
    *svg += "<g class=\"axes\" aria-hidden=\"true\">\n";
    *svg += &format!(
        "<rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>\n",
        theme.color(ColorRole::Muted),
        0.5 * theme.line
    );
    let mut label = |words: &str, (x, y): (f64, f64), size: f64, role: ColorRole, anchor: &str| {
        *svg += &format!(
            "<text x=\"{x:.2}\" y=\"{:.2}\" font-size=\"{size}\" fill=\"{}\" text-anchor=\"{anchor}\">{}</text>\n",
            y + 0.34 * size,
            theme.color(role),
            escape(words)
        );
    };
    for &tick in &x.ticks {
        let at = (x.at(tick), bottom + 0.8 * small);
        label(&x.tick(tick), at, small, ColorRole::Muted, "middle");
    }
    for &tick in &y.ticks {
        let at = (left - 0.4 * text, y.at(tick));
        label(&y.tick(tick), at, small, ColorRole::Muted, "end");
    }
    let at = (0.5 * (left + right), frame.height() - 0.8 * text);
    label("East [m]", at, text, ColorRole::Text, "middle");
    north_title(svg, frame);
}

/// The title of the vertical axis, which closes the group of axes.
fn north_title(svg: &mut String, frame: &Frame<'_>) {
    let text = frame.theme.text;
    let left = frame.left;
    let north_x = (left - 2.0 * text - width("0000", frame.theme.small)).max(0.7 * text);
    let north_y = 0.5 * (frame.top + frame.bottom());
    *svg += &format!(
        "<g transform=\"translate({north_x:.2} {north_y:.2}) rotate(-90)\"><text y=\"{:.2}\" font-size=\"{text}\" fill=\"{}\" text-anchor=\"middle\">North [m]</text></g>\n</g>\n",
        0.34 * text,
        frame.theme.color(ColorRole::Text)
    );
}

fn head(map: &Map, theme: &Theme, height: f64) -> String {
    let width = theme.width;
    let title = format!(
        "Map: {} RSUs with their coverage, {} backhaul links, {} vehicles",
        map.rsus.len(),
        map.links.len(),
        map.vehicles_m.len()
    ) + match map.path.is_empty() {
        true => "",
        false => ", the way of one vehicle and where its tasks ran",
    };
    if theme.screen {
        return format!(
            "<svg class=\"map\" viewBox=\"0 0 {width} {height:.1}\" role=\"img\" aria-label=\"{title}\" fill=\"none\">\n"
        );
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.4}in\" height=\"{:.4}in\" viewBox=\"0 0 {width} {height:.1}\" \
         role=\"img\" fill=\"none\" font-family=\"{FAMILY}\">\n<title>{title}</title>\n\
         <style>@font-face{{font-family:Arimo;src:{}}}</style>\n\
         <rect width=\"{width}\" height=\"{height:.1}\" fill=\"#ffffff\"/>\n",
        width / 72.0,
        height / 72.0,
        font_source(FONT)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_a_road_is_a_fifth_as_high_as_wide() {
        for (high_m, share) in [(20.0, 0.2), (2000.0, 0.5)] {
            let map = Map {
                x_m: [0.0, 4000.0],
                y_m: [100.0, 100.0 + high_m],
                rsus: Vec::new(),
                links: Vec::new(),
                vehicles_m: Vec::new(),
                seed: 0,
                path: Vec::new(),
            };
            let frame = Frame::new(&map, &theme::SCREEN);
            assert!((frame.high / frame.wide - share).abs() < 1e-9);
            let (_, middle) = frame.at(0.0, 100.0 + 0.5 * high_m);
            assert!((middle - 0.5 * (frame.top + frame.bottom())).abs() < 1e-9);
        }
    }
}
