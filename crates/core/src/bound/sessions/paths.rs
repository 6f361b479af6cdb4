//! Shortest paths of one session through (slot, host): what its life costs at given costs of serving its batches.

use std::sync::Arc;

use crate::slot::Slot;
use crate::slot::sessions::{Down, Move, Moves, SessionState};

/// What the batches of a session cost in the slots of a window, wherever it is.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    rsus: usize,
    /// On the vehicle, by slot.
    local: Vec<f64>,
    /// By slot and host; infinite where the host cannot serve it.
    served: Vec<f64>,
}

impl Nodes {
    /// Begins a window over `rsus` hosts.
    pub fn start(&mut self, rsus: usize) {
        self.rsus = rsus;
        self.local.clear();
        self.served.clear();
    }

    /// Adds a slot: cost on the vehicle, and at each host where it can be served.
    pub fn push(&mut self, local: f64, served: impl Iterator<Item = Option<f64>>) {
        self.local.push(local);
        self.served
            .extend(served.map(|cost| cost.unwrap_or(f64::INFINITY)));
        debug_assert_eq!(self.served.len(), self.local.len() * self.rsus);
    }

    /// Slots of the window.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.local.len()
    }

    /// Number of hosts.
    #[must_use]
    pub fn rsus(&self) -> usize {
        self.rsus
    }

    /// On the vehicle.
    #[must_use]
    pub fn local(&self, t: usize) -> f64 {
        self.local[t]
    }

    /// Whether `host` can serve the batch of slot `t`.
    #[must_use]
    pub fn is_served(&self, t: usize, host: usize) -> bool {
        self.served[t * self.rsus + host].is_finite()
    }

    /// What the batch of slot `t` costs a session that is up at `host`.
    #[must_use]
    #[inline]
    pub fn cost(&self, t: usize, host: usize) -> f64 {
        let served = self.served[t * self.rsus + host];
        if served.is_finite() {
            served
        } else {
            self.local[t]
        }
    }
}

/// What ties a session to hosts: moves, and the weight of delay.
#[derive(Clone, Copy, Debug)]
pub struct Ties<'a> {
    /// Moves between all pairs.
    pub moves: &'a Moves,
    /// omega.
    pub omega: f64,
    /// What works in the slots of the window, where parts fail; otherwise empty.
    pub health: &'a [Working],
}

/// What works in a slot.
#[derive(Clone, Debug)]
pub struct Working {
    /// Moves over the ways that work.
    pub moves: Arc<Moves>,
    /// By RSU whether its server works.
    pub up: Vec<bool>,
}

/// How a move ends whose state has been copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// The new host.
    pub(super) to: usize,
    /// The slot of the switch.
    pub(super) switch: usize,
    /// The slot that it may serve again, at most the end of the window; before, batches run on the vehicle.
    pub(super) up: usize,
    /// What the downtime takes of that slot \[s\].
    pub(super) wait_s: f64,
    /// The new host has failed by then: the session has no host.
    pub(super) evicted: bool,
}

impl<'a> Ties<'a> {
    /// Moves that can be ordered in slot `t` of the window.
    pub(super) fn moves_in(&self, t: usize) -> &'a Moves {
        self.health.get(t).map_or(self.moves, |works| &works.moves)
    }

    /// Whether the server of `host` works in slot `t`.
    pub(super) fn is_up(&self, t: usize, host: usize) -> bool {
        self.health.get(t).is_none_or(|works| works.up[host])
    }

    /// How the move `way` from `host` ends that is ordered in slot `t`; `None` where it does not end within `slots`. A move that a
    /// fault ends costs more than to stay.
    pub(super) fn arrival(
        &self,
        (t, host): (usize, usize),
        way: &Move,
        slots: usize,
    ) -> Option<Arrival> {
        let switch = t + way.lead as usize;
        if switch >= slots {
            return None;
        }
        let mut down = way.down;
        if !self.health.is_empty() {
            for t in t + 1..=switch {
                let found = self.moves_in(t).find(host as u32, way.to);
                down = found.filter(|_| self.is_up(t, host))?.down;
            }
        }
        Some(self.landing(switch, way.to as usize, down, slots))
    }

    /// How the downtime ends of a session that switches to `to`.
    fn landing(&self, switch: usize, to: usize, down: Down, slots: usize) -> Arrival {
        let up = (switch + down.away as usize).min(slots);
        let failed = match self.health.is_empty() {
            true => None,
            false => (switch + 1..(up + 1).min(slots)).find(|&t| !self.is_up(t, to)),
        };
        Arrival {
            to,
            switch,
            up: failed.unwrap_or(up),
            wait_s: down.wait_s,
            evicted: failed.is_some(),
        }
    }

    /// Those of `slot`.
    ///
    /// # Panics
    /// In a slot without sessions.
    #[must_use]
    pub fn of(slot: &'a Slot) -> Self {
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        Self {
            moves: &sessions.moves,
            omega: slot.omega,
            health: &[],
        }
    }
}

/// Where a session stands when the window begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Not placed yet.
    Free,
    /// Up at a host.
    Host(u32),
    /// Bound to be down at `to` from slot `after` on; it runs at `host` until then.
    Arriving {
        /// Where it runs.
        host: u32,
        /// Slots until the switch.
        after: u32,
        /// Where it goes.
        to: u32,
        /// Its downtime there.
        down: Down,
    },
}

impl Start {
    /// Of a session in that state.
    ///
    /// # Panics
    /// If it moves where no move leads.
    #[must_use]
    pub fn of(state: &SessionState, moves: &Moves) -> Self {
        let Some(host) = state.host else {
            return Self::Free;
        };
        match (state.down, state.moving) {
            (Some(down), _) => Self::Arriving {
                host,
                after: 0,
                to: host,
                down,
            },
            (None, Some((to, after))) => Self::Arriving {
                host,
                after,
                to,
                down: moves.find(host, to).expect("a move within reach").down,
            },
            (None, None) => Self::Host(host),
        }
    }
}

/// Where the batch of a slot runs on a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// The session's host; `None` before it is placed.
    pub host: Option<u32>,
    /// Whether the host serves the batch.
    pub served: bool,
}

const STAY: u32 = u32::MAX;

/// Finds shortest paths, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Least cost from the start of a slot on, for a session that is up at a host; one slot more than the window.
    value: Vec<f64>,
    /// How it goes on: the row of a move, or `STAY`.
    choice: Vec<u32>,
    /// The same for a session without host: least cost, and where it is placed.
    free: Vec<f64>,
    place: Vec<Option<u32>>,
    /// Cost of a host in all slots before one.
    before: Vec<f64>,
    local_before: Vec<f64>,
}

impl Paths {
    /// Least cost of the window from `start` on; a path costs nothing after the window.
    pub fn solve(&mut self, nodes: &Nodes, ties: Ties<'_>, start: Start) -> f64 {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        self.sum_up(nodes);
        self.value.clear();
        self.value.resize((slots + 1) * rsus, 0.0);
        self.choice.clear();
        self.choice.resize(slots * rsus, STAY);
        self.free.clear();
        self.free.resize(slots + 1, 0.0);
        self.place.clear();
        self.place.resize(slots, None);
        for t in (0..slots).rev() {
            self.find_place(nodes, ties, t);
            for host in 0..rsus {
                if !ties.is_up(t, host) {
                    self.value[t * rsus + host] = self.free[t];
                    continue;
                }
                let mut best = nodes.cost(t, host) + self.value[(t + 1) * rsus + host];
                let mut choice = STAY;
                for (row, way) in ties.moves_in(t).from(host as u32).iter().enumerate() {
                    let paid = (1.0 - ties.omega) * way.energy_j;
                    if paid >= best {
                        continue;
                    }
                    let Some(arrival) = ties.arrival((t, host), way, slots) else {
                        continue;
                    };
                    let switch = arrival.switch;
                    let lead = self.before[switch * rsus + host] - self.before[t * rsus + host];
                    let cost = paid + lead + self.arrive(nodes, ties, arrival);
                    if cost < best {
                        (best, choice) = (cost, row as u32);
                    }
                }
                self.value[t * rsus + host] = best;
                self.choice[t * rsus + host] = choice;
            }
        }
        match start {
            Start::Free => self.free[0],
            Start::Host(host) if slots > 0 => self.value[host as usize],
            Start::Host(_) => 0.0,
            Start::Arriving {
                host,
                after,
                to,
                down,
            } => {
                let switch = (after as usize).min(slots);
                let lead = self.before[switch * rsus + host as usize];
                lead + self.arrive(nodes, ties, ties.landing(switch, to as usize, down, slots))
            }
        }
    }

    /// Where a session that is up at `host` is to go when the window begins, itself included, after
    /// [`solve`](Self::solve).
    #[must_use]
    pub fn first(&self, ties: Ties<'_>, host: u32) -> u32 {
        match self.choice.get(host as usize) {
            None | Some(&STAY) => host,
            Some(&row) => ties.moves.from(host)[row as usize].to,
        }
    }

    /// Where a session without host is placed in slot `t`, if it is, and what its life costs from then on, after that of the
    /// slots after it: to wait, or to be placed and stay for this slot.
    fn find_place(&mut self, nodes: &Nodes, ties: Ties<'_>, t: usize) {
        let rsus = nodes.rsus();
        let (mut best, mut place) = (self.free[t + 1] + nodes.local(t), None);
        for host in (0..rsus).filter(|&host| ties.is_up(t, host)) {
            let cost = nodes.cost(t, host) + self.value[(t + 1) * rsus + host];
            // rather placed than not
            if cost < best || (cost <= best && place.is_none()) {
                (best, place) = (cost, Some(host as u32));
            }
        }
        (self.free[t], self.place[t]) = (best, place);
    }

    /// Writes the path from `start` on, after [`solve`](Self::solve).
    pub fn trace(&self, nodes: &Nodes, ties: Ties<'_>, start: Start, path: &mut Vec<Stop>) {
        let slots = nodes.slots();
        path.clear();
        let stop = |t: usize, host: u32| Stop {
            host: Some(host),
            served: nodes.is_served(t, host as usize),
        };
        let mut host = match start {
            Start::Host(host) => host,
            Start::Free => loop {
                if path.len() == slots {
                    return;
                }
                match self.place[path.len()] {
                    Some(host) => {
                        path.push(stop(path.len(), host));
                        break host;
                    }
                    None => path.push(Stop::default()),
                }
            },
            Start::Arriving {
                host,
                after,
                to,
                down,
            } => {
                while path.len() < slots.min(after as usize) {
                    path.push(stop(path.len(), host));
                }
                Self::follow(path, slots, to, down, &stop);
                to
            }
        };
        while path.len() < slots {
            let t = path.len();
            match self.choice[t * nodes.rsus() + host as usize] {
                STAY => path.push(stop(t, host)),
                row => {
                    let way = ties.moves.from(host)[row as usize];
                    while path.len() < slots.min(t + way.lead as usize) {
                        path.push(stop(path.len(), host));
                    }
                    host = way.to;
                    Self::follow(path, slots, host, way.down, &stop);
                }
            }
        }
    }

    /// The slots of downtime at `to`, and the one in which it ends.
    fn follow(
        path: &mut Vec<Stop>,
        slots: usize,
        to: u32,
        down: Down,
        stop: &impl Fn(usize, u32) -> Stop,
    ) {
        let away = slots.min(path.len().saturating_add(down.away as usize));
        path.resize(
            away.max(path.len()),
            Stop {
                host: Some(to),
                served: false,
            },
        );
        if path.len() < slots {
            path.push(stop(path.len(), to));
        }
    }

    /// What a session costs from the slot on in which it switches.
    fn arrive(&self, nodes: &Nodes, ties: Ties<'_>, arrival: Arrival) -> f64 {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        let Arrival { to, switch, up, .. } = arrival;
        let away = self.local_before[up] - self.local_before[switch];
        if up == slots {
            return away;
        }
        if arrival.evicted {
            return away + self.free[up];
        }
        let wait = if nodes.is_served(up, to) {
            ties.omega * arrival.wait_s
        } else {
            0.0
        };
        away + wait + nodes.cost(up, to) + self.value[(up + 1) * rsus + to]
    }

    fn sum_up(&mut self, nodes: &Nodes) {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        self.before.clear();
        self.before.resize((slots + 1) * rsus, 0.0);
        self.local_before.clear();
        self.local_before.push(0.0);
        for t in 0..slots {
            for host in 0..rsus {
                self.before[(t + 1) * rsus + host] =
                    self.before[t * rsus + host] + nodes.cost(t, host);
            }
            self.local_before
                .push(self.local_before[t] + nodes.local(t));
        }
    }
}
