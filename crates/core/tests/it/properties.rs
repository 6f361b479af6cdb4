//! What must hold whatever the numbers are.

use std::sync::Arc;

use wayside_core::backhaul::Routes;
use wayside_core::engine::records::PolicyRun;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate};
use wayside_core::policy::PolicyKind;
use wayside_core::scenario::Scenario;
use wayside_core::slot::order::Order;
use wayside_core::slot::table::TaskTable;
use wayside_core::slot::{Placement, Slot};

use crate::support::{Recipe, builtin, cost, decide, excess, over_seeds, permuted};

const DETERMINISTIC: [PolicyKind; 9] = [
    PolicyKind::LeastTotal,
    PolicyKind::LeastAhead,
    PolicyKind::Nearest,
    PolicyKind::GreedyComputation,
    PolicyKind::GreedyData,
    PolicyKind::BestResponse,
    PolicyKind::Price,
    PolicyKind::LocalSearch,
    PolicyKind::SlotFit,
];

fn assert_order_does_not_matter(policies: impl IntoIterator<Item = PolicyKind>, seed: u64) {
    let slot = Recipe::default().slot(seed);
    let order: Vec<usize> = (0..slot.vehicles.len()).rev().collect();
    let reversed = permuted(&slot, &order);
    for kind in policies {
        let mut placements = decide(kind, &reversed, seed).placements;
        placements.reverse();
        let expected = decide(kind, &slot, seed).placements;
        assert_eq!(placements, expected, "{}", kind.info().name);
    }
}

#[test]
fn property_the_order_of_the_vehicles_does_not_matter() {
    over_seeds(40, |seed| {
        let others = DETERMINISTIC.into_iter();
        let others = others.filter(|&kind| kind != PolicyKind::LocalSearch);
        assert_order_does_not_matter(others, seed);
    });
}

#[test]
fn property_the_order_of_the_vehicles_does_not_matter_to_local_search() {
    over_seeds(40, |seed| {
        assert_order_does_not_matter([PolicyKind::LocalSearch], seed)
    });
}

/// A unit of time, and of energy, in one of the usual ones. A power of two, a square and a cube, so that
/// every step of every algorithm rounds alike.
const UNITS: f64 = 64.0;

/// The same slot in smaller units of time and energy: powers are the same, cycles per unit of time
/// fewer, kappa, E / (F^2 C), the third power.
fn in_small_units(slot: &Slot) -> Slot {
    let mut scaled = slot.clone();
    let scale = |column: &mut Vec<f64>, factor: f64| column.iter_mut().for_each(|x| *x *= factor);
    scaled.slot_s *= UNITS;
    scale(&mut scaled.rsus.cpu_hz, 1.0 / UNITS);
    scale(&mut scaled.rsus.reserved_cpu_hz, 1.0 / UNITS);
    scale(&mut scaled.rsus.energy_coeff, UNITS.powi(3));
    scale(&mut scaled.vehicles.cpu_hz, 1.0 / UNITS);
    scale(&mut scaled.vehicles.energy_coeff, UNITS.powi(3));
    scale(&mut scaled.vehicles.local_wait_s, UNITS);
    scale(&mut scaled.tasks.deadline_s, UNITS);
    for link in &mut scaled.coverage.links {
        link.seconds_per_bit *= UNITS;
    }
    let mut routes = Routes::clone(&slot.routes);
    for target in &mut routes.targets {
        target.seconds_per_bit *= UNITS;
        target.wait_s *= UNITS;
    }
    for beyond in routes.beyond.iter_mut().flatten() {
        beyond.seconds_per_bit *= UNITS;
    }
    routes.least_seconds_per_bit *= UNITS;
    scaled.routes = Arc::new(routes);
    scaled
}

#[test]
fn property_units_do_not_matter() {
    over_seeds(40, |seed| {
        let slot = Recipe {
            reserved: 0.0..0.3,
            ..Recipe::default()
        }
        .slot(seed);
        let scaled = in_small_units(&slot);
        for kind in DETERMINISTIC {
            let placements = decide(kind, &slot, seed).placements;
            let name = kind.info().name;
            assert_eq!(decide(kind, &scaled, seed).placements, placements, "{name}");
            let ratio = cost(&scaled, &placements) / cost(&slot, &placements);
            assert!((ratio - UNITS).abs() <= 1e-12, "{name}: {ratio}");
        }
    });
}

/// Records without the clock's.
fn run(scenario: &Scenario, policies: &[PolicyKind], bound: BoundKind) -> Vec<PolicyRun> {
    let world = World::new(scenario).expect("no files");
    let options = Options { slots: 12, bound };
    let run = replicate(&world, policies, 7, options).expect("no trace");
    let mut runs = run.policies;
    for slot in runs.iter_mut().flat_map(|run| &mut run.slots) {
        slot.decision_time_s = 0.0;
    }
    runs
}

/// With everything on that carries state: queues, held CPU, (16e).
#[test]
fn property_policies_do_not_disturb_each_other_and_runs_repeat() {
    for scenario in [
        builtin("wang2025", &[("fleet.size", "40")]),
        builtin("coupled", &[("fleet.size", "40")]),
        builtin("wang2025-unbalanced", &[("fleet.size", "40")]),
    ] {
        let together = run(&scenario, &PolicyKind::ALL, BoundKind::Simple);
        assert_eq!(
            together,
            run(&scenario, &PolicyKind::ALL, BoundKind::Simple)
        );
        for (kind, together) in PolicyKind::ALL.into_iter().zip(together) {
            let alone = run(&scenario, &[kind], BoundKind::Simple);
            assert_eq!(alone, [together]);
        }
    }
}

#[test]
fn property_every_run_keeps_its_bounds() {
    for scenario in [
        builtin("wang2025", &[]),
        builtin("coupled", &[]),
        builtin("coupled", &[("load_balance.enforce", "true")]),
        builtin(
            "wang2025-unbalanced",
            &[("task.probability", "0.3"), ("task.per_vehicle", "3")],
        ),
        builtin("wang2025", &[("task.probability", "0.0")]),
        builtin("wang2025", &[("fleet.size", "1")]),
        builtin("wang2025", &[("rsu_default.range_m", "1")]),
    ] {
        for run in run(&scenario, &PolicyKind::ALL, BoundKind::Split) {
            for slot in run.slots {
                let bound = slot.lower_bound.expect("asked for");
                let name = &run.policy;
                assert!(slot.objective.is_finite(), "{name}: {slot:#?}");
                let gap = slot.objective - bound;
                assert!(gap >= -1e-9 * bound, "{name}: {slot:#?}");
                let mix = scenario.omega * slot.delay_s + (1.0 - scenario.omega) * slot.energy_j;
                assert!(
                    (mix - slot.objective).abs() <= 1e-12 * mix,
                    "{name}: {slot:#?}"
                );
                let parts = slot.upload_s + slot.migration_s + slot.wait_s + slot.compute_s;
                assert!(
                    (parts - slot.delay_s).abs() <= 1e-12 * parts,
                    "{name}: {slot:#?}"
                );
                assert!(slot.migrated <= slot.offloaded && slot.offloaded <= slot.tasks);
                if scenario.load_balance.enforce && !scenario.time.carry_over {
                    assert!(!slot.violated, "{name}: {slot:#?}");
                }
            }
        }
    }
}

/// A slot where there is little to decide: every policy answers, and answers something possible.
fn assert_sound(recipe: &Recipe) {
    for seed in 0..20 {
        let slot = recipe.slot(seed);
        for kind in PolicyKind::ALL {
            let name = kind.info().name;
            let decision = decide(kind, &slot, seed);
            assert_eq!(decision.placements.len(), slot.tasks.len(), "{name}");
            for (task, placement) in decision.placements.iter().enumerate() {
                let Placement::Rsu { entry, execution } = *placement else {
                    continue;
                };
                assert!(slot.links(task).iter().any(|l| l.rsu == entry), "{name}");
                assert!(slot.routes.find(entry, execution).is_some(), "{name}");
                let available_hz = slot.rsus.available_cpu_hz(execution as usize);
                assert!(available_hz > 0.0 || !looks_at_cpu(kind), "{name}");
            }
            if looks_at_cpu(kind) {
                let (found, local) = (cost(&slot, &decision.placements), all_local(&slot));
                assert!(
                    found <= local * (1.0 + 1e-12),
                    "{name}: {found} over {local}"
                );
            }
        }
    }
}

/// Whether a policy knows the cost of what it decides.
fn looks_at_cpu(kind: PolicyKind) -> bool {
    use PolicyKind::*;
    matches!(kind, BestResponse | Price | LocalSearch | SlotFit)
}

fn all_local(slot: &Slot) -> f64 {
    cost(slot, &vec![Placement::Local; slot.tasks.len()])
}

#[test]
fn property_policies_take_the_smallest_worlds() {
    let usual = Recipe::default;
    for recipe in [
        Recipe {
            vehicles: 0,
            ..usual()
        },
        Recipe {
            vehicles: 1,
            ..usual()
        },
        Recipe { rsus: 0, ..usual() },
        Recipe { rsus: 1, ..usual() },
        Recipe {
            range_m: 0.0..0.0,
            ..usual()
        },
        Recipe {
            reserved: 1.0..1.0,
            ..usual()
        },
        Recipe {
            reserved: 0.5..1.5,
            ..usual()
        },
        Recipe {
            linked: 0.0,
            ..usual()
        },
        Recipe {
            max_hops: 0,
            ..usual()
        },
        Recipe {
            tasks_per_vehicle: 4,
            ..usual()
        },
        Recipe {
            omega: 0.0..0.0,
            ..usual()
        },
        Recipe {
            omega: 1.0..1.0,
            ..usual()
        },
    ] {
        assert_sound(&recipe);
    }
}

/// What a policy decides in a slot does not cost more than without it: sweeps only ever lower the cost.
#[test]
fn property_better_policies_are_better() {
    over_seeds(60, |seed| {
        let slot = Recipe::default().slot(seed);
        let cost = |kind| cost(&slot, &decide(kind, &slot, seed).placements);
        let search = cost(PolicyKind::LocalSearch);
        for kind in [PolicyKind::BestResponse, PolicyKind::Price] {
            assert!(excess(search, cost(kind)) <= 0.02, "{}", kind.info().name);
        }
        assert!(cost(PolicyKind::BestResponse) <= cost(PolicyKind::Nearest) * (1.0 + 1e-12));
        assert!(search <= cost(PolicyKind::Price) * (1.0 + 1e-12));
    });
}

/// The table written place by place is the one read in the canonical order, also into used memory.
#[test]
fn oracle_table_in_canonical_order() {
    let (mut fast, mut slow, mut order) =
        (TaskTable::default(), TaskTable::default(), Order::default());
    let mut uploads = 0;
    for seed in 0..50 {
        let slot = Recipe::default().slot(seed);
        fast.fill_canonical(&slot);
        order.canonical(&slot);
        slow.fill(&slot, order.tasks());
        assert_eq!(fast.rows().len(), slot.tasks.len());
        assert_eq!(fast.rows().len(), slow.rows().len());
        for (a, b) in fast.rows().iter().zip(slow.rows()) {
            assert_eq!(
                (a.task, a.cycles, a.data_bits, a.local),
                (b.task, b.cycles, b.data_bits, b.local)
            );
            let of = |table: &TaskTable, row| -> Vec<(u32, f64)> {
                let uploads = table.uploads(row).iter();
                uploads.map(|upload| (upload.rsu, upload.alone())).collect()
            };
            assert_eq!(of(&fast, a), of(&slow, b));
            uploads += fast.uploads(a).len();
        }
    }
    assert!(uploads > 0);
}

/// Hundreds of tasks at every RSU, where a parabola stands for P2 while placements are searched. The costs are those of
/// exact P2, and so is the bound.
#[test]
fn property_crowded_rsus_are_decided_next_to_the_bound() {
    let overrides = [
        ("fleet.size", "8000"),
        ("fleet.cpu_hz", "1e7"),
        ("fleet.energy_coeff", "1e-24"),
        ("task.data_bytes", "100"),
    ];
    let overrides = overrides.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let scenario = Scenario::builtin("wang2025", &overrides).unwrap();
    let world = World::new(&scenario).unwrap();
    let options = Options {
        slots: 1,
        bound: BoundKind::Simple,
    };
    let policies = [PolicyKind::BestResponse, PolicyKind::Price];
    let run = replicate(&world, &policies, 0, options).unwrap();
    for (run, most) in run.policies.iter().zip([1e-5, 1e-2]) {
        let slot = &run.slots[0];
        assert!(slot.offloaded > 11 * 512, "{}", slot.offloaded);
        let gap = slot.objective / slot.lower_bound.unwrap() - 1.0;
        assert!(gap < most, "{}: {gap}", run.policy);
    }
}
