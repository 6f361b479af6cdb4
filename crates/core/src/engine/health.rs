//! Which servers and links work at an instant, and which ways lead around those that do not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{FaultyPart, World, WorldFault};
use crate::backhaul::Routes;
use crate::slot::Slot;
use crate::slot::sessions::Moves;

/// Stretches of time whose ways are kept.
const KEPT: usize = 64;

/// What works, from one change to the next.
pub(super) struct Works {
    up: Vec<bool>,
    pub(super) routes: Arc<Routes>,
    /// Where work runs in sessions.
    moves: Option<Arc<Moves>>,
}

impl Works {
    /// Whether the server of `rsu` works.
    pub(super) fn is_up(&self, rsu: u32) -> bool {
        self.up[rsu as usize]
    }

    /// Lets `slot` show what works at its start: no vehicle enters by a server that has failed, and no way leads over it.
    pub(super) fn show(&self, slot: &mut Slot) {
        slot.routes = Arc::clone(&self.routes);
        slot.coverage.retain(|rsu| self.is_up(rsu));
        match (&mut slot.sessions, &self.moves) {
            (Some(sessions), Some(moves)) => {
                sessions.moves = Arc::clone(moves);
                sessions.up.clone_from(&self.up);
            }
            _ => slot.rsus.up.clone_from(&self.up),
        }
    }
}

/// The faults of servers and links of a run.
pub(super) struct Health {
    /// Instants at which parts fail or come back \[s\].
    changes_s: Vec<f64>,
    /// What works after so many changes.
    known: BTreeMap<usize, Arc<Works>>,
}

impl Health {
    /// `None` where no server and no link ever fails.
    pub(super) fn new(world: &World) -> Option<Self> {
        let parts = world.faults.iter();
        let mut changes_s: Vec<f64> = parts
            .filter(|fault| fault.what != FaultyPart::Information)
            .flat_map(|fault| [fault.from_s, fault.until_s])
            .collect();
        changes_s.sort_by(f64::total_cmp);
        (!changes_s.is_empty()).then(|| Self {
            changes_s,
            known: BTreeMap::new(),
        })
    }

    /// What works at `now_s`.
    pub(super) fn at(&mut self, world: &World, now_s: f64) -> Arc<Works> {
        let after = self.changes_s.partition_point(|at_s| *at_s <= now_s);
        if let Some(works) = self.known.get(&after) {
            return Arc::clone(works);
        }
        if self.known.len() == KEPT {
            self.known.pop_first();
        }
        let works = Arc::new(find(world, now_s));
        self.known.insert(after, Arc::clone(&works));
        works
    }
}

/// What works at `now_s`, and the ways that are left.
fn find(world: &World, now_s: f64) -> Works {
    let strikes = |fault: &&WorldFault| fault.from_s <= now_s && now_s < fault.until_s;
    let mut up = vec![true; world.rsus.len()];
    let mut cut = Vec::new();
    for fault in world.faults.iter().filter(strikes) {
        match fault.what {
            FaultyPart::Server(m) => up[m as usize] = false,
            FaultyPart::Link(row) => {
                let link = &world.network.links()[row as usize];
                cut.extend([(link.from, link.to), (link.to, link.from)]);
            }
            FaultyPart::Information => {}
        }
    }
    if cut.is_empty() && up.iter().all(|up| *up) {
        return Works {
            up,
            routes: Arc::clone(&world.routes),
            moves: world.sessions.as_ref().map(|s| Arc::clone(&s.moves)),
        };
    }
    let works = |edge: &&_| -> bool {
        let edge: &crate::backhaul::Edge = edge;
        let ends_up = up[edge.a as usize] && up[edge.b as usize];
        ends_up && !cut.contains(&(edge.a, edge.b))
    };
    let edges: Vec<_> = world.links.iter().filter(works).copied().collect();
    let routes = Routes::build(world.rsus.len(), &edges, world.scenario.backhaul.max_hops);
    let moves = world.sessions.as_ref().map(|_| world.moves(&routes));
    Works {
        up,
        routes: Arc::new(routes),
        moves: moves.map(Arc::new),
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
    /// No run has so many, and numbers of slots are exact below.
    const NEVER: f64 = 9e15;
    let start_s = |t: usize| t as f64 * slot_s;
    let slots = (time_s / slot_s).ceil().max(0.0);
    if slots >= NEVER {
        return usize::MAX;
    }
    let mut t = slots as usize;
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
        // the longest time that a fault may have, in slots that no clock counts
        assert_eq!(first_slot(1e9, 1e-12), usize::MAX);
        assert_eq!(first_slot(1e9, 1e-6), 1_000_000_000_000_000);
    }
}
