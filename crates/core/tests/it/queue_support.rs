//! Queue slots for tests: built by hand, drawn at random, or those of `lin2025`; and a calendar simulator.

use std::sync::Arc;

use wayside_core::backhaul::network::Network;
use wayside_core::backhaul::{Edge, Routes};
use wayside_core::rng::Stream;
use wayside_core::slot::queues::{QueueState, Queues};
use wayside_core::slot::{Coverage, RadioLink, Rsus, Slot, Tasks, Vehicles};

/// What a test says of a queue slot; everything else has a neutral value. Instants count from `now_s`.
#[derive(Clone, Debug)]
pub(crate) struct QueueSlot {
    pub(crate) now_s: f64,
    pub(crate) omega: f64,
    pub(crate) core_hz: Vec<f64>,
    /// For every server, when its cores are free \[s\].
    pub(crate) core_free_s: Vec<Vec<f64>>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) propagation_s_per_m: f64,
    /// When links are free \[s\], by row; missing ones idle.
    pub(crate) link_free_s: Vec<f64>,
    pub(crate) cloud_round_trip_s: Option<f64>,
    pub(crate) tasks: Vec<QueueTask>,
}

/// A task on a vehicle of its own.
#[derive(Clone, Debug)]
pub(crate) struct QueueTask {
    /// Servers that it may enter by, and the rate of the upload \[bit/s\].
    pub(crate) entries: Vec<(u32, f64)>,
    pub(crate) data_bits: f64,
    pub(crate) cycles: f64,
    pub(crate) deadline_s: f64,
    pub(crate) vehicle_hz: f64,
    pub(crate) vehicle_wait_s: f64,
}

pub(crate) fn edge(a: u32, b: u32, rate_bps: f64, length_m: f64) -> Edge {
    Edge {
        a,
        b,
        rate_bps,
        length_m,
        backlog_bits: 0.0,
    }
}

impl QueueSlot {
    pub(crate) fn build(&self) -> Slot {
        let servers = self.core_hz.len();
        let network = Network::new(servers, &self.edges, self.propagation_s_per_m);
        let links = network.links().len();
        let mut core_start = vec![0];
        for cores in &self.core_free_s {
            core_start.push(core_start[core_start.len() - 1] + cores.len() as u32);
        }
        let later = |s: &f64| self.now_s + s;
        let mut link_free_s: Vec<f64> = self.link_free_s.iter().map(later).collect();
        link_free_s.resize(links, 0.0);
        let n = self.tasks.len();
        let column = |f: fn(&QueueTask) -> f64| self.tasks.iter().map(f).collect::<Vec<f64>>();
        let mut coverage = Coverage {
            start: vec![0],
            links: Vec::new(),
        };
        for task in &self.tasks {
            coverage
                .links
                .extend(task.entries.iter().map(|&(rsu, rate_bps)| RadioLink {
                    rsu,
                    seconds_per_bit: 1.0 / rate_bps,
                }));
            coverage.start.push(coverage.links.len() as u32);
        }
        Slot {
            now_s: self.now_s,
            slot_s: 1.0,
            carry_over: false,
            omega: self.omega,
            enforce_balance: false,
            tau: f64::INFINITY,
            migration_power_w: 0.5,
            rsus: Rsus {
                id: (0..servers).map(|m| format!("r{m}")).collect(),
                x_m: vec![0.0; servers],
                y_m: vec![0.0; servers],
                range_m: vec![0.0; servers],
                bandwidth_hz: vec![0.0; servers],
                cpu_hz: (0..servers)
                    .map(|m| self.core_hz[m] * self.core_free_s[m].len() as f64)
                    .collect(),
                energy_coeff: vec![3e-28; servers],
                reserved_cpu_hz: vec![0.0; servers],
                releasing_cpu_hz: vec![0.0; servers],
                up: Vec::new(),
            },
            routes: Arc::new(Routes::build(servers, &self.edges, 8)),
            network: Arc::new(network),
            queues: Some(Queues {
                core_start,
                core_hz: self.core_hz.clone(),
                present: QueueState {
                    time_s: self.now_s,
                    core_free_s: self.core_free_s.iter().flatten().map(later).collect(),
                    waiting: vec![0; servers],
                    link_free_s,
                    up: vec![true; servers],
                },
                rounds: Vec::new(),
                information: None,
            }),
            sessions: None,
            cloud_round_trip_s: self.cloud_round_trip_s,
            vehicles: Vehicles {
                key: Vec::new(),
                x_m: vec![0.0; n],
                y_m: vec![0.0; n],
                tx_power_w: vec![0.2; n],
                cpu_hz: column(|t| t.vehicle_hz),
                energy_coeff: vec![2e-26; n],
                local_wait_s: column(|t| t.vehicle_wait_s),
            },
            coverage,
            tasks: Tasks {
                vehicle: (0..n as u32).collect(),
                cycles: column(|t| t.cycles),
                data_bits: column(|t| t.data_bits),
                deadline_s: column(|t| t.deadline_s),
            },
        }
    }
}

/// The 5 x 5 grid without its corners: row of server 0 is its centre.
pub(crate) fn lin2025_edges() -> Vec<Edge> {
    let mut cells: Vec<(i32, i32)> = (-2..=2)
        .flat_map(|y| (-2..=2).map(move |x| (x, y)))
        .filter(|&(x, y): &(i32, i32)| x.abs() + y.abs() < 4)
        .collect();
    cells.sort_by_key(|&(x, y)| (x.abs() + y.abs(), y, x));
    let mut edges = Vec::new();
    for (a, &(x, y)) in cells.iter().enumerate() {
        for (b, &(u, v)) in cells.iter().enumerate().skip(a + 1) {
            if (x - u).abs() + (y - v).abs() == 1 {
                edges.push(edge(a as u32, b as u32, 1e9, 1000.0));
            }
        }
    }
    edges
}

/// `num` tasks at the centre of `lin2025` (mcatm.md), each core free with probability `capability`;
/// all of 500 kB, or U(400, 500) kB.
pub(crate) fn lin2025(num: usize, capability: f64, equal: bool, s: &mut Stream) -> QueueSlot {
    let mut core = || {
        let (coin, busy_s) = (s.unit(), s.uniform(0.0, 2.5));
        if coin < capability { 0.0 } else { busy_s }
    };
    let core_free_s = (0..21).map(|_| (0..6).map(|_| core()).collect()).collect();
    let mut task = || {
        let kilobytes = if equal {
            500.0
        } else {
            s.uniform(400.0, 500.0)
        };
        let data_bits = kilobytes * 8e3;
        QueueTask {
            entries: vec![(0, 618.1e6)],
            data_bits,
            cycles: 115.0 * data_bits,
            deadline_s: 0.27,
            vehicle_hz: 1e8,
            vehicle_wait_s: 0.0,
        }
    };
    QueueSlot {
        now_s: 0.0,
        omega: 1.0,
        core_hz: vec![2.4e9; 21],
        core_free_s,
        edges: lin2025_edges(),
        propagation_s_per_m: 5e-9,
        link_free_s: Vec::new(),
        cloud_round_trip_s: None,
        tasks: (0..num).map(|_| task()).collect(),
    }
}
