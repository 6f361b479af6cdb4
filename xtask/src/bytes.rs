//! `cargo xtask bytes`: the program prints and writes the same bytes as at the last blessed commit.
//!
//! Every line of `bytes/commands.txt` is a command. Its exit code, its output and every file that it writes go into a
//! hash; `bytes/hashes.txt` holds the expected ones. A change that alters results on purpose is blessed, and the diff of
//! `hashes.txt` names every command that it touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Members of a document that depend on the clock, the machine or the commit.
const VOLATILE: [&str; 6] = [
    "commit",
    "machine",
    "started",
    "command",
    "decision_time_s",
    // names of kept cells and of logs of events; every file is listed here anyway
    "files",
];

/// Files that hold times by their nature: kept cells with their decision times, checkpoints, logs of events.
const TIMES: [&str; 5] = [
    "cells/",
    "timing.csv",
    "fig16",
    "checkpoint.",
    "events.out.",
];

struct Job {
    name: String,
    needs: Option<String>,
    arguments: Vec<String>,
}

/// Runs all commands with `program`, or with the workspace's own where there is none. `bless` writes the hashes;
/// `other` is a second program whose files are compared, so that a difference can be looked at.
pub(crate) fn check(bless: bool, other: Option<&str>) -> bool {
    if !crate::cargo(&["build", "--workspace"]) {
        return false;
    }
    let target = crate::root().join("target");
    let program = target.join("debug/wayside");
    let hashes = run_all(&program, &target.join("bytes/new"));
    if let Some(other) = other {
        let before = run_all(Path::new(other), &target.join("bytes/old"));
        eprintln!("outputs: target/bytes/old and target/bytes/new");
        return same(&before, &hashes);
    }
    let file = crate::root().join("xtask/bytes/hashes.txt");
    if bless {
        return write(&file, &hashes);
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    same(&parse(&expected), &hashes)
}

fn run_all(program: &Path, folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(crate::root().join("xtask/bytes/commands.txt"))
        .expect("bytes/commands.txt is part of the repository");
    _ = fs::remove_dir_all(folder);
    jobs(&text)
        .into_iter()
        .filter(available)
        .map(|job| {
            let here = folder.join(&job.name);
            let hash = run(program, &job, &here);
            (job.name, hash)
        })
        .collect()
}

fn jobs(text: &str) -> Vec<Job> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (head, arguments) = line.split_once(" | ").expect("NAME | arguments");
            let (name, needs) = match head.split_once(' ') {
                Some((name, needs)) => (name, Some(needs.to_owned())),
                None => (head, None),
            };
            Job {
                name: name.to_owned(),
                needs,
                arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            }
        })
        .collect()
}

/// Some commands need data that lie beside the repository; trained weights depend on the width of the vector unit.
fn available(job: &Job) -> bool {
    let there = match job.needs.as_deref() {
        None => true,
        Some("shared") => crate::root().join("../shared/data/mobility").is_dir(),
        Some("avx512") => avx512(),
        Some(other) => panic!("{}: unknown need {other}", job.name),
    };
    if !there {
        eprintln!(
            "{}: skipped, {} is not here",
            job.name,
            job.needs.as_deref().unwrap_or_default()
        );
    }
    there
}

#[cfg(target_arch = "x86_64")]
fn avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
fn avx512() -> bool {
    false
}

/// Runs one command in a folder of its own and hashes all that it leaves there.
fn run(program: &Path, job: &Job, folder: &Path) -> String {
    fs::create_dir_all(folder).expect("target is writable");
    let inputs = crate::root().join("xtask/bytes/in");
    #[cfg(unix)]
    std::os::unix::fs::symlink(inputs, folder.join("in")).expect("target is writable");
    let output = Command::new(program)
        .args(&job.arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .expect("the program was just built");
    // what a signal has cut short is no result, and must not become the hash that others are compared with
    let code = output.status.code();
    let code = code.unwrap_or_else(|| panic!("{:?} ended by {}", job.arguments, output.status));
    fs::write(folder.join("exit"), code.to_string()).expect("target is writable");
    fs::write(folder.join("stdout"), &output.stdout).expect("target is writable");
    // progress is made of times; what is wrong with an input is not
    if code != 0 {
        fs::write(folder.join("stderr"), &output.stderr).expect("target is writable");
    }
    let mut files = Vec::new();
    list(folder, Path::new(""), &mut files);
    files.sort();
    let mut all = Sha256::new();
    let mut lines = String::new();
    for name in files {
        let bytes = stable(
            &name,
            fs::read(folder.join(&name)).expect("it was just listed"),
        );
        let line = format!("{} {}\n", hex(&Sha256::digest(&bytes)), name.display());
        all.update(&line);
        lines += &line;
    }
    fs::write(folder.with_extension("files"), lines).expect("target is writable");
    hex(&all.finalize())
}

fn list(root: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root.join(below)).expect("a folder of ours") {
        let entry = entry.expect("a folder of ours");
        let name = below.join(entry.file_name());
        let kind = entry.file_type().expect("a folder of ours");
        if kind.is_dir() {
            list(root, &name, files);
        } else if kind.is_file()
            && !TIMES
                .iter()
                .any(|times| name.to_string_lossy().contains(times))
        {
            files.push(name);
        }
    }
}

/// The bytes without what the clock, the machine or the commit put there.
fn stable(name: &Path, bytes: Vec<u8>) -> Vec<u8> {
    if let Ok(Value::Object(mut members)) = serde_json::from_slice(&bytes) {
        for key in VOLATILE {
            members.shift_remove(key);
        }
        return serde_json::to_vec(&members).expect("it was read from JSON");
    }
    let lines = |keep: &dyn Fn(&str) -> Option<String>| {
        let text = String::from_utf8_lossy(&bytes);
        text.lines()
            .filter_map(keep)
            .collect::<String>()
            .into_bytes()
    };
    match name.to_str() {
        // its last two columns are times
        Some("out/progress.csv") => {
            lines(&|line| line.rsplitn(3, ',').nth(2).map(|left| format!("{left}\n")))
        }
        Some("out/report.html") => {
            lines(&|line| (!line.contains("<dt>Commit</dt>")).then(|| format!("{line}\n")))
        }
        // Fig. 16 is about times
        Some("stdout" | "out/validation.md" | "out/claims.csv") => lines(&|line| {
            (!line.contains("fig16") && !line.contains("Fig. 16")).then(|| format!("{line}\n"))
        }),
        _ => bytes,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes[..16].iter().map(|b| format!("{b:02x}")).collect()
}

fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
        .collect()
}

fn write(file: &Path, hashes: &BTreeMap<String, String>) -> bool {
    let mut merged = parse(&fs::read_to_string(file).unwrap_or_default());
    let text =
        fs::read_to_string(crate::root().join("xtask/bytes/commands.txt")).unwrap_or_default();
    let known: Vec<String> = jobs(&text).into_iter().map(|job| job.name).collect();
    merged.retain(|name, _| known.contains(name));
    merged.extend(hashes.clone());
    let lines: String = merged
        .iter()
        .map(|(name, hash)| format!("{name} {hash}\n"))
        .collect();
    fs::write(file, lines).is_ok()
}

/// Names every command whose hash differs or is missing.
fn same(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> bool {
    let mut different = 0;
    for (name, hash) in found {
        if expected.get(name) != Some(hash) {
            eprintln!(
                "{name}: other bytes than expected; its files are in target/bytes/new/{name}"
            );
            different += 1;
        }
    }
    eprintln!("{} commands, {different} with other bytes", found.len());
    different == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_another_byte_or_a_missing_hash_is_found() {
        let expected = parse("a 01\nb 02\n");
        assert!(same(&expected, &parse("a 01\n")));
        assert!(!same(&expected, &parse("a 01\nb 03\n")));
        assert!(!same(&expected, &parse("c 01\n")));
    }

    #[test]
    fn property_only_volatile_members_of_json_are_left_out() {
        let one = stable(
            Path::new("m.json"),
            br#"{"commit":"a","seeds":[1]}"#.to_vec(),
        );
        let two = stable(
            Path::new("m.json"),
            br#"{"commit":"b","seeds":[1]}"#.to_vec(),
        );
        let three = stable(
            Path::new("m.json"),
            br#"{"commit":"b","seeds":[2]}"#.to_vec(),
        );
        assert_eq!(one, two);
        assert_ne!(two, three);
    }

    #[test]
    fn property_every_command_is_well_formed_and_named_once() {
        let text = include_str!("../bytes/commands.txt");
        let names: Vec<String> = jobs(text).into_iter().map(|job| job.name).collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        assert!(names.len() >= 40);
    }
}
