//! Random slots, and what several tests need.

use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use wayside_core::alloc::{Allocator, Certificate};
use wayside_core::backhaul::network::Network;
use wayside_core::backhaul::{Edge, Routes};
use wayside_core::evaluate::{Evaluator, Outcome};
use wayside_core::model::channel::{Radio, seconds_per_bit};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::{Stream, Streams};
use wayside_core::scenario::{Channel, Scenario};
use wayside_core::slot::{Coverage, Decision, Placement, RadioLink, Rsus, Slot, Tasks, Vehicles};

/// What a random slot is drawn from; ranges of one point make it homogeneous.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) vehicles: usize,
    pub(crate) tasks_per_vehicle: usize,
    pub(crate) rsus: usize,
    pub(crate) omega: Range<f64>,
    pub(crate) cpu_hz: Range<f64>,
    pub(crate) energy_coeff: Range<f64>,
    pub(crate) bandwidth_hz: Range<f64>,
    pub(crate) range_m: Range<f64>,
    /// Share of each RSU's CPU that earlier tasks hold.
    pub(crate) reserved: Range<f64>,
    /// Probability that two neighbours on the line of RSUs are linked.
    pub(crate) linked: f64,
    pub(crate) max_hops: usize,
    pub(crate) noise_dbm: f64,
}

impl Default for Recipe {
    /// Heterogeneous in everything, one task per vehicle.
    fn default() -> Self {
        Self {
            vehicles: 20,
            tasks_per_vehicle: 1,
            rsus: 5,
            omega: 0.2..0.95,
            cpu_hz: 5e9..25e9,
            energy_coeff: 1e-28..1e-27,
            bandwidth_hz: 20e6..120e6,
            range_m: 250.0..700.0,
            reserved: 0.0..0.0,
            linked: 0.8,
            max_hops: 16,
            noise_dbm: -104.0,
        }
    }
}

pub(crate) const AREA_M: f64 = 1000.0;

impl Recipe {
    /// Slot number `seed` of this recipe.
    pub(crate) fn slot(&self, seed: u64) -> Slot {
        let mut stream = Streams::new(seed).stream("recipe");
        let s = &mut stream;
        let rsus = self.rsus(s);
        let vehicles = self.vehicles(s);
        let omega = draw(&self.omega, s);
        let links = self.links(s);
        Slot {
            now_s: 0.0,
            slot_s: 1.0,
            carry_over: false,
            omega,
            enforce_balance: false,
            tau: f64::INFINITY,
            migration_power_w: 0.5,
            routes: Arc::new(Routes::build(self.rsus, &links, self.max_hops)),
            network: Arc::new(Network::new(self.rsus, &links, 0.0)),
            queues: None,
            sessions: None,
            cloud_round_trip_s: None,
            coverage: cover(&channel(self.noise_dbm), &rsus, &vehicles),
            tasks: self.tasks(s),
            rsus,
            vehicles,
        }
    }

    fn rsus(&self, s: &mut Stream) -> Rsus {
        let cpu_hz = column(self.rsus, &self.cpu_hz, s);
        Rsus {
            id: (0..self.rsus).map(|m| format!("r{m}")).collect(),
            x_m: column(self.rsus, &(0.0..AREA_M), s),
            y_m: column(self.rsus, &(0.0..AREA_M), s),
            range_m: column(self.rsus, &self.range_m, s),
            bandwidth_hz: column(self.rsus, &self.bandwidth_hz, s),
            energy_coeff: column(self.rsus, &self.energy_coeff, s),
            releasing_cpu_hz: vec![0.0; self.rsus],
            up: Vec::new(),
            reserved_cpu_hz: cpu_hz.iter().map(|f| f * draw(&self.reserved, s)).collect(),
            cpu_hz,
        }
    }

    fn vehicles(&self, s: &mut Stream) -> Vehicles {
        let n = self.vehicles;
        Vehicles {
            key: Vec::new(),
            x_m: column(n, &(0.0..AREA_M), s),
            y_m: column(n, &(0.0..AREA_M), s),
            tx_power_w: column(n, &(0.1..0.3), s),
            cpu_hz: column(n, &(0.3e9..1e9), s),
            energy_coeff: column(n, &(1e-26..3e-26), s),
            local_wait_s: vec![0.0; n],
        }
    }

    /// A line of RSUs with gaps, unequal rates and queues.
    fn links(&self, s: &mut Stream) -> Vec<Edge> {
        (1..self.rsus as u32)
            .filter_map(|b| {
                let edge = Edge {
                    a: b - 1,
                    b,
                    rate_bps: s.uniform(0.2e9, 2e9),
                    length_m: 0.0,
                    backlog_bits: s.uniform(0.0, 1e6),
                };
                (s.unit() < self.linked).then_some(edge)
            })
            .collect()
    }

    fn tasks(&self, s: &mut Stream) -> Tasks {
        let count = self.vehicles * self.tasks_per_vehicle;
        Tasks {
            vehicle: (0..count)
                .map(|task| (task / self.tasks_per_vehicle) as u32)
                .collect(),
            cycles: column(count, &(1e8..1e9), s),
            data_bits: column(count, &(0.5e6..5e6), s),
            deadline_s: column(count, &(0.5..1.0), s),
        }
    }
}

fn column(len: usize, range: &Range<f64>, stream: &mut Stream) -> Vec<f64> {
    (0..len).map(|_| draw(range, stream)).collect()
}

pub(crate) fn draw(range: &Range<f64>, stream: &mut Stream) -> f64 {
    stream.uniform(range.start, range.end)
}

pub(crate) fn channel(noise_dbm: f64) -> Channel {
    Channel {
        noise_dbm,
        pathloss_db_at_1km: 128.1,
        pathloss_db_per_decade: 37.6,
        antenna_height_m: 10.0,
    }
}

/// Coverage by brute force: every vehicle against every RSU.
pub(crate) fn cover(channel: &Channel, rsus: &Rsus, vehicles: &Vehicles) -> Coverage {
    let radio = Radio::new(channel);
    let mut coverage = Coverage {
        start: vec![0],
        links: Vec::new(),
    };
    for v in 0..vehicles.len() {
        let mut near: Vec<(f64, usize)> = (0..rsus.len())
            .map(|m| {
                let (dx, dy) = (rsus.x_m[m] - vehicles.x_m[v], rsus.y_m[m] - vehicles.y_m[v]);
                (dx * dx + dy * dy, m)
            })
            .filter(|&(distance2, m)| distance2 <= rsus.range_m[m] * rsus.range_m[m])
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        coverage.links.extend(near.iter().map(|&(distance2, m)| {
            let snr = radio.snr(vehicles.tx_power_w[v], distance2);
            RadioLink {
                rsu: m as u32,
                seconds_per_bit: seconds_per_bit(rsus.bandwidth_hz[m], snr),
            }
        }));
        coverage.start.push(coverage.links.len() as u32);
    }
    coverage
}

/// Without migration.
pub(crate) fn at(rsu: u32) -> Placement {
    Placement::Rsu {
        entry: rsu,
        execution: rsu,
    }
}

/// P2 from scratch: the certificate and the shares.
pub(crate) fn allocate(
    slot: &Slot,
    placements: &[Placement],
    minimum_hz: &[f64],
) -> (Certificate, Vec<f64>) {
    let mut cpu_hz = Vec::new();
    let certificate = Allocator::default().solve(slot, placements, minimum_hz, &mut cpu_hz);
    (certificate, cpu_hz)
}

/// `(a - b) / |b|`.
pub(crate) fn excess(a: f64, b: f64) -> f64 {
    (a - b) / b.abs()
}

/// `check` of every seed in `0..count`, in order, on two threads.
pub(crate) fn over_seeds<T: Send>(count: u64, check: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let named = |seed| match panic::catch_unwind(AssertUnwindSafe(|| check(seed))) {
        Ok(result) => result,
        Err(payload) => {
            eprintln!("seed {seed}");
            panic::resume_unwind(payload)
        }
    };
    let half = |seeds: Range<u64>| seeds.map(named).collect::<Vec<T>>();
    thread::scope(|scope| {
        let upper = scope.spawn(|| half(count / 2..count));
        let mut all = half(0..count / 2);
        all.extend(upper.join().expect("the check's own message is above"));
        all
    })
}

/// Largest of all values, which must be comparable.
pub(crate) fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NEG_INFINITY, |max, value| {
        assert!(!value.is_nan());
        max.max(value)
    })
}

/// What `placements` cost under exact P2, summed over the tasks.
pub(crate) fn cost(slot: &Slot, placements: &[Placement]) -> f64 {
    outcomes(slot, placements)
        .iter()
        .map(|outcome| outcome.cost(slot.omega))
        .sum()
}

/// The outcome of every task under exact P2.
pub(crate) fn outcomes(slot: &Slot, placements: &[Placement]) -> Vec<Outcome> {
    let (_, cpu_hz) = allocate(slot, placements, &[]);
    let mut outcomes = Vec::new();
    Evaluator::default().outcomes(slot, placements, &cpu_hz, &mut outcomes);
    outcomes
}

/// What a new `kind` decides, with the default options.
pub(crate) fn decide(kind: PolicyKind, slot: &Slot, seed: u64) -> Decision {
    let options = builtin("wang2025", &[]).policy;
    let mut decision = Decision::default();
    kind.build(&options, Streams::new(seed))
        .decide(slot, &mut decision);
    decision
}

/// A built-in scenario with `(key, value)` of `--set`.
pub(crate) fn builtin(name: &str, overrides: &[(&str, &str)]) -> Scenario {
    let overrides: Vec<(String, String)> = overrides
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Scenario::builtin(name, &overrides).expect("the test's overrides are valid")
}

/// The slot with vehicle `order[v]` in row v, one task each.
pub(crate) fn permuted(slot: &Slot, order: &[usize]) -> Slot {
    let mut permuted = slot.clone();
    let (vehicles, tasks) = (&mut permuted.vehicles, &mut permuted.tasks);
    for column in [
        &mut vehicles.x_m,
        &mut vehicles.y_m,
        &mut vehicles.tx_power_w,
        &mut vehicles.cpu_hz,
        &mut vehicles.energy_coeff,
        &mut vehicles.local_wait_s,
        &mut tasks.cycles,
        &mut tasks.data_bits,
        &mut tasks.deadline_s,
    ] {
        *column = order.iter().map(|&v| column[v]).collect();
    }
    let mut coverage = Coverage {
        start: vec![0],
        links: Vec::new(),
    };
    for &v in order {
        coverage.links.extend_from_slice(slot.coverage.of(v));
        coverage.start.push(coverage.links.len() as u32);
    }
    permuted.coverage = coverage;
    permuted
}
