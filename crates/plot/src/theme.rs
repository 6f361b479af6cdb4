//! How figures look on paper and on a screen: sizes, and the colours, markers and dashes of the series.

/// The style of a bound: thin, dashed, in the colour of text, because it is not a competitor.
pub const BOUND: usize = usize::MAX;

/// Sizes, in points on paper and in pixels on a screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) screen: bool,
    pub(crate) width: f64,
    /// Height of a plot of numbers.
    pub(crate) height: f64,
    /// Height of a category.
    pub(crate) row: f64,
    /// Size of names and titles.
    pub(crate) text: f64,
    /// Size of tick labels and notes.
    pub(crate) small: f64,
    pub(crate) line: f64,
    /// Half the size of a marker.
    pub(crate) marker: f64,
    /// Least distance of ticks.
    pub(crate) ticks: [f64; 2],
}

/// A column of a two-column paper: 3.5 inch wide, text of the size of captions.
pub(crate) const PAPER: Theme = Theme {
    screen: false,
    width: 252.0,
    height: 128.0,
    row: 14.0,
    text: 8.0,
    small: 7.0,
    line: 1.0,
    marker: 2.4,
    ticks: [36.0, 22.0],
};

/// A chart of a report.
pub(crate) const SCREEN: Theme = Theme {
    screen: true,
    width: 880.0,
    height: 300.0,
    row: 30.0,
    text: 14.0,
    small: 13.0,
    line: 1.75,
    marker: 4.5,
    ticks: [80.0, 44.0],
};

/// What a colour is for; the theme decides which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColorRole {
    Text,
    Muted,
    Grid,
    Paper,
    Series(usize),
}

/// Colours on white, after Okabe and Ito, the light ones darkened until their contrast is at least 3. Markers and
/// dashes tell the series apart without colour.
pub(crate) const LIGHT: [&str; 12] = [
    "#0072b2", "#d55e00", "#00805c", "#b0508c", "#805500", "#3a94cc", "#444444", "#332288",
    "#0000e4", "#48300c", "#542460", "#0060e4",
];
/// The same on black.
pub(crate) const DARK: [&str; 12] = [
    "#4fa3e3", "#ff8a3d", "#2fc79a", "#e08fc4", "#ffd84d", "#8ed0ff", "#c8c8c8", "#9a80ff",
    "#c03c3c", "#d8e490", "#007878", "#d8180c",
];
/// Text, muted text, grid and background, light.
pub(crate) const LIGHT_INKS: [&str; 4] = ["#1c1c1c", "#555555", "#e2e2e2", "#ffffff"];
/// The same, dark.
pub(crate) const DARK_INKS: [&str; 4] = ["#ececec", "#b4b4b4", "#3a3d42", "#16181c"];

/// Different markers.
pub(crate) const MARKERS: usize = 8;

/// Lengths of dashes and gaps, in line widths; none for a solid line.
const DASHES: [&[f64]; 5] = [
    &[],
    &[5.0, 2.0],
    &[2.0, 1.5],
    &[7.0, 2.0, 1.5, 2.0],
    &[9.0, 3.0],
];

impl Theme {
    pub(crate) fn color(&self, ink: ColorRole) -> String {
        let (variable, color) = match ink {
            ColorRole::Text => ("ink".to_owned(), LIGHT_INKS[0]),
            ColorRole::Muted => ("muted".to_owned(), LIGHT_INKS[1]),
            ColorRole::Grid => ("grid".to_owned(), LIGHT_INKS[2]),
            ColorRole::Paper => ("paper".to_owned(), LIGHT_INKS[3]),
            ColorRole::Series(BOUND) => ("ink".to_owned(), LIGHT_INKS[0]),
            ColorRole::Series(i) => (format!("s{}", i % LIGHT.len()), LIGHT[i % LIGHT.len()]),
        };
        if self.screen {
            format!("var(--{variable})")
        } else {
            color.to_owned()
        }
    }

    /// The dash of a series in SVG. The first eight series are solid, since their markers differ; later ones repeat
    /// the markers.
    pub(crate) fn dash(&self, style: usize) -> String {
        let dashes = match style {
            BOUND => DASHES[2],
            style => DASHES[style / MARKERS % DASHES.len()],
        };
        let lengths = dashes.iter().map(|d| format!("{:.1}", d * self.line));
        lengths.collect::<Vec<_>>().join(" ")
    }
}

/// The outline of a marker around a place, as an SVG path.
pub(crate) fn marker(style: usize, x: f64, y: f64, half: f64) -> String {
    let polygon = |corners: &[(f64, f64)]| {
        let mut path = String::new();
        for (i, (dx, dy)) in corners.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            path += &format!("{command}{:.2} {:.2}", x + dx * half, y + dy * half);
        }
        path + "Z"
    };
    match style % MARKERS {
        0 => format!(
            "M{:.2} {y:.2}a{half:.2} {half:.2} 0 1 0 {:.2} 0a{half:.2} {half:.2} 0 1 0 {:.2} 0Z",
            x - half,
            2.0 * half,
            -2.0 * half
        ),
        1 => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        2 => polygon(&[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)]),
        3 => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        4 => polygon(&[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)]),
        5 => polygon(&[
            (-0.4, -1.2),
            (0.4, -1.2),
            (0.4, -0.4),
            (1.2, -0.4),
            (1.2, 0.4),
            (0.4, 0.4),
            (0.4, 1.2),
            (-0.4, 1.2),
            (-0.4, 0.4),
            (-1.2, 0.4),
            (-1.2, -0.4),
            (-0.4, -0.4),
        ]),
        6 => polygon(&[(-1.15, 0.0), (0.85, -1.1), (0.85, 1.1)]),
        _ => polygon(&[
            (0.0, -1.25),
            (0.37, -0.5),
            (1.19, -0.39),
            (0.6, 0.19),
            (0.73, 1.01),
            (0.0, 0.62),
            (-0.73, 1.01),
            (-0.6, 0.19),
            (-1.19, -0.39),
            (-0.37, -0.5),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(hex: &str) -> [f64; 3] {
        [1, 3, 5].map(|i| {
            let c = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0;
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    /// Relative luminance of WCAG 2.
    fn luminance([r, g, b]: [f64; 3]) -> f64 {
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(one: &str, two: &str) -> f64 {
        let (a, b) = (luminance(linear(one)), luminance(linear(two)));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// CIELAB with the white of D65.
    fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
        let x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.950_47;
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.088_83;
        let f = |t: f64| {
            if t > 0.008_856 {
                t.cbrt()
            } else {
                7.787 * t + 16.0 / 116.0
            }
        };
        let [x, y, z] = [x, y, z].map(|t| f(t.max(0.0)));
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn closed_form_contrast_of_black_and_white() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    }

    /// Colours alone tell twelve series apart, markers with dashes forty.
    #[test]
    fn property_styles_differ() {
        let seen = |count: usize, look: fn(usize) -> String| {
            let looks: std::collections::BTreeSet<String> = (0..count).map(look).collect();
            looks.len()
        };
        let color = |style| PAPER.color(ColorRole::Series(style));
        assert_eq!(seen(LIGHT.len(), color), 12);
        let shape = |style| marker(style, 0.0, 0.0, 1.0) + &PAPER.dash(style);
        assert_eq!(seen(MARKERS * DASHES.len(), shape), 40);
    }

    #[test]
    fn property_everything_stands_out_from_its_background() {
        for (inks, colors) in [(LIGHT_INKS, LIGHT), (DARK_INKS, DARK)] {
            let [text, muted, _, paper] = inks;
            assert!(contrast(text, paper) >= 7.0 && contrast(muted, paper) >= 4.5);
            for color in colors {
                let found = contrast(color, paper);
                assert!(found >= 3.0, "{color} on {paper}: {found}");
            }
        }
    }

    /// Machado, Oliveira and Fernandes 2009, severity 1: what protanopes and deuteranopes see.
    #[test]
    fn property_colours_stay_apart_for_colour_blind_readers() {
        let normal = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let protan = [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ];
        let deutan = [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ];
        for (colors, eye) in [LIGHT, DARK]
            .iter()
            .flat_map(|c| [normal, protan, deutan].map(|e| (c, e)))
        {
            let seen: Vec<[f64; 3]> = colors
                .iter()
                .map(|c| {
                    let rgb = linear(c);
                    lab(eye.map(|row| row.iter().zip(rgb).map(|(m, c)| m * c).sum()))
                })
                .collect();
            for i in 0..seen.len() {
                for j in 0..i {
                    let apart = seen[i]
                        .iter()
                        .zip(seen[j])
                        .map(|(p, q)| (p - q).powi(2))
                        .sum::<f64>()
                        .sqrt();
                    assert!(apart > 10.0, "{} and {}: {apart:.1}", colors[i], colors[j]);
                }
            }
        }
    }
}
