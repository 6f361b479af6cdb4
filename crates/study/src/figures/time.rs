//! Figures over time.

use super::{POINTS, Runs};
use crate::stats;
use wayside_core::engine::records::SlotRecord;
use wayside_plot::{Axis, BOUND, Figure, Names, Point, Scale, Series};

impl Runs<'_> {
    pub(super) fn objective_over_time(&self) -> Option<Figure> {
        let mut series = self.over_time(|s| Some((s.objective, f64::from(s.tasks))));
        let first = self.replications.first()?.policies.first()?;
        if let Some(mut bound) = self.line(0, &|s| Some((s.lower_bound?, f64::from(s.tasks)))) {
            bound.name = format!("lower bound{}", self.summary.bound_of());
            bound.style = BOUND;
            for point in &mut bound.points {
                point.interval = None;
            }
            series.push(bound);
        }
        (first.slots.len() > 1 && !series.is_empty()).then(|| Figure {
            id: "objective-time".into(),
            title: "Objective over time".into(),
            caption: self.band_caption(),
            x: self.time_axis(),
            y: self.short_objective_axis(),
            series,
            references: Vec::new(),
            published: Vec::new(),
            names: Names::AtEnd,
        })
    }

    pub(super) fn lbm_over_time(&self) -> Option<Figure> {
        let mut series = self.over_time(|s| Some((s.lbm, 1.0)));
        let first = self.replications.first()?.policies.first()?;
        let tau = self.line(0, &|s| s.tau.is_finite().then_some((s.tau, 1.0)));
        if let Some(mut tau) = tau {
            tau.name = "bound τ".into();
            tau.style = BOUND;
            for point in &mut tau.points {
                point.interval = None;
            }
            series.push(tau);
        }
        (first.slots.len() > 1 && !series.is_empty()).then(|| Figure {
            id: "lbm-time".into(),
            title: "Load balance metric (LBM) over time, and its bound".into(),
            caption: format!("0 is even load on all RSUs. {}", self.band_caption()),
            x: self.time_axis(),
            y: Axis::new("LBM, spread of loads", Some("1"), Scale::FromZero).named("lbm"),
            series,
            references: Vec::new(),
            published: Vec::new(),
            names: Names::AtEnd,
        })
    }

    fn time_axis(&self) -> Axis {
        let end_s = self.summary.slots as f64 * self.facts.slot_s;
        Axis::new("Time", Some("s"), Scale::Between(0.0, end_s))
    }

    /// Slots joined in one point.
    fn group(&self) -> usize {
        self.summary.slots.div_ceil(POINTS).max(1)
    }

    fn band_caption(&self) -> String {
        match (self.group(), self.summary.seeds.len()) {
            (1, 1) => "One seed.".into(),
            (1, n) => format!("Mean over {n} seeds; band: its 95 % confidence interval."),
            (slots, _) => format!(
                "Each point is the mean of {slots} slots; band: from the least to the largest of them, so that no peak is lost."
            ),
        }
    }

    fn over_time(&self, of: impl Fn(&SlotRecord) -> Option<(f64, f64)>) -> Vec<Series> {
        let count = self.summary.policies.len();
        (0..count)
            .filter_map(|policy| self.line(policy, &of))
            .collect()
    }

    /// The weighted mean of `of` over slots and seeds, group by group of slots that have tasks.
    fn line(
        &self,
        policy: usize,
        of: &dyn Fn(&SlotRecord) -> Option<(f64, f64)>,
    ) -> Option<Series> {
        let group = self.group();
        let groups = self.summary.slots.div_ceil(group);
        let mut points = Vec::with_capacity(groups);
        for g in 0..groups {
            let mut means = Vec::with_capacity(self.replications.len());
            let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
            for replication in self.replications {
                let slots = &replication.policies[policy].slots;
                let slots = slots.iter().skip(g * group).take(group);
                let (mut sum, mut weights) = (0.0, 0.0);
                for (value, weight) in slots.filter(|s| s.tasks > 0).filter_map(of) {
                    sum += value * weight;
                    weights += weight;
                    (least, most) = (least.min(value), most.max(value));
                }
                if weights > 0.0 {
                    means.push(sum / weights);
                }
            }
            let Some(estimate) = stats::estimate(&means) else {
                continue;
            };
            let middle =
                (g * group) as f64 + 0.5 * group.min(self.summary.slots - g * group) as f64;
            points.push(Point {
                x: middle * self.facts.slot_s,
                y: estimate.mean,
                interval: if group > 1 {
                    Some([least, most])
                } else {
                    estimate.ci95
                },
                label: None,
            });
        }
        (!points.is_empty()).then(|| Series {
            name: self.summary.policies[policy].policy.clone(),
            style: policy,
            joined: true,
            points,
        })
    }
}
