//! When links are free, given the reservations on them: the look-ahead of OESDA and ECT.

use super::view::View;
use crate::backhaul::network::Network;

/// When every link has sent its backlog and all reserved data.
#[derive(Clone, Debug, Default)]
pub struct LinkCalendar {
    free_s: Vec<f64>,
}

impl LinkCalendar {
    /// Starts without reservations.
    pub fn start(&mut self, network: &Network) {
        self.free_s.clear();
        self.free_s.resize(network.links().len(), 0.0);
    }

    /// Becomes like `other`, in the memory it has.
    pub fn copy(&mut self, other: &Self) {
        self.free_s.clone_from(&other.free_s);
    }

    /// When data that is there at `ready_s` has travelled `path`, store and forward \[s\].
    #[must_use]
    #[inline]
    pub fn arrival_s(
        &self,
        network: &Network,
        backlog_bits: &[f64],
        path: &[u32],
        ready_s: f64,
        data_bits: f64,
    ) -> f64 {
        let mut at_s = ready_s;
        for &row in path {
            let link = &network.links()[row as usize];
            let busy_s = link.transmission_s(backlog_bits[row as usize]);
            let start_s = at_s.max(self.free_s[row as usize]).max(busy_s);
            at_s = start_s + link.transmission_s(data_bits) + link.propagation_s;
        }
        at_s
    }

    /// Reserves that path.
    pub fn reserve(
        &mut self,
        network: &Network,
        backlog_bits: &[f64],
        path: &[u32],
        ready_s: f64,
        data_bits: f64,
    ) {
        let mut at_s = ready_s;
        for &row in path {
            let link = &network.links()[row as usize];
            let busy_s = link.transmission_s(backlog_bits[row as usize]);
            let start_s = at_s.max(self.free_s[row as usize]).max(busy_s);
            let sent_s = start_s + link.transmission_s(data_bits);
            self.free_s[row as usize] = sent_s;
            at_s = sent_s + link.propagation_s;
        }
    }
}

/// When the cores of all servers of a view are free, given the reservations since.
#[derive(Clone, Debug, Default)]
pub struct CoreCalendar {
    free_s: Vec<f64>,
}

impl CoreCalendar {
    /// Starts from what the view shows.
    pub fn start(&mut self, view: &View) {
        self.free_s.clone_from(&view.core_free_s);
    }

    /// Becomes like `other`, in the memory it has.
    pub fn copy(&mut self, other: &Self) {
        self.free_s.clone_from(&other.free_s);
    }

    /// When the first core of a server is free; infinite without cores \[s\].
    #[must_use]
    #[inline]
    pub fn free_s(&self, view: &View, server: usize) -> f64 {
        let cores = &view.servers[server].cores;
        let free_s = &self.free_s[cores.start as usize..cores.end as usize];
        free_s.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// When `cycles` that are there at `ready_s` end on the earliest free core; infinite without cores.
    #[must_use]
    #[inline]
    pub fn end_s(&self, view: &View, server: usize, ready_s: f64, cycles: f64) -> f64 {
        self.free_s(view, server).max(ready_s) + cycles / view.servers[server].core_hz
    }

    /// Reserves that core, as every source sees it.
    pub fn reserve(&mut self, view: &View, server: usize, ready_s: f64, cycles: f64) {
        for &row in view.same(server) {
            let server = &view.servers[row as usize];
            let cores = &mut self.free_s[server.cores.start as usize..server.cores.end as usize];
            if let Some(free_s) = cores.iter_mut().min_by(|a, b| a.total_cmp(b)) {
                *free_s = free_s.max(ready_s) + cycles / server.core_hz;
            }
        }
    }
}
