//! `wayside serve`.

use super::{command, printed, refused, send, text};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A server and the address that it listens at.
pub(super) fn start(args: &[&str]) -> (Child, String) {
    start_speaking("http", args)
}

/// The same, for a server that speaks `scheme`.
pub(super) fn start_speaking(scheme: &str, args: &[&str]) -> (Child, String) {
    let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
    let mut child = command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let listening = format!("listening on {scheme}://");
    let address = line.strip_prefix(&listening).unwrap().trim();
    (child, address.to_owned())
}

/// Status and body of the answer.
pub(super) fn ask(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[test]
fn oracle_serve_answers_as_decide_prints() {
    let root = tempfile::tempdir().unwrap();
    let slots = root.path().join("slots");
    let run = [
        "run",
        "--slots",
        "1",
        "--seeds",
        "0",
        "--policy",
        "local",
        "-q",
        "--dump-slots",
        text(&slots),
    ];
    printed(&run);
    let file = slots.join("seed0_slot000.json");
    // a trained policy too, by its name
    for policy in ["price", "ppo"] {
        let expected = printed(&["decide", text(&file), "--policy", policy, "--bound"]);
        let (child, address) = start(&["--policy", policy]);
        let (status, body) = ask(
            &address,
            "POST",
            "/v1/decisions?bound",
            &fs::read_to_string(&file).unwrap(),
        );
        assert_eq!(status, 200, "{body}");
        let without_time = |text: &str| -> Vec<String> {
            let lines = text.lines().map(str::to_owned);
            lines
                .filter(|line| !line.contains("decision_time_s"))
                .collect()
        };
        assert_eq!(without_time(&body), without_time(&expected));
        ends(child, "-TERM");
    }
}

fn ends(mut child: Child, signal: &str) {
    let begun = Instant::now();
    assert!(send(signal, &child));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn regress_serve_ends_on_ctrl_c_and_takes_its_address_only_once() {
    let (child, address) = start(&["hotspot", "--policy", "nearest"]);
    refused(&["serve", "--listen", &address], 1, &[&address]);
    ends(child, "-INT");
}

#[test]
fn regress_serve_is_not_exposed_by_accident() {
    let root = tempfile::tempdir().unwrap();
    let tokens = root.path().join("tokens");
    fs::write(&tokens, "short\n").unwrap();
    refused(
        &["serve", "--tokens", text(&tokens)],
        2,
        &["tokens:1", "at least 16"],
    );
    fs::write(&tokens, "# none\n").unwrap();
    refused(
        &["serve", "--tokens", text(&tokens)],
        2,
        &["must have a token"],
    );
    fs::write(&tokens, "open-sesame-open-sesame\n").unwrap();
    refused(
        &["serve", "--listen", "0.0.0.0:0"],
        2,
        &["0.0.0.0:0", "--tokens"],
    );
    let exposed = ["serve", "--listen", "0.0.0.0:0", "--tokens", text(&tokens)];
    refused(&exposed, 2, &["TLS", "--insecure"]);
    refused(&["serve", "--policy", "prise"], 2, &["\"price\""]);
    refused(&["serve", "nowhere"], 2, &["nowhere"]);
    refused(&["serve", "wang2025", "--listen", "7077"], 2, &["--listen"]);
}

const TASK: &str = r#"{"vehicle": "car", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 0.7}"#;

fn put_vehicle(address: &str) {
    let (status, body) = ask(
        address,
        "PUT",
        "/v1/vehicles/car",
        r#"{"x_m": 500, "y_m": 500}"#,
    );
    assert_eq!(status, 204, "{body}");
}

fn state(address: &str) -> serde_json::Value {
    serde_json::from_str(&ask(address, "GET", "/v1/state", "").1).unwrap()
}

/// Ids of the tasks without an outcome.
fn open(state: &serde_json::Value) -> Vec<String> {
    let tasks = state["tasks"].as_array().unwrap();
    tasks
        .iter()
        .map(|task| task["id"].as_str().unwrap().to_owned())
        .collect()
}

/// A scenario whose leases and vehicles outlast the test.
fn patient(root: &std::path::Path) -> std::path::PathBuf {
    let file = root.join("patient.toml");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/wang2025.toml");
    let text = fs::read_to_string(source).unwrap();
    let serve = "\n[serve]\nlease_s = 3000\nvehicle_ttl_s = 3000\nbatch_ms = 1\n";
    fs::write(&file, text + serve).unwrap();
    file
}

/// Killed at any moment, it has every task that it had answered, and no outcome that it had confirmed is undone. `WAYSIDE_KILLS` says how often.
#[test]
fn property_kill_9_loses_nothing_that_was_answered() {
    let root = tempfile::tempdir().unwrap();
    let (scenario, folder) = (patient(root.path()), root.path().join("state"));
    let args = [
        text(&scenario),
        "--policy",
        "price",
        "--state",
        text(&folder),
    ];
    let (mut answered, mut ended, mut doubtful) = (Vec::new(), Vec::new(), Vec::new());
    let kills = std::env::var("WAYSIDE_KILLS");
    for round in 0..kills.map_or(5_u64, |kills| kills.parse().unwrap()) {
        let (mut child, address) = start(&args);
        let now = open(&state(&address));
        let missing: Vec<_> = answered.iter().filter(|id| !now.contains(id)).collect();
        assert!(missing.is_empty(), "{round}: {missing:?}");
        assert!(!ended.iter().any(|id| now.contains(id)), "{round}");
        // what was asked for and never answered may be there or not
        doubtful.retain(|id| now.contains(id));
        put_vehicle(&address);
        let at = address.clone();
        let client = std::thread::spawn(move || {
            let (mut placed, mut outcomes, mut asked) = (Vec::new(), Vec::new(), None);
            while let Some((status, body)) = try_ask(&at, "POST", "/v1/tasks", TASK) {
                assert_eq!(status, 200, "{body}");
                let placement: serde_json::Value = serde_json::from_str(&body).unwrap();
                let id = placement["id"].as_str().unwrap().to_owned();
                placed.push(id.clone());
                if placed.len() % 2 == 0 {
                    let path = format!("/v1/tasks/{id}/outcome");
                    asked = Some(id.clone());
                    let Some((status, body)) = try_ask(&at, "POST", &path, "{\"lost\": \"why\"}")
                    else {
                        break;
                    };
                    assert_eq!(status, 200, "{body}");
                    asked = None;
                    outcomes.push(id);
                }
            }
            (placed, outcomes, asked)
        });
        std::thread::sleep(Duration::from_millis(600 + 137 * (round % 8) + round));
        child.kill().unwrap();
        child.wait().unwrap();
        let (placed, outcomes, asked) = client.join().unwrap();
        assert!(!placed.is_empty());
        answered.extend(placed);
        doubtful.extend(asked);
        ended.extend(outcomes);
        answered.retain(|id| !ended.contains(id) && !doubtful.contains(id));
    }
    let (child, address) = start(&args);
    let last = state(&address);
    for id in open(&last) {
        let (status, body) = ask(
            &address,
            "POST",
            &format!("/v1/tasks/{id}/outcome"),
            "{\"lost\": \"over\"}",
        );
        assert_eq!(status, 200, "{body}");
    }
    // nothing is held any more, to the last bit
    for rsu in state(&address)["rsus"].as_array().unwrap() {
        assert_eq!(rsu["held_cpu_hz"], 0.0);
    }
    ends(child, "-TERM");
}

/// None where the server is gone.
fn try_ask(address: &str, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    (length.parse() == Ok(body.len())).then_some(())?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
fn regress_a_journal_has_one_server() {
    let root = tempfile::tempdir().unwrap();
    let (scenario, folder) = (patient(root.path()), root.path().join("state"));
    let own = [text(&scenario), "--state", text(&folder)];
    let (child, address) = start(&own);
    refused(
        &["serve", "--listen", "127.0.0.1:0", "--state", text(&folder)],
        1,
        &["journal.redb"],
    );
    put_vehicle(&address);
    let (status, body) = ask(
        &address,
        "POST",
        "/v1/tasks",
        &format!("{{\"tasks\": [{TASK}]}}"),
    );
    assert_eq!(status, 200, "{body}");
    ends(child, "-TERM");
    // the task is still open: another system is refused, and the same one goes on
    let other = [
        "serve",
        "lin2025",
        "--listen",
        "127.0.0.1:0",
        "--state",
        text(&folder),
    ];
    let differs = [
        "execution.kind: tasks queue for cores",
        "\"wang2025\"",
        "--state",
    ];
    refused(&other, 2, &differs);
    let (child, address) = start(&own);
    assert_eq!(open(&state(&address)).len(), 1);
    ends(child, "-TERM");
    fs::write(folder.join("journal.redb"), "no journal at all").unwrap();
    refused(
        &["serve", "--listen", "127.0.0.1:0", "--state", text(&folder)],
        1,
        &["journal.redb"],
    );
}

/// A disk that is full, or a limit on the size of files, which is the same to the journal.
#[test]
fn regress_a_full_disk_accepts_nothing_and_recovers_nothing_wrong() {
    let root = tempfile::tempdir().unwrap();
    let (scenario, folder) = (patient(root.path()), root.path().join("state"));
    // half a MiB more than the file has at its start
    let line = "ulimit -f 4096; exec \"$0\" \"$@\"";
    let mut child = std::process::Command::new("bash")
        .args([
            "-c",
            line,
            env!("CARGO_BIN_EXE_wayside"),
            "serve",
            "--listen",
            "127.0.0.1:0",
        ])
        .args([text(&scenario), "--state", text(&folder)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .strip_prefix("listening on http://")
        .unwrap()
        .trim()
        .to_owned();
    put_vehicle(&address);
    let many = format!("{{\"tasks\": [{}]}}", [TASK; 200].join(", "));
    let (mut placed, mut status) = (0, 200);
    for _ in 0..200 {
        let body;
        (status, body) = ask(&address, "POST", "/v1/tasks", &many);
        if status != 200 {
            assert!(body.contains("journal"), "{body}");
            break;
        }
        placed += 200;
    }
    assert_eq!(status, 503, "{placed} tasks were placed");
    assert_eq!(ask(&address, "GET", "/readyz", "").0, 503);
    assert_eq!(open(&state(&address)).len(), placed);
    assert_eq!(
        ask(
            &address,
            "PUT",
            "/v1/vehicles/bus",
            r#"{"x_m": 1, "y_m": 1}"#
        )
        .0,
        503
    );
    child.kill().unwrap();
    child.wait().unwrap();
    // with room again, all that was answered is there, and no more
    let (child, address) = start(&[text(&scenario), "--state", text(&folder)]);
    assert_eq!(open(&state(&address)).len(), placed);
    ends(child, "-TERM");
}

#[test]
fn regress_sighup_reloads_what_is_valid() {
    let root = tempfile::tempdir().unwrap();
    let scenario = patient(root.path());
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        text(&scenario),
        "--policy",
        "nearest",
    ];
    let mut child = command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .strip_prefix("listening on http://")
        .unwrap()
        .trim()
        .to_owned();
    let mut notes = BufReader::new(child.stderr.take().unwrap());
    let mut note = || {
        let mut line = String::new();
        notes.read_line(&mut line).unwrap();
        line
    };
    put_vehicle(&address);
    assert_eq!(ask(&address, "POST", "/v1/tasks", TASK).0, 200);
    let before = state(&address);

    let text = fs::read_to_string(&scenario).unwrap();
    fs::write(&scenario, text.replace("batch_ms = 1", "batch_ms = -1")).unwrap();
    assert!(send("-HUP", &child));
    let said = note();
    assert!(
        said.starts_with("not reloaded: ") && said.contains("serve.batch_ms"),
        "{said}"
    );
    fs::write(
        &scenario,
        text.replace("name = \"wang2025\"", "name = \"renamed\""),
    )
    .unwrap();
    assert!(send("-HUP", &child));
    assert_eq!(note(), "the scenario has been reloaded\n");
    let after = state(&address);
    assert_eq!(after["scenario"], "renamed");
    assert_eq!(after["tasks"], before["tasks"]);
    assert_eq!(after["rsus"], before["rsus"]);
    let metrics = ask(&address, "GET", "/metrics", "").1;
    for line in [
        "wayside_reloads_total 1\n",
        "wayside_failed_reloads_total 1\n",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    ends(child, "-TERM");
}

#[test]
fn regress_view_plays_what_run_wrote() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    refused(&["run", "--playback"], 2, &["--out"]);
    refused(
        &["view", text(&out)],
        2,
        &["playback.parquet", "wayside run --playback --out DIR"],
    );
    let run = [
        "run",
        "--slots",
        "2",
        "--seeds",
        "3",
        "--policy",
        "local",
        "-q",
        "--out",
        text(&out),
        "--playback",
    ];
    printed(&run);
    let kept = root.path().join("kept");
    fs::rename(out.join("tasks.parquet"), &kept).unwrap();
    refused(&["view", text(&out)], 2, &["tasks.parquet: is missing"]);
    fs::rename(&kept, out.join("tasks.parquet")).unwrap();
    let exposed = ["view", text(&out), "--listen", "0.0.0.0:0"];
    refused(&exposed, 2, &["--listen", "loopback"]);

    let args = ["view", text(&out), "--listen", "127.0.0.1:0"];
    let mut child = command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.strip_prefix("playing at http://").unwrap().trim();
    let get = |path: &str| ask(address, "GET", path, "");
    let (status, page) = get("/");
    assert!(status == 200 && page.contains("<html data-playback"));
    let outline: serde_json::Value = serde_json::from_str(&get("/v1/playback").1).unwrap();
    assert_eq!(outline["seeds"], serde_json::json!([3]));
    assert_eq!(outline["policies"], serde_json::json!(["local"]));
    let (status, frames) = get("/v1/playback/frames?seed=3&policy=local");
    let frames: serde_json::Value = serde_json::from_str(&frames).unwrap();
    assert_eq!((status, frames.as_array().unwrap().len()), (200, 2));
    for (path, status) in [
        ("/v1/playback/frames?seed=4&policy=local", 404),
        ("/v1/playback/frames?seed=x&policy=local", 400),
        ("/v1/playback/frames", 400),
        ("/v1/tasks", 404),
    ] {
        let (found, problem) = get(path);
        assert_eq!(found, status, "{problem}");
        assert!(
            problem.starts_with("{\"type\":\"about:blank\""),
            "{problem}"
        );
    }
    assert_eq!(ask(address, "POST", "/v1/playback", "{}").0, 405);
    ends(child, "-TERM");
}
