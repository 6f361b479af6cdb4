//! `wayside drive`.

use super::serve::{ask, start};
use super::{command, printed, refused, send, text};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The centre of the same scenario places every task, and vehicles measure at least what it predicts.
#[test]
fn property_every_task_of_the_traffic_is_placed_and_measured() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let (mut centre, address) = start(&["wang2025", "--policy", "nearest"]);
    let to = format!("http://{address}");
    let traffic = ["wang2025", "--set", "fleet.size=8", "--slots", "2"];
    let drive = [
        "drive",
        "--to",
        &to,
        "--speed",
        "4",
        "--seed",
        "3",
        "-q",
        "--format",
        "json",
        "--out",
        text(&out),
    ];
    let driven = printed(&[&drive[..1], &traffic, &drive[1..]].concat());
    let run = [
        "run", "--seeds", "3", "--policy", "nearest", "-q", "--format", "json",
    ];
    let simulated = printed(&[&run[..1], &traffic, &run[1..]].concat());
    let number = |json: &str, key: &str| {
        let json: Value = serde_json::from_str(json).unwrap();
        json["policies"][0][key]["mean"].as_f64().unwrap()
    };
    assert!((number(&driven, "offloaded") - number(&simulated, "offloaded")).abs() < 1e-9);
    assert!(number(&driven, "delay_s") > number(&simulated, "delay_s"));
    for file in [
        "summary.json",
        "slots.parquet",
        "tasks.parquet",
        "manifest.json",
        "report.html",
    ] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let (_, state) = ask(&address, "GET", "/v1/state", "");
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        state["tasks"].as_array().map(Vec::len),
        Some(0),
        "outcomes are reported"
    );
    assert!(send("-TERM", &centre));
    centre.wait().unwrap();
}

#[test]
fn regress_centres_that_are_not_there() {
    refused(
        &["drive", "wang2025", "--to", "ftp://here"],
        2,
        &["--to: must be like http://"],
    );
    refused(
        &["drive", "wang2025", "--to", "http://127.0.0.1:9", "-q"],
        1,
        &["127.0.0.1:9"],
    );
}

/// A centre that takes connections and never answers is named within seconds; files that are not there are bad input.
#[test]
fn regress_a_centre_that_is_silent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}", listener.local_addr().unwrap());
    let begun = std::time::Instant::now();
    refused(
        &["drive", "wang2025", "--to", &to, "-q"],
        1,
        &["no answer within 5 s"],
    );
    assert!(begun.elapsed() < std::time::Duration::from_secs(30));
}

/// A centre that stops answering while vehicles drive ends the drive, with a word, and leaves no results.
#[test]
fn regress_a_centre_that_is_stopped() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let (mut centre, address) = start(&["wang2025", "--policy", "nearest"]);
    let to = format!("http://{address}");
    let traffic = ["wang2025", "--set", "fleet.size=8", "--slots", "600"];
    let drive = ["--to", &to, "--out", text(&out)];
    let mut driving = command(&[&["drive"], &traffic[..], &drive].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(driving.stderr.take().unwrap()).lines();
    // it drives
    assert!(said.next().unwrap().unwrap().starts_with("slot 1 of 600"));
    assert!(send("-STOP", &centre));
    let begun = Instant::now();
    assert_eq!(driving.wait().unwrap().code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(60));
    let said: Vec<String> = said.map_while(Result::ok).collect();
    let last = said.last().unwrap();
    assert!(
        last.contains(&address) && last.contains("is it stopped?"),
        "{said:?}"
    );
    assert!(!out.join("summary.json").exists());
    centre.kill().unwrap();
    centre.wait().unwrap();
}
