//! Folders that the program writes to, which are the user's.

use super::{command, printed, refused, stderr, text, wayside};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

pub(super) const STUDY: &str = r#"
[study]
name = "tiny"
title = "A tiny study"
seeds = 2

[[grid]]
id = "load"
scenario = "wang2025"
policies = ["local", "nearest"]
set = { "time.slots" = 2 }
[[grid.axis]]
key = "fleet.size"
name = "vehicles"
values = [3, 6]

[[figure]]
id = "objective"
title = "Objective"
grid = "load"
x = "vehicles"
y = "objective"

[[table]]
id = "delay"
title = "Delay"
grids = ["load"]
metric = "delay_s"
"#;

pub(super) const TRAINING: &str = "train ppo wang2025 -q --set fleet.size=4 --option n_envs=2 --option n_steps=20 --option \
                        batch_size=20 --option net_arch=8 --option eval_seeds=1 --option eval_slots=1 --option \
                        total_timesteps=120 --option eval_freq=1";

pub(super) fn run(slots: usize) -> String {
    format!(
        "run wang2025 --set fleet.size=4 --policy nearest,local --seeds 0 --no-timing -q --slots {slots}"
    )
}

/// Whether times, which differ from run to run, decide the name.
pub(super) fn is_volatile(name: &Path) -> bool {
    let name = name.to_string_lossy();
    name.contains("events.out") || name.starts_with("cells/")
}

pub(super) fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Every file below `folder`, but `.wayside`.
pub(super) fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".wayside") {
                continue;
            }
            if path.is_dir() {
                add(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    add(folder, folder, &mut files);
    files
}

/// What people keep beside results.
pub(super) fn foreign(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    for (name, text) in [
        ("notes.md", "mine"),
        (".git/HEAD", "ref"),
        ("plots/a.py", "print()"),
        ("figures/mine.svg", "<svg/>"),
        ("cells/mine.parquet", "PAR1"),
        (".wayside-notes.tmp", "mine"),
        ("policy.safetensors.tmp", "mine"),
        ("events.out.tfevents.1.host", "mine"),
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    content(folder)
}

pub(super) fn assert_kept(folder: &Path, foreign: &BTreeMap<PathBuf, Vec<u8>>, after: &str) {
    for (name, bytes) in foreign {
        let found = fs::read(folder.join(name)).ok();
        assert!(
            found.as_ref() == Some(bytes),
            "{} after {after}",
            name.display()
        );
    }
}

#[test]
fn property_force_replaces_results_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    fs::write(root.path().join("s.toml"), STUDY).unwrap();
    let (one, two) = (run(1), run(2));
    let study = format!("study {} -q", text(&root.path().join("s.toml")));
    let mine = foreign(&out);
    let with = |line: &str, more: &str| {
        let line = format!("{line} --out {} {more}", text(&out));
        let output = wayside(&words(&line));
        assert_kept(&out, &mine, &line);
        output
    };
    let expected = |line: &str| {
        let clean = tempfile::tempdir().unwrap();
        printed(&words(&format!("{line} --out {}", text(clean.path()))));
        let names = content(clean.path()).into_keys();
        names.filter(|n| !is_volatile(n)).collect::<Vec<_>>()
    };
    for line in [&one, &two, TRAINING, &study, &one, TRAINING, &two] {
        if out.join("manifest.json").exists() {
            let output = with(line, "");
            assert!(
                stderr(&output).contains("--force replaces it"),
                "{}",
                stderr(&output)
            );
            assert_eq!(output.status.code(), Some(2));
        }
        let output = with(line, "--force");
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        let mut names: Vec<PathBuf> = content(&out).into_keys().collect();
        names.retain(|name| !mine.contains_key(name) && !is_volatile(name));
        assert_eq!(names, expected(line), "{line}");
        assert!(!out.join(".wayside").exists());
    }
}

#[test]
fn property_foreign_files_under_our_names_are_refused() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("s.toml"), STUDY).unwrap();
    let study = format!("study {} -q", text(&root.path().join("s.toml")));
    let dump = format!("{} --dump-slots", run(1));
    for (line, name) in [
        (format!("{} --out", run(1)), "summary.csv"),
        (format!("{} --out", run(1)), "manifest.json"),
        (format!("{} --out", run(1)), "figures/load.tex"),
        (format!("{TRAINING} --out"), "policy.json"),
        (format!("{TRAINING} --out"), "progress.csv"),
        (format!("{study} --out"), "figures/objective.svg"),
        (format!("{study} --out"), "claims.json"),
        (dump, "seed0_slot000.json"),
    ] {
        let out = root.path().join("out");
        let path = out.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        for force in ["", "--force"] {
            let line = format!("{line} {} {force}", text(&out));
            refused(&words(&line), 2, &[name, "is not listed in a manifest"]);
        }
        assert_eq!(content(&out).len(), 1, "{line}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn regress_the_current_folder_stays_the_current_folder() {
    let root = tempfile::tempdir().unwrap();
    let here = |line: &str| {
        let line = format!("{line} --out .");
        let output = command(&words(&line))
            .current_dir(root.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    here(&run(1));
    here(&run(1));
    here(&format!("{} --force", run(2)));
    assert!(root.path().join("report.html").exists());
}

#[cfg(unix)]
#[test]
fn regress_folder_and_mode_are_the_users() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o2770)).unwrap();
    let identity = || {
        let found = fs::metadata(&out).unwrap();
        (found.ino(), found.mode(), found.uid(), found.gid())
    };
    let before = identity();
    for slots in [1, 2] {
        printed(&words(&format!(
            "{} --force --out {}",
            run(slots),
            text(&out)
        )));
        assert_eq!(identity(), before);
    }
}

/// A command as a user without rights, where this is root.
#[cfg(unix)]
fn unprivileged(args: &[&str]) -> Option<Output> {
    let mut all = vec![
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        env!("CARGO_BIN_EXE_wayside"),
    ];
    all.extend(args);
    let output = Command::new("setpriv").args(all).output().ok()?;
    (!stderr(&output).starts_with("setpriv:")).then_some(output)
}

#[cfg(unix)]
#[test]
fn regress_a_read_only_parent_is_no_matter() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let out = root.path().join("alice");
    fs::create_dir(&out).unwrap();
    if chown(&out, Some(65534), Some(65534)).is_err() {
        return;
    }
    let line = format!("{} --out {}", run(1), text(&out));
    let Some(output) = unprivileged(&words(&line)) else {
        return;
    };
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(out.join("report.html").exists());
    // and what cannot be written is refused before the run
    let line = format!("{} --out {}", run(1), text(root.path()));
    let output = unprivileged(&words(&line)).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("Permission denied"));
    fs::create_dir(out.join("cells")).unwrap();
}

/// A file system of its own below `root`, where that is allowed.
#[cfg(target_os = "linux")]
struct Mount(PathBuf);

#[cfg(target_os = "linux")]
impl Mount {
    fn new(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let size = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs", text(&path)])
            .output();
        mount
            .is_ok_and(|o| o.status.success())
            .then_some(Self(path))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mount {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn regress_a_mount_point_is_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new(root.path().join("mnt"), "8m") else {
        return;
    };
    for slots in [1, 2] {
        printed(&words(&format!(
            "{} --force --out {}",
            run(slots),
            text(&mount.0)
        )));
    }
    assert!(mount.0.join("report.html").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn property_a_full_disk_leaves_the_old_results() {
    let root = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new(root.path().join("mnt"), "4m") else {
        return;
    };
    let out = mount.0.join("out");
    let mine = foreign(&out);
    printed(&words(&format!("{} --out {}", run(1), text(&out))));
    let before = content(&out);
    for room in [0, 4, 40, 100] {
        let free = Command::new("stat")
            .args(["-f", "-c", "%a %S", text(&mount.0)])
            .output()
            .unwrap();
        let free = String::from_utf8(free.stdout).unwrap();
        let (blocks, size) = free.trim().split_once(' ').unwrap();
        let bytes: usize = blocks.parse::<usize>().unwrap() * size.parse::<usize>().unwrap();
        let filler = mount.0.join("filler");
        fs::write(&filler, vec![0; bytes.saturating_sub(room * 1024)]).unwrap();
        let output = wayside(&words(&format!("{} --force --out {}", run(2), text(&out))));
        assert_eq!(output.status.code(), Some(1), "{room}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("No space left"),
            "{}",
            stderr(&output)
        );
        assert!(content(&out) == before, "{room}");
        assert_kept(&out, &mine, "a full disk");
        fs::remove_file(filler).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn regress_paths_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let root = tempfile::tempdir().unwrap();
    let name = |bytes: &[u8]| root.path().join(OsStr::from_bytes(bytes));
    fs::write(name(b"s.toml"), STUDY).unwrap();
    let study = format!("study {} -q", text(&name(b"s.toml")));
    let outs = [b"run\xff", b"st\xff\xff", b"tra\xff"];
    for (line, out) in [run(1), study, TRAINING.to_owned()].iter().zip(outs) {
        let output = command(&words(line))
            .arg("--out")
            .arg(name(out))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        assert!(name(out).join("manifest.json").exists());
    }
    let dump = name(b"dump\xff");
    let output = command(&words(&run(1)))
        .arg("--dump-slots")
        .arg(&dump)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(dump.join("seed0_slot000.json").exists());
    // the program itself
    let program = name(b"wayside\xff");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wayside"), &program).unwrap();
    let line = format!("{} --out {}", run(1), text(&name(b"plain")));
    let output = Command::new(&program).args(words(&line)).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // an argument that must be text
    let output = command(&["run"])
        .arg(OsStr::from_bytes(b"w\xff"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let output = command(&["check"]).arg(name(b"none\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

/// The work that `manifest` speaks of, where its results are whole: those of `expected`.
pub(super) fn whole(
    out: &Path,
    expected: &BTreeMap<String, BTreeMap<PathBuf, Vec<u8>>>,
) -> Option<String> {
    let manifest = fs::read(out.join("manifest.json")).ok()?;
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let files = manifest["files"].as_array().unwrap();
    if manifest["kind"] == "training" {
        let card: Value =
            serde_json::from_slice(&fs::read(out.join("policy.json")).unwrap()).unwrap();
        let policy = fs::read(out.join("policy.safetensors")).unwrap();
        let length = u64::from_le_bytes(policy[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&policy[8..8 + length]).unwrap();
        let state: Value =
            serde_json::from_str(header["__metadata__"]["wayside"].as_str().unwrap()).unwrap();
        assert_eq!(state["policy"], card);
        for file in files {
            assert!(out.join(file.as_str().unwrap()).exists(), "{file}");
        }
        return Some("training".into());
    }
    if manifest["complete"] == false {
        assert!(files.is_empty(), "{files:?}");
        return None;
    }
    let name = match manifest["kind"].as_str().unwrap() {
        "run" => format!("run {}", manifest["slots"]),
        kind => kind.to_owned(),
    };
    let blocks = |name: &str| name.starts_with("cells/");
    let listed = files.iter().map(|f| f.as_str().unwrap());
    let (_, listed): (Vec<&str>, Vec<&str>) = listed.partition(|name| blocks(name));
    let mut names: Vec<&str> = expected[&name].keys().map(|n| text(n)).collect();
    names.retain(|name| !blocks(name) && *name != "manifest.json");
    assert_eq!(listed, names);
    for file in names.into_iter().filter(|name| *name != "timing.csv") {
        let bytes = &expected[&name][Path::new(file)];
        assert!(
            fs::read(out.join(file)).unwrap() == *bytes,
            "{name}: {file}"
        );
    }
    Some(name)
}

/// Whatever happens, in any order: no foreign byte changes, and the old results are whole or the new ones.
#[cfg(unix)]
#[test]
fn property_no_sequence_of_commands_kills_and_full_disks_harms_anything() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("s.toml"), STUDY).unwrap();
    let study = format!("study {} -q --threads 1", text(&root.path().join("s.toml")));
    let works = [
        ("run 1", run(1)),
        ("run 2", run(2)),
        ("study", study),
        ("training", TRAINING.to_owned()),
    ];
    let mut expected = BTreeMap::new();
    for (name, line) in &works[..3] {
        let clean = root.path().join(name.replace(' ', "-"));
        printed(&words(&format!("{line} --out {}", text(&clean))));
        expected.insert((*name).to_owned(), content(&clean));
    }
    let out = root.path().join("out");
    let mine = foreign(&out);
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut before, mut changes) = (None, 0);
    for step in 0..40 {
        let (name, line) = &works[random(4) as usize];
        let force = if random(3) > 0 { "--force" } else { "" };
        let line = format!("{line} --out {} {force}", text(&out));
        let fault = random(5);
        match fault {
            0 => drop(wayside(&words(&line))),
            // files that cannot be longer, and writes that say so
            1 => {
                let limit = random(60);
                let shell = format!(
                    "trap '' XFSZ; ulimit -f {limit}; exec {} {line}",
                    env!("CARGO_BIN_EXE_wayside")
                );
                Command::new("sh").args(["-c", &shell]).output().unwrap();
            }
            _ => {
                let mut child = command(&words(&line))
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                let moment = Duration::from_micros(random(600_000));
                std::thread::sleep(moment);
                super::send(["-KILL", "-KILL", "-INT"][fault as usize - 2], &child);
                child.wait().unwrap();
            }
        }
        let after = format!("step {step}: {line} (fault {fault})");
        assert_kept(&out, &mine, &after);
        // another command finishes what was begun, before it is refused
        let probe = format!("{} --policy price --out {}", run(3), text(&out));
        let probe = probe.replace("--policy nearest,local ", "");
        if out.join("manifest.json").exists() || out.join(".wayside/commit.json").exists() {
            refused(&words(&probe), 2, &["--force replaces it"]);
        }
        let found = whole(&out, &expected);
        assert!(
            found == before || found.as_deref() == Some(*name),
            "{after}: {found:?}, was {before:?}"
        );
        changes += usize::from(found != before);
        before = found;
        assert_kept(&out, &mine, &after);
    }
    assert!(changes > 5, "{changes}");
}
