//! The page, health, metrics, and what is none of the routes.

use crate::app::App;
use crate::metrics;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

pub(crate) async fn health() -> &'static str {
    "ok\n"
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let unavailable = |why| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, why));
    if app.desk.is_failing() {
        return unavailable("the journal cannot be written");
    }
    match app.stop.is_asked() {
        false => Ok("ready\n"),
        true => unavailable("the server is ending"),
    }
}

/// The page; it asks nobody but its server for anything.
const PAGE: &str = include_str!("../assets/page.html");

/// The page of the running centre.
pub(crate) async fn page() -> Response {
    html(PAGE.to_owned())
}

/// The same page, told to play a finished run.
pub(crate) async fn player() -> Response {
    html(PAGE.replacen("<html", "<html data-playback", 1))
}

fn html(page: String) -> Response {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, page).into_response()
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
