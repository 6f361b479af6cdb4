//! Cheapest flows: successive shortest paths with potentials, on integers.
//!
//! Costs are whole numbers, so that the answer is exact and the same everywhere. Potentials start as
//! the distances to the sink. So every search goes straight to it and stops there, which keeps
//! the part of the network it looks at small.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ragged::Ragged;

/// A capacity or supply that never binds.
pub(super) const UNLIMITED: u32 = u32::MAX;

/// Potential of a node that no path leads out of.
const DEAD: i64 = i64::MAX / 4;

/// The node that all flow goes to.
pub(super) const SINK: u32 = 0;

/// A network under construction, and its cheapest flow. Keeps its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    nodes: u32,
    /// Arc `2 i` as added, arc `2 i + 1` its residual twin.
    arcs: Vec<Arc>,
    supplies: Vec<(u32, u32)>,
    /// Row `v` has the arcs that leave node `v`, residual ones included, the last added first.
    out: Ragged<u32>,
    /// Price of a unit on its way from every node to the sink.
    potential: Vec<i64>,
    distance: Vec<i64>,
    /// Arc by which the search came.
    arrived_by: Vec<u32>,
    touched: Vec<u32>,
    heap: BinaryHeap<Reverse<(i64, u32)>>,
}

#[derive(Clone, Copy, Debug)]
struct Arc {
    from: u32,
    to: u32,
    /// Units that still fit.
    room: u32,
    cost: i64,
}

impl Flow {
    /// Starts a new network: the sink alone.
    pub(super) fn clear(&mut self) {
        self.nodes = SINK + 1;
        self.arcs.clear();
        self.supplies.clear();
    }

    /// `count` new nodes; the first of them.
    pub(super) fn add_nodes(&mut self, count: usize) -> u32 {
        let first = self.nodes;
        self.nodes += count as u32;
        first
    }

    /// An arc for `capacity` units at `cost >= 0` each; its row.
    pub(super) fn add_arc(&mut self, from: u32, to: u32, capacity: u32, cost: i64) -> u32 {
        debug_assert!(cost >= 0, "searches rely on it");
        let row = self.arcs.len() as u32;
        self.arcs.push(Arc {
            from,
            to,
            room: capacity,
            cost,
        });
        self.arcs.push(Arc {
            from: to,
            to: from,
            room: 0,
            cost: -cost,
        });
        row
    }

    /// Units that flow over an arc.
    pub(super) fn units(&self, row: u32) -> u32 {
        self.arcs[row as usize ^ 1].room
    }

    /// `units` that have to go from `node` to the sink.
    pub(super) fn add_supply(&mut self, node: u32, units: u32) {
        self.supplies.push((node, units));
    }

    /// Cost of the cheapest flow of all supplies; `None` where they do not all fit.
    pub(super) fn solve(&mut self) -> Option<i64> {
        self.index();
        self.price_all();
        let mut cost = 0;
        for supply in 0..self.supplies.len() {
            let (node, mut left) = self.supplies[supply];
            while left > 0 {
                if !self.search(node) {
                    return None;
                }
                let units = self.push(node, left);
                // After a search the potential of its start is the length of the path found.
                cost += i64::from(units) * self.potential[node as usize];
                left -= units;
            }
        }
        Some(cost)
    }

    /// All arcs as added, before a flow: ends, capacity, cost.
    #[cfg(test)]
    pub(super) fn capacities(&self) -> impl Iterator<Item = (u32, u32, u32, i64)> + '_ {
        self.arcs
            .iter()
            .step_by(2)
            .map(|arc| (arc.from, arc.to, arc.room, arc.cost))
    }

    #[cfg(test)]
    pub(super) fn supplies(&self) -> &[(u32, u32)] {
        &self.supplies
    }

    /// Groups the arcs by the node that they leave.
    fn index(&mut self) {
        let nodes = self.nodes as usize;
        let arcs = self.arcs.iter().enumerate().rev();
        let by_node = arcs.map(|(row, arc)| (arc.from as usize, row as u32));
        self.out.group(nodes, by_node);
        self.distance.clear();
        self.distance.resize(nodes, i64::MAX);
        self.arrived_by.clear();
        self.arrived_by.resize(nodes, 0);
        self.touched.clear();
    }

    /// Sets every potential to the distance to the sink in the empty network.
    fn price_all(&mut self) {
        self.potential.clear();
        self.potential.resize(self.nodes as usize, DEAD);
        self.potential[SINK as usize] = 0;
        self.heap.clear();
        self.heap.push(Reverse((0, SINK)));
        while let Some(Reverse((price, node))) = self.heap.pop() {
            if price > self.potential[node as usize] {
                continue;
            }
            // The arcs into a node are the twins of the residual arcs that leave it.
            for place in self.out.range(node as usize) {
                let arc = self.arcs[self.out.values()[place] as usize ^ 1];
                let longer = price + arc.cost;
                if arc.room > 0 && longer < self.potential[arc.from as usize] {
                    self.potential[arc.from as usize] = longer;
                    self.heap.push(Reverse((longer, arc.from)));
                }
            }
        }
    }

    /// Finds the cheapest path with room from `start` to the sink and lifts the potentials by it.
    fn search(&mut self, start: u32) -> bool {
        if self.potential[start as usize] == DEAD {
            return false;
        }
        for node in self.touched.drain(..) {
            self.distance[node as usize] = i64::MAX;
        }
        self.heap.clear();
        self.reach(start, 0, 0);
        while let Some(Reverse((distance, node))) = self.heap.pop() {
            if distance > self.distance[node as usize] {
                continue;
            }
            if node == SINK {
                for &seen in &self.touched {
                    let shorter = distance - self.distance[seen as usize];
                    self.potential[seen as usize] += shorter.max(0);
                }
                return true;
            }
            for place in self.out.range(node as usize) {
                let row = self.out.values()[place];
                let arc = self.arcs[row as usize];
                let ahead = self.potential[arc.to as usize];
                if arc.room == 0 || ahead == DEAD {
                    continue;
                }
                let reduced = arc.cost + ahead - self.potential[node as usize];
                self.reach(arc.to, distance + reduced, row);
            }
        }
        false
    }

    fn reach(&mut self, node: u32, distance: i64, arc: u32) {
        let known = &mut self.distance[node as usize];
        if distance < *known {
            if *known == i64::MAX {
                self.touched.push(node);
            }
            *known = distance;
            self.arrived_by[node as usize] = arc;
            self.heap.push(Reverse((distance, node)));
        }
    }

    /// Sends as many of `left` units as fit along the path found; how many.
    fn push(&mut self, start: u32, left: u32) -> u32 {
        let mut units = left;
        let mut node = SINK;
        while node != start {
            let arc = self.arcs[self.arrived_by[node as usize] as usize];
            units = units.min(arc.room);
            node = arc.from;
        }
        node = SINK;
        while node != start {
            let row = self.arrived_by[node as usize] as usize;
            // An unlimited arc has more room than there will ever be units: only its twin counts.
            if self.arcs[row].room != UNLIMITED {
                self.arcs[row].room -= units;
            }
            if self.arcs[row ^ 1].room != UNLIMITED {
                self.arcs[row ^ 1].room += units;
            }
            node = self.arcs[row].from;
        }
        units
    }
}
