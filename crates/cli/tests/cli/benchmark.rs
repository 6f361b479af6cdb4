//! `wayside benchmark`.

use crate::{printed, refused, text, wayside};
use serde_json::Value;
use std::fs;

/// A card shows the name of a command as it is, to whoever reads it.
#[test]
fn regress_names_have_no_control_characters() {
    for name in ["a\u{1b}[31mb", "a\nb", " "] {
        let args = [
            "benchmark",
            "--policy-command",
            "true",
            "--policy-name",
            name,
        ];
        refused(&args, 2, &["control characters"]);
    }
}

#[test]
fn property_a_score_card_is_whole_and_equal() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    let play = |out: &std::path::Path, threads: &str| {
        printed(&[
            "benchmark",
            "--policy",
            "nearest,ect,session-plan",
            "--tasks",
            "slot-20,batch",
            "--quick",
            "--no-timing",
            "--format",
            "json",
            "--threads",
            threads,
            "--record",
            "-q",
            "--out",
            text(out),
        ])
    };
    let card = play(&one, "1");
    assert_eq!(card, play(&two, "2"));
    assert_eq!(fs::read_to_string(one.join("score.json")).unwrap(), card);
    for name in [
        "score.csv",
        "figures/benchmark.svg",
        "records/slot-20.nearest.seed1000.jsonl.gz",
        "records/batch.ect.seed1001.jsonl.gz",
    ] {
        let read = |folder: &std::path::Path| fs::read(folder.join(name)).unwrap();
        assert!(read(&one) == read(&two), "{name}");
    }
    let card: Value = serde_json::from_str(&card).unwrap();
    let result = |entry: usize, task: usize| &card["entries"][entry]["results"][task];
    assert!(result(0, 0)["gap"]["mean"].as_f64().unwrap() >= 0.0);
    assert_eq!(result(1, 1)["by_seed"].as_array().unwrap().len(), 2);
    assert_eq!(result(2, 0)["gap"], Value::Null);
    let reason = result(2, 0)["unplayable"].as_str().unwrap();
    assert!(reason.contains("is for sessions"), "{reason}");
    assert!(card["timing"].is_null());

    // another card is not replaced, and one that is forced leaves what is not ours
    fs::write(one.join("notes.txt"), "mine").unwrap();
    let other = [
        "benchmark",
        "--policy",
        "local",
        "--tasks",
        "slot-20",
        "--quick",
        "--out",
    ];
    let args = [&other[..], &[text(&one)]].concat();
    refused(&args, 2, &["holds another score card; --force replaces it"]);
    assert!(
        wayside(&[&args[..], &["--force"]].concat())
            .status
            .success()
    );
    assert!(
        one.join("notes.txt").exists() && !one.join("records/batch.ect.seed1001.jsonl.gz").exists()
    );
}

#[test]
fn property_a_page_gets_the_card() {
    let root = tempfile::tempdir().unwrap();
    let page = root.path().join("page.md");
    let args = [
        "benchmark",
        "--policy",
        "local",
        "--tasks",
        "slot-20",
        "--quick",
        "-q",
        "--page",
        text(&page),
    ];
    fs::write(&page, "no markers").unwrap();
    refused(&args, 2, &["has no lines <!-- begin wayside-bench-1 -->"]);
    fs::write(
        &page,
        "a\n<!-- begin wayside-bench-1 -->\nold\n<!-- end wayside-bench-1 -->\nz\n",
    )
    .unwrap();
    printed(&args);
    let new = fs::read_to_string(&page).unwrap();
    assert!(new.starts_with("a\n") && new.ends_with("z\n") && !new.contains("old"));
    assert!(new.contains("| `local` |"), "{new}");
}

#[test]
fn property_bad_usage_is_refused() {
    refused(&["benchmark"], 2, &["needs --policy or --policy-command"]);
    refused(
        &["benchmark", "--policy", "local", "--tasks", "slot-2"],
        2,
        &["slot-20"],
    );
    refused(
        &["benchmark", "--policy-command", "'open"],
        2,
        &["with quotes closed"],
    );
    refused(
        &[
            "benchmark",
            "--policy-command",
            "no-such-program",
            "--tasks",
            "slot-20",
            "--quick",
        ],
        2,
        &["no-such-program", "cannot be started"],
    );
}
