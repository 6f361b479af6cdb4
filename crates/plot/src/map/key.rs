//! What the signs of a map mean.

use super::Map;
use crate::text::width;
use crate::theme::{ColorRole, Theme};

/// What the signs mean, in a line above the map.
pub(super) fn draw(map: &Map, theme: &Theme) -> String {
    let (text, small, half) = (theme.text, theme.small, theme.marker);
    let ink = theme.color(ColorRole::Text);
    let y = 0.9 * text;
    let mut x = 0.5 * text;
    let mut svg = String::from("<g class=\"key\" aria-hidden=\"true\">\n");
    let start = format!("vehicle at the start (seed {})", map.seed);
    let vehicle = match map.path.is_empty() {
        true => &start,
        false => "a vehicle on its way",
    };
    let names = ["RSU", "its coverage", "backhaul link", vehicle];
    for (sign, name) in SIGNS.into_iter().zip(names) {
        let at = x + 2.0 * half + 0.6 * text;
        svg += &sign(theme, x, y);
        svg += &format!(
            "<text x=\"{at:.1}\" y=\"{:.1}\" font-size=\"{small}\" fill=\"{ink}\">{name}</text>\n",
            y + 0.34 * small
        );
        x = at + width(name, small) + 1.1 * text;
    }
    svg + "</g>\n"
}

/// Draws a sign that begins at `x`, with its middle at `y`.
type Sign = fn(theme: &Theme, x: f64, y: f64) -> String;

/// An RSU, its coverage, a link and a vehicle.
const SIGNS: [Sign; 4] = [
    |theme, x, y| {
        let half = theme.marker;
        format!(
            "<rect x=\"{x:.1}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            y - half,
            2.0 * half,
            2.0 * half,
            theme.color(ColorRole::Series(0))
        )
    },
    |theme, x, y| {
        let half = theme.marker;
        format!(
            "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"{}\" fill=\"{blue}\" fill-opacity=\".12\" stroke=\"{blue}\" stroke-opacity=\".5\" stroke-width=\".5\"/>",
            x + half,
            1.3 * half,
            blue = theme.color(ColorRole::Series(0))
        )
    },
    |theme, x, y| {
        format!(
            "<path d=\"M{x:.1} {y}h{}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>",
            2.2 * theme.marker,
            theme.color(ColorRole::Text),
            0.7 * theme.line
        )
    },
    |theme, x, y| {
        format!(
            "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"{:.2}\" fill=\"{}\"/>",
            x + theme.marker,
            1.3 * theme.line,
            theme.color(ColorRole::Series(1))
        )
    },
];
