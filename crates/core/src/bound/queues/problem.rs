//! What the bounds need of a slot: jobs, where and when they may enter, and earliest arrivals.
//!
//! All instants count from the decision.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Venues;
use crate::backhaul::network::Network;
use crate::model::{compute, objective, transfer};
use crate::slot::Slot;
use crate::slot::queues::Queues;

/// A queue slot, prepared. Keeps its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Problem {
    pub(super) jobs: Vec<Job>,
    entries: Vec<Entry>,
    pub(super) servers: Vec<Server>,
    /// When every core is free \[s\], never before the decision; by server.
    core_free_s: Vec<f64>,
    /// When every link is free \[s\], never before the decision.
    pub(super) link_free_s: Vec<f64>,
    /// `arrival_s[job * servers + m]`: earliest instant at which the job can be at server `m`, alone on
    /// the network; infinite where no way leads there \[s\].
    arrival_s: Vec<f64>,
    /// `head_cycles[i]`: cycles of the `i` smallest tasks.
    head_cycles: Vec<f64>,
    /// Data of the smallest task \[bit\].
    pub(super) least_bits: f64,
    /// Cycles of the smallest task.
    pub(super) least_cycles: f64,
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
}

/// Tasks that are equal in every relevant respect.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) count: u32,
    pub(super) cycles: f64,
    data_bits: f64,
    pub(super) deadline_s: f64,
    entries: std::ops::Range<usize>,
    /// Ways to do without the servers: on the vehicle, in the cloud by each entry.
    pub(super) outside: Vec<Outside>,
    /// Least energy of an upload \[J\].
    pub(super) upload_j: f64,
}

/// A way into the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) server: u32,
    /// When the upload is complete \[s\].
    pub(super) ready_s: f64,
    /// Energy of the upload \[J\].
    pub(super) upload_j: f64,
}

/// Delay \[s\] and energy \[J\] of a way to run a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outside {
    pub(super) delay_s: f64,
    pub(super) energy_j: f64,
}

/// An edge server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Speed of a core \[Hz\].
    pub(super) core_hz: f64,
    /// Energy of a cycle \[J\].
    pub(super) joule_per_cycle: f64,
    cores: std::ops::Range<usize>,
    /// Earliest instant at which any task can be here; infinite where none can \[s\].
    pub(super) first_s: f64,
}

/// An instant with an order \[s\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instant(pub(super) f64);

impl Eq for Instant {}

impl PartialOrd for Instant {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Instant {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Problem {
    pub(super) fn prepare(&mut self, slot: &Slot, queues: &Queues, venues: Venues) {
        let now_s = queues.present.time_s;
        let from_now = |&instant: &f64| (instant - now_s).max(0.0);
        self.core_free_s.clear();
        self.core_free_s
            .extend(queues.present.core_free_s.iter().map(from_now));
        self.link_free_s.clear();
        self.link_free_s
            .extend(queues.present.link_free_s.iter().map(from_now));
        self.servers.clear();
        self.servers.extend((0..slot.rsus.len()).map(|m| Server {
            core_hz: queues.core_hz[m],
            joule_per_cycle: compute::energy_j(slot.rsus.energy_coeff[m], 1.0, queues.core_hz[m]),
            cores: queues.cores(m as u32),
            first_s: f64::INFINITY,
        }));
        self.gather_jobs(slot, venues);
        self.find_arrivals(&slot.network);

        let tasks = &slot.tasks;
        let smallest = |column: &[f64]| column.iter().copied().fold(f64::INFINITY, f64::min);
        self.least_bits = smallest(&tasks.data_bits);
        self.least_cycles = smallest(&tasks.cycles);
        self.head_cycles.clear();
        self.head_cycles.extend_from_slice(&tasks.cycles);
        self.head_cycles.sort_by(f64::total_cmp);
        let mut sum = 0.0;
        for cycles in &mut self.head_cycles {
            sum += std::mem::replace(cycles, sum);
        }
    }

    fn gather_jobs(&mut self, slot: &Slot, venues: Venues) {
        self.jobs.clear();
        self.entries.clear();
        for task in 0..slot.tasks.len() {
            let job = self.job(slot, venues, task);
            match self.jobs.last_mut() {
                Some(last) if alike(last, &job, &self.entries) => {
                    last.count += 1;
                    self.entries.truncate(job.entries.start);
                }
                _ => self.jobs.push(job),
            }
        }
    }

    fn job(&mut self, slot: &Slot, venues: Venues, task: usize) -> Job {
        let vehicle = slot.tasks.vehicle[task] as usize;
        let (data_bits, cycles) = (slot.tasks.data_bits[task], slot.tasks.cycles[task]);
        let start = self.entries.len();
        self.entries.extend(slot.links(task).iter().map(|link| {
            let ready_s = transfer::upload_s(data_bits, link.seconds_per_bit, 1.0);
            Entry {
                server: link.rsu,
                ready_s,
                upload_j: transfer::upload_energy_j(slot.vehicles.tx_power_w[vehicle], ready_s),
            }
        }));
        let entries = &self.entries[start..];
        let cpu_hz = slot.vehicles.cpu_hz[vehicle];
        // A task that no RSU covers has its vehicle only.
        let on_vehicle = (venues.vehicle || entries.is_empty()).then(|| Outside {
            delay_s: slot.vehicles.local_wait_s[vehicle] + compute::delay_s(cycles, cpu_hz),
            energy_j: compute::energy_j(slot.vehicles.energy_coeff[vehicle], cycles, cpu_hz),
        });
        let round_trip_s = slot.cloud_round_trip_s.filter(|_| venues.cloud);
        let in_cloud = round_trip_s.into_iter().flat_map(|round_trip_s| {
            entries.iter().map(move |entry| Outside {
                delay_s: entry.ready_s + round_trip_s,
                energy_j: entry.upload_j,
            })
        });
        Job {
            count: 1,
            cycles,
            data_bits,
            deadline_s: slot.tasks.deadline_s[task],
            outside: on_vehicle.into_iter().chain(in_cloud).collect(),
            upload_j: entries
                .iter()
                .map(|e| e.upload_j)
                .fold(f64::INFINITY, f64::min),
            entries: start..self.entries.len(),
        }
    }

    /// Earliest arrivals of every job at every server: Dijkstra, with links that free up in time.
    fn find_arrivals(&mut self, network: &Network) {
        let servers = self.servers.len();
        self.arrival_s.clear();
        self.arrival_s
            .resize(self.jobs.len() * servers, f64::INFINITY);
        for (job, arrival_s) in self
            .jobs
            .iter()
            .zip(self.arrival_s.chunks_mut(servers.max(1)))
        {
            self.heap.clear();
            for entry in &self.entries[job.entries.clone()] {
                let known = &mut arrival_s[entry.server as usize];
                if entry.ready_s < *known {
                    *known = entry.ready_s;
                    self.heap
                        .push(Reverse((Instant(entry.ready_s), entry.server)));
                }
            }
            while let Some(Reverse((Instant(at_s), m))) = self.heap.pop() {
                if at_s > arrival_s[m as usize] {
                    continue;
                }
                for row in network.leaving(m) {
                    let link = &network.links()[row as usize];
                    let start_s = at_s.max(self.link_free_s[row as usize]);
                    let there_s = start_s + link.transmission_s(job.data_bits) + link.propagation_s;
                    let known = &mut arrival_s[link.to as usize];
                    if there_s < *known {
                        *known = there_s;
                        self.heap.push(Reverse((Instant(there_s), link.to)));
                    }
                }
            }
            for (server, &at_s) in self.servers.iter_mut().zip(&*arrival_s) {
                server.first_s = server.first_s.min(at_s);
            }
        }
    }

    /// Number of tasks.
    pub(super) fn tasks(&self) -> usize {
        self.head_cycles.len()
    }

    /// The ways of a job into the network.
    pub(super) fn entries(&self, job: &Job) -> &[Entry] {
        &self.entries[job.entries.clone()]
    }

    /// Earliest arrival of job number `job` at every server \[s\].
    pub(super) fn arrivals(&self, job: usize) -> &[f64] {
        let servers = self.servers.len();
        &self.arrival_s[job * servers..(job + 1) * servers]
    }

    /// When every core of a server is free for tasks of this slot \[s\].
    pub(super) fn cores_s<'a>(&'a self, server: &'a Server) -> impl Iterator<Item = f64> + 'a {
        self.core_free_s[server.cores.clone()]
            .iter()
            .map(|&free_s| free_s.max(server.first_s))
    }

    /// Least time before the task in `place` (0, 1, ...) on a core of `server` starts, after the first \[s\].
    pub(super) fn ahead_s(&self, server: &Server, place: usize) -> f64 {
        self.head_cycles[place] / server.core_hz
    }
}

fn alike(a: &Job, b: &Job, entries: &[Entry]) -> bool {
    a.cycles.to_bits() == b.cycles.to_bits()
        && a.data_bits.to_bits() == b.data_bits.to_bits()
        && a.deadline_s.to_bits() == b.deadline_s.to_bits()
        && a.outside == b.outside
        && entries[a.entries.clone()] == entries[b.entries.clone()]
}

/// What a bound is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// Least sum of costs, omega delay + (1 - omega) energy.
    Cost {
        /// Weight of delay.
        omega: f64,
    },
    /// Fewest late tasks.
    Late,
}

/// Cost units in 1 s or 1 J: fine enough for every purpose, coarse enough for sums in 64 bits.
const UNITS: f64 = (1u64 << 36) as f64;

/// Costs beyond this count as this, which leaves bounds valid.
const MOST_UNITS: f64 = (1u64 << 52) as f64;

/// Rounding, relative, within which an end at the deadline is in time.
const HAIR: f64 = 1e-9;

impl Goal {
    /// A delay with an energy, in whole units, rounded down.
    pub(super) fn units(self, delay_s: f64, energy_j: f64) -> i64 {
        match self {
            Self::Cost { omega } => {
                (objective(omega, delay_s, energy_j) * UNITS).clamp(0.0, MOST_UNITS) as i64
            }
            Self::Late => 0,
        }
    }

    /// Cost of one of a job's ways outside the servers.
    pub(super) fn outside(self, job: &Job, choice: Outside) -> i64 {
        match self {
            Self::Cost { .. } => self.units(choice.delay_s, choice.energy_j),
            Self::Late => i64::from(choice.delay_s > job.deadline_s + HAIR * job.deadline_s.abs()),
        }
    }

    /// Latest start of a task of `job` that is of use on a core of `server` \[s\].
    pub(super) fn latest_s(self, job: &Job, server: &Server) -> f64 {
        match self {
            Self::Cost { .. } => f64::INFINITY,
            Self::Late => {
                job.deadline_s + HAIR * job.deadline_s.abs() - job.cycles / server.core_hz
            }
        }
    }

    /// The same for the job that may start last.
    pub(super) fn latest_of_all_s(self, problem: &Problem, server: &Server) -> f64 {
        let jobs = problem.jobs.iter();
        jobs.map(|job| self.latest_s(job, server))
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Cost units as s or J.
pub(super) fn of_units(units: i64) -> f64 {
    units as f64 / UNITS
}
