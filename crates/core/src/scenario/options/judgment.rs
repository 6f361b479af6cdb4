//! The analytic hierarchy process: weights from pairwise judgments, and how consistent those are.
//!
//! ## Reference
//! T. L. Saaty, *The Analytic Hierarchy Process*, 1980; as used by MCATM (Sci. Rep. 15, 28126).

use crate::config::{Kind, Value, show_number};
use serde_json::{Value as Json, json};

/// Most criteria that are compared with each other.
pub const MAX_CRITERIA: usize = 8;

/// Saaty's random index RI(n): the mean CI of random matrices of size n, from n = 1.
pub const RANDOM_INDEX: [f64; MAX_CRITERIA] = [0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41];

/// Judgments are consistent enough below this CR.
pub const CONSISTENT: f64 = 0.1;

/// Strongest judgment: "extremely more important".
pub const STRONGEST: f64 = 9.0;

/// A judgment matrix: `a[i][j]` tells how much more criterion i matters than j, and a_ij a_ji = 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgment {
    n: usize,
    a: [[f64; MAX_CRITERIA]; MAX_CRITERIA],
}

/// What a judgment matrix says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Weight of every criterion, sum 1; zero beyond the n-th.
    pub weight: [f64; MAX_CRITERIA],
    /// Largest eigenvalue lambda_max >= n.
    pub eigenvalue: f64,
}

impl Judgment {
    /// The matrix that judges by known weights, a_ij = w_i / w_j, within [1/9, 9].
    ///
    /// # Panics
    /// If there are more than [`MAX_CRITERIA`] weights.
    #[must_use]
    pub fn of_weights(weights: &[f64]) -> Self {
        let mut judgment = Self::equal(weights.len());
        for (i, wi) in weights.iter().enumerate() {
            for (j, wj) in weights.iter().enumerate() {
                judgment.a[i][j] = (wi / wj).clamp(STRONGEST.recip(), STRONGEST);
            }
        }
        judgment
    }

    /// All of `n` criteria count the same.
    ///
    /// # Panics
    /// If `n` is more than [`MAX_CRITERIA`].
    #[must_use]
    pub fn equal(n: usize) -> Self {
        let mut a = [[0.0; MAX_CRITERIA]; MAX_CRITERIA];
        for row in &mut a[..n] {
            row[..n].fill(1.0);
        }
        Self { n, a }
    }

    /// Checks a matrix that a user wrote.
    ///
    /// `a_ij a_ji = 1` may be off by 1 %, for decimals have no 1/3; what is above the diagonal counts.
    ///
    /// # Errors
    /// The entry that is wrong, or the consistency ratio where that is [`CONSISTENT`] or more.
    pub fn checked(rows: &[Vec<f64>]) -> Result<Self, String> {
        let n = rows.len();
        if n == 0 || n > MAX_CRITERIA {
            return Err(format!(
                "must compare between 1 and {MAX_CRITERIA} criteria, got {n}"
            ));
        }
        if let Some((i, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != n) {
            let found = row.len();
            return Err(format!(
                "must be square: row {i} has {found} entries of {n}"
            ));
        }
        let mut judgment = Self::equal(n);
        for (i, row) in rows.iter().enumerate() {
            for (j, &x) in row.iter().enumerate() {
                let got = show_number(x);
                // a decimal 0.11 stands for 1/9
                if !(0.99 / STRONGEST..=STRONGEST).contains(&x) {
                    return Err(format!(
                        "entry [{i}][{j}] must be between 1/9 and 9, got {got}"
                    ));
                }
                let back = rows[j][i];
                if (x * back - 1.0).abs() > 0.01 {
                    let other = show_number(back);
                    return Err(format!(
                        "entry [{i}][{j}] must be 1 over entry [{j}][{i}], got {got} and {other}"
                    ));
                }
                judgment.a[i][j] = if i <= j { x } else { back.recip() };
            }
            judgment.a[i][i] = 1.0;
        }
        let ratio = judgment.weights().consistency_ratio(n);
        if ratio >= CONSISTENT {
            return Err(format!(
                "must be consistent, CR < {CONSISTENT}, got CR {ratio:.3}: the judgments contradict each other"
            ));
        }
        Ok(judgment)
    }

    /// Number of criteria.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// How much more criterion `i` matters than `j`.
    #[must_use]
    pub fn get(&self, i: usize, j: usize) -> f64 {
        self.a[i][j]
    }

    /// Multiplies a_ij by `factor` within [1/9, 9], and keeps a_ji its reciprocal.
    pub fn scale(&mut self, i: usize, j: usize, factor: f64) {
        let x = (self.a[i][j] * factor).clamp(STRONGEST.recip(), STRONGEST);
        self.a[i][j] = x;
        self.a[j][i] = x.recip();
    }

    /// The rows, as a scenario writes them.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<f64>> {
        let rows = self.a[..self.n].iter();
        rows.map(|row| row[..self.n].to_vec()).collect()
    }

    /// The principal eigenvector, by power iteration from its last estimate or from equal weights.
    ///
    /// The matrix is positive, so by Perron and Frobenius the largest eigenvalue is simple and the
    /// iteration converges from any positive start; judgments are nearly of rank one, so a few rounds do.
    /// No more linear algebra is needed here, so no crate either.
    #[must_use]
    pub fn weights_from(&self, start: &[f64; MAX_CRITERIA]) -> Weights {
        let n = self.n;
        let mut weight = *start;
        let mut eigenvalue = n as f64;
        for _ in 0..200 {
            let mut next = [0.0; MAX_CRITERIA];
            for (next, row) in next.iter_mut().zip(&self.a[..n]) {
                *next = row.iter().zip(&weight).map(|(a, w)| a * w).sum();
            }
            // the weights sum to 1, so their image sums to the eigenvalue
            eigenvalue = next.iter().sum();
            let mut change: f64 = 0.0;
            for (old, new) in weight.iter_mut().zip(next) {
                let new = new / eigenvalue;
                change = change.max((new - *old).abs());
                *old = new;
            }
            if change <= 1e-14 {
                break;
            }
        }
        Weights { weight, eigenvalue }
    }

    /// The principal eigenvector from equal weights.
    #[must_use]
    pub fn weights(&self) -> Weights {
        let mut start = [0.0; MAX_CRITERIA];
        start[..self.n].fill((self.n.max(1) as f64).recip());
        self.weights_from(&start)
    }
}

impl Weights {
    /// CI = (lambda_max - n) / (n - 1).
    #[must_use]
    pub fn consistency_index(&self, n: usize) -> f64 {
        if n < 2 {
            return 0.0;
        }
        ((self.eigenvalue - n as f64) / (n as f64 - 1.0)).max(0.0)
    }

    /// CR = CI / RI(n); 0 for up to two criteria, which cannot contradict each other.
    #[must_use]
    pub fn consistency_ratio(&self, n: usize) -> f64 {
        if n < 3 {
            return 0.0;
        }
        self.consistency_index(n) / RANDOM_INDEX[n - 1]
    }
}

/// A judgment matrix in a scenario: a list of rows.
#[derive(Clone, Copy, Debug)]
pub struct Matrix;

impl Kind for Matrix {
    type Out = Judgment;

    fn read(&self, value: &Value) -> Result<Judgment, String> {
        let Value::Array(rows) = value else {
            return Err(self.mismatch(value));
        };
        let row = |row: &crate::config::Node| match &row.value {
            Value::Array(entries) => entries
                .iter()
                .map(|entry| match entry.value {
                    Value::Float(x) => Ok(x),
                    #[expect(clippy::cast_precision_loss, reason = "1 to 9, or refused")]
                    Value::Int(x) => Ok(x as f64),
                    ref other => Err(self.mismatch(other)),
                })
                .collect(),
            other => Err(self.mismatch(other)),
        };
        let rows: Vec<Vec<f64>> = rows.iter().map(row).collect::<Result<_, _>>()?;
        Judgment::checked(&rows)
    }

    fn fallback(&self) -> Judgment {
        Judgment::equal(1)
    }

    fn expected(&self) -> String {
        "a square list of lists of numbers between 1/9 and 9".to_owned()
    }

    fn schema(&self) -> Json {
        let size = json!({ "minItems": 1, "maxItems": MAX_CRITERIA });
        let number = json!({ "type": "number", "minimum": 0.99 / STRONGEST, "maximum": STRONGEST });
        let list = |items: Json| {
            let mut list = size.clone();
            list["type"] = json!("array");
            list["items"] = items;
            list
        };
        list(list(number))
    }

    fn show(&self, value: &Judgment) -> Json {
        json!(value.rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A consistent matrix gives back the weights that it was made of.
    #[test]
    fn closed_form_consistent_judgments() {
        let given = [0.5, 0.3, 0.15, 0.06];
        let sum: f64 = given.iter().sum();
        let judgment = Judgment::of_weights(&given);
        let weights = judgment.weights();
        for (found, given) in weights.weight.iter().zip(given) {
            assert!((found - given / sum).abs() < 1e-12);
        }
        assert!((weights.eigenvalue - 4.0).abs() < 1e-12);
        assert!(weights.consistency_ratio(4) < 1e-12);
    }

    #[test]
    fn closed_form_mcatm_layer_one() {
        let rows = [
            vec![1.0, 2.0, 2.0],
            vec![0.5, 1.0, 1.0],
            vec![0.5, 1.0, 1.0],
        ];
        let weights = Judgment::checked(&rows).unwrap().weights();
        assert!((weights.weight[0] - 0.5).abs() < 1e-14);
        assert!((weights.weight[1] - 0.25).abs() < 1e-14);
        assert!(weights.consistency_ratio(3) < 1e-12);
    }

    /// Three criteria have a closed form: geometric means of the rows, and lambda_max = 1 + c + 1/c with
    /// c = (a12 a23 / a13)^(1/3).
    #[test]
    fn closed_form_three_criteria() {
        let (a, b, c) = (3.0_f64, 5.0, 7.0);
        let rows = [
            vec![1.0, a, c],
            vec![1.0 / a, 1.0, b],
            vec![1.0 / c, 1.0 / b, 1.0],
        ];
        let error = Judgment::checked(&[
            vec![1.0, 9.0, 1.0 / 9.0],
            vec![1.0 / 9.0, 1.0, 9.0],
            vec![9.0, 1.0 / 9.0, 1.0],
        ])
        .unwrap_err();
        assert!(error.contains("CR"), "{error}");
        let judgment = Judgment::checked(&rows).unwrap();
        let weights = judgment.weights();
        let root = (a * b / c).cbrt();
        let lambda = 1.0 + root + root.recip();
        assert!((weights.eigenvalue - lambda).abs() < 1e-10);
        let means = [(a * c).cbrt(), (b / a).cbrt(), (1.0 / (b * c)).cbrt()];
        let sum: f64 = means.iter().sum();
        for (found, mean) in weights.weight.iter().zip(means) {
            assert!((found - mean / sum).abs() < 1e-10);
        }
        let ratio = (lambda - 3.0) / 2.0 / 0.58;
        assert!((weights.consistency_ratio(3) - ratio).abs() < 1e-10);
    }

    /// Judgments like those of Saaty's choice of a school, known for being inconsistent: eigenvalue and CR
    /// by plain power iteration in another language (300 rounds in Python).
    #[test]
    fn oracle_six_inconsistent_judgments() {
        let upper = [
            [1.0, 4.0, 3.0, 1.0, 3.0, 4.0],
            [0.0, 1.0, 7.0, 3.0, 1.0 / 5.0, 1.0],
            [0.0, 0.0, 1.0, 1.0 / 5.0, 1.0 / 5.0, 1.0 / 6.0],
            [0.0, 0.0, 0.0, 1.0, 1.0, 1.0 / 3.0],
            [0.0, 0.0, 0.0, 0.0, 1.0, 3.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        ];
        let rows: Vec<Vec<f64>> = (0..6)
            .map(|i| {
                let entry = |j: usize| {
                    if i <= j {
                        upper[i][j]
                    } else {
                        1.0 / upper[j][i]
                    }
                };
                (0..6).map(entry).collect()
            })
            .collect();
        let mut judgment = Judgment::equal(6);
        for (to, row) in judgment.a.iter_mut().zip(&rows) {
            to[..6].copy_from_slice(row);
        }
        let weights = judgment.weights();
        let known = [
            0.320_770_183,
            0.139_502_745,
            0.034_768_308,
            0.128_486_018,
            0.237_389_995,
            0.139_082_751,
        ];
        for (found, known) in weights.weight.iter().zip(known) {
            assert!((found - known).abs() < 1e-8, "{found} {known}");
        }
        assert!((weights.eigenvalue - 7.419_870_102).abs() < 1e-8);
        assert!((weights.consistency_ratio(6) - 0.229_011_307).abs() < 1e-8);
        let error = Judgment::checked(&rows).unwrap_err();
        assert!(error.contains("CR 0.229"), "{error}");
    }

    /// Saaty's family that buys a house (Eur. J. Oper. Res. 48, 1990, "How to make a decision"), known for being
    /// inconsistent: weights, lambda_max = 9.669 and CR = .17 as printed; 2,000 rounds of power iteration in Python
    /// give 9.668 887 317 and .169 087.
    #[test]
    fn paper_saaty_buys_a_house() {
        let upper: [&[f64]; 8] = [
            &[1.0, 5.0, 3.0, 7.0, 6.0, 6.0, 1.0 / 3.0, 1.0 / 4.0],
            &[1.0, 1.0 / 3.0, 5.0, 3.0, 3.0, 1.0 / 5.0, 1.0 / 7.0],
            &[1.0, 6.0, 3.0, 4.0, 6.0, 1.0 / 5.0],
            &[1.0, 1.0 / 3.0, 1.0 / 4.0, 1.0 / 7.0, 1.0 / 8.0],
            &[1.0, 1.0 / 2.0, 1.0 / 5.0, 1.0 / 6.0],
            &[1.0, 1.0 / 5.0, 1.0 / 6.0],
            &[1.0, 1.0 / 2.0],
            &[1.0],
        ];
        let entry = |i: usize, j: usize| match i <= j {
            true => upper[i][j - i],
            false => 1.0 / upper[j][i - j],
        };
        let rows: Vec<Vec<f64>> = (0..8)
            .map(|i| (0..8).map(|j| entry(i, j)).collect())
            .collect();
        let mut judgment = Judgment::equal(8);
        for (to, row) in judgment.a.iter_mut().zip(&rows) {
            to.copy_from_slice(row);
        }
        let weights = judgment.weights();
        let printed = [0.173, 0.054, 0.188, 0.018, 0.031, 0.036, 0.167, 0.333];
        for (found, printed) in weights.weight.iter().zip(printed) {
            assert!((found - printed).abs() < 5e-4, "{found} {printed}");
        }
        assert!((weights.eigenvalue - 9.669).abs() < 5e-4);
        assert!((weights.eigenvalue - 9.668_887_317).abs() < 1e-8);
        assert!((weights.consistency_ratio(8) - 0.17).abs() < 5e-3);
        let error = Judgment::checked(&rows).unwrap_err();
        assert!(error.contains("CR < 0.1, got CR 0.169"), "{error}");
    }

    #[test]
    fn property_bad_matrices_are_named() {
        let bad = [
            (vec![], "between 1 and 8"),
            (vec![vec![1.0, 2.0], vec![0.5]], "row 1 has 1"),
            (vec![vec![1.0, 10.0], vec![0.1, 1.0]], "[0][1]"),
            (vec![vec![1.0, 2.0], vec![2.0, 1.0]], "1 over entry"),
            (vec![vec![2.0]], "1 over entry"),
            (vec![vec![f64::NAN]], "[0][0]"),
            (vec![vec![1.0, -2.0], vec![-0.5, 1.0]], "[0][1]"),
        ];
        for (rows, expected) in bad {
            let error = Judgment::checked(&rows).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let thirds = [vec![1.0, 3.0], vec![0.333, 1.0]];
        let third = Judgment::checked(&thirds).unwrap().get(1, 0);
        assert!((third - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn property_scaling_keeps_reciprocals_within_the_scale() {
        let mut judgment = Judgment::equal(3);
        for _ in 0..100 {
            judgment.scale(2, 0, 1.5);
        }
        assert!((judgment.get(2, 0) - 9.0).abs() < 1e-12);
        assert!((judgment.get(2, 0) * judgment.get(0, 2) - 1.0).abs() < 1e-12);
    }
}
