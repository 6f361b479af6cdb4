//! SVG elements in the colours of a theme.

use crate::text::escape;
use crate::theme::{self, ColorRole, Theme};
use std::fmt::Write as _;

/// Collects the elements of a drawing.
pub(super) struct Pen<'a> {
    pub(super) svg: String,
    pub(super) theme: &'a Theme,
}

impl Pen<'_> {
    pub(super) fn line(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        ink: ColorRole,
        width: f64,
        dash: &str,
    ) {
        let color = self.theme.color(ink);
        write!(
            self.svg,
            "<path d=\"M{:.2} {:.2}L{:.2} {:.2}\" stroke=\"{color}\" stroke-width=\"{width:.2}\"",
            from.0, from.1, to.0, to.1
        )
        .expect("a string takes everything");
        self.end_dashed(dash);
    }

    pub(super) fn end_dashed(&mut self, dash: &str) {
        if !dash.is_empty() {
            self.svg += &format!(" stroke-dasharray=\"{dash}\"");
        }
        self.svg += "/>\n";
    }

    pub(super) fn text(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        size: f64,
        ink: ColorRole,
        anchor: &str,
    ) {
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

    pub(super) fn marker(&mut self, style: usize, (x, y): (f64, f64), half: f64) {
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
