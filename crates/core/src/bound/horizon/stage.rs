//! The tasks of one slot, and what they choose at given prices.

use std::collections::VecDeque;
use std::sync::Arc;

use super::MOST_SLOTS;
use super::ways::{Way, Ways};
use crate::alloc::curve::Curve;
use crate::slot::Slot;

/// What is the same in all slots of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Constants {
    slot_s: f64,
    sites: Vec<Site>,
}

#[derive(Clone, Copy, Debug)]
struct Site {
    curve: Curve,
    cpu_hz: f64,
    /// No cycle costs less, whatever CPU costs.
    least_per_cycle: f64,
}

impl Site {
    fn new(curve: Curve, cpu_hz: f64) -> Self {
        let free = match curve.is_priced_exactly() {
            true => curve.free_cost_per_cycle() * (1.0 - 1e-12),
            false => 0.0,
        };
        Self {
            curve,
            cpu_hz,
            least_per_cycle: free,
        }
    }
}

impl Constants {
    pub(super) fn new(slot: &Slot) -> Self {
        let site = |m: usize| {
            let curve = Curve::new(slot.omega, slot.rsus.energy_coeff[m]);
            Site::new(curve, slot.rsus.cpu_hz[m])
        };
        Self {
            slot_s: slot.slot_s,
            sites: (0..slot.rsus.len()).map(site).collect(),
        }
    }
}

/// The tasks and prices of a slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    rows: Vec<Row>,
    uploads: Vec<Upload>,
    ways: Arc<Ways>,
    /// Which servers work; empty where none fails.
    up: Vec<bool>,
    /// lambda, and theta = mu F, per RSU.
    pub(super) band: Vec<f64>,
    pub(super) cpu: Vec<f64>,
    /// Shares of both in use at these prices.
    pub(super) band_used: Vec<f64>,
    pub(super) cpu_used: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    cycles: f64,
    data_bits: f64,
    local: f64,
    first: u32,
    end: u32,
}

/// An upload that a task could make: cost a_nm and time with the band to itself.
#[derive(Clone, Copy, Debug)]
struct Upload {
    rsu: u32,
    alone: f64,
    alone_s: f64,
}

impl Upload {
    /// Cost with 1/j of the band, whose price is `lambda`.
    fn cost(&self, lambda: f64, j: f64) -> f64 {
        j * self.alone + lambda / j
    }

    /// The cheapest j of 1 to `most`.
    fn cheapest(&self, lambda: f64, most: f64) -> f64 {
        let j = (lambda / self.alone).sqrt().floor().max(1.0).min(most);
        if j < most && self.cost(lambda, j + 1.0) < self.cost(lambda, j) {
            j + 1.0
        } else {
            j
        }
    }
}

impl Stage {
    /// Number of tasks.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Takes the tasks of `slot`, which has these `ways`.
    pub(super) fn fill(&mut self, slot: &Slot, ways: &Arc<Ways>) {
        self.ways = Arc::clone(ways);
        self.up.clone_from(&slot.rsus.up);
        self.rows.clear();
        self.uploads.clear();
        for task in 0..slot.tasks.len() {
            let first = self.uploads.len() as u32;
            let data_bits = slot.tasks.data_bits[task];
            self.uploads
                .extend(slot.links(task).iter().map(|link| Upload {
                    rsu: link.rsu,
                    alone: slot.upload_cost(task, link),
                    alone_s: data_bits * link.seconds_per_bit,
                }));
            self.rows.push(Row {
                cycles: slot.tasks.cycles[task],
                data_bits,
                local: slot.local_cost(task),
                first,
                end: self.uploads.len() as u32,
            });
        }
        for used in [&mut self.band_used, &mut self.cpu_used] {
            used.clear();
            used.resize(slot.rsus.len(), 0.0);
        }
    }

    /// Takes over the prices of the slot before.
    pub(super) fn start_from(&mut self, before: &Self) {
        self.band.clone_from(&before.band);
        self.cpu.clone_from(&before.cpu);
    }

    /// Sets the prices of band and CPU, given in units of `scale`; what does not work has none.
    pub(super) fn set_prices(&mut self, point: &[f64], scale: &[f64]) {
        let prices = self.band.iter_mut().chain(&mut self.cpu);
        for (price, (point, scale)) in prices.zip(point.iter().zip(scale)) {
            *price = point * scale;
        }
        for m in (0..self.up.len()).filter(|&m| !self.up[m]) {
            (self.band[m], self.cpu[m]) = (0.0, 0.0);
        }
    }

    /// Adds what the dual rises by with these prices.
    pub(super) fn gradient(&self, scale: &[f64], gradient: &mut Vec<f64>) {
        let used = self.band_used.iter().chain(&self.cpu_used);
        let rise = used.zip(scale).enumerate().map(|(row, (used, scale))| {
            let works = self.is_up(row % self.band_used.len());
            if works { (used - 1.0) * scale } else { 0.0 }
        });
        gradient.extend(rise);
    }

    fn is_up(&self, m: usize) -> bool {
        self.up.get(m).is_none_or(|up| *up)
    }
}

/// A way to run a task at an RSU.
#[derive(Clone, Copy, Debug)]
struct Choice {
    cost: f64,
    entry: u32,
    execution: u32,
    /// Shares of the band and, for `slots` slots, of the CPU.
    band: f64,
    cpu: f64,
    slots: u32,
}

/// What a task pays for CPU that it holds for some number of slots, with no limit on its time.
#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    cost: f64,
    hz: f64,
    /// Price of a Hz over these slots.
    price: f64,
}

/// Number of holds of an RSU: 1 to [`MOST_SLOTS`] slots, and longer.
const HOLDS: usize = MOST_SLOTS + 1;

/// Choices at this many temperatures above the best weigh 6e-6 and are left out.
const CUTOFF: f64 = 12.0;

/// Lets tasks choose at the prices, keeping its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// Holds of the present task per RSU, as far as somebody has asked where `stamp` is the present one.
    holds: Vec<[Hold; HOLDS]>,
    known: Vec<(u32, u32)>,
    stamp: u32,
    /// Price of a Hz over 1, 2, .. slots from the present one, per RSU, and how many of these holds no fault ends.
    prices: Vec<[f64; HOLDS]>,
    most_holds: Vec<usize>,
    choices: Vec<Choice>,
    /// What they weigh, relative to the best.
    weights: Vec<f64>,
}

impl Search {
    /// The smoothed dual of all `stages` from number `first` on; fills in what is used of each.
    pub(super) fn pass(
        &mut self,
        constants: &Constants,
        (stages, first): (&mut VecDeque<Stage>, usize),
        beyond: &[f64],
        temperature: f64,
    ) -> f64 {
        for stage in &mut *stages {
            stage.band_used.fill(0.0);
            stage.cpu_used.fill(0.0);
        }
        let mut value = 0.0;
        for t in first..stages.len() {
            self.sum_prices(constants, stages, beyond, t);
            let stage = std::mem::take(&mut stages[t]);
            let (mut band_used, mut cpu_used) = (stage.band_used.clone(), stage.cpu_used.clone());
            for row in &stage.rows {
                self.gather(constants, &stage, row, CUTOFF * temperature);
                let (least, total) = self.weigh(row.local, temperature);
                value += least - temperature * total.ln();
                for (choice, weight) in self.choices.iter().zip(&self.weights) {
                    let weight = weight / total;
                    band_used[choice.entry as usize] += weight * choice.band;
                    let execution = choice.execution as usize;
                    cpu_used[execution] += weight * choice.cpu;
                    for later in stages.range_mut(t + 1..).take(choice.slots as usize - 1) {
                        later.cpu_used[execution] += weight * choice.cpu;
                    }
                }
            }
            value -= stage.band.iter().chain(&stage.cpu).sum::<f64>();
            stages[t] = Stage {
                band_used,
                cpu_used,
                ..stage
            };
        }
        value
    }

    /// The first stage's part of the dual, not smoothed.
    pub(super) fn first_value(
        &mut self,
        constants: &Constants,
        stages: &VecDeque<Stage>,
        beyond: &[f64],
    ) -> f64 {
        let prices = stages[0].band.iter().chain(&stages[0].cpu).sum::<f64>();
        self.least_costs(constants, stages, beyond, 0) - prices
    }

    /// Mean cost of a task at the prices, for the scale.
    pub(super) fn mean_cost(
        &mut self,
        constants: &Constants,
        stages: &VecDeque<Stage>,
        beyond: &[f64],
    ) -> f64 {
        let costs: f64 = (0..stages.len())
            .map(|t| self.least_costs(constants, stages, beyond, t))
            .sum();
        let tasks: usize = stages.iter().map(Stage::len).sum();
        costs / tasks.max(1) as f64
    }

    /// What the tasks of stage `t` pay at least.
    fn least_costs(
        &mut self,
        constants: &Constants,
        stages: &VecDeque<Stage>,
        beyond: &[f64],
        t: usize,
    ) -> f64 {
        self.sum_prices(constants, stages, beyond, t);
        let mut total = 0.0;
        for row in &stages[t].rows {
            self.gather(constants, &stages[t], row, 0.0);
            total += self
                .choices
                .iter()
                .map(|choice| choice.cost)
                .fold(row.local, f64::min);
        }
        total
    }

    /// The least cost, and the sum of the choices' weights relative to it.
    fn weigh(&mut self, local: f64, temperature: f64) -> (f64, f64) {
        let least = self
            .choices
            .iter()
            .map(|choice| choice.cost)
            .fold(local, f64::min);
        let weight = |cost: f64| ((least - cost) / temperature).exp();
        self.weights.clear();
        self.weights
            .extend(self.choices.iter().map(|choice| weight(choice.cost)));
        let total = weight(local) + self.weights.iter().sum::<f64>();
        (least, total)
    }

    /// Prices of CPU held from slot `t` on.
    fn sum_prices(
        &mut self,
        constants: &Constants,
        stages: &VecDeque<Stage>,
        beyond: &[f64],
        t: usize,
    ) {
        let rsus = constants.sites.len();
        self.prices.resize(rsus, [0.0; HOLDS]);
        self.holds.resize(rsus, [Hold::default(); HOLDS]);
        self.known.resize(rsus, (0, 0));
        self.most_holds.clear();
        self.most_holds.extend((0..rsus).map(|m| {
            let failed = (t..stages.len().min(t + MOST_SLOTS)).find(|&t| !stages[t].is_up(m));
            failed.map_or(HOLDS, |failed| failed - t)
        }));
        for (m, (prices, site)) in self.prices.iter_mut().zip(&constants.sites).enumerate() {
            let mut sum = 0.0;
            for (k, price) in prices.iter_mut().enumerate() {
                if k < MOST_SLOTS {
                    sum += stages.get(t + k).map_or(beyond[m], |stage| stage.cpu[m]);
                }
                *price = sum / site.cpu_hz;
            }
        }
    }

    /// Collects the ways to run a task at RSUs that cost at most `margin` more than the cheapest.
    fn gather(&mut self, constants: &Constants, stage: &Stage, row: &Row, margin: f64) {
        self.choices.clear();
        self.stamp = self.stamp.wrapping_add(1);
        let mut limit = row.local + margin;
        // No more than all tasks of a slot share a band.
        let sharers = stage.rows.len() as f64;
        for upload in &stage.uploads[row.first as usize..row.end as usize] {
            let lambda = stage.band[upload.rsu as usize];
            let j = upload.cheapest(lambda, sharers);
            let cost = upload.cost(lambda, j);
            if let Some(far) = stage.ways.far_cost_per_bit[upload.rsu as usize] {
                self.take(
                    &mut limit,
                    margin,
                    Choice {
                        cost: cost + far * row.data_bits,
                        entry: upload.rsu,
                        execution: upload.rsu,
                        band: 1.0 / j,
                        cpu: 0.0,
                        slots: 1,
                    },
                );
            }
            for way in stage.ways.from(upload.rsu) {
                let base = way.cost(row.data_bits);
                let run = constants.sites[way.rsu as usize].least_per_cycle * row.cycles;
                if cost + base + run <= limit {
                    self.gather_at(
                        constants,
                        row,
                        (upload, lambda, j),
                        way,
                        (&mut limit, margin),
                    );
                }
            }
        }
    }

    /// The same for one way: with each number of slots that the task may take, the best share of band and CPU.
    fn gather_at(
        &mut self,
        constants: &Constants,
        row: &Row,
        (upload, lambda, most): (&Upload, f64, f64),
        way: &Way,
        (limit, margin): (&mut f64, f64),
    ) {
        let base = way.cost(row.data_bits);
        for k in 1..=self.most_holds[way.rsu as usize] {
            let hold = self.hold(constants, way.rsu as usize, row.cycles, k);
            if upload.cost(lambda, most) + base + hold.cost > *limit {
                break;
            }
            let (best, unhurried) = best_in(constants, row, (upload, lambda, most), way, (k, hold));
            if let Some(best) = best {
                self.take(limit, margin, best);
            }
            if unhurried {
                break;
            }
        }
    }

    fn take(&mut self, limit: &mut f64, margin: f64, choice: Choice) {
        if choice.cost <= *limit {
            *limit = limit.min(choice.cost + margin);
            self.choices.push(choice);
        }
    }

    /// What the task pays at RSU `m` for `k` slots; asked for 1, 2, .. in this order, and seldom for many.
    fn hold(&mut self, constants: &Constants, m: usize, cycles: f64, k: usize) -> Hold {
        let (stamp, known) = &mut self.known[m];
        if *stamp != self.stamp {
            (*stamp, *known) = (self.stamp, 0);
        }
        if (*known as usize) < k {
            *known = k as u32;
            let (site, price) = (&constants.sites[m], self.prices[m][k - 1]);
            let (cost, hz) = site.curve.priced_cost(price, cycles, 0.0, site.cpu_hz);
            self.holds[m][k - 1] = Hold { cost, hz, price };
        }
        self.holds[m][k - 1]
    }
}

/// The best share of the band for a task that holds CPU for `k` slots, and whether it has time to spare even with
/// the band that suits it best: more slots would then only cost more.
fn best_in(
    constants: &Constants,
    row: &Row,
    (upload, lambda, most): (&Upload, f64, f64),
    way: &Way,
    (k, hold): (usize, Hold),
) -> (Option<Choice>, bool) {
    let site = &constants.sites[way.rsu as usize];
    let base = way.cost(row.data_bits);
    let way_s = way.s_per_bit * row.data_bits;
    // What 1/j of the band costs, whether the task is then in time at the CPU that suits it best, and the CPU it takes;
    // `None` where even all CPU is too little.
    let with = |j: f64| {
        let left_s = k as f64 * constants.slot_s - j * upload.alone_s - way_s;
        let least_hz = if left_s > 0.0 {
            row.cycles / left_s
        } else {
            f64::INFINITY
        };
        let in_time = k == HOLDS || least_hz <= hold.hz;
        if !in_time && least_hz > site.cpu_hz {
            return None;
        }
        let (run, hz) = if in_time {
            (hold.cost, hold.hz)
        } else {
            let run = site.curve.cost(row.cycles, least_hz) + hold.price * least_hz;
            (run, least_hz)
        };
        Some((upload.cost(lambda, j) + base + run, in_time, hz))
    };
    let choice = |j: f64, (cost, _, hz): (f64, bool, f64)| Choice {
        cost,
        entry: upload.rsu,
        execution: way.rsu,
        band: 1.0 / j,
        cpu: hz / site.cpu_hz,
        slots: k as u32,
    };
    let widest = with(most);
    if let Some(widest @ (_, true, _)) = widest {
        return (Some(choice(most, widest)), true);
    }
    // The cost is convex in the band: up to the best j it falls, and beyond what the CPU can make up for there is none.
    let falls_until = |j: f64| match (with(j - 1.0), with(j)) {
        (Some((before, ..)), Some((here, ..))) => here <= before,
        _ => false,
    };
    let (mut best, mut beyond) = (1.0, most + 1.0);
    while beyond - best > 1.0 {
        let middle = (0.5 * (best + beyond)).floor();
        if falls_until(middle) {
            best = middle;
        } else {
            beyond = middle;
        }
    }
    (with(best).map(|found| choice(best, found)), false)
}

#[cfg(test)]
mod tests;
