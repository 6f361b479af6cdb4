//! SIGINT and SIGTERM, wherever the work is.

use super::limits::words;
use super::{command, printed, send, text};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Wherever the work is.
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
fn ends_by(child: &mut std::process::Child, signal: &str, line: &str) {
    assert!(child.try_wait().unwrap().is_none(), "{line}");
    let begun = Instant::now();
    assert!(send(signal, child));
    assert_eq!(child.wait().unwrap().code(), Some(130), "{line}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{line}: {took:?}");
}

/// Where nothing is stopped between two slots: a slot, rounds of information, input that does not come, the cells of a large
/// study.
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
            // waiting would close it
            let _input = child.stdin.take();
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
    // The import leaves nothing behind. A study that was ended early may not have made its folder yet.
    for entry in fs::read_dir(root.path()).unwrap() {
        let name = entry.unwrap().file_name();
        let known = ["grids", "out", "s.toml", "slot"];
        assert!(known.iter().any(|known| name == *known), "{name:?}");
    }
}
