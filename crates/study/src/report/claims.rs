//! The section of claims.

use crate::claim::{Claim, Verdict};
use wayside_plot::html::{Content, Section, Table, TableCell};
use wayside_plot::significant;

/// The section of claims; `None` without any.
#[must_use]
pub fn claims(claims: &[Claim]) -> Option<Section> {
    let number = |x: Option<f64>| x.map_or_else(|| "–".into(), |x| significant(x, 4));
    let rows = claims.iter().map(|claim| {
        let verdict = match claim.verdict {
            Verdict::Holds => "✓ holds",
            Verdict::Fails => "✗ fails",
            Verdict::Undecided => "? undecided",
        };
        let interval = claim
            .ci95
            .map(|[lo, hi]| format!("{} to {}", significant(lo, 4), significant(hi, 4)));
        vec![
            TableCell {
                text: claim.claim.clone(),
                note: match claim.note.as_str() {
                    "" => claim.id.clone(),
                    note => format!("{}: {note}", claim.id),
                },
                ..TableCell::default()
            },
            TableCell::new(&claim.figure),
            TableCell::new(&number(claim.published)),
            TableCell {
                text: claim.count().unwrap_or_else(|| number(claim.measured)),
                note: interval.unwrap_or_default(),
                ..TableCell::default()
            },
            TableCell {
                text: verdict.to_owned(),
                note: match claim.fitted {
                    true => format!("{}, fitted", claim.source.word()),
                    false => claim.source.word().to_owned(),
                },
                ..TableCell::default()
            },
        ]
    });
    let table = Table {
        caption: "Claims, whose they are, and whether they hold here".into(),
        header: ["claim", "figure", "published", "measured", "verdict"]
            .map(Into::into)
            .into(),
        rows: rows.collect(),
    };
    let blocks = if claims.is_empty() {
        Vec::new()
    } else {
        vec![Content::Table(table)]
    };
    Section::new("claims", "Claims", blocks)
}
