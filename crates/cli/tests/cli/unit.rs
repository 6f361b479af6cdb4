//! The unit file for systemd in docs/live/operating.md.

use super::{command, send, text};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/live/operating.md");
const PROGRAM: &str = "/usr/local/bin/wayside";

/// The unit file, as the page has it.
fn unit() -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let begin = page.find("[Unit]\n").unwrap();
    let unit = &page[begin..];
    unit[..unit.find("```").unwrap()].to_owned()
}

/// What `systemd-analyze verify` says of a unit: nothing, if all is well. None where it is not there.
fn verified(folder: &Path, unit: &str) -> Option<String> {
    let file = folder.join("wayside.service");
    fs::write(&file, unit).unwrap();
    let ran = Command::new("systemd-analyze")
        .args(["verify", text(&file)])
        .output();
    let Ok(output) = ran else {
        eprintln!("SKIPPED: there is no systemd-analyze (Debian package systemd)");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || !said.is_empty());
    Some(said)
}

/// systemd understands every line, and would say so if it did not.
#[test]
fn oracle_systemd_understands_the_unit() {
    let root = tempfile::tempdir().unwrap();
    // it must be there to be checked
    let here = unit().replace(PROGRAM, env!("CARGO_BIN_EXE_wayside"));
    let Some(said) = verified(root.path(), &here) else {
        return;
    };
    assert_eq!(said, "");
    for (right, wrong) in [
        ("ProtectHome=", "ProtectHouse="),
        ("TimeoutStopSec=60", "TimeoutStopSec=soon"),
        (env!("CARGO_BIN_EXE_wayside"), "/nowhere/wayside"),
    ] {
        assert!(here.contains(right), "{right}");
        let said = verified(root.path(), &here.replace(right, wrong)).unwrap();
        assert!(!said.is_empty(), "{wrong}");
    }
}

/// Its command is one that starts a server, but for where its files are.
#[test]
fn property_the_command_of_the_unit_serves() {
    let unit = unit().replace("\\\n", " ");
    let mut lines = unit.lines();
    let line = lines.find_map(|line| line.strip_prefix("ExecStart="));
    let root = tempfile::tempdir().unwrap();
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    fs::write(root.path().join("tokens"), "0123456789abcdef").unwrap();
    let (cert, key) = (tls.join("cert.pem"), tls.join("key.pem"));
    let (tokens, state) = (root.path().join("tokens"), root.path().join("state"));
    let moved = [
        ("/etc/wayside/city.toml", "wang2025"),
        ("/etc/wayside/tokens", text(&tokens)),
        ("/etc/wayside/cert.pem", text(&cert)),
        ("/etc/wayside/key.pem", text(&key)),
        ("/var/lib/wayside", text(&state)),
        ("0.0.0.0:7077", "127.0.0.1:0"),
    ];
    let mut words = line.unwrap().split_whitespace();
    assert_eq!(words.next(), Some(PROGRAM));
    let mut used = 0;
    let args: Vec<&str> = words
        .map(|word| {
            let found = moved.iter().find(|(from, _)| *from == word);
            used += usize::from(found.is_some());
            found.map_or(word, |(_, to)| to)
        })
        .collect();
    assert_eq!(used, moved.len(), "{args:?}");
    let mut child = command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on https://"), "{line}");
    assert!(send("-TERM", &child));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
