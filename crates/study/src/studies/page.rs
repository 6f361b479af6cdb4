//! A study as a part of a page in Markdown: `docs/validation.md`, `docs/cross.md`.

use super::results::Tabulated;
use super::{FigureSpec, Study, TableSpec};
use crate::claim::{Claim, Verdict};
use crate::figures::Figure;
use std::fmt::Write as _;

/// `31 of 40 claims hold, 5 fail, 4 are undecided.`
pub(super) fn count(claims: &[Claim]) -> String {
    let of = |verdict| claims.iter().filter(|c| c.verdict == verdict).count();
    if claims.is_empty() {
        return String::new();
    }
    format!(
        "{} of {} claims hold, {} fail, {} are undecided.",
        of(Verdict::Holds),
        claims.len(),
        of(Verdict::Fails),
        of(Verdict::Undecided)
    )
}

pub(super) fn markdown(
    study: &Study,
    claims: &[Claim],
    figures: &[(&FigureSpec, Figure)],
    tables: &[(&TableSpec, Tabulated)],
) -> String {
    let mut text = String::new();
    if !claims.is_empty() {
        writeln!(text, "{}\n", count(claims)).expect("a string");
        text += "| figure | id | claim | paper | ours, 95 % interval | verdict | note |\n|---|---|---|---|---|---|---|\n";
        for claim in claims {
            writeln!(
                text,
                "| {} | `{}` | {} | {} | {} | {} | {} |",
                or_dash(&claim.figure),
                claim
                    .id
                    .strip_prefix(&format!("{}.", study.name))
                    .unwrap_or(&claim.id),
                escape(&claim.claim),
                claim.published.map_or_else(|| "–".into(), number),
                ours(claim),
                claim.verdict.word(),
                escape(&note(claim)),
            )
            .expect("a string");
        }
        text.push('\n');
    }
    let published: Vec<_> = figures
        .iter()
        .filter(|(spec, _)| !spec.published.is_empty())
        .collect();
    if !published.is_empty() {
        text += "Points that the paper prints:\n\n| figure | line | at | paper | ours, 95 % interval | where |\n|---|---|---|---|---|---|\n";
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
    for (spec, table) in tables {
        writeln!(text, "{}:\n\n| {} |", spec.title, table.header.join(" | ")).expect("a string");
        writeln!(text, "|---|{}", "--:|".repeat(table.header.len() - 1)).expect("a string");
        for (name, values) in &table.rows {
            let cells = values
                .iter()
                .map(|v| v.map_or_else(|| "–".into(), |v| format!("{v:.*}", spec.digits)));
            writeln!(
                text,
                "| {name} | {} |",
                cells.collect::<Vec<_>>().join(" | ")
            )
            .expect("a string");
        }
        text.push('\n');
    }
    text
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Four digits.
fn number(x: f64) -> String {
    let text = crate::figures::text::significant(x, 4);
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

/// The note of a claim, and where it is not as claimed.
fn note(claim: &Claim) -> String {
    /// More would be no help.
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
