//! Figures as SVG, in colours of Okabe and Ito that colour-blind readers tell apart.

use crate::stats::Estimate;
use crate::summary::{PolicySummary, Summary};
use crate::table;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// A string cannot fail to be drawn on; the type is the backend's.
type Drawn = Result<(), Box<dyn std::error::Error>>;

const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);

const PANEL_PX: i32 = 440;
const BETWEEN_PX: i32 = 24;
const HEAD_PX: i32 = 84;
const ROW_PX: i32 = 32;
const FOOT_PX: i32 = 76;
/// Room inside a panel, right of the axis, for the label of its largest value.
const LABEL_PX: i32 = 116;

/// Objective and gap of every policy, with their 95 % intervals.
#[must_use]
pub fn comparison(summary: &Summary) -> String {
    let rows = i32::try_from(summary.policies.len()).expect("a page of policies");
    let width = names_px(summary) + 2 * PANEL_PX + BETWEEN_PX + 20;
    let size = (
        width.cast_unsigned(),
        (HEAD_PX + rows * ROW_PX + FOOT_PX).cast_unsigned(),
    );
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    draw(&root, summary).expect("a string takes everything");
    drop(root);
    svg
}

fn draw(root: &Area<'_>, summary: &Summary) -> Drawn {
    root.fill(&WHITE)?;
    text(
        root,
        &table::caption(summary),
        (16, 24),
        19,
        INK,
        Anchor::Left,
    )?;
    let key = "Dot: mean over seeds, with its 95 % confidence interval.";
    text(root, key, (16, 48), 13, INK, Anchor::Left)?;
    let names = names_px(summary);
    for (policy, row) in summary.policies.iter().zip(0..) {
        text(
            root,
            &policy.policy,
            (names - 12, row_y(row)),
            14,
            INK,
            Anchor::Right,
        )?;
    }
    let rows = summary.policies.len();
    objective_panel(&Panel::new(root, names, rows), &summary.policies)?;
    let left = names + PANEL_PX + BETWEEN_PX;
    gap_panel(&Panel::new(root, left, rows), &summary.policies)?;
    root.present()?;
    Ok(())
}

/// Room for the names of the policies, by a generous width of a letter.
fn names_px(summary: &Summary) -> i32 {
    let letters = summary.policies.iter().map(|p| p.policy.chars().count());
    28 + 8 * i32::try_from(letters.max().unwrap_or(0)).expect("a name of a policy")
}

fn objective_panel(panel: &Panel<'_, '_>, policies: &[PolicySummary]) -> Drawn {
    let shown: Vec<Option<Estimate>> = policies
        .iter()
        .map(|p| {
            p.objective.map(|m| Estimate {
                mean: m.mean,
                ci95: m.ci95,
            })
        })
        .collect();
    let Some(largest) = largest(&shown) else {
        return panel.note("no tasks");
    };
    let scale = Scale::linear(largest);
    panel.axis(&scale, "Objective J: weighted delay [s] and energy [J]")?;
    for ((row, policy), estimate) in (0..).zip(policies).zip(&shown) {
        if let Some(bound) = policy.lower_bound {
            panel.bound(row, scale.at(bound.mean))?;
        }
        if let Some(estimate) = estimate {
            let label = match estimate.ci95 {
                Some([lo, hi]) => format!("{:.4} ± {:.4}", estimate.mean, (hi - lo) / 2.0),
                None => format!("{:.4}", estimate.mean),
            };
            panel.estimate(row, &scale, estimate, &label)?;
        }
    }
    match policies.iter().find_map(|p| p.lower_bound) {
        Some(bound) => panel.heading(scale.at(bound.mean), "certified lower bound"),
        None => Ok(()),
    }
}

fn gap_panel(panel: &Panel<'_, '_>, policies: &[PolicySummary]) -> Drawn {
    let percent = |x: f64| x * 100.0;
    let shown: Vec<Option<Estimate>> = policies
        .iter()
        .map(|p| {
            p.gap.map(|g| Estimate {
                mean: percent(g.mean),
                ci95: g.ci95.map(|ends| ends.map(percent)),
            })
        })
        .collect();
    let Some(largest) = largest(&shown) else {
        return panel.note("no lower bound: run with --bound");
    };
    let positive = shown.iter().flatten().map(|e| e.mean).filter(|&m| m > 0.0);
    let scale = Scale::log(positive.fold(largest, f64::min), largest);
    panel.axis(&scale, "Gap to the lower bound [%], logarithmic")?;
    for (row, estimate) in (0..).zip(&shown) {
        if let Some(estimate) = estimate {
            let label = match estimate.mean {
                mean if mean <= 0.0 => format!("{mean:.2e} % (<= 0: off the axis)"),
                mean if mean < 0.01 => format!("{mean:.1e} %"),
                mean if mean < 10.0 => format!("{mean:.2} %"),
                mean => format!("{mean:.1} %"),
            };
            panel.estimate(row, &scale, estimate, &label)?;
        }
    }
    Ok(())
}

/// The largest number that is drawn, finite and positive; `None` where nothing is.
fn largest(shown: &[Option<Estimate>]) -> Option<f64> {
    let tops = shown
        .iter()
        .flatten()
        .map(|e| e.ci95.map_or(e.mean, |[_, hi]| hi));
    let largest = tops.filter(|x| x.is_finite()).reduce(f64::max)?;
    Some(if largest > 0.0 { largest } else { 1.0 })
}

/// From values to pixels of a panel, counted from its left edge.
struct Scale {
    log: bool,
    min: f64,
    max: f64,
    ticks: Vec<f64>,
}

impl Scale {
    /// From zero to `max`, ticked by 1, 2 or 5 times a power of ten.
    fn linear(max: f64) -> Self {
        let rough = max / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * power);
        let step = steps.into_iter().find(|&s| s >= rough).unwrap_or(rough);
        let ticks = (0..=6).map(|i| f64::from(i) * step).filter(|&t| t <= max);
        Self {
            log: false,
            min: 0.0,
            max,
            ticks: ticks.collect(),
        }
    }

    /// Whole decades around `min..=max`.
    fn log(min: f64, max: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "an exponent")]
        let decade = |x: f64| x as i32;
        let first = decade(min.log10().floor());
        let last = decade(max.log10().ceil()).max(first + 1);
        Self {
            log: true,
            min: f64::from(first),
            max: f64::from(last),
            ticks: (first..=last).map(|e| 10_f64.powi(e)).collect(),
        }
    }

    /// Values below the axis lie on its left edge.
    fn at(&self, value: f64) -> i32 {
        let value = match self.log {
            true if value > 0.0 => value.log10(),
            true => self.min,
            false => value,
        };
        let share = ((value - self.min) / (self.max - self.min)).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "within the panel")]
        let x = (share * f64::from(PANEL_PX - LABEL_PX)).round() as i32;
        x
    }
}

/// One of the two panels.
struct Panel<'a, 'svg> {
    area: &'a Area<'svg>,
    left: i32,
    bottom: i32,
}

impl<'a, 'svg> Panel<'a, 'svg> {
    fn new(area: &'a Area<'svg>, left: i32, rows: usize) -> Self {
        let rows = i32::try_from(rows).expect("a page of policies");
        Self {
            area,
            left,
            bottom: HEAD_PX + rows * ROW_PX,
        }
    }

    fn line(&self, from: (i32, i32), to: (i32, i32), color: RGBColor, width: u32) -> Drawn {
        let points = [(self.left + from.0, from.1), (self.left + to.0, to.1)];
        let style = color.stroke_width(width);
        self.area.draw(&PathElement::new(points, style))?;
        Ok(())
    }

    fn axis(&self, scale: &Scale, title: &str) -> Drawn {
        let bottom = self.bottom;
        for &tick in &scale.ticks {
            let x = scale.at(tick);
            self.line((x, HEAD_PX), (x, bottom), GRID, 1)?;
            self.line((x, bottom), (x, bottom + 5), INK, 1)?;
            let at = (self.left + x, bottom + 17);
            text(self.area, &number(tick), at, 13, INK, Anchor::Middle)?;
        }
        let right = PANEL_PX - LABEL_PX;
        self.line((0, bottom), (right, bottom), INK, 1)?;
        let at = (self.left + right / 2, bottom + 46);
        text(self.area, title, at, 14, INK, Anchor::Middle)
    }

    fn estimate(&self, row: i32, scale: &Scale, estimate: &Estimate, label: &str) -> Drawn {
        let (x, y) = (scale.at(estimate.mean), row_y(row));
        let [lo, hi] = estimate
            .ci95
            .map_or([x, x], |ends| ends.map(|v| scale.at(v)));
        self.line((lo, y), (hi, y), BLUE, 2)?;
        for end in [lo, hi] {
            self.line((end, y - 5), (end, y + 5), BLUE, 2)?;
        }
        let center = (self.left + x, y);
        self.area.draw(&Circle::new(center, 4, BLUE.filled()))?;
        let at = (self.left + hi.max(x) + 11, y);
        text(self.area, label, at, 13, INK, Anchor::Left)
    }

    /// The lower bound of one row; equal ones join to a line.
    fn bound(&self, row: i32, x: i32) -> Drawn {
        let half = ROW_PX / 2;
        self.line((x, row_y(row) - half), (x, row_y(row) + half), VERMILION, 2)
    }

    fn heading(&self, x: i32, words: &str) -> Drawn {
        let at = (self.left + x, HEAD_PX - 11);
        text(self.area, words, at, 13, VERMILION, Anchor::Middle)
    }

    fn note(&self, words: &str) -> Drawn {
        let middle = (PANEL_PX - LABEL_PX) / 2;
        let at = (self.left + middle, (HEAD_PX + self.bottom) / 2);
        text(self.area, words, at, 14, INK, Anchor::Middle)
    }
}

fn row_y(row: i32) -> i32 {
    HEAD_PX + row * ROW_PX + ROW_PX / 2
}

/// A tick: as short as it can be without losing its value.
fn number(tick: f64) -> String {
    if tick == 0.0 || (1e-3..1e5).contains(&tick) {
        let rounded = (tick * 1e6).round() / 1e6;
        rounded.to_string()
    } else {
        format!("{tick:.0e}")
    }
}

enum Anchor {
    Left,
    Middle,
    Right,
}

fn text(
    area: &Area<'_>,
    words: &str,
    at: (i32, i32),
    px: u32,
    color: RGBColor,
    anchor: Anchor,
) -> Drawn {
    let h = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    let style = ("sans-serif", px)
        .into_font()
        .color(&color)
        .pos(Pos::new(h, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    /// Set `WAYSIDE_FIGURES` to a folder to look at them.
    fn show(name: &str, svg: &str) {
        if let Some(folder) = std::env::var_os("WAYSIDE_FIGURES") {
            std::fs::write(std::path::Path::new(&folder).join(name), svg).unwrap();
        }
    }

    #[test]
    fn property_comparison_labels_every_policy_and_number() {
        let summary = synthetic::summary();
        let svg = comparison(&summary);
        show("comparison.svg", &svg);
        show("comparison.txt", &table::text(&summary));
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for policy in &summary.policies {
            assert!(svg.contains(&policy.policy));
            assert!(svg.contains(&format!("{:.4}", policy.objective.unwrap().mean)));
        }
        assert!(svg.contains("certified lower bound") && svg.contains("wang2025, 10 seeds"));
        assert_eq!(svg, comparison(&summary));
    }

    #[test]
    fn property_comparison_draws_what_has_no_gap_or_a_negative_one() {
        let mut summary = synthetic::summary();
        summary.policies[0].gap.as_mut().unwrap().mean = -1e-5;
        let svg = comparison(&summary);
        show("negative.svg", &svg);
        assert!(svg.contains("off the axis"));
        for policy in &mut summary.policies {
            (policy.gap, policy.lower_bound) = (None, None);
        }
        let svg = comparison(&summary);
        show("unbounded.svg", &svg);
        assert!(svg.contains("--bound"));
        summary.scenario = "a < b & c".into();
        summary.policies.clear();
        assert!(comparison(&summary).contains("a &lt; b &amp; c"));
        assert!(comparison(&summary).contains("no tasks"));
    }

    #[test]
    fn closed_form_scales() {
        let linear = Scale::linear(1.14);
        assert_eq!(
            linear.ticks.iter().map(|&t| number(t)).collect::<Vec<_>>(),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        assert_eq!((linear.at(0.0), linear.at(1.14)), (0, PANEL_PX - LABEL_PX));
        let log = Scale::log(0.09, 331.0);
        assert_eq!(
            log.ticks.first().map(|&t| number(t)).as_deref(),
            Some("0.01")
        );
        assert_eq!(
            log.ticks.last().map(|&t| number(t)).as_deref(),
            Some("1000")
        );
        assert_eq!(log.at(-1.0), 0);
    }
}
