//! The report of one comparison.

use crate::facts::ScenarioFacts;
use crate::manifest::Manifest;
use crate::summary::{self, Metric, PolicySummary, Summary};
use crate::table;
use std::collections::BTreeMap;
use wayside_plot::html::{Content, Page, Section, Table, TableCell};
use wayside_plot::{Figure, Stop, significant};

/// Digits of a number in a table.
const DIGITS: i32 = 5;
/// Most policies side by side: more do not fit on a page of A4.
const ABREAST: usize = 8;

/// The report of a run: `figures` are those of [`figures::of_run`](crate::figures::of_run).
#[must_use]
pub fn of_run(
    summary: &Summary,
    facts: &ScenarioFacts,
    figures: &[Figure],
    manifest: &Manifest,
) -> Page {
    let chart = |id: &str| {
        figures
            .iter()
            .find(|f| f.id == id)
            .cloned()
            .map(|f| Content::Chart(Box::new(f)))
    };
    let section = |id: &str, heading: &str, charts: &[&str]| {
        Section::new(
            id,
            heading,
            charts.iter().filter_map(|id| chart(id)).collect(),
        )
    };
    let mut comparison: Vec<Content> = ["comparison", "gap"]
        .into_iter()
        .filter_map(chart)
        .collect();
    comparison.push(Content::Table(overview(summary)));
    let sections = [
        Section::new("comparison", "Comparison", comparison),
        Section::new("scenario", "Scenario", vec![scenario(facts)]),
        Section::new("session", "One session", track(facts).into_iter().collect()),
        section("time", "Over time", &["objective-time"]),
        section("load", "Load of the RSUs", &["load", "lbm-time"]),
        section("delay", "Delays", &["delay"]),
        Section::new("metrics", "Every metric", metrics(summary)),
        Section::new("manifest", "Manifest", provenance(summary, facts, manifest)),
    ];
    Page {
        title: match facts.description.as_str() {
            "" => summary.scenario.clone(),
            description => format!("{}: {description}", summary.scenario),
        },
        question: question(summary, facts),
        answer: table::verdict(summary).unwrap_or_default(),
        caption: table::caption(summary),
        sections: sections.into_iter().flatten().collect(),
    }
}

fn question(summary: &Summary, facts: &ScenarioFacts) -> String {
    let vehicles = facts.vehicles_m.len();
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let who = match summary.policies.as_slice() {
        [one] => format!("How well does {} place", one.policy),
        more => format!("Which of {} policies places", more.len()),
    };
    format!(
        "{who} the tasks of {} among {} best, as J = {} × delay [s] + {} × energy [J], and how far from the optimum?",
        plural(vehicles, "vehicle"),
        plural(facts.rsus.len(), "RSU"),
        significant(facts.omega, 3),
        significant(1.0 - facts.omega, 3)
    )
}

fn scenario(facts: &ScenarioFacts) -> Content {
    Content::Map {
        map: Box::new(facts.map()),
        caption: format!(
            "{} RSUs and the circles that they cover, {} backhaul links, {} vehicles where seed {} starts them.{}{}{}",
            facts.rsus.len(),
            facts.links.len(),
            facts.vehicles_m.len(),
            facts.seed,
            match facts.middle() {
                Some(area) => format!(
                    " Drawn is the middle of the map, {} m by {} m.",
                    significant(area.x_max_m - area.x_min_m, 3),
                    significant(area.y_max_m - area.y_min_m, 3)
                ),
                None => String::new(),
            },
            on_earth(facts),
            match facts.source.as_str() {
                "" => String::new(),
                source => format!(" Source: {source}."),
            }
        ),
    }
}

/// The way of one vehicle, and where the batches of its session ran.
fn track(facts: &ScenarioFacts) -> Option<Content> {
    let (policy, track) = facts.track.as_ref()?;
    let own = track.stops.iter().filter(|stop| stop.rsu.is_none()).count();
    let changes = |pair: &&[Stop]| {
        let [from, to] = [pair[0].rsu, pair[1].rsu];
        from.is_some() && to.is_some() && from != to
    };
    Some(Content::Map {
        map: Box::new(facts.track_map()?),
        caption: format!(
            "The way of the vehicle of session {} of seed {} under {policy}, with a dot per slot, in the colour of \
             the RSU that ran the batch of that slot, which is ringed in it; a dot without filling says that it ran on the vehicle. {} slots, {own} of them on the \
             vehicle, {} changes of the RSU. Of the seed's first sessions it is the one that enters by the most RSUs.",
            track.session,
            facts.seed,
            track.stops.len(),
            track.stops.windows(2).filter(changes).count(),
        ),
    })
}

/// Where the map is, where it has degrees.
fn on_earth(facts: &ScenarioFacts) -> String {
    let Some(degrees) = &facts.degrees else {
        return String::new();
    };
    let ([west, east], [south, north]) = (degrees.lon, degrees.lat);
    format!(
        " Metres are those of {}; the map reaches from longitude {west:.5} to {east:.5} and from latitude {south:.5} to {north:.5}.",
        degrees.projection
    )
}

fn cell(policy: &PolicySummary, name: &str, metric: Option<Metric>) -> TableCell {
    let (text, note) = metric.map_or_else(
        || ("–".into(), String::new()),
        |m| (number(m.mean), interval(m.ci95)),
    );
    TableCell {
        text,
        note,
        metric: name.into(),
        series: policy.policy.clone(),
    }
}

fn gap_cell(policy: &PolicySummary) -> TableCell {
    let gap = policy.gap;
    TableCell {
        text: gap.map_or_else(|| "–".into(), |g| number(g.mean)),
        note: gap.map_or_else(String::new, |g| interval(g.ci95)),
        metric: "gap".into(),
        series: policy.policy.clone(),
    }
}

fn number(value: f64) -> String {
    significant(value, DIGITS)
}

fn interval(ci95: Option<[f64; 2]>) -> String {
    ci95.map_or_else(String::new, |[lo, hi]| {
        format!("{} to {}", number(lo), number(hi))
    })
}

/// The metrics that one compares first, with their headings.
const FIRST: [(&str, &str); 7] = [
    ("objective", "J"),
    ("delay_s", "delay [s]"),
    ("energy_j", "energy [J]"),
    ("deadline_met", "deadline met"),
    ("offloaded", "offloaded"),
    ("migrated", "migrated"),
    ("lbm", "LBM"),
];

/// A row per policy.
fn overview(summary: &Summary) -> Table {
    let policies = &summary.policies;
    let bounded = policies.iter().any(|p| p.gap.is_some());
    let first = policies.first().map_or("", |p| &p.policy);
    let mut header = vec!["policy".to_owned(), "J".into()];
    if policies.len() > 1 {
        header.push(format!("J against {first}"));
    }
    if bounded {
        header.push("gap".into());
    }
    header.extend(FIRST[1..].iter().map(|(_, heading)| (*heading).to_owned()));
    if summary.timing.is_some() {
        header.push("decision, median".into());
    }
    let rows = policies.iter().map(|p| overview_row(summary, p, bounded));
    Table {
        caption: "Means over seeds with their 95 % intervals; shares and gaps are fractions (0.01 is 1 %); differences are \
                  paired by seed"
            .into(),
        header,
        rows: rows.collect(),
    }
}

fn overview_row(summary: &Summary, policy: &PolicySummary, bounded: bool) -> Vec<TableCell> {
    let known: BTreeMap<_, _> = policy.metrics().into_iter().collect();
    let metric = |name: &str| cell(policy, name, known.get(name).copied().flatten());
    let name = TableCell {
        text: policy.policy.clone(),
        series: policy.policy.clone(),
        ..TableCell::default()
    };
    let mut row = vec![name, metric(FIRST[0].0)];
    if summary.policies.len() > 1 {
        let difference = policy.difference;
        row.push(TableCell {
            text: difference.map_or_else(|| "–".into(), |d| number(d.mean)),
            note: interval(difference.and_then(|d| d.ci95)),
            metric: "difference".into(),
            series: policy.policy.clone(),
        });
    }
    if bounded {
        row.push(gap_cell(policy));
    }
    row.extend(FIRST[1..].iter().map(|(name, _)| metric(name)));
    if summary.timing.is_some() {
        let timing = summary.timing_of(&policy.policy);
        row.push(TableCell::new(
            &timing.map_or_else(|| "–".into(), |t| table::duration(t.p50)),
        ));
    }
    row
}

/// Every metric of the summary, with what the schema says of it.
fn metrics(summary: &Summary) -> Vec<Content> {
    let schema = summary::schema();
    let said = |name: &str| {
        let kinds = ["PolicySummary", "SessionSummary", "ReturnSummary"];
        let told = |kind| schema["$defs"][kind]["properties"][name]["description"].as_str();
        let text = kinds.into_iter().find_map(told);
        text.unwrap_or_default()
            .replace("\\[", "[")
            .replace("\\]", "]")
            .replace('`', "")
    };
    let blocks = summary.policies.chunks(ABREAST).map(|policies| {
        let every = |p: &PolicySummary| p.metrics().into_iter().chain(p.further()).collect();
        let all: Vec<Vec<_>> = policies.iter().map(every).collect();
        let names = all
            .first()
            .map_or_else(Vec::new, |m| m.iter().map(|(name, _)| *name).collect());
        let heading = |name: &str, said: String| TableCell {
            text: name.into(),
            note: said,
            ..TableCell::default()
        };
        let rows = names.into_iter().enumerate().filter_map(|(i, name)| {
            // A metric that no policy has is meaningless in this scenario.
            let known = all.iter().any(|metrics| metrics[i].1.is_some());
            let cells = policies
                .iter()
                .zip(&all)
                .map(|(p, metrics)| cell(p, name, metrics[i].1));
            known.then(|| {
                std::iter::once(heading(name, said(name)))
                    .chain(cells)
                    .collect()
            })
        });
        let mut rows: Vec<Vec<TableCell>> = rows.collect();
        if policies.iter().any(|p| p.gap.is_some()) {
            let gap = std::iter::once(heading("gap", said("gap")));
            rows.push(gap.chain(policies.iter().map(gap_cell)).collect());
        }
        let header = policies.iter().map(|p| p.policy.clone());
        Content::Table(Table {
            caption: "Every metric of summary.json: mean over seeds, 95 % interval".into(),
            header: std::iter::once("metric".to_owned()).chain(header).collect(),
            rows,
        })
    });
    blocks.collect()
}

fn provenance(summary: &Summary, facts: &ScenarioFacts, manifest: &Manifest) -> Vec<Content> {
    let seeds: Vec<_> = summary.seeds.iter().map(u64::to_string).collect();
    let mut rows = vec![
        ("Scenario", manifest.scenario.clone()),
        ("Source", facts.source.clone()),
        ("SHA-256 of the scenario", manifest.scenario_sha256.clone()),
        ("Seeds", seeds.join(", ")),
        ("Slots", format!("{} of {} s", summary.slots, facts.slot_s)),
        ("Policies", manifest.policies.join(", ")),
        ("Version", manifest.version.clone()),
        (
            "Commit",
            manifest
                .commit
                .clone()
                .unwrap_or_else(|| "not built from a checkout".into()),
        ),
        (
            "Complete",
            match summary.seeds.len() == manifest.seeds.len() {
                true => "yes".into(),
                false => format!(
                    "no: {} of {} seeds",
                    summary.seeds.len(),
                    manifest.seeds.len()
                ),
            },
        ),
    ];
    // Without timing, equal runs leave equal bytes: leave out what differs between them.
    if summary.timing.is_some() {
        let machine = &manifest.machine;
        let cpu = machine.cpu.as_deref().unwrap_or("unknown CPU");
        rows.push(("Command", manifest.command.join(" ")));
        rows.push(("Started", manifest.started.clone()));
        rows.push((
            "Machine",
            format!("{cpu}, {} cores, {}", machine.cores, machine.os),
        ));
    }
    vec![
        Content::Facts(
            rows.into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        ),
        Content::Source {
            heading: "The whole scenario".into(),
            text: manifest.scenario_text.clone(),
        },
    ]
}
