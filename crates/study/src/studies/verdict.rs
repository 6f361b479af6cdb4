//! Whether claims hold.
//!
//! Every comparison is over seeds: differences are paired, for all policies of a cell meet the same traffic,
//! and p values and intervals are Student's t; where all seeds say the same, and where cases are counted (groups of
//! seeds, draws of constants), they are exact (`odds`). A claim about k cells that has to hold
//! in m of them combines the p values of its cells as a partial conjunction (Benjamini and Heller 2008,
//! Biometrics 64, 1215): (k - m + 1) times the m-th smallest. For m = k that is the largest one: no correction is needed
//! to say that all hold, and Bonferroni's is made to say that one does not.
//!
//! Both directions are tested, p values are multiplied by the number of times that one may look
//! ([`Seeds::looks`](super::Seeds::looks), where the grid can grow), and Holm's procedure over all claims of the study keeps the
//! probability that any verdict is wrong below 5 %. What is not decided at that level is `undecided`. A second family
//! under Holm's procedure are the cells of claims with a margin: whether the two are equivalent there.

use super::cells::Cell;
use super::data::Data;
use super::odds::{self, Odds, Range, partial_conjunction};
use super::samples::{Source, Tally, Trial};
use super::{Against, ClaimSpec, Relation, Study, Test};
use crate::claim::{Claim, Comparison, Equivalence, Verdict};
use crate::stats;
use std::collections::BTreeSet;

/// Probability that any verdict of a study is wrong.
const ALPHA: f64 = 0.05;
/// An exact claim may be off by rounding, relative to the value.
const ROUNDING: f64 = 1e-9;

/// What a claim is before Holm's procedure.
enum Draft {
    /// Decided, or never to be, without statistics.
    Done(Box<Claim>),
    /// To be decided by p values.
    Open(Box<Open>),
}

struct Open {
    claim: Claim,
    odds: Odds,
    grid: usize,
    /// Cells of the grid that more seeds would help.
    cells: Vec<usize>,
    /// p values that the two are equivalent, by comparison; none without a margin.
    equal: Vec<f64>,
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
    let cells: Vec<Vec<Cell>> = study.grids.iter().map(|grid| grid.cells(quick)).collect();
    let drafts = study
        .claims
        .iter()
        .map(|claim| draft(study, &cells, data, claim));
    let drafts: Vec<Draft> = drafts.collect();
    let opens = || {
        drafts.iter().filter_map(|draft| match draft {
            Draft::Open(open) => Some(open),
            Draft::Done(_) => None,
        })
    };
    let looks = study.seeds.looks(quick).len() as f64;
    // who gets no further seeds is looked at once
    let paid = |open: &Open, p: f64| {
        let looks = if study.grids[open.grid].grows() {
            looks
        } else {
            1.0
        };
        (looks * p).min(1.0)
    };
    let odds: Vec<f64> = opens()
        .map(|open| paid(open, 2.0 * open.odds.holds.min(open.odds.fails)))
        .collect();
    let equal: Vec<f64> = opens()
        .flat_map(|open| open.equal.iter().map(|&p| paid(open, p)))
        .collect();
    let mut odds = odds::holm(&odds).into_iter();
    let mut equal = odds::holm(&equal).into_iter();
    let mut still = BTreeSet::new();
    let decide = |draft| match draft {
        Draft::Done(claim) => *claim,
        Draft::Open(open) => {
            let p = odds.next().expect("one per open draft");
            let equal: Vec<f64> = equal.by_ref().take(open.equal.len()).collect();
            decided(*open, p, &equal, &mut still)
        }
    };
    let claims = drafts.into_iter().map(decide).collect();
    Judged {
        claims,
        open: still,
    }
}

/// The claim with its verdict, by Holm's p values of it and of its equivalences.
fn decided(open: Open, p: f64, equal: &[f64], still: &mut BTreeSet<(usize, usize)>) -> Claim {
    let Open {
        mut claim,
        odds,
        grid,
        cells,
        ..
    } = open;
    claim.verdict = match () {
        () if p > ALPHA => Verdict::Undecided,
        () if odds.holds <= odds.fails => Verdict::Holds,
        () => Verdict::Fails,
    };
    claim.p = Some(p);
    if claim.verdict == Verdict::Undecided {
        still.extend(cells.into_iter().map(|cell| (grid, cell)));
    }
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

fn draft(study: &Study, cells: &[Vec<Cell>], data: &Data, spec: &ClaimSpec) -> Draft {
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
        Draft::Done(Box::new(Claim { note, ..claim() }))
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
    let grid = study.grids.iter().position(|g| g.id == *id);
    let grid = grid.expect("the decoder has checked it");
    let missing = |name: &&String| data.missing.get(&grid).is_some_and(|m| m.contains(name));
    if let Some(name) = [Some(policy), against.than()]
        .into_iter()
        .flatten()
        .find(missing)
    {
        return because(&format!("There is no policy {name} yet."));
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
    let drafted = match against {
        Against::Exactly(value) => exactly(&source, &spec.test, *value, claim()),
        Against::Policy {
            group: Some(group),
            relation,
            than,
            metric,
        } => grouped(
            &source,
            &spec.test,
            (*relation, than, metric, *group),
            claim(),
        ),
        Against::Survives {
            relation,
            than,
            metric,
        } => surviving(&source, &spec.test, (*relation, than, metric), claim()),
        _ => compared(&source, &spec.test, claim()),
    };
    drafted.unwrap_or_else(because)
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
    source: &Source<'_>,
    test: &Test,
    value: f64,
    claim: Claim,
) -> Result<Draft, &'static str> {
    let found: Vec<f64> = source
        .among(among(test).0)
        .flat_map(|c| source.values(c))
        .collect();
    let mean = stats::mean(&found).ok_or("Not among the cells that were run.")?;
    let off = |x: &f64| (x - value).abs() > ROUNDING * value.abs();
    Ok(Draft::Done(Box::new(Claim {
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

/// In so many groups of seeds the means compare so: each cell by its count, all cells together.
fn grouped(
    source: &Source<'_>,
    test: &Test,
    (relation, than, metric, group): (Relation, &str, &str, usize),
    mut claim: Claim,
) -> Result<Draft, &'static str> {
    let (condition, share) = among(test);
    let range = Range::of(relation, 0.0);
    let mut tallies = source.groups(condition, range, (than, metric), group);
    tallies.retain(|tally| tally.all > 0);
    if tallies.is_empty() {
        return Err("Too few seeds for a group.");
    }
    let odds: Vec<Odds> = tallies
        .iter()
        .map(|tally| Odds::of_count(tally.agree, tally.all, share))
        .collect();
    let k = odds.len();
    let odds = Odds {
        holds: partial_conjunction(odds.iter().map(|o| o.holds), k),
        fails: partial_conjunction(odds.iter().map(|o| o.fails), 1),
    };
    let all: usize = tallies.iter().map(|t| t.all).sum();
    counted(&mut claim, &tallies);
    claim.measure = format!("share of {all} groups of {group} runs in which the means compare so");
    claim.seeds = all * group;
    Ok(Draft::Open(Box::new(Open {
        claim,
        odds,
        grid: source.grid,
        cells: source.among(condition).collect(),
        equal: Vec::new(),
    })))
}

/// With so many draws of the constants the means compare so.
fn surviving(
    source: &Source<'_>,
    test: &Test,
    (relation, than, metric): (Relation, &str, &str),
    mut claim: Claim,
) -> Result<Draft, &'static str> {
    let (condition, share) = among(test);
    let tally = source.survivors(condition, Range::of(relation, 0.0), (than, metric));
    if tally.all == 0 {
        return Err("Not among the cells that were run, or without a value there.");
    }
    counted(&mut claim, &[tally]);
    claim.measure = format!(
        "share of {} draws of the unknown constants in which the means compare so",
        tally.all
    );
    claim.seeds = tally.all;
    Ok(Draft::Open(Box::new(Open {
        claim,
        odds: Odds::of_count(tally.agree, tally.all, share),
        grid: source.grid,
        // it takes draws, not seeds
        cells: Vec::new(),
        equal: Vec::new(),
    })))
}

/// The share that agrees; with its exact interval where all cases are of one kind.
fn counted(claim: &mut Claim, tallies: &[Tally]) {
    let (agree, all) = tallies
        .iter()
        .fold((0, 0), |(agree, all), t| (agree + t.agree, all + t.all));
    claim.measured = Some(agree as f64 / all as f64);
    if let [only] = tallies {
        claim.ci95 = Some(odds::clopper_pearson(only.agree, only.all));
    }
}

/// Means lie where they should, cell by cell.
fn compared(source: &Source<'_>, test: &Test, mut claim: Claim) -> Result<Draft, &'static str> {
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
    let trials = source.trials(against, condition);
    if trials.is_empty() || trials.iter().any(|trial| trial.sample.is_empty()) {
        return Err("Not among the cells that were run, or without a value there.");
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
    let comparisons: Vec<Comparison> = trials
        .iter()
        .filter_map(|trial| trial.comparison(ALPHA))
        .collect();
    let cells = open_cells(&trials, &comparisons);
    let equal = match (margin, against) {
        (Some(margin), Against::Policy { than, metric, .. }) => {
            claim.equivalence = Some(Equivalence {
                margin: *margin,
                ..Equivalence::default()
            });
            let relative = |trial: &Trial| source.relative(trial.from[0], than, metric);
            let p = |trial| odds::equivalence(&relative(trial), *margin);
            trials.iter().map(p).collect()
        }
        _ => Vec::new(),
    };
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
    Ok(Draft::Open(Box::new(Open {
        claim,
        odds,
        grid: source.grid,
        cells,
        equal,
    })))
}

/// The cells of what is not decided yet; all of them if everything is.
fn open_cells(trials: &[Trial], comparisons: &[Comparison]) -> Vec<usize> {
    let pairs = || trials.iter().zip(comparisons);
    let undecided = |(trial, comparison): &(&Trial, &Comparison)| {
        comparison.verdict == Verdict::Undecided || trial.from.len() > 2
    };
    let mut open: Vec<_> = pairs().filter(undecided).collect();
    if open.is_empty() {
        open = pairs().collect();
    }
    open.iter()
        .flat_map(|(trial, _)| trial.from.clone())
        .collect()
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
