//! `wayside emulate --netns`: agents in network namespaces. Tests that need root are skipped with a word where it is not allowed.

use super::emulate::{THREE, is_agent, processes};
use super::{command, printed, refused, send, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whether this machine lets us make namespaces, links and queues.
fn may() -> bool {
    let tries = "ip link add a type veth peer name b && tc qdisc add dev a root tbf rate 1mbit burst 3028 limit 9999";
    let tried = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-c", tries])
        .output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("SKIPPED: network namespaces need root, iproute2 and a kernel with veth and tbf");
    }
    may
}

/// What is named on this machine: namespaces and devices.
fn named() -> String {
    let ip = |args: &[&str]| Command::new("ip").args(args).output().unwrap().stdout;
    let all = [ip(&["netns", "list"]), ip(&["-brief", "link"])].concat();
    String::from_utf8(all).unwrap()
}

/// Namespaces in which somebody works.
fn namespaces() -> BTreeSet<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let own = processes.filter_map(|entry| fs::read_link(entry.path().join("ns/net")).ok());
    own.collect()
}

/// The kernel shapes links: a task takes at least as long on them as the rate of the scenario lets it, all packets of every round are on the wire, and nothing is
/// left of it.
#[test]
fn oracle_the_kernel_shapes_links() {
    if !may() {
        return;
    }
    let before = named();
    let root = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for (i, more) in [
        &["--policy", "mcatm,ect"][..],
        &["--policy", "ect", "--centre"],
    ]
    .into_iter()
    .enumerate()
    {
        let out = root.path().join(i.to_string());
        let args = [
            "emulate", THREE, "--netns", "--seeds", "3", "--dilate", "2", "-q", "--out",
        ];
        let table = printed(&[&args[..], &[text(&out)], more].concat());
        assert!(table.contains("none lost"), "{table}");
        let json = fs::read_to_string(out.join("emulation.json")).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["netns"], true);
        if i == 0 {
            let packets = &json["packets_simulated"];
            let packets = packets.as_f64().unwrap();
            assert_eq!(
                json["packets_a_round"],
                serde_json::json!([packets, packets])
            );
        }
        let rows = fs::read_to_string(out.join("tasks.csv")).unwrap();
        let rows: Vec<Vec<&str>> = rows.lines().map(|row| row.split(',').collect()).collect();
        let column = |name: &str| rows[0].iter().position(|of| *of == name).unwrap();
        let (same, simulated) = (column("same_place"), column("simulated_migration_s"));
        let measured = column("measured_migration_s");
        let number = |row: &[&str], column: usize| row[column].parse::<f64>().unwrap();
        let migrated = |row: &&Vec<&str>| row[same] == "true" && number(row, simulated) > 0.0;
        for row in rows[1..].iter().filter(migrated) {
            let (simulated, measured) = (number(row, simulated), number(row, measured));
            // the first packets of a task may pass at once, and all have headers
            assert!(measured > 0.9 * simulated, "{row:?}");
            assert!((measured - simulated).abs() > 1e-9, "{row:?}");
            seen += 1;
        }
    }
    assert!(seen > 0);
    assert_eq!(named(), before);
}

/// However the parent ends, its agents and their namespaces do.
#[test]
fn property_no_namespace_outlives_its_parent() {
    if !may() {
        return;
    }
    let before = named();
    for (signal, code) in [("-KILL", None), ("-INT", Some(130)), ("-TERM", Some(130))] {
        let args = ["emulate", THREE, "--netns", "--seeds", "0..9", "-q"];
        let mut parent = command(&args).stdout(Stdio::null()).spawn().unwrap();
        let agents = processes(&parent, 3);
        let of = |id: u32| fs::read_link(format!("/proc/{id}/ns/net")).unwrap();
        let all = agents.iter().copied().chain([parent.id()]);
        let patience = Instant::now();
        // each in one of its own, once it is there
        let own: BTreeSet<PathBuf> = loop {
            let own: BTreeSet<PathBuf> = all.clone().map(of).collect();
            if own.len() == 4 && !own.contains(&of(std::process::id())) {
                break own;
            }
            assert!(patience.elapsed() < Duration::from_secs(60), "{own:?}");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(send(signal, &parent));
        assert_eq!(parent.wait().unwrap().code(), code, "{signal}");
        let patience = Instant::now();
        while agents.iter().any(|&agent| is_agent(agent))
            || own.iter().any(|own| namespaces().contains(own))
        {
            assert!(patience.elapsed() < Duration::from_secs(30), "{signal}");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(named(), before, "{signal}");
    }
}

/// What is missing is named, all of it at once.
#[test]
fn regress_what_namespaces_need() {
    let empty = tempfile::tempdir().unwrap();
    let output = command(&["emulate", THREE, "--netns"])
        .env("PATH", empty.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    for tool in ["ip", "tc", "unshare", "mount"] {
        assert!(
            said.contains(&format!(
                "--netns: needs `{tool}`, which is not there (Debian package "
            )),
            "{said}"
        );
    }
    // in a namespace of users that maps nobody, this user is nobody
    let nobody = [
        "--user",
        env!("CARGO_BIN_EXE_wayside"),
        "emulate",
        THREE,
        "--netns",
    ];
    let Some(output) = Command::new("unshare").args(nobody).output().ok() else {
        return;
    };
    let said = String::from_utf8(output.stderr).unwrap();
    if said.starts_with("unshare:") {
        eprintln!("SKIPPED: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--netns: needs root, and this is user "),
        "{said}"
    );
    refused(
        &["emulate", "lin2025", "--netns", "--dilate", "0"],
        2,
        &["between 0.1 and 1000"],
    );
}
