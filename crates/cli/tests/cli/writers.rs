//! Who writes where: two processes, files that name files, links, pages.

use super::folders::{STUDY, TRAINING, assert_kept, content, foreign, run, words};
use super::{command, printed, refused, stderr, text};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn property_two_do_not_write_to_one_folder() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("t");
    let long = format!(
        "{TRAINING} --option total_timesteps=100000000 --out {}",
        text(&out)
    );
    let mut child = command(&words(&long))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !out.join("policy.json").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    for line in [
        format!("{TRAINING} --force"),
        format!("{TRAINING} --resume"),
        format!("{} --force", run(1)),
    ] {
        let line = format!("{line} --out {}", text(&out));
        refused(
            &words(&line),
            2,
            &["another Wayside process is writing to it"],
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
    printed(&words(&format!("{} --force --out {}", run(1), text(&out))));
    assert!(!out.join("policy.json").exists());
}

#[test]
fn regress_checkpoints_name_no_file_outside() {
    let root = tempfile::tempdir().unwrap();
    let (out, thesis) = (root.path().join("t"), root.path().join("thesis.txt"));
    fs::write(&thesis, "all of it").unwrap();
    printed(&words(&format!("{TRAINING} --out {}", text(&out))));
    let path = out.join("checkpoint.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let card = header["__metadata__"]["wayside"].as_str().unwrap();
    let mut card: Value = serde_json::from_str(card).unwrap();
    for name in [
        "../thesis.txt",
        text(&thesis),
        "manifest.json",
        "../events.out.tfevents.1.wayside",
    ] {
        card["logs"]["events"] = name.into();
        header["__metadata__"]["wayside"] = card.to_string().into();
        let header = header.to_string();
        let mut forged = (header.len() as u64).to_le_bytes().to_vec();
        forged.extend(header.as_bytes());
        forged.extend(&bytes[8 + length..]);
        fs::write(&path, forged).unwrap();
        let line = format!("{TRAINING} --resume --out {}", text(&out));
        refused(
            &words(&line),
            2,
            &["checkpoint.safetensors: logs.events: must be a log of this folder"],
        );
    }
    assert_eq!(fs::read_to_string(thesis).unwrap(), "all of it");
}

/// A training's logs that are links, hard or not, are replaced and not written through.
#[cfg(unix)]
#[test]
fn regress_logs_that_are_links_are_replaced() {
    let root = tempfile::tempdir().unwrap();
    for hard in [true, false] {
        let (out, thesis) = (
            root.path().join(format!("t{hard}")),
            root.path().join(format!("{hard}.csv")),
        );
        printed(&words(&format!("{TRAINING} --out {}", text(&out))));
        let log = out.join("progress.csv");
        fs::rename(&log, &thesis).unwrap();
        let mine = fs::read(&thesis).unwrap();
        if hard {
            fs::hard_link(&thesis, &log).unwrap();
        } else {
            std::os::unix::fs::symlink(&thesis, &log).unwrap();
        }
        let more = TRAINING.replace("total_timesteps=120", "total_timesteps=240");
        printed(&words(&format!("{more} --resume --out {}", text(&out))));
        assert!(fs::read(&thesis).unwrap() == mine);
        assert!(fs::read(&log).unwrap().len() > mine.len());
    }
}

#[test]
fn regress_ids_stay_within_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("s.toml");
    let out = root.path().join("o");
    let long = "x".repeat(300);
    for id in [
        "../../ESCAPED",
        "/absolute/T",
        "..",
        ".x",
        "a/b",
        "a\\\\b",
        "a\\u0000",
        "a\\u001b[31m",
        "a\\uFFFF",
        &long,
    ] {
        for key in ["id = \"objective\"", "id = \"delay\"", "id = \"load\""] {
            fs::write(&file, STUDY.replacen(key, &format!("id = \"{id}\""), 1)).unwrap();
            for line in [
                format!("study {} -q --out {}", text(&file), text(&out)),
                format!("check {}", text(&file)),
            ] {
                refused(&words(&line), 2, &["s.toml:", "id: must"]);
            }
        }
    }
    assert!(!out.exists());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn property_a_page_is_replaced_whole() {
    let root = tempfile::tempdir().unwrap();
    let (file, page) = (root.path().join("s.toml"), root.path().join("page.md"));
    fs::write(&file, STUDY).unwrap();
    let text_of_page = "# Mine\n\n<!-- begin tiny -->\n<!-- end tiny -->\nthe end\n";
    fs::write(&page, text_of_page).unwrap();
    let line = format!(
        "study {} -q --out {} --page {}",
        text(&file),
        text(&root.path().join("o")),
        text(&page)
    );
    printed(&words(&line));
    let found = fs::read_to_string(&page).unwrap();
    assert!(
        found.starts_with("# Mine\n") && found.ends_with("the end\n") && found.contains("Delay"),
        "{found}"
    );
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 3);
    // a page that cannot be written whole stays as it was
    #[cfg(unix)]
    {
        let shell = format!(
            "trap '' XFSZ; ulimit -f 0; exec {} {line}",
            env!("CARGO_BIN_EXE_wayside")
        );
        Command::new("sh").args(["-c", &shell]).output().unwrap();
        assert_eq!(fs::read_to_string(&page).unwrap(), found);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn regress_help_on_a_full_disk() {
    for line in [
        "--help",
        "--version",
        "run --help",
        "policies",
        "help train",
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = command(&words(line)).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(
            stderr(&output).contains("stdout: No space left on device"),
            "{line}: {}",
            stderr(&output)
        );
    }
}

/// A limit on the size of files is as a full disk: an error that names the file, and no signal that ends the program.
#[cfg(unix)]
#[test]
fn property_a_limit_on_files_leaves_the_old_results() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let mine = foreign(&out);
    printed(&words(&format!("{} --out {}", run(1), text(&out))));
    let before = content(&out);
    let limited = |kib: usize, line: &str| {
        let shell = format!("ulimit -f {kib}; exec \"$0\" \"$@\"");
        let words = words(line);
        Command::new("bash")
            .args(["-c", &shell, env!("CARGO_BIN_EXE_wayside")])
            .args(&words)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let trace = root.path().join("trace.parquet");
    let lines = [
        format!("{} --force --out {}", run(2), text(&out)),
        format!(
            "{} --dump-slots {}",
            run(2),
            text(&root.path().join("slots"))
        ),
        format!("import builtin:city-grid --out {}", text(&trace)),
    ];
    for line in &lines {
        let output = limited(1, line);
        assert_eq!(output.status.code(), Some(1), "{line}: {}", stderr(&output));
        let error = stderr(&output);
        assert!(error.contains("File too large"), "{line}: {error}");
    }
    assert!(content(&out) == before && !trace.exists());
    assert_kept(&out, &mine, "a limit on files");
}
