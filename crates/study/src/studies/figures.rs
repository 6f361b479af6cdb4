//! The figures of a study.

use super::cells::Cell;
use super::data::Data;
use super::metrics::unit;
use super::{FigureSpec, Grid, Measure, SCENARIO_AXIS, SEEDS, Study};
use crate::stats;
use wayside_plot::{Axis, Figure, Names, Point, Published, Scale, Series};

/// Longest name beside a line: a longer one would take a third of a column from the plot.
const LONGEST_NAME: usize = 18;

/// The figures for which there is data.
#[must_use]
pub fn figures<'s>(study: &'s Study, data: &Data, quick: bool) -> Vec<(&'s FigureSpec, Figure)> {
    let drawn = study.figures.iter().map(|spec| {
        let drawing = Drawing::new(study, data, spec, quick);
        (spec, drawing.figure())
    });
    drawn
        .filter(|(_, figure)| !figure.series.is_empty())
        .collect()
}

/// A figure while it is made.
struct Drawing<'a> {
    spec: &'a FigureSpec,
    data: &'a Data,
    grid: &'a Grid,
    /// Place of the grid in the study.
    at: usize,
    cells: Vec<Cell>,
    /// Cells that are drawn.
    among: Vec<usize>,
    /// The axis drawn horizontally; `None` where every run is drawn by itself.
    x: Option<usize>,
}

impl<'a> Drawing<'a> {
    fn new(study: &'a Study, data: &'a Data, spec: &'a FigureSpec, quick: bool) -> Self {
        let at = study.place_of(&spec.grid);
        let grid = &study.grids[at];
        let cells = grid.cells(quick);
        let is_drawn = |&c: &usize| grid.is_among(&cells[c], &spec.cells);
        Self {
            spec,
            data,
            grid,
            at,
            among: (0..cells.len()).filter(is_drawn).collect(),
            x: (spec.x != SEEDS).then(|| grid.axis(&spec.x)),
            cells,
        }
    }

    fn figure(&self) -> Figure {
        let spec = self.spec;
        let mut seeds = usize::MAX;
        let labels = self.labels();
        let series = labels.iter().enumerate().filter_map(|(style, label)| {
            let points = self.points(label, &mut seeds);
            (!points.is_empty()).then(|| Series {
                name: self.name(label),
                style,
                joined: true,
                points,
            })
        });
        let series: Vec<Series> = series.collect();
        let published = spec.published.iter().map(|p| Published {
            series: p.series.clone(),
            x: p.x,
            y: p.y,
            source: p.place.clone(),
        });
        let (by_seed, each) = match self.grid.measure {
            Measure::Slots => ("Slot", "Each slot of one run by itself."),
            _ => ("Run", "Each run by itself, one seed each."),
        };
        // Beside their lines, as far as these leave room for them.
        let names = if series.iter().map(|s| s.name.len()).max() <= Some(LONGEST_NAME) {
            Names::AtEnd
        } else {
            Names::Above
        };
        let x = self.x.map_or(by_seed, |x| &self.grid.axes[x].label);
        Figure {
            id: spec.id.clone(),
            title: spec.title.clone(),
            caption: match seeds {
                _ if self.x.is_none() => each.to_owned(),
                usize::MAX | 1 => "One seed, hence no interval.".to_owned(),
                n => format!(
                    "Mean over {n} seeds or more, with its 95 % confidence interval (Student's t)."
                ),
            },
            x: Axis::new(x, None, scale(spec.logarithmic[0])),
            y: Axis::new(&spec.y_label, unit(&spec.y), scale(spec.logarithmic[1])).named("value"),
            series,
            references: Vec::new(),
            published: published.collect(),
            names,
        }
    }

    /// What has a line of its own: policies, or values of an axis.
    fn labels(&self) -> Vec<String> {
        let (spec, grid) = (self.spec, self.grid);
        match spec.series.as_str() {
            "policy" if spec.policies.is_empty() => {
                grid.policies.iter().chain(&grid.awaited).cloned().collect()
            }
            "policy" => spec.policies.clone(),
            axis => {
                let axis = grid.axis(axis);
                let mut labels: Vec<String> = Vec::new();
                for &c in &self.among {
                    let label = &self.cells[c].values[axis].label;
                    if !labels.contains(label) {
                        labels.push(label.clone());
                    }
                }
                labels
            }
        }
    }

    fn name(&self, label: &str) -> String {
        let grid = self.grid;
        match self.spec.series.as_str() {
            "policy" => label.to_owned(),
            axis if grid.axes[grid.axis(axis)].key == SCENARIO_AXIS => label.to_owned(),
            axis => format!("{axis} {label}"),
        }
    }

    /// The points of a line; `seeds` becomes the least number of seeds behind one.
    fn points(&self, label: &str, seeds: &mut usize) -> Vec<Point> {
        let (spec, grid) = (self.spec, self.grid);
        let by_policy = spec.series == "policy";
        let own = |c: &&usize| {
            by_policy || self.cells[**c].values[grid.axis(&spec.series)].label == label
        };
        let first = spec.policies.first().or(grid.policies.first());
        let policy = match by_policy {
            true => label,
            false => first.map_or("", String::as_str),
        };
        let samples = self.among.iter().filter(own).map(|&c| {
            let sample = self.data.sample(self.at, c, policy, &spec.y);
            (c, sample.into_iter().flatten().collect::<Vec<f64>>())
        });
        let Some(x) = self.x else {
            let run = |(nth, y): (usize, f64)| Point {
                x: (nth + 1) as f64,
                y,
                ..Point::default()
            };
            let values = samples.flat_map(|(_, sample)| sample);
            return values.enumerate().map(run).collect();
        };
        let number = |c: usize| self.cells[c].values[x].number;
        let is_numeric = self.among.iter().all(|&c| number(c).is_some());
        let mean = |(nth, (c, sample)): (usize, (usize, Vec<f64>))| {
            let estimate = stats::estimate(&sample)?;
            *seeds = (*seeds).min(sample.len());
            Some(Point {
                x: number(c).filter(|_| is_numeric).unwrap_or(nth as f64),
                y: estimate.mean,
                interval: estimate.ci95,
                label: None,
            })
        };
        samples.enumerate().filter_map(mean).collect()
    }
}

fn scale(logarithmic: bool) -> Scale {
    if logarithmic {
        Scale::Log
    } else {
        Scale::Linear
    }
}
