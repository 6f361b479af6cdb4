//! The simulator: one event per hop of a task, and none for its waits.
//!
//! First come, first served: when a task reaches a queue, everything ahead of it is known, so its start
//! and end there are known as well. Only a fault changes them.

use super::calendar::{Calendar, Event};
use super::faults::{FaultEvent, Health};
use super::station;
use super::{Counts, Finished, Lost, Reason, Submission, Travel};
use crate::backhaul::network::Network;
use crate::slot::queues::QueueState;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Servers, links, and the tasks in them.
#[derive(Clone, Debug)]
pub struct QueueNetwork {
    pub(super) network: Arc<Network>,
    pub(super) core_start: Vec<u32>,
    core_hz: Vec<f64>,
    pub(super) core_free_s: Vec<f64>,
    /// For every server when tasks begin that had to wait, in order; some may have begun.
    pub(super) begin_s: Vec<VecDeque<f64>>,
    pub(super) link_free_s: Vec<f64>,
    /// Tasks in flight, and places that are free.
    pub(super) tasks: Vec<Job>,
    free: Vec<u32>,
    pub(super) calendar: Calendar,
    pub(super) health: Health,
    pub(super) counts: Counts,
    now_s: f64,
}

/// A task in flight.
#[derive(Clone, Debug)]
pub(super) struct Job {
    key: u64,
    pub(super) number: u64,
    data_bits: f64,
    cycles: f64,
    pub(super) stop: Stop,
    /// The server that holds its data, or held it before it took to its link.
    pub(super) at: u32,
    pub(super) execution: u32,
    /// Links travelled are `path[..next]`, links to go `path[next..]`.
    pub(super) next: u32,
    pub(super) path: Vec<u32>,
    /// When it came to its queue, begins to be served there, and has been served \[s\].
    pub(super) came_s: f64,
    pub(super) begin_s: f64,
    pub(super) end_s: f64,
    pub(super) wait_s: f64,
    transmission_s: f64,
    propagation_s: f64,
}

/// Where a task is; its event says when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Uploading to its entry server.
    Upload,
    /// At its server, about to be sent on or queued: a fault put it back there.
    Held,
    /// Queued on a link, sent, or in flight; `copy` says whether the sender has kept it.
    Link { row: u32, copy: bool },
    /// Queued for a core, or on it.
    Core,
    /// Done: the stop in memory is free.
    Nowhere,
}

impl QueueNetwork {
    /// Servers whose cores `core_start[m]..core_start[m + 1]` of speed `core_hz[m]` are free of
    /// earlier work at `core_free_s`, and links that first send their backlog; time starts at 0.
    ///
    /// A server without cores only forwards.
    ///
    /// # Panics
    /// If the lengths do not fit each other or a speed is not positive.
    #[must_use]
    pub fn new(
        network: Arc<Network>,
        core_start: &[u32],
        core_hz: &[f64],
        core_free_s: &[f64],
    ) -> Self {
        let servers = network.rsus();
        assert_eq!(core_start.len(), servers + 1, "cores per server");
        assert_eq!(core_hz.len(), servers, "a speed per server");
        assert_eq!(core_start[servers] as usize, core_free_s.len(), "cores");
        assert!(core_hz.iter().all(|&hz| hz > 0.0), "speeds are positive");
        assert!(core_free_s.iter().all(|s| s.is_finite()), "finite instants");
        let links = network.links().iter();
        Self {
            link_free_s: links.map(|l| l.transmission_s(l.backlog_bits)).collect(),
            core_start: core_start.to_vec(),
            core_hz: core_hz.to_vec(),
            core_free_s: core_free_s.to_vec(),
            begin_s: vec![VecDeque::new(); servers],
            tasks: Vec::new(),
            free: Vec::new(),
            calendar: Calendar::default(),
            health: Health::new(&network),
            counts: Counts::default(),
            now_s: 0.0,
            network,
        }
    }

    /// The same, with what fails when. From now on tasks are reported when they finish, not before.
    ///
    /// # Panics
    /// If a fault names what does not exist, or an instant before the start.
    #[must_use]
    pub fn with_faults(mut self, schedule: Vec<FaultEvent>) -> Self {
        self.health.plan(&self.network, schedule);
        self
    }

    /// Adds a task.
    ///
    /// # Panics
    /// If it is ready before the instant that has been simulated, if its path does not begin at its entry or is
    /// broken, if it ends at a server without cores, or if a quantity is negative or not finite.
    pub fn submit(&mut self, submission: Submission) {
        let Submission {
            key,
            ready_s,
            entry,
            path,
            data_bits,
            cycles,
        } = submission;
        assert!(
            ready_s >= self.now_s && ready_s.is_finite(),
            "ready at {ready_s} s"
        );
        assert!(
            data_bits >= 0.0 && data_bits.is_finite(),
            "{data_bits} bits"
        );
        assert!(cycles >= 0.0 && cycles.is_finite(), "{cycles} cycles");
        let execution = path.iter().fold(entry, |at, &row| {
            let link = &self.network.links()[row as usize];
            assert_eq!(link.from, at, "a path without gaps");
            link.to
        });
        assert!(self.has_cores(execution), "server {execution} has no cores");

        let stop = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(Job::default());
            self.tasks.len() as u32 - 1
        });
        let number = self.counts.submitted;
        self.counts.submitted += 1;
        let task = &mut self.tasks[stop as usize];
        let mut memory = std::mem::take(&mut task.path);
        memory.clear();
        memory.extend_from_slice(path);
        *task = Job {
            key,
            number,
            data_bits,
            cycles,
            stop: Stop::Upload,
            at: entry,
            execution,
            path: memory,
            came_s: ready_s,
            ..Job::default()
        };
        self.calendar.push(Event {
            time_s: ready_s,
            number,
            task: stop,
        });
    }

    /// Simulates up to and including `time_s`, and reports every task whose outcome is certain by then.
    ///
    /// Without faults that is when it reaches its execution server, before it ends; with faults when it
    /// ends. Reports come in the order of those instants; at one instant what a fault takes comes
    /// first, then by submission.
    ///
    /// # Panics
    /// If `time_s` has been simulated already.
    pub fn run_until(&mut self, time_s: f64, done: &mut impl FnMut(Finished)) {
        assert!(
            time_s >= self.now_s,
            "{time_s} s is before {} s",
            self.now_s
        );
        loop {
            let fault_s = self.health.next_s();
            while let Some(event) = self.calendar.pop_if(|s| s <= time_s && s < fault_s) {
                self.happen(event, done);
            }
            if fault_s > time_s {
                break;
            }
            self.strike(done);
        }
        self.now_s = time_s;
    }

    /// Other work takes cores that idle now until `busy_s` after `from_s`; 0 leaves a core alone.
    ///
    /// # Panics
    /// If there is another number of cores.
    pub fn occupy(&mut self, from_s: f64, busy_s: &[f64]) {
        assert_eq!(busy_s.len(), self.core_free_s.len(), "cores");
        for (free_s, busy_s) in self.core_free_s.iter_mut().zip(busy_s) {
            if *free_s <= self.now_s && *busy_s > 0.0 {
                *free_s = from_s + busy_s;
            }
        }
    }

    /// Simulates until no task is in flight.
    pub fn drain(&mut self, done: &mut impl FnMut(Finished)) {
        while !self.calendar.is_empty() {
            let fault_s = self.health.next_s();
            while let Some(event) = self.calendar.pop_if(|s| s < fault_s) {
                self.now_s = event.time_s;
                self.happen(event, done);
            }
            if !self.calendar.is_empty() {
                self.now_s = fault_s;
                self.strike(done);
            }
        }
    }

    /// The state of servers and links at `time_s`, which is not before the instant simulated.
    ///
    /// Cores and links count what has reached them; tasks that are still on their way to them do not
    /// show.
    pub fn observe(&self, time_s: f64, out: &mut QueueState) {
        out.time_s = time_s;
        out.core_free_s.clone_from(&self.core_free_s);
        out.link_free_s.clone_from(&self.link_free_s);
        out.up.clone_from(&self.health.server_up);
        out.waiting.clear();
        let waiting = |begin_s: &VecDeque<f64>| {
            (begin_s.len() - begin_s.partition_point(|&s| s <= time_s)) as u32
        };
        out.waiting.extend(self.begin_s.iter().map(waiting));
    }

    /// The links.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Whether server `m` works.
    #[must_use]
    pub fn is_up(&self, m: u32) -> bool {
        self.health.server_up[m as usize]
    }

    /// Whether data can go over a link: it and both its ends work.
    #[must_use]
    pub fn link_lives(&self, row: u32) -> bool {
        let from = self.network.links()[row as usize].from;
        self.is_up(from) && self.health.lives(&self.network, row)
    }

    /// Rows of the cores of server `m`.
    #[must_use]
    pub fn cores(&self, m: u32) -> Range<usize> {
        self.core_start[m as usize] as usize..self.core_start[m as usize + 1] as usize
    }

    /// Totals since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Tasks submitted and not yet reported.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.tasks.len() - self.free.len()
    }

    /// The instant up to which all is simulated \[s\].
    #[must_use]
    pub fn now_s(&self) -> f64 {
        self.now_s
    }

    fn has_cores(&self, m: u32) -> bool {
        !self.cores(m).is_empty()
    }

    #[inline]
    fn happen(&mut self, event: Event, done: &mut impl FnMut(Finished)) {
        let task = &mut self.tasks[event.task as usize];
        match task.stop {
            Stop::Upload if !self.health.server_up[task.at as usize] => {
                self.lose(event.task, event.time_s, Reason::EntryDown, done);
                return;
            }
            Stop::Core => {
                self.finish(event.task, done);
                return;
            }
            Stop::Link { row, .. } => {
                let link = &self.network.links()[row as usize];
                task.wait_s += task.begin_s - task.came_s;
                task.transmission_s += task.end_s - task.begin_s;
                task.propagation_s += link.propagation_s;
                task.next += 1;
                task.at = link.to;
            }
            Stop::Upload | Stop::Held | Stop::Nowhere => {}
        }
        task.came_s = event.time_s;
        if self.health.has_faults() && !self.carry_on(event.task, done) {
            return;
        }
        let task = &self.tasks[event.task as usize];
        match task.path.get(task.next as usize) {
            Some(&row) => self.join_link(event.task, row),
            None => self.join_cores(event.task, done),
        }
    }

    /// Queues a task on the link that it takes next.
    #[inline]
    fn join_link(&mut self, stop: u32, row: u32) {
        let task = &mut self.tasks[stop as usize];
        let link = &self.network.links()[row as usize];
        let free_s = &mut self.link_free_s[row as usize];
        task.stop = Stop::Link { row, copy: true };
        let transmission_s = link.transmission_s(task.data_bits);
        (task.begin_s, task.end_s) = station::serve(free_s, task.came_s, transmission_s);
        let time_s = task.end_s + link.propagation_s;
        self.calendar.push(Event {
            time_s,
            number: task.number,
            task: stop,
        });
    }

    /// Queues a task for the earliest free core of the server that it has reached.
    #[inline]
    fn join_cores(&mut self, stop: u32, done: &mut impl FnMut(Finished)) {
        let task = &mut self.tasks[stop as usize];
        let m = task.at as usize;
        let cores = self.core_start[m] as usize..self.core_start[m + 1] as usize;
        let free_s = station::earliest(self.core_free_s[cores].iter_mut())
            .expect("a server that executes has cores");
        task.stop = Stop::Core;
        let compute_s = task.cycles / self.core_hz[m];
        (task.begin_s, task.end_s) = station::serve(free_s, task.came_s, compute_s);
        // Those ahead begin no later, so the queue stays in order; those that have begun leave it.
        let waiting = &mut self.begin_s[m];
        while waiting.front().is_some_and(|&s| s <= task.came_s) {
            waiting.pop_front();
        }
        if task.begin_s > task.came_s {
            waiting.push_back(task.begin_s);
        }
        if self.health.has_faults() {
            let (time_s, number) = (task.end_s, task.number);
            self.calendar.push(Event {
                time_s,
                number,
                task: stop,
            });
        } else {
            self.finish(stop, done);
        }
    }

    #[inline]
    fn finish(&mut self, stop: u32, done: &mut impl FnMut(Finished)) {
        let task = &mut self.tasks[stop as usize];
        task.stop = Stop::Nowhere;
        self.free.push(stop);
        self.counts.finished += 1;
        done(Finished {
            key: task.key,
            outcome: Ok(Travel {
                transmission_s: task.transmission_s,
                propagation_s: task.propagation_s,
                wait_s: task.wait_s + (task.begin_s - task.came_s),
                compute_s: task.end_s - task.begin_s,
                hops: task.next,
                execution: task.at,
                finished_s: task.end_s,
            }),
            path: &task.path[..task.next as usize],
        });
    }

    pub(super) fn lose(
        &mut self,
        stop: u32,
        at_s: f64,
        reason: Reason,
        done: &mut impl FnMut(Finished),
    ) {
        let task = &mut self.tasks[stop as usize];
        task.stop = Stop::Nowhere;
        self.free.push(stop);
        self.counts.lost += 1;
        let outcome = Err(Lost { at_s, reason });
        done(Finished {
            key: task.key,
            outcome,
            path: &task.path[..task.next as usize],
        });
    }
}

impl Default for Job {
    fn default() -> Self {
        Self {
            key: 0,
            number: 0,
            data_bits: 0.0,
            cycles: 0.0,
            stop: Stop::Nowhere,
            at: 0,
            execution: 0,
            next: 0,
            path: Vec::new(),
            came_s: 0.0,
            begin_s: 0.0,
            end_s: 0.0,
            wait_s: 0.0,
            transmission_s: 0.0,
            propagation_s: 0.0,
        }
    }
}
