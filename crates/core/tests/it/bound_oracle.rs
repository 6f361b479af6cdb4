//! The bounds against the maximum of the simple bound's dual, which a conic solver finds.

use wayside_core::bound::dual::{Dual, Effort, Prices};
use wayside_core::bound::split::Split;
use wayside_core::policy::PolicyKind;
use wayside_core::slot::Slot;

use crate::relaxation::relaxation;
use crate::support::{AREA_M, Recipe, channel, cost, cover, decide, excess, largest, over_seeds};

const OMEGAS: [f64; 6] = [0.0, 0.1, 0.5, 0.9, 0.99, 1.0];
const KAPPAS: [f64; 3] = [0.0, 1e-28, 1e-26];
const KINDS: u64 = 9;

/// Every weight with every energy coefficient, in every kind of slot.
fn varied(seed: u64) -> Slot {
    let omega = OMEGAS[(seed % 6) as usize];
    let kappa = KAPPAS[(seed / 6 % 3) as usize];
    let kind = seed / 18 % KINDS;
    let mut recipe = Recipe {
        vehicles: 12,
        rsus: 4,
        omega: omega..omega,
        energy_coeff: kappa..kappa,
        ..Recipe::default()
    };
    match kind {
        0 => {}
        // No two servers alike by orders of magnitude.
        1 => recipe.cpu_hz = 1e8..1e11,
        // Overload.
        2 => {
            recipe.vehicles = 30;
            recipe.rsus = 2;
            recipe.cpu_hz = 0.5e9..3e9;
        }
        // Overloaded radio.
        3 => {
            recipe.vehicles = 30;
            recipe.rsus = 2;
            recipe.noise_dbm = -85.0;
        }
        // Few vehicles.
        4 => recipe.vehicles = 1 + (seed % 5) as usize,
        // CPU held by earlier tasks, all of it at times.
        5 => recipe.reserved = 0.3..1.2,
        // No backhaul, and few in range.
        6 => {
            recipe.linked = 0.0;
            recipe.range_m = 100.0..400.0;
        }
        // A hot spot, see below.
        7 => recipe.vehicles = 20,
        // One RSU or none.
        _ => recipe.rsus = (seed % 2) as usize,
    }
    let mut slot = recipe.slot(seed);
    if kind == 7 {
        for v in 0..slot.vehicles.len() {
            for column in [&mut slot.vehicles.x_m, &mut slot.vehicles.y_m] {
                column[v] = 0.5 * AREA_M + 0.05 * (column[v] - 0.5 * AREA_M);
            }
        }
        slot.coverage = cover(&channel(recipe.noise_dbm), &slot.rsus, &slot.vehicles);
    }
    slot
}

/// What the dual is worth at prices, by its formula: every way of every task, no shortcut.
pub(crate) fn dual_value(slot: &Slot, band: &[f64], cpu: &[f64]) -> f64 {
    let tasks = 0..slot.tasks.len();
    let total = tasks.map(|n| {
        let ways = slot.links(n).iter().flat_map(|link| {
            let entry = link.rsu;
            let alone = slot.upload_cost(n, link);
            let upload = least(|b| alone / b + band[entry as usize] * b);
            slot.routes.targets(entry).iter().map(move |target| {
                let m = target.rsu as usize;
                let run = execution_cost(slot, n, m);
                upload
                    + slot.migration_cost(slot.tasks.data_bits[n], target)
                    + run.map_or(f64::INFINITY, |run| least(|f| run(f) + cpu[m] * f))
            })
        });
        ways.fold(slot.local_cost(n), f64::min)
    });
    total.sum::<f64>() - band.iter().sum::<f64>() - cpu.iter().sum::<f64>()
}

/// Cost of task `n` on a share of RSU `m`; `None` where the RSU has nothing to share.
fn execution_cost(slot: &Slot, n: usize, m: usize) -> Option<impl Fn(f64) -> f64> {
    let (cycles, omega) = (slot.tasks.cycles[n], slot.omega);
    let energy = (1.0 - omega) * slot.rsus.energy_coeff[m] * cycles;
    let available_hz = slot.rsus.available_cpu_hz(m);
    (available_hz > 0.0).then_some(move |share: f64| {
        let hz = share * available_hz;
        let delay = if omega > 0.0 {
            omega * cycles / hz
        } else {
            0.0
        };
        delay + energy * hz * hz
    })
}

/// The least value in 0..=1 of a convex function, by golden sections of the logarithm.
fn least(value: impl Fn(f64) -> f64) -> f64 {
    let at = |log: f64| value(log.exp());
    let (mut low, mut high) = (-40.0, 0.0);
    let ratio = 0.5 * (5f64.sqrt() - 1.0);
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (at(left), at(right));
    for _ in 0..60 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = at(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = at(right);
        }
    }
    at_left.min(at_right).min(at(0.0))
}

/// The simple bound from cold and from the prices of a slot that has nothing to do with this one, and the split bound,
/// against the maximum of the dual: it lies between the optimum of the relaxation, found by another method, and the
/// dual at that optimum's multipliers, by the formula.
#[test]
fn oracle_bounds_reach_the_maximum_of_the_dual() {
    let short = over_seeds(2000, |seed| {
        let slot = varied(seed);
        let relaxed = relaxation(&slot);
        let at_multipliers = dual_value(&slot, &relaxed.band, &relaxed.cpu);
        let apart = excess(relaxed.value, at_multipliers).abs();
        assert!(apart <= 3e-6, "the oracle is apart by {apart:e}");
        let most = relaxed.value.max(at_multipliers);
        let mut dual = Dual::default();
        let cold = dual.solve(&slot, Effort::CERTIFY);
        let Prices { band, cpu } = dual.prices();
        let twin = excess(cold, dual_value(&slot, band, cpu)).abs();
        assert!(twin <= 1e-9, "the bound is off its formula by {twin:e}");
        dual.solve(&varied(seed + 18 * (1 + seed % 7)), Effort::CERTIFY);
        let warm = dual.solve(&slot, Effort::CERTIFY);
        [cold, warm, Split::default().solve(&slot)].map(|bound| excess(most, bound))
    });
    let [cold, warm, split] = [0, 1, 2].map(|i| largest(short.iter().map(|short| short[i])));
    println!("below the maximum by at most {cold:.1e} cold, {warm:.1e} warm; split {split:.1e}");
    // Measured: 2.9e-4, 2.2e-5, 8.5e-7. What the issue asks for is 3e-3.
    assert!(cold <= 1e-3 && warm <= 1e-3 && split <= 3e-6);
    let over = |bound: usize| -largest(short.iter().map(|short| -short[bound]));
    assert!(over(0) >= -3e-6 && over(1) >= -3e-6, "above the maximum");
}

/// A solve that follows the maximum against its slow twin, which climbs at every temperature by itself: from cold, and from the
/// prices of a slot that has nothing to do with this one.
#[test]
fn oracle_following_gets_as_far_as_climbing() {
    let below = over_seeds(4000, |seed| {
        let (slot, other) = (varied(seed), varied(seed + 18 * (1 + seed % 7)));
        let [climbed, followed] = [Effort::CLIMB, Effort::CERTIFY].map(|effort| {
            let mut dual = Dual::default();
            let cold = dual.solve(&slot, effort);
            dual.solve(&other, effort);
            [cold, dual.solve(&slot, effort)]
        });
        [0, 1].map(|i| excess(climbed[i], followed[i]))
    });
    let below = below.iter().flatten().copied();
    let (most, least) = (largest(below.clone()), -largest(below.map(|below| -below)));
    println!("following is below climbing by {least:.1e} to {most:.1e}");
    // Measured: -4.6e-4 to 3.1e-6. Each is short of the maximum by so much somewhere.
    assert!(most <= 2e-5, "{most:e}");
}

/// Costs of what policies decide from cold, summed over slots, with every weight and energy coefficient.
#[test]
fn regress_price_is_as_near_to_the_bound_at_every_weight() {
    for (case, (omega, kappa)) in (0..).zip(OMEGAS.iter().flat_map(|&o| KAPPAS.map(|k| (o, k)))) {
        let recipe = Recipe {
            vehicles: 60,
            rsus: 6,
            omega: omega..omega,
            energy_coeff: kappa..kappa,
            ..Recipe::default()
        };
        let costs = over_seeds(8, |seed| {
            let slot = recipe.slot(100 * case + seed);
            let bound = Dual::default().solve(&slot, Effort::CERTIFY);
            let [price, response] = [PolicyKind::Price, PolicyKind::BestResponse]
                .map(|kind| cost(&slot, &decide(kind, &slot, seed).placements));
            [bound, price, response]
        });
        let [bound, price, response] = [0, 1, 2].map(|i| costs.iter().map(|c| c[i]).sum::<f64>());
        let gaps = [price, response].map(|cost| 100.0 * excess(cost, bound));
        println!(
            "omega {omega}, kappa {kappa:e}: price {:.3} %, best-response {:.3} %",
            gaps[0], gaps[1]
        );
        // Points of a percent: where both are this near, chance decides.
        assert!(
            gaps[0] <= gaps[1] + 0.05 && gaps[0] <= 2.0,
            "omega {omega}, kappa {kappa:e}: {gaps:?}"
        );
    }
}
