//! System 2: policies that run a task at the server it enters by, or migrate it over the backhaul.
//!
//! ## Reference
//! MCATM, multihop cost-aware task migration: Sci. Rep. 15, 28126 (2025), doi 10.1038/s41598-025-13856-w.
//! Its method section was not available; decision 15 explains our reconstruction.

pub mod ect;
pub mod flow;
mod improve;
pub mod kinds;
pub mod oesda;
pub mod pacb;
pub mod route;
pub mod select;

pub use ect::Ect;
pub use kinds::MigrationKind;
pub use oesda::{AllCloud, Oesda};
pub use route::{Router, RouterKind};
pub use select::{Selector, SelectorKind};

use super::Policy;
use crate::outlook::calendar::CoreCalendar;
use crate::outlook::view::View;
use crate::rng::Streams;
use crate::scenario::MigrationOptions;
use crate::slot::{Decision, Paths, Placement, Slot};
use flow::{Flow, lay};

/// A selector with a router: run at home what ends in time there, migrate the rest.
#[derive(Clone, Debug)]
pub struct Migration {
    max_hops: u32,
    home: bool,
    view: View,
    cores: CoreCalendar,
    selector: Selector,
    router: Router,
    flows: Vec<Flow>,
    paths: Paths,
}

impl Migration {
    /// A policy of one seed that migrates at most `max_hops` far.
    #[must_use]
    pub fn new(
        (selector, router): (SelectorKind, RouterKind),
        max_hops: u32,
        options: &MigrationOptions,
        streams: Streams,
    ) -> Self {
        Self {
            max_hops,
            home: options.home,
            view: View::default(),
            cores: CoreCalendar::default(),
            selector: Selector::new(selector, options, streams),
            router: Router::new(router, &options.pacb, streams),
            flows: Vec::new(),
            paths: Paths::default(),
        }
    }
}

impl Policy for Migration {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let view = &mut self.view;
        view.observe(slot, self.max_hops);
        self.cores.start(view);
        self.selector.begin(view);
        self.flows.clear();
        begin(decision);
        for (n, task) in (0..).zip(&view.tasks) {
            let Some(source) = task.source else {
                decision.placements.push(Placement::Local);
                continue;
            };
            let entry = view.sources[source as usize].entry;
            let own = view.own(source);
            let stays = self.home
                && self.cores.end_s(view, own, task.ready_s, task.cycles) <= task.deadline_s;
            let chosen = match stays {
                true => None,
                false => self.selector.select(view, task),
            };
            let server = chosen.unwrap_or(own);
            match chosen {
                Some(server) => self.flows.push(Flow {
                    task: n,
                    source,
                    from: entry,
                    to: view.servers[server].rsu,
                    data_bits: task.data_bits,
                }),
                None => self.cores.reserve(view, own, task.ready_s, task.cycles),
            }
            decision.placements.push(view.place(entry, server));
        }
        self.router
            .route(&slot.network, view, &self.flows, &mut self.paths);
        lay(&self.flows, &self.paths, decision);
    }
}

/// An empty decision.
fn begin(decision: &mut Decision) {
    decision.placements.clear();
    decision.minimum_hz.clear();
    decision.paths.clear();
}
