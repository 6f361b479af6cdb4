//! Every route, with its handler and its description side by side.

use crate::app::App;
use crate::centre::requests::schemas;
use crate::centre::{Placed, PlacedTasks, State};
use crate::decisions::{self, BOUNDS};
use crate::openapi::{self, Content, Operation, Parameter, of_type, text};
use crate::tasks::{IDEMPOTENCY_KEY, OutcomeTaken};
use crate::zones::EdgeDiscoveryResponse;
use crate::{events, fleet, gate, metrics, system, tasks, zones};
use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use schemars::SchemaGenerator;
use serde_json::{Value, json};
use std::sync::Arc;
use wayside_study::decision::DecisionReport;

/// What the server answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/decisions", post(decisions::decide))
        .route(
            "/v1/vehicles/{id}",
            put(fleet::put_vehicle).delete(fleet::delete_vehicle),
        )
        .route("/v1/tasks", post(tasks::post_tasks))
        .route("/v1/tasks/{id}/outcome", post(tasks::post_outcome))
        .route("/v1/rsus/{id}/state", put(fleet::put_rsu))
        .route("/v1/state", get(events::state))
        .route("/v1/events", get(events::events))
        .route("/retrieve-optimal-edge-cloud-zones", post(zones::retrieve))
        .route("/", get(system::page))
        .route("/metrics", get(system::metrics))
        .route("/healthz", get(system::health))
        .route("/readyz", get(system::ready))
        .route("/openapi.json", get(description))
        .fallback(system::not_found)
        .method_not_allowed_fallback(system::not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), gate::pass))
        .with_state(app)
}

async fn description() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, format!("{:#}\n", openapi::document(OPERATIONS)))
}

fn bounds() -> Value {
    json!({ "enum": BOUNDS.map(|(name, _)| name), "default": "off" })
}

/// One task placed, or many, as they were sent.
fn placed(generator: &mut SchemaGenerator) -> Value {
    json!({ "oneOf": [of_type::<Placed>(generator), of_type::<PlacedTasks>(generator)] })
}

const ID: Parameter = Parameter {
    name: "id",
    place: "path",
    doc: "Its id.",
    schema: text,
};

/// What is wrong with a body.
const BODY: &[u16] = &[400, 413, 415, 422, 500];

/// What `/openapi.json` says of the routes; a test asks every one of them.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "POST",
        path: "/v1/decisions",
        summary: "Decide one slot, stateless: what `wayside decide` prints for it.",
        parameters: &[
            Parameter {
                name: "policy",
                place: "query",
                doc: "A policy of `wayside policies`; else that of the server.",
                schema: text,
            },
            Parameter {
                name: "bound",
                place: "query",
                doc: "Certified lower bound, as `--bound` of `wayside decide`.",
                schema: bounds,
            },
        ],
        body: Some(Content::Named("Slot", wayside_core::slot::schema)),
        answer: (
            200,
            "Where each task runs, and what that costs.",
            Some(Content::Type(of_type::<DecisionReport>)),
        ),
        problems: BODY,
    },
    Operation {
        method: "PUT",
        path: "/v1/vehicles/{id}",
        summary: "A vehicle says where it is; it is gone serve.vehicle_ttl_s after it last did.",
        parameters: &[ID],
        body: Some(Content::Named("Vehicle", schemas::vehicle)),
        answer: (204, "It is known.", None),
        problems: BODY,
    },
    Operation {
        method: "DELETE",
        path: "/v1/vehicles/{id}",
        summary: "A vehicle leaves. Its tasks stay until their outcome or the end of their lease.",
        parameters: &[ID],
        body: None,
        answer: (204, "It is gone.", None),
        problems: &[404],
    },
    Operation {
        method: "POST",
        path: "/v1/tasks",
        summary: "Place a task, or `{\"tasks\": [...]}`: all of them or none. They are decided with what else comes within serve.batch_ms.",
        parameters: &[Parameter {
            name: IDEMPOTENCY_KEY,
            place: "header",
            doc: "Makes a repeat harmless: it gets the answer of the first request, for ten minutes.",
            schema: text,
        }],
        body: Some(Content::Named("Tasks", schemas::tasks)),
        answer: (200, "Where they run.", Some(Content::Type(placed))),
        problems: &[400, 409, 413, 415, 422, 500],
    },
    Operation {
        method: "POST",
        path: "/v1/tasks/{id}/outcome",
        summary: "What became of a task; gives back what it held.",
        parameters: &[ID],
        body: Some(Content::Named("Outcome", schemas::outcome)),
        answer: (
            200,
            "Predicted and measured delay.",
            Some(Content::Type(of_type::<OutcomeTaken>)),
        ),
        problems: &[400, 404, 410, 413, 415, 422, 500],
    },
    Operation {
        method: "PUT",
        path: "/v1/rsus/{id}/state",
        summary: "What an RSU's agent reports of it.",
        parameters: &[ID],
        body: Some(Content::Named("RsuReport", schemas::rsu)),
        answer: (204, "It is known.", None),
        problems: &[400, 404, 413, 415, 422, 500],
    },
    Operation {
        method: "GET",
        path: "/v1/state",
        summary: "A snapshot: vehicles, RSUs, tasks without an outcome.",
        parameters: &[],
        body: None,
        answer: (200, "The snapshot.", Some(Content::Type(of_type::<State>))),
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/v1/events",
        summary: "Server-sent events: vehicle, gone, batch, outcome, rsu; `missed` says how many a slow reader did not get.",
        parameters: &[],
        body: None,
        answer: (200, "Events.", Some(Content::Text("text/event-stream"))),
        problems: &[],
    },
    Operation {
        method: "POST",
        path: "/retrieve-optimal-edge-cloud-zones",
        summary: "CAMARA optimal edge discovery: the RSUs that can execute a task of a vehicle, in order of predicted cost.",
        parameters: &[Parameter {
            name: "x-correlator",
            place: "header",
            doc: "Repeated in the answer.",
            schema: text,
        }],
        body: Some(Content::Named("OptimalEdgeDiscoveryInfo", zones::schema)),
        answer: (
            200,
            "The RSUs, cheapest first.",
            Some(Content::Type(of_type::<EdgeDiscoveryResponse>)),
        ),
        problems: &[400, 404, 413, 415, 422, 500],
    },
    Operation {
        method: "GET",
        path: "/",
        summary: "A page that shows the state and the events; needs no token itself.",
        parameters: &[],
        body: None,
        answer: (200, "The page.", Some(Content::Text("text/html"))),
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/metrics",
        summary: "Metrics for Prometheus, in the text format of OpenMetrics.",
        parameters: &[],
        body: None,
        answer: (200, "Metrics.", Some(Content::Text(metrics::CONTENT_TYPE))),
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/healthz",
        summary: "Whether the server runs; needs no token.",
        parameters: &[],
        body: None,
        answer: (200, "It does.", Some(Content::Text("text/plain"))),
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/readyz",
        summary: "Whether the server takes work; needs no token.",
        parameters: &[],
        body: None,
        answer: (200, "It does.", Some(Content::Text("text/plain"))),
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/openapi.json",
        summary: "This description.",
        parameters: &[],
        body: None,
        answer: (200, "OpenAPI 3.1.", Some(Content::Type(of_type::<Value>))),
        problems: &[],
    },
];
