//! `wayside decide`.

use crate::{command, printed, refused, stderr, text};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

const SLOT: &str = r#"{
  "slot_s": 1.0, "objective": {"omega": 0.65}, "load_balance": {"enforce": false, "tau": 0.3},
  "channel": {"noise_dbm": -104, "pathloss_db_at_1km": 128.1, "pathloss_db_per_decade": 37.6, "antenna_height_m": 10},
  "rsus": [
    {"id": "north", "x_m": 0, "y_m": 400, "range_m": 300, "bandwidth_hz": 1e8, "cpu_hz": 15e9, "energy_coeff": 3e-28, "reserved_cpu_hz": 14.99e9},
    {"id": "south", "x_m": 0, "y_m": 0, "range_m": 300, "bandwidth_hz": 1e8, "cpu_hz": 15e9, "energy_coeff": 3e-28}
  ],
  "links": [{"a": "north", "b": "south", "rate_bps": 1e10, "length_m": 400}], "migration_power_w": 0.5,
  "vehicles": [
    {"id": "car", "x_m": 10, "y_m": 390, "tx_power_w": 0.2, "cpu_hz": 5e8, "energy_coeff": 2e-26},
    {"id": "bus", "x_m": 900, "y_m": 900, "tx_power_w": 0.2, "cpu_hz": 4e8, "energy_coeff": 2e-26}
  ],
  "tasks": [
    {"id": "film", "vehicle": "car", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 0.7},
    {"id": "map", "vehicle": "bus", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 0.7}
  ]
}"#;

#[test]
fn closed_form_hand_written_slot() {
    let root = tempfile::tempdir().unwrap();
    let slot = root.path().join("slot.json");
    fs::write(&slot, SLOT).unwrap();
    let args = ["decide", text(&slot), "--policy", "price", "--bound"];
    let decision: Value = serde_json::from_str(&printed(&args)).unwrap();
    let keys: Vec<_> = decision.as_object().unwrap().keys().collect();
    let expected = [
        "policy",
        "status",
        "objective",
        "lower_bound",
        "gap",
        "delay_s_mean",
        "energy_j_mean",
        "load",
        "certificate",
        "decision_time_s",
        "placements",
    ];
    assert_eq!(keys, expected);
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(
        (&decision["policy"], &decision["status"]),
        (&"price".into(), &"ok".into())
    );
    assert!(number(&decision["lower_bound"]) <= number(&decision["objective"]));
    assert_eq!(decision["load"]["tau"], 0.3);
    assert_eq!(
        decision["load"]["satisfied"],
        Value::Bool(number(&decision["load"]["lbm"]) <= 0.3)
    );
    assert!(number(&decision["load"]["per_rsu"]["south"]) > 0.0);
    assert_eq!(decision["certificate"]["feasible"], true);
    assert!(number(&decision["certificate"]["kkt_residual"]) <= 1e-9);

    // The north is full, so the film goes on to the south; nothing covers the bus.
    let [film, map] = decision["placements"].as_array().unwrap().as_slice() else {
        panic!("two tasks")
    };
    assert_eq!(
        (&film["task"], &film["mode"]),
        (&"film".into(), &"rsu".into())
    );
    assert_eq!(
        (&film["entry"], &film["execution"]),
        (&"north".into(), &"south".into())
    );
    assert_eq!(film["path"], serde_json::json!(["north", "south"]));
    assert_eq!(film["deadline_met"], true);
    let parts = film["delay_parts_s"].as_object().unwrap();
    assert_eq!(
        parts.keys().collect::<Vec<_>>(),
        ["upload", "migration", "propagation", "wait", "compute"]
    );
    assert!((parts.values().map(number).sum::<f64>() - number(&film["delay_s"])).abs() < 1e-12);
    assert!((number(&parts["compute"]) - 4e8 / number(&film["cpu_hz"])).abs() < 1e-12);

    assert_eq!(
        (&map["mode"], &map["entry"]),
        (&"local".into(), &Value::Null)
    );
    assert_eq!(
        (&map["path"], &map["cpu_hz"]),
        (&serde_json::json!([]), &4e8.into())
    );
    assert_eq!(
        (&map["delay_s"], &map["deadline_met"]),
        (&1.0.into(), &false.into())
    );
}

#[test]
fn property_standard_input_and_other_formats() {
    for (format, first) in [
        ("csv", "task,mode,entry"),
        ("table", "nearest: 2 tasks, J "),
    ] {
        let mut child = command(&["decide", "-", "--policy", "nearest", "--format", format])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(SLOT.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(
            crate::stdout(&output).starts_with(first),
            "{}",
            crate::stdout(&output)
        );
    }
}

#[test]
fn property_bad_slots_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let slot = root.path().join("slot.json");
    let bad = SLOT
        .replace("\"bus\", \"cycles\": 4e8", "\"bsu\", \"cycles\": -4")
        .replace("0.65", "2");
    fs::write(&slot, bad).unwrap();
    let args = ["decide", text(&slot), "--policy", "price"];
    refused(
        &args,
        2,
        &[
            "$.objective.omega",
            "$.tasks[1].cycles",
            "\"bsu\"",
            "slot.json",
        ],
    );
    fs::write(&slot, "{").unwrap();
    refused(&args, 2, &["slot.json"]);
    fs::write(&slot, [0xff, 0xfe]).unwrap();
    refused(&args, 2, &["slot.json"]);
    refused(
        &["decide", "/nowhere.json", "--policy", "price"],
        2,
        &["/nowhere.json"],
    );
    refused(&["decide", text(&slot)], 2, &["--policy"]);
}
