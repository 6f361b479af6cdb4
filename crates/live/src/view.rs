//! A finished run, played by the page of the centre.

use crate::gate;
use crate::listen::{Limits, accept};
use crate::problem::Problem;
use crate::signals;
use crate::stop::Stop;
use crate::system;
use crate::tasks::json_of;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::get;
use prometheus_client::metrics::gauge::Gauge;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use wayside_core::{Error, Result};
use wayside_study::playback::Playback;

/// Runs that are read at a time: each is in memory as a whole.
const AT_ONCE: usize = 2;

const LIMITS: Limits = Limits {
    connections: 64,
    read: Duration::from_secs(10),
    end: Duration::from_secs(10),
};

struct Viewer {
    playback: Playback,
    readers: Semaphore,
}

/// Plays the results in `playback` at `address`, until `stop` asks for the end; `listening` is told where. With `signals` SIGINT and SIGTERM
/// ask for it too.
///
/// It is for this machine: requests must name it.
///
/// # Errors
/// An address that cannot be listened at.
pub fn view(
    playback: Playback,
    address: SocketAddr,
    stop: &Stop,
    signals: bool,
    listening: impl FnOnce(SocketAddr),
) -> Result<()> {
    let at = address.to_string();
    let failed = |source| Error::io(Path::new(&at), source);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        if signals {
            signals::end(stop.clone());
        }
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        listening(listener.local_addr().map_err(failed)?);
        let viewer = Viewer {
            playback,
            readers: Semaphore::new(AT_ONCE),
        };
        let router = router(Arc::new(viewer));
        accept(&listener, &router, LIMITS, stop, &Gauge::default(), None).await;
        Ok(())
    })?;
    runtime.shutdown_background();
    Ok(())
}

fn router(viewer: Arc<Viewer>) -> Router {
    Router::new()
        .route("/", get(system::player))
        .route("/v1/playback", get(outline))
        .route("/v1/playback/frames", get(frames))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn(gate::at_home))
        .with_state(viewer)
}

async fn not_found() -> Problem {
    let message = "this server plays a run: /, /v1/playback, /v1/playback/frames?seed=&policy=";
    Problem::new(StatusCode::NOT_FOUND, message)
}

async fn not_allowed() -> Problem {
    let message = "a finished run does not change: all routes are GET";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, message)
}

async fn outline(State(viewer): State<Arc<Viewer>>) -> Response {
    json_of(viewer.playback.outline())
}

/// Which run is asked for.
#[derive(Debug, Deserialize)]
struct Which {
    seed: u64,
    policy: String,
}

async fn frames(
    State(viewer): State<Arc<Viewer>>,
    which: std::result::Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> std::result::Result<Response, Problem> {
    let Query(Which { seed, policy }) =
        which.map_err(|error| Problem::new(error.status(), error.body_text()))?;
    let outline = viewer.playback.outline();
    if !(outline.seeds.contains(&seed) && outline.policies.contains(&policy)) {
        let message = format!("no seed {seed} of a policy {policy:?}");
        return Err(Problem::new(StatusCode::NOT_FOUND, message));
    }
    let _turn = viewer.readers.acquire().await;
    let playback = viewer.playback.clone();
    let read = spawn_blocking(move || Ok(json_of(&playback.frames(seed, &policy)?)));
    let internal = |error: &dyn std::fmt::Display| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    };
    let read: Result<Response> = read.await.map_err(|panic| internal(&panic))?;
    read.map_err(|error| internal(&error))
}
