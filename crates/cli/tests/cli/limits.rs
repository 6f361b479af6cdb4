//! Inputs that would take endless time or memory, and names with special characters.

use super::{printed, refused, stderr, stdout, text, wayside};
use std::fs;
use std::time::{Duration, Instant};

pub(super) fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn regress_work_without_end_is_refused_before_it_begins() {
    for (line, key) in [
        (
            "run lin2025 --slots 2 --set information.packet_bytes=1e18",
            "information.packet_bytes",
        ),
        (
            "run lin2025 --set information.delay_s=1e9",
            "information.delay_s",
        ),
        (
            "run lin2025 --set backhaul.rate_bps=1",
            "information.packet_bytes",
        ),
        (
            "run lin2025 --set fleet.size=8 --set information.delay_s=100000",
            "information.delay_s",
        ),
    ] {
        let line = format!("{line} --seeds 0 --policy mcatm -q");
        let begun = Instant::now();
        refused(&words(&line), 2, &[key, "must lead to at most"]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{line}");
    }
}

#[test]
fn regress_training_options_near_the_end_of_numbers() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("t");
    for algorithm in ["ppo", "sac", "ac"] {
        for (option, value) in [
            ("eval_seeds", u64::MAX / 2),
            ("eval_slots", u64::MAX / 2),
            ("shards", u64::MAX / 2),
            ("batch_size", u64::MAX),
            ("n_envs", u64::MAX / 2),
            ("n_steps", u64::MAX / 2),
            ("buffer_size", u64::MAX / 2),
        ] {
            if option == "buffer_size" && algorithm != "sac" {
                continue; // of no effect there
            }
            let option = format!("{option}={value}");
            let line = format!(
                "train {algorithm} wang2025 -q --out {} --option {option}",
                text(&out)
            );
            let output = wayside(&words(&line));
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{line}: {error}");
            assert!(!error.contains("panicked"), "{line}: {error}");
        }
    }
    assert!(!out.exists());
}

#[test]
fn regress_sizes_in_policy_files_do_not_wrap() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("p.safetensors");
    let huge = 1_u64 << 62;
    for (row_width, hidden) in [
        (huge, vec![4]),
        (4, vec![huge + 1]),
        (1 << 32, vec![1 << 32]),
        (4, vec![4; 1000]),
    ] {
        let card = serde_json::json!({
            "net": {"row_width": row_width, "logits_per_row": 1, "factors_per_vehicle": 1, "globals": 0,
                    "hidden": hidden, "value_hidden": [], "pool": "rows", "activation": "tanh"},
            "normalised": false,
        });
        let header = serde_json::json!({
            "__metadata__": {"wayside": card.to_string()},
            "params": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        });
        let header = header.to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 4]);
        fs::write(&path, bytes).unwrap();
        let line = format!(
            "run wang2025 --slots 1 --seeds 0 -q --policy {}",
            text(&path)
        );
        refused(&words(&line), 2, &["p.safetensors"]);
    }
}

/// A bound is never below zero, and a gap is over all seeds or none.
#[test]
fn regress_a_gap_is_claimed_for_all_seeds_or_not_at_all() {
    for set in [
        "channel.noise_dbm=20",
        "rsu_default.cpu_hz=1",
        "channel.noise_dbm=60",
    ] {
        let line = format!(
            "run wang2025 --set {set} --set fleet.size=12 --slots 2 --seeds 0..5 --policy price,local --bound --no-timing --format json"
        );
        let summary: serde_json::Value = serde_json::from_str(&printed(&words(&line))).unwrap();
        for policy in summary["policies"].as_array().unwrap() {
            let bound = policy["lower_bound"]["mean"].as_f64().unwrap();
            assert!(bound >= 0.0, "{set}: {bound}");
            if !policy["gap"].is_null() {
                assert!(
                    policy["gap"]["min"].as_f64().unwrap() >= -1e-9,
                    "{set}: {policy}"
                );
            }
        }
    }
}

#[test]
fn regress_grids_are_counted_not_multiplied_out() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("s.toml");
    let grid = |id: &str, axes: &str| {
        format!("[[grid]]\nid = {id:?}\nscenario = \"wang2025\"\npolicies = [\"nearest\"]\n{axes}")
    };
    let keys = [
        "objective.omega",
        "channel.noise_dbm",
        "fleet.size",
        "time.slot_s",
        "fleet.cpu_hz",
        "fleet.tx_power_w",
        "task.probability",
        "backhaul.rate_bps",
        "load_balance.alpha",
    ];
    let axes: String = keys
        .iter()
        .map(|key| {
            let values = match *key {
                "fleet.size" => "[1, 2, 3, 4, 5, 6, 7, 8, 9]",
                _ => "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]",
            };
            format!("[[grid.axis]]\nkey = {key:?}\nvalues = {values}\n")
        })
        .collect();
    let study = "[study]\nname = \"s\"\ntitle = \"t\"\n";
    fs::write(&file, format!("{study}{}", grid("g", &axes))).unwrap();
    let begun = Instant::now();
    refused(
        &["check", text(&file)],
        2,
        &["grid.0.axis", "at most 10000 cells"],
    );
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

const IDS: [&str; 4] = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-2+3"];

#[test]
fn regress_names_are_no_formulas_and_long_ones_leave_room() {
    let root = tempfile::tempdir().unwrap();
    let (file, out) = (root.path().join("s.toml"), root.path().join("o"));
    let wang2025 = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/wang2025.toml");
    let mut scenario = fs::read_to_string(wang2025).unwrap();
    let long = "Q".repeat(50);
    for (i, id) in IDS.iter().copied().chain([long.as_str()]).enumerate() {
        scenario = scenario.replace(&format!("id = \"r{i}\"\n"), &format!("id = {id:?}\n"));
    }
    fs::write(&file, scenario).unwrap();
    let line = format!(
        "run {} --slots 1 --seeds 0 --policy nearest -q --out {}",
        text(&file),
        text(&out)
    );
    let output = wayside(&words(&line));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{} {}",
        stderr(&output),
        stdout(&output)
    );
    for name in ["figures/map.csv", "figures/load.csv"] {
        let csv = fs::read_to_string(out.join(name)).unwrap();
        for id in IDS {
            assert!(csv.contains(&format!("'{id}")), "{name}: {csv}");
        }
        assert!(csv.contains(&long), "{name}");
    }
    let tex = fs::read_to_string(out.join("figures/load.tex")).unwrap();
    let width = tex
        .split("width=")
        .nth(1)
        .unwrap()
        .split("in")
        .next()
        .unwrap();
    assert!(width.parse::<f64>().unwrap() > 1.0, "{width}");
}

#[test]
fn regress_messages_command_no_terminal() {
    let root = tempfile::tempdir().unwrap();
    let slot = root.path().join("s.json");
    fs::write(&slot, "{\"\\u001b[2J\\u009b\": 1, \"slot_s\": 1}").unwrap();
    let output = wayside(&["decide", text(&slot), "--policy", "price"]);
    assert_eq!(output.status.code(), Some(2));
    let error = stderr(&output);
    assert!(!error.contains(['\u{1b}', '\u{9b}']), "{error:?}");
    assert!(error.contains("u{1b}"), "{error}");
}

#[test]
fn regress_ids_without_a_character() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("s.toml");
    for id in ["r\\uFFFF", "r\\uFFFE"] {
        fs::write(&file, format!("[[rsu]]\nid = \"{id}\"\nx_m = 1\ny_m = 1\n")).unwrap();
        refused(&["check", text(&file)], 2, &["rsu.0.id", "not characters"]);
    }
}

/// A grid's cells are counted before they are made.
#[test]
fn regress_large_grids_are_refused_before_they_are_multiplied_out() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("s.toml");
    let axis = |key: &str| {
        let values: Vec<_> = (1..40).map(|i| i.to_string()).collect();
        format!(
            "[[grid.axis]]\nkey = \"{key}\"\nvalues = [{}]\n",
            values.join(", ")
        )
    };
    let head = "[study]\nname = \"s\"\ntitle = \"t\"\n";
    let grid = |id: usize| {
        format!("[[grid]]\nid = \"g{id}\"\nscenario = \"wang2025\"\npolicies = [\"local\"]\n")
    };
    let keys = [
        "fleet.size",
        "time.slots",
        "backhaul.max_hops",
        "task.per_vehicle",
    ];
    let axes: String = keys.iter().map(|key| axis(key)).collect();
    fs::write(&file, format!("{head}{}{axes}", grid(0))).unwrap();
    let begun = Instant::now();
    let message = "axis: the grid must have at most 10000 cells, got 39 x 39 x 39 x 39";
    refused(&["check", text(&file)], 2, &[message]);
    let draws = "draws = 9000\n[[grid.draw]]\nkey = \"fleet.tx_power_w\"\nmin = 0.1\nmax = 0.3\n";
    let grids: String = (0..12).map(|id| grid(id) + draws).collect();
    fs::write(&file, format!("{head}{grids}")).unwrap();
    let message = "all grids together must have at most 100000 cells, got 108000";
    refused(&["check", text(&file)], 2, &[message]);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A bound that is looser for want of memory says so wherever it is shown.
#[test]
fn regress_a_bound_with_a_part_left_out_says_so() {
    let root = tempfile::tempdir().unwrap();
    for (size, is_loose) in [(2200, true), (50, false)] {
        let out = root.path().join(size.to_string());
        let line = format!(
            "run lin2025 --seeds 0 --slots 1 --policy nearest -q --bound --no-timing --set fleet.size={size} --out {}",
            text(&out)
        );
        let table = printed(&words(&line));
        let said = "In 1 of the bounds one part was left out";
        assert_eq!(table.contains(said), is_loose, "{table}");
        for (name, word) in [
            ("report.html", said),
            ("summary.json", "\"loose_bounds\": 1"),
            ("manifest.json", "\"loose_bounds\": 1"),
        ] {
            let file = fs::read_to_string(out.join(name)).unwrap();
            assert_eq!(file.contains(word), is_loose, "{name}");
        }
    }
}
