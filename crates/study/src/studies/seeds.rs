//! How many seeds a study runs, and when its claims are judged.

use super::Study;
use std::collections::BTreeSet;

/// Seeds of a study: `first`, `first + 1`, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many are always run.
    pub count: usize,
    /// How many are run at most, by doubling, where claims are undecided with fewer.
    pub most: usize,
    /// How many with `--quick`.
    pub quick: usize,
}

impl Seeds {
    /// Numbers of seeds at which claims are judged.
    #[must_use]
    pub fn looks(self, quick: bool) -> Vec<usize> {
        if quick {
            return vec![self.quick];
        }
        let mut looks = vec![self.count];
        while let Some(&last) = looks.last()
            && last < self.most
        {
            looks.push((2 * last).min(self.most));
        }
        looks
    }
}

impl Study {
    /// Numbers of seeds at which some claim is judged, ascending.
    #[must_use]
    pub fn looks(&self, quick: bool) -> Vec<usize> {
        let most = self.claims.iter().map(|claim| claim.max_seeds);
        let each = most.map(|most| Seeds { most, ..self.seeds }.looks(quick));
        let all: BTreeSet<usize> = each.chain([self.seeds.looks(quick)]).flatten().collect();
        all.into_iter().collect()
    }
}
