//! Fixes of vehicles, in any order.

use std::collections::BTreeMap;

/// Most fixes that are held: these formats are not in the order of time, so all of them are.
const MOST_FIXES: usize = 20_000_000;
/// One known place of a vehicle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fix {
    pub(super) time_s: f64,
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Fixes by vehicle, as they are read.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) by_id: BTreeMap<Vec<u8>, Vec<Fix>>,
    /// Types, where they are kept.
    pub(super) kinds: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) count: usize,
}

/// What came of joining the fixes of two traces.
pub(super) enum Absorbed {
    All,
    TooMany,
    /// This vehicle is in both at the same time.
    Twice(Vec<u8>),
}

impl Gathered {
    /// Adds a fix; `false` where there are too many.
    pub(super) fn add(&mut self, id: &[u8], time_s: f64, x: f64, y: f64) -> bool {
        self.count += 1;
        let fix = Fix { time_s, x, y };
        match self.by_id.get_mut(id) {
            Some(fixes) => fixes.push(fix),
            None => drop(self.by_id.insert(id.to_vec(), vec![fix])),
        }
        self.count <= MOST_FIXES
    }

    /// Takes up what another trace has. A vehicle may be in both, but not at the same time.
    pub(super) fn absorb(&mut self, other: Self) -> Absorbed {
        let times = |fixes: &[Fix]| {
            let none = [f64::INFINITY, f64::NEG_INFINITY];
            (fixes.iter()).fold(none, |[a, b], fix| [a.min(fix.time_s), b.max(fix.time_s)])
        };
        for (id, mut fixes) in other.by_id {
            let mine = self.by_id.entry(id.clone()).or_default();
            let ([from, until], [since, to]) = (times(mine), times(&fixes));
            if from < to && since < until {
                return Absorbed::Twice(id);
            }
            mine.append(&mut fixes);
        }
        for (id, kind) in other.kinds {
            self.kinds.entry(id).or_insert(kind);
        }
        self.count += other.count;
        match self.count <= MOST_FIXES {
            true => Absorbed::All,
            false => Absorbed::TooMany,
        }
    }

    /// Forgets a vehicle.
    pub(super) fn remove(&mut self, id: &[u8]) {
        self.by_id.remove(id);
    }

    /// Where a vehicle was known first.
    pub(super) fn first(&self, id: &[u8]) -> Option<[f64; 2]> {
        let fix = self.by_id.get(id)?.first()?;
        Some([fix.x, fix.y])
    }
}
