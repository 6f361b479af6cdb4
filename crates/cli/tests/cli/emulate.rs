//! `wayside emulate` and `wayside rsu`.

use super::{command, printed, refused, send, text};
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

pub(super) const THREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../live/tests/three.toml");

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

/// A centre decides: vehicles enter where it says, and each task gets the share that it was given. Nothing is quicker than the model.
#[test]
fn oracle_a_centre_decides_as_simulated() {
    let root = tempfile::tempdir().unwrap();
    let shared = [
        "wang2025",
        "--set",
        "fleet.size=8",
        "--policy",
        "nearest,price,local",
    ];
    let queued = [THREE, "--centre", "--policy", "ect"];
    for (i, scenario) in [&shared[..], &queued].into_iter().enumerate() {
        let out = root.path().join(i.to_string());
        let rest = [
            "--slots",
            "1",
            "--seeds",
            "3",
            "--dilate",
            "2",
            "-q",
            "--out",
            text(&out),
        ];
        let table = printed(&[&["emulate"], scenario, &rest].concat());
        assert!(table.contains("none lost"), "{table}");
        let json = fs::read_to_string(out.join("emulation.json")).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        for of in json["policies"].as_array().unwrap() {
            let mean = |side: &str| of[side]["delay_s"]["mean"].as_f64().unwrap();
            assert!(mean("measured") > mean("simulated") - 1e-3, "{of}");
            if i == 0 {
                assert_eq!(
                    (&of["tasks"], &of["same_place"]),
                    (&8.into(), &1.0.into()),
                    "{of}"
                );
                let compute = |side: &str| of[side]["parts"]["compute_s"].as_f64().unwrap();
                assert!(
                    (compute("measured") - compute("simulated")).abs() < 1e-6,
                    "{of}"
                );
            }
        }
    }
}

/// Agents that are killed at any moment: every task ends or is lost with a reason, what had been sent to them is planned anew, and the others hold nothing at
/// the end. `WAYSIDE_KILLS` says how many are killed; 50 are 10 runs of lin2025 with 5 each.
#[test]
fn property_killed_agents_lose_no_task_silently() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let kills = std::env::var("WAYSIDE_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let (scenario, each, dilate) = match kills {
        ..10 => (THREE, 2, "2"),
        _ => ("lin2025", 5, "5"),
    };
    let seeds: u64 = kills / each;
    let (range, each) = (format!("0..{}", seeds - 1), each.to_string());
    let args = [
        "emulate",
        scenario,
        "--policy",
        "ect",
        "--seeds",
        &range,
        "--kills",
        &each,
        "--dilate",
        dilate,
        "-q",
        "--out",
        text(&out),
    ];
    let table = printed(&args);
    let json = fs::read_to_string(out.join("emulation.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["kills"]["agents"], kills, "{table}");
    assert_eq!(json["kills"]["held"], 0, "{table}");
    let replanned = json["kills"]["replanned"].as_u64().unwrap();
    let of = &json["policies"][0];
    let lost = of["lost"].as_object().unwrap();
    let known = ["connection", "server-out", "link-failed", "no-answer"];
    assert!(
        lost.keys().all(|reason| known.contains(&reason.as_str())),
        "{table}"
    );
    let lost: u64 = lost.values().map(|count| count.as_u64().unwrap()).sum();
    let rows = fs::read_to_string(out.join("tasks.csv")).unwrap();
    // a row for every task of every run; none is missing, and none has neither an outcome nor a reason
    let (mut ended, mut named) = (0, 0);
    for row in rows.lines().skip(1) {
        let columns: Vec<&str> = row.split(',').collect();
        assert!(columns[4].is_empty() != columns[7].is_empty(), "{row}");
        ended += u64::from(!columns[7].is_empty());
        named += u64::from(!columns[4].is_empty());
    }
    let each = if scenario == THREE { 6 } else { 50 };
    assert_eq!(ended + named, seeds * each, "{table}");
    assert_eq!((of["tasks"].as_u64(), lost), (Some(ended), named));
    assert!(
        replanned + lost > 0,
        "nothing was killed while it mattered\n{table}"
    );
    eprintln!("{table}");
}

/// The scenario of docs/live.md is wang2025 but for an RSU and the number of vehicles.
#[test]
fn closed_form_wang2025_with_ten_rsus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/");
    let text = fs::read_to_string(format!("{folder}wang2025.toml")).unwrap();
    let (before, rest) = text.split_once("[[rsu]]\nid = \"r10\"").unwrap();
    let backhaul = rest.find("[backhaul]").unwrap();
    let text = format!("{before}{}", &rest[backhaul..]);
    let sets = [("fleet.size".to_owned(), "30".to_owned())];
    let mut expected = wayside_core::Scenario::from_toml("wang2025", &text, &sets).unwrap();
    let file = format!("{folder}wang2025-10.toml");
    let ten = wayside_core::scenario::resolve(&file, &[]).unwrap();
    assert_eq!(
        wayside_core::engine::world::World::new(&ten)
            .unwrap()
            .rsus
            .len(),
        10
    );
    expected.name.clone_from(&ten.name);
    expected.description.clone_from(&ten.description);
    assert_eq!(ten.to_toml(), expected.to_toml());
}

#[test]
fn regress_scenarios_that_agents_cannot_live() {
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["emulate", "city-sessions"],
            &["execution.kind: must not be \"sessions\""],
        ),
        (
            &["emulate", "lin2025", "--policy", "ect,mcatm,ect"],
            &["--policy: ect is there twice"],
        ),
        (
            &["emulate", "lin2025", "--set", "information.delay_s=0.1"],
            &["information.delay_s: must be 0"],
        ),
        (
            &["emulate", "lin2025", "--dilate", "0"],
            &["between 0.1 and 1000"],
        ),
        (
            &["emulate", "wang2025", "--kills", "24"],
            &["--kills: must be less: 12 of them are of agents, and there are 11"],
        ),
    ];
    for (args, messages) in cases {
        refused(args, 2, messages);
    }
}

/// An interrupted emulation leaves nothing in its folder.
#[test]
fn regress_an_interrupt_clears_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let args = [
        "emulate",
        THREE,
        "--seeds",
        "0..9",
        "-q",
        "--out",
        text(&out),
    ];
    let child = command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now();
    while !out.join(".wayside/lock").exists() {
        assert!(patience.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
    // until agents are at work
    std::thread::sleep(Duration::from_millis(1500));
    let begun = Instant::now();
    assert!(send("-INT", &child));
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!out.join(".wayside").exists());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("interrupted"), "{said}");
}

/// A centre and agents that are killed at any moment: every task ends or is lost with a reason, the centre reads from its journal what it had, and all
/// CPU is free once leases have ended. `WAYSIDE_KILLS` says how many are killed, ten in a run.
#[test]
fn property_a_killed_centre_leaks_nothing() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let kills = std::env::var("WAYSIDE_KILLS").map_or(4, |kills| kills.parse().unwrap());
    let (each, size, dilate) = match kills {
        ..10 => (kills, 8, "2"),
        _ => (10, 30, "5"),
    };
    let runs: u64 = kills / each;
    let args = [
        "emulate",
        "wang2025",
        "--set",
        &format!("fleet.size={size}"),
        "--slots",
        "3",
        "--policy",
        "price",
        "--seeds",
        &format!("0..{}", runs - 1),
        "--kills",
        &each.to_string(),
        "--dilate",
        dilate,
        "-q",
        "--out",
        text(&out),
    ];
    let table = printed(&args);
    let json = fs::read_to_string(out.join("emulation.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    let killed = &json["kills"];
    assert_eq!(
        (&killed["agents"], &killed["held"]),
        (&(kills / 2).into(), &0.into()),
        "{table}"
    );
    let centre = &killed["centre"];
    assert_eq!(centre["kills"], kills - kills / 2, "{table}");
    assert_eq!(centre["compared"][0], runs, "{table}");
    assert!(
        centre["compared"][1].as_u64().unwrap() >= 8 * runs,
        "{table}"
    );
    assert_eq!(
        (&centre["different"], &centre["leaked"]),
        (&0.into(), &0.into()),
        "{table}"
    );
    // every task of every run has an outcome or a reason
    let rows = fs::read_to_string(out.join("tasks.csv")).unwrap();
    let rows: Vec<Vec<&str>> = rows
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect())
        .collect();
    assert_eq!(rows.len() as u64, runs * size * 3);
    let known = ["", "connection", "link-failed", "no-answer", "no-decision"];
    for row in &rows {
        assert!(
            known.contains(&row[4]) && row[4].is_empty() != row[7].is_empty(),
            "{row:?}"
        );
    }
    assert!(rows.iter().any(|row| row[4].is_empty()), "{table}");
    eprintln!("{table}");
}

/// An agent that is stopped does not hold up the emulation for ever: it is named.
#[test]
#[cfg(target_os = "linux")]
fn regress_an_agent_that_is_stopped() {
    let mut parent = command(&["emulate", THREE, "--seeds", "0..9", "-q"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now();
    let mut agents = Vec::new();
    while agents.len() < 3 {
        assert!(patience.elapsed() < Duration::from_secs(60), "{agents:?}");
        std::thread::sleep(Duration::from_millis(10));
        agents = children(parent.id());
    }
    let stopped = agents[0].to_string();
    let kill = ["-STOP", &stopped];
    let killed = std::process::Command::new("kill").args(kill).status();
    assert!(killed.unwrap().success());
    let begun = Instant::now();
    assert_eq!(parent.wait().unwrap().code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(60));
    let mut said = String::new();
    parent
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let expected = format!("the agent of a: process {stopped} has said nothing for ");
    assert!(
        said.contains(&expected) && said.contains("is it stopped?"),
        "{said}"
    );
    assert!(!agents.into_iter().any(is_agent));
}

/// A centre that is stopped does not either.
#[test]
#[cfg(target_os = "linux")]
fn regress_a_centre_that_is_stopped() {
    let args = [
        "emulate", THREE, "--centre", "--policy", "ect", "--seeds", "0..9", "-q",
    ];
    let mut parent = command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // it starts first, and agents when it listens
    let processes = processes(&parent, 4);
    let line = |id: &&u32| fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let is_centre = |id: &&u32| line(id).split(|byte| *byte == 0).nth(1) == Some(b"serve");
    let centre = processes.iter().find(is_centre).unwrap().to_string();
    let kill = ["-STOP", &centre];
    let killed = std::process::Command::new("kill").args(kill).status();
    assert!(killed.unwrap().success());
    let begun = Instant::now();
    assert_eq!(parent.wait().unwrap().code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(60));
    let mut said = String::new();
    let mut pipe = parent.stderr.take().unwrap();
    pipe.read_to_string(&mut said).unwrap();
    assert!(
        said.contains("the centre: no answer for 10 s: is it stopped?"),
        "{said}"
    );
    assert!(!processes.into_iter().any(is_agent));
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
        let agents = processes(&parent, 3);
        assert!(send(signal, &parent));
        parent.wait().unwrap();
        let patience = Instant::now();
        while agents.iter().any(|&agent| is_agent(agent)) {
            assert!(patience.elapsed() < Duration::from_secs(30), "{signal}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The first `count` processes of a parent, once they are there.
#[cfg(target_os = "linux")]
pub(super) fn processes(parent: &std::process::Child, count: usize) -> Vec<u32> {
    let patience = Instant::now();
    loop {
        let children = children(parent.id());
        // one that is about to become an agent is not one yet
        let is_ready = |id: &&u32| is_agent(**id);
        if children.iter().filter(is_ready).count() >= count {
            return children;
        }
        assert!(patience.elapsed() < Duration::from_secs(60), "{children:?}");
        std::thread::sleep(Duration::from_millis(10));
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
pub(super) fn is_agent(id: u32) -> bool {
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("--of-parent")
}
