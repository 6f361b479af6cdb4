//! P2 against Clarabel, an interior-point solver of conic programs.

use wayside_core::alloc::{Certificate, Status};
use wayside_core::model::load::lbm;
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::{Placement, Slot};

use crate::conic::clarabel;
use crate::support::{Recipe, allocate, at, draw, excess, largest, over_seeds};

/// 5 to 40 tasks on 2 to 8 RSUs, alike on every other seed; some RSUs without tasks, some CPU reserved.
fn instance(seed: u64) -> (Slot, Vec<Placement>, Stream) {
    let mut stream = Streams::new(seed).stream("p2");
    let mut recipe = Recipe {
        vehicles: 5 + stream.below(36),
        rsus: 2 + stream.below(7),
        reserved: 0.0..[0.0, 0.4][stream.below(2)],
        ..Recipe::default()
    };
    if seed.is_multiple_of(2) {
        recipe.cpu_hz = 15e9..15e9;
        recipe.energy_coeff = 3e-28..3e-28;
    }
    let slot = recipe.slot(seed);
    let used = 1 + stream.below(recipe.rsus);
    let placements = (0..slot.tasks.len())
        .map(|task| match stream.below(8) {
            0 if task > 0 => Placement::Local,
            _ => at(stream.below(used) as u32),
        })
        .collect();
    (slot, placements, stream)
}

/// The relative difference to Clarabel, once everything else of an allocation is checked.
fn compare(slot: &Slot, placements: &[Placement], minimum_hz: &[f64]) -> Option<f64> {
    let (ours, cpu_hz) = allocate(slot, placements, minimum_hz);
    let Some(reference) = clarabel(slot, placements, minimum_hz) else {
        assert_eq!(ours.status, Status::Unbalanced);
        return None;
    };
    check(slot, placements, minimum_hz, &ours, &cpu_hz);
    Some(excess(ours.cost, reference))
}

fn check(
    slot: &Slot,
    placements: &[Placement],
    minimum_hz: &[f64],
    ours: &Certificate,
    cpu_hz: &[f64],
) {
    assert_eq!(ours.status, Status::Solved);
    assert!(ours.kkt_residual <= 1e-9, "{ours:?}");
    assert!(ours.duality_gap.abs() <= 1e-9, "{ours:?}");
    let mut used = slot.rsus.reserved_cpu_hz.clone();
    let mut cost = 0.0;
    for (task, (placement, &hz)) in placements.iter().zip(cpu_hz).enumerate() {
        match *placement {
            Placement::Local | Placement::Cloud { .. } => assert!(hz.abs() < f64::MIN_POSITIVE),
            Placement::Rsu { execution, .. } => {
                let m = execution as usize;
                let least_hz = minimum_hz.get(task).copied().unwrap_or(0.0);
                assert!(hz > 0.0 && hz >= least_hz * (1.0 - 1e-12));
                let cycles = slot.tasks.cycles[task];
                cost += slot.omega * cycles / hz
                    + (1.0 - slot.omega) * slot.rsus.energy_coeff[m] * hz * hz * cycles;
                used[m] += hz;
            }
        }
    }
    assert!(excess(ours.cost, cost).abs() <= 1e-12);
    for (hz, capacity) in used.iter().zip(&slot.rsus.cpu_hz) {
        assert!(*hz <= capacity * (1.0 + 1e-14), "{hz} of {capacity}");
    }
    if slot.enforce_balance {
        let loads = used.iter().zip(&slot.rsus.cpu_hz).map(|(f, c)| f / c);
        let lbm = lbm(loads);
        assert!(lbm <= slot.tau * (1.0 + 1e-9), "{lbm} over {}", slot.tau);
    }
}

/// What stays of Clarabel's own tolerance (asked for 1e-10) in its optimal value.
fn assert_agreement(differences: &[Option<f64>], tolerance: f64) {
    let differences: Vec<f64> = differences.iter().copied().flatten().collect();
    let above = largest(differences.iter().copied());
    let below = largest(differences.iter().map(|d| -d));
    println!(
        "{} solved, ours above by at most {above:.1e}, below by {below:.1e}",
        differences.len()
    );
    assert!(above <= tolerance && below <= 1e-6, "{above:e} {below:e}");
}

#[test]
fn oracle_clarabel_without_balance() {
    let differences = over_seeds(1000, |seed| {
        let (slot, placements, _) = instance(seed);
        compare(&slot, &placements, &[])
    });
    assert!(differences.iter().all(Option::is_some));
    assert_agreement(&differences, 1e-8);
}

#[test]
fn oracle_clarabel_with_balance() {
    let differences = over_seeds(1000, |seed| {
        let (mut slot, placements, mut stream) = instance(seed);
        slot.enforce_balance = true;
        slot.tau = draw(&(0.02..0.3), &mut stream);
        compare(&slot, &placements, &[])
    });
    let infeasible = differences.iter().filter(|d| d.is_none()).count();
    assert!(infeasible < 500, "{infeasible} without any allocation");
    assert_agreement(&differences, 1e-7);
}

/// Minimum shares that together take 30 to 99 % of the CPU; without and with (16e).
#[test]
fn oracle_clarabel_with_minimum_shares() {
    let differences = over_seeds(300, |seed| {
        let (mut slot, placements, mut stream) = instance(seed);
        slot.enforce_balance = seed % 3 == 0;
        slot.tau = draw(&(0.05..0.4), &mut stream);
        let weights: Vec<f64> = placements.iter().map(|_| stream.unit()).collect();
        let filled = draw(&(0.3..0.99), &mut stream);
        let mut total = vec![0.0; slot.rsus.len()];
        for (placement, weight) in placements.iter().zip(&weights) {
            if let Placement::Rsu { execution, .. } = *placement {
                total[execution as usize] += weight;
            }
        }
        let minimum_hz: Vec<f64> = placements
            .iter()
            .zip(&weights)
            .map(|(placement, weight)| match *placement {
                Placement::Local | Placement::Cloud { .. } => 0.0,
                Placement::Rsu { execution, .. } => {
                    let m = execution as usize;
                    filled * slot.rsus.available_cpu_hz(m) * weight / total[m]
                }
            })
            .collect();
        compare(&slot, &placements, &minimum_hz)
    });
    assert_agreement(&differences, 1e-7);
}
