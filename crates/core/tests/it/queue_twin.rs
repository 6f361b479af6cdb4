//! The slow, obvious twin of `queueing::QueueNetwork`: queues hold tasks, links and cores serve them, and
//! every task is looked at to find out what happens next.

use std::collections::VecDeque;

use wayside_core::backhaul::network::Network;
use wayside_core::queueing::{Component, FaultEvent, Lost, Reason, Travel};

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) ready_s: f64,
    pub(crate) entry: u32,
    pub(crate) path: Vec<u32>,
    pub(crate) data_bits: f64,
    pub(crate) cycles: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Uploading {
        until_s: f64,
    },
    Held,
    LinkQueue {
        row: u32,
    },
    Sending {
        row: u32,
        until_s: f64,
    },
    Flying {
        row: u32,
        until_s: f64,
        orphan: bool,
    },
    CoreQueue,
    Running {
        until_s: f64,
    },
    Gone,
}

struct Walker {
    state: State,
    at: u32,
    execution: u32,
    path: VecDeque<u32>,
    since_s: f64,
    travel: Travel,
}

pub(crate) struct Twin<'a> {
    pub(crate) network: &'a Network,
    pub(crate) core_start: &'a [u32],
    pub(crate) core_hz: &'a [f64],
    pub(crate) jobs: &'a [Job],
    pub(crate) outcomes: Vec<Option<Result<Travel, Lost>>>,
    pub(crate) rerouted: u64,
    pub(crate) replanned: u64,
    walkers: Vec<Walker>,
    link_queue: Vec<VecDeque<usize>>,
    core_queue: Vec<VecDeque<usize>>,
    /// Busy with something until then; a task's end is in its own state too.
    link_busy_s: Vec<f64>,
    core_busy_s: Vec<f64>,
    server_up: Vec<bool>,
    link_up: Vec<bool>,
}

impl<'a> Twin<'a> {
    pub(crate) fn new(
        network: &'a Network,
        core_start: &'a [u32],
        core_hz: &'a [f64],
        core_free_s: &[f64],
        jobs: &'a [Job],
    ) -> Self {
        let walker = |job: &Job| {
            let end = |at: u32, row: &u32| {
                assert_eq!(network.links()[*row as usize].from, at);
                network.links()[*row as usize].to
            };
            Walker {
                state: State::Uploading {
                    until_s: job.ready_s,
                },
                at: job.entry,
                execution: job.path.iter().fold(job.entry, end),
                path: job.path.iter().copied().collect(),
                since_s: job.ready_s,
                travel: Travel {
                    transmission_s: 0.0,
                    propagation_s: 0.0,
                    wait_s: 0.0,
                    compute_s: 0.0,
                    hops: 0,
                    execution: 0,
                    finished_s: 0.0,
                },
            }
        };
        let links = network.links();
        Self {
            network,
            core_start,
            core_hz,
            jobs,
            outcomes: vec![None; jobs.len()],
            rerouted: 0,
            replanned: 0,
            walkers: jobs.iter().map(walker).collect(),
            link_queue: vec![VecDeque::new(); links.len()],
            core_queue: vec![VecDeque::new(); network.rsus()],
            link_busy_s: links.iter().map(|l| l.backlog_bits / l.rate_bps).collect(),
            core_busy_s: core_free_s.to_vec(),
            server_up: vec![true; network.rsus()],
            link_up: vec![true; links.len()],
        }
    }

    /// Runs to the end of all tasks. `faults` are in order of time.
    pub(crate) fn run(&mut self, faults: &[FaultEvent]) {
        let mut faults: VecDeque<FaultEvent> = faults.iter().copied().collect();
        while self.outcomes.iter().any(Option::is_none) {
            let mut now_s = self.next_s();
            if let Some(fault) = faults.front() {
                now_s = now_s.min(fault.at_s);
            }
            assert!(now_s.is_finite(), "a task is stuck");
            self.end_services(now_s);
            while let Some(fault) = faults.pop_front_if(|fault| fault.at_s <= now_s) {
                self.strike(fault);
            }
            loop {
                self.begin_services(now_s);
                let Some(task) = (0..self.jobs.len()).find(|&task| self.arrives(task, now_s))
                else {
                    break;
                };
                self.arrive(task, now_s);
            }
        }
    }

    /// When something happens next: to a task, or because a busy link or core is free for it.
    fn next_s(&self) -> f64 {
        let mut next_s = f64::INFINITY;
        for walker in &self.walkers {
            let s = match walker.state {
                State::Uploading { until_s }
                | State::Sending { until_s, .. }
                | State::Flying { until_s, .. }
                | State::Running { until_s } => until_s,
                State::LinkQueue { row } => self.link_busy_s[row as usize],
                State::CoreQueue => self.core_busy_s[self.cores(walker.at)]
                    .iter()
                    .fold(f64::INFINITY, |a, &b| a.min(b)),
                State::Held | State::Gone => f64::INFINITY,
            };
            next_s = next_s.min(s);
        }
        next_s
    }

    fn cores(&self, m: u32) -> std::ops::Range<usize> {
        self.core_start[m as usize] as usize..self.core_start[m as usize + 1] as usize
    }

    fn end_services(&mut self, now_s: f64) {
        for task in 0..self.jobs.len() {
            let walker = &mut self.walkers[task];
            match walker.state {
                State::Sending { row, until_s } if until_s <= now_s => {
                    walker.state = State::Flying {
                        row,
                        until_s: until_s + self.network.links()[row as usize].propagation_s,
                        orphan: false,
                    };
                }
                State::Running { until_s } if until_s <= now_s => {
                    walker.state = State::Gone;
                    walker.travel.finished_s = until_s;
                    walker.travel.execution = walker.at;
                    self.outcomes[task] = Some(Ok(walker.travel));
                }
                _ => {}
            }
        }
    }

    /// Lets idle links and cores take the first of their queues.
    fn begin_services(&mut self, now_s: f64) {
        for row in 0..self.link_queue.len() {
            while self.link_busy_s[row] <= now_s {
                let Some(task) = self.link_queue[row].pop_front() else {
                    break;
                };
                let walker = &mut self.walkers[task];
                let until_s =
                    now_s + self.jobs[task].data_bits / self.network.links()[row].rate_bps;
                walker.travel.wait_s += now_s - walker.since_s;
                walker.since_s = now_s;
                let row = row as u32;
                walker.state = State::Sending { row, until_s };
                self.link_busy_s[row as usize] = until_s;
                self.end_services(now_s);
            }
        }
        for m in 0..self.core_queue.len() {
            for core in self.cores(m as u32) {
                while self.core_busy_s[core] <= now_s {
                    let Some(task) = self.core_queue[m].pop_front() else {
                        break;
                    };
                    let walker = &mut self.walkers[task];
                    let until_s = now_s + self.jobs[task].cycles / self.core_hz[m];
                    walker.travel.wait_s += now_s - walker.since_s;
                    walker.travel.compute_s = until_s - now_s;
                    walker.state = State::Running { until_s };
                    self.core_busy_s[core] = until_s;
                    self.end_services(now_s);
                }
            }
        }
    }

    fn arrives(&self, task: usize, now_s: f64) -> bool {
        match self.walkers[task].state {
            State::Uploading { until_s } | State::Flying { until_s, .. } => until_s <= now_s,
            State::Held => true,
            _ => false,
        }
    }

    fn arrive(&mut self, task: usize, now_s: f64) {
        let walker = &mut self.walkers[task];
        match walker.state {
            State::Uploading { .. } if !self.server_up[walker.at as usize] => {
                self.lose(task, now_s, Reason::EntryDown);
                return;
            }
            State::Flying { row, .. } => {
                let link = &self.network.links()[row as usize];
                walker.at = link.to;
                walker.path.pop_front();
                walker.travel.hops += 1;
                walker.travel.transmission_s +=
                    self.jobs[task].data_bits / self.network.links()[row as usize].rate_bps;
                walker.travel.propagation_s += link.propagation_s;
            }
            _ => {}
        }
        walker.since_s = now_s;
        let next = walker.path.front().copied();
        if next.is_some_and(|row| !self.lives(row)) && !self.plan(task) {
            self.lose(task, now_s, Reason::Unreachable);
            return;
        }
        let walker = &mut self.walkers[task];
        if let Some(&row) = walker.path.front() {
            walker.state = State::LinkQueue { row };
            self.link_queue[row as usize].push_back(task);
        } else {
            walker.state = State::CoreQueue;
            self.core_queue[walker.at as usize].push_back(task);
        }
    }

    fn lives(&self, row: u32) -> bool {
        let link = &self.network.links()[row as usize];
        self.link_up[row as usize]
            && self.server_up[link.to as usize]
            && self.server_up[link.from as usize]
    }

    fn lose(&mut self, task: usize, at_s: f64, reason: Reason) {
        self.walkers[task].state = State::Gone;
        self.outcomes[task] = Some(Err(Lost { at_s, reason }));
    }

    /// A new path, by distances relaxed until nothing changes.
    fn plan(&mut self, task: usize) -> bool {
        let (at, execution) = (self.walkers[task].at, self.walkers[task].execution);
        let links = self.network.links();
        let mut hops = vec![u32::MAX; self.network.rsus()];
        hops[at as usize] = 0;
        for _ in 0..self.network.rsus() {
            for (row, link) in (0..).zip(links) {
                let from = hops[link.from as usize];
                if self.lives(row) && from < u32::MAX {
                    hops[link.to as usize] = hops[link.to as usize].min(from + 1);
                }
            }
        }
        let reached = |m: u32| hops[m as usize] < u32::MAX;
        let target = if reached(execution) {
            self.rerouted += 1;
            execution
        } else {
            let able = |&m: &u32| reached(m) && !self.cores(m).is_empty();
            let all = 0..self.network.rsus() as u32;
            let Some(target) = all.filter(able).min_by_key(|&m| (hops[m as usize], m)) else {
                return false;
            };
            self.replanned += 1;
            target
        };
        let mut path = VecDeque::new();
        let mut end = target;
        while end != at {
            let into = (0..links.len() as u32).filter(|&row| {
                let link = &links[row as usize];
                link.to == end
                    && self.lives(row)
                    && hops[link.from as usize] + 1 == hops[end as usize]
            });
            let row = into
                .min_by_key(|&row| links[row as usize].from)
                .expect("it has been reached");
            path.push_front(row);
            end = links[row as usize].from;
        }
        self.walkers[task].path = path;
        self.walkers[task].execution = target;
        true
    }

    fn strike(&mut self, fault: FaultEvent) {
        let links = self.network.links();
        let at_s = fault.at_s;
        let touched: Vec<u32> = match fault.part {
            Component::Server(m) => {
                if self.server_up[m as usize] == fault.up {
                    return;
                }
                self.server_up[m as usize] = fault.up;
                self.core_queue[m as usize].clear();
                for core in self.cores(m) {
                    self.core_busy_s[core] = at_s;
                }
                let all = 0..links.len() as u32;
                all.filter(|&row| links[row as usize].from == m || links[row as usize].to == m)
                    .collect()
            }
            Component::Link(row) => {
                if self.link_up[row as usize] == fault.up {
                    return;
                }
                let both = vec![row, links[row as usize].reverse];
                for &row in &both {
                    self.link_up[row as usize] = fault.up;
                }
                both
            }
        };
        for &row in &touched {
            self.link_queue[row as usize].clear();
            self.link_busy_s[row as usize] = at_s;
        }
        if fault.up {
            return;
        }
        for task in 0..self.jobs.len() {
            let at = self.walkers[task].at;
            let state = self.walkers[task].state;
            let (lost, held) = match (fault.part, state) {
                (Component::Server(m), State::Held | State::CoreQueue | State::Running { .. }) => {
                    (at == m, false)
                }
                (Component::Server(m), State::LinkQueue { row }) => {
                    (at == m, links[row as usize].to == m)
                }
                (Component::Server(m), State::Sending { row, .. }) => {
                    (at == m || links[row as usize].to == m, false)
                }
                (Component::Server(m), State::Flying { row, until_s, .. }) => {
                    if at == m {
                        let orphan = true;
                        self.walkers[task].state = State::Flying {
                            row,
                            until_s,
                            orphan,
                        };
                    }
                    (links[row as usize].to == m, false)
                }
                (Component::Link(_), State::LinkQueue { row } | State::Sending { row, .. }) => {
                    (false, touched.contains(&row))
                }
                (
                    Component::Link(_),
                    State::Flying {
                        row,
                        until_s,
                        orphan,
                    },
                ) => {
                    let cut = touched.contains(&row) && until_s > at_s;
                    (cut && orphan, cut && !orphan)
                }
                (_, State::Uploading { .. } | State::Gone) | (Component::Link(_), _) => {
                    (false, false)
                }
            };
            if lost {
                self.lose(task, at_s, Reason::ServerFailed);
            } else if held {
                let walker = &mut self.walkers[task];
                walker.travel.wait_s += at_s - walker.since_s;
                walker.since_s = at_s;
                walker.state = State::Held;
            }
        }
    }
}
