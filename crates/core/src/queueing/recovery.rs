//! What happens to tasks when something fails: their data stays where it is and continues from there.

use super::calendar::Event;
use super::faults::{Component, FaultEvent};
use super::simulator::{Job, QueueNetwork, Stop};
use super::{Finished, Reason};
use crate::backhaul::network::Network;

impl QueueNetwork {
    /// Gives a task another path, or another execution server, where the link that it takes next is dead;
    /// false where it is lost.
    pub(super) fn carry_on(&mut self, stop: u32, done: &mut impl FnMut(Finished)) -> bool {
        let task = &mut self.tasks[stop as usize];
        let next = task.path.get(task.next as usize);
        if next.is_none_or(|&row| self.health.lives(&self.network, row)) {
            return true;
        }
        let (core_start, at_s) = (&self.core_start, task.came_s);
        let accepts = |m: u32| core_start[m as usize] < core_start[m as usize + 1];
        let (at, execution) = (task.at, task.execution);
        task.path.truncate(task.next as usize);
        let target = self
            .health
            .route(&self.network, at, execution, accepts, &mut task.path);
        let Some(target) = target else {
            self.lose(stop, at_s, Reason::Unreachable, done);
            return false;
        };
        if target == task.execution {
            self.counts.rerouted += 1;
        } else {
            self.counts.replanned += 1;
        }
        task.execution = target;
        true
    }

    /// Applies the next fault: frees the failed parts, and decides for every task concerned whether its data is lost,
    /// or where it is kept.
    pub(super) fn strike(&mut self, done: &mut impl FnMut(Finished)) {
        let at_s = self.health.next_s();
        let Some(fault) = self.health.strike(&self.network) else {
            return;
        };
        self.free_parts(fault);
        if fault.up {
            return;
        }
        let mut struck: Vec<(u32, u64, Option<Reason>)> = Vec::new();
        for (stop, task) in (0..).zip(&mut self.tasks) {
            match fate(&self.network, fault.part, at_s, task) {
                Fate::Untouched => {}
                Fate::Orphaned(row) => task.stop = Stop::Link { row, copy: false },
                Fate::Held => struck.push((stop, task.number, None)),
                Fate::Lost => struck.push((stop, task.number, Some(Reason::ServerFailed))),
            }
        }
        let moved = |stop| struck.binary_search_by_key(&stop, |&(p, ..)| p).is_ok();
        self.calendar.retain(|stop| !moved(stop));
        struck.sort_by_key(|&(_, number, _)| number);
        for (stop, number, lost) in struck {
            if let Some(reason) = lost {
                self.lose(stop, at_s, reason, done);
                continue;
            }
            let task = &mut self.tasks[stop as usize];
            task.wait_s += at_s - task.came_s;
            task.came_s = at_s;
            task.stop = Stop::Held;
            self.calendar.push(Event {
                time_s: at_s,
                number,
                task: stop,
            });
        }
    }

    /// What fails or comes back has no work: its queues are empty from now on.
    fn free_parts(&mut self, fault: FaultEvent) {
        let at_s = fault.at_s;
        let links = self.network.links();
        match fault.part {
            Component::Server(m) => {
                let cores = self.cores(m);
                self.core_free_s[cores].fill(at_s);
                self.begin_s[m as usize].clear();
                for row in self.network.leaving(m) {
                    let reverse = links[row as usize].reverse;
                    self.link_free_s[row as usize] = at_s;
                    self.link_free_s[reverse as usize] = at_s;
                }
            }
            Component::Link(row) => {
                let reverse = links[row as usize].reverse;
                self.link_free_s[row as usize] = at_s;
                self.link_free_s[reverse as usize] = at_s;
            }
        }
    }
}

/// What a fault does to a task.
enum Fate {
    Untouched,
    /// Its data is on the fibre, and the sender's copy is gone.
    Orphaned(u32),
    /// Its data is where it was, and goes on from there.
    Held,
    Lost,
}

/// What the failure of `part` at `at_s` does to a task: the data is where it is.
///
/// A server that fails loses what it holds, runs and receives. The sender of a task keeps it until
/// the last bit has arrived, so that a cut link loses none. What ends at `at_s` has ended, what
/// begins has not begun.
fn fate(network: &Network, part: Component, at_s: f64, task: &Job) -> Fate {
    let links = network.links();
    let begun = task.begin_s < at_s;
    let served = begun && task.end_s <= at_s;
    match (part, task.stop) {
        (Component::Link(cut), Stop::Link { row, copy })
            if row == cut || row == links[cut as usize].reverse =>
        {
            let arrives_s = task.end_s + links[row as usize].propagation_s;
            if begun && arrives_s <= at_s {
                Fate::Untouched
            } else if copy {
                Fate::Held
            } else {
                Fate::Lost
            }
        }
        (Component::Server(m), Stop::Link { row, .. }) if task.at == m => {
            if served {
                Fate::Orphaned(row)
            } else {
                Fate::Lost
            }
        }
        (Component::Server(m), Stop::Link { row, .. }) if links[row as usize].to == m => {
            if begun {
                Fate::Lost
            } else {
                Fate::Held
            }
        }
        (Component::Server(m), Stop::Held) if task.at == m => Fate::Lost,
        (Component::Server(m), Stop::Core) if task.at == m && !served => Fate::Lost,
        _ => Fate::Untouched,
    }
}
