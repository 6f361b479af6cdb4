//! The comparison as a text table, CSV or JSON.

use crate::summary::{Metric, PolicySummary, Summary};
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write as _;

/// The table for a terminal: plain text, a line per policy.
#[must_use]
pub fn text(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "policy",
        "J",
        "+-95 %",
        "gap %",
        "delay s",
        "energy J",
        "deadline met %",
        "offloaded %",
        "migrated %",
        "LBM",
        "decision p50",
    ]);
    for policy in &summary.policies {
        table.add_row(cells(summary, policy));
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if i > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// `summary.json`.
#[must_use]
pub fn json(summary: &Summary) -> String {
    serde_json::to_string_pretty(summary).expect("plain data") + "\n"
}

/// `summary.csv`: a line per policy; a metric without meaning is an empty field.
#[must_use]
pub fn csv(summary: &Summary) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (i, policy) in summary.policies.iter().enumerate() {
        let fields = fields(summary, policy);
        if i == 0 {
            let header = fields.iter().map(|(name, _)| name);
            writer
                .write_record(header)
                .expect("memory takes everything");
        }
        let values = fields.iter().map(|(_, value)| value);
        writer
            .write_record(values)
            .expect("memory takes everything");
    }
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("made of strings")
}

fn cells(summary: &Summary, policy: &PolicySummary) -> [String; 11] {
    let metric = |m: Option<Metric>, scale: f64, digits: usize| {
        m.map_or_else(none, |m| format!("{:.digits$}", m.mean * scale))
    };
    let half = policy.objective.and_then(|m| m.ci95);
    let timing = summary.timing_of(&policy.policy);
    [
        policy.policy.clone(),
        metric(policy.objective, 1.0, 4),
        half.map_or_else(none, |[lo, hi]| format!("{:.4}", (hi - lo) / 2.0)),
        policy
            .gap
            .map_or_else(none, |gap| format!("{:.2}", gap.mean * 100.0)),
        metric(policy.delay_s, 1.0, 3),
        metric(policy.energy_j, 1.0, 3),
        metric(policy.deadline_met, 100.0, 1),
        metric(policy.offloaded, 100.0, 1),
        metric(policy.migrated, 100.0, 1),
        metric(policy.lbm, 1.0, 3),
        timing.map_or_else(none, |t| duration(t.p50)),
    ]
}

/// What stands where there is no number.
fn none() -> String {
    "-".into()
}

/// In the unit that suits.
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
    Some(match best.gap {
        Some(gap) => {
            // Up, for it is certified.
            let percent = (1e4 * gap.mean).ceil() / 1e2;
            format!("{name} is within {percent:.2} % of the optimum.")
        }
        None => {
            format!("{name} has the least J; --bound certifies how far from the optimum it is.")
        }
    })
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
