//! Whether claims hold.
//!
//! Every comparison is over seeds: differences are paired, because all policies of a cell meet the same traffic,
//! and p values and intervals are Student's t; where all seeds say the same, and where cases are counted (groups of
//! seeds, draws of constants), they are exact (`p_values`). A claim about k cells that has to hold
//! in m of them combines the p values of its cells as a partial conjunction (Benjamini and Heller 2008,
//! Biometrics 64, 1215): (k - m + 1) times the m-th smallest. For m = k that is the largest one: no correction is needed
//! to say that all hold, and Bonferroni's is made to say that one does not.
//!
//! Both directions are tested, p values are multiplied by the number of times that one may look at the claim
//! ([`Study::looks`](super::Study::looks) up to its own number of seeds, where the grid can grow), and Holm's procedure over all claims of the study keeps the
//! probability that any verdict is wrong below 5 %. What is not decided at that level is `undecided`. A second family
//! under Holm's procedure are the cells of claims with a margin: whether the two are equivalent there.

use super::cells::Cell;
use super::data::Data;
use super::p_values::{self, ClaimedRange, PValues, partial_conjunction};
use super::samples::{AgreeCount, ClaimData, Hypothesis, open_cells};
use super::{Against, ClaimSpec, Grid, Relation, Study, Test};
use crate::claim::{Claim, Comparison, Equivalence, Verdict};
use crate::stats;
use std::collections::BTreeSet;

/// Probability that any verdict of a study is wrong.
const ALPHA: f64 = 0.05;
/// An exact claim may be off by rounding, relative to the value.
const ROUNDING: f64 = 1e-9;

/// The verdict on a claim before Holm's procedure adjusts the p values.
enum UnadjustedVerdict {
    /// Decided without p values, or not decidable at all.
    Final(Box<Claim>),
    /// To be decided by p values.
    Tested(Box<TestedClaim>),
}

struct TestedClaim {
    claim: Claim,
    p_values: PValues,
    grid: usize,
    /// Cells of the grid that more seeds would help.
    cells: BTreeSet<usize>,
    /// p values of equivalence, by comparison; none without a margin.
    equal: Vec<f64>,
}

/// What became of the claims of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// In the order of the study.
    pub claims: Vec<Claim>,
    /// By grid and cell: where more seeds would help to decide those that are not.
    pub open: BTreeSet<(usize, usize)>,
}

/// Judges every claim of `study`.
#[must_use]
pub fn judge(study: &Study, data: &Data, quick: bool) -> Judgement {
    let cells: Vec<Vec<Cell>> = study.grids.iter().map(|grid| grid.cells(quick)).collect();
    let unadjusted = study
        .claims
        .iter()
        .map(|claim| (claim, unadjusted(study, &cells, data, claim, quick)));
    let unadjusted: Vec<(&ClaimSpec, UnadjustedVerdict)> = unadjusted.collect();
    let opens = || {
        unadjusted
            .iter()
            .filter_map(|(spec, verdict)| match verdict {
                UnadjustedVerdict::Tested(open) => Some((spec, open)),
                UnadjustedVerdict::Final(_) => None,
            })
    };
    let looks = study.looks(quick);
    let paid = |spec: &ClaimSpec, open: &TestedClaim, p: f64| {
        let times = times_looked(&study.grids[open.grid], spec, &looks);
        (times as f64 * p).min(1.0)
    };
    let p_values: Vec<f64> = opens()
        .map(|(spec, open)| {
            paid(
                spec,
                open,
                2.0 * open.p_values.holds.min(open.p_values.fails),
            )
        })
        .collect();
    let equal: Vec<f64> = opens()
        .flat_map(|(spec, open)| open.equal.iter().map(|&p| paid(spec, open, p)))
        .collect();
    let mut p_values = p_values::holm(&p_values).into_iter();
    let mut equal = p_values::holm(&equal).into_iter();
    let mut still = BTreeSet::new();
    let decide = |(spec, verdict): (&ClaimSpec, UnadjustedVerdict)| match verdict {
        UnadjustedVerdict::Final(claim) => *claim,
        UnadjustedVerdict::Tested(open) => {
            let p = p_values.next().expect("one per open claim");
            let equal: Vec<f64> = equal.by_ref().take(open.equal.len()).collect();
            if p > ALPHA {
                let cells = open.cells.iter().map(|&cell| (open.grid, cell));
                still.extend(cells.filter(|&(grid, cell)| data.seeds(grid, cell) < spec.max_seeds));
            }
            decided(*open, p, &equal)
        }
    };
    let claims = unadjusted.into_iter().map(decide).collect();
    Judgement {
        claims,
        open: still,
    }
}

/// How many times one may look at a claim.
fn times_looked(grid: &Grid, claim: &ClaimSpec, looks: &[usize]) -> usize {
    if !grid.grows() {
        return 1;
    }
    looks
        .iter()
        .filter(|&&n| n <= claim.max_seeds)
        .count()
        .max(1)
}

/// The first seed that a claim does not see.
fn first_unseen(study: &Study, grid: &Grid, claim: &ClaimSpec, quick: bool) -> u64 {
    if grid.grows() && !quick {
        study.seeds.first.saturating_add(claim.max_seeds as u64)
    } else {
        u64::MAX
    }
}

/// The claim with its verdict, by Holm's p values of it and of its equivalences.
fn decided(open: TestedClaim, p: f64, equal: &[f64]) -> Claim {
    let TestedClaim {
        mut claim,
        p_values,
        ..
    } = open;
    claim.verdict = match () {
        () if p > ALPHA => Verdict::Undecided,
        () if p_values.holds <= p_values.fails => Verdict::Holds,
        () => Verdict::Fails,
    };
    claim.p = Some(p);
    if let (Some(found), false) = (&mut claim.equivalence, equal.is_empty()) {
        let worst = equal.iter().copied().fold(0.0, f64::max);
        found.equivalent = worst <= ALPHA;
        found.p = Some(worst);
        for (cell, p) in claim.cells.iter_mut().zip(equal) {
            cell.equivalent = Some(*p <= ALPHA);
        }
    }
    claim
}

fn unadjusted(
    study: &Study,
    cells: &[Vec<Cell>],
    data: &Data,
    spec: &ClaimSpec,
    quick: bool,
) -> UnadjustedVerdict {
    let claim = || Claim {
        id: format!("{}.{}", study.name, spec.id),
        figure: spec.figure.clone(),
        claim: spec.claim.clone(),
        published: spec.published,
        note: spec.note.clone(),
        place: spec.place.clone(),
        source: spec.source,
        fitted: spec.fitted,
        ..Claim::default()
    };
    let because = |why: &str| {
        let parts = [why, &spec.note];
        let known: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let note = known.join(" ");
        UnadjustedVerdict::Final(Box::new(Claim { note, ..claim() }))
    };
    let Test::Of {
        grid: id,
        metric,
        policy,
        against,
        spread,
        ..
    } = &spec.test
    else {
        return because("");
    };
    let grid = study.place_of(id);
    let missing = |name: &&String| data.missing.get(&grid).is_some_and(|m| m.contains(name));
    if let Some(name) = [Some(policy), against.than()]
        .into_iter()
        .flatten()
        .find(missing)
    {
        return because(&format!("There is no policy {name} yet."));
    }
    let source = ClaimData {
        grid,
        spec: &study.grids[grid],
        cells: &cells[grid],
        data,
        metric,
        policy,
        spread: *spread,
        until: first_unseen(study, &study.grids[grid], spec, quick),
        strict: ALPHA / (study.looks(quick).len() * study.claims.len()) as f64,
    };
    test(&source, &spec.test, against, claim()).unwrap_or_else(because)
}

/// Tests a claim, or says why that is not possible.
fn test(
    source: &ClaimData<'_>,
    test: &Test,
    against: &Against,
    claim: Claim,
) -> Result<UnadjustedVerdict, &'static str> {
    match against {
        Against::Exactly(value) => exactly(source, test, *value, claim),
        Against::Policy {
            group: Some(group),
            relation,
            than,
            metric,
        } => grouped(source, test, (*relation, than, metric, *group), claim),
        Against::Survives {
            relation,
            than,
            metric,
        } => surviving(source, test, (*relation, than, metric), claim),
        _ => compared(source, test, claim),
    }
}

/// The part of a test that is about cells.
fn among(test: &Test) -> (&super::Where, f64) {
    match test {
        Test::Of { cells, share, .. } => (cells, *share),
        Test::Pending => unreachable!("it is not judged"),
    }
}

/// Every seed finds the value, or the reason why that cannot be said.
fn exactly(
    source: &ClaimData<'_>,
    test: &Test,
    value: f64,
    claim: Claim,
) -> Result<UnadjustedVerdict, &'static str> {
    let found: Vec<f64> = source
        .among(among(test).0)
        .flat_map(|c| source.values(c))
        .collect();
    let mean = stats::mean(&found).ok_or("Not among the cells that were run.")?;
    let off = |x: &f64| (x - value).abs() > ROUNDING * value.abs();
    Ok(UnadjustedVerdict::Final(Box::new(Claim {
        measured: Some(mean),
        verdict: if found.iter().any(off) {
            Verdict::Fails
        } else {
            Verdict::Holds
        },
        measure: source.metric.to_owned(),
        seeds: found.len(),
        ..claim
    })))
}

/// Claims on a number of groups of seeds: each cell by its count, all cells together.
fn grouped(
    source: &ClaimData<'_>,
    test: &Test,
    (relation, than, metric, group): (Relation, &str, &str, usize),
    mut claim: Claim,
) -> Result<UnadjustedVerdict, &'static str> {
    let (condition, share) = among(test);
    let range = ClaimedRange::of(relation, 0.0);
    let mut counts = source.groups(condition, range, (than, metric), group);
    counts.retain(|count| count.all > 0);
    if counts.is_empty() {
        return Err("Too few seeds for a group.");
    }
    let p_values: Vec<PValues> = counts
        .iter()
        .map(|count| PValues::of_count(count.agree, count.all, share))
        .collect();
    let k = p_values.len();
    let p_values = PValues {
        holds: partial_conjunction(p_values.iter().map(|o| o.holds), k),
        fails: partial_conjunction(p_values.iter().map(|o| o.fails), 1),
    };
    let all: usize = counts.iter().map(|t| t.all).sum();
    counted(&mut claim, &counts);
    claim.measure = format!("share of {all} groups of {group} runs in which the means compare so");
    claim.seeds = all * group;
    Ok(UnadjustedVerdict::Tested(Box::new(TestedClaim {
        claim,
        p_values,
        grid: source.grid,
        cells: source.among(condition).collect(),
        equal: Vec::new(),
    })))
}

/// Claims on a number of draws of the constants.
fn surviving(
    source: &ClaimData<'_>,
    test: &Test,
    (relation, than, metric): (Relation, &str, &str),
    mut claim: Claim,
) -> Result<UnadjustedVerdict, &'static str> {
    let (condition, share) = among(test);
    let count = source.survivors(condition, ClaimedRange::of(relation, 0.0), (than, metric));
    if count.all == 0 {
        return Err("Not among the cells that were run, or without a value there.");
    }
    counted(&mut claim, &[count]);
    claim.measure = format!(
        "share of {} draws of the unknown constants in which the means compare so",
        count.all
    );
    claim.seeds = count.all;
    Ok(UnadjustedVerdict::Tested(Box::new(TestedClaim {
        claim,
        p_values: PValues::of_count(count.agree, count.all, share),
        grid: source.grid,
        // More draws would help, not more seeds.
        cells: BTreeSet::new(),
        equal: Vec::new(),
    })))
}

/// The share that agrees; with its exact interval where all cases are of one kind.
fn counted(claim: &mut Claim, counts: &[AgreeCount]) {
    let (agree, all) = counts
        .iter()
        .fold((0, 0), |(agree, all), t| (agree + t.agree, all + t.all));
    claim.measured = Some(agree as f64 / all as f64);
    if let [only] = counts {
        claim.ci95 = Some(p_values::clopper_pearson(only.agree, only.all));
    }
}

/// Means lie where they should, cell by cell.
fn compared(
    source: &ClaimData<'_>,
    test: &Test,
    mut claim: Claim,
) -> Result<UnadjustedVerdict, &'static str> {
    let Test::Of {
        metric,
        policy,
        against,
        margin,
        ..
    } = test
    else {
        unreachable!("it is not judged")
    };
    let (condition, share) = among(test);
    let hypotheses = source.hypotheses(against, condition);
    if hypotheses.is_empty() || hypotheses.iter().any(|h| h.sample.is_empty()) {
        return Err("Not among the cells that were run, or without a value there.");
    }
    claim.seeds = hypotheses.iter().map(|t| t.sample.len()).min().unwrap_or(0);
    let k = hypotheses.len();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and k"
    )]
    let m = ((share * k as f64 - 1e-9).ceil().max(1.0) as usize).min(k);
    let p_values: Vec<PValues> = hypotheses.iter().map(Hypothesis::p_values).collect();
    let p_values = PValues {
        holds: partial_conjunction(p_values.iter().map(|o| o.holds), m),
        fails: partial_conjunction(p_values.iter().map(|o| o.fails), k - m + 1),
    };
    let comparisons = hypotheses.iter().filter_map(|h| h.comparison(ALPHA));
    let comparisons: Vec<Comparison> = comparisons.collect();
    let cells = open_cells(&hypotheses, &comparisons, source.strict);
    let equal = match (margin, against) {
        (Some(margin), Against::Policy { than, metric, .. }) => {
            claim.equivalence = Some(Equivalence {
                margin: *margin,
                ..Equivalence::default()
            });
            let relative = |h: &Hypothesis| source.relative(h.from[0], than, metric);
            let p = |h| p_values::equivalence(&relative(h), *margin);
            hypotheses.iter().map(p).collect()
        }
        _ => Vec::new(),
    };
    let what = against.measure(metric, policy);
    record(&mut claim, &hypotheses, comparisons, what);
    Ok(UnadjustedVerdict::Tested(Box::new(TestedClaim {
        claim,
        p_values,
        grid: source.grid,
        cells,
        equal,
    })))
}

/// Records what was measured: the mean of a single comparison, or the share of several that are as claimed.
fn record(
    claim: &mut Claim,
    hypotheses: &[Hypothesis],
    comparisons: Vec<Comparison>,
    what: String,
) {
    if let [only] = comparisons.as_slice() {
        claim.measured = Some(only.measured);
        claim.ci95 = only.ci95;
        claim.measure = what;
        return;
    }
    let k = hypotheses.len();
    let pairs = hypotheses.iter().zip(&comparisons);
    let agree = pairs.filter(|(h, c)| h.range.has(c.measured)).count();
    claim.measured = Some(agree as f64 / k as f64);
    claim.measure = format!("share of {k} comparisons in which the mean is as claimed ({what})");
    claim.cells = comparisons;
}

impl Against {
    /// The policy that it is compared with.
    fn than(&self) -> Option<&String> {
        match self {
            Self::Policy { than, .. }
            | Self::Ratio { than, .. }
            | Self::Rise { than, .. }
            | Self::Survives { than, .. } => Some(than),
            Self::Exactly(_) | Self::About { .. } | Self::Limit(..) | Self::Trend { .. } => None,
        }
    }

    /// What the number of a single comparison is.
    fn measure(&self, metric: &str, policy: &str) -> String {
        match self {
            Self::Exactly(_) | Self::About { .. } | Self::Limit(..) => metric.to_owned(),
            Self::Policy {
                than,
                metric: other,
                ..
            }
            | Self::Survives {
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
            }
            | Self::Survives {
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
