//! Vehicles, tasks, outcomes, events: the centre over HTTP.

use crate::client::{Answer, Server, config};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::time::{Duration, Instant};
use wayside_core::policy::{Policy, PolicyInfo};
use wayside_core::slot::{Decision, Slot};
use wayside_live::Config;

const TASK: &str = r#"{"vehicle": "car", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 0.7}"#;

fn put(server: &Server, path: &str, body: &str) -> Answer {
    server.send("PUT", path, &[("content-type", "application/json")], body)
}

fn vehicle(server: &Server, id: &str) {
    let answer = put(
        server,
        &format!("/v1/vehicles/{id}"),
        r#"{"x_m": 500, "y_m": 500}"#,
    );
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (204, ""),
        "{answer:?}"
    );
}

fn held_hz(state: &Value) -> f64 {
    let rsus = state["rsus"].as_array().unwrap();
    rsus.iter()
        .map(|rsu| rsu["held_cpu_hz"].as_f64().unwrap())
        .sum()
}

#[test]
fn closed_form_from_a_vehicle_to_an_outcome() {
    let server = Server::start(&[]);
    server.post("/v1/tasks", TASK).problem(422);
    vehicle(&server, "car");
    let placed = server.post("/v1/tasks", TASK);
    assert_eq!(placed.status, 200, "{placed:?}");
    let placed = placed.json();
    assert_eq!(
        (&placed["id"], &placed["task"], &placed["policy"]),
        (&json!("t0"), &json!("t0"), &json!("price"))
    );
    assert_eq!(placed["mode"], "rsu");
    let delay_s = placed["delay_s"].as_f64().unwrap();
    assert!((placed["lease_s"].as_f64().unwrap() - delay_s - 10.0).abs() < 1e-12);

    let state = server.get("/v1/state").json();
    assert_eq!(state["vehicles"][0]["id"], "car");
    assert_eq!(state["tasks"][0]["id"], "t0");
    assert!((held_hz(&state) - placed["cpu_hz"].as_f64().unwrap()).abs() < 1e-2);

    let outcome = r#"{"delay_parts_s": {"upload": 0.1, "compute": 0.2}}"#;
    let taken = server.post("/v1/tasks/t0/outcome", outcome).json();
    assert_eq!(taken["predicted_delay_s"], placed["delay_s"]);
    assert!((taken["measured_delay_s"].as_f64().unwrap() - 0.3).abs() < 1e-12);
    server.post("/v1/tasks/t0/outcome", outcome).problem(410);
    server.post("/v1/tasks/t1/outcome", outcome).problem(404);
    assert_eq!(held_hz(&server.get("/v1/state").json()).to_bits(), 0);

    let many = format!("{{\"tasks\": [{TASK}, {TASK}]}}");
    let placed = server.post("/v1/tasks", &many).json();
    let ids: Vec<_> = placed["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["id"])
        .collect();
    assert_eq!(ids, ["t1", "t2"]);
    let lost = server
        .post("/v1/tasks/t2/outcome", r#"{"lost": "the RSU went down"}"#)
        .json();
    assert_eq!(lost["measured_delay_s"], Value::Null);

    assert_eq!(
        server.send("DELETE", "/v1/vehicles/car", &[], "").status,
        204
    );
    server
        .send("DELETE", "/v1/vehicles/car", &[], "")
        .problem(404);
    for (name, value) in [
        ("wayside_decisions_total{policy=\"price\"}", 3.0),
        ("wayside_batch_tasks_count", 2.0),
        ("wayside_measured_delay_seconds_count", 1.0),
        ("wayside_lost_total", 1.0),
        ("wayside_open_tasks", 1.0),
        ("wayside_vehicles", 0.0),
        ("wayside_gap_count", 2.0),
    ] {
        assert!((server.metric(name) - value).abs() < 1e-12, "{name}");
    }
}

#[test]
fn regress_what_the_centre_refuses() {
    let server = Server::start(&[]);
    vehicle(&server, "car");
    let answer = put(
        &server,
        "/v1/vehicles/car",
        r#"{"x_m": "far", "colour": 3}"#,
    );
    answer.problem(422);
    assert_eq!(answer.paths(), ["$.colour", "$.x_m", "$.y_m"]);
    let answer = server.post("/v1/tasks", &TASK.replace("car", "cra"));
    answer.problem(422);
    assert_eq!(answer.paths(), ["$.vehicle"]);
    assert!(answer.body.contains("did you mean \\\"car\\\""));
    put(&server, "/v1/rsus/nowhere/state", "{}").problem(404);
    put(
        &server,
        &format!("/v1/vehicles/{}", "x".repeat(200)),
        r#"{"x_m": 1, "y_m": 1}"#,
    )
    .problem(422);
    put(&server, "/v1/vehicles/%00", r#"{"x_m": 1, "y_m": 1}"#).problem(422);
    put(&server, "/v1/vehicles/%ff", r#"{"x_m": 1, "y_m": 1}"#).problem(400);
    server.post("/v1/tasks/t0/outcome", "{}").problem(422);
    server.post("/v1/tasks", &" ".repeat(300_000)).problem(413);
}

#[test]
fn closed_form_a_key_makes_a_repeat_harmless() {
    let server = Server::start(&[]);
    vehicle(&server, "car");
    let send = |key: &str, body: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        server.send("POST", "/v1/tasks", &headers, body)
    };
    let first = send("a", TASK);
    assert_eq!(first.status, 200);
    assert_eq!(send("a", TASK).body, first.body);
    assert_eq!(send("b", TASK).json()["id"], "t1");
    send("a", &TASK.replace("0.7", "0.8")).problem(409);
    send("", TASK).problem(422);
    send(&"x".repeat(200), TASK).problem(422);
}

#[test]
fn property_many_clients_share_batches() {
    let server = Server::start(&[("serve.batch_ms", "300")]);
    let ids: Vec<String> = (0..20).map(|i| format!("car{i}")).collect();
    ids.iter().for_each(|id| vehicle(&server, id));
    std::thread::scope(|scope| {
        for id in &ids {
            let body = TASK.replace("\"car\"", &format!("{id:?}"));
            let server = &server;
            scope.spawn(move || assert_eq!(server.post("/v1/tasks", &body).status, 200));
        }
    });
    let batches = server.metric("wayside_batch_tasks_count");
    assert!((1.0..15.0).contains(&batches), "{batches}");
    assert!((server.metric("wayside_open_tasks") - 20.0).abs() < 1e-12);
}

#[test]
fn regress_too_many_tasks_are_429() {
    let server = Server::start(&[("serve.queue_max", "2"), ("serve.batch_ms", "3000")]);
    vehicle(&server, "car");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| server.post("/v1/tasks", TASK)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap().status)
            .collect()
    });
    let count = |status| statuses.iter().filter(|&&s| s == status).count();
    assert_eq!((count(200), count(429)), (2, 4), "{statuses:?}");
}

/// The next event of that name and its data.
fn next_event(reader: &mut impl std::io::BufRead, name: &str) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "no event {name}");
        if line.trim_end() == format!("event: {name}") {
            line.clear();
            reader.read_line(&mut line).unwrap();
            return serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
        }
    }
}

#[test]
fn closed_form_events() {
    let server = Server::start(&[("serve.streams_max", "1")]);
    let mut stream = server.connect();
    write!(
        stream,
        "GET /v1/events HTTP/1.1\r\nhost: {}\r\n\r\n",
        server.address
    )
    .unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    server.get("/v1/events").problem(429);
    vehicle(&server, "car");
    assert_eq!(next_event(&mut reader, "vehicle")["x_m"], 500.0);
    let placed = server.post("/v1/tasks", TASK).json();
    let batch = next_event(&mut reader, "batch");
    assert_eq!(batch["tasks"], json!([placed]));
    assert!(batch["gap"].as_f64().unwrap() >= 0.0 && batch["load"]["lbm"].is_f64());
    let rsu = placed["execution"].as_str().unwrap();
    put(
        &server,
        &format!("/v1/rsus/{rsu}/state"),
        r#"{"free_cpu_hz": 1e9, "queue": 2}"#,
    );
    assert_eq!(next_event(&mut reader, "rsu")["queue"], 2.0);
    server.post("/v1/tasks/t0/outcome", r#"{"lost": "why"}"#);
    assert_eq!(next_event(&mut reader, "outcome")["lost"], "why");
    // the stream ends with the server, and does not hold it up
    let begun = Instant::now();
    server.end();
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn oracle_edge_discovery_is_in_order_of_cost() {
    let server = Server::start(&[]);
    let ask = |body: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("x-correlator", "b4333c46-49c0"),
        ];
        server.send("POST", "/retrieve-optimal-edge-cloud-zones", &headers, body)
    };
    let body =
        r#"{"device": {"networkAccessIdentifier": "car"}, "applicationProfileId": "2fa85f64"}"#;
    ask(body).problem(404);
    ask("{}").problem(422);
    vehicle(&server, "car");
    let answer = ask(body);
    assert!(
        answer.head.contains("\r\nx-correlator: b4333c46-49c0"),
        "{answer:?}"
    );
    let found = answer.json();
    assert_eq!(found["device"], json!({ "networkAccessIdentifier": "car" }));
    assert_eq!(found["applicationProfileId"], "2fa85f64");
    let zones = found["edgeCloudZones"].as_array().unwrap();
    let names = |zones: &[Value]| -> Vec<String> {
        zones
            .iter()
            .map(|zone| zone["edgeCloudZoneName"].as_str().unwrap().to_owned())
            .collect()
    };
    let free = names(zones);
    assert_eq!(free.len(), 11);
    assert_eq!(zones[0]["edgeCloudZoneId"].as_str().unwrap().len(), 36);
    // where the first has next to nothing left, it is not the first any more
    put(
        &server,
        &format!("/v1/rsus/{}/state", free[0]),
        r#"{"free_cpu_hz": 2e8}"#,
    );
    let busy = names(ask(body).json()["edgeCloudZones"].as_array().unwrap());
    assert_ne!(busy[0], free[0]);
    assert_eq!(busy.last(), Some(&free[0]));
}

/// A policy that sleeps or panics.
struct Odd(Duration);

impl Policy for Odd {
    fn decide(&mut self, _: &Slot, _: &mut Decision) {
        std::thread::sleep(self.0);
        panic!("odd");
    }
}

fn odd(sleep: Duration, decide_ms: &str) -> Server {
    let mut config = config(&[("serve.decide_ms", decide_ms)]);
    let mut registry = (*config.registry).clone();
    let info = PolicyInfo {
        name: "odd",
        summary: "-",
        source: "-",
        options: "-",
        needs: "-",
    };
    registry.register(info, move |_, _| Odd(sleep));
    config.registry = registry.into();
    Server::with(Config {
        policy: "odd".to_owned(),
        ..config
    })
}

#[test]
fn regress_a_policy_that_fails_or_dawdles_is_stood_in_for() {
    // the message of a panic takes its time too
    for (sleep_s, decide_ms, reason) in [(0.0, "20000", "failed"), (5.0, "100", "slow")] {
        let server = odd(Duration::from_secs_f64(sleep_s), decide_ms);
        vehicle(&server, "car");
        for _ in 0..2 {
            let begun = Instant::now();
            assert_eq!(server.post("/v1/tasks", TASK).json()["policy"], "nearest");
            assert!(reason == "failed" || begun.elapsed() < Duration::from_secs(4));
        }
        let counted =
            |reason: &str| server.metric(&format!("wayside_fallbacks_total{{reason={reason:?}}}"));
        assert!(counted(reason) >= 1.0, "{reason}");
        assert!((counted("failed") + counted("slow") + counted("busy") - 2.0).abs() < 1e-12);
    }
}

#[test]
fn property_a_journal_outlasts_the_server() {
    let root = tempfile::tempdir().unwrap();
    let with_state = || {
        Server::with(Config {
            state: Some(root.path().join("state")),
            ..config(&[])
        })
    };
    let server = with_state();
    vehicle(&server, "car");
    let placed = server.post("/v1/tasks", TASK);
    server.post("/v1/tasks", TASK);
    assert_eq!(
        server
            .post("/v1/tasks/t1/outcome", r#"{"lost": "why"}"#)
            .status,
        200
    );
    let before = server.get("/v1/state").json();
    server.end();
    let server = with_state();
    let after = server.get("/v1/state").json();
    for part in ["vehicles", "rsus", "tasks"] {
        assert_eq!(after[part], before[part]);
    }
    server
        .post("/v1/tasks/t1/outcome", "{\"lost\": \"again\"}")
        .problem(410);
    assert_eq!(server.post("/v1/tasks", TASK).json()["id"], "t2");
    assert_eq!(placed.json()["id"], "t0");
}

#[test]
fn regress_reports_name_neighbours_and_whole_queues() {
    let server = Server::start(&[]);
    let state = server.get("/v1/state").json();
    let link = &state["links"][0];
    let (a, b) = (link["a"].as_str().unwrap(), link["b"].as_str().unwrap());
    let path = format!("/v1/rsus/{a}/state");
    let sound = format!("{{\"queue\": 2, \"link_backlog_bits\": {{{b:?}: 1e6}}}}");
    assert_eq!(put(&server, &path, &sound).status, 204);
    let answer = put(&server, &path, r#"{"queue": 2.5}"#);
    answer.problem(422);
    assert_eq!(answer.paths(), ["$.queue"]);
    let wrong = format!("{{\"free_cpu_hz\": 1e15, \"link_backlog_bits\": {{{a:?}: 1, \"x\": 2}}}}");
    let answer = put(&server, &path, &wrong);
    answer.problem(422);
    let paths = [
        "$.free_cpu_hz".to_owned(),
        format!("$.link_backlog_bits.{a}"),
        "$.link_backlog_bits.x".to_owned(),
    ];
    assert_eq!(answer.paths(), paths);
}

#[test]
fn regress_a_state_folder_that_is_deleted_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("state");
    let start = || {
        Server::with(Config {
            state: Some(state.clone()),
            ..config(&[("serve.vehicle_ttl_s", "600")])
        })
    };
    let server = start();
    vehicle(&server, "before");
    std::fs::remove_dir_all(&state).unwrap();
    let body = r#"{"x_m": 1, "y_m": 1}"#;
    put(&server, "/v1/vehicles/lost", body).problem(503);
    server.get("/readyz").problem(503);
    let begun = Instant::now();
    while put(&server, "/v1/vehicles/after", body).status != 204 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.get("/readyz").status, 200);
    server.end();
    let server = start();
    let state = server.get("/v1/state").json();
    let ids: Vec<_> = state["vehicles"].as_array().unwrap().iter().collect();
    let ids: Vec<_> = ids.iter().map(|v| v["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"before") && ids.contains(&"after"), "{ids:?}");
}
