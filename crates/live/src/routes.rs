//! Every route, with its handler and its description side by side.

use crate::app::App;
use crate::decisions::{self, BOUNDS};
use crate::openapi::{self, Content, Operation, Parameter, of_type, text};
use crate::{gate, metrics, system};
use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;
use wayside_study::decision::DecisionReport;

/// What the server answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/decisions", post(decisions::decide))
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
