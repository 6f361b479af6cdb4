//! The map of a scenario: RSUs, what they cover, the backhaul, the vehicles of one slot.

use super::look::{self, Ink, Look};
use super::model::Scale;
use super::scale::Laid;
use super::text::{FAMILY, REGULAR, base64, escape, significant, width};
use std::fmt::Write as _;
use wayside_core::Result;
use wayside_core::engine::world::{Traffic, World};
use wayside_core::rng::Streams;
use wayside_core::scenario::Area;

/// What figures and reports need to know of a scenario besides its results.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `[scenario] description`.
    pub description: String,
    /// `[scenario] source`.
    pub source: String,
    /// Weight of delay against energy.
    pub omega: f64,
    /// Length of a slot \[s\].
    pub slot_s: f64,
    /// Shortest and longest deadline \[s\].
    pub deadline_s: [f64; 2],
    /// The map's rectangle.
    pub area: Area,
    /// The RSUs.
    pub rsus: Vec<Site>,
    /// Backhaul links, by rows of RSUs.
    pub links: Vec<[u32; 2]>,
    /// Places of the vehicles of the first slot \[m\].
    pub vehicles_m: Vec<[f64; 2]>,
    /// The seed of that slot.
    pub seed: u64,
}

/// An RSU on the map.
#[derive(Clone, Debug, Default)]
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

impl Setting {
    /// The setting of `world`, with the vehicles that `seed` starts with.
    ///
    /// # Errors
    /// A trace that cannot be read.
    pub fn new(world: &World, seed: u64) -> Result<Self> {
        let mut slot = world.empty_slot();
        Traffic::new(world, Streams::new(seed))?.advance(0, &mut slot)?;
        let (scenario, rsus) = (&world.scenario, &world.rsus);
        let vehicles = slot.vehicles.x_m.iter().zip(&slot.vehicles.y_m);
        Ok(Self {
            description: scenario.description.clone(),
            source: scenario.source.clone(),
            omega: scenario.omega,
            slot_s: scenario.time.slot_s,
            deadline_s: [scenario.task.deadline_s.min, scenario.task.deadline_s.max],
            area: world.area,
            rsus: (0..rsus.len())
                .map(|m| Site {
                    id: rsus.id[m].clone(),
                    x_m: rsus.x_m[m],
                    y_m: rsus.y_m[m],
                    range_m: rsus.range_m[m],
                    cpu_hz: rsus.cpu_hz[m],
                })
                .collect(),
            links: world.links.iter().map(|e| [e.a, e.b]).collect(),
            vehicles_m: vehicles.map(|(&x, &y)| [x, y]).collect(),
            seed,
        })
    }
}

/// Most vehicles and links drawn; beyond that they are a stain, and the file is large.
const MOST: usize = 3000;
/// Most RSUs drawn with a name.
const NAMED: usize = 40;

/// The map as a file for a paper.
#[must_use]
pub fn map(setting: &Setting) -> String {
    draw(setting, &look::PAPER)
}

/// The places of the map, for its CSV.
pub(crate) fn csv(setting: &Setting) -> String {
    let mut text = String::from("kind,id,x_m,y_m,range_m\n");
    for site in &setting.rsus {
        // Ids are free text.
        let id = site.id.replace('"', "\"\"");
        writeln!(
            text,
            "rsu,\"{id}\",{},{},{}",
            site.x_m, site.y_m, site.range_m
        )
        .expect("a string");
    }
    for (i, [x, y]) in setting.vehicles_m.iter().enumerate() {
        writeln!(text, "vehicle,{i},{x},{y},").expect("a string");
    }
    text
}

pub(crate) fn draw(setting: &Setting, look: &Look) -> String {
    let (text, small) = (look.text, look.small);
    let area = &setting.area;
    let xs = setting
        .rsus
        .iter()
        .map(|r| r.x_m)
        .chain([area.x_min_m, area.x_max_m]);
    let ys = setting
        .rsus
        .iter()
        .map(|r| r.y_m)
        .chain([area.y_min_m, area.y_max_m]);
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[lo, hi], v| {
            [lo.min(v), hi.max(v)]
        })
    };
    let ([west, east], [south, north]) = (ends(&mut xs.into_iter()), ends(&mut ys.into_iter()));
    let (wide_m, high_m) = ((east - west).max(1.0), (north - south).max(1.0));

    let left = width("0000", small) + 2.6 * text;
    let top = 2.0 * text;
    let most_wide = look.width - left - 1.5 * text;
    let most_high = if look.screen { 560.0 } else { 230.0 };
    let per_m = (most_wide / wide_m).min(most_high / high_m);
    let (wide, high) = (per_m * wide_m, per_m * high_m);
    let left = left + 0.5 * (most_wide - wide);
    let (right, bottom) = (left + wide, top + high);
    let height = bottom + 3.0 * text;
    let x = Laid::new(
        Scale::Between(west, east),
        [].into_iter(),
        [left, right],
        wide / look.ticks[0],
    );
    let y = Laid::new(
        Scale::Between(south, north),
        [].into_iter(),
        [bottom, top],
        high / look.ticks[1],
    );
    let color = |ink| look.color(ink);

    let mut svg = head(setting, look, height);
    // Points beyond the frame would be moved onto it by the scales.
    let place = |x_m: f64, y_m: f64| (left + (x_m - west) * per_m, bottom - (y_m - south) * per_m);
    svg += &format!(
        "<clipPath id=\"frame\"><rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\"/></clipPath>\n\
         <g clip-path=\"url(#frame)\">\n<g class=\"coverage\">\n"
    );
    for site in &setting.rsus {
        let (cx, cy) = place(site.x_m, site.y_m);
        svg += &format!(
            "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{:.1}\" fill=\"{blue}\" fill-opacity=\".06\" stroke=\"{blue}\" stroke-opacity=\".35\" stroke-width=\"{:.2}\"/>\n",
            site.range_m * per_m,
            0.4 * look.line,
            blue = color(Ink::Series(0)),
        );
    }
    svg += "</g>\n";
    let mut links = String::new();
    for [a, b] in setting
        .links
        .iter()
        .step_by(setting.links.len().div_ceil(MOST).max(1))
    {
        let end = |m: u32| place(setting.rsus[m as usize].x_m, setting.rsus[m as usize].y_m);
        let ((x1, y1), (x2, y2)) = (end(*a), end(*b));
        write!(links, "M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}").expect("a string");
    }
    let mut vehicles = String::new();
    for [x_m, y_m] in setting
        .vehicles_m
        .iter()
        .step_by(setting.vehicles_m.len().div_ceil(MOST).max(1))
    {
        let (x, y) = place(*x_m, *y_m);
        write!(vehicles, "M{x:.1} {y:.1}h.01").expect("a string");
    }
    let dot = if setting.vehicles_m.len() > 400 {
        1.6
    } else {
        2.6
    } * look.line;
    svg += &format!(
        "<path d=\"{links}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>\n\
         <path d=\"{vehicles}\" stroke=\"{}\" stroke-width=\"{dot:.2}\" stroke-linecap=\"round\"/>\n",
        color(Ink::Text),
        0.7 * look.line,
        color(Ink::Series(1))
    );
    svg += "</g>\n";
    let many = setting.rsus.len() > NAMED;
    let half = if many { 0.5 } else { 1.3 } * look.marker;
    for site in &setting.rsus {
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
            color(Ink::Series(0)),
            color(Ink::Paper),
            0.5 * look.line
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
                color(Ink::Text),
                color(Ink::Paper),
                0.25 * text,
                escape(&site.id)
            );
        }
        svg += "</g>\n";
    }
    svg += "<g class=\"axes\" aria-hidden=\"true\">\n";
    svg += &format!(
        "<rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>\n",
        color(Ink::Muted),
        0.5 * look.line
    );
    let mut label = |words: &str, x: f64, y: f64, size: f64, ink: Ink, anchor: &str| {
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
            Ink::Muted,
            "middle",
        );
    }
    for &tick in &y.ticks {
        label(
            &y.tick(tick),
            left - 0.4 * text,
            y.at(tick),
            small,
            Ink::Muted,
            "end",
        );
    }
    label(
        "East [m]",
        0.5 * (left + right),
        height - 0.8 * text,
        text,
        Ink::Text,
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
        color(Ink::Text)
    );
    svg += &key(setting, look);
    svg + "</svg>\n"
}

fn head(setting: &Setting, look: &Look, height: f64) -> String {
    let width = look.width;
    let title = format!(
        "Map: {} RSUs with their coverage, {} backhaul links, {} vehicles",
        setting.rsus.len(),
        setting.links.len(),
        setting.vehicles_m.len()
    );
    if look.screen {
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
        base64(REGULAR)
    )
}

/// What the signs mean, in a line above the map.
fn key(setting: &Setting, look: &Look) -> String {
    let (text, small) = (look.text, look.small);
    let (blue, red, ink) = (
        look.color(Ink::Series(0)),
        look.color(Ink::Series(1)),
        look.color(Ink::Text),
    );
    let half = look.marker;
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
                0.7 * look.line
            ),
        ),
        (
            "vehicle",
            format!(
                "<circle cx=\"{{m}}\" cy=\"{y}\" r=\"{:.2}\" fill=\"{red}\"/>",
                1.3 * look.line
            ),
        ),
    ];
    for (name, sign) in entries {
        let sign = sign
            .replace("{x}", &format!("{x:.1}"))
            .replace("{m}", &format!("{:.1}", x + half));
        let at = x + 2.0 * half + 0.6 * text;
        let name = match name {
            "vehicle" => format!("vehicle at the start (seed {})", setting.seed),
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
