//! Which servers and links work where nothing queues, and which ways lead around those that do not.

use std::sync::Arc;

use super::world::{FaultyPart, World, WorldFault};
use crate::backhaul::Routes;
use crate::slot::Slot;
use crate::slot::sessions::Moves;

/// The faults of a run by slots: a part that has failed when a slot starts does not work in it.
pub(super) struct Health {
    /// Which of the world's faults have struck.
    struck: Vec<bool>,
    up: Vec<bool>,
    routes: Arc<Routes>,
    /// Where work runs in sessions.
    moves: Option<Arc<Moves>>,
}

impl Health {
    /// `None` where nothing ever fails, or tasks queue: their servers and links know of faults themselves.
    pub(super) fn new(world: &World) -> Option<Self> {
        let fails = !world.faults.is_empty() && world.queues.is_none();
        let moves = world.sessions.as_ref().map(|s| Arc::clone(&s.moves));
        fails.then(|| Self {
            struck: vec![false; world.faults.len()],
            up: vec![true; world.rsus.len()],
            routes: Arc::clone(&world.routes),
            moves,
        })
    }

    /// Whether the server of `rsu` works in the slot shown last.
    pub(super) fn is_up(&self, rsu: u32) -> bool {
        self.up[rsu as usize]
    }

    /// Lets `slot` show what works at its start: no way leads over what has failed.
    pub(super) fn show(&mut self, world: &World, slot: &mut Slot) {
        let now_s = slot.now_s;
        let strikes = |fault: &WorldFault| fault.from_s <= now_s && now_s < fault.until_s;
        let mut changed = false;
        for (struck, fault) in self.struck.iter_mut().zip(&world.faults) {
            changed |= std::mem::replace(struck, strikes(fault)) != *struck;
        }
        if changed {
            self.find_ways(world);
        }
        slot.routes = Arc::clone(&self.routes);
        match (&mut slot.sessions, &self.moves) {
            (Some(sessions), Some(moves)) => {
                sessions.moves = Arc::clone(moves);
                sessions.up.clone_from(&self.up);
            }
            _ => slot.rsus.up.clone_from(&self.up),
        }
    }

    fn find_ways(&mut self, world: &World) {
        let now = || {
            let all = world.faults.iter().zip(&self.struck);
            all.filter(|(_, struck)| **struck)
                .map(|(fault, _)| fault.what)
        };
        self.up.fill(true);
        let mut cut = Vec::new();
        for part in now() {
            match part {
                FaultyPart::Server(m) => self.up[m as usize] = false,
                FaultyPart::Link(row) => {
                    let link = &world.network.links()[row as usize];
                    cut.extend([(link.from, link.to), (link.to, link.from)]);
                }
                FaultyPart::Information => {}
            }
        }
        let up = |m: u32| self.up[m as usize];
        let works = |edge: &&_| -> bool {
            let edge: &crate::backhaul::Edge = edge;
            up(edge.a) && up(edge.b) && !cut.contains(&(edge.a, edge.b))
        };
        let edges: Vec<_> = world.links.iter().filter(works).copied().collect();
        let rsus = world.rsus.len();
        let routes = Routes::build(rsus, &edges, world.scenario.backhaul.max_hops);
        if let Some(moves) = &mut self.moves {
            *moves = Arc::new(world.moves(&routes));
        }
        self.routes = Arc::new(routes);
    }
}

/// By RSU the slots in which its server does not work, as first slot and the one after the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Outages {
    by_rsu: Vec<Vec<(usize, usize)>>,
}

impl Outages {
    /// Those of `world`.
    pub(super) fn new(world: &World) -> Self {
        let mut by_rsu = vec![Vec::new(); world.rsus.len()];
        let slot_s = world.scenario.time.slot_s;
        for fault in &world.faults {
            if let FaultyPart::Server(m) = fault.what {
                let (first, end) = (
                    first_slot(fault.from_s, slot_s),
                    first_slot(fault.until_s, slot_s),
                );
                if first < end {
                    by_rsu[m as usize].push((first, end));
                }
            }
        }
        Self { by_rsu }
    }

    /// The first slot after `t` in which the server of RSU `m` does not work.
    pub(super) fn next(&self, m: u32, t: usize) -> Option<usize> {
        let later = self.by_rsu[m as usize].iter();
        later
            .filter(|(_, end)| *end > t + 1)
            .map(|(first, _)| (*first).max(t + 1))
            .min()
    }
}

/// The first slot that does not start before `time_s`. Slots start at multiples of `slot_s`, as rounded.
fn first_slot(time_s: f64, slot_s: f64) -> usize {
    let start_s = |t: usize| t as f64 * slot_s;
    let mut t = (time_s / slot_s).ceil().max(0.0) as usize;
    while t > 0 && start_s(t - 1) >= time_s {
        t -= 1;
    }
    while start_s(t) < time_s {
        t += 1;
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots of 0.1 s, whose starts are not exact: the slot is the one whose start a run compares.
    #[test]
    fn closed_form_first_slots() {
        for t in 0..200 {
            assert_eq!(first_slot(t as f64 * 0.1, 0.1), t);
            assert_eq!(first_slot(t as f64 * 0.1 + 0.05, 0.1), t + 1);
        }
        let outages = Outages {
            by_rsu: vec![vec![(7, 9), (3, 5)], Vec::new()],
        };
        let next = |t| outages.next(0, t);
        assert_eq!(
            [0, 2, 3, 4, 5, 7, 8].map(next).map(|t| t.unwrap_or(0)),
            [3, 3, 4, 7, 7, 8, 0]
        );
        assert_eq!(outages.next(1, 0), None);
    }
}
