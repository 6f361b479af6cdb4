//! Memory of long runs.

use super::{command, text};
use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

/// The most memory that a run held \[MiB\], asked for until it ends.
fn peak_mib(args: &[&str]) -> f64 {
    let mut run = command(args).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", run.id());
    let mut peak_kib = 0.0;
    let ended = loop {
        if let Some(ended) = run.try_wait().unwrap() {
            break ended;
        }
        let now = fs::read_to_string(&status).unwrap_or_default();
        if let Some(kib) = now.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            peak_kib = kib.trim_end_matches("kB").trim().parse().unwrap();
        }
        sleep(Duration::from_millis(2));
    };
    assert!(ended.success(), "{args:?}");
    assert!(peak_kib > 0.0, "{args:?} ended before it could be asked");
    peak_kib / 1024.0
}

/// Every task is written, none is kept: 450,000 more of them, 100 MiB as rows, cost next to nothing. The first run has
/// filled more than one group of rows, which is what the writer holds.
#[test]
fn property_memory_does_not_grow_with_the_tasks_written() {
    let root = tempfile::tempdir().unwrap();
    let peak = |slots: &str| {
        let out = root.path().join(slots);
        let size =
            "run wang2025-unbalanced --policy nearest --seeds 0 --threads 1 -q --no-timing --tasks";
        let mut args: Vec<&str> = size.split(' ').collect();
        args.extend(["--set", "fleet.size=3000", "--slots", slots, "--out"]);
        args.push(text(&out));
        let peak = peak_mib(&args);
        let bytes = fs::metadata(out.join("report.html")).unwrap().len();
        assert!(bytes < 1 << 20, "a report of {bytes} bytes");
        peak
    };
    let (short, long) = (peak("50"), peak("200"));
    assert!(long - short < 8.0, "{short:.1} and {long:.1} MiB");
}
