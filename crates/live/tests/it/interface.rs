//! What the server says of itself.

use crate::client::Server;
use serde_json::{Value, json};

/// Every reference in `value` leads somewhere in `root`.
fn references_lead_somewhere(root: &Value, value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(root.pointer(pointer).is_some(), "{reference}");
            }
            members
                .values()
                .for_each(|value| references_lead_somewhere(root, value));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|value| references_lead_somewhere(root, value)),
        _ => {}
    }
}

#[test]
fn property_the_description_is_whole() {
    let server = Server::start(&[]);
    let document = server.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    references_lead_somewhere(&document, &document);
    let slot = &document["components"]["schemas"]["Slot"];
    let mut schema = wayside_core::slot::schema();
    schema.as_object_mut().unwrap().remove("$schema");
    assert_eq!(*slot, schema);
    let decision = &document["components"]["schemas"]["DecisionReport"]["properties"];
    let expected = wayside_study::decision::schema()["properties"].clone();
    let names =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(decision), names(&expected));
}

#[test]
fn property_described_routes_are_there_and_no_others() {
    let server = Server::start(&[]);
    let document = server.get("/openapi.json").json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x");
        for method in ["get", "put", "post", "delete", "patch"] {
            let described = methods.get(method).is_some();
            if described && path == "/v1/events" {
                continue;
            }
            let answer = server.send(&method.to_uppercase(), &path, &[], "");
            assert_eq!(
                described,
                answer.status != 405,
                "{method} {path}: {answer:?}"
            );
            if described {
                let status = answer.status.to_string();
                assert!(
                    !methods[method]["responses"][status].is_null(),
                    "{method} {path}: {answer:?}"
                );
            }
        }
    }
    server.get("/nowhere").problem(404);
    server
        .send("OPTIONS", "/v1/decisions", &[], "")
        .problem(405);
}

#[test]
fn property_metrics_are_openmetrics() {
    let server = Server::start(&[]);
    server.get("/nowhere");
    let answer = server.get("/metrics");
    assert!(
        answer
            .head
            .contains("content-type: application/openmetrics-text; version=1.0.0")
    );
    assert!(answer.body.ends_with("# EOF\n"));
    let counted = "wayside_requests_total{route=\"other\",status=\"404\"} 1\n";
    assert!(answer.body.contains(counted), "{}", answer.body);
    // those before close in their own time
    while server.metric("wayside_connections") > 1.0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(server.get("/readyz").body, "ready\n");
    assert_eq!(json!(server.get("/healthz").status), json!(200));
}
