//! p values: how probable the results would be if a claim were false, and if it were true.

use super::Relation;
use crate::stats;
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::beta::beta_reg;

/// Where a mean should lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimedRange {
    pub(super) lo: f64,
    pub(super) hi: f64,
    /// Whether the ends are outside.
    open: bool,
}

impl ClaimedRange {
    pub(super) fn of(relation: Relation, limit: f64) -> Self {
        let (lo, hi) = match relation {
            Relation::Less | Relation::AtMost => (f64::NEG_INFINITY, limit),
            Relation::Greater | Relation::AtLeast => (limit, f64::INFINITY),
        };
        let open = matches!(relation, Relation::Less | Relation::Greater);
        Self { lo, hi, open }
    }

    pub(super) fn about(value: f64, within: f64) -> Self {
        Self {
            lo: value - within,
            hi: value + within,
            open: false,
        }
    }

    pub(super) fn has(self, x: f64) -> bool {
        if self.open {
            self.lo < x && x < self.hi
        } else {
            (self.lo..=self.hi).contains(&x)
        }
    }
}

/// p values of both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PValues {
    /// Probability of results at least as extreme if the claim were false.
    pub(super) holds: f64,
    /// The same if it were true.
    pub(super) fails: f64,
}

impl PValues {
    const UNKNOWN: Self = Self {
        holds: 1.0,
        fails: 1.0,
    };

    /// Of the mean of independent values; `share`: none of them can leave `[0, 1]`.
    pub(super) fn of_mean(sample: &[f64], range: ClaimedRange, share: bool) -> Self {
        let Some((mean, error)) = mean_and_error(sample) else {
            return Self::UNKNOWN;
        };
        let n = sample.len();
        if is_constant(mean, error) {
            return if share && (mean <= 0.0 || mean >= 1.0) {
                Self::of_constant_share(mean >= 1.0, n, range)
            } else {
                Self::of_constant(n, range.has(mean), range)
            };
        }
        let t = student(n);
        // probability of a mean so far above, or below, a true mean at the end
        let above = |end: f64| t.sf((mean - end) / error);
        let below = |end: f64| t.cdf((mean - end) / error);
        let ClaimedRange { lo, hi, .. } = range;
        match (lo.is_finite(), hi.is_finite()) {
            (true, true) => Self {
                holds: above(lo).max(below(hi)),
                fails: (2.0 * below(lo).min(above(hi))).min(1.0),
            },
            (true, false) => Self {
                holds: above(lo),
                fails: below(lo),
            },
            (false, _) => Self {
                holds: below(hi),
                fails: above(hi),
            },
        }
    }

    /// Every one of `n` values is the same: Student's t would be sure after two of them. The sign test is not: if no
    /// more than half of all values lay on this side, all `n` would with a probability of at most 2^-n.
    fn of_constant(n: usize, inside: bool, range: ClaimedRange) -> Self {
        let sign = 0.5_f64.powf(n as f64);
        let sides = if range.lo.is_finite() && range.hi.is_finite() {
            2.0
        } else {
            1.0
        };
        if inside {
            Self {
                holds: sign,
                fails: 1.0,
            }
        } else {
            Self {
                holds: 1.0,
                fails: (sides * sign).min(1.0),
            }
        }
    }

    /// Every one of `n` shares is 1, or 0. A share with mean m is 1 with a probability of at most m, because it is never
    /// below 0: all are with at most m^n, the bound of Clopper and Pearson for n out of n.
    fn of_constant_share(one: bool, n: usize, range: ClaimedRange) -> Self {
        let end = if one { 1.0 } else { 0.0 };
        // the mean nearest to the end that would make the claim false, or true
        let within = |m: f64| m.clamp(0.0, 1.0);
        let nearest = match (range.has(end), one) {
            (true, true) => within(range.lo),
            (true, false) => 1.0 - within(range.hi),
            (false, true) => within(range.hi),
            (false, false) => 1.0 - within(range.lo),
        };
        let p = nearest.powf(n as f64);
        if range.has(end) {
            Self {
                holds: p,
                fails: 1.0,
            }
        } else {
            Self {
                holds: 1.0,
                fails: p,
            }
        }
    }

    /// Of `agree` among `all` independent cases, for the claim that at least a `share` of all possible cases agrees. The
    /// claim "in each of them" (a share of 1) fails with one case that does not; if all agree, its p value is that of the
    /// sign test.
    pub(super) fn of_count(agree: usize, all: usize, share: f64) -> Self {
        if share >= 1.0 {
            let each = agree == all;
            return Self {
                holds: if each { 0.5_f64.powf(all as f64) } else { 1.0 },
                fails: if each { 1.0 } else { 0.0 },
            };
        }
        Self {
            holds: at_least(agree, all, share),
            fails: 1.0 - at_least(agree + 1, all, share),
        }
    }
}

/// Probability of `k` or more successes among `n`, each with probability `p`.
fn at_least(k: usize, n: usize, p: f64) -> f64 {
    match k {
        0 => 1.0,
        _ if k > n => 0.0,
        _ => beta_reg(k as f64, (n - k + 1) as f64, p.clamp(0.0, 1.0)),
    }
}

/// The exact 95 % interval of a share (Clopper and Pearson 1934).
pub(super) fn clopper_pearson(agree: usize, all: usize) -> [f64; 2] {
    const TAIL: f64 = 0.025;
    // the share at which `tail`, which rises with it, reaches TAIL
    let solve = |tail: &dyn Fn(f64) -> f64| {
        let (mut lo, mut hi) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(lo, hi);
            if tail(middle) < TAIL {
                lo = middle;
            } else {
                hi = middle;
            }
        }
        f64::midpoint(lo, hi)
    };
    let lower = match agree {
        0 => 0.0,
        _ => solve(&|p| at_least(agree, all, p)),
    };
    let upper = match all - agree {
        0 => 1.0,
        other => 1.0 - solve(&|p| at_least(other, all, p)),
    };
    [lower, upper]
}

/// p value that the mean lies within `margin` of zero: two one-sided tests (Schuirmann 1987), of which the worse counts.
pub(super) fn equivalence(sample: &[f64], margin: f64) -> f64 {
    PValues::of_mean(sample, ClaimedRange::about(0.0, margin), false).holds
}

/// p value that at least `m` of the hypotheses behind `p` are true.
pub(super) fn partial_conjunction(p: impl Iterator<Item = f64>, m: usize) -> f64 {
    let mut p: Vec<f64> = p.collect();
    p.sort_by(f64::total_cmp);
    let k = p.len();
    ((k - m + 1) as f64 * p[m - 1]).min(1.0)
}

/// Holm's procedure: each p value such that any of those below a level is wrong with a probability below it.
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    // the smallest p value pays for all, the next for all but one, ...
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    let (mut adjusted, mut least) = (vec![1.0; p.len()], 0.0_f64);
    for (rank, &i) in order.iter().enumerate() {
        least = least.max(((p.len() - rank) as f64 * p[i]).min(1.0));
        adjusted[i] = least;
    }
    adjusted
}

/// Mean and its standard error; `None` of fewer than two values.
fn mean_and_error(sample: &[f64]) -> Option<(f64, f64)> {
    let n = sample.len() as f64;
    let mean = stats::mean(sample).filter(|_| n > 1.0)?;
    let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, (variance / n).sqrt()))
}

fn is_constant(mean: f64, error: f64) -> bool {
    error <= f64::EPSILON * mean.abs()
}

fn student(n: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, n as f64 - 1.0).expect("at least one degree of freedom")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p_values(sample: &[f64], relation: Relation, limit: f64) -> PValues {
        PValues::of_mean(sample, ClaimedRange::of(relation, limit), false)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    /// t = 3/sqrt(2.5/5) = 4.2426 with 4 degrees of freedom: p = 0.0066 (printed tables).
    #[test]
    fn closed_form_p_values() {
        let found = p_values(&[1.0, 2.0, 3.0, 4.0, 5.0], Relation::Greater, 0.0);
        assert!((found.holds - 0.006_62).abs() < 1e-4, "{found:?}");
        assert!((found.holds + found.fails - 1.0).abs() < 1e-12);
        assert_eq!(p_values(&[2.0], Relation::AtMost, 3.0), PValues::UNKNOWN);
    }

    /// Of n equal differences the sign test: 2^-n, and twice that where two sides are left out.
    #[test]
    fn closed_form_constant_samples_are_never_certain() {
        let same = [2.0; 10];
        let sign = 1.0 / 1024.0;
        let found = p_values(&same, Relation::AtMost, 2.0);
        assert_eq!((found.holds, found.fails), (sign, 1.0));
        let found = p_values(&same, Relation::Less, 2.0);
        assert_eq!((found.holds, found.fails), (1.0, sign));
        let about =
            |value, within| PValues::of_mean(&same, ClaimedRange::about(value, within), false);
        assert_eq!(
            (about(2.1, 0.2).holds, about(3.0, 0.2).fails),
            (sign, 2.0 * sign)
        );
    }

    /// All of n shares at 1: Clopper and Pearson's lower bound is alpha^(1/n), where p = alpha.
    #[test]
    fn closed_form_shares_at_their_ends() {
        let ones = [1.0; 20];
        let share = |sample: &[f64], relation, limit| {
            PValues::of_mean(sample, ClaimedRange::of(relation, limit), true)
        };
        assert!(close(
            share(&ones, Relation::AtLeast, 0.8).holds,
            0.8_f64.powi(20)
        ));
        let bound = 0.025_f64.powf(1.0 / 20.0);
        assert!(close(share(&ones, Relation::AtLeast, bound).holds, 0.025));
        assert!((clopper_pearson(20, 20)[0] - bound).abs() < 1e-9);
        // that every share is 1 can be refuted only
        assert!(share(&ones, Relation::AtLeast, 1.0).holds >= 1.0);
        assert!(close(
            share(&ones, Relation::Less, 0.9).fails,
            0.9_f64.powi(20)
        ));
        let zeros = [0.0; 20];
        assert!(close(
            share(&zeros, Relation::AtMost, 0.1).holds,
            0.9_f64.powi(20)
        ));
        assert!(close(
            share(&zeros, Relation::Greater, 0.3).fails,
            0.7_f64.powi(20)
        ));
        let about = PValues::of_mean(&ones, ClaimedRange::about(1.0, 0.005), true);
        assert!(close(about.holds, 0.995_f64.powi(20)) && about.fails >= 1.0);
    }

    /// 8 or more heads of 10: 56/1024. Printed tables: 9 of 10 is from .555 to .9975.
    #[test]
    fn closed_form_counts() {
        let found = PValues::of_count(8, 10, 0.5);
        assert!(close(found.holds, 56.0 / 1024.0), "{found:?}");
        assert!(close(found.fails, 1.0 - 11.0 / 1024.0), "{found:?}");
        let each = PValues::of_count(24, 24, 1.0);
        assert_eq!((each.holds, each.fails), (0.5_f64.powi(24), 1.0));
        let not_each = PValues::of_count(13, 24, 1.0);
        assert_eq!((not_each.holds, not_each.fails), (1.0, 0.0));
        let [lo, hi] = clopper_pearson(9, 10);
        assert!(
            (lo - 0.554_98).abs() < 1e-4 && (hi - 0.997_47).abs() < 1e-4,
            "{lo} {hi}"
        );
        assert!(clopper_pearson(0, 3)[0] <= 0.0);
        assert!((clopper_pearson(0, 3)[1] - (1.0 - 0.025_f64.powf(1.0 / 3.0))).abs() < 1e-9);
    }

    /// A mean of 0 is as far from both ends: each of the two p values is that of t = margin / error.
    #[test]
    fn closed_form_equivalence() {
        let sample = [-0.01, 0.01, -0.01, 0.01];
        let error = (0.0004 / 3.0 / 4.0_f64).sqrt();
        let expected = student(4).sf(0.02 / error);
        assert!(close(equivalence(&sample, 0.02), expected));
        // beyond the margin it is no better than a coin
        assert!(equivalence(&[0.02, 0.03, 0.025], 0.02) > 0.5);
        assert!(close(equivalence(&[0.0; 10], 0.01), 1.0 / 1024.0));
    }

    #[test]
    fn closed_form_partial_conjunction() {
        let p = [0.01, 0.2, 0.03];
        let of = |m| partial_conjunction(p.into_iter(), m);
        assert_eq!((of(1), of(2), of(3)), (0.03, 0.06, 0.2));
    }

    /// .01 pays for three, .02 for two, .04 for itself, and none less than the one before.
    #[test]
    fn closed_form_holm() {
        let adjusted = holm(&[0.02, 0.01, 0.04]);
        assert_eq!(adjusted, [0.04, 0.03, 0.04]);
        assert_eq!(holm(&[0.9, 0.6]), [1.0, 1.0]);
    }
}
