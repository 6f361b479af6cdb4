//! What the network sees of a task: a row for its vehicle, and one for each placement at an RSU.

use super::super::features::{cut, flag, over, share, squash, squashed};
use super::super::tentative::{Execution, Site};
use super::{Head, Layout, Totals, Trial, WIDTH, local_delay_s, slots_held};
use crate::slot::Slot;

/// Rows written side by side: the vehicle and four RSUs fit.
const LANES: usize = 6;

/// A number for every lane.
type Lanes = [f64; LANES];

/// What rows are made of, row beside row.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// Costs of features 4 to 8; total less nothing, and less the least total.
    costs: [Lanes; 5],
    total: Lanes,
    hz: Lanes,
    moved_s: Lanes,
    capacity_hz: Lanes,
}

impl Rows {
    /// Writes the rows of the head's task, and the slots that `trials` begin.
    #[allow(clippy::too_many_arguments)]
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

        self.vehicle(head.local, local_delay_s(slot, task));
        self.load(1, sites, first);
        let columns = self.columns(slot, layout, task, best);
        columns.write(0, &tail, &mut near[0]);
        near[0][0] = 1.0;
        self.finish(slot, 1, &columns, (sites, first), &tail, &mut near[1..]);
        for (trials, rows) in rest.chunks_mut(LANES).zip(far.chunks_mut(LANES)) {
            self.load(0, sites, trials);
            let columns = self.columns(slot, layout, task, best);
            self.finish(slot, 0, &columns, (sites, trials), &tail, rows);
        }
    }

    /// Puts the vehicle into the first lane: all that an RSU would add is nothing.
    fn vehicle(&mut self, local: f64, delay_s: f64) {
        self.costs.iter_mut().for_each(|costs| costs[0] = 0.0);
        self.costs[3][0] = local;
        self.total[0] = local;
        // its delay stands where the time until it may execute does
        (self.moved_s[0], self.hz[0], self.capacity_hz[0]) = (delay_s, f64::INFINITY, 1.0);
    }

    /// Puts trials into the lanes from `lane` on.
    fn load(&mut self, lane: usize, sites: &[Site], trials: &[Trial]) {
        for (i, trial) in trials.iter().enumerate() {
            let (l, way) = (lane + i, &trial.way);
            let Execution { hz, own, added, .. } = trial.execution;
            let costs = [way.own, way.others, way.migration, own, added - own];
            for (lanes, cost) in self.costs.iter_mut().zip(costs) {
                lanes[l] = cost;
            }
            self.total[l] = trial.total;
            self.hz[l] = hz;
            self.moved_s[l] = way.moved_s;
            self.capacity_hz[l] = sites[trial.rsu as usize].capacity_hz;
        }
    }

    /// Features 4 to 18 but 16 of all lanes.
    fn columns(&self, slot: &Slot, layout: &Layout, task: usize, best: f64) -> Columns {
        let scale = layout.scales.cost;
        let (cycles, deadline_s) = (slot.tasks.cycles[task], slot.tasks.deadline_s[task]);
        let mut regret = self.total;
        regret.iter_mut().for_each(|total| *total -= best);
        let [own, others, migration, execution, added] = self.costs;
        let costs = [
            (own, 0.1),
            (others, 0.1),
            (migration, 0.1),
            (execution, 0.5),
            (added, 0.1),
            (self.total, 0.5),
            (regret, 0.005),
            (regret, 0.05),
            (regret, 0.5),
        ];
        let costs = costs.map(|(costs, unit)| squashed(over(costs, [unit * scale; LANES])));
        let mut delay_s = over([cycles; LANES], self.hz);
        let mut slack_s = [0.0; LANES];
        for l in 0..LANES {
            delay_s[l] += self.moved_s[l];
            slack_s[l] = deadline_s - delay_s[l];
        }
        let slack = over(slack_s, [deadline_s; LANES]);
        let slots = over(delay_s, [slot.slot_s; LANES]);
        let held = slots.map(slots_held);
        let (mut withheld_hz, mut taken) = ([0.0; LANES], [0.0; LANES]);
        for l in 0..LANES {
            withheld_hz[l] = 10.0 * self.hz[l] * held[l];
            taken[l] = self.hz[l] * held[l] * slot.slot_s;
        }
        let used = over([cycles; LANES], taken);
        Columns {
            costs,
            slack,
            squashed_slots: squashed(slots),
            slots,
            held,
            withheld: squashed(over(withheld_hz, self.capacity_hz)),
            used,
        }
    }

    /// Writes the rows of the trials that stand in the lanes from `lane` on.
    fn finish(
        &self,
        slot: &Slot,
        lane: usize,
        columns: &Columns,
        (sites, trials): (&mut [Site], &mut [Trial]),
        tail: &[f32; TAIL],
        rows: &mut [[f32; WIDTH]],
    ) {
        for (i, (trial, row)) in trials.iter_mut().zip(rows).enumerate() {
            let l = lane + i;
            trial.slots = columns.held[l];
            columns.write(l, tail, row);
            row[1] = flag(trial.way.hops > 0);
            row[2] = flag(trial.span == 1);
            row[3] = flag(trial.span == 2);
            row[15] = share(columns.held[l] - columns.slots[l]);
            row[17] = columns.withheld[l];
            row[18] = share(columns.used[l]);
            let m = trial.rsu as usize;
            let line = sites[m].line(slot, m, &trial.execution);
            row[16] = line[0];
            row[19..26].copy_from_slice(&line[1..]);
        }
    }
}

/// Features, row beside row.
struct Columns {
    /// Features 4 to 12.
    costs: [[f32; LANES]; 9],
    slack: Lanes,
    squashed_slots: [f32; LANES],
    /// Slots until it ends, and those begun.
    slots: Lanes,
    held: Lanes,
    withheld: [f32; LANES],
    used: Lanes,
}

impl Columns {
    /// What rows of vehicles and RSUs have in common.
    #[inline]
    fn write(&self, lane: usize, tail: &[f32; TAIL], row: &mut [f32; WIDTH]) {
        for (x, costs) in row[4..13].iter_mut().zip(&self.costs) {
            *x = costs[lane];
        }
        row[13] = cut(self.slack[lane]);
        row[14] = self.squashed_slots[lane];
        row[WIDTH - TAIL..].copy_from_slice(tail);
    }
}

/// Features that all rows of a task share.
const TAIL: usize = 10;

/// The last features of every row.
fn tail(slot: &Slot, layout: &Layout, task: usize, local: f64, totals: &Totals) -> [f32; TAIL] {
    let vehicle = slot.tasks.vehicle[task] as usize;
    let scales = &layout.scales;
    let tasks = (slot.tasks.len() as f64).max(1.0);
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
            totals.decided,
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
            tasks,
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
