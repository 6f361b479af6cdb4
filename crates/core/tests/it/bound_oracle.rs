//! The simple bound from cold against the maximum of its dual, which a conic solver finds.

use wayside_core::bound::dual::{Dual, Effort};
use wayside_core::bound::split::Split;
use wayside_core::slot::Slot;

use crate::relaxation::relaxation;
use crate::support::{AREA_M, Recipe, channel, cover, largest, over_seeds};

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
fn dual_value(slot: &Slot, band: &[f64], cpu: &[f64]) -> f64 {
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

#[test]
fn tracer() {
    for seed in std::env::var("TRACE").unwrap().split(',') {
        let slot = varied(seed.parse().unwrap());
        let oracle = relaxation(&slot);
        eprintln!(
            "seed {seed} omega {} oracle {} N {} band {:.4?} cpu {:.4?}",
            slot.omega,
            oracle.value,
            slot.tasks.len(),
            oracle.band,
            oracle.cpu
        );
        let mut dual = Dual::default();
        let simple = dual.solve(&slot, Effort::CERTIFY);
        eprintln!("simple {simple} {:.4?}", dual.prices());
    }
}

#[test]
fn oracle_the_bound_from_cold_reaches_the_maximum_of_its_dual() {
    let short = over_seeds(2000, |seed| {
        let slot = varied(seed);
        let oracle = relaxation(&slot);
        let at_prices = dual_value(&slot, &oracle.band, &oracle.cpu);
        let apart = (oracle.value - at_prices).abs();
        let mut dual = Dual::default();
        let alien = varied(seed + 18 * (1 + seed % 7));
        let from_alien = {
            let mut dual = Dual::default();
            dual.solve(&alien, Effort::CERTIFY);
            dual.solve(&slot, Effort::CERTIFY)
        };
        let simple = dual.solve(&slot, Effort::CERTIFY);
        let split = Split::default().solve(&slot);
        let most = oracle.value.max(at_prices);
        let prices = dual.prices();
        let twin = dual_value(&slot, &prices.band, &prices.cpu);
        [
            (most - simple) / most.max(f64::MIN_POSITIVE),
            (most - split) / most.max(f64::MIN_POSITIVE),
            (most - from_alien) / most.max(f64::MIN_POSITIVE),
            apart / most.max(f64::MIN_POSITIVE),
        ]
    });
    for i in 0..4 {
        let mut v: Vec<(f64, usize)> = short.iter().map(|s| s[i]).zip(0..).collect();
        v.sort_by(|a, b| b.0.total_cmp(&a.0));
        println!("{i}: worst {:?}", &v[..12]);
        println!("{i}: least {:?}", &v[v.len() - 4..]);
        println!("over 0.3 %: {}", v.iter().filter(|v| v.0 > 3e-3).count());
        println!("over 0.1 %: {}", v.iter().filter(|v| v.0 > 1e-3).count());
        println!("over 0.01 %: {}", v.iter().filter(|v| v.0 > 1e-4).count());
    }
    let mut table = std::collections::BTreeMap::new();
    for (seed, s) in short.iter().enumerate() {
        let key = (seed % 6, seed / 6 % 3);
        let e = table.entry(key).or_insert((0, 0, 0.0f64));
        e.0 += 1;
        e.1 += usize::from(s[0] > 3e-3);
        e.2 = e.2.max(s[0]);
    }
    for (k, v) in table {
        println!("omega {} kappa {}: {v:?}", OMEGAS[k.0], KAPPAS[k.1]);
    }
    let worst = largest(short.iter().map(|s| s[0]));
    assert!(worst <= 3e-3, "{worst}");
}
