//! The server: a listener, connections with limits, an orderly end.

use crate::app::App;
use crate::body::Budget;
use crate::metrics::Metrics;
use crate::patient::Patient;
use crate::routes;
use crate::stop::Stop;
use crate::tokens::Tokens;
use crate::workers::Workers;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use wayside_core::engine::PolicyRegistry;
use wayside_core::scenario;
use wayside_core::{Error, Result, Scenario};

/// Largest head of a request \[bytes\].
const HEAD_BYTES: usize = 16_384;
/// Most headers of a request.
const HEADERS: usize = 64;
/// Bodies of the largest size that fit into memory at a time.
const BODIES: usize = 8;

/// What to serve, and how.
#[derive(Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The scenario, with its `[serve]`.
    pub scenario: Scenario,
    /// The policies that clients may name.
    pub registry: Arc<PolicyRegistry>,
    /// The policy where they name none.
    pub policy: String,
    /// Who may ask; anybody where there are none.
    pub tokens: Option<Tokens>,
}

/// Serves until `stop` asks for the end. `ready` is told the address once connections are accepted.
///
/// At the end no more connections are accepted, answers under way are finished, for at most `serve.request_s`.
///
/// # Errors
/// An unknown policy; an address that cannot be listened at.
pub fn serve(config: Config, stop: &Stop, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    let app = Arc::new(app(&config)?);
    let at = config.listen.to_string();
    let failed = |source| Error::io(Path::new(&at), source);
    let runtime = runtime().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        ready(listener.local_addr().map_err(failed)?);
        accept(&listener, &app, stop).await;
        Ok(())
    })?;
    // a decision that nobody waits for any more does not hold up the end
    runtime.shutdown_background();
    Ok(())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_io()
        .enable_time()
        .build()
}

fn app(config: &Config) -> Result<App> {
    let options = config.scenario.serve.clone();
    let read = Duration::from_secs_f64(options.read_s);
    let factory = config
        .registry
        .resolve(&config.policy, Some(&config.scenario))?;
    // those of `decide`: the same slot gets the same answer from both
    let defaults = Scenario::builtin(scenario::BUILTIN_SCENARIOS[0].name, &[])?.policy;
    Ok(App {
        registry: Arc::clone(&config.registry),
        default_policy: (config.policy.clone(), factory),
        policy_options: defaults,
        tokens: config.tokens.clone(),
        loopback_only: config.listen.ip().is_loopback(),
        metrics: Arc::new(Metrics::new()),
        budget: Budget::new(BODIES.saturating_mul(options.body_max_bytes), read),
        workers: Workers::new(options.workers, options.waiting_max),
        is_ready: AtomicBool::new(true),
        options,
    })
}

async fn accept(listener: &TcpListener, app: &Arc<App>, stop: &Stop) {
    let router = routes::router(Arc::clone(app));
    let places = Arc::new(Semaphore::new(app.options.connections_max));
    let open = GracefulShutdown::new();
    loop {
        // without a place nothing is accepted: who comes waits in the queue of the system
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place.expect("it is never closed"), listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stop.asked() => break,
        };
        let Ok((stream, _)) = accepted else {
            // as a rule no file descriptor is left: waiting is all that helps
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let served = connection(stream, app, router.clone(), &open);
        let metrics = Arc::clone(&app.metrics);
        tokio::spawn(async move {
            metrics.connections.inc();
            served.await;
            metrics.connections.dec();
            drop(place);
        });
    }
    app.is_ready.store(false, Ordering::Relaxed);
    let most = Duration::from_secs_f64(app.options.request_s);
    // who has not got an answer by then gets none
    let _ = timeout(most, open.shutdown()).await;
}

/// Serves a connection; a client that breaks off or the rules is its own business.
fn connection(
    stream: TcpStream,
    app: &App,
    router: Router,
    open: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    let patience = Duration::from_secs_f64(app.options.read_s);
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Patient::new(stream, patience));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .max_buf_size(4 * HEAD_BYTES)
        .serve_connection(io, TowerToHyperService::new(router));
    let served = open.watch(served);
    async {
        let _ = served.await;
    }
}
