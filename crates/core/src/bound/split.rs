//! The split bound: a price per upload instead of one per RSU's band.
//!
//! Split task n's upload off with a price v_nm for every covering m. For any prices
//!
//! ```text
//! LB = sum_n min{ local_n, min over m of v_nm + (cheapest hops + g(mu_m', C_n)) }
//!      + sum_m min over S of sum over n in S of (|S| a_nm - v_nm)  -  sum mu_m F_m
//! ```
//!
//! is a lower bound: tasks and RSUs choose apart, and the RSUs' side keeps the equal shares of the band
//! that the simple bound relaxes. For each size |S| the best S takes the smallest |S| a - v, so the
//! RSUs' problem is solved exactly by selection.
//!
//! With v = u(lambda, a) it is at least the simple bound at the same prices; from there subgradient steps
//! climb towards a target, the cost of a good placement.

use super::dual::{Dual, Effort, upload_at};
use crate::assignment::Assignment;
use crate::ragged::Ragged;
use crate::slot::order::Order;
use crate::slot::{Placement, Slot};

/// Solves the split bound slot after slot, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Split {
    dual: Dual,
    target: FeasibleTarget,
    /// By task, one for each of its radio links.
    uploads: Ragged<PricedUpload>,
    /// Rows of `uploads` by RSU.
    by_rsu: Ragged<u32>,
    theta: Vec<f64>,
    theta_gradient: Vec<f64>,
    /// Scratch of the selection.
    keys: Vec<(f64, u32)>,
}

/// One upload that a task could make.
#[derive(Clone, Copy, Debug, Default)]
struct PricedUpload {
    rsu: u32,
    /// a_nm.
    alone: f64,
    /// v_nm.
    price: f64,
    gradient: f64,
}

/// A feasible placement, whose cost the bound cannot exceed.
#[derive(Clone, Debug, Default)]
struct FeasibleTarget {
    assignment: Assignment,
    placements: Vec<Placement>,
    order: Order,
}

impl FeasibleTarget {
    fn cost(&mut self, slot: &Slot) -> f64 {
        self.placements.clear();
        self.placements
            .extend((0..slot.tasks.len()).map(|task| slot.nearest(task)));
        self.order.canonical(slot);
        self.assignment
            .start_from(slot, self.order.tasks(), &self.placements);
        self.assignment.sweep(slot, 4);
        self.assignment.cost(slot)
    }
}

/// Subgradient steps per slot.
const STEPS: usize = 150;

impl Split {
    /// Maximises the bound and returns it: a lower bound of the sum over tasks of the cost in (15).
    pub fn solve(&mut self, slot: &Slot) -> f64 {
        let simple = self.dual.solve(slot, Effort::CERTIFY);
        if slot.tasks.is_empty() || slot.rsus.is_empty() {
            return simple;
        }
        self.start_from_simple(slot);
        let target = self.target.cost(slot);
        let mut best = simple;
        let mut stride = 1.0;
        let mut since_best = 0;
        for _ in 0..STEPS {
            let value = self.evaluate(slot);
            if value > best {
                best = value;
                since_best = 0;
            } else {
                since_best += 1;
                if since_best == 8 {
                    stride *= 0.6;
                    since_best = 0;
                }
            }
            let norm = self.gradient_norm2();
            let missing = target - value;
            if norm <= 0.0 || missing <= 1e-7 * target || stride < 1e-3 {
                break;
            }
            self.step(stride * missing / norm);
        }
        best
    }

    /// As [`Dual::alone`].
    pub fn alone(&mut self, slot: &Slot) -> f64 {
        self.dual.alone(slot)
    }

    fn start_from_simple(&mut self, slot: &Slot) {
        let prices = self.dual.prices();
        self.theta.clone_from(&prices.cpu);
        self.uploads.clear();
        for n in 0..slot.tasks.len() {
            for link in slot.links(n) {
                let alone = slot.upload_cost(n, link);
                let price = upload_at(prices.band[link.rsu as usize], alone).0;
                self.uploads.push(PricedUpload {
                    rsu: link.rsu,
                    alone,
                    price,
                    ..PricedUpload::default()
                });
            }
            self.uploads.close_row();
        }
        let by_rsu = self.uploads.values().iter().zip(0..);
        self.by_rsu.group(
            slot.rsus.len(),
            by_rsu.map(|(upload, row)| (upload.rsu as usize, row)),
        );
    }

    /// The bound at the present prices; fills its subgradient.
    fn evaluate(&mut self, slot: &Slot) -> f64 {
        self.theta_gradient.clear();
        self.theta_gradient.resize(self.theta.len(), -1.0);
        for upload in self.uploads.values_mut() {
            upload.gradient = 0.0;
        }
        let tasks = self.choose_by_task(slot);
        let rsus = (0..slot.rsus.len())
            .map(|m| self.choose_by_rsu(m))
            .sum::<f64>();
        tasks + rsus - self.theta.iter().sum::<f64>()
    }

    /// Every task takes its cheapest way at the prices.
    fn choose_by_task(&mut self, slot: &Slot) -> f64 {
        let mut value = 0.0;
        self.dual.set_floor(&self.theta);
        for n in 0..slot.tasks.len() {
            let rows = self.uploads.range(n);
            let local = slot.local_cost(n);
            let prices = self.uploads.row(n).iter().map(|u| u.price);
            let way = self.dual.cheapest_way(slot, n, prices, &self.theta);
            match way {
                Some(way) if way.cost < local => {
                    value += way.cost;
                    self.uploads.values_mut()[rows.start + way.link].gradient += 1.0;
                    if let Some((rsu, share)) = way.execution {
                        self.theta_gradient[rsu as usize] += share;
                    }
                }
                _ => value += local,
            }
        }
        value
    }

    /// RSU `m` takes the set of uploads that is cheapest to carry at the prices it earns.
    fn choose_by_rsu(&mut self, m: usize) -> f64 {
        let rows = self.by_rsu.row(m);
        let (mut best, mut best_size) = (0.0, 0);
        for size in 1..=rows.len() {
            let value = select(self.uploads.values(), rows, size, &mut self.keys);
            if value < best {
                best = value;
                best_size = size;
            }
        }
        if best_size > 0 {
            select(self.uploads.values(), rows, best_size, &mut self.keys);
            for &(_, row) in &self.keys[..best_size] {
                self.uploads.values_mut()[row as usize].gradient -= 1.0;
            }
        }
        best
    }

    fn gradient_norm2(&self) -> f64 {
        let uploads = self
            .uploads
            .values()
            .iter()
            .map(|u| u.gradient * u.gradient)
            .sum::<f64>();
        uploads
            + self
                .theta_gradient
                .iter()
                .zip(&self.theta)
                .filter(|&(&g, &theta)| g > 0.0 || theta > 0.0)
                .map(|(g, _)| g * g)
                .sum::<f64>()
    }

    fn step(&mut self, length: f64) {
        for upload in self.uploads.values_mut() {
            upload.price += length * upload.gradient;
        }
        for (theta, gradient) in self.theta.iter_mut().zip(&self.theta_gradient) {
            *theta = (*theta + length * gradient).max(0.0);
        }
    }
}

/// Puts the `size` rows with the smallest size * a - v first in `keys`; the sum of those.
fn select(uploads: &[PricedUpload], rows: &[u32], size: usize, keys: &mut Vec<(f64, u32)>) -> f64 {
    keys.clear();
    keys.extend(rows.iter().map(|&row| {
        let upload = &uploads[row as usize];
        (size as f64 * upload.alone - upload.price, row)
    }));
    if size < keys.len() {
        keys.select_nth_unstable_by(size - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }
    keys[..size].iter().map(|&(key, _)| key).sum()
}
