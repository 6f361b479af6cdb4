//! What every request passes: who asks, how long it may take, and that it is counted.

use crate::app::App;
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Routes that anybody may ask; the page has no data, and asks for it with a token.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/"];

pub(crate) async fn pass(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let response = match admit(&app, &route, request.headers()) {
        Ok(()) => {
            let most = Duration::from_secs_f64(app.options.request_s);
            timeout(most, next.run(request)).await.unwrap_or_else(|_| {
                let message = format!("no answer within {} s", most.as_secs_f64());
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
            })
        }
        Err(problem) => problem.into_response(),
    };
    let status = response.status();
    app.metrics.answered(&route, status.as_u16());
    if let Some(reason) = refusal(status) {
        app.metrics.refused(reason);
    }
    app.metrics
        .request_seconds
        .observe(begun.elapsed().as_secs_f64());
    response
}

fn admit(app: &App, route: &str, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(tokens) = app.tokens.as_ref().filter(|_| !OPEN.contains(&route)) {
        let value = headers.get(header::AUTHORIZATION);
        if !tokens.admit(value.and_then(|value| value.to_str().ok())) {
            let message =
                "needs the header `authorization: Bearer TOKEN` with a token of the server's";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, message));
        }
    } else if app.loopback_only && app.tokens.is_none() {
        check_host(headers)?;
    }
    Ok(())
}

/// Whether a request names this machine, for a server that is for this machine alone.
pub(crate) async fn at_home(request: Request, next: Next) -> Response {
    match check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// A page elsewhere whose name was made to point here would be let in by the browser otherwise.
fn check_host(headers: &HeaderMap) -> Result<(), Problem> {
    if names_this_machine(headers) {
        return Ok(());
    }
    let message = "the header `host` must name this machine: localhost or a loopback address";
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, message))
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let Some(host) = host else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Why a request was refused, for the counter.
fn refusal(status: StatusCode) -> Option<&'static str> {
    Some(match status.as_u16() {
        400 | 422 => "input",
        401 => "token",
        404 | 405 | 410 => "unknown",
        408 => "slow",
        409 => "conflict",
        413 => "size",
        415 => "type",
        421 => "host",
        429 => "load",
        503 => "unavailable",
        _ => return None,
    })
}
