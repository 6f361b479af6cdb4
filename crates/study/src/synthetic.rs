//! Made-up records for tests: the shape of a real comparison without a simulation.

use crate::facts::ScenarioFacts;
use crate::summary::Summary;
use wayside_core::engine::records::{Distribution, PolicyRun, Replication, SlotRecord};
use wayside_core::rng::Streams;
use wayside_core::scenario::Area;
use wayside_plot::Site;

/// Policies with their gap to the bound.
pub(crate) const POLICIES: [(&str, f64); 8] = [
    ("price", 0.0018),
    ("local-search", 0.0009),
    ("best-response", 0.0022),
    ("nearest", 0.031),
    ("random", 0.455),
    ("greedy-computation", 0.64),
    ("greedy-data", 0.752),
    ("local", 3.31),
];

/// `seeds` replications of `slots` slots.
pub(crate) fn replications(seeds: u64, slots: u32) -> Vec<Replication> {
    (0..seeds).map(|seed| replication(seed, slots)).collect()
}

/// The summary of ten replications.
pub(crate) fn summary() -> Summary {
    Summary::new("wang2025", &replications(10, 40), true)
}

/// Eleven RSUs in a row, linked, with as many vehicles.
pub(crate) fn facts() -> ScenarioFacts {
    let along = |m: u32| 100.0 * f64::from(m);
    ScenarioFacts {
        description: "Eleven RSUs <along> a road & its vehicles".into(),
        source: "made up for tests".into(),
        omega: 0.65,
        slot_s: 1.0,
        deadline_s: [0.2, 0.4],
        area: Area {
            x_min_m: 0.0,
            y_min_m: 0.0,
            x_max_m: 1000.0,
            y_max_m: 400.0,
        },
        degrees: None,
        rsus: (0..11)
            .map(|m| Site {
                id: format!("r{m}"),
                x_m: along(m),
                y_m: 200.0,
                range_m: 150.0,
                cpu_hz: 15e9,
            })
            .collect(),
        links: (1..11).map(|m| [m - 1, m]).collect(),
        vehicles_m: (0..11).map(|m| [along(m), 190.0]).collect(),
        seed: 0,
        track: None,
    }
}

fn replication(seed: u64, slots: u32) -> Replication {
    let mut rng = Streams::new(seed).stream("synthetic");
    let worlds: Vec<f64> = (0..slots).map(|_| rng.uniform(0.24, 0.28)).collect();
    let policies = POLICIES
        .iter()
        .map(|&(policy, gap)| {
            let mut delay = Distribution::default();
            let mut energy = Distribution::default();
            let slots = (0..)
                .zip(&worlds)
                .map(|(slot, &bound)| {
                    let objective = bound * (1.0 + gap * rng.uniform(0.8, 1.2));
                    delay.record(objective * 1.1);
                    energy.record(objective * 0.9);
                    SlotRecord {
                        slot,
                        tasks: 100,
                        vehicles: 100,
                        objective,
                        delay_s: objective * 1.1,
                        energy_j: objective * 0.9,
                        lower_bound: Some(bound),
                        deadline_met: 97,
                        offloaded: 80,
                        migrated: 5,
                        lbm: 0.04,
                        tau: 0.05,
                        jain: 0.98,
                        decision_time_s: rng.uniform(1e-4, 2e-4),
                        ..SlotRecord::default()
                    }
                })
                .collect();
            PolicyRun {
                policy: policy.into(),
                slots,
                delay,
                energy,
                queues: None,
                sessions: None,
                horizon_bound: None,
                rsu_load: (0..11)
                    .map(|m| 0.05 * f64::from(m) * rng.uniform(0.9, 1.1))
                    .collect(),
            }
        })
        .collect();
    Replication {
        seed,
        policies,
        ..Replication::default()
    }
}
