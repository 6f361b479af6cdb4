//! `wayside emulate` and `wayside rsu`.

use super::{command, printed, refused, send, text};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

const THREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../live/tests/three.toml");

/// Agents cannot be faster than the model, and lose nothing; all packets of every round are on the wire.
#[test]
fn oracle_agents_take_at_least_as_long_as_simulated() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let args = [
        "emulate",
        THREE,
        "--policy",
        "mcatm,ect",
        "--seeds",
        "3",
        "--dilate",
        "2",
        "-q",
        "--out",
        text(&out),
    ];
    let table = printed(&args);
    assert!(table.contains("none lost"), "{table}");
    let json = fs::read_to_string(out.join("emulation.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    // a row in the middle, with both neighbours: 3 servers reach all within 2 broadcasts
    let packets = json["packets_simulated"].as_f64().unwrap();
    assert_eq!(
        json["packets_a_round"],
        serde_json::json!([packets, packets])
    );
    for of in json["policies"].as_array().unwrap() {
        assert_eq!(
            (&of["tasks"], &of["lost"]),
            (&6.into(), &serde_json::json!({}))
        );
        let mean = |side: &str| of[side]["delay_s"]["mean"].as_f64().unwrap();
        assert!(mean("measured") > mean("simulated") - 1e-3, "{of}");
        let compute = |side: &str| of[side]["parts"]["compute_s"].as_f64().unwrap();
        assert!(
            (compute("measured") - compute("simulated")).abs() < 1e-9,
            "{of}"
        );
    }
    let rows = fs::read_to_string(out.join("tasks.csv")).unwrap();
    assert_eq!(rows.lines().count(), 13);
    assert!(out.join("emulation.svg").is_file() && out.join("manifest.json").is_file());
}

#[test]
fn regress_scenarios_that_agents_cannot_live() {
    let cases: [(&[&str], &[&str]); 3] = [
        (
            &["emulate", "wang2025"],
            &[
                "execution.kind: must be \"queues\"",
                "information: is missing",
            ],
        ),
        (
            &["emulate", "lin2025", "--set", "information.delay_s=0.1"],
            &["information.delay_s: must be 0"],
        ),
        (
            &["emulate", "lin2025", "--dilate", "0"],
            &["between 0.1 and 1000"],
        ),
    ];
    for (args, messages) in cases {
        refused(args, 2, messages);
    }
}

/// However the parent ends, its agents do.
#[test]
#[cfg(target_os = "linux")]
fn property_no_agent_outlives_its_parent() {
    for signal in ["-KILL", "-INT"] {
        let mut parent = command(&["emulate", THREE, "--seeds", "0..9", "-q"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let patience = Instant::now();
        let mut agents = Vec::new();
        while agents.len() < 3 {
            assert!(patience.elapsed() < Duration::from_secs(60), "{agents:?}");
            std::thread::sleep(Duration::from_millis(10));
            agents = children(parent.id());
        }
        assert!(send(signal, &parent));
        parent.wait().unwrap();
        let patience = Instant::now();
        while agents.iter().any(|&agent| is_agent(agent)) {
            assert!(patience.elapsed() < Duration::from_secs(30), "{signal}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(target_os = "linux")]
fn children(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

#[cfg(target_os = "linux")]
fn is_agent(id: u32) -> bool {
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("--of-parent")
}
