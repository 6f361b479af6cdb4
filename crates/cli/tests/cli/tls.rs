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
const OTHER_CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/other-cert.pem");
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

/// Vehicles drive against a centre that speaks https, and do not speak with one that they do not trust.
#[test]
fn property_drive_speaks_https_with_whom_it_trusts() {
    let (mut centre, address) = start(&["wang2025"]);
    let port = address.rsplit(':').next().unwrap();
    let traffic = [
        "--set",
        "fleet.size=4",
        "--slots",
        "2",
        "--speed",
        "10",
        "-q",
    ];
    let drive = |to: &str, more: &[&str]| {
        let args = [&["drive", "wang2025", "--to", to], &traffic[..], more].concat();
        args.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = |to: &str, more: &[&str], code, messages: &[&str]| {
        let args = drive(to, more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        refused(&args, code, messages);
    };
    for host in ["127.0.0.1", "localhost"] {
        let to = format!("https://{host}:{port}");
        let args = drive(&to, &["--tls-ca", CERT]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = super::wayside(&args);
        let error = super::stderr(&output);
        assert_eq!((output.status.code(), error), (Some(0), ""), "{host}");
    }
    let to = format!("https://{address}");
    let not_trusted = "is not trusted for 127.0.0.1";
    refused(&to, &["--tls-ca", OTHER_CERT], 1, &[&to, not_trusted]);
    refused(&to, &[], 2, &["--tls-ca: is missing"]);
    refused(
        &to,
        &["--tls-ca", KEY],
        2,
        &["key.pem: must have a certificate in PEM"],
    );
    let plain = format!("http://{address}");
    refused(&plain, &[], 1, &[&plain]);
    refused(
        &plain,
        &["--tls-ca", CERT],
        2,
        &["--tls-ca: is for https only"],
    );
    assert!(send("-TERM", &centre));
    centre.wait().unwrap();

    // a certificate for another name, and a server without any
    let elsewhere = ["--tls-cert", OTHER_CERT, "--tls-key", OTHER];
    let (mut centre, address) = start_speaking("https", &elsewhere);
    let to = format!("https://{address}");
    refused(&to, &["--tls-ca", OTHER_CERT], 1, &[&to, not_trusted]);
    assert!(send("-TERM", &centre));
    centre.wait().unwrap();
    let (mut centre, address) = start_speaking("http", &[]);
    let to = format!("https://{address}");
    refused(
        &to,
        &["--tls-ca", CERT],
        1,
        &[&to, "does not speak TLS 1.3"],
    );
    assert!(send("-TERM", &centre));
    centre.wait().unwrap();
}

/// An agent asks a centre that speaks https where a task runs; it does not begin with one that it does not trust.
#[test]
fn property_an_agent_asks_by_https() {
    use wayside_live::{DecidedBy, Direction, Message, Net};
    const THREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../live/tests/three.toml");
    let (mut centre, address) = start(&[THREE]);
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("net.toml");
    fs::write(root.path().join("key"), "0123456789abcdef0123456789abcdef").unwrap();
    let configure = |ca: &str| {
        let mut net = format!(
            "scenario = {THREE:?}\nkey_file = \"key\"\ncentre = \"https://{address}\"\ncentre_ca_file = {ca:?}\n"
        );
        for id in ["a", "b", "c"] {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let at = free.local_addr().unwrap();
            net += &format!("[[agent]]\nid = {id:?}\nri = \"{at}\"\ntasks = \"{at}\"\n");
        }
        fs::write(&file, net).unwrap();
    };
    let args = [
        "rsu",
        "--id",
        "a",
        "--config",
        text(&file),
        "--policy",
        "centre",
    ];
    configure(OTHER_CERT);
    refused(&args, 1, &[&address, "is not trusted for 127.0.0.1"]);

    configure(CERT);
    let mut agent = command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(agent.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert!(line.starts_with("a listens at "), "{line}");
    let body = "{\"x_m\": 500, \"y_m\": 500}";
    let put = format!(
        "PUT /v1/vehicles/car HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    if let Some((_, answer)) = s_client(&address, &[], &put) {
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        let net = Net::load(&file, DecidedBy::Centre).unwrap();
        let mut stream = TcpStream::connect(net.agents[0].tasks).unwrap();
        let (own, mut other) = ([7; 16], [0; 16]);
        stream.write_all(&own).unwrap();
        stream.read_exact(&mut other).unwrap();
        let nonces = [own, other].concat();
        let mut writes = Direction::new(&net.key, &nonces, false);
        let mut reads = Direction::new(&net.key, &nonces, true);
        let ask = Message::Ask {
            offer: wayside_core::agent::Offer {
                order: 0,
                cycles: 1e8,
                data_bits: 8000.0,
                deadline_s: 0.5,
                seconds_per_bit: 1e-8,
                tx_power_w: 0.2,
                cpu_hz: 1e3,
                energy_coeff: 0.0,
                local_wait_s: 0.0,
            },
            vehicle: "car".to_owned(),
            key: None,
        };
        stream.write_all(&writes.seal(&ask).unwrap()).unwrap();
        let mut hear = || {
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut sealed = vec![0; u32::from_le_bytes(length) as usize];
            stream.read_exact(&mut sealed).unwrap();
            reads.open(&sealed).unwrap()
        };
        assert!(matches!(hear(), Message::Placed(_)));
        assert!(matches!(hear(), Message::Enter { .. }));
    }
    for process in [&mut agent, &mut centre] {
        assert!(send("-TERM", process));
        assert_eq!(process.wait().unwrap().code(), Some(0));
    }
}
