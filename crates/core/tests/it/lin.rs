//! The paper's world by hand: 21 servers, batches of tasks, simulated event by event.
#![allow(dead_code, reason = "the example and the bench use parts of it")]

use std::sync::Arc;

use wayside_core::backhaul::network::Network;
use wayside_core::backhaul::{Edge, Routes};
use wayside_core::policy::Policy;
use wayside_core::queueing::{QueueNetwork, Submission};
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::queues::{Information, QueueState, Queues};
use wayside_core::slot::{Coverage, Decision, Placement, RadioLink, Rsus, Slot, Tasks, Vehicles};

/// What a batch is drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Lin {
    pub(crate) edges: Vec<(u32, u32)>,
    pub(crate) servers: usize,
    pub(crate) local: u32,
    pub(crate) num: usize,
    /// Probability that a core is free.
    pub(crate) capability: f64,
    /// Size of a task [byte].
    pub(crate) data_bytes: (f64, f64),
    pub(crate) uplink_bps: f64,
    /// Whether tasks enter at random servers, not at the local one.
    pub(crate) anywhere: bool,
    /// Share of the servers whose related information is false.
    pub(crate) falsehood: f64,
    /// False servers report states drawn anew, not all cores free and links idle.
    pub(crate) redrawn: bool,
    pub(crate) max_tolerable_s: f64,
}

pub(crate) const CORES: usize = 6;
pub(crate) const CORE_HZ: f64 = 2.4e9;
pub(crate) const CYCLES_PER_BIT: f64 = 115.0;
pub(crate) const BUSY_S: f64 = 2.5;
pub(crate) const RATE_BPS: f64 = 1e9;

/// 5 by 5 without its corners.
pub(crate) fn diamond() -> (usize, Vec<(u32, u32)>, u32) {
    let inside = |x: i32, y: i32| {
        (0..5).contains(&x) && (0..5).contains(&y) && !([0, 4].contains(&x) && [0, 4].contains(&y))
    };
    let places: Vec<(i32, i32)> = (0..5)
        .flat_map(|y| (0..5).map(move |x| (x, y)))
        .filter(|&(x, y)| inside(x, y))
        .collect();
    let row = |x, y| places.iter().position(|&p| p == (x, y)).map(|i| i as u32);
    let mut edges = Vec::new();
    for (a, &(x, y)) in (0..).zip(&places) {
        edges.extend(
            [row(x + 1, y), row(x, y + 1)]
                .into_iter()
                .flatten()
                .map(|b| (a, b)),
        );
    }
    let local = row(2, 2).expect("the centre");
    (places.len(), edges, local)
}

impl Default for Lin {
    fn default() -> Self {
        let (servers, edges, local) = diamond();
        Self {
            edges,
            servers,
            local,
            num: 50,
            capability: 0.6,
            data_bytes: (400e3, 500e3),
            uplink_bps: 618.1e6,
            anywhere: false,
            falsehood: 0.0,
            redrawn: false,
            max_tolerable_s: 0.27,
        }
    }
}

/// How a batch ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    /// Response of every task [s].
    pub(crate) response_s: Vec<f64>,
    /// Time on links of the migrated tasks, queues included [s].
    pub(crate) migration_s: Vec<f64>,
    pub(crate) late: usize,
    /// Distinct directed links used.
    pub(crate) links: usize,
}

impl Ran {
    pub(crate) fn total_s(&self) -> f64 {
        self.response_s.iter().sum()
    }

    pub(crate) fn on_time(&self) -> f64 {
        1.0 - self.late as f64 / self.response_s.len() as f64
    }
}

impl Lin {
    fn core_free_s(&self, stream: &mut Stream) -> f64 {
        // both are drawn for every core, so that capability shifts nothing
        let (free, busy_s) = (stream.unit() < self.capability, stream.uniform(0.0, BUSY_S));
        if free { 0.0 } else { busy_s }
    }

    /// Batch number `seed`.
    pub(crate) fn slot(&self, seed: u64) -> Slot {
        let streams = Streams::new(seed);
        let edges: Vec<Edge> = self
            .edges
            .iter()
            .map(|&(a, b)| Edge {
                a,
                b,
                rate_bps: RATE_BPS,
                length_m: 1e3,
                backlog_bits: 0.0,
            })
            .collect();
        let network = Arc::new(Network::new(self.servers, &edges, 5e-9));
        let mut cores = streams.stream("test.cores");
        let present = QueueState {
            time_s: 0.0,
            core_free_s: (0..self.servers * CORES)
                .map(|_| self.core_free_s(&mut cores))
                .collect(),
            waiting: vec![0; self.servers],
            link_free_s: vec![0.0; network.links().len()],
            up: vec![true; self.servers],
        };
        let (information, rounds) = self.information(&present, streams);
        let queues = Queues {
            core_start: (0..=self.servers as u32)
                .map(|m| m * CORES as u32)
                .collect(),
            core_hz: vec![CORE_HZ; self.servers],
            present,
            rounds,
            information,
        };
        let mut draws = streams.stream("test.tasks");
        let mut entry = Vec::new();
        let mut data_bits = Vec::new();
        for _ in 0..self.num {
            data_bits.push(8.0 * draws.uniform(self.data_bytes.0, self.data_bytes.1));
            let anywhere = draws.below(self.servers) as u32;
            entry.push(if self.anywhere { anywhere } else { self.local });
        }
        let n = self.num;
        Slot {
            now_s: 0.0,
            slot_s: 1.0,
            carry_over: false,
            omega: 1.0,
            enforce_balance: false,
            tau: f64::INFINITY,
            migration_power_w: 0.0,
            rsus: Rsus {
                id: (0..self.servers).map(|m| format!("s{m}")).collect(),
                x_m: vec![0.0; self.servers],
                y_m: vec![0.0; self.servers],
                range_m: vec![1e3; self.servers],
                bandwidth_hz: vec![1e8; self.servers],
                cpu_hz: vec![CORES as f64 * CORE_HZ; self.servers],
                energy_coeff: vec![0.0; self.servers],
                reserved_cpu_hz: vec![0.0; self.servers],
                releasing_cpu_hz: vec![0.0; self.servers],
                up: Vec::new(),
            },
            routes: Arc::new(Routes::build(self.servers, &edges, 6)),
            network,
            queues: Some(queues),
            sessions: None,
            cloud_round_trip_s: Some(0.2),
            vehicles: Vehicles {
                key: Vec::new(),
                x_m: vec![0.0; n],
                y_m: vec![0.0; n],
                tx_power_w: vec![0.1; n],
                cpu_hz: vec![1e9; n],
                energy_coeff: vec![0.0; n],
                local_wait_s: vec![0.0; n],
            },
            coverage: Coverage {
                start: (0..=n as u32).collect(),
                links: entry
                    .iter()
                    .map(|&rsu| RadioLink {
                        rsu,
                        seconds_per_bit: 1.0 / self.uplink_bps,
                    })
                    .collect(),
            },
            tasks: Tasks {
                vehicle: (0..n as u32).collect(),
                cycles: data_bits.iter().map(|bits| bits * CYCLES_PER_BIT).collect(),
                data_bits,
                deadline_s: vec![self.max_tolerable_s; n],
            },
        }
    }

    /// One round of related information, long ago enough to have arrived; some servers lie in it.
    fn information(
        &self,
        present: &QueueState,
        streams: Streams,
    ) -> (Option<Information>, Vec<QueueState>) {
        if self.falsehood <= 0.0 {
            return (None, Vec::new());
        }
        let mut stream = streams.stream("test.falsehood");
        let mut round = QueueState {
            time_s: -1.0,
            ..present.clone()
        };
        for m in 0..self.servers {
            let lies = stream.unit() < self.falsehood;
            for core in &mut round.core_free_s[m * CORES..(m + 1) * CORES] {
                let redrawn_s = self.core_free_s(&mut stream);
                if lies {
                    *core = if self.redrawn { redrawn_s } else { 0.0 };
                }
            }
        }
        let information = Information {
            ttl: 3,
            hop_s: 7e-6,
            delay_s: 0.0,
        };
        (Some(information), vec![round])
    }
}

/// Decides `slot` and simulates what comes of it.
pub(crate) fn run(slot: &Slot, policy: &mut dyn Policy) -> (Ran, Decision) {
    let mut decision = Decision::default();
    policy.decide(slot, &mut decision);
    (simulate(slot, &decision), decision)
}

/// What comes of a decision.
pub(crate) fn simulate(slot: &Slot, decision: &Decision) -> Ran {
    let queues = slot.queues.as_ref().expect("a slot with queues");
    let mut network = QueueNetwork::new(
        Arc::clone(&slot.network),
        &queues.core_start,
        &queues.core_hz,
        &queues.present.core_free_s,
    );
    let n = slot.tasks.len();
    let mut ran = Ran {
        response_s: vec![f64::NAN; n],
        ..Ran::default()
    };
    let mut used = vec![false; slot.network.links().len()];
    for task in 0..n {
        let data_bits = slot.tasks.data_bits[task];
        let ready_s = data_bits * slot.links(task)[0].seconds_per_bit;
        match decision.placements[task] {
            Placement::Local => {
                ran.response_s[task] = slot.tasks.cycles[task] / slot.vehicles.cpu_hz[task];
            }
            Placement::Cloud { .. } => {
                ran.response_s[task] = ready_s + slot.cloud_round_trip_s.expect("a cloud");
            }
            Placement::Rsu { entry, execution } => {
                let route = slot.routes.path(entry, execution).expect("a route");
                let shortest: Vec<u32> = route
                    .windows(2)
                    .map(|ends| slot.network.find(ends[0], ends[1]).expect("a link"))
                    .collect();
                let path = match decision.paths.is_empty() {
                    true => &shortest,
                    false => decision.paths.of(task),
                };
                let end = path
                    .last()
                    .map_or(entry, |&l| slot.network.links()[l as usize].to);
                assert_eq!(end, execution, "the path leads to the server");
                path.iter().for_each(|&l| used[l as usize] = true);
                network.submit(Submission {
                    key: task as u64,
                    ready_s,
                    entry,
                    path,
                    data_bits,
                    cycles: slot.tasks.cycles[task],
                });
            }
        }
    }
    network.drain(&mut |finished| {
        let travel = finished.outcome.expect("nothing fails");
        ran.response_s[finished.key as usize] = travel.finished_s;
        if travel.hops > 0 {
            ran.migration_s
                .push(travel.transmission_s + travel.propagation_s + travel.wait_s);
        }
    });
    assert!(
        ran.response_s.iter().all(|s| s.is_finite()),
        "every task ended"
    );
    ran.late = ran
        .response_s
        .iter()
        .zip(&slot.tasks.deadline_s)
        .filter(|(response, deadline)| response > deadline)
        .count();
    ran.links = used.iter().filter(|&&used| used).count();
    ran
}
