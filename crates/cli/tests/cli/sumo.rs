//! `mobility = { kind = "sumo" }` with a program in the place of SUMO: what becomes of its process. The real one runs in
//! `python/tests/test_sumo.py`.

use super::{command, stderr, stdout, text};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A folder with a program `sumo`, which notes who it is, and a scenario that starts it.
struct Fake {
    folder: tempfile::TempDir,
}

const SCENARIO: &str = r#"
scenario = { name = "mine" }
time = { slots = SLOTS }
channel = { noise_dbm = -104 }
task = { cycles = { min = 300e6, max = 450e6 }, data_bytes = 250_000, deadline_s = 1.0 }
objective = { omega = 0.65 }
backhaul = { max_distance_m = 300, rate_bps = 1e9, migration_power_w = 0.5 }
rsu = { grid = { spacing_m = 250, range_m = 500, bandwidth_hz = 100e6, cpu_hz = 15e9, energy_coeff = 3e-28 } }
AREA
[fleet]
tx_power_w = 0.2
cpu_hz = 0.5e9
energy_coeff = 2e-26
mobility = { MOBILITY }
"#;

const AREA: &str = "area = { width_m = 500, height_m = 500 }";
const SIMULATED: &str = r#"kind = "sumo", config = "x.sumocfg""#;

/// Time steps without end.
const ENDLESS: &str = r#"
echo '<fcd-export>'
i=0
while :; do
    echo "<timestep time=\"$i\"><vehicle id=\"a\" x=\"$((i % 400))\" y=\"250\"/><vehicle id=\"b\" x=\"9\" y=\"8\"/></timestep>"
    i=$((i + 1))
done"#;

impl Fake {
    /// A program that does `what`, with a process of its own, as the script of the PyPI package has one.
    fn new(what: &str) -> Self {
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let ids = this.path("ids");
        let (program, ids) = (this.path("sumo"), text(&ids));
        let script = format!(
            "#!/bin/sh\nsleep 600 >/dev/null 2>&1 &\ntrap \"kill $!\" EXIT\necho $$ $! >> '{ids}'\n{what}\n"
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(this.path("x.sumocfg"), "<configuration/>").unwrap();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn scenario(&self, name: &str, slots: usize, area: &str, mobility: &str) -> PathBuf {
        let text = SCENARIO.replace("SLOTS", &slots.to_string());
        let text = text.replace("AREA", area).replace("MOBILITY", mobility);
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        let path = format!("{}:/usr/bin:/bin", text(self.folder.path()));
        command.env("PATH", path).env_remove("SUMO_HOME");
        command
    }

    fn wayside(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// All processes that were started.
    fn ids(&self) -> Vec<String> {
        let noted = fs::read_to_string(self.path("ids")).unwrap_or_default();
        noted.split_whitespace().map(str::to_owned).collect()
    }

    fn leaves_no_process(&self) {
        let ids = self.ids();
        assert!(!ids.is_empty(), "none was started");
        for id in ids {
            let until = Instant::now() + Duration::from_secs(10);
            while runs(&id) {
                assert!(Instant::now() < until, "{id} runs on");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Whether a process is there, and not only waits to be reaped.
fn runs(id: &str) -> bool {
    let ps = Command::new("ps").args(["-o", "stat=", "-p", id]).output();
    let stat = String::from_utf8(ps.unwrap().stdout).unwrap();
    !matches!(stat.trim().chars().next(), None | Some('Z'))
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let kill = Command::new("kill").args([name, &id]).status();
    assert!(kill.unwrap().success());
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<_> = names
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        // it says how the vehicles move, and when that was
        .filter(|(name, _)| !name.contains("manifest"))
        .collect();
    files.sort();
    files
}

#[test]
fn oracle_the_bytes_of_a_pipe_give_the_results_of_a_file() {
    let mut trace = String::from("<fcd-export>\n");
    for i in 0..40 {
        writeln!(trace, r#"<timestep time="{i}.00">"#).unwrap();
        for v in 0..30 {
            let (x, y) = (3 * i + 9 * v, (17 * v) % 300);
            let kind = if v % 3 == 0 { "lorry" } else { "car" };
            writeln!(
                trace,
                r#"<vehicle id="v{v}" x="{x}.5" y="{y}" type="{kind}"/>"#
            )
            .unwrap();
        }
        writeln!(trace, "</timestep>").unwrap();
    }
    trace += "</fcd-export>\n";
    // in two pieces, and from the folder of the configuration
    let fake = Fake::new("head -c 7 trace.xml\nsleep 0.1\ntail -c +8 trace.xml");
    fs::write(fake.path("trace.xml"), trace).unwrap();
    let part = r#", begin_s = 3, vehicle_types = ["car"], every = 2"#;
    let mut outputs = Vec::new();
    for (name, mobility) in [
        ("file", r#"kind = "fcd", path = "trace.xml""#),
        ("pipe", SIMULATED),
    ] {
        let toml = format!("{name}.toml");
        let scenario = fake.scenario(&toml, 20, "", &format!("{mobility}{part}"));
        let out = fake.path(name);
        let args = [
            "run",
            text(&scenario),
            "--seeds",
            "0..3",
            "--dump-slots",
            text(&out),
        ];
        let output = fake.wayside(&args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        outputs.push(files(&out));
    }
    let (pipe, file) = (outputs.pop().unwrap(), outputs.pop().unwrap());
    // every slot of every seed
    assert!(file.len() >= 4 * 20, "{}", file.len());
    assert!(pipe == file);
    fake.leaves_no_process();
    // each of the seeds, at least, had its own
    assert!(fake.ids().len() >= 2 * 3);
}

#[test]
fn regress_a_run_that_needs_no_more_ends_sumo() {
    let fake = Fake::new(ENDLESS);
    let scenario = fake.scenario("a.toml", 5, AREA, SIMULATED);
    let output = fake.wayside(&["run", text(&scenario), "--seeds", "0..2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    fake.leaves_no_process();
}

#[test]
fn regress_a_run_that_fails_ends_sumo() {
    // a vehicle twice in the third time step
    let bad = ENDLESS.replace(
        r#"id=\"b\""#,
        r#"id=\"$( [ $i -gt 2 ] && echo a || echo b )\""#,
    );
    let fake = Fake::new(&bad);
    let scenario = fake.scenario("a.toml", 50, AREA, SIMULATED);
    let output = fake.wayside(&["run", text(&scenario), "--seeds", "0..2"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("x.sumocfg:"),
        "{}",
        stderr(&output)
    );
    fake.leaves_no_process();
}

#[test]
fn regress_an_interrupted_command_ends_sumo() {
    // SUMO may also be busy with its network, and write nothing
    let loading = "sleep 600";
    for (name, what, args) in [
        ("-INT", ENDLESS, ["run", "--seeds", "0..1"]),
        ("-TERM", ENDLESS, ["run", "--seeds", "0..1"]),
        ("-INT", loading, ["run", "--seeds", "0..1"]),
        ("-TERM", loading, ["run", "--seeds", "0..1"]),
        ("-INT", ENDLESS, ["check", "", ""]),
        ("-TERM", loading, ["check", "", ""]),
    ] {
        let fake = Fake::new(what);
        let scenario = fake.scenario("a.toml", 1_000_000, AREA, SIMULATED);
        let mut args: Vec<_> = args.into_iter().filter(|arg| !arg.is_empty()).collect();
        args.insert(1, text(&scenario));
        let mut command = fake.command(&args);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while fake.ids().is_empty() {
            assert!(Instant::now() < until, "{args:?}: none was started");
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(200));
        signal(&child, name);
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{name} {args:?}");
        fake.leaves_no_process();
    }
}

#[test]
fn regress_sumo_says_what_is_wrong() {
    let says =
        "echo 'Error: The network has no roads.' >&2\necho 'Quitting (on error).' >&2\nexit 1";
    for what in [
        says.to_owned(),
        // also in the midst of its output
        format!("echo '<fcd-export><timestep time=\"0\"/>'\n{says}"),
    ] {
        let fake = Fake::new(&what);
        let scenario = fake.scenario("a.toml", 5, "", SIMULATED);
        for args in [["run", text(&scenario)], ["check", text(&scenario)]] {
            let output = fake.wayside(&args);
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{error}");
            let told = "x.sumocfg: sumo failed (exit status: 1): The network has no roads.\n";
            assert!(error.contains(told), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        fake.leaves_no_process();
    }
    let fake = Fake::new("kill $!\nkill -SEGV $$");
    let scenario = fake.scenario("a.toml", 5, "", SIMULATED);
    let output = fake.wayside(&["run", text(&scenario)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("sumo failed (signal: 11"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn regress_what_is_missing_is_named() {
    let fake = Fake::new("exit 0");
    let scenario = fake.scenario("a.toml", 5, "", SIMULATED);
    let empty = fake.wayside(&["run", text(&scenario)]);
    assert_eq!(empty.status.code(), Some(2), "{}", stderr(&empty));
    assert!(
        stderr(&empty).contains("must hold a trace, got"),
        "{}",
        stderr(&empty)
    );
    let mut command = fake.command(&["run", text(&scenario)]);
    let missing = command
        .env("PATH", "")
        .env("SUMO_HOME", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2), "{}", stderr(&missing));
    assert!(
        stderr(&missing).contains("pip install eclipse-sumo"),
        "{}",
        stderr(&missing)
    );
    fs::remove_file(fake.path("x.sumocfg")).unwrap();
    let missing = fake.wayside(&["run", text(&scenario)]);
    assert_eq!(missing.status.code(), Some(2), "{}", stderr(&missing));
    let told = "a.toml:14: fleet.mobility.config: found no file";
    let error = stderr(&missing);
    assert!(
        error.contains(told) && error.contains("x.sumocfg"),
        "{error}"
    );
}

#[test]
fn regress_sumo_is_also_found_in_its_home() {
    let fake = Fake::new(
        "echo '<fcd-export><timestep time=\"0\"><vehicle id=\"a\" x=\"1\" y=\"500\"/></timestep></fcd-export>'",
    );
    fs::create_dir(fake.path("bin")).unwrap();
    fs::rename(fake.path("sumo"), fake.path("bin/sumo")).unwrap();
    let scenario = fake.scenario("a.toml", 1, AREA, SIMULATED);
    let mut command = fake.command(&["check", text(&scenario)]);
    let output = command
        .env("SUMO_HOME", fake.folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = format!("from {}", text(&fake.path("bin/sumo")));
    assert!(stdout(&output).contains(&told), "{}", stdout(&output));
}
