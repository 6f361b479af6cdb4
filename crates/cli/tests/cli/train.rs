//! `wayside train`, and what it makes in `run` and `decide`.

use super::{command, printed, refused, stderr, text, wayside};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A training that takes a second.
const SMALL: [&str; 16] = [
    "--set",
    "fleet.size=6",
    "--option",
    "n_envs=2",
    "--option",
    "n_steps=40",
    "--option",
    "batch_size=40",
    "--option",
    "net_arch=8",
    "--option",
    "eval_seeds=1",
    "--option",
    "eval_slots=2",
    "--option",
    "total_timesteps=240",
];

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = ["train", "ppo", "wang2025", "--out", out];
    start.iter().chain(&SMALL).chain(more).copied().collect()
}

#[test]
fn property_a_trained_policy_is_one_more_policy() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("t");
    let result = printed(&train(text(&out), &["--format", "json"]));
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert!(result[0]["gap"].as_f64().unwrap() >= 0.0, "{result}");
    let names = [
        "policy.safetensors",
        "policy.json",
        "progress.csv",
        "checkpoint.safetensors",
    ];
    for name in names {
        assert!(out.join(name).is_file(), "{name}");
    }
    let policy = out.join("policy.safetensors");
    let both = format!("{},ppo,nearest", text(&policy));
    let run = [
        "run",
        "wang2025",
        "--set",
        "fleet.size=9",
        "--slots",
        "2",
        "--seeds",
        "0",
        "--no-timing",
    ];
    let more = ["--policy", &both, "--format", "json"];
    let args: Vec<_> = run.iter().chain(&more).copied().collect();
    let first = printed(&args);
    assert_eq!(first, printed(&args));
    let summary: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(summary["policies"][0]["policy"], text(&policy));
    assert_eq!(summary["policies"][1]["policy"], "ppo");
}

#[test]
fn property_trained_policies_decide_slots() {
    let folder = tempfile::tempdir().unwrap();
    let slots = folder.path().join("slots");
    printed(&[
        "run",
        "wang2025",
        "--set",
        "fleet.size=5",
        "--slots",
        "1",
        "--seeds",
        "0",
        "--policy",
        "local",
        "--dump-slots",
        text(&slots),
    ]);
    let slot = slots.join("seed0_slot000.json");
    let decision = printed(&["decide", text(&slot), "--policy", "ppo", "--bound"]);
    let decision: serde_json::Value = serde_json::from_str(&decision).unwrap();
    assert_eq!(decision["policy"], "ppo");
    assert!(decision["gap"].as_f64().unwrap() < 0.02, "{decision}");

    // a policy for other numbers is refused, and says why
    let out = folder.path().join("flat");
    printed(&train(text(&out), &["--option", "agent=paper"]));
    let flat = out.join("policy.safetensors");
    printed(&[
        "run",
        "wang2025",
        "--set",
        "fleet.size=6",
        "--slots",
        "1",
        "--seeds",
        "0",
        "--policy",
        text(&flat),
    ]);
    let run = [
        "run",
        "wang2025",
        "--set",
        "fleet.size=7",
        "--slots",
        "1",
        "--policy",
        text(&flat),
    ];
    refused(&run, 2, &["must be at most 6 vehicles, got 7"]);
}

#[test]
fn property_bad_trainings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("t");
    refused(
        &train(text(&out), &["--option", "learnin_rate=1"]),
        2,
        &["did you mean learning_rate?"],
    );
    refused(
        &train(text(&out), &["--resume"]),
        2,
        &["checkpoint.safetensors"],
    );
    refused(
        &train(text(&out), &["--vary", "fleet.size=9..3"]),
        2,
        &["the first end must be below the second, got 9..3"],
    );
    refused(
        &train(text(&out), &["--vary", "fleet.sise=3..9"]),
        2,
        &["fleet.sise", "did you mean"],
    );
    refused(
        &["train", "dqn", "wang2025", "--out", text(&out)],
        2,
        &["expected ppo, ac, sac or lysac"],
    );
    refused(
        &["train", "ppo", "wang2026", "--out", text(&out)],
        2,
        &["did you mean"],
    );
    printed(&train(text(&out), &["--quiet"]));
    refused(&train(text(&out), &[]), 2, &["--resume goes on with it"]);
    let file = folder.path().join("x.safetensors");
    std::fs::write(&file, "no tensors").unwrap();
    let run = ["run", "wang2025", "--slots", "1", "--policy", text(&file)];
    refused(
        &run,
        2,
        &["x.safetensors", "must be a safetensors file of wayside"],
    );
    refused(
        &["run", "wang2025", "--policy", "pppo"],
        2,
        &["unknown policy", "did you mean \"ppo\""],
    );
    let listed = printed(&[
        "train",
        "ac",
        "wang2025",
        "--list-options",
        "--format",
        "csv",
    ]);
    assert!(listed.contains("\nlearning_rate,0.0007\n"), "{listed}");
}

/// Starts the program, and waits until `file` is there, or half a minute.
fn begun(arguments: &[&str], file: &std::path::Path) -> std::process::Child {
    let child = command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !file.exists() && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_micros(100));
    }
    child
}

#[test]
fn regress_a_training_killed_before_its_first_checkpoint_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--option", "total_timesteps=4000", "--quiet"];
    // on a busy machine the kill may come late
    let killed = (0..50).find_map(|attempt| {
        let out = folder.path().join(format!("out{attempt}"));
        let mut child = begun(&train(text(&out), &options), &out.join(".wayside/lock"));
        child.kill().unwrap();
        child.wait().unwrap();
        let early = out.join(".wayside").exists() && !out.join("checkpoint.safetensors").exists();
        early.then_some(out)
    });
    let out = killed.expect("killed before it had a checkpoint");
    let more = ["--option", "total_timesteps=4000", "--quiet", "--resume"];
    let output = wayside(&train(text(&out), &more));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    // what was never begun is still an error
    let output = wayside(&train(text(&folder.path().join("none")), &more));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

/// Ctrl-C, as a terminal sends it.
#[cfg(unix)]
#[test]
fn property_an_interrupted_training_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let long = [
        "--option",
        "total_timesteps=8000",
        "--option",
        "eval_freq=4",
        "--quiet",
    ];
    printed(&train(text(&whole), &long));
    let arguments = train(text(&parts), &long);
    let mut child = begun(&arguments, &parts.join("checkpoint.safetensors"));
    let signal = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let more: Vec<_> = long
        .iter()
        .copied()
        .chain(["--resume", "--threads", "1"])
        .collect();
    let output = wayside(&train(text(&parts), &more));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let card = |folder: &std::path::Path| {
        let mut card: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("policy.json")).unwrap())
                .unwrap();
        // it names the folder
        card["command"] = serde_json::Value::Null;
        card
    };
    assert_eq!(card(&whole), card(&parts));
    let table = |folder: &std::path::Path| -> Vec<String> {
        let table = std::fs::read_to_string(folder.join("progress.csv")).unwrap();
        let untimed = |line: &str| line.rsplitn(3, ',').last().unwrap().to_owned();
        table.lines().map(untimed).collect()
    };
    assert_eq!(table(&whole), table(&parts));
}

/// The help is written from the definition that reads the options; this asks the program on both sides.
#[test]
fn property_help_explains_every_option() {
    let help = printed(&["train", "--help"]);
    for (algorithm, scenario) in [
        ("ppo", "wang2025"),
        ("ac", "wang2025"),
        ("sac", "wang2025"),
        ("lysac", "lin2025"),
    ] {
        let list = printed(&[
            "train",
            algorithm,
            scenario,
            "--list-options",
            "--format",
            "json",
        ]);
        let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
        // groups: a line of algorithms, then a line or more per option
        let mut of_algorithm = false;
        let mut explained = std::collections::BTreeSet::new();
        for line in help.lines() {
            if let Some(names) = line.strip_prefix("  ").and_then(|l| l.strip_suffix(':')) {
                of_algorithm = names.split(", ").any(|name| name == algorithm);
            } else if let Some(option) = line.strip_prefix("    ").filter(|_| of_algorithm) {
                let (name, meaning) = option.split_once(' ').unwrap_or_default();
                if !name.is_empty() && !meaning.trim().is_empty() {
                    explained.insert(name.to_owned());
                }
            }
        }
        let listed = list
            .iter()
            .map(|option| option["option"].as_str().unwrap().to_owned());
        assert_eq!(explained, listed.collect(), "{algorithm}");
    }
}
