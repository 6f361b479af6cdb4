//! Whether claims hold.
//!
//! Every comparison is over seeds: differences are paired, for all policies of a cell meet the same traffic,
//! and p values and intervals are Student's t. A claim about k cells that has to hold in m of them combines
//! the p values of its cells as a partial conjunction (Benjamini and Heller 2008, Biometrics 64, 1215):
//! (k - m + 1) times the m-th smallest. For m = k that is the largest one: no correction is needed to say that
//! all hold, and Bonferroni's is made to say that one does not.
//!
//! Both directions are tested, p values are multiplied by the number of times that one may look
//! ([`Seeds::looks`](super::Seeds::looks)), and Holm's procedure over all claims of the study keeps the
//! probability that any verdict is wrong below 5 %. What is not decided at that level is `undecided`.

use super::cells::Cell;
use super::data::Data;
use super::{Against, ClaimSpec, Grid, Measure, Pooled, Relation, Study, Test, Where};
use crate::claim::{Claim, Comparison, Verdict};
use crate::stats::{self, Estimate};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::{BTreeMap, BTreeSet};

/// Probability that any verdict of a study is wrong.
const ALPHA: f64 = 0.05;
/// An exact claim may be off by rounding, relative to the value.
const ROUNDING: f64 = 1e-9;

/// A sample and where its mean should lie.
struct Trial {
    name: String,
    sample: Vec<f64>,
    range: Range,
    /// Grid and cells that it is taken from.
    from: (usize, Vec<usize>),
}

/// Where a mean should lie.
#[derive(Clone, Copy)]
struct Range {
    lo: f64,
    hi: f64,
    /// Whether the ends are outside.
    open: bool,
}

impl Range {
    fn of(relation: Relation, limit: f64) -> Self {
        let (lo, hi) = match relation {
            Relation::Less | Relation::AtMost => (f64::NEG_INFINITY, limit),
            Relation::Greater | Relation::AtLeast => (limit, f64::INFINITY),
        };
        let open = matches!(relation, Relation::Less | Relation::Greater);
        Self { lo, hi, open }
    }

    fn has(self, x: f64) -> bool {
        if self.open {
            self.lo < x && x < self.hi
        } else {
            (self.lo..=self.hi).contains(&x)
        }
    }
}

/// p values of both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Odds {
    /// Probability of such a sample if the mean were not in the range.
    holds: f64,
    /// Probability of such a sample if it were.
    fails: f64,
}

impl Trial {
    fn estimate(&self) -> Option<Estimate> {
        stats::estimate(&self.sample)
    }

    fn odds(&self) -> Odds {
        let n = self.sample.len() as f64;
        let unknown = Odds {
            holds: 1.0,
            fails: 1.0,
        };
        let Some(mean) = stats::mean(&self.sample).filter(|_| n > 1.0) else {
            return unknown;
        };
        let variance = self.sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let error = (variance / n).sqrt();
        if error <= f64::EPSILON * mean.abs() {
            // every seed says the same
            let holds = self.range.has(mean);
            return Odds {
                holds: if holds { 0.0 } else { 1.0 },
                fails: if holds { 1.0 } else { 0.0 },
            };
        }
        let t = StudentsT::new(0.0, 1.0, n - 1.0).expect("at least one degree of freedom");
        // probability of a mean so far above, or below, a true mean at the end
        let above = |end: f64| t.sf((mean - end) / error);
        let below = |end: f64| t.cdf((mean - end) / error);
        let Range { lo, hi, .. } = self.range;
        match (lo.is_finite(), hi.is_finite()) {
            (true, true) => Odds {
                holds: above(lo).max(below(hi)),
                fails: (2.0 * below(lo).min(above(hi))).min(1.0),
            },
            (true, false) => Odds {
                holds: above(lo),
                fails: below(lo),
            },
            (false, _) => Odds {
                holds: below(hi),
                fails: above(hi),
            },
        }
    }

    fn comparison(&self) -> Option<Comparison> {
        let Estimate { mean, ci95 } = self.estimate()?;
        let Odds { holds, fails } = self.odds();
        let verdict = match () {
            () if holds <= ALPHA / 2.0 => Verdict::Holds,
            () if fails <= ALPHA / 2.0 => Verdict::Fails,
            () => Verdict::Undecided,
        };
        Some(Comparison {
            cell: self.name.clone(),
            measured: mean,
            ci95,
            verdict,
        })
    }
}

/// p value that at least `m` of the hypotheses behind `p` are true.
fn partial_conjunction(p: impl Iterator<Item = f64>, m: usize) -> f64 {
    let mut p: Vec<f64> = p.collect();
    p.sort_by(f64::total_cmp);
    let k = p.len();
    ((k - m + 1) as f64 * p[m - 1]).min(1.0)
}

/// What a claim is before Holm's procedure.
enum Draft {
    /// Decided, or never to be, without statistics.
    Done(Box<Claim>),
    /// To be decided by the p values of its directions; with the cells that more seeds would help.
    Open(Box<Claim>, Odds, Vec<(usize, usize)>),
}

/// What became of the claims of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// In the order of the study.
    pub claims: Vec<Claim>,
    /// By grid and cell: where more seeds would help to decide those that are not.
    pub open: BTreeSet<(usize, usize)>,
}

/// Judges every claim of `study`.
#[must_use]
pub fn judge(study: &Study, data: &Data, quick: bool) -> Judged {
    let looks = study.seeds.looks(quick).len() as f64;
    let cells: Vec<Vec<Cell>> = study.grids.iter().map(|grid| grid.cells(quick)).collect();
    let drafts = study
        .claims
        .iter()
        .map(|claim| draft(study, &cells, data, claim));
    let drafts: Vec<Draft> = drafts.collect();
    // Holm: the smallest p value pays for all, the next for all but one, ...
    let raw = |odds: &Odds| (2.0 * looks * odds.holds.min(odds.fails)).min(1.0);
    let mut order: Vec<(f64, usize)> = drafts
        .iter()
        .enumerate()
        .filter_map(|(i, draft)| match draft {
            Draft::Open(_, odds, _) => Some((raw(odds), i)),
            Draft::Done(_) => None,
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut adjusted, mut least) = (BTreeMap::new(), 0.0_f64);
    for (rank, &(p, i)) in order.iter().enumerate() {
        least = least.max(((order.len() - rank) as f64 * p).min(1.0));
        adjusted.insert(i, least);
    }
    let mut open = BTreeSet::new();
    let decide = |(i, draft)| match draft {
        Draft::Done(claim) => *claim,
        Draft::Open(claim, odds, cells) => {
            let p = adjusted[&i];
            let verdict = match () {
                () if p > ALPHA => Verdict::Undecided,
                () if odds.holds <= odds.fails => Verdict::Holds,
                () => Verdict::Fails,
            };
            if verdict == Verdict::Undecided {
                open.extend(cells);
            }
            Claim {
                verdict,
                p: Some(p),
                ..*claim
            }
        }
    };
    let claims = drafts.into_iter().enumerate().map(decide).collect();
    Judged { claims, open }
}

fn draft(study: &Study, cells: &[Vec<Cell>], data: &Data, spec: &ClaimSpec) -> Draft {
    let claim = |note: String| Claim {
        id: format!("{}.{}", study.name, spec.id),
        figure: spec.figure.clone(),
        claim: spec.claim.clone(),
        published: spec.published,
        note,
        place: spec.place.clone(),
        ..Claim::default()
    };
    let because = |why: &str| {
        let parts = [why, &spec.note];
        let known: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Draft::Done(Box::new(claim(known.join(" "))))
    };
    let Test::Of {
        grid: id,
        metric,
        policy,
        against,
        cells: condition,
        share,
        spread,
    } = &spec.test
    else {
        return because("");
    };
    let grid = study.grids.iter().position(|g| g.id == *id);
    let grid = grid.expect("the decoder has checked it");
    let than = match against {
        Against::Policy { than, .. } | Against::Ratio { than, .. } | Against::Rise { than, .. } => {
            Some(than)
        }
        _ => None,
    };
    for name in [Some(policy), than].into_iter().flatten() {
        if data
            .missing
            .get(&grid)
            .is_some_and(|missing| missing.contains(name))
        {
            return because(&format!("There is no policy {name} yet."));
        }
    }
    let source = Source {
        grid,
        spec: &study.grids[grid],
        cells: &cells[grid],
        data,
        metric,
        policy,
        spread: *spread,
    };
    let mut claim = claim(spec.note.clone());
    if let Against::Exactly(value) = against {
        let found: Vec<f64> = source
            .among(condition)
            .flat_map(|c| source.values(c))
            .collect();
        let Some(mean) = stats::mean(&found) else {
            return because("Not among the cells that were run.");
        };
        let exact = found
            .iter()
            .all(|x| (x - value).abs() <= ROUNDING * value.abs());
        claim.measured = Some(mean);
        claim.verdict = if exact {
            Verdict::Holds
        } else {
            Verdict::Fails
        };
        claim.measure = metric.clone();
        claim.seeds = found.len();
        return Draft::Done(Box::new(claim));
    }
    if let Against::Policy {
        relation,
        than,
        metric: of_than,
        group: Some(group),
    } = against
    {
        let (agree, all) = source.groups(condition, *relation, (than, of_than), *group);
        if all == 0 {
            return because("Too few seeds for a group.");
        }
        let found = agree as f64 / all as f64;
        claim.measured = Some(found);
        claim.measure =
            format!("share of {all} groups of {group} runs in which the means compare so");
        claim.verdict = if found >= *share {
            Verdict::Holds
        } else {
            Verdict::Fails
        };
        claim.seeds = all * group;
        return Draft::Done(Box::new(claim));
    }
    let trials = source.trials(against, condition);
    if trials.is_empty() || trials.iter().any(|trial| trial.sample.is_empty()) {
        return because("Not among the cells that were run, or without a value there.");
    }
    claim.seeds = trials.iter().map(|t| t.sample.len()).min().unwrap_or(0);
    let k = trials.len();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and k"
    )]
    let m = ((share * k as f64 - 1e-9).ceil().max(1.0) as usize).min(k);
    let odds: Vec<Odds> = trials.iter().map(Trial::odds).collect();
    let odds = Odds {
        holds: partial_conjunction(odds.iter().map(|o| o.holds), m),
        fails: partial_conjunction(odds.iter().map(|o| o.fails), k - m + 1),
    };
    let comparisons: Vec<Comparison> = trials.iter().filter_map(Trial::comparison).collect();
    let undecided = |(trial, comparison): &(&Trial, &Comparison)| {
        comparison.verdict == Verdict::Undecided || trial.from.1.len() > 2
    };
    let mut open: Vec<_> = trials.iter().zip(&comparisons).filter(undecided).collect();
    if open.is_empty() {
        open = trials.iter().zip(&comparisons).collect();
    }
    let cells = open.iter().flat_map(|(trial, _)| &trial.from.1);
    let open = cells.map(|&cell| (grid, cell)).collect();
    claim.measure = against.measure(metric, policy);
    if let [only] = comparisons.as_slice() {
        claim.measured = Some(only.measured);
        claim.ci95 = only.ci95;
    } else {
        let agree = trials
            .iter()
            .zip(&comparisons)
            .filter(|(t, c)| t.range.has(c.measured));
        claim.measured = Some(agree.count() as f64 / k as f64);
        let what = std::mem::take(&mut claim.measure);
        claim.measure =
            format!("share of {k} comparisons in which the mean is as claimed ({what})");
        claim.cells = comparisons;
    }
    Draft::Open(Box::new(claim), odds, open)
}

impl Against {
    /// What the number of a single comparison is.
    fn measure(&self, metric: &str, policy: &str) -> String {
        match self {
            Self::Exactly(_) | Self::About { .. } | Self::Limit(..) => metric.to_owned(),
            Self::Policy {
                than,
                metric: other,
                ..
            } if other == metric => {
                format!("{metric} of {policy} less that of {than}")
            }
            Self::Policy {
                than,
                metric: other,
                ..
            } => {
                format!("{metric} of {policy} less {other} of {than}")
            }
            Self::Ratio {
                than,
                metric: other,
                ..
            } if other == metric => {
                format!("{metric} of {policy} relative to that of {than}, less 1")
            }
            Self::Ratio {
                than,
                metric: other,
                ..
            } => {
                format!("{metric} of {policy} relative to {other} of {than}, less 1")
            }
            Self::Trend { axis, .. } => {
                format!("{metric} at a value of {axis} less that at the one before")
            }
            Self::Rise { axis, than, .. } => {
                format!(
                    "distance of {metric} of {policy} between the ends of {axis}, less that of {than}"
                )
            }
        }
    }
}

/// What a claim is about.
struct Source<'a> {
    grid: usize,
    spec: &'a Grid,
    cells: &'a [Cell],
    data: &'a Data,
    metric: &'a str,
    policy: &'a str,
    spread: bool,
}

impl Source<'_> {
    fn among<'s>(&'s self, condition: &'s Where) -> impl Iterator<Item = usize> + 's {
        let cells = self.cells.iter().enumerate();
        cells
            .filter(|(_, cell)| self.spec.is_among(cell, condition))
            .map(|(i, _)| i)
    }

    fn of(&self, cell: usize, policy: &str, metric: &str) -> Vec<Option<f64>> {
        let policy = match self.spec.measure {
            Measure::Information => "",
            _ => policy,
        };
        let sample = self.data.sample(self.grid, cell, policy, metric);
        if !self.spread {
            return sample;
        }
        let known: Vec<f64> = sample.iter().copied().flatten().collect();
        let median = stats::quantile(&known, 0.5);
        let distance = |x: Option<f64>| Some((x? - median?).abs());
        sample.into_iter().map(distance).collect()
    }

    fn values(&self, cell: usize) -> Vec<f64> {
        self.of(cell, self.policy, self.metric)
            .into_iter()
            .flatten()
            .collect()
    }

    /// Own and the other's values, over the seeds where both are known.
    fn pairs(&self, cell: usize, than: &str, metric: &str) -> Vec<(f64, f64)> {
        let (own, other) = (
            self.of(cell, self.policy, self.metric),
            self.of(cell, than, metric),
        );
        own.into_iter()
            .zip(other)
            .filter_map(|(a, b)| Some((a?, b?)))
            .collect()
    }

    /// Groups of seeds in which the means compare so, and all groups.
    fn groups(
        &self,
        condition: &Where,
        relation: Relation,
        (than, metric): (&str, &str),
        group: usize,
    ) -> (usize, usize) {
        let range = Range::of(relation, 0.0);
        let (mut agree, mut all) = (0, 0);
        for cell in self.among(condition) {
            let pairs = self.pairs(cell, than, metric);
            for chunk in pairs.chunks_exact(group) {
                let difference: f64 = chunk.iter().map(|(a, b)| a - b).sum();
                agree += usize::from(range.has(difference));
                all += 1;
            }
        }
        (agree, all)
    }

    fn trials(&self, against: &Against, condition: &Where) -> Vec<Trial> {
        let cells: Vec<usize> = self.among(condition).collect();
        let name = |cell: usize, but: &[&str]| self.spec.name_of(&self.cells[cell], but);
        let single = |cell: usize, sample: Vec<f64>, range: Range| Trial {
            name: name(cell, &[]),
            sample,
            range,
            from: (self.grid, vec![cell]),
        };
        let each = |of: &dyn Fn(usize) -> Vec<f64>, range: Range| -> Vec<Trial> {
            cells
                .iter()
                .map(|&cell| single(cell, of(cell), range))
                .collect()
        };
        match against {
            Against::Exactly(_) => Vec::new(),
            &Against::About { value, within } => {
                let range = Range {
                    lo: value - within,
                    hi: value + within,
                    open: false,
                };
                each(&|cell| self.values(cell), range)
            }
            &Against::Limit(relation, limit) => {
                each(&|cell| self.values(cell), Range::of(relation, limit))
            }
            Against::Policy {
                relation,
                than,
                metric,
                ..
            } => {
                let difference = |cell| {
                    let pairs = self.pairs(cell, than, metric);
                    pairs.iter().map(|(a, b)| a - b).collect()
                };
                each(&difference, Range::of(*relation, 0.0))
            }
            Against::Ratio {
                relation,
                limit,
                than,
                metric,
                pooled,
            } => {
                let ratio = |cell| ratio(&self.pairs(cell, than, metric));
                let range = Range::of(*relation, *limit);
                let (sample, what) = match pooled {
                    Pooled::Not => return each(&ratio, range),
                    Pooled::Ratios => (mean(cells.iter().map(|&cell| ratio(cell))), "mean"),
                    Pooled::Totals => {
                        let pairs = cells.iter().map(|&cell| self.pairs(cell, than, metric));
                        let (own, other): (Vec<Vec<f64>>, Vec<Vec<f64>>) =
                            pairs.map(|pairs| pairs.into_iter().unzip()).unzip();
                        let means = [own, other].map(|samples| mean(samples.into_iter()));
                        let [own, other] = means;
                        (
                            self::ratio(&own.into_iter().zip(other).collect::<Vec<_>>()),
                            "totals",
                        )
                    }
                };
                vec![Trial {
                    name: format!("{what} of {} cells", cells.len()),
                    sample,
                    range,
                    from: (self.grid, cells),
                }]
            }
            Against::Trend {
                axis,
                relation,
                limit,
            } => self
                .lines(&cells, axis)
                .iter()
                .flat_map(|line| line.windows(2))
                .map(|ends| {
                    let (before, after) = (self.values(ends[0]), self.values(ends[1]));
                    let at = self.spec.axis(axis);
                    let label = |cell: usize| &self.cells[cell].values[at].label;
                    let step = format!("{axis} {} to {}", label(ends[0]), label(ends[1]));
                    let rest = name(ends[0], &[axis.as_str()]);
                    let parts = [rest, step];
                    let known: Vec<_> = parts.iter().filter(|p| !p.is_empty()).cloned().collect();
                    Trial {
                        name: known.join(", "),
                        sample: after.iter().zip(before).map(|(a, b)| a - b).collect(),
                        range: Range::of(*relation, *limit),
                        from: (self.grid, ends.to_vec()),
                    }
                })
                .collect(),
            Against::Rise {
                axis,
                relation,
                than,
            } => self
                .lines(&cells, axis)
                .iter()
                .map(|line| {
                    let ends = [line[0], line[line.len() - 1]];
                    let [first, last] = ends.map(|cell| self.pairs(cell, than, self.metric));
                    let both = || first.iter().zip(&last);
                    let other: f64 = both().map(|((_, b), (_, d))| b - d).sum();
                    let sample =
                        both().map(|((a, b), (c, d))| ((a - c) - (b - d)) * other.signum());
                    Trial {
                        name: name(ends[0], &[axis.as_str()]),
                        sample: sample.collect(),
                        range: Range::of(*relation, 0.0),
                        from: (self.grid, ends.to_vec()),
                    }
                })
                .collect(),
        }
    }

    /// `cells` that differ in the axis alone, in its order.
    fn lines(&self, cells: &[usize], axis: &str) -> Vec<Vec<usize>> {
        let mut lines: Vec<(String, Vec<usize>)> = Vec::new();
        for &cell in cells {
            let rest = self.spec.name_of(&self.cells[cell], &[axis]);
            match lines.iter_mut().find(|(name, _)| *name == rest) {
                Some((_, line)) => line.push(cell),
                None => lines.push((rest, vec![cell])),
            }
        }
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// Seed by seed the mean of several samples; as long as the shortest.
fn mean(samples: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    let samples: Vec<Vec<f64>> = samples.collect();
    let seeds = samples.iter().map(Vec::len).min().unwrap_or(0);
    let of_seed = |seed: usize| samples.iter().map(|s| s[seed]).sum::<f64>() / samples.len() as f64;
    (0..seeds).map(of_seed).collect()
}

/// A sample whose mean is the ratio of the means less 1, and whose spread is the ratio's by the delta method.
fn ratio(pairs: &[(f64, f64)]) -> Vec<f64> {
    let n = pairs.len() as f64;
    let (a, b) = pairs
        .iter()
        .fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
    let (ratio, b) = (a / b, b / n);
    pairs
        .iter()
        .map(|(own, other)| ratio - 1.0 + (own - ratio * other) / b)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(sample: &[f64], relation: Relation, limit: f64) -> Trial {
        Trial {
            name: String::new(),
            sample: sample.to_vec(),
            range: Range::of(relation, limit),
            from: (0, vec![0]),
        }
    }

    /// t = 3/sqrt(2.5/5) = 4.2426 with 4 degrees of freedom: p = 0.0066 (printed tables).
    #[test]
    fn closed_form_odds() {
        let odds = trial(&[1.0, 2.0, 3.0, 4.0, 5.0], Relation::Greater, 0.0).odds();
        assert!((odds.holds - 0.006_62).abs() < 1e-4, "{odds:?}");
        assert!((odds.holds + odds.fails - 1.0).abs() < 1e-12);
        let same = [2.0; 3];
        let sure = |holds: f64| Odds {
            holds,
            fails: 1.0 - holds,
        };
        assert_eq!(trial(&same, Relation::Less, 2.0).odds(), sure(1.0));
        assert_eq!(trial(&same, Relation::AtMost, 2.0).odds(), sure(0.0));
        let one = trial(&[2.0], Relation::AtMost, 3.0).odds();
        assert_eq!((one.holds, one.fails), (1.0, 1.0));
    }

    #[test]
    fn closed_form_partial_conjunction() {
        let p = [0.01, 0.2, 0.03];
        let of = |m| partial_conjunction(p.into_iter(), m);
        assert_eq!((of(1), of(2), of(3)), (0.03, 0.06, 0.2));
    }

    #[test]
    fn closed_form_mean_of_samples() {
        let samples = [vec![1.0, 3.0, 9.0], vec![3.0, 5.0]];
        assert_eq!(mean(samples.into_iter()), [2.0, 4.0]);
        assert!(mean(std::iter::empty()).is_empty());
    }

    /// The mean is the ratio's, the spread that of a linear function of both means.
    #[test]
    fn closed_form_ratio() {
        let sample = ratio(&[(1.0, 2.0), (3.0, 2.0)]);
        assert_eq!(sample, [-0.5, 0.5]);
        let constant = ratio(&[(1.0, 2.0), (2.0, 4.0)]);
        assert_eq!(constant, [-0.5, -0.5]);
    }
}
