//! A certificate for a run of sessions.
//!
//! Prices mu_mt of the CPU of RSU m in slot t relax what couples sessions. For any prices that are not negative,
//!
//! ```text
//! LB = sum_s min over paths of sum_t [ c_s(t, m) + g_m(mu_mt, C_s) + moves ] - sum mu_mt F_m
//! ```
//!
//! bounds the summed cost of every policy on these sessions, also of one that knows the future: c are the costs of upload, way and
//! interruption, or those on the vehicle where the host cannot serve; g is the least of omega C/F + (1 - omega) kappa F^2 C +
//! mu F. For fixed prices the least path is found exactly (`paths`).
//!
//! Prices are found by quasi-Newton steps on the dual with smoothed minima (`soft`), at falling temperatures, for all slots
//! together. Where parts fail, each slot has its own ways, moves and hosts, and a session whose host fails goes on as one that has none.
//! The value returned has hard minima, so that nothing depends on how far the steps came. Time is linear in the slots of all
//! sessions, and so is memory: 24 bytes each.

pub mod paths;
mod soft;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::horizon::ascent::{Ascent, Until};
use crate::alloc::server::{Rows, Server};
use crate::backhaul::Routes;
use crate::slot::Slot;
use crate::slot::sessions::{Ahead, UNCOVERED};
use paths::{Nodes, Paths, Start, Ties, Working};
use soft::Soft;

/// Temperatures relative to the mean cost of a batch.
const TEMPERATURES: [f64; 3] = [0.1, 0.02, 0.004];

/// Bounds a run whose slots it is shown one after the other.
#[derive(Clone, Debug, Default)]
pub struct SessionBound {
    lives: BTreeMap<u64, Life>,
    slots: usize,
    /// A slot without vehicles.
    base: Option<Slot>,
    /// By slot what works, where parts fail.
    health: Vec<Working>,
    ways: Ways,
}

/// Cost of the way of a bit, by entry and host; `None` beyond reach.
type WayCosts = Vec<Option<f64>>;

/// Costs of ways over the run.
#[derive(Clone, Debug, Default)]
struct Ways {
    /// Of routes as long as they are the same, and the last ones.
    costs: Vec<WayCosts>,
    routes: Option<Arc<Routes>>,
    /// By slot the row of its costs.
    rows: Vec<u32>,
}

impl Ways {
    fn push(&mut self, slot: &Slot) {
        let same = |routes: &Arc<Routes>| Arc::ptr_eq(routes, &slot.routes);
        if !self.routes.as_ref().is_some_and(same) {
            let rsus = slot.rsus.len() as u32;
            let pairs = (0..rsus).flat_map(|entry| (0..rsus).map(move |host| (entry, host)));
            let costs = pairs.map(|(entry, host)| slot.way_cost(entry, host, 1.0));
            self.costs.push(costs.collect());
            self.routes = Some(Arc::clone(&slot.routes));
        }
        self.rows.push(self.costs.len() as u32 - 1);
    }

    fn of(&self, slot: usize) -> &[Option<f64>] {
        &self.costs[self.rows[slot] as usize]
    }
}

/// A session as it was.
#[derive(Clone, Debug, Default)]
struct Life {
    first: usize,
    cycles: f64,
    data_bits: f64,
    slots: Vec<Ahead>,
}

impl SessionBound {
    /// Takes the next slot, before any policy's state is in it.
    ///
    /// # Panics
    /// In a slot without sessions.
    pub fn push(&mut self, slot: &Slot) {
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        let first = self.slots;
        for (row, &id) in sessions.id.iter().enumerate() {
            let life = self.lives.entry(id).or_insert_with(|| Life {
                first,
                cycles: slot.tasks.cycles[row],
                data_bits: slot.tasks.data_bits[row],
                slots: Vec::new(),
            });
            life.slots.push(Ahead {
                entry: slot.session_entry(row),
                access_cost: slot.access_cost(row),
                local_cost: slot.local_cost(row),
            });
        }
        if self.base.is_none() {
            let mut base = slot.clone();
            base.vehicles = Default::default();
            base.coverage = Default::default();
            base.tasks = Default::default();
            self.base = Some(base);
        }
        if !sessions.up.is_empty() {
            self.health.push(Working {
                moves: Arc::clone(&sessions.moves),
                up: sessions.up.clone(),
            });
        }
        self.ways.push(slot);
        self.slots += 1;
    }

    /// The bound on the summed cost of all batches pushed, after the last slot; then it is ready for another run.
    pub fn finish(&mut self) -> f64 {
        let run = std::mem::take(self);
        let Some(base) = &run.base else {
            return 0.0;
        };
        let lives: Vec<Life> = run.lives.into_values().collect();
        let mut dual = Dual {
            lives: &lives,
            ties: Ties {
                health: &run.health,
                ..Ties::of(base)
            },
            servers: (0..base.rsus.len())
                .map(|m| Server::idle(base, m))
                .collect(),
            ways: &run.ways,
            unit: 1.0,
            slots: run.slots,
            nodes: Nodes::default(),
            hz: Vec::new(),
            paths: Paths::default(),
            soft: Soft::default(),
        };
        dual.solve()
    }
}

/// The dual of one run.
struct Dual<'a> {
    lives: &'a [Life],
    ties: Ties<'a>,
    servers: Vec<Server>,
    ways: &'a Ways,
    /// Of a price times F_m.
    unit: f64,
    slots: usize,
    nodes: Nodes,
    /// CPU that the session takes at the prices, by slot and host.
    hz: Vec<f64>,
    paths: Paths,
    soft: Soft,
}

impl<'a> Dual<'a> {
    /// What ties sessions from the first slot of `life` on.
    fn ties(&self, life: &Life) -> Ties<'a> {
        Ties {
            health: self.ties.health.get(life.first..).unwrap_or(&[]),
            ..self.ties
        }
    }

    fn solve(&mut self) -> f64 {
        let mut point = self.begin();
        // each session alone: hardly tight, but never below zero
        let alone = self.value(&vec![0.0; point.len()]);
        let mut best = alone;
        let batches: usize = self.lives.iter().map(|life| life.slots.len()).sum();
        let mean = alone / batches.max(1) as f64;
        let mut ascent = Ascent::default();
        for temperature in TEMPERATURES {
            ascent.climb(&mut point, Until::NEAR, &mut |point, gradient| {
                self.smooth(point, temperature * mean, gradient)
            });
            best = best.max(self.value(&point));
        }
        best
    }

    /// The prices that there would be if all sessions ran where they enter, and their unit.
    fn begin(&mut self) -> Vec<f64> {
        let rsus = self.servers.len();
        let mut cells = vec![Vec::new(); self.slots * rsus];
        for life in self.lives {
            for (t, ahead) in life.slots.iter().enumerate() {
                if ahead.entry != UNCOVERED {
                    cells[(life.first + t) * rsus + ahead.entry as usize].push(life.cycles);
                }
            }
        }
        let most = cells.iter().map(Vec::len).max().unwrap_or(0);
        let zeros = vec![0.0; most];
        let mut point = Vec::with_capacity(cells.len());
        for (row, cycles) in cells.iter().enumerate() {
            let server = &self.servers[row % rsus];
            let price = match cycles.is_empty() {
                true => 0.0,
                false => server.fill_price(Rows {
                    cycles,
                    minimum_hz: &zeros[..cycles.len()],
                    later_price: &[],
                }),
            };
            point.push((price * server.cpu_hz).max(0.0));
        }
        let dear = point.iter().filter(|price| **price > 0.0);
        let (count, sum) = dear.fold((0, 0.0), |(count, sum), price| (count + 1, sum + price));
        if count > 0 && sum > 0.0 && f64::is_finite(sum) {
            self.unit = sum / f64::from(count);
        } else {
            point.fill(0.0);
        }
        point.iter_mut().for_each(|price| *price /= self.unit);
        point
    }

    /// The bound at `point`.
    fn value(&mut self, point: &[f64]) -> f64 {
        let mut value = -self.unit * point.iter().sum::<f64>();
        for life in self.lives {
            self.price(life, point);
            let ties = self.ties(life);
            value += self.paths.solve(&self.nodes, ties, Start::Free);
        }
        value
    }

    /// The smoothed bound at `point`, and its gradient.
    fn smooth(&mut self, point: &[f64], temperature: f64, gradient: &mut Vec<f64>) -> f64 {
        let rsus = self.servers.len();
        gradient.clear();
        gradient.resize(point.len(), -self.unit);
        let mut value = -self.unit * point.iter().sum::<f64>();
        for life in self.lives {
            self.price(life, point);
            let ties = self.ties(life);
            let Self {
                nodes,
                servers,
                hz,
                unit,
                soft,
                ..
            } = self;
            value += soft.solve(nodes, ties, temperature);
            let begin = life.first * rsus;
            let rows = gradient[begin..].iter_mut().zip(soft.used()).zip(&*hz);
            for (row, ((gradient, used), hz)) in rows.enumerate() {
                *gradient += *unit * used * hz / servers[row % rsus].cpu_hz;
            }
        }
        value
    }

    /// What the batches of a session cost at these prices, and the CPU that they take.
    fn price(&mut self, life: &Life, point: &[f64]) {
        let Self {
            servers,
            ways,
            unit,
            nodes,
            hz,
            ..
        } = self;
        let rsus = servers.len();
        nodes.start(rsus);
        hz.clear();
        hz.resize(life.slots.len() * rsus, 0.0);
        for (t, ahead) in life.slots.iter().enumerate() {
            let prices = &point[(life.first + t) * rsus..];
            let ways = ways.of(life.first + t);
            let served = (0..rsus).map(|m| {
                if ahead.entry == UNCOVERED {
                    return None;
                }
                let way = ways[ahead.entry as usize * rsus + m]?;
                let server = &servers[m];
                let price = prices[m] * *unit / server.cpu_hz;
                let offer = server.curve.offer(price, life.cycles, server.cpu_hz);
                hz[t * rsus + m] = offer.cpu_hz;
                Some(ahead.access_cost + way * life.data_bits + offer.cost)
            });
            nodes.push(ahead.local_cost, served);
        }
    }
}
