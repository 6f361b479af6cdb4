//! The engine against a twin that says the same in the plainest way: no index, no reused memory, P2 by
//! bisection, every candidate of best response priced by evaluating the whole slot anew.

use std::cell::RefCell;
use std::collections::BTreeMap;

use wayside_core::engine::records::SlotRecord;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate};
use wayside_core::mobility::{self, Positions};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::scenario::{Cycles, Rsu, RsuLayout, Scenario};
use wayside_core::slot::Placement;

use crate::support::{at, builtin, excess};

const SLOTS: usize = 20;

/// An RSU and the tasks executed there.
type AtRsu = (usize, Vec<usize>);

/// One task per vehicle, so that tasks and vehicles share their row.
struct Twin<'a> {
    scenario: &'a Scenario,
    rsus: &'a [Rsu],
    /// Hops between every two RSUs.
    hops: Vec<Vec<u32>>,
    // Of the present slot:
    positions: Positions,
    cycles: Vec<f64>,
    data_bits: Vec<f64>,
    available_hz: Vec<f64>,
    local_wait_s: Vec<f64>,
    /// Shares of the sets of tasks that an RSU was tried with in this slot.
    allocated: RefCell<BTreeMap<AtRsu, Vec<f64>>>,
}

#[derive(Clone, Copy)]
struct Paid {
    delay_s: f64,
    energy_j: f64,
    cpu_hz: f64,
}

struct Running {
    rsu: usize,
    cpu_hz: f64,
    end_s: f64,
}

impl<'a> Twin<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let RsuLayout::Explicit(rsus) = &scenario.rsus else {
            panic!("RSUs one by one")
        };
        Self {
            scenario,
            rsus,
            hops: hops(rsus, 610.0),
            positions: Positions::default(),
            cycles: Vec::new(),
            data_bits: Vec::new(),
            available_hz: Vec::new(),
            local_wait_s: Vec::new(),
            allocated: RefCell::default(),
        }
    }

    /// J, mean delay and mean energy of every slot.
    fn run(&mut self, policy: PolicyKind, seed: u64) -> Vec<[f64; 3]> {
        let Self { scenario, rsus, .. } = *self;
        let streams = Streams::new(seed);
        let area = scenario.area.expect("given in the scenario");
        let mut source =
            mobility::source(&scenario.fleet, scenario.time, area, &[], streams, false)
                .expect("no trace");
        let mut cycles = streams.stream("task.cycles");
        let mut data = streams.stream("task.data");
        let task = scenario.task;
        let Cycles::Drawn(cycles_of) = task.cycles else {
            panic!("cycles are drawn")
        };
        let vehicles = scenario.fleet.size;
        let mut running: Vec<Running> = Vec::new();
        let mut free_at_s = vec![0.0f64; vehicles];
        let mut means = Vec::new();
        for t in 0..SLOTS {
            let now_s = t as f64 * scenario.time.slot_s;
            source
                .advance(now_s, &mut self.positions)
                .expect("no trace");
            self.cycles = (0..vehicles)
                .map(|_| cycles.uniform(cycles_of.min, cycles_of.max))
                .collect();
            self.data_bits = (0..vehicles)
                .map(|_| 8.0 * data.uniform(task.data_bytes.min, task.data_bytes.max))
                .collect();
            let mut held_hz = vec![0.0; rsus.len()];
            self.local_wait_s = vec![0.0; vehicles];
            self.allocated.borrow_mut().clear();
            if scenario.time.carry_over {
                running.retain(|task| task.end_s > now_s);
                for task in &running {
                    held_hz[task.rsu] += task.cpu_hz;
                }
                for (wait_s, free_at_s) in self.local_wait_s.iter_mut().zip(&free_at_s) {
                    *wait_s = (free_at_s - now_s).max(0.0);
                }
            }

            self.available_hz = rsus
                .iter()
                .zip(held_hz)
                .map(|(rsu, f)| rsu.cpu_hz - f)
                .collect();

            let mut placements = match policy {
                PolicyKind::Nearest => self.nearest(),
                _ => self.best_response(scenario.policy.best_response.sweeps),
            };
            for placement in &mut placements {
                if let Placement::Rsu { execution, .. } = *placement {
                    let m = execution as usize;
                    if self.available_hz[m] < 1e-3 * rsus[m].cpu_hz {
                        *placement = Placement::Local;
                    }
                }
            }
            let paid = self.pay(&placements);
            for (n, (placement, paid)) in placements.iter().zip(&paid).enumerate() {
                let end_s = now_s + paid.delay_s;
                match *placement {
                    Placement::Cloud { .. } => unreachable!("the twin has no cloud"),
                    Placement::Local => free_at_s[n] = end_s,
                    Placement::Rsu { execution, .. } => running.push(Running {
                        rsu: execution as usize,
                        cpu_hz: paid.cpu_hz,
                        end_s,
                    }),
                }
            }
            let mean = |f: fn(&Paid) -> f64| paid.iter().map(f).sum::<f64>() / vehicles as f64;
            let (delay_s, energy_j) = (mean(|p| p.delay_s), mean(|p| p.energy_j));
            means.push([self.weigh(delay_s, energy_j), delay_s, energy_j]);
        }
        means
    }

    fn weigh(&self, delay_s: f64, energy_j: f64) -> f64 {
        self.scenario.omega * delay_s + (1.0 - self.scenario.omega) * energy_j
    }

    fn distance_m(&self, n: usize, m: usize) -> f64 {
        (self.positions.x_m[n] - self.rsus[m].x_m).hypot(self.positions.y_m[n] - self.rsus[m].y_m)
    }

    /// RSUs that cover vehicle `n`, nearest first.
    fn covering(&self, n: usize) -> Vec<usize> {
        let mut covering: Vec<usize> = (0..self.rsus.len())
            .filter(|&m| self.distance_m(n, m) <= self.rsus[m].range_m)
            .collect();
        covering.sort_by(|&a, &b| self.distance_m(n, a).total_cmp(&self.distance_m(n, b)));
        covering
    }

    /// (1) with `entering` tasks at RSU `m`.
    fn rate_bps(&self, n: usize, m: usize, entering: usize) -> f64 {
        let channel = &self.scenario.channel;
        let distance_km = self.distance_m(n, m).hypot(channel.antenna_height_m) / 1000.0;
        let loss_db =
            channel.pathloss_db_at_1km + channel.pathloss_db_per_decade * distance_km.log10();
        let power_dbm = 10.0 * (self.scenario.fleet.tx_power_w.min * 1000.0).log10();
        let snr = 10f64.powf((power_dbm - loss_db - channel.noise_dbm) / 10.0);
        self.rsus[m].bandwidth_hz / entering as f64 * (1.0 + snr).log2()
    }

    /// (2) to (7) for every task, with the optimum of P2.
    fn pay(&self, placements: &[Placement]) -> Vec<Paid> {
        let mut paid = vec![
            Paid {
                delay_s: 0.0,
                energy_j: 0.0,
                cpu_hz: 0.0
            };
            placements.len()
        ];
        for m in 0..self.rsus.len() {
            let executed: Vec<usize> = (0..placements.len())
                .filter(|&n| {
                    matches!(placements[n], Placement::Rsu { execution, .. } if execution as usize == m)
                })
                .collect();
            let mut allocated = self.allocated.borrow_mut();
            let shares = allocated
                .entry((m, executed.clone()))
                .or_insert_with(|| self.allocate(m, &executed));
            for (&n, &hz) in executed.iter().zip(shares.iter()) {
                paid[n].cpu_hz = hz;
            }
        }
        let fleet = &self.scenario.fleet;
        for (n, placement) in placements.iter().enumerate() {
            let (cycles, bits) = (self.cycles[n], self.data_bits[n]);
            let own = &mut paid[n];
            match *placement {
                Placement::Cloud { .. } => unreachable!("the twin has no cloud"),
                Placement::Local => {
                    let hz = fleet.cpu_hz.min;
                    own.delay_s = self.local_wait_s[n] + cycles / hz;
                    own.energy_j = fleet.energy_coeff.min * hz * hz * cycles;
                }
                Placement::Rsu { entry, execution } => {
                    let entering = placements.iter().filter(
                        |other| matches!(other, Placement::Rsu { entry: e, .. } if *e == entry),
                    );
                    let rate_bps = self.rate_bps(n, entry as usize, entering.count());
                    let k = f64::from(self.hops[entry as usize][execution as usize]);
                    let migration_s = k * bits / self.scenario.backhaul.rate_bps;
                    own.delay_s = bits / rate_bps + migration_s + cycles / own.cpu_hz;
                    own.energy_j = fleet.tx_power_w.min * bits / rate_bps
                        + k * self.scenario.backhaul.migration_power_w * migration_s
                        + self.rsus[execution as usize].energy_coeff
                            * own.cpu_hz
                            * own.cpu_hz
                            * cycles;
                }
            }
        }
        paid
    }

    /// What every task adds to J.
    fn costs(&self, placements: &[Placement]) -> Vec<f64> {
        let paid = self.pay(placements);
        let costs = paid.iter().map(|p| self.weigh(p.delay_s, p.energy_j));
        costs.collect()
    }

    /// P2 at RSU `m`: bisection for the price, bisection for every share.
    fn allocate(&self, m: usize, executed: &[usize]) -> Vec<f64> {
        let omega = self.scenario.omega;
        let coeff = (1.0 - omega) * self.rsus[m].energy_coeff;
        let free_hz = (omega / (2.0 * coeff)).cbrt();
        if free_hz * executed.len() as f64 <= self.available_hz[m] {
            return vec![free_hz; executed.len()];
        }
        let shares = |price: f64| -> Vec<f64> {
            let share = |&n: &usize| {
                let marginal =
                    |hz: f64| self.cycles[n] * (2.0 * coeff * hz - omega / (hz * hz)) + price;
                bisect(0.0, free_hz, |hz| marginal(hz) < 0.0)
            };
            executed.iter().map(share).collect()
        };
        let price = bisect(0.0, 1.0, |price| {
            shares(price).iter().sum::<f64>() > self.available_hz[m]
        });
        shares(price)
    }

    fn nearest(&self) -> Vec<Placement> {
        (0..self.cycles.len())
            .map(|n| {
                let first = self.covering(n).first().copied();
                first.map_or(Placement::Local, |m| at(m as u32))
            })
            .collect()
    }

    /// Place by place and large tasks first, each to the placement that makes the whole slot cheapest.
    fn best_response(&self, sweeps: usize) -> Vec<Placement> {
        let has_room = |m: u32| self.available_hz[m as usize] > 0.0;
        let mut placements = self.nearest();
        for placement in &mut placements {
            if matches!(*placement, Placement::Rsu { execution, .. } if !has_room(execution)) {
                *placement = Placement::Local;
            }
        }
        let mut order: Vec<usize> = (0..placements.len()).collect();
        order.sort_by(|&a, &b| {
            let nearest = |n| self.covering(n).first().copied().unwrap_or(usize::MAX);
            let larger = self.cycles[b].total_cmp(&self.cycles[a]);
            nearest(a).cmp(&nearest(b)).then(larger)
        });
        for _ in 0..sweeps {
            let mut moved = false;
            for &n in &order {
                let before = self.costs(&placements);
                let (mut best, mut least) = (placements[n], -1e-12);
                let entries = self.covering(n);
                let ways = entries.iter().flat_map(|&entry| {
                    (0..self.rsus.len() as u32).map(move |execution| Placement::Rsu {
                        entry: entry as u32,
                        execution,
                    })
                });
                for candidate in ways.chain([Placement::Local]) {
                    if matches!(candidate, Placement::Rsu { execution, .. } if !has_room(execution))
                    {
                        continue;
                    }
                    let now = std::mem::replace(&mut placements[n], candidate);
                    // Task by task: those at an RSU with next to no CPU cost too much for a sum.
                    let after = self.costs(&placements);
                    let change = after.iter().zip(&before).map(|(a, b)| a - b).sum::<f64>();
                    placements[n] = now;
                    if change < least {
                        (best, least, moved) = (candidate, change, true);
                    }
                }
                placements[n] = best;
            }
            if !moved {
                break;
            }
        }
        placements
    }
}

/// The point in `low..high` up to which `below` holds, to the last digit.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Floyd and Warshall over links of at most `reach_m`.
fn hops(rsus: &[Rsu], reach_m: f64) -> Vec<Vec<u32>> {
    let linked = |a: &Rsu, b: &Rsu| (a.x_m - b.x_m).hypot(a.y_m - b.y_m) <= reach_m;
    let mut hops: Vec<Vec<u32>> = (rsus.iter().enumerate())
        .map(|(i, a)| {
            let row = rsus.iter().enumerate();
            row.map(|(j, b)| {
                if i == j {
                    0
                } else if linked(a, b) {
                    1
                } else {
                    1000
                }
            })
            .collect()
        })
        .collect();
    for via in 0..rsus.len() {
        for a in 0..rsus.len() {
            for b in 0..rsus.len() {
                hops[a][b] = hops[a][b].min(hops[a][via] + hops[via][b]);
            }
        }
    }
    hops
}

fn engine(scenario: &Scenario, policy: PolicyKind, seed: u64) -> Vec<SlotRecord> {
    let world = World::new(scenario).expect("no files");
    let options = Options {
        slots: SLOTS,
        bound: BoundKind::Off,
    };
    let mut run = replicate(&world, &[policy], seed, options).expect("no trace");
    run.policies.remove(0).slots
}

/// wang2025-unbalanced with N = 30; on demand with RSUs of `least_hz` and more, no two alike, so that none tie; and
/// with slots of 0.3 s that tasks outlast.
fn scenario(carry_over: bool, least_hz: Option<f64>) -> Scenario {
    let mut scenario = builtin("wang2025-unbalanced", &[("fleet.size", "30")]);
    if let (Some(least_hz), RsuLayout::Explicit(rsus)) = (least_hz, &mut scenario.rsus) {
        for (rsu, m) in rsus.iter_mut().zip(0..) {
            rsu.cpu_hz = least_hz + 0.2e9 * f64::from(m);
            rsu.energy_coeff *= 1.0 + 0.05 * f64::from(m);
        }
    }
    if carry_over {
        scenario.time.carry_over = true;
        scenario.time.slot_s = 0.3;
    }
    scenario
}

/// Compares all slots of two seeds; the mean local queue of our engine \[s\].
fn compare(policy: PolicyKind, carry_over: bool, least_hz: Option<f64>) -> f64 {
    let scenario = scenario(carry_over, least_hz);
    let mut queued_s = 0.0;
    for seed in 0..2 {
        let ours = engine(&scenario, policy, seed);
        let twin = Twin::new(&scenario).run(policy, seed);
        for (ours, twin) in ours.iter().zip(twin) {
            let found = [ours.objective, ours.delay_s, ours.energy_j];
            for (found, expected) in found.into_iter().zip(twin) {
                let off = excess(found, expected).abs();
                assert!(off <= 1e-12, "off by {off:e}: {ours:#?}");
            }
            queued_s += ours.wait_s / (2 * SLOTS) as f64;
        }
    }
    queued_s
}

#[test]
fn oracle_naive_twin_of_nearest() {
    compare(PolicyKind::Nearest, false, None);
    // So little CPU that tasks are turned back and queue on their vehicles.
    assert!(compare(PolicyKind::Nearest, true, Some(3e9)) > 0.0);
}

/// Carry-over with enough CPU that no RSU is ever full; see below for full ones.
#[test]
fn oracle_naive_twin_of_best_response() {
    compare(PolicyKind::BestResponse, false, None);
    compare(PolicyKind::BestResponse, false, Some(2e9));
    compare(PolicyKind::BestResponse, true, Some(9e9));
}

#[test]
fn oracle_naive_twin_of_best_response_with_full_rsus() {
    compare(PolicyKind::BestResponse, true, Some(6e9));
}
