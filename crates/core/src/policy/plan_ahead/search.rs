//! Local search over packings: moves and swaps.

use std::ops::Range;

use super::packing::{Change, LOCAL, Packing};

/// Rounds of moves and swaps.
const MOST_ROUNDS: usize = 2;
/// Sweeps of moves in a round.
const MOST_SWEEPS: usize = 6;
/// Gains smaller than this share of what the task costs on its vehicle are left: they would take most of the time.
const LEAST_GAIN: f64 = 2e-4;

impl Packing {
    /// Moves and swaps until neither pays.
    pub(super) fn descend(&mut self, order: &[u32]) {
        for _ in 0..MOST_ROUNDS {
            for _ in 0..MOST_SWEEPS {
                if !order
                    .iter()
                    .fold(false, |moved, &row| self.improve(row) | moved)
                {
                    break;
                }
            }
            let swapped = order.iter().fold(false, |any, &row| self.swap(row) | any);
            if !swapped {
                break;
            }
        }
    }

    /// Sends tasks back to their vehicles where the least shares exceed an RSU's CPU, those first for which it is cheapest.
    pub(super) fn relieve(&mut self) {
        for m in 0..self.bins.len() {
            while self.bins[m].is_overloaded() {
                let loss = |row: u32| {
                    let choice = &self.menu.choices[self.chosen[row as usize] as usize];
                    self.local[row as usize] - choice.least.cost
                };
                let rows = self.bins[m].rows.iter().copied();
                let Some(row) = rows.min_by(|&a, &b| loss(a).total_cmp(&loss(b))) else {
                    break;
                };
                self.put(row, LOCAL);
            }
        }
    }

    /// Gives `row` its best choice given all others; whether that changed anything.
    pub(super) fn improve(&mut self, row: u32) -> bool {
        let old = self.chosen[row as usize];
        let here = self.rsu(row);
        let local = self.local[row as usize];
        let seen = std::mem::replace(&mut self.seen[row as usize], self.changes);
        let touched = |m: u32| self.bins[m as usize].changed > seen;
        if !self
            .menu
            .of(row as usize)
            .any(|c| touched(self.menu.choices[c].rsu))
        {
            return false;
        }
        // what the rest of its RSU costs without it
        let (mut rest, mut stay) = (0.0, local);
        if let Some(m) = here {
            let goes = Change {
                goes: Some(row),
                comes: None,
            };
            rest = self.value(m, goes, f64::INFINITY);
            stay = self.bins[m as usize].value - rest;
        }
        let (mut best, mut least) = (old, stay - LEAST_GAIN * local);
        if local < least {
            (best, least) = (LOCAL, local);
        }
        for choice in self.menu.of(row as usize) {
            let m = self.menu.choices[choice].rsu;
            let choice = choice as u32;
            if choice == old {
                continue;
            }
            let (before, goes) = match here == Some(m) {
                true => (rest, Some(row)),
                false => (self.bins[m as usize].value, None),
            };
            let change = Change {
                goes,
                comes: Some((row, choice)),
            };
            let rough = match goes {
                Some(_) => self.menu.choices[choice as usize].free.cost,
                None => self.least_gain(m, change),
            };
            if rough >= least {
                continue;
            }
            let cost = self.value(m, change, least + before) - before;
            if cost < least {
                (best, least) = (choice, cost);
            }
        }
        if best != old {
            self.put(row, best);
        }
        best != old
    }

    /// Exchanges the RSUs of `row` and of another task where that pays; whether it did.
    fn swap(&mut self, row: u32) -> bool {
        let mut swapped = false;
        let mut last = None;
        let seen = std::mem::replace(&mut self.swapped[row as usize], self.changes);
        let touched = |packing: &Self, m: u32| packing.bins[m as usize].changed > seen;
        for choice in self.menu.of(row as usize) {
            let there = self.menu.choices[choice].rsu;
            let Some(here) = self.rsu(row) else {
                return swapped;
            };
            if last == Some(there) || there == here {
                continue;
            }
            last = Some(there);
            let tight = |m: u32| self.bins[m as usize].is_tight();
            if !tight(here) && !tight(there) || !touched(self, here) && !touched(self, there) {
                continue;
            }
            let forth = self.menu.at(row as usize, there);
            let mut index = 0;
            while let Some(&other) = self.bins[there as usize].rows.get(index) {
                index += 1;
                if self.swap_pair((row, here), (other, there), &forth) {
                    swapped = true;
                    break;
                }
            }
        }
        swapped
    }

    /// The same for one `other`, at `there`, where `row` has the choices `forth`.
    fn swap_pair(
        &mut self,
        (row, here): (u32, u32),
        (other, there): (u32, u32),
        forth: &Range<usize>,
    ) -> bool {
        let before = self.bins[here as usize].value + self.bins[there as usize].value;
        let most = -LEAST_GAIN * self.local[row as usize];
        let (mut best, mut least) = (None, before + most);
        let back = self.menu.at(other as usize, here);
        for forth in forth.clone() {
            let change_there = Change {
                goes: Some(other),
                comes: Some((row, forth as u32)),
            };
            let rough_there = self.least_gain(there, change_there);
            for back in back.clone() {
                let change_here = Change {
                    goes: Some(row),
                    comes: Some((other, back as u32)),
                };
                let rough_here = self.least_gain(here, change_here);
                if before + rough_there + rough_here >= least {
                    continue;
                }
                // no bound where the swap may end an overload
                let rest = match self.bins[here as usize].is_overloaded() {
                    true => f64::NEG_INFINITY,
                    false => self.bins[here as usize].value + rough_here,
                };
                let mut cost = self.value(there, change_there, least - rest);
                if cost + rest >= least {
                    continue;
                }
                cost += self.value(here, change_here, least - cost);
                if cost < least {
                    (best, least) = (Some((forth as u32, back as u32)), cost);
                }
            }
        }
        if let Some((forth, back)) = best {
            self.put(row, forth);
            self.put(other, back);
        }
        best.is_some()
    }
}
