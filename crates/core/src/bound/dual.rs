//! The simple bound: prices by smoothed dual ascent.
//!
//! Every task's minimum is replaced by a soft minimum of temperature T, which makes the dual concave and
//! twice differentiable; projected Newton steps climb it while T falls. Newton systems are solved by
//! conjugate gradients on products with the tasks that still hesitate, so that time and memory grow
//! with the tasks and not with the square of the RSUs. The bound itself is then taken with hard minima.

use crate::alloc::curve::Curve;
use crate::slot::Slot;
use crate::slot::table::{TaskRow, TaskTable};

/// How far a solve goes. Temperatures are relative to the mean cost of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// First temperature without prices of an earlier slot.
    pub cold_temperature: f64,
    /// First temperature with them.
    pub warm_temperature: f64,
    /// Last temperature.
    pub last_temperature: f64,
    /// Factor between temperatures.
    pub cooling: f64,
    /// Newton steps at each temperature, not counting those that still gain more than `far`.
    pub steps: usize,
    /// Gain, relative to the cost of all tasks, above which it is still a long way.
    pub far: f64,
    /// Gain, relative to the bound, that is not worth a step.
    pub tolerance: f64,
    /// Gain, relative to the bound, below which a step is the last one and is taken without a pass over
    /// the tasks to check it.
    pub trust: f64,
    /// Most conjugate-gradient turns per Newton step.
    pub turns: usize,
    /// Choices this many temperatures above the best weigh nothing (12: 6e-6; 7: 1e-3).
    pub cutoff: f64,
    /// Choices lighter than this count in the gradient but not in the curvature, which only steers.
    pub least_weight: f64,
}

impl Effort {
    /// For the certificate of a run.
    pub const CERTIFY: Self = Self {
        cold_temperature: 3e-2,
        warm_temperature: 1e-3,
        last_temperature: 3e-5,
        cooling: 0.15,
        steps: 10,
        far: 1e-4,
        tolerance: 1e-9,
        trust: 0.0,
        turns: 8,
        cutoff: 12.0,
        least_weight: 1e-3,
    };
    /// For a policy that only wants good prices, from those of the last slot: a rough step now is worth
    /// more than a fine one later.
    pub const DECIDE: Self = Self {
        cold_temperature: 3e-2,
        warm_temperature: 1e-3,
        last_temperature: 1e-3,
        cooling: 0.15,
        steps: 4,
        far: 1e-2,
        tolerance: 2e-5,
        trust: 1e-3,
        turns: 3,
        cutoff: 5.0,
        least_weight: 2e-3,
    };

    /// For temperatures above the warm one: there a task on a large map hesitates between hundreds of places, and the
    /// optimum is only a place to start from.
    const HOT: Self = Self {
        least_weight: 1e-2,
        ..Self::DECIDE
    };
}

/// Prices lambda (band) and theta = mu F (CPU, for all of an RSU), both in units of cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// lambda_m.
    pub band: Vec<f64>,
    /// theta_m = mu_m F_m, with F_m the CPU available.
    pub cpu: Vec<f64>,
}

/// One way to run a task, as the dual sees it.
#[derive(Clone, Copy, Debug)]
struct Choice {
    cost: f64,
    /// Probability under the soft minimum.
    weight: f64,
    /// Entry and execution RSU.
    entry: u32,
    execution: u32,
    /// d cost / d lambda: the band share b.
    band: f64,
    /// d cost / d theta: the CPU share F / F_m.
    cpu: f64,
}

/// A choice of a task that hesitates, as the curvature sees it; small, for passes over it are bound by
/// memory.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    entry: u32,
    execution: u32,
    weight: f32,
    /// Shares, as the upper halves of `f32`: three digits steer well enough.
    band: u16,
    cpu: u16,
}

impl Doubt {
    fn new(choice: &Choice) -> Self {
        let upper = |share: f64| ((share as f32).to_bits() >> 16) as u16;
        Self {
            entry: choice.entry,
            execution: choice.execution,
            weight: choice.weight as f32,
            band: upper(choice.band),
            cpu: upper(choice.cpu),
        }
    }

    /// (b, F / F_m).
    #[inline]
    fn shares(&self) -> (f64, f64) {
        let whole = |upper: u16| f64::from(f32::from_bits(u32::from(upper) << 16));
        (whole(self.band), whole(self.cpu))
    }
}

/// What a task would run at an RSU for, at the present price.
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    stamp: u32,
    cost: f64,
    /// F / F_m and its derivative by theta.
    share: f64,
    share_slope: f64,
}

/// A way to run a task at an RSU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Index among the task's links.
    pub(super) link: usize,
    pub(super) cost: f64,
    /// Execution RSU and the share of its CPU; `None` for one beyond the routes' reach.
    pub(super) execution: Option<(u32, f64)>,
}

/// Where a climb at one temperature ended.
#[derive(Clone, Copy, Debug)]
struct Climbed {
    value: f64,
    /// Steps gain little, though by the gradient there is far to go.
    stuck: bool,
}

impl Climbed {
    fn to(value: f64) -> Self {
        Self {
            value,
            stuck: false,
        }
    }
}

/// The tasks nearest to an RSU.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    count: f64,
    cycles: f64,
    local: f64,
    /// Sums of a_nm and of its root.
    upload: f64,
    root_upload: f64,
}

impl Crowd {
    fn join(&mut self, row: &TaskRow, alone: f64) {
        self.count += 1.0;
        self.cycles += row.cycles;
        self.local += row.local;
        self.upload += alone;
        self.root_upload += alone.sqrt();
    }
}

/// Constants of an RSU in one slot.
#[derive(Clone, Copy, Debug)]
struct Site {
    curve: Curve,
    available_hz: f64,
}

/// Lower bound of what a task runs for at any RSU at the present prices. It spares looking at far RSUs one
/// by one, and bounds those beyond the routes' reach.
///
/// The least of g(mu_m, C) over m is concave in C, a minimum of functions linear in C. So the chords
/// between a few knots lie below it.
#[derive(Clone, Debug, Default)]
struct Floor {
    /// Cycles at the knots, from the slot's smallest task to its largest.
    cycles: [f64; KNOTS],
    cost: [f64; KNOTS],
}

const KNOTS: usize = 6;

impl Floor {
    /// Spaces the knots evenly in the logarithm over the slot's tasks.
    fn span(&mut self, cycles: &[f64]) {
        let least = cycles.iter().copied().fold(f64::INFINITY, f64::min);
        let most = cycles.iter().copied().fold(0.0, f64::max);
        let ratio = (most / least).powf(1.0 / (KNOTS - 1) as f64);
        self.cycles[0] = least;
        for k in 1..KNOTS {
            self.cycles[k] = self.cycles[k - 1] * ratio;
        }
        self.cycles[KNOTS - 1] = most;
    }

    fn set(&mut self, sites: &[Site], theta: &[f64]) {
        self.cost = [f64::INFINITY; KNOTS];
        for (site, &theta) in sites
            .iter()
            .zip(theta)
            .filter(|(s, _)| s.available_hz > 0.0)
        {
            let price = theta / site.available_hz;
            for (cost, &cycles) in self.cost.iter_mut().zip(&self.cycles) {
                let priced = site
                    .curve
                    .priced_cost(price, cycles, 0.0, site.available_hz);
                *cost = cost.min(priced.0);
            }
        }
    }

    /// At least this much, wherever a task of `cycles` runs; infinite where no RSU has any CPU.
    fn cost(&self, cycles: f64) -> f64 {
        let k = self.cycles[1..KNOTS - 1].partition_point(|&knot| knot < cycles);
        let width = self.cycles[k + 1] - self.cycles[k];
        let along = if width > 0.0 {
            (cycles - self.cycles[k]) / width
        } else {
            0.0
        };
        let chord = self.cost[k] + along.clamp(0.0, 1.0) * (self.cost[k + 1] - self.cost[k]);
        if chord.is_nan() { f64::INFINITY } else { chord }
    }
}

/// Solves the dual slot after slot, warm from the last prices, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Dual {
    prices: Prices,
    sites: Vec<Site>,
    offers: Vec<Offer>,
    stamp: u32,
    floor: Floor,
    /// About what a task costs: by the bound in the last pass with hard minima.
    mean_cost: f64,
    /// Constants of the tasks by their nearest RSU: neighbours in it share routes, prices and cache lines;
    /// the order is canonical so that whoever places tasks next can take it over.
    table: TaskTable,
    /// Per RSU the tasks nearest to it, and the local cost of those without any; of a cold start.
    crowds: Vec<Crowd>,
    lonely: f64,
    /// Per row the RSUs of the cheapest way in the last pass with hard minima; `None`: local.
    chosen: Vec<Option<(u32, u32)>>,
    choices: Vec<Choice>,
    /// Choices of tasks that hesitate: `hesitant[start[i]..start[i + 1]]`.
    hesitant: Vec<Doubt>,
    start: Vec<u32>,
    newton: Newton,
    /// Prices that a Newton step started from.
    start_prices: Prices,
}

/// Gradient, curvature and the vectors of the conjugate gradients; band and CPU stacked.
#[derive(Clone, Debug, Default)]
struct Newton {
    gradient: Vec<f64>,
    /// Diagonal of the curvature that is not a covariance.
    bend: Vec<f64>,
    /// Diagonal of the whole curvature plus damping, the preconditioner.
    diagonal: Vec<f64>,
    damping: Vec<f64>,
    free: Vec<bool>,
    step: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
}

/// Most that a Newton step changes a price, relative to it.
const MOST_CHANGE: f64 = 0.4;

/// Share of the Newton step taken on trust. Measured whole steps gained a third to two thirds of what they
/// promised, so the dual bends that much more than its curvature at the start says.
const TRUSTED_LENGTH: f64 = 0.7;

/// Most steps at one temperature: prices change by [`MOST_CHANGE`], so they have gone everywhere by then.
const MOST_STEPS: usize = 100;

impl Dual {
    /// The prices of the last solve.
    #[must_use]
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Maximises the bound and returns it: a lower bound of the sum over tasks of the cost in (15).
    pub fn solve(&mut self, slot: &Slot, effort: Effort) -> f64 {
        let warm = self.prices.band.len() == slot.rsus.len();
        self.prepare(slot);
        if !slot.tasks.is_empty() && !slot.rsus.is_empty() {
            // Prices of a slot so different that they lead nowhere are dropped.
            if !(warm && self.anneal(slot, effort, true)) {
                self.cold_start();
                self.anneal(slot, effort, false);
            }
        } else if !warm {
            self.cold_start();
        }
        self.value(slot)
    }

    /// Climbs at one temperature after the other; whether no climb from `warm` prices got stuck.
    fn anneal(&mut self, slot: &Slot, effort: Effort, warm: bool) -> bool {
        let (mut scale, first) = if warm {
            (self.mean_cost, effort.warm_temperature)
        } else {
            (self.crowded_cost(), effort.cold_temperature)
        };
        let mut temperature = first * scale;
        loop {
            let effort = if temperature > effort.warm_temperature * scale {
                Effort::HOT
            } else {
                effort
            };
            let climbed = self.climb(slot, temperature, scale, effort);
            if warm && climbed.stuck {
                return false;
            }
            let mean_cost = climbed.value / slot.tasks.len() as f64;
            if mean_cost < 0.5 * scale {
                scale = mean_cost.max(0.1 * scale);
            }
            if temperature <= effort.last_temperature * scale {
                return true;
            }
            temperature = (temperature * effort.cooling).max(effort.last_temperature * scale);
        }
    }

    /// Takes the prices of CPU as `theta` for what follows.
    pub(super) fn set_floor(&mut self, theta: &[f64]) {
        self.floor.set(&self.sites, theta);
    }

    /// The bound at the present prices, with hard minima; sets what depends on it.
    fn value(&mut self, slot: &Slot) -> f64 {
        self.floor.set(&self.sites, &self.prices.cpu);
        let mut value = 0.0;
        for i in 0..self.table.rows().len() {
            let row = self.table.rows()[i];
            let beyond = self.gather(slot, &row, 0.0);
            let best = self.choices.iter().min_by(|a, b| a.cost.total_cmp(&b.cost));
            let best = best.filter(|choice| choice.cost < row.local);
            self.chosen[i] = best.map(|choice| (choice.entry, choice.execution));
            value += best.map_or(row.local, |choice| choice.cost).min(beyond);
        }
        let prices = &self.prices;
        let bound = value - prices.band.iter().sum::<f64>() - prices.cpu.iter().sum::<f64>();
        if !self.table.rows().is_empty() {
            // Bad prices must not make costs seem small; at good ones shares cost less than half of `value`.
            let cost = bound.max(0.25 * value).max(f64::MIN_POSITIVE);
            self.mean_cost = cost / self.table.rows().len() as f64;
        }
        bound
    }

    /// The cheapest way of task `n` to any RSU when its uploads cost `uploads` (one per link) and the CPU
    /// of the RSUs `theta`; for the bounds that price uploads otherwise. Uses the sites of the last solve.
    pub(super) fn cheapest_way(
        &mut self,
        slot: &Slot,
        n: usize,
        uploads: impl Iterator<Item = f64>,
        theta: &[f64],
    ) -> Option<Way> {
        let Self {
            sites,
            offers,
            stamp,
            floor,
            ..
        } = self;
        *stamp += 1;
        let (cycles, data_bits) = (slot.tasks.cycles[n], slot.tasks.data_bits[n]);
        let least_execution = floor.cost(cycles);
        let least_spb = slot.routes.least_seconds_per_bit;
        let mut best: Option<Way> = None;
        for (index, (link, upload)) in slot.links(n).iter().zip(uploads).enumerate() {
            let mut consider = |way: Way| {
                if best.is_none_or(|b| way.cost < b.cost) {
                    best = Some(way);
                }
                best.map_or(f64::INFINITY, |b| b.cost)
            };
            let mut limit = f64::INFINITY;
            if let Some(far) = &slot.routes.beyond[link.rsu as usize] {
                let hops = slot.least_migration_cost(data_bits, far.hops, least_spb);
                let cost = upload + hops + least_execution;
                limit = consider(Way {
                    link: index,
                    cost,
                    execution: None,
                });
            }
            for target in slot.routes.targets(link.rsu) {
                let way = upload + slot.migration_cost(data_bits, target);
                let least = slot.least_migration_cost(data_bits, target.hops, least_spb);
                if upload + least + least_execution > limit {
                    break;
                }
                let offer = &mut offers[target.rsu as usize];
                if offer.stamp != *stamp {
                    let m = target.rsu as usize;
                    *offer = sites[m].offer(theta[m], cycles);
                    offer.stamp = *stamp;
                }
                let execution = Some((target.rsu, offer.share));
                limit = consider(Way {
                    link: index,
                    cost: way + offer.cost,
                    execution,
                });
            }
        }
        best
    }

    /// Constants of the last slot's tasks in canonical order, and per row the entry and execution RSU of its
    /// cheapest way at the prices found, `None` for local. The next solve fills the table anew, so until
    /// then it may be exchanged for another.
    pub fn table_and_choices(&mut self) -> (&mut TaskTable, &[Option<(u32, u32)>]) {
        (&mut self.table, &self.chosen)
    }

    fn prepare(&mut self, slot: &Slot) {
        let rsus = slot.rsus.len();
        self.sites.clear();
        self.sites.extend((0..rsus).map(|m| Site {
            curve: Curve::new(slot.omega, slot.rsus.energy_coeff[m]),
            available_hz: slot.rsus.available_cpu_hz(m),
        }));
        self.floor.span(&slot.tasks.cycles);
        self.offers.clear();
        self.offers.resize(rsus, Offer::default());
        self.stamp = 0;
        self.chosen.clear();
        self.chosen.resize(slot.tasks.len(), None);
        self.table.fill_canonical(slot);
    }

    /// Prices under which everybody's nearest RSU is shared as it would be.
    fn cold_start(&mut self) {
        let rsus = self.sites.len();
        self.crowds.clear();
        self.crowds.resize(rsus, Crowd::default());
        self.lonely = 0.0;
        for row in self.table.rows() {
            match self.table.uploads(row).first() {
                Some(nearest) => self.crowds[nearest.rsu as usize].join(row, nearest.alone()),
                None => self.lonely += row.local,
            }
        }
        self.prices.band.clear();
        self.prices.cpu.clear();
        for (crowd, site) in self.crowds.iter().zip(&self.sites) {
            self.prices.band.push(crowd.root_upload * crowd.root_upload);
            self.prices
                .cpu
                .push(site.crowded(crowd.count, crowd.cycles));
        }
    }

    /// Mean cost of a task where the tasks nearest to an RSU all share it or all stay on their vehicles.
    fn crowded_cost(&self) -> f64 {
        let crowds = self.crowds.iter().zip(&self.sites);
        let total = crowds.map(|(crowd, site)| {
            let share_hz = site.available_hz / crowd.count;
            let shared = crowd.count * crowd.upload + site.curve.cost(crowd.cycles, share_hz);
            if crowd.count == 0.0 {
                0.0
            } else if shared < crowd.local {
                shared
            } else {
                crowd.local
            }
        });
        (self.lonely + total.sum::<f64>()) / self.table.rows().len() as f64
    }

    /// Collects the ways to run a task at RSUs that cost at most `margin` more than the cheapest (local
    /// included), and returns a lower bound on all ways to RSUs beyond the routes' reach.
    fn gather(&mut self, slot: &Slot, row: &TaskRow, margin: f64) -> f64 {
        let Self {
            prices,
            sites,
            offers,
            stamp,
            choices,
            floor,
            table,
            ..
        } = self;
        choices.clear();
        *stamp += 1;
        let TaskRow {
            cycles, data_bits, ..
        } = *row;
        let least_execution = floor.cost(cycles);
        let least_spb = slot.routes.least_seconds_per_bit;
        let mut limit = row.local + margin;
        let mut beyond = f64::INFINITY;
        for upload in table.uploads(row) {
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
            for target in slot.routes.targets(entry) {
                let way = upload + slot.migration_cost(data_bits, target);
                if way + least_execution > limit {
                    let least = slot.least_migration_cost(data_bits, target.hops, least_spb);
                    if upload + least + least_execution > limit {
                        break;
                    }
                    continue;
                }
                let offer = &mut offers[target.rsu as usize];
                if offer.stamp != *stamp {
                    let site = &sites[target.rsu as usize];
                    *offer = site.offer(prices.cpu[target.rsu as usize], cycles);
                    offer.stamp = *stamp;
                }
                let cost = way + offer.cost;
                if cost <= limit {
                    limit = limit.min(cost + margin);
                    choices.push(Choice {
                        cost,
                        weight: 0.0,
                        entry,
                        execution: target.rsu,
                        band,
                        cpu: offer.share,
                    });
                }
            }
        }
        beyond
    }

    /// Newton steps at one temperature.
    fn climb(&mut self, slot: &Slot, temperature: f64, scale: f64, effort: Effort) -> Climbed {
        let far = effort.far * scale * slot.tasks.len() as f64;
        let mut value = self.smooth(slot, temperature, effort);
        let mut steps = effort.steps;
        for _ in 0..MOST_STEPS {
            let expected = self.newton_step(temperature, scale, effort.turns);
            let close = expected.abs() <= far;
            if close && expected <= effort.tolerance * value.abs() {
                return Climbed::to(value);
            }
            if close && expected <= effort.trust * value.abs() {
                self.keep_start();
                self.move_prices(TRUSTED_LENGTH);
                return Climbed::to(value);
            }
            let mut gained = self.backtrack(slot, temperature, effort, value);
            if gained <= 1e-3 * expected && !close {
                // Limited price by price and cut off at zero, a Newton step need not climb; the gradient does.
                value = self.smooth(slot, temperature, effort);
                self.newton_step(temperature, scale, 1);
                gained = self.backtrack(slot, temperature, effort, value);
            }
            value += gained;
            if gained <= 1e-3 * expected.abs() {
                return Climbed {
                    value,
                    stuck: !close,
                };
            }
            if gained <= far {
                steps -= 1;
                if steps == 0 {
                    return Climbed {
                        value,
                        stuck: !close,
                    };
                }
            }
        }
        Climbed { value, stuck: true }
    }

    /// Takes the Newton step, shortened where it must be; the gain. The dual is concave, so this ends.
    fn backtrack(&mut self, slot: &Slot, temperature: f64, effort: Effort, value: f64) -> f64 {
        self.keep_start();
        let mut length = 1.0;
        while length > 1e-3 {
            self.move_prices(length);
            let gained = self.smooth(slot, temperature, effort) - value;
            if gained > 0.0 {
                return gained;
            }
            length *= 0.35;
        }
        self.move_prices(0.0);
        0.0
    }

    /// Steps start from the present prices.
    fn keep_start(&mut self) {
        self.start_prices.band.clone_from(&self.prices.band);
        self.start_prices.cpu.clone_from(&self.prices.cpu);
    }

    /// Puts the prices at `length` times the Newton step from where it started, none below zero.
    fn move_prices(&mut self, length: f64) {
        let (band, cpu) = self.newton.step.split_at(self.prices.band.len());
        let start = &self.start_prices;
        let moved = |start: f64, step: f64| (start + length * step).max(0.0);
        for (price, (&start, &step)) in self.prices.band.iter_mut().zip(start.band.iter().zip(band))
        {
            *price = moved(start, step);
        }
        for (price, (&start, &step)) in self.prices.cpu.iter_mut().zip(start.cpu.iter().zip(cpu)) {
            *price = moved(start, step);
        }
    }

    /// The smoothed dual at the present prices; fills gradient and curvature.
    fn smooth(&mut self, slot: &Slot, temperature: f64, effort: Effort) -> f64 {
        let rsus = self.prices.band.len();
        self.floor.set(&self.sites, &self.prices.cpu);
        self.newton.reset(2 * rsus);
        self.hesitant.clear();
        self.start.clear();
        self.start.push(0);
        let mut value = 0.0;
        for i in 0..self.table.rows().len() {
            let row = self.table.rows()[i];
            self.gather(slot, &row, effort.cutoff * temperature);
            value += self.soften(row.local, temperature);
            self.differentiate(temperature, effort.least_weight);
        }
        for m in 0..rsus {
            value -= self.prices.band[m] + self.prices.cpu[m];
            self.newton.gradient[m] -= 1.0;
            self.newton.gradient[rsus + m] -= 1.0;
        }
        value
    }

    /// Soft minimum of the gathered choices and `local`; sets the weights.
    fn soften(&mut self, local: f64, temperature: f64) -> f64 {
        let least = self.choices.iter().map(|c| c.cost).fold(local, f64::min);
        let mut total = ((least - local) / temperature).exp();
        for choice in &mut self.choices {
            choice.weight = ((least - choice.cost) / temperature).exp();
            total += choice.weight;
        }
        for choice in &mut self.choices {
            choice.weight /= total;
        }
        least - temperature * total.ln()
    }

    /// Adds the gathered choices to gradient and curvature.
    fn differentiate(&mut self, temperature: f64, least_weight: f64) {
        let rsus = self.prices.band.len();
        let newton = &mut self.newton;
        let begin = self.hesitant.len();
        let mut heaviest = 0.0f64;
        for choice in &self.choices {
            let (band, cpu) = (choice.entry as usize, rsus + choice.execution as usize);
            newton.gradient[band] += choice.weight * choice.band;
            newton.gradient[cpu] += choice.weight * choice.cpu;
            let lambda = self.prices.band[choice.entry as usize];
            if choice.band < 1.0 {
                newton.bend[band] += choice.weight * 0.5 * choice.band / lambda;
            }
            let offer = &self.offers[choice.execution as usize];
            newton.bend[cpu] -= choice.weight * offer.share_slope;
            if choice.weight > least_weight {
                heaviest = heaviest.max(choice.weight);
                self.hesitant.push(Doubt::new(choice));
            }
        }
        // A task that has made up its mind has no covariance.
        if heaviest > 1.0 - least_weight {
            self.hesitant.truncate(begin);
        } else if self.hesitant.len() > begin {
            for doubt in &self.hesitant[begin..] {
                let (entry, execution) = (doubt.entry as usize, rsus + doubt.execution as usize);
                let weight = f64::from(doubt.weight);
                let spread = weight * (1.0 - weight) / temperature;
                let (band, cpu) = doubt.shares();
                newton.diagonal[entry] += spread * band * band;
                newton.diagonal[execution] += spread * cpu * cpu;
            }
            self.start.push(self.hesitant.len() as u32);
        }
    }

    /// Solves for the Newton step on the prices that are free to move; the gain it promises. With one turn of the
    /// conjugate gradients it is a step along the gradient.
    fn newton_step(&mut self, temperature: f64, scale: f64, turns: usize) -> f64 {
        let rsus = self.prices.band.len();
        let newton = &mut self.newton;
        for i in 0..2 * rsus {
            let price = if i < rsus {
                self.prices.band[i]
            } else {
                self.prices.cpu[i - rsus]
            };
            let gradient = newton.gradient[i];
            newton.free[i] = price > 0.0 || gradient > 0.0;
            // Where the dual is flat the step is limited to about the price itself.
            newton.damping[i] = gradient.abs() / (price + 0.3 * scale) + 1e-9 / scale;
            newton.diagonal[i] += newton.bend[i] + newton.damping[i];
        }
        newton.solve(&self.hesitant, &self.start, rsus, temperature, turns);
        // Far from the optimum the quadratic is trusted only so far. Price by price, so that one crowded
        // place of a large map does not shorten everybody's step.
        for i in 0..2 * rsus {
            let price = if i < rsus {
                self.prices.band[i]
            } else {
                self.prices.cpu[i - rsus]
            };
            let most = MOST_CHANGE * (price + 0.1 * scale);
            newton.step[i] = newton.step[i].clamp(-most, most);
        }
        newton
            .gradient
            .iter()
            .zip(&newton.step)
            .map(|(g, s)| 0.5 * g * s)
            .sum()
    }
}

impl Newton {
    fn reset(&mut self, size: usize) {
        for column in [
            &mut self.gradient,
            &mut self.bend,
            &mut self.diagonal,
            &mut self.damping,
            &mut self.residual,
            &mut self.direction,
            &mut self.product,
        ] {
            column.clear();
            column.resize(size, 0.0);
        }
        self.free.clear();
        self.free.resize(size, false);
    }

    /// Preconditioned conjugate gradients for (curvature + damping) step = gradient on the free prices.
    fn solve(
        &mut self,
        hesitant: &[Doubt],
        start: &[u32],
        rsus: usize,
        temperature: f64,
        turns: usize,
    ) {
        let size = 2 * rsus;
        self.step.clear();
        self.step.resize(size, 0.0);
        let mut energy = 0.0;
        for i in 0..size {
            self.residual[i] = if self.free[i] { self.gradient[i] } else { 0.0 };
            self.direction[i] = self.residual[i] / self.diagonal[i];
            energy += self.residual[i] * self.direction[i];
        }
        let enough = 0.05 * energy;
        for _ in 0..turns {
            if energy <= enough || energy <= 0.0 {
                break;
            }
            self.multiply(hesitant, start, rsus, temperature);
            let curvature = self
                .direction
                .iter()
                .zip(&self.product)
                .map(|(d, p)| d * p)
                .sum::<f64>();
            if curvature <= 0.0 {
                break;
            }
            let length = energy / curvature;
            let mut next = 0.0;
            for i in 0..size {
                self.step[i] += length * self.direction[i];
                self.residual[i] -= length * self.product[i];
                next += self.residual[i] * self.residual[i] / self.diagonal[i];
            }
            let turn = next / energy;
            energy = next;
            for i in 0..size {
                self.direction[i] = self.residual[i] / self.diagonal[i] + turn * self.direction[i];
            }
        }
    }

    /// `product` = (curvature + damping) `direction`: each hesitant task adds its covariance over T.
    fn multiply(&mut self, hesitant: &[Doubt], start: &[u32], rsus: usize, temperature: f64) {
        let Self {
            direction,
            product,
            bend,
            damping,
            free,
            ..
        } = self;
        for i in 0..2 * rsus {
            product[i] = (bend[i] + damping[i]) * direction[i];
        }
        for bounds in start.windows(2) {
            let choices = &hesitant[bounds[0] as usize..bounds[1] as usize];
            let slope = |d: &Doubt| {
                let (band, cpu) = d.shares();
                band * direction[d.entry as usize] + cpu * direction[rsus + d.execution as usize]
            };
            let mean = choices
                .iter()
                .map(|d| f64::from(d.weight) * slope(d))
                .sum::<f64>();
            for doubt in choices {
                let pull = f64::from(doubt.weight) * (slope(doubt) - mean) / temperature;
                let (band, cpu) = doubt.shares();
                product[doubt.entry as usize] += pull * band;
                product[rsus + doubt.execution as usize] += pull * cpu;
            }
        }
        for i in 0..2 * rsus {
            if !free[i] {
                product[i] = 0.0;
            }
        }
    }
}

impl Site {
    /// About the price theta at which `count` tasks of `cycles` in all fill the RSU; 0 where they do not.
    fn crowded(&self, count: f64, cycles: f64) -> f64 {
        let available_hz = self.available_hz;
        match self.curve {
            _ if available_hz <= 0.0 => 0.0,
            Curve::Tradeoff { omega, free_hz } if count * free_hz > available_hz => {
                let y = count * free_hz / available_hz;
                (y * y - 1.0 / y) * omega * (cycles / count) / (free_hz * free_hz) * available_hz
            }
            Curve::DelayOnly { weight, .. } => count * weight * cycles / available_hz,
            Curve::Tradeoff { .. } | Curve::EnergyOnly { .. } => 0.0,
        }
    }

    /// g(mu, C) with mu = theta / F_m, and the CPU share with its slope.
    fn offer(&self, theta: f64, cycles: f64) -> Offer {
        if self.available_hz <= 0.0 {
            return Offer {
                cost: f64::INFINITY,
                ..Offer::default()
            };
        }
        let offer = self
            .curve
            .offer(theta / self.available_hz, cycles, self.available_hz);
        let inverse = 1.0 / self.available_hz;
        Offer {
            stamp: 0,
            cost: offer.cost,
            share: offer.cpu_hz * inverse,
            share_slope: offer.slope * inverse * inverse,
        }
    }
}

/// u(lambda, a) = min over 0 < b <= 1 of a / b + lambda b, and the share b that attains it.
#[must_use]
pub fn upload_at(lambda: f64, alone: f64) -> (f64, f64) {
    if lambda > alone {
        (2.0 * (alone * lambda).sqrt(), (alone / lambda).sqrt())
    } else {
        (alone + lambda, 1.0)
    }
}
