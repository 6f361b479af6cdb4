//! `wayside serve` with TLS, asked by `openssl s_client`, which has no code of ours.

use super::serve::start_speaking;
use super::{command, refused, send, text};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/key.pem");
const OTHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/other-key.pem");

fn start(more: &[&str]) -> (Child, String) {
    let args = ["--policy", "nearest", "--tls-cert", CERT, "--tls-key", KEY];
    start_speaking("https", &[&args, more].concat())
}

/// What `openssl` says that the server answers, and whether it is content; none where there is no such program.
fn s_client(address: &str, more: &[&str], request: &str) -> Option<(bool, String)> {
    let begun = Command::new("openssl")
        .args(["s_client", "-connect", address, "-CAfile", CERT])
        .args(["-verify_return_error", "-quiet", "-ign_eof"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut client) = begun else {
        eprintln!("SKIPPED: there is no openssl");
        return None;
    };
    // one that was refused reads no more
    _ = client.stdin.take().unwrap().write_all(request.as_bytes());
    let output = client.wait_with_output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.success(), answer))
}

fn get(address: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
}

/// A peer of another make verifies the certificate and reads the answer; an older protocol and a name that the certificate has not are refused.
#[test]
fn oracle_openssl_speaks_with_the_server() {
    let (mut child, address) = start(&[]);
    let ready = get(&address, "/readyz");
    let name = ["-tls1_3", "-verify_hostname", "localhost"];
    let Some((good, answer)) = s_client(&address, &name, &ready) else {
        child.kill().unwrap();
        child.wait().unwrap();
        return;
    };
    assert!(good && answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("ready\n"), "{answer}");
    for wrong in [&["-tls1_2"][..], &["-verify_hostname", "elsewhere"]] {
        let (good, answer) = s_client(&address, wrong, &ready).unwrap();
        assert!(!good && answer.is_empty(), "{wrong:?}: {answer}");
    }
    // no TLS at all, and nothing at all: neither holds up the others
    let mut plain = TcpStream::connect(&address).unwrap();
    plain.write_all(ready.as_bytes()).unwrap();
    let mut answer = Vec::new();
    _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let _silent = TcpStream::connect(&address).unwrap();
    let (_, metrics) = s_client(&address, &name, &get(&address, "/metrics")).unwrap();
    // who does not like the certificate may go before or after its handshake has ended here
    let counted = (2..=3)
        .any(|n| metrics.contains(&format!("wayside_refusals_total{{reason=\"tls\"}} {n}\n")));
    assert!(counted, "{metrics}");
    let begun = Instant::now();
    assert!(send("-TERM", &child));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A certificate that was renewed counts from SIGHUP on; one that is broken is kept out.
#[test]
fn regress_a_certificate_is_renewed() {
    let root = tempfile::tempdir().unwrap();
    let (cert, key) = (root.path().join("cert.pem"), root.path().join("key.pem"));
    fs::copy(CERT, &cert).unwrap();
    fs::copy(KEY, &key).unwrap();
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        text(&cert),
        "--tls-key",
        text(&key),
    ];
    let mut child = command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap());
    let mut note = || {
        let mut line = String::new();
        notes.read_line(&mut line).unwrap();
        line
    };
    fs::copy(OTHER, &key).unwrap();
    assert!(send("-HUP", &child));
    let said = note();
    assert!(
        said.starts_with("not reloaded: ") && said.contains("is not the key of"),
        "{said}"
    );
    fs::copy(KEY, &key).unwrap();
    assert!(send("-HUP", &child));
    assert_eq!(note(), "the scenario has been reloaded\n");
    assert!(send("-TERM", &child));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn regress_bad_certificates_are_named() {
    let root = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &str| {
        let file = root.path().join(name);
        fs::write(&file, content).unwrap();
        text(&file).to_owned()
    };
    let broken = put(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    );
    let cut = put("cut.pem", "-----BEGIN PRIVATE KEY-----\nMIGH\n");
    let empty = put("empty.pem", "no certificate\n");
    let strange = put(
        "strange.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let missing = root.path().join("missing.pem");
    let cases: [(&str, &str, &[&str]); 7] = [
        (&broken, KEY, &["broken.pem: must be PEM"]),
        (CERT, &cut, &["cut.pem: must be PEM: a section has no end"]),
        (
            &empty,
            &empty,
            &[
                "empty.pem: must have a certificate in PEM",
                "empty.pem: must have a private key in PEM",
            ],
        ),
        (&strange, KEY, &["strange.pem: "]),
        (
            CERT,
            OTHER,
            &["other-key.pem: is not the key of the certificate in"],
        ),
        (CERT, text(&missing), &["missing.pem: "]),
        (text(&missing), KEY, &["missing.pem: "]),
    ];
    for (cert, key, messages) in cases {
        let args = ["serve", "--tls-cert", cert, "--tls-key", key];
        refused(&args, 2, messages);
    }
    refused(&["serve", "--tls-cert", CERT], 2, &["--tls-key"]);
    // with TLS nothing but tokens is asked for beyond loopback
    refused(
        &[
            "serve",
            "--listen",
            "0.0.0.0:0",
            "--tls-cert",
            CERT,
            "--tls-key",
            KEY,
        ],
        2,
        &["--tokens"],
    );
}
