//! The simple paths that PACB chooses from, found once per pair of servers.
//!
//! petgraph's `all_simple_paths` walks without knowing how far the goal is, so that it visits every dead
//! end, and its k-shortest paths are not simple; this one is cut where the goal is out of reach.

use super::network::Network;
use super::search::static_cost_s;
use crate::ragged::Ragged;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Paths of all pairs asked for so far, of one network.
#[derive(Clone, Debug)]
pub struct PathCache {
    candidates: usize,
    detour_hops: u32,
    network: Arc<Network>,
    sets: BTreeMap<(u32, u32), Range<u32>>,
    /// The links of every path.
    paths: Ragged<u32>,
    /// Time per bit and time of flight of every path.
    bare_s: Vec<(f64, f64)>,
    hops_to: Vec<u32>,
}

/// Paths looked at per pair: in a dense network "shortest + 2 hops" are too many to rank them all.
const MOST_PATHS: usize = 20_000;

impl PathCache {
    /// Keeps the `candidates` best paths per pair, of at most `detour_hops` more hops than the shortest.
    #[must_use]
    pub fn new(candidates: usize, detour_hops: u32) -> Self {
        Self {
            candidates,
            detour_hops,
            network: Arc::default(),
            sets: BTreeMap::new(),
            paths: Ragged::default(),
            bare_s: Vec::new(),
            hops_to: Vec::new(),
        }
    }

    /// Forgets all paths if `network` is another one.
    pub fn follow(&mut self, network: &Arc<Network>) {
        if Arc::ptr_eq(&self.network, network) {
            return;
        }
        if *self.network != **network {
            self.sets.clear();
            self.paths.clear();
            self.bare_s.clear();
        }
        self.network = Arc::clone(network);
    }

    /// The path with number `i`, as rows of links in order of travel.
    #[must_use]
    #[inline]
    pub fn path(&self, i: u32) -> &[u32] {
        self.paths.row(i as usize)
    }

    /// No less than this takes `data_bits` along path `i`, store and forward, without any queue \[s\].
    #[must_use]
    #[inline]
    pub fn bare_s(&self, i: u32, data_bits: f64) -> f64 {
        // A hair off: calendars sum up in another order.
        const HAIR: f64 = 1e-12;
        let (bit_s, flight_s) = self.bare_s[i as usize];
        (data_bits * bit_s + flight_s) * (1.0 - HAIR)
    }

    /// Numbers of the paths between two servers, best first: by static cost, hops, then rows of links from the
    /// last one back, so that the first is the path that Dijkstra takes.
    /// Without a way between them there are none; from a server to itself there is one, without links.
    pub fn between(&mut self, from: u32, to: u32) -> Range<u32> {
        if let Some(set) = self.sets.get(&(from, to)) {
            return set.clone();
        }
        let first = self.paths.len() as u32;
        for path in self.best(from, to) {
            let links = path.iter().map(|&row| &self.network.links()[row as usize]);
            self.bare_s
                .push(links.fold((0.0, 0.0), |(bit_s, flight_s), link| {
                    (bit_s + 1.0 / link.rate_bps, flight_s + link.propagation_s)
                }));
            self.paths.push_row(path);
        }
        let set = first..self.paths.len() as u32;
        self.sets.insert((from, to), set.clone());
        set
    }

    fn best(&mut self, from: u32, to: u32) -> Vec<Vec<u32>> {
        let network = Arc::clone(&self.network);
        // links run both ways, so the way back is as long
        network.hops(to, &mut self.hops_to);
        let shortest = self.hops_to[from as usize];
        if shortest == u32::MAX {
            return Vec::new();
        }
        let most = shortest.saturating_add(self.detour_hops);
        let mut walk = Walk {
            network: &network,
            hops_to: &self.hops_to,
            to,
            visited: vec![false; network.rsus()],
            path: Vec::new(),
            found: Vec::new(),
        };
        // Hop by hop, so that where they are too many it is the long ones that are left out.
        for hops in shortest..=most {
            walk.visited[from as usize] = true;
            walk.from(from, hops);
            walk.visited[from as usize] = false;
        }
        let mut found = walk.found;
        let cost_s = |path: &[u32]| -> f64 {
            let links = path.iter().map(|&row| &network.links()[row as usize]);
            links.map(static_cost_s).sum()
        };
        found.sort_by(|p, q| {
            cost_s(p)
                .total_cmp(&cost_s(q))
                .then(p.len().cmp(&q.len()))
                .then_with(|| p.iter().rev().cmp(q.iter().rev()))
        });
        found.truncate(self.candidates);
        found
    }
}

/// A depth-first walk over simple paths of an exact length.
struct Walk<'a> {
    network: &'a Network,
    hops_to: &'a [u32],
    to: u32,
    visited: Vec<bool>,
    path: Vec<u32>,
    found: Vec<Vec<u32>>,
}

impl Walk<'_> {
    fn from(&mut self, at: u32, left: u32) {
        if at == self.to {
            if left == 0 && self.found.len() < MOST_PATHS {
                self.found.push(self.path.clone());
            }
            return;
        }
        if left == 0 || self.found.len() >= MOST_PATHS {
            return;
        }
        for row in self.network.leaving(at) {
            let near = self.network.links()[row as usize].to;
            let reachable = self.hops_to[near as usize] < left;
            if reachable && !self.visited[near as usize] {
                self.visited[near as usize] = true;
                self.path.push(row);
                self.from(near, left - 1);
                self.path.pop();
                self.visited[near as usize] = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backhaul::Edge;
    use crate::rng::Streams;

    fn random_network(seed: u64, rsus: u32, linked: f64) -> Arc<Network> {
        let mut stream = Streams::new(seed).stream("paths");
        let mut edges = Vec::new();
        for a in 0..rsus {
            for b in a + 1..rsus {
                let edge = Edge {
                    a,
                    b,
                    rate_bps: stream.uniform(0.5e9, 2e9),
                    length_m: 1e3,
                    backlog_bits: 0.0,
                };
                if stream.unit() < linked {
                    edges.push(edge);
                }
            }
        }
        Arc::new(Network::new(rsus as usize, &edges, 5e-9))
    }

    /// All simple paths by trying every order of every subset of servers, without any pruning.
    fn all_simple(network: &Network, from: u32, to: u32, path: &[u32], out: &mut Vec<Vec<u32>>) {
        let at = path
            .last()
            .map_or(from, |&row| network.links()[row as usize].to);
        if at == to {
            out.push(path.to_vec());
            return;
        }
        for row in 0..network.links().len() as u32 {
            let link = &network.links()[row as usize];
            let been = |server: u32| {
                server == from
                    || path
                        .iter()
                        .any(|&row| network.links()[row as usize].to == server)
            };
            if link.from == at && !been(link.to) {
                let longer = [path, &[row]].concat();
                all_simple(network, from, to, &longer, out);
            }
        }
    }

    #[test]
    fn oracle_simple_paths_by_brute_force() {
        let mut compared = 0;
        for seed in 0..60 {
            let network = random_network(seed, 6, 0.45);
            for k in [1, 4, 1000] {
                let mut cache = PathCache::new(k, 2);
                cache.follow(&network);
                for (from, to) in (0..6).flat_map(|a| (0..6).map(move |b| (a, b))) {
                    let mut all = Vec::new();
                    all_simple(&network, from, to, &[], &mut all);
                    let shortest = all.iter().map(Vec::len).min().unwrap_or(0);
                    all.retain(|path| path.len() <= shortest + 2);
                    let cost_s = |path: &[u32]| -> f64 {
                        path.iter()
                            .map(|&row| static_cost_s(&network.links()[row as usize]))
                            .sum()
                    };
                    all.sort_by(|p, q| {
                        cost_s(p)
                            .total_cmp(&cost_s(q))
                            .then(p.len().cmp(&q.len()))
                            .then_with(|| p.iter().rev().cmp(q.iter().rev()))
                    });
                    all.truncate(k);
                    let found: Vec<_> = cache
                        .between(from, to)
                        .map(|i| cache.path(i).to_vec())
                        .collect();
                    assert_eq!(found, all, "seed {seed}, {from} to {to}");
                    compared += all.len();
                }
            }
        }
        assert!(compared > 5000, "{compared}");
    }

    #[test]
    fn closed_form_disconnected_and_itself() {
        let mut cache = PathCache::new(12, 2);
        cache.follow(&Arc::new(Network::new(2, &[], 0.0)));
        assert!(cache.between(0, 1).is_empty());
        let own = cache.between(0, 0);
        assert_eq!(own.len(), 1);
        assert!(cache.path(own.start).is_empty());
    }
}
