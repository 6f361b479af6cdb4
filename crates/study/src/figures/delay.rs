//! Distribution of the delays.

use super::{POINTS, Runs};
use crate::stats;
use wayside_core::engine::records::{Distribution, PolicyRun};
use wayside_plot::{Axis, Direction, Figure, Names, Point, Reference, Scale, Series};

impl Runs<'_> {
    pub(super) fn delay(&self) -> Option<Figure> {
        let count = self.summary.policies.len();
        let all: Vec<Distribution> = (0..count).map(|policy| self.all_delays(policy)).collect();
        let (scale, at) = delays(&all, self.facts.deadline_s[1])?;
        let series = (0..count)
            .filter(|&policy| !all[policy].is_empty())
            .map(|policy| self.delay_curve(policy, &at));
        let [deadline_from, deadline_to] = self.facts.deadline_s;
        let deadline = match deadline_to > deadline_from {
            true => format!("deadline {deadline_from}–{deadline_to} s"),
            false => format!("deadline {deadline_to} s"),
        };
        let share = Axis::new(
            "Done by then",
            Some("share of tasks"),
            Scale::Between(0.0, 1.0),
        );
        Some(Figure {
            id: "delay".into(),
            title: "Share of tasks done within a delay".into(),
            caption: format!("Distribution over all tasks. {}", self.over_seeds()),
            x: Axis::new("Delay", Some("s"), scale),
            y: share.named("share"),
            series: series.collect(),
            references: vec![Reference {
                of: Direction::X,
                zone: [deadline_from, deadline_to],
                label: deadline,
            }],
            published: Vec::new(),
            names: Names::Above,
        })
    }

    fn runs_of(&self, policy: usize) -> impl Iterator<Item = &PolicyRun> {
        self.replications.iter().map(move |r| &r.policies[policy])
    }

    fn all_delays(&self, policy: usize) -> Distribution {
        let mut all = Distribution::default();
        for run in self.runs_of(policy) {
            all.merge(&run.delay);
        }
        all
    }

    /// The share of tasks done within each of the delays `at`, over seeds.
    fn delay_curve(&self, policy: usize, at: &[f64]) -> Series {
        let shares: Vec<Vec<f64>> = self
            .runs_of(policy)
            .filter(|run| !run.delay.is_empty())
            .map(|run| within(&run.delay, at))
            .collect();
        let points = at.iter().enumerate().map(|(i, &x)| {
            let shares: Vec<f64> = shares.iter().map(|s| s[i]).collect();
            let estimate = stats::estimate(&shares).expect("a policy with tasks");
            Point {
                x,
                y: estimate.mean,
                interval: estimate.ci95,
                label: None,
            }
        });
        Series {
            name: self.summary.policies[policy].policy.clone(),
            style: policy,
            joined: true,
            points: points.collect(),
        }
    }
}

/// The scale of the axis and the delays on it that are drawn; `None` without tasks.
fn delays(all: &[Distribution], deadline_to: f64) -> Option<(Scale, Vec<f64>)> {
    let quantiles = |share| all.iter().filter_map(move |d| d.quantile(share));
    let high = quantiles(0.995).reduce(f64::max)?;
    let low = quantiles(0.001).reduce(f64::min)?;
    let high = high.max(1.05 * deadline_to);
    let log = low > 0.0 && high > 100.0 * low;
    let at = |i: usize| {
        let share = i as f64 / POINTS as f64;
        if log {
            low * (high / low).powf(share)
        } else {
            high * share
        }
    };
    let scale = if log {
        Scale::Log
    } else {
        Scale::Between(0.0, high)
    };
    Some((scale, (0..=POINTS).map(at).collect()))
}

/// Share of all values not above each of the ascending `at`.
pub(super) fn within(all: &Distribution, at: &[f64]) -> Vec<f64> {
    let total = all.len() as f64;
    let mut counts = all.counts().peekable();
    let mut below = 0;
    let share = at.iter().map(|&limit| {
        while let Some((_, count)) = counts.next_if(|&(value, _)| value <= limit) {
            below += count;
        }
        below as f64 / total
    });
    share.collect()
}
