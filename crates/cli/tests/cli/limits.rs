//! Inputs that would take endless time or memory, and names with special characters.

use super::{command, printed, refused, stderr, stdout, text, wayside};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn words(line: &str) -> Vec<&str> {
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

/// Wherever the work is.
#[cfg(unix)]
#[test]
fn property_signals_end_work_within_a_second() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    for (line, signal) in [
        (
            "run wang2025 --set fleet.size=4000 --slots 3 --seeds 0 --policy price --bound=split -q",
            "-TERM",
        ),
        (
            "run wang2025 --set fleet.size=4000 --slots 3 --seeds 0 --policy price --bound=split -q",
            "-INT",
        ),
    ] {
        let line = format!("{line} --out {}", text(&out));
        let mut child = command(&words(&line))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !out.join(".wayside/lock").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        ends_by(&mut child, signal, &line);
    }
    // what is left is no obstacle
    printed(&words(&format!(
        "run wang2025 --set fleet.size=4 --slots 1 --seeds 0 --policy nearest -q --out {}",
        text(&out)
    )));
}

/// A signal ends `child` with exit code 130, soon even where the machine is busy.
#[cfg(unix)]
fn ends_by(child: &mut std::process::Child, signal: &str, line: &str) {
    assert!(child.try_wait().unwrap().is_none(), "{line}");
    let begun = Instant::now();
    let kill = std::process::Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130), "{line}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{line}: {took:?}");
}

/// Where nothing is stopped between two slots: a slot, rounds of information, input that does not come, the cells of a large
/// study.
#[cfg(unix)]
#[test]
fn property_signals_end_what_is_no_slot_loop() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&root.path().join(name)).to_owned();
    let (slot, out) = (at("slot"), at("out"));
    printed(&words(&format!(
        "run wang2025 --set fleet.size=3000 --set fleet.cpu_hz=1e7 --set task.data_bytes=100 --slots 1 --seeds 0 --policy local -q --dump-slots {slot}"
    )));
    let decide = format!("decide {slot}/seed0_slot000.json --policy local-search");
    // a hundred thousand cells
    let axis = |key: &str| {
        let values: Vec<_> = (1..100)
            .map(|i| format!("{}", f64::from(i) * 0.01))
            .collect();
        format!(
            "[[grid.axis]]\nkey = \"{key}\"\nvalues = [{}]\n",
            values.join(", ")
        )
    };
    let grids: String = (0..10)
        .map(|id| {
            let axes = axis("objective.omega") + &axis("task.probability");
            format!(
                "[[grid]]\nid = \"g{id}\"\nscenario = \"wang2025\"\npolicies = [\"local\"]\n{axes}"
            )
        })
        .collect();
    let head = "[study]\nname = \"s\"\ntitle = \"t\"\n";
    fs::write(at("s.toml"), format!("{head}{grids}")).unwrap();
    for (line, begun) in [
        (decide, None),
        (
            format!(
                "study {} --threads 1 -q --out {}",
                at("s.toml"),
                at("grids")
            ),
            None,
        ),
        (
            "run lin2025 --seeds 0 --slots 10000 --set information.delay_s=40 --policy mcatm -q"
                .to_owned(),
            None,
        ),
        (format!("import - --out {}", at("t.parquet")), None),
        ("run - --seeds 0".to_owned(), None),
        ("decide - --policy price".to_owned(), None),
        ("check -".to_owned(), None),
        (
            format!("study wang2025 --quick --threads 1 -q --out {out}"),
            Some(format!("{out}/.wayside/lock")),
        ),
    ] {
        for signal in ["-INT", "-TERM"] {
            let mut child = command(&words(&line))
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while begun
                .as_ref()
                .is_some_and(|file| !fs::exists(file).unwrap())
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(500));
            ends_by(&mut child, signal, &line);
        }
    }
    // the import leaves nothing behind
    let mut names: Vec<_> = fs::read_dir(root.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["grids", "out", "s.toml", "slot"]);
}

/// Inputs that are written by another program while they are read.
#[cfg(unix)]
#[test]
fn property_pipes_are_inputs() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&root.path().join(name)).to_owned();
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let scenario = format!("{repository}/scenarios/wang2025.toml");
    let run = "--slots 2 --seeds 0 --policy nearest --no-timing -q";
    let expected = printed(&words(&format!("run {scenario} {run}")));
    let through = |content: &[u8], line: &str| {
        let pipe = at("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let content = content.to_vec();
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::write(pipe, content)
        });
        let found = printed(&words(&line.replace("PIPE", &pipe)));
        writer.join().unwrap().unwrap();
        fs::remove_file(pipe).unwrap();
        found
    };
    let scenario = fs::read(scenario).unwrap();
    assert_eq!(through(&scenario, &format!("run PIPE {run}")), expected);
    assert!(through(&scenario, "check PIPE").contains("pipe: ok (100 vehicles"));
    let study = fs::read(format!("{repository}/studies/cross.toml")).unwrap();
    assert!(through(&study, "check PIPE").contains("pipe: ok (a study of"));
    printed(&words(&format!(
        "run wang2025 --slots 1 --seeds 0 --policy local -q --dump-slots {}",
        at("d")
    )));
    let slot = at("d/seed0_slot000.json");
    let placements = |decision: &str| {
        serde_json::from_str::<serde_json::Value>(decision).unwrap()["placements"].clone()
    };
    let decided = placements(&printed(&words(&format!("decide {slot} --policy nearest"))));
    let found = through(&fs::read(slot).unwrap(), "decide PIPE --policy nearest");
    assert!(decided.is_array() && placements(&found) == decided);
    // standard input
    for (line, found) in [
        (format!("run - {run}"), expected.as_str()),
        ("check -".to_owned(), "-: ok (100 vehicles"),
    ] {
        let mut child = command(&words(&line))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, &scenario).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(
            stdout(&output).starts_with(found),
            "{line}: {}",
            stdout(&output)
        );
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

/// Devices, pipes that nobody writes to, and sockets, as every input of every command.
#[cfg(unix)]
#[test]
fn property_only_files_are_inputs() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&root.path().join(name)).to_owned();
    let made = std::process::Command::new("mkfifo")
        .arg(at("fifo"))
        .status();
    assert!(made.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let study = at("s.toml");
    let records = r#"
[study]
name = "s"
title = "t"
[[grid]]
id = "g"
measure = "recorded"
file = "INPUT"
policies = ["price"]
"#;
    let lines = [
        "check INPUT",
        "run INPUT --slots 1 --seeds 0",
        "run wang2025 --slots 1 --seeds 0 --policy INPUT",
        "run wang2025 --slots 1 --seeds 0 --set backhaul={path='INPUT',rate_bps=1e9,migration_power_w=1}",
        "run city-grid --slots 1 --seeds 0 --set fleet.mobility.path=INPUT",
        "study INPUT --out OUT",
        "check STUDY",
        "study STUDY --out OUT",
        "reproduce lin2025 --quick --page INPUT --out OUT",
        "train ppo INPUT --out OUT",
        "train ppo city-grid --out OUT --set fleet.mobility.path=INPUT",
        "decide INPUT --policy price",
        "import INPUT --out OUT.parquet",
    ];
    for name in ["/dev/zero", "fifo", "socket"] {
        let input = if name.starts_with('/') {
            name.to_owned()
        } else {
            at(name)
        };
        fs::write(&study, records.replace("INPUT", &input)).unwrap();
        for line in lines {
            let line = line.replace("INPUT", &input).replace("OUT", &at("out"));
            let line = line.replace("STUDY", &study);
            let (code, error) = ended(&line);
            assert!(matches!(code, Some(1 | 2)), "{line}: {code:?}: {error}");
            assert!(error.contains(&input), "{line}: {error}");
        }
        // results of another run whose manifest is no file
        let out = root.path().join("o");
        fs::create_dir(&out).unwrap();
        std::os::unix::fs::symlink(&input, out.join("manifest.json")).unwrap();
        let line = format!("run wang2025 --slots 1 --seeds 0 --out {}", text(&out));
        let (code, error) = ended(&line);
        assert!(matches!(code, Some(1 | 2)), "{line}: {code:?}: {error}");
        assert!(error.contains("manifest.json"), "{line}: {error}");
        fs::remove_dir_all(out).unwrap();
    }
    assert!(!root.path().join("out").exists());
}

/// The exit code of a command and what it said; none where it did not end soon.
#[cfg(unix)]
fn ended(line: &str) -> (Option<i32>, String) {
    use std::io::Read as _;
    let mut child = command(&words(line))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut error = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut error).unwrap();
    (child.wait().unwrap().code(), error)
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
