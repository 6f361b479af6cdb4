//! The program as its users meet it: arguments in, bytes and exit codes out.

mod benchmark;
mod decide;
#[cfg(all(unix, feature = "live"))]
mod drive;
#[cfg(all(unix, feature = "live"))]
mod emulate;
mod folders;
#[cfg(unix)]
mod inputs;
mod limits;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(all(target_os = "linux", feature = "live"))]
mod netns;
mod run;
#[cfg(all(unix, feature = "live"))]
mod serve;
#[cfg(unix)]
mod signals;
mod study;
#[cfg(unix)]
mod sumo;
#[cfg(all(unix, feature = "live"))]
mod tls;
mod traces;
mod train;
#[cfg(all(unix, feature = "live"))]
mod unit;
mod writers;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A run that takes milliseconds.
const TINY: [&str; 8] = [
    "run",
    "wang2025",
    "--set",
    "fleet.size=8",
    "--slots",
    "4",
    "--seeds",
    "0..1",
];

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command.args(args).stdin(Stdio::null());
    command
}

fn wayside(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// What a command that must end well prints.
fn printed(args: &[&str]) -> String {
    let output = wayside(args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output).to_owned()
}

/// A command that must fail with `code`, print nothing, and say each of `messages`.
fn refused(args: &[&str], code: i32, messages: &[&str]) {
    let output = wayside(args);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    assert_eq!(stdout(&output), "", "{args:?}");
    for message in messages {
        assert!(error.contains(message), "{args:?}: {error}");
    }
}

/// Sends a signal, such as `-INT`; whether the process was there.
#[cfg(unix)]
fn send(signal: &str, child: &std::process::Child) -> bool {
    let id = child.id().to_string();
    let kill = Command::new("kill").args([signal, &id]).output();
    kill.unwrap().status.success()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn property_help_teaches() {
    for command in [
        "run",
        "train",
        "decide",
        "policies",
        "check",
        "import",
        "schema",
        "bench",
        "benchmark",
    ] {
        let help = printed(&[command, "--help"]);
        assert!(help.contains("Examples:\n  "), "{command}");
        assert!(printed(&["--help"]).contains(&format!("\n  {command} ")));
    }
    refused(&[], 2, &["Usage: wayside <COMMAND>"]);
}

#[test]
fn property_policies_and_schemas_are_listed() {
    let table = printed(&["policies"]);
    assert!(table.starts_with("name  "), "{table}");
    let list: serde_json::Value =
        serde_json::from_str(&printed(&["policies", "--format", "json"])).unwrap();
    assert_eq!(list.as_array().unwrap().len() + 1, table.lines().count());
    assert!(
        printed(&["policies", "--format", "csv"]).starts_with("name,what,source,options,needs\n")
    );
    for kind in ["scenario", "slot", "result", "decision", "score"] {
        let schema: serde_json::Value = serde_json::from_str(&printed(&["schema", kind])).unwrap();
        assert!(schema["properties"].is_object(), "{kind}");
    }
    refused(&["schema", "scenari"], 2, &["'scenario'"]);
}

#[test]
fn property_check_names_every_problem_of_every_file() {
    let root = tempfile::tempdir().unwrap();
    let one = root.path().join("one.toml");
    let two = root.path().join("two.toml");
    let missing = root.path().join("missing.toml");
    std::fs::write(&one, "[scenario]\nname = 3\n[tiem]\n").unwrap();
    std::fs::write(&two, "not toml at all").unwrap();
    let output = wayside(&["check", text(&one), "wang2025", text(&two), text(&missing)]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stdout(&output),
        "wang2025: ok (100 vehicles, 11 RSUs, 120 slots)\n"
    );
    let errors = stderr(&output);
    for part in [
        "one.toml:2",
        "\"tiem\"",
        "did you mean \"time\"",
        "two.toml:1",
        "missing.toml: ",
    ] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert!(
        errors.lines().all(|line| line.starts_with("error: ")),
        "{errors}"
    );
}

#[test]
fn property_a_missing_file_is_bad_input_in_every_command() {
    for line in [
        "run missing.toml",
        "run wang2025 --policy missing.safetensors",
        "decide missing.json --policy price",
        "train ppo missing.toml --out out",
        "check missing.toml",
        "import missing.xml --out out.parquet",
        "study missing.toml --out out",
        "benchmark --policy missing.safetensors",
        #[cfg(feature = "live")]
        "serve missing.toml",
        #[cfg(feature = "live")]
        "serve --tokens missing.txt",
        #[cfg(feature = "live")]
        "serve --tls-cert missing.pem --tls-key missing.pem",
        #[cfg(feature = "live")]
        "rsu --id a --config missing.toml",
        #[cfg(feature = "live")]
        "emulate missing.toml",
        #[cfg(feature = "live")]
        "drive missing.toml",
        #[cfg(feature = "live")]
        "drive wang2025 --token-file missing.txt",
        #[cfg(feature = "live")]
        "view missing",
    ] {
        let words: Vec<&str> = line.split(char::is_whitespace).collect();
        refused(&words, 2, &["missing"]);
    }
}

#[test]
fn property_closed_pipe_is_no_failure() {
    for args in [["schema", "scenario"].as_slice(), &TINY] {
        let mut child = command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    }
}
