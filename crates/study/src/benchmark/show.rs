//! The score card as JSON, CSV, text, Markdown and a figure.

use super::card::{Entry, ScoreCard, TaskCard, TaskResult};
use crate::stats::Estimate;
use crate::table;
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write as _;
use wayside_plot::{Axis, Figure, Names, Point, Scale, Series, fixed};

/// Stem of the figure's files.
pub(super) const FIGURE: &str = "benchmark";

/// What stands where there is no number.
const NONE: &str = "-";

/// Entries of which the table of every task is printed.
const DETAILED: usize = 3;

impl ScoreCard {
    /// `score.json`.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data") + "\n"
    }

    /// `score.csv`: a line per policy and task, all digits.
    #[must_use]
    pub fn csv(&self) -> String {
        let metrics = [
            "gap",
            "on_time",
            "objective",
            "lower_bound",
            "delay_s",
            "energy_j",
        ];
        let words = [
            "policy",
            "task",
            "track",
            "regime",
            "certificate",
            "unplayable",
        ];
        let mut header: Vec<String> = words.map(str::to_owned).into();
        let columns = |name: &str| ["", "_ci95_lo", "_ci95_hi"].map(|end| format!("{name}{end}"));
        header.extend(metrics.into_iter().flat_map(columns));
        if self.timing.is_some() {
            header.extend(columns("decision_time_s"));
        }
        let lines = self.entries.iter().flat_map(|entry| {
            let tasks = self.tasks.iter().zip(&entry.results);
            tasks.map(|(task, result)| self.csv_line(entry, task, result))
        });
        table::to_csv(std::iter::once(header).chain(lines))
    }

    fn csv_line(&self, entry: &Entry, task: &TaskCard, result: &TaskResult) -> Vec<String> {
        let words = [
            &entry.policy,
            &task.task,
            &task.track,
            &task.regime,
            &task.certificate,
        ];
        let mut line: Vec<String> = words.into_iter().cloned().collect();
        line.push(result.unplayable.clone().unwrap_or_default());
        let mut put = |estimate: Option<Estimate>| {
            let ci95 = estimate.and_then(|e| e.ci95);
            let numbers = [
                estimate.map(|e| e.mean),
                ci95.map(|c| c[0]),
                ci95.map(|c| c[1]),
            ];
            line.extend(numbers.map(|x| x.map_or_else(String::new, |x| x.to_string())));
        };
        put(result.gap);
        put(result.on_time);
        put(result.objective);
        put(result.lower_bound);
        put(result.delay_s);
        put(result.energy_j);
        if self.timing.is_some() {
            put(self.time(&entry.policy, &task.task));
        }
        line
    }

    fn time(&self, policy: &str, task: &str) -> Option<Estimate> {
        let mut all = self.timing.as_ref()?.iter();
        let found = all.find(|t| t.policy == policy && t.task == task);
        found.map(|t| t.decision_time_s)
    }

    /// For a terminal: a line per policy with the gap of every regime, then each task of the first policies.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.caption();
        text += "\n\nMean gap to the certificate in %, by regime; the score is the mean over all regimes\n\n";
        text += &plain(
            self.summary_header(),
            self.entries.iter().map(|entry| self.summary_line(entry)),
        );
        for entry in self.entries.iter().take(DETAILED) {
            write!(text, "\n{}\n\n", entry.policy).expect("a string");
            let lines = self.tasks.iter().zip(&entry.results);
            let played = lines.filter(|(_, result)| result.unplayable.is_none());
            let lines = played.map(|(task, result)| self.task_line(entry, task, result));
            text += &plain(self.task_header(), lines);
            not_played(&mut text, entry);
        }
        text
    }

    /// What was played, in a line.
    fn caption(&self) -> String {
        let seeds = self.tasks.first().map_or(0, |task| task.seeds.len());
        let quick = if self.quick {
            ", a quick look: no score to cite"
        } else {
            ""
        };
        let stopped = if self.complete { "" } else { ", stopped early" };
        format!(
            "{}, {} tasks, {seeds} seeds of {} each{quick}{stopped}",
            self.suite,
            self.tasks.len(),
            self.seeds_of
        )
    }

    fn summary_header(&self) -> Vec<String> {
        let mut header = vec!["policy".to_owned()];
        if let Some(entry) = self.entries.first() {
            header.extend(entry.regimes.iter().map(|r| r.regime.clone()));
        }
        header.extend(self.wide_tracks().map(|track| format!("all {track}")));
        header.push("score".to_owned());
        header
    }

    /// The tracks with more than one regime.
    fn wide_tracks(&self) -> impl Iterator<Item = &str> {
        let regimes = |track: &str| {
            let tasks = self.tasks.iter().filter(|task| task.track == track);
            let mut regimes: Vec<&str> = tasks.map(|task| task.regime.as_str()).collect();
            regimes.dedup();
            regimes.len()
        };
        let tracks = self.entries.iter().take(1).flat_map(|e| &e.tracks);
        let tracks = tracks.map(|track| track.track.as_str());
        tracks.filter(move |track| regimes(track) > 1)
    }

    fn summary_line(&self, entry: &Entry) -> Vec<String> {
        let mut line = vec![entry.policy.clone()];
        line.extend(entry.regimes.iter().map(|regime| percent(regime.gap)));
        for track in self.wide_tracks() {
            let found = entry.tracks.iter().find(|t| t.track == track);
            line.push(percent(found.and_then(|t| t.gap)));
        }
        line.push(percent(entry.score));
        line
    }

    fn task_header(&self) -> Vec<String> {
        let mut header = vec![
            "task",
            "certificate",
            "gap %",
            "+-95 %",
            "on time %",
            "+-95 %",
            "J",
        ];
        if self.timing.is_some() {
            header.push("decision p50");
        }
        header.into_iter().map(str::to_owned).collect()
    }

    fn task_line(&self, entry: &Entry, task: &TaskCard, result: &TaskResult) -> Vec<String> {
        let mut line = vec![task.task.clone(), task.certificate.clone()];
        line.push(percent(result.gap));
        line.push(half_width(result.gap));
        line.push(percent(result.on_time));
        line.push(half_width(result.on_time));
        line.push(
            result
                .objective
                .map_or(NONE.into(), |j| format!("{:.4}", j.mean)),
        );
        if self.timing.is_some() {
            let time = self.time(&entry.policy, &task.task);
            line.push(time.map_or(NONE.into(), |time| table::duration(time.mean)));
        }
        line
    }

    /// For a page in Markdown: who reached which gap, by regime and by task.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("{}. Gaps in %, mean over seeds.\n\n", self.caption());
        let marked = |entry: &Entry| if entry.knows_future { " †" } else { "" };
        let lines = self.entries.iter().map(|entry| {
            let mut line = self.summary_line(entry);
            line[0] = format!("`{}`{}", entry.policy, marked(entry));
            line
        });
        markdown_table(&mut text, &self.summary_header(), lines);
        if self.entries.iter().any(|entry| entry.knows_future) {
            text += "\n† is told the future, as no policy that is deployed can be.\n";
        }
        for (at, task) in self.tasks.iter().enumerate() {
            let certificate = &task.certificate;
            let words = (&task.task, &task.question);
            write!(
                text,
                "\n**{}**: {} (certificate: {certificate})\n\n",
                words.0, words.1
            )
            .expect("a string");
            let mut header = vec!["policy", "gap %", "on time %", "J"];
            if self.timing.is_some() {
                header.push("decision, median");
            }
            let header: Vec<String> = header.into_iter().map(str::to_owned).collect();
            let mut playing: Vec<&Entry> = self.entries.iter().collect();
            playing.retain(|entry| entry.results[at].gap.is_some());
            let gap = |entry: &Entry| entry.results[at].gap.map_or(f64::INFINITY, |gap| gap.mean);
            playing.sort_by(|a, b| gap(a).total_cmp(&gap(b)));
            let lines = playing.into_iter().map(|entry| {
                let result = &entry.results[at];
                let mut line = vec![
                    format!("`{}`{}", entry.policy, marked(entry)),
                    interval(result.gap),
                    interval(result.on_time),
                    result
                        .objective
                        .map_or(NONE.into(), |j| format!("{:.4}", j.mean)),
                ];
                if self.timing.is_some() {
                    let time = self.time(&entry.policy, &task.task);
                    line.push(time.map_or(NONE.into(), |time| table::duration(time.mean)));
                }
                line
            });
            markdown_table(&mut text, &header, lines);
        }
        text
    }

    /// The gap of every policy in every task; none where nothing was scored.
    #[must_use]
    pub fn figure(&self) -> Option<Figure> {
        let percent = |x: f64| 100.0 * x;
        let series = self.entries.iter().enumerate().map(|(style, entry)| {
            let scored = entry.results.iter().enumerate();
            let points = scored.filter_map(|(row, result)| {
                let gap = result.gap?;
                Some(Point {
                    x: percent(gap.mean),
                    y: row as f64,
                    interval: gap.ci95.map(|ends| ends.map(percent)),
                    label: None,
                })
            });
            Series {
                name: entry.policy.clone(),
                style,
                joined: false,
                points: points.collect(),
            }
        });
        let series: Vec<Series> = series.filter(|s| !s.points.is_empty()).collect();
        let tasks = self.tasks.iter().map(|task| task.task.clone());
        (!series.is_empty()).then(|| Figure {
            id: FIGURE.to_owned(),
            title: format!("{}: gap to the certificate in each task", self.suite),
            caption:
                "Mean over seeds with its 95 % confidence interval (Student's t). Logarithmic axis."
                    .to_owned(),
            x: Axis::new("Gap to the certified bound", Some("%"), Scale::Log).named("gap_percent"),
            y: Axis::of("task", tasks.collect()),
            series,
            references: Vec::new(),
            published: Vec::new(),
            names: Names::Above,
        })
    }
}

/// What `entry` did not play, by reason.
fn not_played(text: &mut String, entry: &Entry) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for result in &entry.results {
        let Some(reason) = result.unplayable.as_deref() else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, tasks)) => tasks.push(&result.task),
            None => reasons.push((reason, vec![&result.task])),
        }
    }
    for (reason, tasks) in reasons {
        writeln!(text, "not played: {}: {reason}", tasks.join(", ")).expect("a string");
    }
}

/// A share as a percentage.
fn percent(share: Option<Estimate>) -> String {
    share.map_or_else(|| NONE.into(), |e| digits(100.0 * e.mean))
}

fn half_width(share: Option<Estimate>) -> String {
    let ci95 = share.and_then(|e| e.ci95);
    ci95.map_or_else(|| NONE.into(), |[lo, hi]| digits(50.0 * (hi - lo)))
}

fn interval(share: Option<Estimate>) -> String {
    match half_width(share) {
        half if half == NONE => percent(share),
        half => format!("{} ± {half}", percent(share)),
    }
}

/// As many decimals as a gap needs: a thousandth of a percent below 1 %, none above 1000 %.
fn digits(x: f64) -> String {
    match x.abs() {
        a if a < 1.0 => fixed(x, 3),
        a if a < 100.0 => fixed(x, 2),
        a if a < 1000.0 => fixed(x, 1),
        _ => fixed(x, 0),
    }
}

fn plain(header: Vec<String>, lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for line in lines {
        table.add_row(line);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if i > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

fn markdown_table(text: &mut String, header: &[String], lines: impl Iterator<Item = Vec<String>>) {
    let rule = header
        .iter()
        .enumerate()
        .map(|(i, _)| if i == 0 { "---" } else { "---:" });
    let rule: Vec<_> = rule.collect();
    writeln!(text, "| {} |\n|{}|", header.join(" | "), rule.join("|")).expect("a string");
    for line in lines {
        writeln!(text, "| {} |", line.join(" | ")).expect("a string");
    }
}
