//! Means over seeds, their intervals, and quantiles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean over seeds with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Mean over seeds.
    pub mean: f64,
    /// Its 95 % confidence interval by Student's t; null for a single seed.
    pub ci95: Option<[f64; 2]>,
}

/// Arithmetic mean; `None` without values.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 values")]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Mean of independent `values` with its 95 % interval; `None` without values.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 values")]
pub fn estimate(values: &[f64]) -> Option<Estimate> {
    let mean = mean(values)?;
    let n = values.len() as f64;
    let ci95 = (values.len() > 1).then(|| {
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = StudentsT::new(0.0, 1.0, n - 1.0).expect("at least one degree of freedom");
        let half = t.inverse_cdf(0.975) * (variance / n).sqrt();
        [mean - half, mean + half]
    });
    Some(Estimate { mean, ci95 })
}

/// Mean of `values - baseline`, seed by seed, over the seeds where both have a value.
///
/// Common random numbers make the pairs correlated, so that this interval is far narrower than the
/// difference of two intervals.
#[must_use]
pub fn paired_difference(values: &[Option<f64>], baseline: &[Option<f64>]) -> Option<Estimate> {
    let differences: Vec<f64> = values
        .iter()
        .zip(baseline)
        .filter_map(|(value, base)| Some((*value)? - (*base)?))
        .collect();
    estimate(&differences)
}

/// Quantile `q` in `[0, 1]`, linear between order statistics; `None` without values.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into the values"
)]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let below = at as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (at - below as f64) * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    /// t(0.975) is 12.706205 at one degree of freedom, 2.776445 at four (printed tables).
    #[test]
    fn closed_form_intervals() {
        assert_eq!(estimate(&[]), None);
        let one = Estimate {
            mean: 3.0,
            ci95: None,
        };
        assert_eq!(estimate(&[3.0]), Some(one));

        let two = estimate(&[1.0, 3.0]).unwrap();
        let [lo, hi] = two.ci95.unwrap();
        assert!(close(two.mean, 2.0) && close(lo, 2.0 - 12.706_205) && close(hi, 2.0 + 12.706_205));

        // Variance 2.5, so the half width is 2.776445 sqrt(2.5 / 5).
        let five = estimate(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let [lo, hi] = five.ci95.unwrap();
        assert!(
            close(lo, 3.0 - 1.963_243) && close(hi, 3.0 + 1.963_243),
            "{lo} {hi}"
        );
    }

    #[test]
    fn closed_form_paired_differences() {
        let values = [Some(2.0), None, Some(5.0), Some(4.0)];
        let baseline = [Some(1.0), Some(9.0), Some(2.0), None];
        let found = paired_difference(&values, &baseline).unwrap();
        assert!(close(found.mean, 2.0));
        assert!(close(found.ci95.unwrap()[1], 2.0 + 12.706_205));
        assert_eq!(paired_difference(&[None], &[Some(1.0)]), None);
    }

    #[test]
    fn closed_form_quantiles() {
        let values = [4.0, 1.0, 3.0, 2.0];
        for (q, expected) in [(0.0, 1.0), (0.5, 2.5), (0.9, 3.7), (1.0, 4.0)] {
            assert!(close(quantile(&values, q).unwrap(), expected), "{q}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
    }
}
