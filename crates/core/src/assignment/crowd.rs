//! P2 at an RSU with many tasks: one more barely matters, so it need not be solved from the beginning.
//!
//! G, the optimum of P2, is the maximum over prices p >= 0 of the dual phi(p) = sum g_n(p) - p F. At a fixed price its
//! value and its derivatives are sums over tasks, so a task joins or leaves in constant time. G is then the maximum of
//! the parabola that they define. Its error is of third order in what changed, and P2 is solved exactly again once
//! [`MOST_CHANGED`] of the tasks have.

use crate::alloc::server::{Rows, Server};

/// From this many tasks on an RSU is crowded.
pub(super) const CROWD: usize = 512;

/// Share of the tasks that may change before P2 is solved again. A task is then priced to within .03 % of what it costs.
const MOST_CHANGED: f64 = 1.0 / 64.0;

/// The dual of P2 at one RSU around a price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    price: f64,
    /// phi and its first and second derivative at `price`.
    value: f64,
    excess_hz: f64,
    slope: f64,
    /// Sum of the least shares \[Hz\].
    least_hz: f64,
    /// Tasks now, and the moves since `price` was exact.
    tasks: f64,
    moves: f64,
}

impl Crowd {
    /// Around the exact `price` of `rows`; none where they are few, or where costs do not follow from prices.
    pub(super) fn new(server: &Server, rows: Rows<'_>, price: f64) -> Option<Self> {
        if rows.cycles.len() < CROWD
            || !price.is_finite()
            || server.available_hz() <= 0.0
            || !server.curve.is_priced_exactly()
        {
            return None;
        }
        let mut crowd = Self {
            price,
            value: -price * server.available_hz(),
            excess_hz: -server.available_hz(),
            slope: 0.0,
            least_hz: 0.0,
            tasks: 0.0,
            moves: 0.0,
        };
        for (&cycles, &least_hz) in rows.cycles.iter().zip(rows.minimum_hz) {
            crowd.add(server, cycles, least_hz, 1.0);
        }
        crowd.moves = 0.0;
        Some(crowd)
    }

    fn add(&mut self, server: &Server, cycles: f64, least_hz: f64, sign: f64) {
        let (demand_hz, slope) = server.curve.demand(self.price, cycles);
        let hz = demand_hz.max(least_hz);
        self.value += sign * (server.curve.cost(cycles, hz) + self.price * hz);
        self.excess_hz += sign * hz;
        self.slope += if demand_hz > least_hz {
            sign * slope
        } else {
            0.0
        };
        self.least_hz += sign * least_hz;
        self.tasks += sign;
        self.moves += 1.0;
    }

    /// With one more task.
    pub(super) fn with(mut self, server: &Server, cycles: f64, least_hz: f64) -> Self {
        self.add(server, cycles, least_hz, 1.0);
        self
    }

    /// With one task less.
    pub(super) fn without(mut self, server: &Server, cycles: f64, least_hz: f64) -> Self {
        self.add(server, cycles, least_hz, -1.0);
        self
    }

    /// Whether too much changed since the price was exact.
    pub(super) fn is_stale(&self) -> bool {
        self.moves > MOST_CHANGED * self.tasks
    }

    /// Optimal value of P2, and its price.
    pub(super) fn optimum(&self, server: &Server) -> (f64, f64) {
        if self.least_hz > server.available_hz() {
            return (f64::INFINITY, f64::INFINITY);
        }
        let step = if self.slope < 0.0 {
            (self.excess_hz / -self.slope).max(-self.price)
        } else {
            -self.price
        };
        let gained = (self.excess_hz + 0.5 * self.slope * step) * step;
        (self.value + gained, self.price + step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::curve::Curve;
    use crate::rng::{Stream, Streams};

    /// Tasks come and go at an RSU; P2 is solved from the beginning beside it.
    #[test]
    fn oracle_a_crowd_costs_what_p2_says() {
        let mut rng = Streams::new(7).stream("crowd");
        for curve in [
            Curve::new(0.65, 3e-28),
            Curve::new(0.65, 1e-24),
            Curve::new(1.0, 0.0),
        ] {
            for fitted in [false, true] {
                let server = Server {
                    curve,
                    cpu_hz: 15e9,
                    ..Server::default()
                };
                let draw = |rng: &mut Stream| {
                    let least_hz = match fitted {
                        true => rng.uniform(0.0, 5e6),
                        false => 0.0,
                    };
                    (rng.uniform(1e8, 5e8), least_hz)
                };
                let (mut cycles, mut least): (Vec<_>, Vec<_>) =
                    (0..2000).map(|_| draw(&mut rng)).unzip();
                let solve = |cycles: &[f64], minimum_hz: &[f64]| {
                    server.optimum(Rows {
                        cycles,
                        minimum_hz,
                        later_price: &[],
                    })
                };
                let rows = Rows {
                    cycles: &cycles,
                    minimum_hz: &least,
                    later_price: &[],
                };
                let price = server.optimum(rows).1;
                let mut crowd = Crowd::new(&server, rows, price).unwrap();
                let mut moves = 0;
                while !crowd.is_stale() {
                    let exact = solve(&cycles, &least);
                    let close = crowd.optimum(&server);
                    assert!((close.0 / exact.0 - 1.0).abs() < 1e-5, "{curve:?} {moves}");
                    let (c, l) = draw(&mut rng);
                    let more = crowd.with(&server, c, l);
                    cycles.push(c);
                    least.push(l);
                    let added = solve(&cycles, &least).0 - exact.0;
                    let found = more.optimum(&server).0 - close.0;
                    assert!(
                        (found / added - 1.0).abs() < 2e-3,
                        "{curve:?} {fitted} {moves}: {found} {added}"
                    );
                    // more leave than come, so that the price moves
                    crowd = more;
                    for _ in 0..2 {
                        let at = rng.below(cycles.len());
                        let (c, l) = (cycles.swap_remove(at), least.swap_remove(at));
                        crowd = crowd.without(&server, c, l);
                    }
                    moves += 3;
                }
                assert!(moves > 25, "{moves}");
            }
        }
    }

    #[test]
    fn closed_form_no_crowd_where_tasks_are_few_or_costs_follow_from_no_price() {
        let few = [1e8; CROWD - 1];
        let many = [1e8; CROWD];
        let rows = |cycles| Rows {
            cycles,
            minimum_hz: &[0.0; CROWD],
            later_price: &[],
        };
        let priced = Server {
            curve: Curve::new(0.65, 3e-28),
            cpu_hz: 15e9,
            ..Server::default()
        };
        let energy_only = Server {
            curve: Curve::new(0.0, 3e-28),
            ..priced
        };
        assert!(Crowd::new(&priced, rows(&few), 1.0).is_none());
        assert!(Crowd::new(&priced, rows(&many), 1.0).is_some());
        assert!(Crowd::new(&energy_only, rows(&many), 1.0).is_none());
    }
}
