//! A slot worked out by hand, from its JSON to J.

use wayside_core::evaluate::Outcome;
use wayside_core::slot::{Placement, Slot};

use crate::support::{at, outcomes};

/// Noise -100 dBm = 1e-13 W, p h = 0.2 W * 1.5e-12 = 3e-13 W: SNR 3, 2 bit/s/Hz, 200 Mbit/s over the
/// band. omega = 0.5 and kappa = 5e-28 give F0 = (1 / (2 * 5e-28))^(1/3) = 1 GHz. Earlier tasks hold
/// all but 0.8 GHz of b.
const SLOT: &str = r#"{
    "slot_s": 1,
    "objective": { "omega": 0.5 },
    "channel": {
        "noise_dbm": -100, "pathloss_db_at_1km": 128.1, "pathloss_db_per_decade": 37.6,
        "antenna_height_m": 10
    },
    "rsus": [
        { "id": "a", "x_m": 0, "y_m": 0, "range_m": 500, "bandwidth_hz": 100e6, "cpu_hz": 15e9,
          "energy_coeff": 5e-28 },
        { "id": "b", "x_m": 600, "y_m": 0, "range_m": 500, "bandwidth_hz": 100e6, "cpu_hz": 15e9,
          "energy_coeff": 5e-28, "reserved_cpu_hz": 14.2e9 }
    ],
    "links": [{ "a": "a", "b": "b", "rate_bps": 1e9, "backlog_bits": 3e6 }],
    "migration_power_w": 0.5,
    "vehicles": [
        { "id": "v", "x_m": 10, "y_m": 0, "tx_power_w": 0.2, "cpu_hz": 0.5e9, "energy_coeff": 2e-26,
          "local_wait_s": 0.1, "gain": { "a": 1.5e-12 } }
    ],
    "tasks": [
        { "id": "t", "vehicle": "v", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 1 },
        { "id": "u", "vehicle": "v", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 1 }
    ]
}"#;

fn assert_outcome(found: &Outcome, expected: &Outcome, j: f64) {
    let parts = |o: &Outcome| {
        [
            o.upload_s,
            o.migration_s,
            o.wait_s,
            o.compute_s,
            o.upload_j,
            o.migration_j,
            o.compute_j,
            f64::from(o.hops),
        ]
    };
    for (found, expected) in parts(found).into_iter().zip(parts(expected)) {
        assert!((found - expected).abs() <= 1e-12, "{found} for {expected}");
    }
    assert!((found.cost(0.5) - j).abs() <= 1e-12);
}

#[test]
fn closed_form_slot_by_hand() {
    let slot = Slot::from_json("hand", SLOT)
        .expect("the slot is valid")
        .slot;

    // t on the vehicle: 0.1 s queue, 4e8 / 0.5e9 = 0.8 s, 2e-26 * (0.5e9)^2 * 4e8 = 2 J.
    let local = Outcome {
        wait_s: 0.1,
        compute_s: 0.8,
        compute_j: 2.0,
        ..Outcome::default()
    };
    // u at a, alone on the band: 2e6 / 200e6 = 10 ms, 0.2 W * 10 ms = 2 mJ; at F0 = 1 GHz 0.4 s and
    // 5e-28 * 1e18 * 4e8 = 0.2 J.
    let stays = Outcome {
        upload_s: 0.01,
        upload_j: 0.002,
        compute_s: 0.4,
        compute_j: 0.2,
        ..Outcome::default()
    };
    let found = outcomes(&slot, &[Placement::Local, at(0)]);
    assert_outcome(&found[0], &local, 0.5 * (0.9 + 2.0));
    assert_outcome(&found[1], &stays, 0.5 * (0.41 + 0.202));

    // Both by a, so 20 ms and 4 mJ each; t on to b over one hop: behind 3 Mbit at 1 Gbit/s 3 ms,
    // 2 ms of its own, 1 * 0.5 W * 2 ms = 1 mJ. b has 0.8 GHz left: 4e8 / 0.8e9 = 0.5 s,
    // 5e-28 * 0.64e18 * 4e8 = 0.128 J.
    let migrates = Outcome {
        upload_s: 0.02,
        upload_j: 0.004,
        wait_s: 0.003,
        migration_s: 0.002,
        propagation_s: 0.0,
        migration_j: 0.001,
        compute_s: 0.5,
        compute_j: 0.128,
        return_s: 0.0,
        return_j: 0.0,
        hops: 1,
    };
    let shares = Outcome {
        upload_s: 0.02,
        upload_j: 0.004,
        ..stays
    };
    let to_b = Placement::Rsu {
        entry: 0,
        execution: 1,
    };
    let found = outcomes(&slot, &[to_b, at(0)]);
    assert_outcome(&found[0], &migrates, 0.5 * (0.525 + 0.133));
    assert_outcome(&found[1], &shares, 0.5 * (0.42 + 0.204));
}
