//! Faults over time, and which parts work.

use crate::backhaul::network::Network;
use std::collections::VecDeque;

/// A server or a link fails or comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultEvent {
    /// When \[s\].
    pub at_s: f64,
    /// What.
    pub part: Component,
    /// Whether it comes back; otherwise it fails.
    pub up: bool,
}

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The server of this row.
    Server(u32),
    /// Both directions of the link, by the row of either.
    Link(u32),
}

/// The schedule of faults, and the state of all parts by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    schedule: Vec<FaultEvent>,
    next: usize,
    pub(super) server_up: Vec<bool>,
    link_up: Vec<bool>,
    search: Search,
}

/// Memory of the search for paths.
#[derive(Clone, Debug, Default)]
struct Search {
    queue: VecDeque<u32>,
    hops: Vec<u32>,
    /// The link by which a server was reached.
    by: Vec<u32>,
}

const FAR: u32 = u32::MAX;

impl Health {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            server_up: vec![true; network.rsus()],
            link_up: vec![true; network.links().len()],
            ..Self::default()
        }
    }

    /// Sets the schedule. Faults of one instant keep their order.
    pub(super) fn plan(&mut self, network: &Network, mut schedule: Vec<FaultEvent>) {
        for fault in &schedule {
            assert!(fault.at_s >= 0.0, "a fault at {} s", fault.at_s);
            let known = match fault.part {
                Component::Server(m) => (m as usize) < network.rsus(),
                Component::Link(row) => (row as usize) < network.links().len(),
            };
            assert!(known, "{:?} is not in the network", fault.part);
        }
        schedule.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        self.schedule = schedule;
    }

    /// Whether anything ever fails.
    pub(super) fn has_faults(&self) -> bool {
        !self.schedule.is_empty()
    }

    /// When the next fault strikes \[s\]; never: infinity.
    #[inline]
    pub(super) fn next_s(&self) -> f64 {
        self.schedule
            .get(self.next)
            .map_or(f64::INFINITY, |fault| fault.at_s)
    }

    /// Applies the next fault; `None` if it changes nothing.
    pub(super) fn strike(&mut self, network: &Network) -> Option<FaultEvent> {
        let fault = self.schedule[self.next];
        self.next += 1;
        let changes = match fault.part {
            Component::Server(m) => {
                std::mem::replace(&mut self.server_up[m as usize], fault.up) != fault.up
            }
            Component::Link(row) => {
                self.link_up[network.links()[row as usize].reverse as usize] = fault.up;
                std::mem::replace(&mut self.link_up[row as usize], fault.up) != fault.up
            }
        };
        changes.then_some(fault)
    }

    /// Whether a link can take data from the server that it leaves.
    pub(super) fn lives(&self, network: &Network, row: u32) -> bool {
        let to = network.links()[row as usize].to;
        self.link_up[row as usize] && self.server_up[to as usize]
    }

    /// The way from `from`, which is up, to `execution` if that can be reached, else to the nearest server that
    /// accepts tasks (hops, then row), added to `path`; answers that server.
    ///
    /// A path has the fewest hops; among those the smallest rows, compared from the target back.
    pub(super) fn route(
        &mut self,
        network: &Network,
        from: u32,
        execution: u32,
        accepts: impl Fn(u32) -> bool,
        path: &mut Vec<u32>,
    ) -> Option<u32> {
        let mut search = std::mem::take(&mut self.search);
        search.explore(network, from, |row| self.lives(network, row));
        let nearest = || {
            (0..network.rsus() as u32)
                .filter(|&m| search.hops[m as usize] != FAR && accepts(m))
                .min_by_key(|&m| (search.hops[m as usize], m))
        };
        let reached = search.hops[execution as usize] != FAR;
        let target = if reached { Some(execution) } else { nearest() };
        let travelled = path.len();
        let mut at = target.unwrap_or(from);
        while at != from {
            let row = search.by[at as usize];
            path.push(row);
            at = network.links()[row as usize].from;
        }
        path[travelled..].reverse();
        self.search = search;
        target
    }
}

impl Search {
    /// Breadth first from `from`, over the links that live; `by` comes from the smallest row.
    fn explore(&mut self, network: &Network, from: u32, lives: impl Fn(u32) -> bool) {
        self.hops.clear();
        self.hops.resize(network.rsus(), FAR);
        self.by.resize(network.rsus(), 0);
        self.hops[from as usize] = 0;
        self.queue.push_back(from);
        while let Some(m) = self.queue.pop_front() {
            for row in network.leaving(m) {
                let to = network.links()[row as usize].to as usize;
                let hops = self.hops[m as usize] + 1;
                if hops > self.hops[to] || !lives(row) {
                    continue;
                }
                if self.hops[to] == FAR {
                    self.hops[to] = hops;
                    self.queue.push_back(to as u32);
                } else if m > network.links()[self.by[to] as usize].from {
                    continue;
                }
                self.by[to] = row;
            }
        }
    }
}
