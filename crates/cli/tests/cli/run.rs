//! `wayside run`.

use crate::{TINY, command, printed, refused, stderr, stdout, text, wayside};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&TINY, more].concat()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn property_table_has_a_line_per_policy() {
    let table = printed(&tiny(&["--bound"]));
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0], "wang2025, 2 seeds, 4 slots, 64 tasks");
    assert!(lines[2].trim_start().starts_with("policy"));
    assert_eq!(lines.len(), 3 + 8 + 2);
    let verdict = " % of the optimum (gap to the bound without (16e)).";
    assert!(lines[12].ends_with(verdict), "{table}");
    let unbalanced = printed(&tiny(&["--bound", "--set", "load_balance.enforce=false"]));
    assert!(
        unbalanced.trim_end().ends_with(" % of the optimum."),
        "{unbalanced}"
    );
    assert!(!table.contains("slot-fit"));

    let carried = printed(&tiny(&["--set", "time.carry_over=true"]));
    assert!(carried.contains("slot-fit") && carried.contains("--bound certifies"));
}

#[test]
fn property_without_arguments_it_says_how_to_go_on() {
    let small = [
        "run",
        "--set",
        "fleet.size=4",
        "--slots",
        "2",
        "--seeds",
        "5",
    ];
    let output = wayside(&small);
    assert!(stdout(&output).contains("% of the optimum"));
    assert!(stderr(&output).contains("--out results/"));
    assert_eq!(stderr(&wayside(&[&small[..], &["-q"]].concat())), "");
    assert_eq!(stderr(&wayside(&TINY)), "");
}

#[test]
fn property_json_has_the_documented_keys() {
    let summary = json(&printed(&tiny(&["--bound=split", "--format", "json"])));
    assert_eq!(summary["scenario"], "wang2025");
    assert_eq!(summary["seeds"], json("[0, 1]"));
    assert_eq!(summary["slots"], 4);
    assert_eq!(summary["version"], env!("CARGO_PKG_VERSION"));
    for policy in summary["policies"].as_array().unwrap() {
        for metric in [
            "objective",
            "delay_s",
            "energy_j",
            "lower_bound",
            "deadline_met",
            "offloaded",
            "migrated",
            "lbm",
            "lbm_violations",
            "total_delay_s",
        ] {
            assert!(policy[metric]["mean"].is_f64(), "{metric}");
            assert!(policy[metric]["ci95"][1].is_f64(), "{metric}");
        }
        let gap = &policy["gap"];
        assert!(
            gap["min"].as_f64().unwrap() > -1e-9 && gap["max"].is_f64() && gap["mean"].is_f64()
        );
        assert_eq!(
            (&policy["on_time"], &policy["lost"]),
            (&Value::Null, &Value::Null)
        );
    }
    let timing = &summary["timing"][0];
    assert_eq!(timing["policy"], "local");
    assert!(timing["decision_time_s"]["p50"].is_f64() && timing["decision_time_s"]["p99"].is_f64());
}

#[test]
fn property_csv_is_in_the_order_asked_for() {
    let csv = printed(&tiny(&["--policy", "price,nearest", "--format", "csv"]));
    let first: Vec<_> = csv
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(first, ["policy", "price", "nearest"]);
}

#[test]
fn property_threads_change_no_byte() {
    let root = tempfile::tempdir().unwrap();
    let run = |threads: &str| {
        let out = root.path().join(threads);
        let args = [
            "--bound",
            "--no-timing",
            "--tasks",
            "--threads",
            threads,
            "--format",
            "json",
            "--out",
        ];
        (printed(&tiny(&[&args[..], &[text(&out)]].concat())), out)
    };
    let ((one, a), (two, b)) = (run("1"), run("2"));
    assert_eq!(one, two);
    assert!(json(&one).get("timing").is_none());
    assert_eq!(names(&a), names(&b));
    for name in [
        "slots.parquet",
        "summary.csv",
        "summary.json",
        "tasks.parquet",
        "figures/comparison.svg",
    ] {
        assert!(
            fs::read(a.join(name)).unwrap() == fs::read(b.join(name)).unwrap(),
            "{name}"
        );
    }
    let manifest = json(&fs::read_to_string(a.join("manifest.json")).unwrap());
    assert_eq!(manifest["complete"], true);
    assert_eq!(manifest["slots"], 4);
    assert!(
        manifest["scenario_text"]
            .as_str()
            .unwrap()
            .contains("size = 8")
    );
}

#[test]
fn property_only_results_are_replaced_and_only_by_force() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let base = tiny(&["--out", text(&out)]);
    let with = |more: &[&'static str]| [&base, more].concat();
    printed(&with(&[]));
    printed(&with(&[]));
    refused(&with(&["--bound"]), 2, &["another run", "--force"]);
    printed(&with(&["--bound", "--force"]));

    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("thesis.txt"), "all of it").unwrap();
    fs::write(home.join("summary.csv"), "mine").unwrap();
    let forced = tiny(&["--out", text(&home), "--force"]);
    refused(&forced, 2, &["summary.csv: is not listed"]);
    assert_eq!(names(&home), ["summary.csv", "thesis.txt"]);
    fs::remove_file(home.join("summary.csv")).unwrap();
    printed(&forced);
    let thesis = fs::read_to_string(home.join("thesis.txt")).unwrap();
    assert_eq!(thesis, "all of it");
}

#[test]
fn property_unwritable_targets_leave_nothing() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("out");
    refused(
        &tiny(&["--out", text(&below)]),
        1,
        &["error: ", text(&below)],
    );
    refused(
        &tiny(&["--dump-slots", text(&below)]),
        1,
        &["error: ", text(&below)],
    );
    refused(&tiny(&["--out", "/dev/full/x"]), 1, &["/dev/full/x"]);
    refused(&tiny(&["--out", text(&file)]), 2, &["is a file"]);
    let (out, within) = (root.path().join("out"), root.path().join("out/slots"));
    refused(
        &tiny(&["--out", text(&out), "--dump-slots", text(&within)]),
        2,
        &["--dump-slots: must be outside --out"],
    );
    assert_eq!(names(root.path()), ["file"]);
}

#[test]
fn property_bad_arguments_are_named() {
    let set = ["run", "--set", "fleet.sise=3", "--set", "task.cycles=-1"];
    refused(
        &set,
        2,
        &["did you mean \"size\"", "task.cycles: must be > 0, got -1"],
    );
    refused(&["run", "--set", "fleet.size"], 2, &["KEY=VALUE"]);
    refused(
        &["run", "--policy", "prise"],
        2,
        &["did you mean \"price\""],
    );
    refused(&["run", "--policy", "price,price"], 2, &["twice"]);
    refused(&["run", "hotspott"], 2, &["did you mean \"hotspot\""]);
    refused(&["run", "none.toml"], 2, &["none.toml"]);
    refused(&["run", "--seeds", "9..0"], 2, &["0..9 is the range"]);
    refused(&["run", "--seeds", "1,1"], 2, &["twice"]);
    refused(&["run", "--seeds", "0..99999999999"], 2, &["at most"]);
    refused(&["run", "--seeds", "x"], 2, &["0..9"]);
    refused(&["run", "--slots", "0"], 2, &["--slots"]);
    refused(&["run", "--threads", "0"], 2, &["--threads"]);
    refused(
        &["run", "--bound=tight"],
        2,
        &["auto, simple, split, horizon, off"],
    );
    refused(&["run", "--force"], 2, &["--out"]);
}

#[test]
fn oracle_decide_costs_what_the_run_did() {
    let root = tempfile::tempdir().unwrap();
    for enforce in ["load_balance.enforce=false", "load_balance.enforce=true"] {
        let slots = root.path().join(enforce);
        let one = "run wang2025 --set fleet.size=30 --slots 1 --seeds 3 --policy nearest --bound";
        let args = [
            "--set",
            enforce,
            "--dump-slots",
            text(&slots),
            "--format",
            "json",
        ];
        let run = json(&printed(
            &[&one.split(' ').collect::<Vec<_>>()[..], &args].concat(),
        ));
        assert_eq!(names(&slots), ["seed3_slot000.json", "slots.manifest"]);
        let slot = slots.join("seed3_slot000.json");
        let decided = json(&printed(&[
            "decide",
            text(&slot),
            "--policy",
            "nearest",
            "--bound",
        ]));
        let found = [
            &decided["objective"],
            &decided["lower_bound"],
            &decided["load"]["lbm"],
        ];
        for (metric, found) in ["objective", "lower_bound", "lbm"].iter().zip(found) {
            let expected = run["policies"][0][metric]["mean"].as_f64().unwrap();
            let found = found.as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-9 * expected,
                "{metric}: {found} {expected}"
            );
        }
    }
}

/// What is defined by shares of CPU is null where there are none.
#[test]
fn property_decide_says_nothing_of_balance_where_tasks_queue() {
    let root = tempfile::tempdir().unwrap();
    let run = "run lin2025 --set fleet.size=5 --slots 1 --seeds 0 --policy nearest --dump-slots";
    let args = [
        &run.split(' ').collect::<Vec<_>>()[..],
        &[text(root.path())],
    ]
    .concat();
    printed(&args);
    let slot = root.path().join("seed0_slot000.json");
    let decided = json(&printed(&["decide", text(&slot), "--policy", "nearest"]));
    assert!(decided["objective"].as_f64().unwrap() > 0.0);
    let load = &decided["load"];
    for found in [
        &load["lbm"],
        &load["tau"],
        &load["satisfied"],
        &decided["certificate"],
    ] {
        assert!(found.is_null(), "{decided}");
    }
    let table = printed(&[
        "decide",
        text(&slot),
        "--policy",
        "nearest",
        "--format",
        "table",
    ]);
    assert!(!table.contains("LBM"), "{table}");
}

#[cfg(unix)]
#[test]
fn property_interrupted_runs_keep_what_is_finished() {
    let root = tempfile::tempdir().unwrap();
    let (out, slots) = (root.path().join("out"), root.path().join("slots"));
    let args = [
        "run",
        "wang2025",
        "--set",
        "fleet.size=2",
        "--slots",
        "2",
        "--seeds",
        "0..9999",
    ];
    let more = [
        "--policy",
        "local",
        "--threads",
        "1",
        "--format",
        "json",
        "--out",
        text(&out),
    ];
    let child = command(&[&args[..], &more, &["--dump-slots", text(&slots)]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The second seed begins when the first is finished.
    let begun = slots.join(".wayside/new/seed1_slot000.json");
    let clock = Instant::now();
    while !begun.exists() {
        assert!(clock.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let done = json(stdout(&output))["seeds"].as_array().unwrap().len();
    assert!((1..10_000).contains(&done));
    assert_eq!(
        stderr(&output),
        format!(
            "Results, figures and manifest: {}\ninterrupted: {done} of 10000 seeds\n",
            text(&out)
        )
    );
    let manifest = json(&fs::read_to_string(out.join("manifest.json")).unwrap());
    assert_eq!(manifest["complete"], false);
    assert_eq!(names(root.path()), ["out", "slots"]);
}
