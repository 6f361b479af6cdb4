//! `wayside serve`.

use super::{command, printed, refused, send, text};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A server and the address that it listens at.
pub(super) fn start(args: &[&str]) -> (Child, String) {
    let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
    let mut child = command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.strip_prefix("listening on http://").unwrap().trim();
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
