//! The page, health, metrics, and what is none of the routes.

use crate::app::App;
use crate::metrics;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) async fn health() -> &'static str {
    "ok\n"
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let unavailable = |why| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, why));
    if app.desk.is_failing() {
        return unavailable("the journal cannot be written");
    }
    match app.is_ready.load(Ordering::Relaxed) {
        true => Ok("ready\n"),
        false => unavailable("the server is ending"),
    }
}

/// The page; it asks nobody but this server for anything.
pub(crate) async fn page() -> Response {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, include_str!("../assets/page.html")).into_response()
}

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
    (kind, app.metrics.text()).into_response()
}

pub(crate) async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no such route; /openapi.json lists them",
    )
}

pub(crate) async fn not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this route has other methods; /openapi.json lists them",
    )
}
