//! The figures of one comparison, from its records.

use crate::facts::ScenarioFacts;
use crate::stats::{self, Estimate};
use crate::summary::Summary;
use wayside_core::engine::records::{Distribution, PolicyRun, Replication, SlotRecord};
use wayside_plot::{
    Axis, BOUND, Direction, Figure, Names, Point, Reference, Scale, Series, significant,
};

/// Most points of a line over time: more slots than this are joined in groups.
const POINTS: usize = 120;
/// Most RSUs that are shown by name; more are ranked by their load.
const NAMED_RSUS: usize = 24;

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

    /// The same where there is little room: seconds and joules in their weights.
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

    fn objective_over_time(&self) -> Option<Figure> {
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

    fn lbm_over_time(&self) -> Option<Figure> {
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

    fn load(&self) -> Option<Figure> {
        let rsus = self.facts.rsus.len();
        let known = |r: &Replication| r.policies.iter().all(|p| p.rsu_load.len() == rsus);
        if rsus == 0 || !self.replications.iter().all(known) {
            return None;
        }
        let named = rsus <= NAMED_RSUS;
        let estimate = |policy: usize, rsu: usize| {
            let loads = self
                .replications
                .iter()
                .map(|r| r.policies[policy].rsu_load[rsu]);
            stats::estimate(&loads.collect::<Vec<_>>())
        };
        let policies = self.summary.policies.iter().enumerate();
        let series = policies.filter_map(|(i, policy)| {
            let loads: Option<Vec<Estimate>> = (0..rsus).map(|m| estimate(i, m)).collect();
            let mut loads = loads?;
            if !named {
                loads.sort_by(|a, b| b.mean.total_cmp(&a.mean));
            }
            // Thousands of ranks make no better curve than some hundreds.
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
            Some(Series {
                name: policy.policy.clone(),
                style: i,
                joined: !named,
                points: points.collect(),
            })
        });
        let series: Vec<Series> = series.collect();
        let load = Axis::new("Load", Some("share of CPU"), Scale::FromZero).named("load");
        let (x, y, order) = if named {
            let ids = self.facts.rsus.iter().map(|r| r.id.clone());
            (load, Axis::of("rsu", ids.collect()), "")
        } else {
            let rank = Axis::new(
                "RSUs, most loaded first",
                None,
                Scale::Between(1.0, rsus as f64),
            );
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

    fn delay(&self) -> Option<Figure> {
        let of = |policy: usize| self.replications.iter().map(move |r| &r.policies[policy]);
        let count = self.summary.policies.len();
        let all: Vec<Distribution> = (0..count)
            .map(|policy| {
                let mut all = Distribution::default();
                for run in of(policy) {
                    all.merge(&run.delay);
                }
                all
            })
            .collect();
        let [deadline_from, deadline_to] = self.facts.deadline_s;
        let high = all
            .iter()
            .filter_map(|d| d.quantile(0.995))
            .reduce(f64::max)?;
        let low = all
            .iter()
            .filter_map(|d| d.quantile(0.001))
            .reduce(f64::min)?;
        let high = high.max(1.05 * deadline_to);
        let log = low > 0.0 && high > 100.0 * low;
        let (scale, low) = if log {
            (Scale::Log, low)
        } else {
            (Scale::Between(0.0, high), 0.0)
        };
        let at: Vec<f64> = (0..=POINTS)
            .map(|i| {
                let share = i as f64 / POINTS as f64;
                if log {
                    low * (high / low).powf(share)
                } else {
                    high * share
                }
            })
            .collect();
        let series = (0..count)
            .filter(|&policy| !all[policy].is_empty())
            .map(|policy| {
                let shares: Vec<Vec<f64>> = of(policy)
                    .filter(|run| !run.delay.is_empty())
                    .map(|run: &PolicyRun| within(&run.delay, &at))
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
            });
        let deadline = match deadline_to > deadline_from {
            true => format!("deadline {deadline_from}–{deadline_to} s"),
            false => format!("deadline {deadline_to} s"),
        };
        Some(Figure {
            id: "delay".into(),
            title: "Share of tasks done within a delay".into(),
            caption: format!("Distribution over all tasks. {}", self.over_seeds()),
            x: Axis::new("Delay", Some("s"), scale),
            y: Axis::new(
                "Done by then",
                Some("share of tasks"),
                Scale::Between(0.0, 1.0),
            )
            .named("share"),
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
    format!("{mean:.decimals$} ± {half:.decimals$}").replace('-', "\u{2212}")
}

/// Share of all values not above each of the ascending `at`.
fn within(all: &Distribution, at: &[f64]) -> Vec<f64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;
    use resvg::usvg;

    #[test]
    fn closed_form_errors_tell_the_decimals() {
        for (mean, half, text) in [
            (0.385_5, 0.002, "0.386 ± 0.002"),
            (1.144, 0.001_1, "1.1440 ± 0.0011"),
            (123.4, 25.0, "123 ± 25"),
            (0.5, 0.0, "0.5"),
        ] {
            assert_eq!(with_error(mean, half), text);
        }
    }

    #[test]
    fn oracle_shares_within_a_delay_are_counted() {
        let delays = [0.1, 0.2, 0.2, 0.7];
        let mut all = Distribution::default();
        delays.iter().for_each(|&d| all.record(d));
        let at = [0.05, 0.15, 0.25, 0.71, 2.0];
        let counted = at.map(|limit| delays.iter().filter(|&&d| d <= limit).count() as f64 / 4.0);
        assert_eq!(within(&all, &at), counted);
    }

    #[test]
    fn property_every_figure_of_a_run_is_there_and_shows_the_summary() {
        let (replications, summary) = (synthetic::replications(10, 40), synthetic::summary());
        let figures = of_run(&summary, &replications, &synthetic::facts());
        let ids: Vec<_> = figures.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "comparison",
                "gap",
                "objective-time",
                "lbm-time",
                "load",
                "delay"
            ]
        );
        for (series, policy) in figures[0].series.iter().zip(&summary.policies) {
            let objective = policy.objective.unwrap();
            assert_eq!(series.points[0].x.to_bits(), objective.mean.to_bits());
            assert_eq!(series.points[0].interval, objective.ci95);
        }
        // Without a bound there is no gap; one slot is no time series; many RSUs are ranked.
        let mut facts = synthetic::facts();
        let many = facts.rsus.iter().cycle().take(60).cloned().collect();
        facts.rsus = many;
        let mut replications = synthetic::replications(1, 1);
        for run in &mut replications[0].policies {
            run.slots[0].lower_bound = None;
            run.rsu_load = (0..60).map(|m| f64::from(m * 7 % 60) / 60.0).collect();
        }
        let summary = Summary::new("s", &replications, false);
        let figures = of_run(&summary, &replications, &facts);
        let ids: Vec<_> = figures.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(ids, ["comparison", "load", "delay"]);
        let loads: Vec<f64> = figures[1].series[0].points.iter().map(|p| p.y).collect();
        assert!(
            loads.is_sorted_by(|a, b| a >= b) && figures[0].series[0].points[0].interval.is_none()
        );
        assert_eq!(of_run(&Summary::new("s", &[], false), &[], &facts), []);
    }

    #[test]
    fn property_grouped_slots_keep_their_peak() {
        let mut replications = synthetic::replications(2, 1000);
        replications[1].policies[3].slots[777].objective = 42.0;
        let summary = Summary::new("s", &replications, false);
        let figures = of_run(&summary, &replications, &synthetic::facts());
        let time = figures.iter().find(|f| f.id == "objective-time").unwrap();
        let top = time.series[3]
            .points
            .iter()
            .filter_map(|p| p.interval)
            .map(|i| i[1])
            .fold(0.0, f64::max);
        assert!(time.series[3].points.len() <= POINTS && (top - 42.0).abs() < 1e-12);
    }

    fn parse(svg: &str) -> usvg::Tree {
        let mut options = usvg::Options {
            dpi: 72.0,
            ..usvg::Options::default()
        };
        options
            .fontdb_mut()
            .load_font_data(wayside_plot::FONT.to_vec());
        usvg::Tree::from_str(svg, &options).unwrap()
    }

    fn all() -> Vec<Figure> {
        let (replications, summary) = (synthetic::replications(10, 40), synthetic::summary());
        of_run(&summary, &replications, &synthetic::facts())
    }

    #[test]
    fn property_every_file_has_the_size_of_a_column_and_its_font() {
        for figure in all() {
            let files = wayside_plot::files(&figure).unwrap();
            let of = |wanted: &str| &files.iter().find(|(e, _)| *e == wanted).unwrap().1;
            let text = |wanted: &str| String::from_utf8(of(wanted).clone()).unwrap();
            let svg = text("svg");
            assert!(svg.contains("width=\"3.5000in\"") && svg.contains("@font-face"));
            let tree = parse(&svg);
            assert!((tree.size().width() - 252.0).abs() < 0.01, "{}", figure.id);
            let pdf = String::from_utf8_lossy(of("pdf"));
            assert!(
                pdf.contains("FontFile") && pdf.contains("Arimo"),
                "{}",
                figure.id
            );
            let width = u32::from_be_bytes(of("png")[16..20].try_into().unwrap());
            assert!(width.abs_diff(1050) <= 5, "{width}");
            assert_eq!(
                text("tex").matches("error bars/.cd").count(),
                figure.series.len()
            );
            let again = wayside_plot::files(&figure).unwrap();
            for ((extension, one), (_, two)) in files.iter().zip(&again) {
                assert!(one == two, "{}.{extension}: equal bytes", figure.id);
            }
        }
    }

    /// All that is drawn lies on the page, texts included, as the renderer lays them out.
    #[test]
    fn oracle_renderer_finds_nothing_cut() {
        for figure in all() {
            let tree = parse(&wayside_plot::svg(&figure));
            let (page, drawn) = (tree.size(), tree.root().abs_stroke_bounding_box());
            assert!(
                drawn.left() >= -0.5
                    && drawn.top() >= -0.5
                    && drawn.right() <= page.width() + 0.5
                    && drawn.bottom() <= page.height() + 0.5,
                "{}: {drawn:?} on {page:?}",
                figure.id
            );
        }
    }
}
