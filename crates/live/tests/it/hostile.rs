//! Clients that err, lie or dawdle.

use crate::client::{Answer, Server};
use crate::decisions::slot;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

#[test]
fn regress_bodies_that_are_no_slot() {
    let server = Server::start(&[]);
    let json = [("content-type", "application/json")];
    for (body, status) in [
        ("{", 400),
        ("[1, 2", 400),
        ("[]", 422),
        ("null", 422),
        ("\"\\u0000\"", 422),
        ("{}", 422),
        ("{\"slot_s\": 1e999}", 400),
    ] {
        let answer = server.post("/v1/decisions", body);
        let problem = answer.problem(status);
        assert!(
            !problem["errors"].as_array().unwrap().is_empty(),
            "{answer:?}"
        );
    }
    let deep = "[".repeat(200_000);
    server.post("/v1/decisions", &deep).problem(400);
    server.send("POST", "/v1/decisions", &json, "").problem(400);
    let text = [("content-type", "text/plain")];
    server
        .send("POST", "/v1/decisions", &text, "{}")
        .problem(415);
    server.send("POST", "/v1/decisions", &[], "{}").problem(415);
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n",
        server.address
    );
    server
        .raw(&[head.as_bytes(), &[0xff, 0xfe]].concat())
        .problem(400);
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn regress_bodies_beyond_the_limit() {
    let server = Server::start(&[("serve.body_max_bytes", "2000")]);
    server.post("/v1/decisions", &" ".repeat(2000)).problem(400);
    server.post("/v1/decisions", &" ".repeat(2001)).problem(413);
    // no length is given, and no end comes
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        server.address
    );
    let chunk = format!("3e8\r\n{}\r\n", " ".repeat(1000));
    server
        .raw((head.clone() + &chunk.repeat(3)).as_bytes())
        .problem(413);
    // a length that the body does not keep
    let head = head.replace(
        "transfer-encoding: chunked",
        "content-length: 1000000000000",
    );
    server.raw(head.as_bytes()).problem(413);
    assert_eq!(server.count("wayside_refusals_total{reason=\"size\"}"), 3);
}

#[test]
fn regress_heads_that_are_too_large_or_none() {
    let server = Server::start(&[]);
    let start = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n", server.address);
    let long = format!("{start}x: {}\r\n\r\n", "a".repeat(1 << 20));
    assert!([0, 431].contains(&server.raw(long.as_bytes()).status));
    let many = format!("{start}{}\r\n", "x: y\r\n".repeat(1000));
    assert!([0, 431].contains(&server.raw(many.as_bytes()).status));
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    assert!([0, 414, 431].contains(&server.raw(target.as_bytes()).status));
    for garbage in [
        "\r\n\r\n\r\n",
        "hello\r\n\r\n",
        "GET / HTTP/9\r\n\r\n",
        "\0\u{1}\u{2}\r\n\r\n",
    ] {
        assert!(
            [0, 400].contains(&server.raw(garbage.as_bytes()).status),
            "{garbage:?}"
        );
    }
    assert_eq!(server.get("/healthz").body, "ok\n");
}

#[test]
fn regress_slow_clients_are_let_go() {
    let server = Server::start(&[("serve.read_s", "0.3")]);
    let begun = Instant::now();
    let mut head = server.connect();
    head.write_all(b"GET /healthz HT").unwrap();
    let mut body = server.connect();
    let start = format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{",
        server.address
    );
    body.write_all(start.as_bytes()).unwrap();
    // others are served meanwhile
    assert_eq!(server.get("/healthz").status, 200);
    assert!([0, 408].contains(&Answer::read(&mut head).status));
    Answer::read(&mut body).problem(408);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(server.count("wayside_refusals_total{reason=\"slow\"}"), 1);
}

#[test]
fn regress_clients_that_do_not_read_are_let_go() {
    let server = Server::start(&[("serve.read_s", "0.3")]);
    let mut stream = server.connect();
    let request = format!(
        "GET /openapi.json HTTP/1.1\r\nhost: {}\r\n\r\n",
        server.address
    );
    stream
        .set_write_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    // until the buffers on the way are full
    while stream.write_all(request.repeat(100).as_bytes()).is_ok() {}
    let begun = Instant::now();
    while server.metric("wayside_connections") > 1.0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn regress_too_much_work_is_429() {
    let server = Server::start(&[("serve.workers", "1"), ("serve.waiting_max", "1")]);
    let large = slot(400);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let ask = || server.post("/v1/decisions?policy=local-search&bound=split", &large);
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let refused: Vec<_> = statuses
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    for answer in &refused {
        assert!(answer.head.contains("\r\nretry-after: 1"), "{answer:?}");
        assert_eq!(answer.problem(429)["retry_after_s"], 1);
    }
    assert!(
        !refused.is_empty() && refused.len() < 8,
        "{}",
        refused.len()
    );
    assert!(
        statuses
            .iter()
            .all(|answer| [200, 429].contains(&answer.status))
    );
    assert_eq!(server.post("/v1/decisions", &large).status, 200);
}

#[test]
fn regress_connections_are_limited() {
    let server = Server::start(&[("serve.connections_max", "2"), ("serve.read_s", "2")]);
    let idle = [server.connect(), server.connect()];
    std::thread::sleep(Duration::from_millis(100));
    // the third waits until the idle ones are let go
    let begun = Instant::now();
    assert_eq!(server.get("/healthz").status, 200);
    assert!(begun.elapsed() > Duration::from_millis(500));
    drop(idle);
}

#[test]
fn regress_tokens() {
    let server = Server::guarded("# ours\n\nopen-sesame-open-sesame\nanother-token-of-ours\n");
    let get = |authorization: &str| {
        let headers = [
            ("authorization", authorization),
            ("host", "wayside.example"),
        ];
        server.send("GET", "/openapi.json", &headers, "")
    };
    assert_eq!(get("Bearer open-sesame-open-sesame").status, 200);
    assert_eq!(get("bearer another-token-of-ours").status, 200);
    for wrong in [
        "Bearer open-sesame-open-sesam",
        "Bearer ",
        "Basic open-sesame-open-sesame",
        "open-sesame-open-sesame",
        "Bearer # ours",
    ] {
        let answer = get(wrong);
        answer.problem(401);
        assert!(answer.head.contains("\r\nwww-authenticate: bearer"));
        assert!(!answer.body.contains("sesam"), "{answer:?}");
    }
    server.get("/metrics").problem(401);
    assert_eq!(server.get("/readyz").status, 200);
    let headers = [("authorization", "Bearer another-token-of-ours")];
    let metrics = server.send("GET", "/metrics", &headers, "").body;
    assert!(
        metrics.contains("wayside_refusals_total{reason=\"token\"} 6\n"),
        "{metrics}"
    );
}

#[test]
fn regress_other_names_for_this_machine_are_refused() {
    let server = Server::start(&[]);
    let get = |host: &str| server.send("GET", "/openapi.json", &[("host", host)], "");
    for host in [
        "localhost",
        "LOCALHOST:7077",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]:7077",
    ] {
        assert_eq!(get(host).status, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1", ""] {
        get(host).problem(421);
    }
}

#[test]
fn property_the_end_lets_answers_end() {
    let server = Server::start(&[]);
    let large = slot(400);
    let mut busy = server.connect();
    let request = format!(
        "POST /v1/decisions?policy=local-search&bound=split HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{large}",
        server.address,
        large.len()
    );
    busy.write_all(request.as_bytes()).unwrap();
    let mut idle = server.connect();
    let address = server.address;
    std::thread::sleep(Duration::from_millis(100));
    let client = std::thread::spawn(move || Answer::read(&mut busy));
    let begun = Instant::now();
    server.end();
    assert!(begun.elapsed() < Duration::from_secs(25));
    assert_eq!(client.join().unwrap().status, 200);
    assert_eq!(idle.read(&mut [0; 1]).unwrap_or(0), 0);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn regress_the_end_waits_for_nobody_who_has_not_asked() {
    let server = Server::start(&[("serve.read_s", "30"), ("serve.request_s", "30")]);
    let silent = server.connect();
    let mut begun = server.connect();
    begun.write_all(b"GET /healthz HTTP/1.1\r\nhos").unwrap();
    let mut half = server.connect();
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        server.address
    );
    half.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let asked = Instant::now();
    server.end();
    assert!(asked.elapsed() < Duration::from_secs(10));
    // who was sending a body is told
    Answer::read(&mut half).problem(503);
    drop((silent, begun));
}
