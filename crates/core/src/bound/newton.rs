//! Newton steps of the smoothed dual: gradient and curvature of all tasks, solved by conjugate gradients.

use super::prices::{CpuOffer, Prices};
use crate::ragged::Ragged;
use std::ops::Range;

/// A way to run a task that may be the cheapest, as the dual sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) cost: f64,
    /// Probability under the soft minimum.
    pub(super) weight: f64,
    /// Entry and execution RSU.
    pub(super) entry: u32,
    pub(super) execution: u32,
    /// d cost / d lambda: the band share b.
    pub(super) band: f64,
    /// d cost / d theta: the CPU share F / F_m.
    pub(super) cpu: f64,
}

/// A candidate of a task that the soft minimum splits between several, as the curvature needs it. Small: the
/// passes over them are bound by memory.
#[derive(Clone, Copy, Debug)]
struct FractionalChoice {
    entry: u32,
    execution: u32,
    weight: f32,
    /// Shares, as the upper halves of `f32`: three digits steer well enough.
    band: u16,
    cpu: u16,
}

impl FractionalChoice {
    fn new(candidate: &Candidate) -> Self {
        let upper = |share: f64| ((share as f32).to_bits() >> 16) as u16;
        Self {
            entry: candidate.entry,
            execution: candidate.execution,
            weight: candidate.weight as f32,
            band: upper(candidate.band),
            cpu: upper(candidate.cpu),
        }
    }

    /// (b, F / F_m).
    #[inline]
    fn shares(&self) -> (f64, f64) {
        let whole = |upper: u16| f64::from(f32::from_bits(u32::from(upper) << 16));
        (whole(self.band), whole(self.cpu))
    }
}

/// What the tasks of a block add to gradient and curvature; band and CPU stacked.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    gradient: Vec<f64>,
    /// Diagonal of the curvature that is not a covariance.
    curvature: Vec<f64>,
    /// Diagonal of the covariances.
    covariance: Vec<f64>,
    /// The derivative of the gradient by the temperature, times that.
    drift: Vec<f64>,
    /// From the first to behind the last RSU that a task reaches: on a large map a small part of all.
    reached: Range<usize>,
    /// The choices of every task that is split.
    fractional: Ragged<FractionalChoice>,
}

impl Tally {
    /// Starts a pass over the tasks of the block.
    pub(super) fn reset(&mut self, rsus: usize) {
        let Range { start, end } = self.reached.clone();
        for column in [
            &mut self.gradient,
            &mut self.curvature,
            &mut self.covariance,
            &mut self.drift,
        ] {
            if column.len() == 2 * rsus {
                column[start..end].fill(0.0);
                column[rsus + start..rsus + end].fill(0.0);
            } else {
                column.clear();
                column.resize(2 * rsus, 0.0);
            }
        }
        self.reached = rsus..0;
        self.fractional.clear();
    }

    /// Ends the pass.
    pub(super) fn close(&mut self) {
        self.reached.start = self.reached.start.min(self.reached.end);
    }

    /// Adds the weighted candidates of a task, whose mean cost is `mean`, to gradient and curvature. Those lighter than
    /// `least_weight` count in the gradient only.
    pub(super) fn add(
        &mut self,
        candidates: &[Candidate],
        prices: &Prices,
        offers: &[CpuOffer],
        (temperature, mean): (f64, f64),
        least_weight: f64,
    ) {
        let rsus = prices.band.len();
        let mut heaviest = 0.0f64;
        for candidate in candidates {
            if candidate.weight <= 0.0 {
                continue;
            }
            let (entry, execution) = (candidate.entry as usize, candidate.execution as usize);
            let (band, cpu) = (entry, rsus + execution);
            self.reached.start = self.reached.start.min(entry).min(execution);
            self.reached.end = self.reached.end.max(entry + 1).max(execution + 1);
            self.gradient[band] += candidate.weight * candidate.band;
            self.gradient[cpu] += candidate.weight * candidate.cpu;
            let pull = candidate.weight * (candidate.cost - mean) / temperature;
            self.drift[band] += pull * candidate.band;
            self.drift[cpu] += pull * candidate.cpu;
            if candidate.band < 1.0 {
                self.curvature[band] +=
                    candidate.weight * 0.5 * candidate.band / prices.band[entry];
            }
            self.curvature[cpu] -= candidate.weight * offers[execution].share_slope;
            if candidate.weight > least_weight {
                heaviest = heaviest.max(candidate.weight);
                self.fractional.push(FractionalChoice::new(candidate));
            }
        }
        // A task with one choice only has no covariance.
        if heaviest > 1.0 - least_weight {
            self.fractional.discard_open_row();
        } else if !self.fractional.open_row().is_empty() {
            for choice in self.fractional.open_row() {
                let (entry, execution) = (choice.entry as usize, rsus + choice.execution as usize);
                let weight = f64::from(choice.weight);
                let spread = weight * (1.0 - weight) / temperature;
                let (band, cpu) = choice.shares();
                self.covariance[entry] += spread * band * band;
                self.covariance[execution] += spread * cpu * cpu;
            }
            self.fractional.close_row();
        }
    }
}

/// Gradient, curvature and the vectors of the conjugate gradients; band and CPU stacked.
#[derive(Clone, Debug, Default)]
pub(super) struct Newton {
    /// By block of tasks.
    pub(super) tallies: Vec<Tally>,
    gradient: Vec<f64>,
    /// Diagonal of the curvature that is not a covariance.
    curvature: Vec<f64>,
    /// Diagonal of the whole curvature plus damping, the preconditioner.
    diagonal: Vec<f64>,
    damping: Vec<f64>,
    /// The derivative of the gradient by the temperature, times that.
    drift: Vec<f64>,
    free: Vec<bool>,
    step: Vec<f64>,
    /// How the maximum moves with the temperature, times that.
    motion: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
}

/// How well Newton systems are solved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accuracy {
    /// Most conjugate-gradient iterations.
    pub(super) iterations: usize,
    /// Residual that is small enough, preconditioned, squared and relative to that at the start.
    pub(super) residual: f64,
}

/// Right-hand side of a Newton system.
#[derive(Clone, Copy, Debug)]
enum Side {
    Gradient,
    Drift,
}

/// Most that a Newton step changes a price, relative to it.
const MOST_CHANGE: f64 = 0.4;

impl Newton {
    /// Gives back the memory of the choices: a solve that starts cold has many times those of one that goes on.
    pub(super) fn release_choices(&mut self) {
        for tally in &mut self.tallies {
            tally.fractional = Ragged::default();
        }
    }

    /// Sums up what the tasks of all blocks add, block by block.
    pub(super) fn sum(&mut self, rsus: usize) {
        for column in [
            &mut self.gradient,
            &mut self.curvature,
            &mut self.diagonal,
            &mut self.damping,
            &mut self.drift,
            &mut self.residual,
            &mut self.direction,
            &mut self.product,
        ] {
            column.clear();
            column.resize(2 * rsus, 0.0);
        }
        self.free.clear();
        self.free.resize(2 * rsus, false);
        for tally in &self.tallies {
            let reached = tally.reached.clone();
            for (total, part) in [
                (&mut self.gradient, &tally.gradient),
                (&mut self.curvature, &tally.curvature),
                (&mut self.diagonal, &tally.covariance),
                (&mut self.drift, &tally.drift),
            ] {
                for offset in [0, rsus] {
                    let at = offset + reached.start..offset + reached.end;
                    let sums = total[at.clone()].iter_mut().zip(&part[at]);
                    sums.for_each(|(total, part)| *total += part);
                }
            }
        }
    }

    /// Ends the pass: prices also pay for the capacity that they price.
    pub(super) fn subtract_capacity(&mut self, share: f64) {
        for gradient in &mut self.gradient {
            *gradient -= share;
        }
    }

    /// Solves for the step on the prices that are free to move; the gain it promises.
    pub(super) fn solve(
        &mut self,
        prices: &Prices,
        temperature: f64,
        scale: f64,
        accuracy: Accuracy,
    ) -> f64 {
        let prices = || prices.band.iter().chain(&prices.cpu).enumerate();
        for (i, &price) in prices() {
            let gradient = self.gradient[i];
            self.free[i] = price > 0.0 || gradient > 0.0;
            // Where the dual is flat the step is limited to about the price itself.
            self.damping[i] = gradient.abs() / (price + 0.3 * scale) + 1e-9 / scale;
            self.diagonal[i] += self.curvature[i] + self.damping[i];
        }
        let mut step = std::mem::take(&mut self.step);
        self.conjugate_gradients(temperature, accuracy, Side::Gradient, &mut step);
        self.step = step;
        // Far from the optimum the quadratic model holds only nearby. The limit is price by price, so that one
        // crowded place of a large map does not shorten every step.
        for (i, &price) in prices() {
            let most = MOST_CHANGE * (price + 0.1 * scale);
            self.step[i] = self.step[i].clamp(-most, most);
        }
        let gradient = self.gradient.iter().zip(&self.step);
        gradient.map(|(g, s)| 0.5 * g * s).sum()
    }

    /// Makes the step last solved for lead to the maximum at `next` in place of the `temperature` that it was found at.
    ///
    /// Where a task is split between places, the differences of their costs shrink as the temperature does and its weights stay:
    /// the maximum moves along a line, and most of what a lower temperature asks for is known beforehand.
    pub(super) fn aim(
        &mut self,
        prices: &Prices,
        (temperature, next): (f64, f64),
        scale: f64,
        accuracy: Accuracy,
    ) {
        let mut motion = std::mem::take(&mut self.motion);
        self.conjugate_gradients(temperature, accuracy, Side::Drift, &mut motion);
        let cooling = 1.0 - next / temperature;
        for (i, &price) in prices.band.iter().chain(&prices.cpu).enumerate() {
            let most = MOST_CHANGE * (price + 0.1 * scale);
            self.step[i] = (self.step[i] - cooling * motion[i]).clamp(-most, most);
        }
        self.motion = motion;
    }

    /// The step last solved for: band and CPU.
    pub(super) fn step(&self) -> (&[f64], &[f64]) {
        self.step.split_at(self.step.len() / 2)
    }

    /// Preconditioned conjugate gradients for (curvature + damping) `solution` = `side` on the free prices.
    fn conjugate_gradients(
        &mut self,
        temperature: f64,
        accuracy: Accuracy,
        side: Side,
        solution: &mut Vec<f64>,
    ) {
        let size = self.gradient.len();
        solution.clear();
        solution.resize(size, 0.0);
        let right = match side {
            Side::Gradient => &self.gradient,
            Side::Drift => &self.drift,
        };
        let mut energy = 0.0;
        for (i, &right) in right.iter().enumerate() {
            self.residual[i] = if self.free[i] { right } else { 0.0 };
            self.direction[i] = self.residual[i] / self.diagonal[i];
            energy += self.residual[i] * self.direction[i];
        }
        let enough = accuracy.residual * energy;
        for _ in 0..accuracy.iterations {
            if energy <= enough || energy <= 0.0 {
                break;
            }
            self.multiply(temperature);
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
            for (i, solution) in solution.iter_mut().enumerate() {
                *solution += length * self.direction[i];
                self.residual[i] -= length * self.product[i];
                next += self.residual[i] * self.residual[i] / self.diagonal[i];
            }
            let ratio = next / energy;
            energy = next;
            for i in 0..size {
                self.direction[i] = self.residual[i] / self.diagonal[i] + ratio * self.direction[i];
            }
        }
    }

    /// `product` = (curvature + damping) `direction`: each split task adds its covariance over T.
    fn multiply(&mut self, temperature: f64) {
        let Self {
            direction,
            product,
            curvature,
            damping,
            free,
            tallies,
            ..
        } = self;
        let rsus = direction.len() / 2;
        for i in 0..2 * rsus {
            product[i] = (curvature[i] + damping[i]) * direction[i];
        }
        for choices in tallies.iter().flat_map(|tally| tally.fractional.rows()) {
            let slope = |choice: &FractionalChoice| {
                let (band, cpu) = choice.shares();
                band * direction[choice.entry as usize]
                    + cpu * direction[rsus + choice.execution as usize]
            };
            let mean = choices
                .iter()
                .map(|choice| f64::from(choice.weight) * slope(choice))
                .sum::<f64>();
            for choice in choices {
                let pull = f64::from(choice.weight) * (slope(choice) - mean) / temperature;
                let (band, cpu) = choice.shares();
                product[choice.entry as usize] += pull * band;
                product[rsus + choice.execution as usize] += pull * cpu;
            }
        }
        for i in 0..2 * rsus {
            if !free[i] {
                product[i] = 0.0;
            }
        }
    }
}
