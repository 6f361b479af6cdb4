//! From values to positions along an axis, and its ticks.

use super::figure::Scale;
use super::text::fixed;

/// Maps values from `low` to `high` to positions from `from` to `to`, in the units of the drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AxisScale {
    pub(crate) log: bool,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) ticks: Vec<f64>,
}

impl AxisScale {
    /// Lays out an axis that shows all `values`, with about `count` ticks.
    pub(crate) fn new(
        scale: Scale,
        values: impl Iterator<Item = f64> + Clone,
        [from, to]: [f64; 2],
        count: f64,
    ) -> Self {
        let values = values.filter(|v| v.is_finite());
        let least = values.clone().reduce(f64::min).unwrap_or(0.0);
        let most = values.clone().reduce(f64::max).unwrap_or(1.0);
        let (log, low, high, ticks) = match scale {
            Scale::Log => {
                let positive = values.filter(|&v| v > 0.0).reduce(f64::min);
                let (low, high, ticks) = decades(positive.unwrap_or(1.0), most, count);
                (true, low, high, ticks)
            }
            Scale::Linear => even(least, most, count, true),
            Scale::FromZero => even(least.min(0.0), most.max(0.0), count, true),
            Scale::Between(low, high) => even(low, high, count, false),
        };
        Self {
            log,
            low,
            high,
            from,
            to,
            ticks,
        }
    }

    /// Places 0, 1, ... of `count` categories, half a step from the ends.
    pub(crate) fn categories(count: usize, [from, to]: [f64; 2]) -> Self {
        Self {
            log: false,
            low: -0.5,
            high: count.max(1) as f64 - 0.5,
            from,
            to,
            ticks: Vec::new(),
        }
    }

    /// The position of `value`; values beyond an end are moved onto it.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            let value = value.max(self.low).log10();
            (value - self.low.log10()) / (self.high.log10() - self.low.log10())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        let share = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        self.from + share * (self.to - self.from)
    }

    /// Whether `value` lies between the ends; one that is beyond them cannot be shown at its place.
    pub(crate) fn holds(&self, value: f64) -> bool {
        let slack = 1e-9 * (self.high - self.low).abs();
        (self.low - slack..=self.high + slack).contains(&value) && !(self.log && value <= 0.0)
    }

    /// The label of a tick; all have the same number of decimals.
    pub(crate) fn tick(&self, tick: f64) -> String {
        if tick == 0.0 {
            return "0".into();
        }
        let size = if self.log {
            tick.abs()
        } else {
            self.ticks
                .windows(2)
                .map(|w| w[1] - w[0])
                .fold(f64::INFINITY, f64::min)
        };
        let size = if size.is_finite() { size } else { tick.abs() };
        let most = self.low.abs().max(self.high.abs());
        let text =
            if !self.log && !(1e-4..1e6).contains(&most) || !(1e-4..1e6).contains(&tick.abs()) {
                let text = format!("{tick:.2e}");
                let (mantissa, exponent) = text.split_once('e').expect("written so");
                let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
                format!("{mantissa}e{exponent}")
            } else {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a few"
                )]
                let decimals = (-(size * 1.000_001).log10().floor()).max(0.0) as usize;
                fixed(tick, decimals)
            };
        text.replace('-', "\u{2212}")
    }
}

/// Ends, and ticks at 1, 2 or 5 times a power of ten. `open` ends are moved outwards a little.
fn even(low: f64, high: f64, count: f64, open: bool) -> (bool, f64, f64, Vec<f64>) {
    let (low, high) = match high - low {
        span if span > 0.0 => (low, high),
        _ if low == 0.0 => (0.0, 1.0),
        _ => (low - 0.5 * low.abs(), high + 0.5 * high.abs()),
    };
    let air = if open { 0.03 * (high - low) } else { 0.0 };
    let pad = |end: f64, air: f64| if end == 0.0 { 0.0 } else { end + air };
    let (low, high) = (pad(low, -air), pad(high, air));
    let rough = (high - low) / count.max(1.0);
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * power);
    let step = steps
        .into_iter()
        .find(|&s| s >= rough * 0.999)
        .unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    let mut ticks = Vec::new();
    let mut at = first;
    while at <= last && ticks.len() < 100 {
        ticks.push(at * step);
        at += 1.0;
    }
    (false, low, high, ticks)
}

/// Ends at powers of ten, with a tick at each or every nth; also at 2 and 5 times the first where there is one decade.
fn decades(least: f64, most: f64, count: f64) -> (f64, f64, Vec<f64>) {
    let most = most.max(least * 1.001);
    let (first, last) = (least.log10().floor(), most.log10().ceil());
    let last = last.max(first + 1.0);
    let every = ((last - first) / count.max(1.0)).ceil().max(1.0);
    let mut ticks = Vec::new();
    let mut at = first;
    while at <= last {
        ticks.push(10_f64.powf(at));
        if last - first <= 1.0 && at < last {
            ticks.extend([2.0, 5.0].map(|m| m * 10_f64.powf(at)));
        }
        at += every;
    }
    (10_f64.powf(first), 10_f64.powf(last), ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(laid: &AxisScale) -> Vec<String> {
        laid.ticks.iter().map(|&t| laid.tick(t)).collect()
    }

    #[test]
    fn closed_form_ticks() {
        let of = |scale, values: &[f64]| {
            AxisScale::new(scale, values.iter().copied(), [0.0, 100.0], 6.0)
        };
        let linear = of(Scale::FromZero, &[0.2, 1.14]);
        assert_eq!(
            printed(&linear),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"].map(|t| if t == "0.0" { "0" } else { t })
        );
        assert!(linear.at(0.0).abs() < 1e-9 && linear.at(1.14) < 100.0);
        let log = of(Scale::Log, &[0.09, 331.0, -1.0]);
        assert_eq!(printed(&log), ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert!(log.at(-1.0).abs() < 1e-9 && (log.at(1000.0) - 100.0).abs() < 1e-9);
        assert_eq!(printed(&of(Scale::Log, &[1.5, 4.0])), ["1", "2", "5", "10"]);
        assert_eq!(printed(&of(Scale::Linear, &[3e6, 9e6]))[0], "4e6");
    }

    #[test]
    fn property_degenerate_values_still_give_an_axis() {
        for values in [
            vec![],
            vec![0.0],
            vec![5.0, 5.0],
            vec![-3.0],
            vec![f64::NAN],
            vec![1e-300, 1e300],
        ] {
            for scale in [Scale::Linear, Scale::FromZero, Scale::Log] {
                let laid = AxisScale::new(scale, values.iter().copied(), [10.0, 90.0], 5.0);
                assert!(laid.high > laid.low, "{values:?} {scale:?} {laid:?}");
                for &value in values.iter().chain([&0.0, &-1.0, &1e9]) {
                    assert!(
                        (10.0..=90.0).contains(&laid.at(value)),
                        "{values:?} {scale:?}"
                    );
                }
            }
        }
    }
}
