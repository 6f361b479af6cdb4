//! How migrated tasks travel: one path per pair (Dijkstra), per task by load (OSPF), or all together (PACB).

use super::flow::Flow;
use super::pacb::Pacb;
use crate::backhaul::network::{Link, Network};
use crate::backhaul::search::{Dijkstra, Search};
use crate::outlook::view::View;
use crate::rng::{Stream, Streams};
use crate::scenario::options::migration::Pacb as PacbOptions;
use crate::slot::Paths;
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
