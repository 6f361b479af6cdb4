//! The comparison as a text table, CSV or JSON.

use crate::summary::{Metric, PolicySummary, Summary};
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write as _;
pub use wayside_plot::fixed;

/// The table for a terminal: plain text, a line per policy.
#[must_use]
pub fn text(summary: &Summary) -> String {
    let mut table = Table::new();
    let (titles, lines) = comparison(summary);
    table.load_style(presets::NOTHING).set_header(titles);
    for line in lines {
        table.add_row(line);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if i > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// The same as text in cells: the titles of the columns, and a line per policy.
#[must_use]
pub fn comparison(summary: &Summary) -> (Vec<String>, Vec<Vec<String>>) {
    let columns = columns(summary);
    let titles = ["policy"].into_iter().chain(columns.iter().map(|c| c.0));
    let line = |policy: &PolicySummary| {
        let cells = columns.iter().map(|(_, value)| value(summary, policy));
        let cells = cells.map(|value| value.unwrap_or_else(|| NONE.to_owned()));
        [policy.policy.clone()].into_iter().chain(cells).collect()
    };
    let lines = summary.policies.iter().map(line).collect();
    (titles.map(str::to_owned).collect(), lines)
}

/// What stands where there is no number.
const NONE: &str = "-";

type Cell = fn(&Summary, &PolicySummary) -> Option<String>;

/// Titles and contents of the columns after the policy's name: what matters in the scenario.
fn columns(summary: &Summary) -> Vec<(&'static str, Cell)> {
    let gap: (_, Cell) = ("gap %", |_, p| p.gap.map(|gap| fixed(gap.mean * 100.0, 2)));
    let decision: (_, Cell) = ("decision p50", |s, p| {
        s.timing_of(&p.policy).map(|t| duration(t.p50))
    });
    let tasks_queue = summary.policies.iter().any(|p| p.on_time.is_some());
    if tasks_queue {
        let mut columns: Vec<(&str, Cell)> = vec![
            ("total delay s", |_, p| mean(p.total_delay_s, 1.0, 3)),
            ("+-95 %", |_, p| half_width(p.total_delay_s, 3)),
            gap,
            ("delay s", |_, p| mean(p.delay_s, 1.0, 4)),
            ("max s", |_, p| mean(p.delay_max_s, 1.0, 3)),
            ("on time %", |_, p| mean(p.on_time, 100.0, 1)),
            ("success %", |_, p| mean(p.success, 100.0, 1)),
            ("lost %", |_, p| mean(p.lost, 100.0, 1)),
            ("migrated %", |_, p| mean(p.migrated, 100.0, 1)),
            ("links used %", |_, p| mean(p.link_utilisation, 100.0, 1)),
            ("selection std", |_, p| mean(p.selection_std, 1.0, 3)),
        ];
        columns.extend(return_columns(summary, "no answer %"));
        columns.push(decision);
        return columns;
    }
    let mut columns: Vec<(&str, Cell)> = vec![
        ("J", |_, p| mean(p.objective, 1.0, 4)),
        ("+-95 %", |_, p| half_width(p.objective, 4)),
        gap,
        ("delay s", |_, p| mean(p.delay_s, 1.0, 3)),
        ("energy J", |_, p| mean(p.energy_j, 1.0, 3)),
        ("deadline met %", |_, p| mean(p.deadline_met, 100.0, 1)),
    ];
    if summary.policies.iter().any(|p| p.sessions.is_some()) {
        columns.extend(session_columns());
    } else {
        let shared: [(_, Cell); 3] = [
            ("offloaded %", |_, p| mean(p.offloaded, 100.0, 1)),
            ("migrated %", |_, p| mean(p.migrated, 100.0, 1)),
            ("LBM", |_, p| mean(p.lbm, 1.0, 3)),
        ];
        columns.extend(shared);
    }
    columns.extend(return_columns(summary, "lost %"));
    columns.push(decision);
    columns
}

/// What matters where answers are returned; `missed` is the title of the share of answers that are lost.
fn return_columns(summary: &Summary, missed: &'static str) -> Vec<(&'static str, Cell)> {
    if summary.policies.iter().all(|p| p.returns.is_none()) {
        return Vec::new();
    }
    let lost: Cell = |_, p| {
        let returns = p.returns?;
        let (uncovered, left) = (returns.lost_no_coverage?, returns.lost_vehicle_left?);
        Some(fixed((uncovered.mean + left.mean) * 100.0, 1))
    };
    let return_s: Cell = |_, p| mean(p.returns?.return_s, 1.0, 3);
    vec![("return s", return_s), (missed, lost)]
}

/// What matters where work runs in sessions.
fn session_columns() -> [(&'static str, Cell); 5] {
    [
        ("served %", |_, p| mean(p.sessions?.served, 100.0, 1)),
        ("moves", |_, p| mean(p.sessions?.moves, 1.0, 2)),
        ("moved MB", |_, p| mean(p.sessions?.moved_bytes, 1e-6, 1)),
        ("down s", |_, p| mean(p.sessions?.down_s, 1.0, 3)),
        ("hops", |_, p| mean(p.hops, 1.0, 2)),
    ]
}

fn mean(metric: Option<Metric>, scale: f64, digits: usize) -> Option<String> {
    metric.map(|m| fixed(m.mean * scale, digits))
}

fn half_width(metric: Option<Metric>, digits: usize) -> Option<String> {
    let [lo, hi] = metric?.ci95?;
    Some(fixed((hi - lo) / 2.0, digits))
}

/// `summary.json`.
#[must_use]
pub fn json(summary: &Summary) -> String {
    serde_json::to_string_pretty(summary).expect("plain data") + "\n"
}

/// `summary.csv`: a line per policy; a metric without meaning is an empty field.
#[must_use]
pub fn csv(summary: &Summary) -> String {
    let lines: Vec<_> = summary
        .policies
        .iter()
        .map(|p| fields(summary, p))
        .collect();
    let header = lines.first().into_iter().map(|line| names(line));
    let values = lines
        .iter()
        .map(|line| line.iter().map(|(_, v)| v.clone()).collect());
    to_csv(header.chain(values))
}

fn names(fields: &[(String, String)]) -> Vec<String> {
    fields.iter().map(|(name, _)| name.clone()).collect()
}

/// Lines of text as CSV, in which no name is a formula.
pub fn to_csv(lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        let line = line.iter().map(|field| wayside_plot::csv_field(field));
        writer.write_record(line).expect("memory takes everything");
    }
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("made of strings")
}

/// A duration in the unit that suits it.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}

fn fields(summary: &Summary, policy: &PolicySummary) -> Vec<(String, String)> {
    let mut fields = vec![("policy".to_owned(), policy.policy.clone())];
    let mut put = |name: &str, suffix: &str, value: Option<f64>| {
        let text = value.map_or_else(String::new, |x| x.to_string());
        fields.push((format!("{name}{suffix}"), text));
    };
    for (name, metric) in policy.metrics() {
        let ci95 = metric.and_then(|m| m.ci95);
        let difference = metric.and_then(|m| m.difference);
        put(name, "", metric.map(|m| m.mean));
        interval(&mut put, name, ci95);
        put(name, "_difference", difference.map(|d| d.mean));
        let name = format!("{name}_difference");
        interval(&mut put, &name, difference.and_then(|d| d.ci95));
    }
    for (name, metric) in policy.further() {
        put(name, "", metric.map(|m| m.mean));
        interval(&mut put, name, metric.and_then(|m| m.ci95));
    }
    put("gap", "", policy.gap.map(|g| g.mean));
    interval(&mut put, "gap", policy.gap.and_then(|g| g.ci95));
    put("gap", "_min", policy.gap.map(|g| g.min));
    put("gap", "_max", policy.gap.map(|g| g.max));
    if summary.timing.is_some() {
        let timing = summary.timing_of(&policy.policy);
        put("decision_time_s", "_p50", timing.map(|t| t.p50));
        put("decision_time_s", "_p99", timing.map(|t| t.p99));
    }
    fields
}

fn interval(put: &mut impl FnMut(&str, &str, Option<f64>), name: &str, ci95: Option<[f64; 2]>) {
    put(name, "_ci95_lo", ci95.map(|[lo, _]| lo));
    put(name, "_ci95_hi", ci95.map(|[_, hi]| hi));
}

/// The line under the table: what was compared.
#[must_use]
pub fn caption(summary: &Summary) -> String {
    let mut text = format!("{}, ", summary.scenario);
    let (seeds, slots) = (summary.seeds.len(), summary.slots);
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    write!(
        text,
        "{seeds} seed{}, {slots} slot{}",
        plural(seeds),
        plural(slots)
    )
    .expect("a string takes everything");
    text
}

/// Names the best policy, and what is certified of it.
#[must_use]
pub fn verdict(summary: &Summary) -> Option<String> {
    let costs = summary
        .policies
        .iter()
        .filter_map(|p| Some((p, p.objective?.mean)));
    let (best, _) = costs.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let name = &best.policy;
    let verdict = match best.gap {
        Some(gap) => {
            // Rounded up, because it is certified.
            let percent = fixed((1e4 * gap.mean).ceil() / 1e2, 2);
            if summary.balance_enforced {
                format!(
                    "{name} is within {percent} % of the optimum (gap to the bound without (16e))."
                )
            } else {
                format!("{name} is within {percent} % of the optimum.")
            }
        }
        None => {
            format!(
                "{name} has the least {}; --bound certifies how far from the optimum it is.",
                least(summary, best)
            )
        }
    };
    Some(verdict + &loose(summary))
}

/// What `best`, the policy of the least J, has the least of, by the columns of the table: where tasks queue there is none of J.
fn least(summary: &Summary, best: &PolicySummary) -> &'static str {
    let delays = summary.policies.iter().map(|p| p.total_delay_s);
    let delays: Option<Vec<f64>> = delays.map(|delay| Some(delay?.mean)).collect();
    let least = delays.and_then(|delays| delays.into_iter().min_by(f64::total_cmp));
    let own = best.total_delay_s.map(|delay| delay.mean);
    match own.zip(least) {
        Some((own, least)) if own <= least => "total delay",
        _ => "J",
    }
}

/// A sentence about bounds with a part left out; nothing where there are none.
fn loose(summary: &Summary) -> String {
    match summary.loose_bounds {
        0 => String::new(),
        count => format!(
            " In {count} of the bounds one part was left out because too many tasks differ: gaps may be smaller than shown."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn regress_text_table() {
        let summary = Summary::new("s", &synthetic::replications(1, 4), false);
        let text = text(&summary);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 1 + synthetic::POLICIES.len());
        assert!(lines[0].trim_start().starts_with("policy"));
        let price: Vec<_> = lines[1].split_whitespace().collect();
        assert_eq!((price[0], price[2], price[10]), ("price", "-", "-"));
        assert_eq!(price[6..10], ["97.0", "80.0", "5.0", "0.040"]);
        assert_eq!(caption(&summary), "s, 1 seed, 4 slots");
    }

    #[test]
    fn regress_text_table_of_queues() {
        use wayside_core::engine::records::QueueRun;
        let mut replications = synthetic::replications(1, 4);
        for run in &mut replications[0].policies {
            run.queues = Some(QueueRun {
                selections: vec![1, 3],
                link_used: vec![true, false, false, false],
                delay_min_s: Some(0.1),
                delay_max_s: Some(0.75),
                ..QueueRun::default()
            });
            run.slots[0].lost = 40;
        }
        let summary = Summary::new("s", &replications, false);
        let text = text(&summary);
        let price: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!((price[0], price.len()), ("price", 13));
        assert_eq!(
            price[5..],
            ["0.750", "97.0", "0.0", "10.0", "5.0", "50.0", "1.000", "-"]
        );
        let policy = &summary.policies[0];
        assert_eq!(
            (policy.lbm, policy.jain, policy.turned_back),
            (None, None, None)
        );
        assert!((policy.lost.unwrap().mean - 0.1).abs() < 1e-12);
    }

    #[test]
    fn oracle_csv_reader_finds_the_means() {
        let summary = synthetic::summary();
        let text = csv(&summary);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|h| h == name).unwrap();
        for (record, policy) in reader.records().zip(&summary.policies) {
            let record = record.unwrap();
            assert_eq!(record[0], policy.policy);
            let objective: f64 = record[column("objective")].parse().unwrap();
            assert_eq!(
                objective.to_bits(),
                policy.objective.unwrap().mean.to_bits()
            );
            assert_eq!(&record[column("lost")], "");
            assert!(record[column("gap_max")].parse::<f64>().is_ok());
            assert!(record[column("decision_time_s_p99")].parse::<f64>().is_ok());
            let first = policy.policy == "price";
            assert_eq!(
                record[column("objective_difference_ci95_lo")].is_empty(),
                first
            );
        }
    }

    #[test]
    fn closed_form_durations() {
        assert_eq!(duration(0.000_012), "12.0 us");
        assert_eq!(duration(0.25), "250.0 ms");
        assert_eq!(duration(2.0), "2.0 s");
    }
}
