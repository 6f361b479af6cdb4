//! A study as a part of a page in Markdown: `docs/validation.md`, `docs/cross.md`.

use super::tables::Tabulated;
use super::{FigureSpec, Study, TableSpec};
use crate::claim::{Claim, ClaimSource, Comparison, Equivalence, Verdict};
use std::fmt::Write as _;
use wayside_plot::Figure;

/// Verdicts by whose the claims are, the paper's first: `Of the paper's own 18 claims 9 hold (4 of them fitted), 5 fail, 4
/// are undecided.`
#[must_use]
pub fn count(claims: &[Claim]) -> String {
    let whose = |source: ClaimSource| {
        let own: Vec<&Claim> = claims.iter().filter(|c| c.source == source).collect();
        let of = |verdict| own.iter().filter(|c| c.verdict == verdict).count();
        let holds = |c: &&&Claim| c.verdict == Verdict::Holds && c.fitted;
        let fitted = match own.iter().filter(holds).count() {
            0 => String::new(),
            fitted => format!(" ({fitted} of them fitted)"),
        };
        let name = match source {
            ClaimSource::Paper => "the paper's own",
            ClaimSource::Ours => "our",
            ClaimSource::Prototype => "the prototype's",
        };
        (!own.is_empty()).then(|| {
            format!(
                "Of {name} {} {}{fitted}, {}, {} undecided.",
                counted(own.len(), "claim", "claims"),
                counted(of(Verdict::Holds), "holds", "hold"),
                counted(of(Verdict::Fails), "fails", "fail"),
                counted(of(Verdict::Undecided), "is", "are"),
            )
        })
    };
    let all = [
        ClaimSource::Paper,
        ClaimSource::Ours,
        ClaimSource::Prototype,
    ];
    let counts: Vec<String> = all.into_iter().filter_map(whose).collect();
    counts.join(" ")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

pub(super) fn markdown(
    study: &Study,
    claims: &[Claim],
    figures: &[(&FigureSpec, Figure)],
    tables: &[(&TableSpec, Tabulated)],
) -> String {
    let mut text = String::new();
    if !claims.is_empty() {
        claims_table(&mut text, study, claims);
    }
    let published = figures
        .iter()
        .filter(|(spec, _)| !spec.published.is_empty());
    let published: Vec<_> = published.collect();
    if !published.is_empty() {
        published_points(&mut text, &published);
    }
    for (spec, table) in tables {
        table_of_values(&mut text, spec, table);
    }
    text
}

fn claims_table(text: &mut String, study: &Study, claims: &[Claim]) {
    writeln!(text, "{}\n", count(claims)).expect("a string");
    *text += "| figure | id | claim | paper | ours, 95 % interval | verdict | whose | note |\n|---|---|---|---|---|---|---|---|\n";
    let prefix = format!("{}.", study.name);
    for claim in claims {
        writeln!(
            text,
            "| {} | `{}` | {} | {} | {} | {} | {} | {} |",
            or_dash(&claim.figure),
            claim.id.strip_prefix(&prefix).unwrap_or(&claim.id),
            escape(&claim.claim),
            claim.published.map_or_else(|| "–".into(), number),
            ours(claim),
            claim.verdict.word(),
            whose(claim),
            escape(&note(claim)),
        )
        .expect("a string");
    }
    text.push('\n');
}

/// What the paper prints beside what was measured.
fn published_points(text: &mut String, published: &[&(&FigureSpec, Figure)]) {
    *text += "Points that the paper prints:\n\n| figure | line | at | paper | ours, 95 % interval | where |\n|---|---|---|---|---|---|\n";
    for (spec, figure) in published {
        for point in &spec.published {
            let line = figure.series.iter().find(|s| s.name == point.series);
            let same = |x: f64| (x - point.x).abs() <= 1e-9 * point.x.abs();
            let ours = line.and_then(|line| line.points.iter().find(|p| same(p.x)));
            let ours = ours.map_or_else(|| "–".into(), |p| with_interval(p.y, p.interval));
            writeln!(
                text,
                "| {} | {} | {} | {} | {ours} | {} |",
                or_dash(&spec.number),
                escape(&point.series),
                number(point.x),
                number(point.y),
                escape(&point.place),
            )
            .expect("a string");
        }
    }
    text.push('\n');
}

fn table_of_values(text: &mut String, spec: &TableSpec, table: &Tabulated) {
    writeln!(text, "{}:\n\n| {} |", spec.title, table.header.join(" | ")).expect("a string");
    writeln!(text, "|---|{}", "--:|".repeat(table.header.len() - 1)).expect("a string");
    for (name, values) in &table.rows {
        let cell =
            |v: &Option<f64>| v.map_or_else(|| "–".into(), |v| format!("{v:.*}", spec.digits));
        let cells: Vec<String> = values.iter().map(cell).collect();
        writeln!(text, "| {name} | {} |", cells.join(" | ")).expect("a string");
    }
    text.push('\n');
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Four digits.
fn number(x: f64) -> String {
    let text = wayside_plot::significant(x, 4);
    text.replace('\u{2212}', "-")
}

fn with_interval(x: f64, interval: Option<[f64; 2]>) -> String {
    match interval {
        Some([lo, hi]) => format!("{} ({} to {})", number(x), number(lo), number(hi)),
        None => number(x),
    }
}

fn ours(claim: &Claim) -> String {
    let value = || Some(with_interval(claim.measured?, claim.ci95));
    claim.count().or_else(value).unwrap_or_else(|| "–".into())
}

/// `paper`, `paper, fitted`, `ours`, `prototype`.
fn whose(claim: &Claim) -> String {
    let fitted = if claim.fitted { ", fitted" } else { "" };
    format!("{}{fitted}", claim.source.word())
}

/// Where the two that a claim compares are as good as equal, beside its strict verdict.
fn equal(claim: &Claim) -> Option<String> {
    let Equivalence {
        margin, equivalent, ..
    } = claim.equivalence?;
    let percent = number(100.0 * margin);
    if claim.cells.is_empty() {
        let what = if equivalent { "Equal" } else { "Not equal" };
        return Some(format!("{what} within {percent} %."));
    }
    let cells = || claim.cells.iter().filter(|c| c.equivalent == Some(true));
    let strict = |c: &&Comparison| c.verdict != Verdict::Holds;
    let names: Vec<&str> = cells().filter(strict).map(|c| c.cell.as_str()).collect();
    let among = match names.as_slice() {
        [] => String::new(),
        names => format!(", among them {}", names.join("; ")),
    };
    Some(format!(
        "Equal within {percent} % in {} of {} cells{among}.",
        cells().count(),
        claim.cells.len()
    ))
}

/// The note of a claim, and where it is not as claimed.
fn note(claim: &Claim) -> String {
    /// More would not help the reader.
    const FEW: usize = 4;
    let named = |verdict: Verdict, what: &str| {
        let cells: Vec<_> = claim
            .cells
            .iter()
            .filter(|c| c.verdict == verdict)
            .collect();
        if cells.is_empty() {
            return None;
        }
        let first = cells
            .iter()
            .take(FEW)
            .map(|c| format!("{}: {}", c.cell, with_interval(c.measured, c.ci95)));
        let more = match cells.len().saturating_sub(FEW) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Some(format!(
            "{what} at {}{more}.",
            first.collect::<Vec<_>>().join("; ")
        ))
    };
    let parts = [
        (!claim.note.is_empty()).then(|| claim.note.clone()),
        named(Verdict::Fails, "Fails"),
        named(Verdict::Undecided, "Undecided"),
        equal(claim),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `page` with what stands between `<!-- begin NAME -->` and `<!-- end NAME -->` replaced by `block`.
#[must_use]
pub fn replace_block(page: &str, name: &str, block: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- begin {name} -->\n"),
        format!("<!-- end {name} -->"),
    );
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", block.trim()))
}
