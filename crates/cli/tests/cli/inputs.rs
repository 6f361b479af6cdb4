//! What may be an input: files and pipes, and nothing that never ends.

use super::limits::words;
use super::{command, printed, stdout, text};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Inputs that are written by another program while they are read.
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

/// What is no file at all is as bad an input as a file that is not there.
#[test]
fn regress_folders_and_loops_are_bad_input() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&root.path().join(name)).to_owned();
    fs::create_dir(at("folder")).unwrap();
    std::os::unix::fs::symlink(at("loop"), at("loop")).unwrap();
    for input in [at("folder"), at("loop")] {
        for line in [
            "check INPUT",
            "run INPUT --slots 1",
            "decide INPUT --policy price",
            "import INPUT --out OUT",
            "run city-grid --set fleet.mobility.path=INPUT --seeds 0",
            "run wang2025 --set backhaul={path='INPUT',rate_bps=1e9,migration_power_w=1} --seeds 0",
        ] {
            let line = line
                .replace("INPUT", &input)
                .replace("OUT", &at("out.parquet"));
            let (code, error) = ended(&line);
            assert_eq!(code, Some(2), "{line}: {error}");
            assert!(error.contains(&input), "{line}: {error}");
        }
    }
}

/// Devices, pipes that nobody writes to, and sockets, as every input of every command.
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
            assert_eq!(code, Some(2), "{line}: {error}");
            assert!(error.contains(&input), "{line}: {error}");
        }
        // results of another run whose manifest is no file
        let out = root.path().join("o");
        fs::create_dir(&out).unwrap();
        std::os::unix::fs::symlink(&input, out.join("manifest.json")).unwrap();
        let line = format!("run wang2025 --slots 1 --seeds 0 --out {}", text(&out));
        let (code, error) = ended(&line);
        assert_eq!(code, Some(2), "{line}: {error}");
        assert!(error.contains("manifest.json"), "{line}: {error}");
        fs::remove_dir_all(out).unwrap();
    }
    assert!(!root.path().join("out").exists());
}

/// The exit code of a command and what it said; none where it did not end soon.
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
