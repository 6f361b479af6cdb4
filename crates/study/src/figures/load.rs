//! Load of the RSUs.

use super::{NAMED_RSUS, POINTS, Runs};
use crate::stats::{self, Estimate};
use wayside_core::engine::records::Replication;
use wayside_plot::{Axis, Figure, Names, Point, Scale, Series};

impl Runs<'_> {
    pub(super) fn load(&self) -> Option<Figure> {
        let rsus = self.facts.rsus.len();
        let known = |r: &Replication| r.policies.iter().all(|p| p.rsu_load.len() == rsus);
        if rsus == 0 || !self.replications.iter().all(known) {
            return None;
        }
        let named = rsus <= NAMED_RSUS;
        let policies = self.summary.policies.iter().enumerate();
        let series = policies.filter_map(|(i, policy)| {
            Some(Series {
                name: policy.policy.clone(),
                style: i,
                joined: !named,
                points: self.load_points(i, named)?,
            })
        });
        let series: Vec<Series> = series.collect();
        let load = Axis::new("Load", Some("share of CPU"), Scale::FromZero).named("load");
        let (x, y, order) = if named {
            let ids = self.facts.rsus.iter().map(|r| r.id.clone());
            (load, Axis::of("rsu", ids.collect()), "")
        } else {
            let ranks = Scale::Between(1.0, rsus as f64);
            let rank = Axis::new("RSUs, most loaded first", None, ranks);
            (
                rank.named("rank"),
                load,
                " Each policy orders the RSUs by its own loads.",
            )
        };
        (!series.is_empty()).then(|| Figure {
            id: "load".into(),
            title: "Load of each RSU".into(),
            caption: format!("Mean over slots. {}{order}", self.over_seeds()),
            x,
            y,
            series,
            references: Vec::new(),
            published: Vec::new(),
            names: Names::Above,
        })
    }

    /// The load of every RSU under one policy, by name or by rank.
    fn load_points(&self, policy: usize, named: bool) -> Option<Vec<Point>> {
        let rsus = self.facts.rsus.len();
        let load = |rsu: usize| {
            let loads = self
                .replications
                .iter()
                .map(|r| r.policies[policy].rsu_load[rsu]);
            stats::estimate(&loads.collect::<Vec<_>>())
        };
        let mut loads: Vec<Estimate> = (0..rsus).map(load).collect::<Option<_>>()?;
        if !named {
            loads.sort_by(|a, b| b.mean.total_cmp(&a.mean));
        }
        // More ranks would not improve the curve.
        let step = if named { 1 } else { rsus.div_ceil(2 * POINTS) };
        let points = loads.iter().enumerate().step_by(step).map(|(m, load)| {
            let (x, y) = if named {
                (load.mean, m as f64)
            } else {
                (m as f64 + 1.0, load.mean)
            };
            Point {
                x,
                y,
                interval: load.ci95,
                label: None,
            }
        });
        Some(points.collect())
    }
}
