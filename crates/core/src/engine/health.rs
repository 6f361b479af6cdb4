//! Which servers and links work where work runs in sessions, and which ways lead around those that do not.

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
    moves: Arc<Moves>,
}

impl Health {
    /// `None` where nothing ever fails, or there are no sessions.
    pub(super) fn new(world: &World) -> Option<Self> {
        let sessions = world.sessions.as_ref()?;
        (!world.faults.is_empty()).then(|| Self {
            struck: vec![false; world.faults.len()],
            up: vec![true; world.rsus.len()],
            routes: Arc::clone(&world.routes),
            moves: Arc::clone(&sessions.moves),
        })
    }

    /// Lets `slot` show what works at its start: no vehicle enters by a server that has failed, and no way leads over it.
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
        slot.coverage.retain(|rsu| self.up[rsu as usize]);
        let sessions = slot.sessions.as_mut().expect("a world of sessions");
        sessions.moves = Arc::clone(&self.moves);
        sessions.up.clone_from(&self.up);
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
        self.moves = Arc::new(world.moves(&routes));
        self.routes = Arc::new(routes);
    }
}
