//! Dijkstra's algorithm over the backhaul, with costs and ties of the caller's.
//!
//! petgraph has one, but it returns only distances or allocates per call, and it does not specify how it breaks
//! ties. Here ties are part of the comparison: fixed for Dijkstra, at random for OSPF.

use super::network::{Link, Network};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;
use std::sync::Arc;

/// Least costs from one server, keeping its memory.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Least cost of every server; infinite where it cannot be reached.
    cost: Vec<f64>,
    /// Cost bits and server: non-negative floats order as their bits do.
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    /// Links into a server that lie on a path of least cost.
    tight: Vec<u32>,
}

/// Costs this close, relative to themselves, are equal: sums in different orders differ by rounding.
const EQUAL: f64 = 1e-12;

impl Search {
    /// Least costs from `from`, until `to` is settled; `cost` tells the positive cost of every link.
    pub fn run(&mut self, network: &Network, from: u32, to: u32, cost: impl Fn(u32, &Link) -> f64) {
        self.cost.clear();
        self.cost.resize(network.rsus(), f64::INFINITY);
        self.heap.clear();
        self.cost[from as usize] = 0.0;
        self.heap.push(Reverse((0, from)));
        while let Some(Reverse((bits, at))) = self.heap.pop() {
            let here = f64::from_bits(bits);
            if here > self.cost[at as usize] {
                continue;
            }
            if at == to {
                break;
            }
            for row in network.leaving(at) {
                let link = &network.links()[row as usize];
                let there = here + cost(row, link);
                if there < self.cost[link.to as usize] {
                    self.cost[link.to as usize] = there;
                    self.heap.push(Reverse((there.to_bits(), link.to)));
                }
            }
        }
    }

    /// Appends a path of least cost, in order of travel; `pick(n)` chooses among n equal last links.
    /// Nothing is appended where `to` cannot be reached.
    pub fn path(
        &mut self,
        network: &Network,
        (from, to): (u32, u32),
        cost: impl Fn(u32, &Link) -> f64,
        mut pick: impl FnMut(usize) -> usize,
        path: &mut Vec<u32>,
    ) {
        if self.cost[to as usize].is_infinite() {
            return;
        }
        let begin = path.len();
        let mut at = to;
        while at != from {
            let here = self.cost[at as usize];
            self.tight.clear();
            for back in network.leaving(at) {
                let row = network.links()[back as usize].reverse;
                let link = &network.links()[row as usize];
                let before = self.cost[link.from as usize];
                // the distances of servers that are not settled may be too high; these are on no shortest path
                if before < here && before + cost(row, link) <= here * (1.0 + EQUAL) {
                    self.tight.push(row);
                }
            }
            let choice = match self.tight.len() {
                1 => 0,
                n => pick(n),
            };
            let row = self.tight[choice];
            path.push(row);
            at = network.links()[row as usize].from;
        }
        path[begin..].reverse();
    }
}

/// Task size that static costs are made for \[bit\]: 500 kB, Table 7's. Routes stand before tasks come.
const REFERENCE_BITS: f64 = 4e6;

/// What a link costs without load: propagation + size / R \[s\].
#[must_use]
#[inline]
pub fn static_cost_s(link: &Link) -> f64 {
    link.propagation_s + REFERENCE_BITS / link.rate_bps
}

/// One path of least static cost per pair; among equals the last links have the least rows.
#[derive(Clone, Debug, Default)]
pub struct Dijkstra {
    network: Arc<Network>,
    search: Search,
    found: BTreeMap<(u32, u32), Range<u32>>,
    links: Vec<u32>,
}

impl Dijkstra {
    /// Forgets all paths if `network` is another one.
    pub fn follow(&mut self, network: &Arc<Network>) {
        if Arc::ptr_eq(&self.network, network) {
            return;
        }
        if *self.network != **network {
            self.found.clear();
            self.links.clear();
        }
        self.network = Arc::clone(network);
    }

    /// The path from `from` to `to`, empty where there is none.
    pub fn path(&mut self, from: u32, to: u32) -> &[u32] {
        let network = &self.network;
        let range = self.found.entry((from, to)).or_insert_with(|| {
            let begin = self.links.len() as u32;
            let cost = |_, link: &Link| static_cost_s(link);
            self.search.run(network, from, to, cost);
            let ends = (from, to);
            self.search
                .path(network, ends, cost, |_| 0, &mut self.links);
            begin..self.links.len() as u32
        });
        &self.links[range.start as usize..range.end as usize]
    }
}
