//! How migrated tasks travel: one path per pair (Dijkstra), per task by load (OSPF), or all together (PACB).

use super::pacb::Pacb;
use super::search::Search;
use super::view::View;
use crate::backhaul::network::{Link, Network};
use crate::decision::Paths;
use crate::rng::{Stream, Streams};
use crate::scenario::options::migration::Pacb as PacbOptions;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// How paths are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterKind {
    /// One path of least static cost per pair.
    Dijkstra,
    /// The path of least cost under the load so far, per task.
    Ospf,
    /// Pre-allocation over several paths, then balancing.
    Pacb,
}

/// A migrated task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Its row in the slot.
    pub task: u32,
    /// Index of the source that sends it.
    pub source: u32,
    /// Entry RSU.
    pub from: u32,
    /// Execution RSU.
    pub to: u32,
    /// Data \[bit\].
    pub data_bits: f64,
}

/// Task size that static costs are made for \[bit\]: 500 kB, Table 7's. Routes stand before tasks come.
const REFERENCE_BITS: f64 = 4e6;

/// What a link costs without load: propagation + size / R \[s\].
#[must_use]
#[inline]
pub fn static_cost_s(link: &Link) -> f64 {
    link.propagation_s + REFERENCE_BITS / link.rate_bps
}

/// Routes the migrated tasks of a slot.
#[derive(Clone, Debug)]
pub enum Router {
    /// Dijkstra.
    Dijkstra(Dijkstra),
    /// OSPF.
    Ospf(Box<Ospf>),
    /// PACB.
    Pacb(Box<Pacb>),
}

impl Router {
    /// A router of one seed.
    #[must_use]
    pub fn new(kind: RouterKind, options: &PacbOptions, streams: Streams) -> Self {
        match kind {
            RouterKind::Dijkstra => Self::Dijkstra(Dijkstra::default()),
            RouterKind::Ospf => Self::Ospf(Box::new(Ospf::new(streams))),
            RouterKind::Pacb => Self::Pacb(Box::new(Pacb::new(options))),
        }
    }

    /// A path for every flow, in their order.
    pub fn route(
        &mut self,
        network: &Arc<Network>,
        view: &View,
        flows: &[Flow],
        paths: &mut Paths,
    ) {
        paths.clear();
        match self {
            Self::Dijkstra(dijkstra) => {
                dijkstra.follow(network);
                for flow in flows {
                    paths.push(dijkstra.path(flow.from, flow.to));
                }
            }
            Self::Ospf(ospf) => ospf.route(network, view, flows, paths),
            Self::Pacb(pacb) => pacb.route(network, view, flows, paths),
        }
    }
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

/// Open shortest path first: link cost propagation + (L + s) / R with L the bits already assigned.
#[derive(Clone, Debug)]
pub struct Ospf {
    stream: Stream,
    search: Search,
    path: Vec<u32>,
    assigned_bits: Vec<f64>,
}

impl Ospf {
    fn new(streams: Streams) -> Self {
        Self {
            stream: streams.stream("policy.migration.ospf"),
            search: Search::default(),
            path: Vec::new(),
            assigned_bits: Vec::new(),
        }
    }

    fn route(&mut self, network: &Network, view: &View, flows: &[Flow], paths: &mut Paths) {
        self.assigned_bits.clear();
        self.assigned_bits.resize(network.links().len(), 0.0);
        for flow in flows {
            let backlog_bits = view.backlog_bits(flow.source);
            let cost = |row: u32, link: &Link| {
                let row = row as usize;
                let bits = backlog_bits[row] + self.assigned_bits[row] + flow.data_bits;
                link.propagation_s + link.transmission_s(bits)
            };
            self.path.clear();
            self.search.run(network, flow.from, flow.to, cost);
            let pick = |n| self.stream.below(n);
            let ends = (flow.from, flow.to);
            self.search.path(network, ends, cost, pick, &mut self.path);
            for &row in &self.path {
                self.assigned_bits[row as usize] += flow.data_bits;
            }
            paths.push(&self.path);
        }
    }
}
