//! What the network sees of a task: a row for its vehicle, and one for each placement at an RSU.

use super::super::features::{cut, flag, over, share, squash};
use super::super::tentative::{Execution, Site};
use super::{Head, Layout, Totals, Trial, WIDTH, local_delay_s, slots_held};
use crate::slot::Slot;

/// Rows written side by side: the vehicle and four RSUs fit.
const LANES: usize = 6;

/// A number for every lane.
type Lanes = [f64; LANES];

/// What rows are made of, row beside row.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// Features 4 to 12 before they are scaled: costs, their total, and thrice how far it is above the least.
    costs: [Lanes; 9],
    hz: Lanes,
    moved_s: Lanes,
    capacity_hz: Lanes,
    /// Slots until it ends, and those begun.
    slots: Lanes,
    held: Lanes,
    /// Features 4 to 12, 14, 17; 13 and 18 before they are cut.
    squashed: [[f32; LANES]; 9],
    slots_squashed: [f32; LANES],
    withheld: [f32; LANES],
    withheld_hz: Lanes,
    slack: Lanes,
    used: Lanes,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            costs: [[0.0; LANES]; 9],
            // unused lanes must hold numbers, too
            hz: [1.0; LANES],
            moved_s: [0.0; LANES],
            capacity_hz: [1.0; LANES],
            slots: [0.0; LANES],
            held: [0.0; LANES],
            squashed: [[0.0; LANES]; 9],
            slots_squashed: [0.0; LANES],
            withheld: [0.0; LANES],
            withheld_hz: [0.0; LANES],
            slack: [0.0; LANES],
            used: [0.0; LANES],
        }
    }
}

/// So large that it adds nothing to a delay, but finite.
const ENDLESS_HZ: f64 = 1e200;

/// What features 4 to 12 are divided by, as shares of the mean task's cost on its vehicle.
const UNITS: [f64; 9] = [0.1, 0.1, 0.1, 0.5, 0.1, 0.5, 0.005, 0.05, 0.5];

impl Rows {
    /// Writes the rows of the head's task, and the slots that `trials` begin.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call in the hot loop, and all of it is needed"
    )]
    pub(super) fn write(
        &mut self,
        slot: &Slot,
        layout: &Layout,
        head: &Head,
        totals: &Totals,
        sites: &mut [Site],
        trials: &mut [Trial],
        rows: &mut Vec<f32>,
    ) {
        let task = head.task as usize;
        let totals_of_all = trials.iter().map(|trial| trial.total);
        let best = totals_of_all.fold(head.local, f64::min);
        let tail = tail(slot, layout, task, head.local, totals);
        let begin = rows.len();
        rows.resize(begin + (1 + trials.len()) * WIDTH, 0.0);
        let (rows, _) = rows[begin..].as_chunks_mut::<WIDTH>();
        let (first, rest) = trials.split_at_mut(trials.len().min(LANES - 1));
        let (near, far) = rows.split_at_mut(1 + first.len());

        self.vehicle(head.local, local_delay_s(slot, task), best);
        self.load(1, sites, first, best);
        self.compute(slot, layout, task);
        near[0][0] = 1.0;
        self.common(0, &tail, &mut near[0]);
        self.finish(slot, layout, 1, sites, first, &tail, &mut near[1..]);
        for (trials, rows) in rest.chunks_mut(LANES).zip(far.chunks_mut(LANES)) {
            self.load(0, sites, trials, best);
            self.compute(slot, layout, task);
            self.finish(slot, layout, 0, sites, trials, &tail, rows);
        }
    }

    /// Puts the vehicle into the first lane: all that an RSU would add is nothing.
    fn vehicle(&mut self, local: f64, delay_s: f64, best: f64) {
        let regret = local - best;
        let costs = [0.0, 0.0, 0.0, local, 0.0, local, regret, regret, regret];
        for (lanes, cost) in self.costs.iter_mut().zip(costs) {
            lanes[0] = cost;
        }
        // its delay stands where the time until it may execute does
        (self.moved_s[0], self.hz[0], self.capacity_hz[0]) = (delay_s, ENDLESS_HZ, 1.0);
    }

    /// Puts trials into the lanes from `lane` on.
    #[inline]
    fn load(&mut self, lane: usize, sites: &[Site], trials: &[Trial], best: f64) {
        for (l, trial) in (lane..LANES).zip(trials) {
            let Trial { path, total, .. } = trial;
            let Execution { hz, own, added, .. } = trial.execution;
            let regret = total - best;
            self.costs[0][l] = path.own;
            self.costs[1][l] = path.others;
            self.costs[2][l] = path.migration;
            self.costs[3][l] = own;
            self.costs[4][l] = added - own;
            self.costs[5][l] = *total;
            self.costs[6][l] = regret;
            self.costs[7][l] = regret;
            self.costs[8][l] = regret;
            self.hz[l] = hz;
            self.moved_s[l] = path.moved_s;
            self.capacity_hz[l] = sites[trial.rsu as usize].capacity_hz;
        }
    }

    /// Features 4 to 18 but 16 of all lanes.
    #[allow(clippy::needless_range_loop)] // lanes of several columns at once
    #[inline]
    fn compute(&mut self, slot: &Slot, layout: &Layout, task: usize) {
        let (cycles, deadline_s) = (slot.tasks.cycles[task], slot.tasks.deadline_s[task]);
        let cost = layout.scales.cost;
        // finiteness is not tested per number: they are nearly always finite, and the sum shows if one is not
        let bounded = |x: f64| x / (1.0 + x.abs());
        let mut sums = [0.0; LANES];
        for ((squashed, costs), unit) in self.squashed.iter_mut().zip(&self.costs).zip(UNITS) {
            let unit = unit * cost;
            for l in 0..LANES {
                let y = bounded(costs[l] / unit);
                sums[l] += y;
                squashed[l] = y as f32;
            }
        }
        for l in 0..LANES {
            let delay_s = self.moved_s[l] + cycles / self.hz[l];
            self.slots[l] = delay_s / slot.slot_s;
            self.slack[l] = (deadline_s - delay_s) / deadline_s;
        }
        self.held = self.slots.map(slots_held);
        for l in 0..LANES {
            self.withheld_hz[l] = 10.0 * self.hz[l] * self.held[l];
            self.used[l] = cycles / (self.hz[l] * self.held[l] * slot.slot_s);
        }
        for l in 0..LANES {
            let slots = bounded(self.slots[l]);
            let withheld = bounded(self.withheld_hz[l] / self.capacity_hz[l]);
            sums[l] += slots + withheld;
            self.slots_squashed[l] = slots as f32;
            self.withheld[l] = withheld as f32;
        }
        if sums.iter().sum::<f64>().is_nan() {
            self.squash_all(cost);
        }
    }

    /// Squashes whatever there is.
    #[cold]
    fn squash_all(&mut self, cost: f64) {
        for ((squashed, costs), unit) in self.squashed.iter_mut().zip(&self.costs).zip(UNITS) {
            *squashed = costs.map(|x| squash(x / (unit * cost)));
        }
        self.slots_squashed = self.slots.map(squash);
        for l in 0..LANES {
            self.withheld[l] = squash(self.withheld_hz[l] / self.capacity_hz[l]);
        }
    }

    /// Writes the rows of the trials that stand in the lanes from `lane` on.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call in the hot loop, and all of it is needed"
    )]
    #[inline]
    fn finish(
        &self,
        slot: &Slot,
        layout: &Layout,
        lane: usize,
        sites: &mut [Site],
        trials: &mut [Trial],
        tail: &[f32; TAIL],
        rows: &mut [[f32; WIDTH]],
    ) {
        for (l, (trial, row)) in (lane..LANES).zip(trials.iter_mut().zip(rows)) {
            trial.slots = self.held[l];
            self.common(l, tail, row);
            row[1] = flag(trial.path.hops > 0);
            if layout.priced {
                row[2] = share(f64::from(trial.span) / layout.spans as f64);
                row[3] = squash(trial.later / (UNITS[0] * layout.scales.cost));
            } else {
                row[2] = flag(trial.span == 1);
                row[3] = flag(trial.span == 2);
            }
            row[15] = share(self.held[l] - self.slots[l]);
            row[17] = self.withheld[l];
            row[18] = share(self.used[l]);
            let m = trial.rsu as usize;
            let line = sites[m].line(slot, m, &trial.execution);
            row[16] = line[0];
            row[19..26].copy_from_slice(&line[1..]);
        }
    }

    /// What rows of vehicles and RSUs have in common.
    #[inline]
    fn common(&self, l: usize, tail: &[f32; TAIL], row: &mut [f32; WIDTH]) {
        for (x, squashed) in row[4..13].iter_mut().zip(&self.squashed) {
            *x = squashed[l];
        }
        row[13] = cut(self.slack[l]);
        row[14] = self.slots_squashed[l];
        row[WIDTH - TAIL..].copy_from_slice(tail);
    }
}

/// Features that all rows of a task share.
const TAIL: usize = 10;

/// The last features of every row.
fn tail(slot: &Slot, layout: &Layout, task: usize, local: f64, totals: &Totals) -> [f32; TAIL] {
    let vehicle = slot.tasks.vehicle[task] as usize;
    let scales = &layout.scales;
    let [
        cycles,
        data,
        wait,
        local,
        links,
        decided,
        demand,
        free,
        on_vehicles,
        speed,
    ] = over(
        [
            slot.tasks.cycles[task],
            slot.tasks.data_bits[task],
            slot.vehicles.local_wait_s[vehicle],
            local,
            slot.links(task).len() as f64,
            totals.before + totals.decided,
            totals.held_hz + totals.elastic_hz,
            totals.available_hz,
            totals.decided_local,
            slot.slot_s * slot.vehicles.cpu_hz[vehicle],
        ],
        [
            scales.cycles,
            scales.data_bits,
            slot.slot_s,
            scales.cost,
            8.0,
            totals.decisions,
            totals.available_hz,
            totals.capacity_hz,
            totals.decided.max(1.0),
            scales.cycles,
        ],
    );
    [
        cut(cycles - 1.0),
        cut(data - 1.0),
        squash(wait),
        squash(local),
        share(links),
        share(decided),
        squash(demand),
        share(free),
        share(on_vehicles),
        squash(speed),
    ]
}
