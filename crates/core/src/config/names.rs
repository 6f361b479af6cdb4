//! Names that entries give themselves, and references to them.

use super::{Keys, Section, Text, unknown};
use std::collections::{BTreeMap, BTreeSet};

/// The names of a list's entries, each with its row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeMap<String, u32>);

impl Names {
    /// The key `id` of the next entry; no two may be equal.
    pub(crate) fn define(&mut self, s: &mut Section<'_>, row: usize) -> String {
        let mut id = String::new();
        self.bind(&mut id, &mut Keys::Read(s), row);
        id
    }

    /// The same for a field.
    pub(crate) fn bind(&mut self, id: &mut String, k: &mut Keys<'_, '_>, row: usize) {
        k.required("id", Text::NAME, id, "unique name");
        k.check(|s| {
            let row = u32::try_from(row).expect("a file has fewer entries");
            if !id.is_empty() && self.0.insert(id.clone(), row).is_some() {
                s.problem("id", format!("{id:?} is taken already"));
            }
        });
    }

    /// The row of `id`, which the key `key` names; empty names have been reported already.
    pub(crate) fn resolve(
        &self,
        s: &mut Section<'_>,
        key: &str,
        what: &str,
        id: &str,
    ) -> Option<u32> {
        let row = self.0.get(id).copied();
        if row.is_none() && !id.is_empty() {
            // limits the time for a file with many unknown names
            let known: Vec<_> = self.0.keys().map(String::as_str).take(100).collect();
            s.problem(key, unknown(what, id, &known));
        }
        row
    }
}

/// Pairs of RSUs that are linked.
#[derive(Debug, Default)]
pub(crate) struct LinkedPairs(BTreeSet<(u32, u32)>);

impl LinkedPairs {
    /// The rows of the ends `a` and `b` of one more link: known, different, and not linked before.
    pub(crate) fn add(
        &mut self,
        s: &mut Section<'_>,
        rsus: &Names,
        (a, b): (&str, &str),
    ) -> Option<(u32, u32)> {
        let from = rsus.resolve(s, "a", "RSU", a);
        let to = rsus.resolve(s, "b", "RSU", b);
        let (from, to) = (from?, to?);
        if from == to {
            s.problem("b", format!("links {b:?} with itself"));
        } else if !self.0.insert((from.min(to), from.max(to))) {
            s.problem("b", format!("links {a:?} and {b:?} a second time"));
        }
        Some((from, to))
    }
}
