//! P2 where pen and paper solve it, and optimality conditions derived anew from the shares alone.

use wayside_core::alloc::curve::{CPU_FLOOR_HZ, Curve};
use wayside_core::alloc::{Certificate, LEAST_VIOLATION, Status};
use wayside_core::slot::{Placement, Slot};

use crate::support::{Recipe, allocate, at, excess, over_seeds};

const CPU_HZ: f64 = 15e9;
const COEFF: f64 = 3e-28;
const OMEGA: f64 = 0.65;

/// F0 = (omega / (2 (1 - omega) kappa))^(1/3).
fn free_hz() -> f64 {
    (OMEGA / (2.0 * (1.0 - OMEGA) * COEFF)).cbrt()
}

/// `tasks` different tasks, two equal RSUs.
fn two_rsus(tasks: usize) -> Slot {
    Recipe {
        vehicles: tasks,
        rsus: 2,
        omega: OMEGA..OMEGA,
        cpu_hz: CPU_HZ..CPU_HZ,
        energy_coeff: COEFF..COEFF,
        ..Recipe::default()
    }
    .slot(1)
}

/// All tasks at the first RSU.
fn solve(slot: &Slot) -> (Certificate, Vec<f64>) {
    let (certificate, hz) = allocate(slot, &vec![at(0); slot.tasks.len()], &[]);
    assert_eq!(certificate.status, Status::Solved);
    assert!(certificate.kkt_residual <= 1e-12, "{certificate:?}");
    assert!(certificate.duality_gap <= 1e-12, "{certificate:?}");
    (certificate, hz)
}

fn assert_all_close(found: &[f64], expected: impl IntoIterator<Item = f64>) {
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            excess(*found, expected).abs() <= 1e-12,
            "{found} {expected}"
        );
    }
}

/// Energy without weight: shares go with sqrt(C), the cost is omega (sum sqrt C)^2 / F_m.
#[test]
fn closed_form_delay_only_shares_go_with_the_root_of_the_cycles() {
    for (omega, coeff) in [(1.0, COEFF), (OMEGA, 0.0), (0.0, 0.0)] {
        let mut slot = two_rsus(7);
        slot.omega = omega;
        slot.rsus.energy_coeff = vec![coeff; 2];
        let (certificate, hz) = solve(&slot);
        let roots = slot.tasks.cycles.iter().map(|c| c.sqrt());
        let sum = roots.clone().sum::<f64>();
        assert_all_close(&hz, roots.map(|root| CPU_HZ * root / sum));
        let expected = omega * sum * sum / CPU_HZ;
        assert!((certificate.cost - expected).abs() <= 1e-12 * expected);
    }
}

#[test]
fn closed_form_energy_only_takes_the_floor() {
    let mut slot = two_rsus(3);
    slot.omega = 0.0;
    assert_all_close(&solve(&slot).1, [CPU_FLOOR_HZ; 3]);
}

#[test]
fn closed_form_one_task_takes_its_free_demand_or_all_there_is() {
    let mut slot = two_rsus(1);
    assert_all_close(&solve(&slot).1, [free_hz()]);
    slot.rsus.reserved_cpu_hz[0] = CPU_HZ - 0.5 * free_hz();
    assert_all_close(&solve(&slot).1, [0.5 * free_hz()]);
}

#[test]
fn closed_form_equal_tasks_share_equally() {
    let mut slot = two_rsus(30);
    slot.tasks.cycles.fill(4e8);
    let (certificate, hz) = solve(&slot);
    assert_all_close(&hz, [CPU_HZ / 30.0; 30]);
    assert!((certificate.lbm - 0.5).abs() <= 1e-12);
}

/// K F0 = F_m: the capacity is met and worth nothing.
#[test]
fn closed_form_capacity_exactly_met() {
    let mut slot = two_rsus(6);
    slot.rsus.cpu_hz[0] = 6.0 * free_hz();
    let (certificate, hz) = solve(&slot);
    assert_all_close(&hz, [free_hz(); 6]);
    let cycles = slot.tasks.cycles.iter().sum::<f64>();
    assert!(excess(certificate.cost, 1.5 * OMEGA * cycles / free_hz()).abs() <= 1e-12);
}

#[test]
fn closed_form_nothing_to_allocate() {
    for enforce_balance in [false, true] {
        let mut slot = two_rsus(4);
        slot.enforce_balance = enforce_balance;
        slot.tau = 0.02;
        let (certificate, hz) = allocate(&slot, &[Placement::Local; 4], &[]);
        assert_eq!(certificate, Certificate::default());
        assert_eq!(hz, [0.0; 4]);
    }
}

/// With one RSU of two empty the LBM is L/2: (16e) throttles the other to L = 2 tau.
#[test]
fn closed_form_a_tiny_tau_throttles_everything() {
    for omega in [OMEGA, 1.0] {
        for tau in [0.02, 1e-3, 1e-6] {
            let mut slot = two_rsus(5);
            slot.omega = omega;
            slot.tasks.cycles.fill(4e8);
            (slot.enforce_balance, slot.tau) = (true, tau);
            let (certificate, hz) = allocate(&slot, &[at(0); 5], &[]);
            assert_eq!(certificate.status, Status::Solved);
            assert!(certificate.kkt_residual <= 1e-9, "{certificate:?}");
            for hz in hz {
                assert!(excess(hz, 2.0 * tau * CPU_HZ / 5.0).abs() <= 1e-9, "{hz}");
            }
        }
    }
}

/// Loads 0.8 (held) and 0 (no task): the LBM is at least 0.4 whatever the one task gets. With 1 % more than that it
/// gets 0.8 % of the CPU.
#[test]
fn closed_form_held_cpu_can_make_balance_impossible() {
    let mut slot = two_rsus(1);
    slot.rsus.reserved_cpu_hz[0] = 0.8 * CPU_HZ;
    (slot.enforce_balance, slot.tau) = (true, 0.1);
    let (certificate, hz) = allocate(&slot, &[at(0)], &[]);
    assert_eq!(certificate.status, Status::Unbalanced);
    assert!(excess(certificate.lbm, 0.4 * LEAST_VIOLATION).abs() <= 1e-9);
    assert!(excess(hz[0], 0.8 * 0.01 * CPU_HZ).abs() <= 1e-7);
}

#[test]
fn closed_form_minimum_shares_beyond_the_capacity_are_dropped() {
    let slot = two_rsus(6);
    let placements = [at(0), at(0), at(0), at(1), at(1), at(1)];
    let minimum_hz = [6e9, 6e9, 6e9, 3e9, 0.0, 0.0];
    let (certificate, hz) = allocate(&slot, &placements, &minimum_hz);
    assert_eq!(certificate.minimums_dropped, 1);
    let free = free_hz();
    assert_all_close(&hz, [free, free, free, 3e9, free, free]);
}

/// 4 to 40 tasks on four RSUs, the last one empty on every third seed.
fn instance(seed: u64) -> (Slot, Vec<Placement>) {
    let slot = Recipe {
        vehicles: 4 + (seed as usize * 7) % 37,
        rsus: 4,
        ..Recipe::default()
    }
    .slot(seed);
    let used = if seed.is_multiple_of(3) { 3 } else { 4 };
    let placements = (0..slot.tasks.len()).map(|n| at((n % used) as u32));
    let placements = placements.collect();
    (slot, placements)
}

/// Price of a Hz to a task: the cost that one more Hz would save it.
fn price(slot: &Slot, task: usize, m: usize, hz: f64) -> f64 {
    -Curve::new(slot.omega, slot.rsus.energy_coeff[m]).marginal_cost(slot.tasks.cycles[task], hz)
}

/// The KKT conditions from the shares alone: how far prices at one RSU are apart, how far an RSU with
/// room is from the price 2 nu (L - c) / F_m, relative to the size of the terms.
fn residual(slot: &Slot, placements: &[Placement], cpu_hz: &[f64]) -> f64 {
    let rsus = slot.rsus.len();
    let (mut load, mut prices) = (vec![0.0; rsus], vec![Vec::new(); rsus]);
    for (task, (placement, &hz)) in placements.iter().zip(cpu_hz).enumerate() {
        if let Placement::Rsu { execution, .. } = *placement {
            let m = execution as usize;
            load[m] += hz / slot.rsus.cpu_hz[m];
            let scale = Curve::new(slot.omega, slot.rsus.energy_coeff[m])
                .marginal_scale(slot.tasks.cycles[task], hz);
            prices[m].push((price(slot, task, m, hz), scale));
        }
    }
    let mean = load.iter().sum::<f64>() / rsus as f64;
    let has_room = |m: usize| !prices[m].is_empty() && load[m] < 1.0 - 1e-12;
    // nu from the RSU that shows it best.
    let multiplier = (0..rsus)
        .filter(|&m| has_room(m) && slot.enforce_balance)
        .max_by(|&a, &b| (load[a] - mean).abs().total_cmp(&(load[b] - mean).abs()))
        .map_or(0.0, |m| {
            prices[m][0].0 * slot.rsus.cpu_hz[m] / (load[m] - mean)
        });
    assert!(multiplier >= 0.0, "2 nu is {multiplier}");
    let mut worst = 0.0f64;
    for m in 0..rsus {
        for &(price, scale) in &prices[m] {
            worst = worst.max((price - prices[m][0].0).abs() / scale);
            let balance = multiplier * (load[m] - mean) / slot.rsus.cpu_hz[m];
            if has_room(m) {
                worst = worst.max((price - balance).abs() / scale);
            } else {
                worst = worst.max((balance - price) / scale);
            }
        }
    }
    worst
}

/// The certificate is small because the allocation is optimal: conditions derived here agree, and any
/// other allocation fails them and costs more.
#[test]
fn oracle_optimality_conditions_hold_at_the_optimum_and_nowhere_near() {
    over_seeds(200, |seed| {
        let (mut slot, placements) = instance(seed);
        (slot.enforce_balance, slot.tau) = (seed.is_multiple_of(2), 0.1);
        let (certificate, optimal) = allocate(&slot, &placements, &[]);
        slot.enforce_balance &= certificate.lbm > slot.tau * (1.0 - 1e-9);
        let at_optimum = residual(&slot, &placements, &optimal);
        assert!(at_optimum <= 1e-7, "{at_optimum:e}, {certificate:?}");

        // Tasks 0 and `used` run at the same RSU: shift CPU between them, loads stay.
        let partner = (1..placements.len()).find(|&n| placements[n] == placements[0]);
        let Some(partner) = partner else { return };
        let execution_cost = |cpu_hz: &[f64]| {
            (placements.iter().zip(cpu_hz).enumerate())
                .map(|(task, (placement, &hz))| match *placement {
                    Placement::Local | Placement::Cloud { .. } => 0.0,
                    Placement::Rsu { execution, .. } => {
                        Curve::new(slot.omega, slot.rsus.energy_coeff[execution as usize])
                            .cost(slot.tasks.cycles[task], hz)
                    }
                })
                .sum::<f64>()
        };
        let mut last = at_optimum;
        for shift in [1e-4, 1e-3, 1e-2] {
            for sign in [-1.0, 1.0] {
                let mut shifted = optimal.clone();
                shifted[0] += sign * shift * optimal[0];
                shifted[partner] -= sign * shift * optimal[0];
                assert!(residual(&slot, &placements, &shifted) > last.max(0.1 * shift));
                assert!(execution_cost(&shifted) > certificate.cost);
            }
            last = shift * 0.1;
        }
    });
}
