//! The samples that a claim compares, cell by cell.

use super::cells::Cell;
use super::data::Data;
use super::p_values::{ClaimedRange, PValues};
use super::{Against, Grid, Measure, Pooled, Where, metrics};
use crate::claim::{Comparison, Verdict};
use crate::stats::{self, Estimate};
use std::collections::{BTreeMap, BTreeSet};

/// A sample and where its mean should lie.
pub(super) struct Hypothesis {
    pub(super) name: String,
    pub(super) sample: Vec<f64>,
    pub(super) range: ClaimedRange,
    /// Whether its values are shares, from 0 to 1.
    pub(super) share: bool,
    /// Cells of the grid that it is taken from.
    pub(super) from: Vec<usize>,
}

impl Hypothesis {
    pub(super) fn p_values(&self) -> PValues {
        PValues::of_mean(&self.sample, self.range, self.share)
    }

    /// What it says alone, at a probability of `error` to be wrong.
    pub(super) fn comparison(&self, error: f64) -> Option<Comparison> {
        let Estimate { mean, ci95 } = stats::estimate(&self.sample)?;
        Some(Comparison {
            cell: self.name.clone(),
            measured: mean,
            ci95,
            verdict: self.verdict(error),
            equivalent: None,
        })
    }

    /// Whether it lies there, at a probability of `error` to be wrong.
    pub(super) fn verdict(&self, error: f64) -> Verdict {
        let PValues { holds, fails } = self.p_values();
        match () {
            () if holds <= error / 2.0 => Verdict::Holds,
            () if fails <= error / 2.0 => Verdict::Fails,
            () => Verdict::Undecided,
        }
    }
}

/// How many cases agree with a claim, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AgreeCount {
    pub(super) agree: usize,
    pub(super) all: usize,
}

/// What a claim is about.
pub(super) struct ClaimData<'a> {
    pub(super) grid: usize,
    pub(super) spec: &'a Grid,
    pub(super) cells: &'a [Cell],
    pub(super) data: &'a Data,
    pub(super) metric: &'a str,
    pub(super) policy: &'a str,
    pub(super) spread: bool,
    /// The first seed that the claim does not see: it was run to decide another one.
    pub(super) until: u64,
    /// The level at which it is decided whatever the other claims and looks say.
    pub(super) strict: f64,
}

impl ClaimData<'_> {
    pub(super) fn among<'s>(&'s self, condition: &'s Where) -> impl Iterator<Item = usize> + 's {
        let cells = self.cells.iter().enumerate();
        cells
            .filter(|(_, cell)| self.spec.is_among(cell, condition))
            .map(|(i, _)| i)
    }

    /// What is known of a policy, by seed.
    fn of(&self, cell: usize, policy: &str, metric: &str) -> BySeed<f64> {
        let policy = match self.spec.measure {
            Measure::Information => "",
            _ => policy,
        };
        let seeded = self.data.seeded(self.grid, cell, policy, metric);
        let own = seeded.filter(|&(seed, _)| seed < self.until);
        let mut known: BySeed<f64> = own.filter_map(|(s, x)| Some((s, x?))).collect();
        if self.spread {
            let values: Vec<f64> = known.iter().map(|&(_, x)| x).collect();
            let median = stats::quantile(&values, 0.5).unwrap_or(0.0);
            known.iter_mut().for_each(|(_, x)| *x = (*x - median).abs());
        }
        known
    }

    pub(super) fn values(&self, cell: usize) -> Vec<f64> {
        let known = self.of(cell, self.policy, self.metric);
        known.into_iter().map(|(_, x)| x).collect()
    }

    /// Own and the other's values.
    fn pairs(&self, cell: usize, than: &str, metric: &str) -> BySeed<(f64, f64)> {
        let own = self.of(cell, self.policy, self.metric);
        join(&own, &self.of(cell, than, metric))
    }

    /// Groups of `group` seeds in which the means compare so, and all groups, cell by cell.
    pub(super) fn groups(
        &self,
        condition: &Where,
        range: ClaimedRange,
        (than, metric): (&str, &str),
        group: usize,
    ) -> Vec<AgreeCount> {
        let count = |cell: usize| {
            let pairs = samples(self.pairs(cell, than, metric));
            let chunks = pairs.chunks_exact(group);
            AgreeCount {
                all: chunks.len(),
                agree: chunks.filter(|chunk| range.has(difference(chunk))).count(),
            }
        };
        self.among(condition).map(count).collect()
    }

    /// Cells in which the means over all seeds compare so.
    pub(super) fn survivors(
        &self,
        condition: &Where,
        range: ClaimedRange,
        (than, metric): (&str, &str),
    ) -> AgreeCount {
        let pairs = self
            .among(condition)
            .map(|cell| samples(self.pairs(cell, than, metric)));
        let known: Vec<_> = pairs.filter(|pairs| !pairs.is_empty()).collect();
        AgreeCount {
            all: known.len(),
            agree: known
                .iter()
                .filter(|pairs| range.has(difference(pairs)))
                .count(),
        }
    }

    /// How a claim's own policy differs from the other one, relative to that, cell by cell: by the delta method.
    pub(super) fn relative(&self, cell: usize, than: &str, metric: &str) -> Vec<f64> {
        ratio(&samples(self.pairs(cell, than, metric)))
    }

    /// What a claim says of the cells that `condition` names.
    pub(super) fn hypotheses(&self, against: &Against, condition: &Where) -> Vec<Hypothesis> {
        let cells: Vec<usize> = self.among(condition).collect();
        let share = self.is_share(against);
        let each = |of: &dyn Fn(usize) -> Vec<f64>, range: ClaimedRange| -> Vec<Hypothesis> {
            let one = |&cell: &usize| Hypothesis {
                name: self.name(cell, &[]),
                sample: of(cell),
                range,
                share,
                from: vec![cell],
            };
            cells.iter().map(one).collect()
        };
        match against {
            Against::Exactly(_) | Against::Survives { .. } => Vec::new(),
            &Against::About { value, within } => each(
                &|cell| self.values(cell),
                ClaimedRange::about(value, within),
            ),
            &Against::Limit(relation, limit) => {
                each(&|cell| self.values(cell), ClaimedRange::of(relation, limit))
            }
            Against::Policy {
                relation,
                than,
                metric,
                ..
            } => {
                let differences = |cell| {
                    let pairs = self.pairs(cell, than, metric);
                    pairs.iter().map(|(_, (a, b))| a - b).collect()
                };
                each(&differences, ClaimedRange::of(*relation, 0.0))
            }
            Against::Ratio {
                relation,
                limit,
                than,
                metric,
                pooled,
            } => {
                let range = ClaimedRange::of(*relation, *limit);
                match pooled {
                    Pooled::Not => each(&|cell| self.relative(cell, than, metric), range),
                    _ => vec![self.pooled(cells, *pooled, (than, metric), range)],
                }
            }
            Against::Trend {
                axis,
                relation,
                limit,
            } => self.trend(&cells, axis, ClaimedRange::of(*relation, *limit)),
            Against::Rise {
                axis,
                relation,
                than,
            } => self.rise(&cells, axis, than, ClaimedRange::of(*relation, 0.0)),
        }
    }

    /// The ratios of all cells as one sample.
    fn pooled(
        &self,
        cells: Vec<usize>,
        pooled: Pooled,
        (than, metric): (&str, &str),
        range: ClaimedRange,
    ) -> Hypothesis {
        let pairs = cells.iter().map(|&cell| self.pairs(cell, than, metric));
        let (sample, what) = if pooled == Pooled::Ratios {
            let ratios = |pairs: BySeed<(f64, f64)>| -> BySeed<f64> {
                let (seeds, values): (Vec<u64>, Vec<_>) = pairs.into_iter().unzip();
                seeds.into_iter().zip(ratio(&values)).collect()
            };
            (samples(mean(pairs.map(ratios))), "mean")
        } else {
            let of = |part: fn((f64, f64)) -> f64| {
                let one = |pairs: BySeed<(f64, f64)>| -> BySeed<f64> {
                    let values = pairs.into_iter();
                    values.map(|(seed, pair)| (seed, part(pair))).collect()
                };
                mean(pairs.clone().map(one))
            };
            let totals = join(&of(|(own, _)| own), &of(|(_, other)| other));
            (ratio(&samples(totals)), "totals")
        };
        Hypothesis {
            name: format!("{what} of {} cells", cells.len()),
            sample,
            range,
            share: false,
            from: cells,
        }
    }

    /// Each value of the axis less the one before, seed by seed.
    fn trend(&self, cells: &[usize], axis: &str, range: ClaimedRange) -> Vec<Hypothesis> {
        let at = self.spec.axis(axis);
        let label = |cell: usize| &self.cells[cell].values[at].label;
        let step = |ends: &[usize]| {
            let [before, after] =
                [ends[0], ends[1]].map(|cell| self.of(cell, self.policy, self.metric));
            let step = format!("{axis} {} to {}", label(ends[0]), label(ends[1]));
            let parts = [self.name(ends[0], &[axis]), step];
            let known: Vec<_> = parts.into_iter().filter(|p| !p.is_empty()).collect();
            Hypothesis {
                name: known.join(", "),
                sample: join(&after, &before)
                    .into_iter()
                    .map(|(_, (a, b))| a - b)
                    .collect(),
                range,
                share: false,
                from: ends.to_vec(),
            }
        };
        let lines = self.lines(cells, axis);
        lines
            .iter()
            .flat_map(|line| line.windows(2))
            .map(step)
            .collect()
    }

    /// The distance between the ends of the axis, less that of the other policy, seed by seed.
    fn rise(
        &self,
        cells: &[usize],
        axis: &str,
        than: &str,
        range: ClaimedRange,
    ) -> Vec<Hypothesis> {
        let line = |line: &Vec<usize>| {
            let ends = [line[0], line[line.len() - 1]];
            let [first, last] = ends.map(|cell| self.pairs(cell, than, self.metric));
            let both = join(&first, &last);
            let other: f64 = both.iter().map(|(_, ((_, b), (_, d)))| b - d).sum();
            let rises = both.iter().map(|(_, ((a, b), (c, d)))| (a - c) - (b - d));
            let sample = rises.map(|rise| rise * other.signum());
            Hypothesis {
                name: self.name(ends[0], &[axis]),
                sample: sample.collect(),
                range,
                share: false,
                from: ends.to_vec(),
            }
        };
        self.lines(cells, axis).iter().map(line).collect()
    }

    /// The values of a cell's axes, without those of the axes called `but`.
    fn name(&self, cell: usize, but: &[&str]) -> String {
        self.spec.name_of(&self.cells[cell], but)
    }

    /// Whether what is compared are shares, which end at 0 and 1.
    fn is_share(&self, against: &Against) -> bool {
        let plain = matches!(against, Against::About { .. } | Against::Limit(..));
        plain && !self.spread && metrics::is_share(self.metric)
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

/// The cells of what is not decided yet: first by itself, then at `strict`, the level that decides whatever the other
/// claims and looks say; all of them if everything is.
pub(super) fn open_cells(
    hypotheses: &[Hypothesis],
    comparisons: &[Comparison],
    strict: f64,
) -> BTreeSet<usize> {
    let rests_on_many = |hypothesis: &Hypothesis| hypothesis.from.len() > 2;
    let alone = hypotheses.iter().zip(comparisons);
    let alone = alone.map(|(h, c)| c.verdict == Verdict::Undecided || rests_on_many(h));
    let strictly = hypotheses
        .iter()
        .map(|h| h.verdict(strict) == Verdict::Undecided);
    let from = |open: Vec<bool>| -> BTreeSet<usize> {
        let open = hypotheses.iter().zip(open).filter(|(_, open)| *open);
        open.flat_map(|(h, _)| h.from.clone()).collect()
    };
    [alone.collect(), strictly.collect()]
        .into_iter()
        .map(from)
        .find(|cells| !cells.is_empty())
        .unwrap_or_else(|| from(vec![true; hypotheses.len()]))
}

fn difference(pairs: &[(f64, f64)]) -> f64 {
    pairs.iter().map(|(a, b)| a - b).sum()
}

/// Values by seed, in ascending order of seeds. Cells may have different seeds: only those that keep a claim open get more,
/// some have no value, and records may lack some.
type BySeed<T> = Vec<(u64, T)>;

/// Both values of the seeds that have both.
fn join<A: Copy, B: Copy>(a: &[(u64, A)], b: &[(u64, B)]) -> BySeed<(A, B)> {
    let other: BTreeMap<u64, B> = b.iter().copied().collect();
    a.iter()
        .filter_map(|&(seed, own)| Some((seed, (own, *other.get(&seed)?))))
        .collect()
}

fn samples<T>(by_seed: BySeed<T>) -> Vec<T> {
    by_seed.into_iter().map(|(_, value)| value).collect()
}

/// The mean of several samples, of the seeds that all have.
fn mean(samples: impl Iterator<Item = BySeed<f64>>) -> BySeed<f64> {
    let mut count = 0;
    let mut sums: BTreeMap<u64, (f64, usize)> = BTreeMap::new();
    for (seed, value) in samples.inspect(|_| count += 1).flatten() {
        let (sum, known) = sums.entry(seed).or_default();
        *sum += value;
        *known += 1;
    }
    let of_all = |(seed, (sum, known)): (u64, (f64, usize))| {
        (known == count).then_some((seed, sum / count as f64))
    };
    sums.into_iter().filter_map(of_all).collect()
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

    #[test]
    fn closed_form_mean_of_samples() {
        let samples = [vec![(0, 1.0), (1, 3.0), (2, 9.0)], vec![(1, 5.0), (2, 1.0)]];
        assert_eq!(mean(samples.into_iter()), [(1, 4.0), (2, 5.0)]);
        assert!(mean(std::iter::empty()).is_empty());
    }

    #[test]
    fn closed_form_join() {
        let (own, other) = (
            [(0, 'a'), (1, 'b'), (4, 'c')],
            [(1, 'x'), (2, 'y'), (4, 'z')],
        );
        assert_eq!(join(&own, &other), [(1, ('b', 'x')), (4, ('c', 'z'))]);
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
