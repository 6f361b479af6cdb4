//! Passes over a block of tasks at given prices. Blocks write nothing that another one reads, so a large slot runs them on
//! several threads.

use super::effort::Effort;
use super::floor::Floor;
use super::newton::{Candidate, Tally};
use super::prices::{Offers, Prices, Site, upload_at};
use crate::backhaul::Target;
use crate::slot::Slot;
use crate::slot::table::{TaskRow, TaskTable};
use std::ops::Range;

/// What all blocks of a pass read.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) slot: &'a Slot,
    pub(super) prices: &'a Prices,
    pub(super) sites: &'a [Site],
    pub(super) floor: &'a Floor,
    pub(super) table: &'a TaskTable,
}

/// A block of tasks: memory for the one at hand, and what a pass found.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) offers: Offers,
    /// What the task just looked at may do.
    candidates: Vec<Candidate>,
    /// Sum over the tasks of the last pass.
    pub(super) value: f64,
}

impl Block {
    /// The least that the tasks in `rows` cost, with soft minima; fills `tally`.
    pub(super) fn smooth(
        &mut self,
        view: View<'_>,
        rows: Range<usize>,
        temperature: f64,
        effort: Effort,
        tally: &mut Tally,
    ) {
        tally.reset(view.sites.len());
        self.value = 0.0;
        for row in view.table.rows()[rows].iter().step_by(effort.sample) {
            self.gather(view, row, effort.cutoff * temperature, effort.targets);
            let (value, mean) = self.soften(row.local, temperature);
            self.value += value;
            tally.add(
                &self.candidates,
                view.prices,
                self.offers.last(),
                (temperature, mean),
                effort.least_weight,
            );
        }
        tally.close();
    }

    /// The least that the tasks from row `first` on cost, with hard minima; sets where each of them costs it.
    pub(super) fn choose(
        &mut self,
        view: View<'_>,
        first: usize,
        chosen: &mut [Option<(u32, u32)>],
    ) {
        self.value = 0.0;
        for (row, chosen) in view.table.rows()[first..].iter().zip(chosen) {
            let beyond = self.gather(view, row, 0.0, usize::MAX);
            let best = self
                .candidates
                .iter()
                .min_by(|a, b| a.cost.total_cmp(&b.cost));
            let best = best.filter(|candidate| candidate.cost < row.local);
            *chosen = best.map(|candidate| (candidate.entry, candidate.execution));
            self.value += best
                .map_or(row.local, |candidate| candidate.cost)
                .min(beyond);
        }
    }

    /// Collects the ways to run a task at RSUs that cost at most `margin` more than the cheapest (local
    /// included), and returns a lower bound on all ways to RSUs beyond the routes' reach. Of each entry's targets only the
    /// first `most_targets` are tried.
    fn gather(&mut self, view: View<'_>, row: &TaskRow, margin: f64, most_targets: usize) -> f64 {
        let Self {
            offers, candidates, ..
        } = self;
        let (slot, prices) = (view.slot, view.prices);
        candidates.clear();
        offers.next_task();
        let TaskRow {
            cycles, data_bits, ..
        } = *row;
        let least_execution = view.floor.cost(cycles);
        let least_spb = slot.routes.least_seconds_per_bit;
        let mut limit = row.local + margin;
        let mut beyond = f64::INFINITY;
        for upload in view.table.uploads(row) {
            let entry = upload.rsu;
            let (lambda, alone) = (prices.band[entry as usize], upload.alone());
            // u(lambda, a) >= a + min(lambda, a): most links are too dear already without a root.
            if alone + lambda.min(alone) + least_execution > limit {
                continue;
            }
            let (upload, band) = upload_at(lambda, alone);
            if upload + least_execution > limit {
                continue;
            }
            if let Some(far) = &slot.routes.beyond[entry as usize] {
                let hops = slot.least_migration_cost(data_bits, far.hops, least_spb);
                beyond = beyond.min(upload + hops + least_execution);
            }
            limit = slot.visit_targets(
                first(slot.routes.targets(entry), most_targets),
                upload,
                data_bits,
                least_execution,
                limit,
                |target, way, limit| {
                    let m = target.rsu as usize;
                    let offer = offers.of(view.sites, m, prices.cpu[m], cycles);
                    let cost = way + offer.cost;
                    if cost > limit {
                        return limit;
                    }
                    candidates.push(Candidate {
                        cost,
                        weight: 0.0,
                        entry,
                        execution: target.rsu,
                        band,
                        cpu: offer.share,
                    });
                    limit.min(cost + margin)
                },
            );
        }
        beyond
    }

    /// Soft minimum of the gathered choices and `local`, and their mean cost; sets the weights.
    fn soften(&mut self, local: f64, temperature: f64) -> (f64, f64) {
        let least = self.candidates.iter().map(|c| c.cost).fold(local, f64::min);
        let mut total = ((least - local) / temperature).exp();
        // no weight may meet an infinite cost
        let mut mean = if total > 0.0 { total * local } else { 0.0 };
        for candidate in &mut self.candidates {
            candidate.weight = ((least - candidate.cost) / temperature).exp();
            total += candidate.weight;
            if candidate.weight > 0.0 {
                mean += candidate.weight * candidate.cost;
            }
        }
        for candidate in &mut self.candidates {
            candidate.weight /= total;
        }
        (least - temperature * total.ln(), mean / total)
    }
}

/// At most `most` of the `targets`, nearest first.
fn first(targets: &[Target], most: usize) -> &[Target] {
    &targets[..targets.len().min(most)]
}
