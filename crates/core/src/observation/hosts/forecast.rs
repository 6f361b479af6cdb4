//! What sessions are going to cost at their hosts if none moves again: the forecast by which the rows of [`super`] differ.
//!
//! Vehicles keep their velocity for the longest of [`SPANS_S`]. P2 is taken as if all batches at an RSU were of one size: `n` of them with
//! S cycles together cost S v(min(F / n, F0)), v being what a cycle costs at that CPU.

use crate::alloc::curve::Curve;
use crate::model::objective;
use crate::outlook::journey::{Outlook, expect};
use crate::slot::Slot;
use crate::slot::sessions::{Ahead, Down, Move, SessionState, Sessions, UNCOVERED};

/// Times over which costs are forecast \[s\].
pub(super) const SPANS_S: [f64; 3] = [4.0, 8.0, 20.0];
/// Slots that are looked at, at most.
const MOST_SLOTS: usize = 60;

/// Where a session is going to be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Course {
    /// Its host until the switch, and the slots until then.
    before: Option<u32>,
    switch: u32,
    /// Its host from then on, once the downtime has passed.
    after: Option<u32>,
    down: Down,
    /// Weighted energy of the move, if it is ordered now.
    energy_cost: f64,
}

impl Course {
    /// That of a session as it stands.
    pub(super) fn of(state: &SessionState, sessions: &Sessions) -> Self {
        let down = |host: u32, to: u32| sessions.moves.find(host, to).map(|way| way.down);
        match (state.host, state.moving) {
            (Some(host), Some((to, slots))) => Self {
                before: Some(host),
                switch: slots,
                after: Some(to),
                down: down(host, to).unwrap_or_default(),
                energy_cost: 0.0,
            },
            (host, _) => Self {
                after: host,
                down: state.down.unwrap_or_default(),
                ..Self::default()
            },
        }
    }

    /// That of a session that is placed or moved now.
    pub(super) fn to(rsu: u32, from: Option<u32>, way: Option<&Move>, omega: f64) -> Self {
        let way = way.copied().unwrap_or_default();
        Self {
            before: from,
            switch: way.lead,
            after: Some(rsu),
            down: way.down,
            energy_cost: objective(omega, 0.0, way.energy_j),
        }
    }

    /// The host that can serve its batch in slot `h` from now, and how long it waits there \[s\].
    fn host(&self, h: u32) -> Option<(u32, f64)> {
        if h < self.switch {
            return self.before.map(|host| (host, 0.0));
        }
        let since = h - self.switch;
        let host = self.after.filter(|_| since >= self.down.away)?;
        let wait_s = if since == self.down.away {
            self.down.wait_s
        } else {
            0.0
        };
        Some((host, wait_s))
    }
}

/// The CPU of an RSU.
#[derive(Clone, Copy, Debug)]
struct Server {
    curve: Curve,
    cpu_hz: f64,
    /// What a batch takes for free.
    free_hz: f64,
}

impl Server {
    /// What a cycle costs among so many batches.
    fn each(&self, batches: f64) -> f64 {
        self.curve
            .cost(1.0, (self.cpu_hz / batches).min(self.free_hz))
    }
}

/// Batches forecast at one RSU in one slot.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    batches: f64,
    cycles: f64,
    /// What a cycle costs among so many batches, and with one more.
    each: f64,
    each_next: f64,
}

impl Cell {
    fn empty(server: &Server) -> Self {
        let mut cell = Self::default();
        cell.settle(server);
        cell
    }

    fn settle(&mut self, server: &Server) {
        if self.batches < 0.5 {
            // what rounding left
            (self.batches, self.cycles) = (0.0, 0.0);
        }
        self.each = server.each(self.batches.max(1.0));
        self.each_next = server.each(self.batches + 1.0);
    }

    /// What all batches cost together.
    fn cost(&self) -> f64 {
        if self.batches > 0.0 {
            self.cycles * self.each
        } else {
            0.0
        }
    }

    /// What that rises by with a batch of `cycles`.
    fn joined(&self, cycles: f64) -> f64 {
        (self.cycles + cycles) * self.each_next - self.cost()
    }
}

/// Courses of all sessions of a slot, and what they cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Forecast {
    servers: Vec<Server>,
    journeys: Vec<Vec<Ahead>>,
    /// By slot and RSU.
    cells: Vec<Cell>,
    /// Slots of each span.
    spans: [usize; SPANS_S.len()],
}

impl Forecast {
    /// Starts a slot, with nothing at any RSU.
    pub(super) fn begin(&mut self, slot: &Slot) {
        let (tasks, rsus) = (slot.tasks.len(), slot.rsus.len());
        self.servers.clear();
        self.servers.extend((0..rsus).map(|m| {
            let curve = Curve::new(slot.omega, slot.rsus.energy_coeff[m]);
            Server {
                curve,
                cpu_hz: slot.rsus.cpu_hz[m],
                free_hz: curve.demand(0.0, 1.0).0,
            }
        }));
        let slots = |span_s: f64| ((span_s / slot.slot_s).ceil().max(1.0) as usize).min(MOST_SLOTS);
        self.spans = SPANS_S.map(slots);
        let most = self.spans[SPANS_S.len() - 1];
        let horizon_s = most as f64 * slot.slot_s;
        self.journeys
            .resize_with(tasks.max(self.journeys.len()), Vec::new);
        for (task, journey) in self.journeys[..tasks].iter_mut().enumerate() {
            expect(Outlook::Constant { horizon_s }, slot, task, journey);
            journey.truncate(most);
        }
        self.cells.clear();
        for _ in 0..most {
            self.cells.extend(self.servers.iter().map(Cell::empty));
        }
    }

    /// Slots that are expected of the session of `task`, this one first.
    pub(super) fn journey(&self, task: usize) -> &[Ahead] {
        &self.journeys[task]
    }

    /// Slots of the first spans.
    pub(super) fn spans(&self) -> [usize; SPANS_S.len()] {
        self.spans
    }

    /// Counts the session of `task` along `course`, or takes it away.
    pub(super) fn count(&mut self, slot: &Slot, task: usize, course: &Course, sign: f64) {
        let (rsus, cycles) = (slot.rsus.len(), slot.tasks.cycles[task]);
        let Self {
            servers,
            journeys,
            cells,
            ..
        } = self;
        walk(slot, task, &journeys[task], course, |h, stage| {
            if let Stage::Served { host, .. } = stage {
                let cell = &mut cells[h * rsus + host as usize];
                cell.batches += sign;
                cell.cycles += sign * cycles;
                cell.settle(&servers[host as usize]);
            }
        });
    }

    /// What the batches of `task` and its move cost along `course`, all others where they are counted: sums over each span.
    pub(super) fn cost(&self, slot: &Slot, task: usize, course: &Course) -> [f64; SPANS_S.len()] {
        let (rsus, cycles) = (slot.rsus.len(), slot.tasks.cycles[task]);
        let mut sums = [course.energy_cost; SPANS_S.len()];
        walk(slot, task, &self.journeys[task], course, |h, stage| {
            let cost = match stage {
                Stage::Vehicle(cost) => cost,
                Stage::Served { host, cost } => {
                    cost + self.cells[h * rsus + host as usize].joined(cycles)
                }
            };
            for (sum, &span) in sums.iter_mut().zip(&self.spans) {
                if h < span {
                    *sum += cost;
                }
            }
        });
        sums
    }
}

/// A slot of a session's life.
enum Stage {
    /// Its batch runs on the vehicle, at that cost.
    Vehicle(f64),
    /// Its batch runs at `host`; upload, way and wait cost so much.
    Served { host: u32, cost: f64 },
}

/// Visits the slots of `journey` one by one.
fn walk(
    slot: &Slot,
    task: usize,
    journey: &[Ahead],
    course: &Course,
    mut visit: impl FnMut(usize, Stage),
) {
    let sessions = slot.sessions.as_ref().expect("sessions");
    let data_bits = slot.tasks.data_bits[task];
    // entry and host change rarely
    let (mut pair, mut way) = ((UNCOVERED, UNCOVERED), None);
    for (h, ahead) in journey.iter().enumerate() {
        let host = course.host(h as u32).filter(|_| ahead.entry != UNCOVERED);
        let served = host.and_then(|(host, wait_s)| {
            if pair != (ahead.entry, host) {
                pair = (ahead.entry, host);
                let up = sessions.is_up(host);
                way = slot.way_cost(ahead.entry, host, data_bits).filter(|_| up);
            }
            let waited = objective(slot.omega, wait_s, 0.0);
            Some((host, ahead.access_cost + way? + waited))
        });
        visit(
            h,
            match served {
                Some((host, cost)) => Stage::Served { host, cost },
                None => Stage::Vehicle(ahead.local_cost),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::server::{self, Rows};
    use crate::rng::Streams;

    /// Batches that come and go leave what those that stay would have made.
    #[test]
    fn property_counting_forgets_what_left() {
        let server = Server {
            curve: Curve::new(0.65, 3e-28),
            cpu_hz: 15e9,
            free_hz: Curve::new(0.65, 3e-28).demand(0.0, 1.0).0,
        };
        let mut stream = Streams::new(5).stream("cells");
        let (mut cell, mut cycles) = (Cell::empty(&server), Vec::new());
        let change = |cell: &mut Cell, sign: f64, c: f64| {
            cell.batches += sign;
            cell.cycles += sign * c;
            cell.settle(&server);
        };
        for _ in 0..2000 {
            if stream.unit() < 0.5 || cycles.is_empty() {
                cycles.push(stream.uniform(3e8, 4.5e8));
                change(&mut cell, 1.0, *cycles.last().unwrap());
            } else {
                let c = cycles.swap_remove(stream.below(cycles.len()));
                change(&mut cell, -1.0, c);
            }
            let mut fresh = Cell::empty(&server);
            for &c in &cycles {
                change(&mut fresh, 1.0, c);
            }
            assert!((cell.batches - fresh.batches).abs() < 1e-12);
            let (got, wanted) = (cell.joined(4e8), fresh.joined(4e8));
            assert!((got - wanted).abs() < 1e-9 * wanted, "{got} {wanted}");
        }
    }

    /// What a batch adds is near what the optimum of P2 rises by, for batches as unlike as those of `highway`.
    #[test]
    fn oracle_what_a_batch_adds_is_near_p2() {
        let curve = Curve::new(0.65, 3e-28);
        let ours = Server {
            curve,
            cpu_hz: 15e9,
            free_hz: curve.demand(0.0, 1.0).0,
        };
        let exact = server::Server {
            curve,
            cpu_hz: 15e9,
            ..server::Server::default()
        };
        let zeros = [0.0; 41];
        let value = |cycles: &[f64]| {
            let rows = Rows {
                cycles,
                minimum_hz: &zeros[..cycles.len()],
                later_price: &[],
            };
            exact.optimum(rows).0
        };
        let mut stream = Streams::new(6).stream("joined");
        for _ in 0..500 {
            let batches = stream.below(40);
            let mut cycles: Vec<f64> = (0..batches).map(|_| stream.uniform(3e8, 4.5e8)).collect();
            let mut cell = Cell::empty(&ours);
            for c in &cycles {
                cell.batches += 1.0;
                cell.cycles += c;
            }
            cell.settle(&ours);
            let new = stream.uniform(3e8, 4.5e8);
            let (got, before) = (cell.joined(new), value(&cycles));
            cycles.push(new);
            let wanted = value(&cycles) - before;
            assert!(
                (got / wanted - 1.0).abs() < 0.05,
                "{batches}: {got} {wanted}"
            );
        }
    }
}
