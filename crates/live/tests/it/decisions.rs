//! `POST /v1/decisions`.

use crate::client::Server;
use serde_json::{Value, json};
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, PolicyFactory as _, PolicyRegistry};
use wayside_core::rng::Streams;
use wayside_core::slot::NamedSlot;
use wayside_core::{Error, Scenario, Slot};
use wayside_study::decision;

/// A slot of wang2025 as JSON.
pub(crate) fn slot(vehicles: usize) -> String {
    let set = [("fleet.size".to_owned(), vehicles.to_string())];
    let scenario = Scenario::builtin("wang2025", &set).unwrap();
    let world = World::new(&scenario).unwrap();
    let mut slot = world.empty_slot();
    let mut traffic = Traffic::new(&world, Streams::new(7)).unwrap();
    traffic.advance(0, &mut slot).unwrap();
    let ids = |letter: char, count: usize| (0..count).map(|i| format!("{letter}{i}")).collect();
    let named = NamedSlot {
        task_ids: ids('t', slot.tasks.len()),
        vehicle_ids: ids('v', slot.vehicles.len()),
        slot,
    };
    named.to_json(&scenario.channel).to_string()
}

/// What `wayside decide` prints, without the time that it took.
fn decided(text: &str, policy: &str, bound: BoundKind) -> String {
    let slot = Slot::from_json("slot", text).unwrap();
    let options = Scenario::builtin("wang2025", &[]).unwrap().policy;
    let factory = PolicyRegistry::analytic().resolve(policy, None).unwrap();
    let policy = factory.for_slot(&slot.slot, &options).unwrap();
    let mut report = decision::decide("slot", &slot, (factory.name(), policy), bound).unwrap();
    report.decision_time_s = 0.0;
    report.to_json()
}

#[test]
fn oracle_decisions_are_those_of_decide_to_the_byte() {
    let server = Server::start(&[]);
    let text = slot(30);
    for (query, policy, bound) in [
        ("", "price", BoundKind::Off),
        ("?policy=nearest", "nearest", BoundKind::Off),
        ("?bound=simple", "price", BoundKind::Simple),
        ("?bound", "price", BoundKind::Simple),
        (
            "?policy=best-response&bound=split",
            "best-response",
            BoundKind::Split,
        ),
    ] {
        let answer = server.post(&format!("/v1/decisions{query}"), &text);
        assert_eq!(answer.status, 200, "{answer:?}");
        let time_s = answer.json()["decision_time_s"].clone();
        let line = |time: &str| format!("\"decision_time_s\": {time},");
        let answered = answer
            .body
            .replace(&line(&time_s.to_string()), &line("0.0"));
        assert_eq!(answered, decided(&text, policy, bound), "{query}");
    }
    assert_eq!(
        server.count("wayside_decisions_total{policy=\"nearest\"}"),
        30
    );
}

#[test]
fn oracle_errors_have_the_paths_of_decide() {
    let server = Server::start(&[]);
    let mut bad: Value = serde_json::from_str(&slot(3)).unwrap();
    bad["tasks"][1]["cycles"] = json!(-4);
    bad["tasks"][2]["vehicle"] = json!("nobody");
    bad["objective"]["omega"] = json!(2);
    bad["tpyo"] = json!(1);
    let answer = server.post("/v1/decisions", &bad.to_string());
    answer.problem(422);
    let Err(Error::Invalid(problems)) = Slot::from_json("slot", &bad.to_string()) else {
        panic!("it is wrong")
    };
    let expected: Vec<_> = problems.0.iter().map(|p| p.path.clone()).collect();
    assert_eq!(expected.len(), 4);
    assert_eq!(answer.paths(), expected);
    let errors = answer.json()["errors"].clone();
    assert_eq!(errors[0]["message"], problems.0[0].message);
}

#[test]
fn regress_names_that_are_none() {
    let server = Server::start(&[]);
    for (query, path) in [
        ("?policy=prise", "policy"),
        // a file of the server's is none of a client's business
        ("?policy=/etc/passwd.safetensors", "policy"),
        ("?bound=simpel", "bound"),
    ] {
        let answer = server.post(&format!("/v1/decisions{query}"), "{}");
        answer.problem(422);
        assert_eq!(answer.paths(), [path]);
    }
    server.post("/v1/decisions?polic=price", "{}").problem(400);
    server
        .post("/v1/decisions?policy=follow", &slot(2))
        .problem(422);
}
