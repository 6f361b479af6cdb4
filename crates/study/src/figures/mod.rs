//! The figures of a run, from its records.

mod delay;
mod load;
#[cfg(test)]
mod tests;
mod time;

use crate::facts::ScenarioFacts;
use crate::stats::Estimate;
use crate::summary::Summary;
use wayside_core::engine::records::Replication;
use wayside_plot::{
    Axis, Direction, Figure, Names, Point, Reference, Scale, Series, fixed, significant,
};

/// Most points of a line over time: more slots than this are joined in groups.
const POINTS: usize = 120;
/// Most RSUs that are shown by name; more are ranked by their load.
const NAMED_RSUS: usize = 24;

/// Ids of the figures.
pub const IDS: [&str; 6] = [
    "comparison",
    "gap",
    "objective-time",
    "lbm-time",
    "load",
    "delay",
];

/// Every figure that the records have data for.
#[must_use]
pub fn of_run(
    summary: &Summary,
    replications: &[Replication],
    facts: &ScenarioFacts,
) -> Vec<Figure> {
    let runs = Runs {
        summary,
        replications,
        facts,
    };
    let figures = [
        runs.comparison(),
        runs.gap(),
        runs.objective_over_time(),
        runs.lbm_over_time(),
        runs.load(),
        runs.delay(),
    ];
    figures.into_iter().flatten().collect()
}

struct Runs<'a> {
    summary: &'a Summary,
    replications: &'a [Replication],
    facts: &'a ScenarioFacts,
}

impl Runs<'_> {
    fn over_seeds(&self) -> String {
        match self.summary.seeds.len() {
            1 => "One seed, hence no interval.".into(),
            n => format!("Mean over {n} seeds with its 95 % confidence interval (Student's t)."),
        }
    }

    fn objective_axis(&self, scale: Scale) -> Axis {
        let omega = self.facts.omega;
        let label = format!(
            "Objective J = {} × delay [s] + {} × energy [J]",
            significant(omega, 3),
            significant(1.0 - omega, 3)
        );
        Axis::new(&label, None, scale).named("objective")
    }

    /// A shorter form: the weights of seconds and joules.
    fn short_objective_axis(&self) -> Axis {
        let omega = self.facts.omega;
        let label = format!(
            "Objective J [{} s + {} J]",
            significant(omega, 3),
            significant(1.0 - omega, 3)
        );
        Axis::new(&label, None, Scale::FromZero).named("objective")
    }

    fn policies(&self) -> Axis {
        let names = self.summary.policies.iter().map(|p| p.policy.clone());
        Axis::of("policy", names.collect())
    }

    /// One series per policy, in the row of its name.
    fn rows(&self, of: impl Fn(usize) -> Option<(Estimate, String)>) -> Vec<Series> {
        let policies = self.summary.policies.iter().enumerate();
        policies
            .filter_map(|(i, policy)| {
                let (estimate, label) = of(i)?;
                Some(Series {
                    name: policy.policy.clone(),
                    style: i,
                    joined: false,
                    points: vec![Point {
                        x: estimate.mean,
                        y: i as f64,
                        interval: estimate.ci95,
                        label: Some(label),
                    }],
                })
            })
            .collect()
    }

    fn comparison(&self) -> Option<Figure> {
        let policies = &self.summary.policies;
        let series = self.rows(|i| {
            let m = policies[i].objective?;
            let label = match m.ci95 {
                Some([lo, hi]) => with_error(m.mean, (hi - lo) / 2.0),
                None => significant(m.mean, 4),
            };
            Some((
                Estimate {
                    mean: m.mean,
                    ci95: m.ci95,
                },
                label,
            ))
        });
        let bound = policies.iter().find_map(|p| p.lower_bound);
        let references = bound.map(|bound| Reference {
            of: Direction::X,
            zone: [bound.mean; 2],
            label: format!("certified lower bound{}", self.summary.bound_of()),
        });
        (!series.is_empty()).then(|| Figure {
            id: "comparison".into(),
            title: "Objective of each policy".into(),
            caption: self.over_seeds(),
            x: self.objective_axis(Scale::FromZero),
            y: self.policies(),
            series,
            references: references.into_iter().collect(),
            published: Vec::new(),
            names: Names::OnAxis,
        })
    }

    fn gap(&self) -> Option<Figure> {
        let policies = &self.summary.policies;
        let series = self.rows(|i| {
            let gap = policies[i].gap?;
            let percent = |x: f64| 100.0 * x;
            let mean = percent(gap.mean);
            let label = match mean {
                mean if mean <= 0.0 => format!("{} % (off the axis)", significant(mean, 2)),
                mean => format!("{} %", significant(mean, if mean < 1.0 { 2 } else { 3 })),
            };
            let ci95 = gap.ci95.map(|ends| ends.map(percent));
            Some((Estimate { mean, ci95 }, label))
        });
        (!series.is_empty()).then(|| Figure {
            id: "gap".into(),
            title: format!("Gap of each policy to the certified lower bound{}", self.summary.bound_of()),
            caption: format!(
                "No placement of the same tasks can do better than a gap of 0. {} Logarithmic axis.",
                self.over_seeds()
            ),
            x: Axis::new("Gap to the lower bound", Some("%"), Scale::Log).named("gap_percent"),
            y: self.policies(),
            series,
            references: Vec::new(),
            published: Vec::new(),
            names: Names::OnAxis,
        })
    }
}

/// `0.3855 ± 0.0020`: the error with one digit, two where it begins with 1, and the mean with as many decimals.
fn with_error(mean: f64, half: f64) -> String {
    if !(half > 0.0 && half.is_finite()) {
        return significant(mean, 4);
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent")]
    let power = half.log10().floor() as i32;
    let digits = if half / 10_f64.powi(power) < 1.95 {
        2
    } else {
        1
    };
    let decimals = usize::try_from(digits - 1 - power).unwrap_or(0);
    format!("{} ± {half:.decimals$}", fixed(mean, decimals)).replace('-', "\u{2212}")
}
