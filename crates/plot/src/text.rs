//! The font that figures and reports embed, the width of text in it, and numbers as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::LazyLock;
use ttf_parser::Face;

/// The font of figures and reports: Arimo, as wide as Arial and Helvetica glyph by glyph, so that a viewer's substitute breaks no layout.
/// A subset (Latin, Greek, mathematical signs); licence and origin: `assets/README.md`.
pub const FONT: &[u8] = include_bytes!("../assets/Arimo-Regular.ttf");
/// The same, bold.
pub(crate) const BOLD: &[u8] = include_bytes!("../assets/Arimo-Bold.ttf");
/// Families to ask for, our own first.
pub(crate) const FAMILY: &str = "Arimo, 'Liberation Sans', Helvetica, Arial, sans-serif";

/// A font as CSS embeds it.
pub(crate) fn font_source(font: &[u8]) -> String {
    format!("url(data:font/ttf;base64,{})", STANDARD.encode(font))
}

/// Width of `text` at `size`, in the unit of `size`. A glyph that the font lacks counts as a wide one.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    static FACE: LazyLock<Face<'_>> =
        LazyLock::new(|| Face::parse(FONT, 0).expect("the font in the binary is whole"));
    let per_em = f64::from(FACE.units_per_em());
    let advance = |sign| {
        let glyph = FACE.glyph_index(sign);
        glyph
            .and_then(|g| FACE.glyph_hor_advance(g))
            .map_or(per_em, f64::from)
    };
    text.chars().map(advance).sum::<f64>() / per_em * size
}

/// Widest name of a category as it is drawn, in sizes of the font; what is cut is whole in the figure's CSV.
const WIDEST_CATEGORY: f64 = 16.0;

/// `name` at a width that leaves room for what it names.
pub(crate) fn shortened(name: &str) -> String {
    if width(name, 1.0) <= WIDEST_CATEGORY {
        return name.to_owned();
    }
    let mut short = String::new();
    for c in name.chars() {
        short.push(c);
        if width(&short, 1.0) + 1.0 > WIDEST_CATEGORY {
            short.pop();
            break;
        }
    }
    short + "\u{2026}"
}

/// `text` as a field of CSV that a spreadsheet takes for text: not for a formula.
#[must_use]
pub fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// `text` with what XML and HTML give a meaning replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Not allowed in XML 1.0 at all.
            c if c.is_control() && !"\n\t".contains(c) => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `value` with `digits` significant digits, without trailing zeros, and with a true minus sign.
#[must_use]
pub fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".into()
        } else {
            "\u{2013}".into()
        };
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent")]
    let power = value.abs().log10().floor() as i32;
    let text = if (-4..9).contains(&power) {
        let decimals = usize::try_from(digits - 1 - power).unwrap_or(0);
        let text = format!("{value:.decimals$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    } else {
        let precision = usize::try_from(digits - 1).unwrap_or(0);
        format!("{value:.precision$e}")
    };
    text.replace('-', "\u{2212}")
}

/// `value` with so many decimals: zero without a sign, also where it was rounded to it.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.bytes().all(|byte| b"-0.".contains(&byte));
    match text.strip_prefix('-').filter(|_| is_zero) {
        Some(zero) => zero.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_zero_has_no_sign() {
        for (value, decimals, text) in [
            (-2e-16, 2, "0.00"),
            (-0.0, 2, "0.00"),
            (-0.4, 0, "0"),
            (-0.005_01, 2, "-0.01"),
            (-10.0, 1, "-10.0"),
            (0.004, 2, "0.00"),
            (f64::NEG_INFINITY, 2, "-inf"),
        ] {
            assert_eq!(fixed(value, decimals), text);
        }
    }

    /// Widths of Helvetica's metrics (AFM): A 667, i 222, space 278, m 833 thousandths.
    #[test]
    fn closed_form_widths_are_those_of_helvetica() {
        for (text, thousandths) in [("A", 667.0), ("i", 222.0), (" ", 278.0), ("mm", 1666.0)] {
            assert!((width(text, 1000.0) - thousandths).abs() < 1.5, "{text}");
        }
    }

    #[test]
    fn closed_form_numbers() {
        for (value, text) in [
            (0.0, "0"),
            (0.266_12, "0.2661"),
            (1.5, "1.5"),
            (-329.761, "\u{2212}329.8"),
            (120_000.0, "120000"),
            (0.000_012_3, "1.230e\u{2212}5"),
            (f64::NAN, "\u{2013}"),
        ] {
            assert_eq!(significant(value, 4), text);
        }
        assert_eq!(escape("a<b>&\"\u{1}"), "a&lt;b&gt;&amp;&quot;\u{fffd}");
    }
}
