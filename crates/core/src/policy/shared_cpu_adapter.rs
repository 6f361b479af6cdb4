//! System 1's policies where CPU is queued for: they are shown queues as capacity.
//!
//! They decide on a slot in which CPU is shared. In it an RSU has the CPU of the cores that idle, as far
//! as those who send tasks know; with no idle core it has none. The rate of an uplink, which here is a
//! task's own, is divided by the number of tasks that can enter by the RSU, because these policies expect to
//! share the band among those that do: if all enter, each sees its true rate, and if
//! fewer do, the upload seems shorter than it is, never longer. Their placements are taken over; CPU
//! shares mean nothing to a queue.

use super::Policy;
use crate::slot::queues::Queues;
use crate::slot::{Decision, Slot};

/// A policy for shared CPU; with queues it sees a slot that stands in for the true one.
pub struct SharedCpuAdapter<P> {
    policy: P,
    shown: Option<Slot>,
    /// For every RSU whether tasks enter by it, or might.
    enters: Vec<u32>,
    /// For every RSU the hops to the farthest source that has heard of it.
    farthest: Vec<Option<u32>>,
}

impl<P: Policy> SharedCpuAdapter<P> {
    /// `policy`, fit for both kinds of slot.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            shown: None,
            enters: Vec::new(),
            farthest: Vec::new(),
        }
    }

    /// Who may send, and how old the news of every RSU are for the farthest of them.
    fn look(&mut self, slot: &Slot, queues: &Queues) {
        let rsus = slot.rsus.len();
        self.enters.clear();
        self.enters.resize(rsus, 0);
        for n in 0..slot.tasks.len() {
            for link in slot.links(n) {
                self.enters[link.rsu as usize] += 1;
            }
        }
        self.farthest.clear();
        self.farthest.resize(rsus, None);
        let sources = self
            .enters
            .iter()
            .enumerate()
            .filter(|&(_, &many)| many > 0);
        for (source, _) in sources {
            for target in slot.routes.targets(source as u32) {
                let known = &mut self.farthest[target.rsu as usize];
                if known.is_none_or(|hops| hops < target.hops) && queues.seen(target.hops).is_some()
                {
                    *known = Some(target.hops);
                }
            }
        }
    }

    /// Fills `shown`, reusing its memory.
    fn show(&mut self, slot: &Slot, queues: &Queues) -> &Slot {
        self.look(slot, queues);
        let shown = self.shown.get_or_insert_with(|| Slot {
            queues: None,
            sessions: None,
            cloud_round_trip_s: None,
            ..slot.clone()
        });
        shown.now_s = slot.now_s;
        shown.slot_s = slot.slot_s;
        shown.omega = slot.omega;
        // Shares of CPU, and so their balance, mean nothing to a queue.
        shown.enforce_balance = false;
        shown.tau = slot.tau;
        shown.migration_power_w = slot.migration_power_w;
        shown.routes.clone_from(&slot.routes);
        shown.network.clone_from(&slot.network);
        shown.rsus.clone_from(&slot.rsus);
        shown.vehicles.clone_from(&slot.vehicles);
        shown.coverage.clone_from(&slot.coverage);
        shown.tasks.clone_from(&slot.tasks);
        for m in 0..slot.rsus.len() {
            let idle_hz = self.farthest[m].map_or(0.0, |hops| idle_hz(queues, m as u32, hops));
            shown.rsus.cpu_hz[m] = queues.core_hz[m] * queues.cores(m as u32).len() as f64;
            shown.rsus.reserved_cpu_hz[m] = shown.rsus.cpu_hz[m] - idle_hz;
        }
        for link in &mut shown.coverage.links {
            link.seconds_per_bit /= f64::from(self.enters[link.rsu as usize].max(1));
        }
        shown
    }
}

/// CPU of the cores of server `m` that idle now, by what is known of it `hops` away \[Hz\].
fn idle_hz(queues: &Queues, m: u32, hops: u32) -> f64 {
    let Some(state) = queues.seen(hops) else {
        return 0.0;
    };
    if !state.up.get(m as usize).is_none_or(|&up| up) {
        return 0.0;
    }
    let cores = &state.core_free_s[queues.cores(m)];
    let idle = cores
        .iter()
        .filter(|&&free_s| free_s <= queues.present.time_s);
    idle.count() as f64 * queues.core_hz[m as usize]
}

impl<P: Policy> Policy for SharedCpuAdapter<P> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Some(queues) = &slot.queues else {
            self.policy.decide(slot, decision);
            return;
        };
        self.show(slot, queues);
        if let Some(shown) = &self.shown {
            self.policy.decide(shown, decision);
        }
        // the cores' own speed is all there is to have
        decision.minimum_hz.clear();
        decision.later_price.clear();
        decision.paths.clear();
    }
}
