//! Sessions on shortest paths over their expected future, priced by all others.
//!
//! The plan says for every session and slot of the horizon which RSU hosts it. Sweeps take one session out at a time and
//! lay it again on its cheapest path, where each (slot, RSU) costs what the optimum of P2 there rises by when the session
//! joins. So each step lowers the exact cost of the whole plan. In the next slot what is left of the plan is the
//! beginning of the new one.

use std::collections::BTreeMap;

use super::at;
use crate::alloc::server::{Rows, Server};
use crate::bound::sessions::paths::{Nodes, Paths, Start, Stop, Ties};
use crate::outlook::journey::{Outlook, expect};
use crate::policy::Policy;
use crate::scenario::SessionPlanOptions;
use crate::slot::sessions::{Ahead, UNCOVERED};
use crate::slot::{Decision, Placement, Slot};

/// Plans for all sessions at once, or for each as if it were alone.
#[derive(Clone, Debug)]
pub struct Plan {
    outlook: Outlook,
    sweeps: usize,
    /// Whether sessions see each other.
    together: bool,
    /// The batches planned, by slot and RSU.
    cells: Vec<Cell>,
    servers: Vec<Server>,
    /// Expected slots of each session.
    ahead: Vec<Vec<Ahead>>,
    /// Paths of this slot's sessions, and of those of the slot before.
    paths: Vec<Vec<Stop>>,
    before: BTreeMap<u64, Vec<Stop>>,
    nodes: Nodes,
    search: Paths,
    /// As many zeros as a cell has batches.
    zeros: Vec<f64>,
}

/// Batches planned at one RSU in one slot.
#[derive(Clone, Debug, Default)]
struct Cell {
    tasks: Vec<u32>,
    cycles: Vec<f64>,
    /// Optimum of P2.
    value: f64,
}

impl Plan {
    /// Each session by itself, with its future known.
    #[must_use]
    pub fn alone() -> Self {
        Self::new(Outlook::Known, 0, false)
    }

    /// All sessions, vehicles keeping their velocity.
    #[must_use]
    pub fn predicted(options: SessionPlanOptions) -> Self {
        let horizon_s = options.horizon_s;
        Self::new(Outlook::Constant { horizon_s }, options.sweeps, true)
    }

    /// All sessions, with the future known.
    #[must_use]
    pub fn foreseen(options: SessionPlanOptions) -> Self {
        Self::new(Outlook::Known, options.sweeps, true)
    }

    fn new(outlook: Outlook, sweeps: usize, together: bool) -> Self {
        Self {
            outlook,
            sweeps,
            together,
            cells: Vec::new(),
            servers: Vec::new(),
            ahead: Vec::new(),
            paths: Vec::new(),
            before: BTreeMap::new(),
            nodes: Nodes::default(),
            search: Paths::default(),
            zeros: Vec::new(),
        }
    }

    /// Clears the cells, and expects the future.
    fn begin(&mut self, slot: &Slot) {
        let (tasks, rsus) = (slot.tasks.len(), slot.rsus.len());
        self.servers.clear();
        self.servers
            .extend((0..rsus).map(|m| Server::idle(slot, m)));
        self.ahead
            .resize_with(tasks.max(self.ahead.len()), Vec::new);
        self.paths
            .resize_with(tasks.max(self.paths.len()), Vec::new);
        let mut slots = 0;
        for (task, ahead) in self.ahead[..tasks].iter_mut().enumerate() {
            expect(self.outlook, slot, task, ahead);
            slots = slots.max(ahead.len());
        }
        for cell in &mut self.cells {
            cell.tasks.clear();
            cell.cycles.clear();
            cell.value = 0.0;
        }
        let cells = (slots * rsus).max(self.cells.len());
        self.cells.resize_with(cells, Cell::default);
        self.zeros.resize(tasks + 1, 0.0);
    }

    /// Takes over what is left of the plan of the slot before, where it still fits.
    fn take_over(&mut self, slot: &Slot) {
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        for (task, id) in sessions.id.iter().enumerate() {
            let path = &mut self.paths[task];
            path.clear();
            let Some(before) = self.before.get(id) else {
                continue;
            };
            // a decider may be shown slots of another system
            let known = |stop: &Stop| stop.host.is_none_or(|m| (m as usize) < slot.rsus.len());
            if !before.iter().all(known) {
                continue;
            }
            let last = before.last().copied().unwrap_or_default();
            let rest = before.iter().skip(1).copied();
            let slots = self.ahead[task].len();
            path.extend(rest.chain(std::iter::repeat(last)).take(slots));
            for (stop, ahead) in path.iter_mut().zip(&self.ahead[task]) {
                stop.served &= ahead.entry != UNCOVERED;
            }
            self.join(task, slot);
        }
    }

    /// Lays `task` on its cheapest path, given all others.
    fn lay(&mut self, task: usize, slot: &Slot) -> Start {
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        let ties = Ties::of(slot);
        let start = Start::of(&sessions.state[task], ties.moves);
        self.leave(task, slot);
        self.price(task, slot);
        self.search.solve(&self.nodes, ties, start);
        let path = &mut self.paths[task];
        self.search.trace(&self.nodes, ties, start, path);
        self.join(task, slot);
        start
    }

    /// What the batches of `task` cost wherever it may be, given all others.
    fn price(&mut self, task: usize, slot: &Slot) {
        let Self {
            cells,
            servers,
            ahead,
            nodes,
            zeros,
            ..
        } = self;
        let rsus = servers.len();
        let (cycles, data_bits) = (slot.tasks.cycles[task], slot.tasks.data_bits[task]);
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        nodes.start(rsus);
        for (h, ahead) in ahead[task].iter().enumerate() {
            let served = |m: usize| {
                if ahead.entry == UNCOVERED || !sessions.is_up(m as u32) {
                    return None;
                }
                let way = slot.way_cost(ahead.entry, m as u32, data_bits)?;
                let cell = &mut cells[h * rsus + m];
                let joined = cell.joined(cycles, &servers[m], zeros);
                Some(ahead.access_cost + way + joined)
            };
            nodes.push(ahead.local_cost, (0..rsus).map(served));
        }
    }

    fn join(&mut self, task: usize, slot: &Slot) {
        if !self.together {
            return;
        }
        let (rsus, cycles) = (self.servers.len(), slot.tasks.cycles[task]);
        for (h, stop) in self.paths[task].iter().enumerate() {
            if let (Some(host), true) = (stop.host, stop.served) {
                let cell = &mut self.cells[h * rsus + host as usize];
                cell.tasks.push(task as u32);
                cell.cycles.push(cycles);
                cell.evaluate(&self.servers[host as usize], &self.zeros);
            }
        }
    }

    fn leave(&mut self, task: usize, slot: &Slot) {
        let rsus = slot.rsus.len();
        if !self.together {
            return;
        }
        for (h, stop) in self.paths[task].iter().enumerate() {
            if let (Some(host), true) = (stop.host, stop.served) {
                let cell = &mut self.cells[h * rsus + host as usize];
                if let Some(place) = cell.tasks.iter().position(|&other| other == task as u32) {
                    cell.tasks.swap_remove(place);
                    cell.cycles.swap_remove(place);
                    cell.evaluate(&self.servers[host as usize], &self.zeros);
                }
            }
        }
    }

    /// The host that the path of `task` begins with.
    fn wish(&mut self, task: usize, slot: &Slot) -> Placement {
        let start = self.lay(task, slot);
        let ties = Ties::of(slot);
        match start {
            Start::Free if self.ahead[task][0].entry == UNCOVERED => Placement::Local,
            Start::Free => self.paths[task][0].host.map_or(Placement::Local, at),
            Start::Host(host) => at(self.search.first(ties, host)),
            Start::Arriving { to, .. } => at(to),
        }
    }
}

impl Cell {
    /// What the optimum of P2 rises by when a batch of `cycles` joins.
    fn joined(&mut self, cycles: f64, server: &Server, zeros: &[f64]) -> f64 {
        self.cycles.push(cycles);
        let with = server.optimum(rows(&self.cycles, zeros)).0;
        self.cycles.pop();
        with - self.value
    }

    fn evaluate(&mut self, server: &Server, zeros: &[f64]) {
        self.value = server.optimum(rows(&self.cycles, zeros)).0;
    }
}

fn rows<'a>(cycles: &'a [f64], zeros: &'a [f64]) -> Rows<'a> {
    Rows {
        cycles,
        minimum_hz: &zeros[..cycles.len()],
        later_price: &[],
    }
}

impl Policy for Plan {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        let tasks = slot.tasks.len();
        self.begin(slot);
        if self.together {
            self.take_over(slot);
        }
        for _ in 0..self.sweeps {
            for task in 0..tasks {
                self.lay(task, slot);
            }
        }
        for task in 0..tasks {
            let placement = self.wish(task, slot);
            decision.placements.push(placement);
        }
        let mut before = std::mem::take(&mut self.before);
        for (path, &id) in self.paths.iter().zip(&sessions.id) {
            let mut kept = before.remove(&id).unwrap_or_default();
            kept.clone_from(path);
            self.before.insert(id, kept);
        }
    }
}
