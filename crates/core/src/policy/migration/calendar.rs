//! When links are free, given what was promised to them: the look-ahead of OESDA and ECT.

use crate::backhaul::network::Network;

/// When every link has sent all that was promised to it, besides its backlog.
#[derive(Clone, Debug, Default)]
pub struct LinkCalendar {
    free_s: Vec<f64>,
}

impl LinkCalendar {
    /// Starts without promises.
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

    /// Promises that way.
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
