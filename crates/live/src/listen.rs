//! Connections: accepted up to a number, served within limits, let end.

use crate::patient::Patient;
use crate::stop::Stop;
use crate::tls::Tls;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::gauge::Gauge;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Largest head of a request \[bytes\].
const HEAD_BYTES: usize = 16_384;
/// Most headers of a request.
const HEADERS: usize = 64;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time.
    pub(crate) connections: usize,
    /// Time for a head, and to read an answer.
    pub(crate) read: Duration,
    /// Time for answers under way once the end was asked for.
    pub(crate) end: Duration,
}

/// TLS, and who counts clients that do not get through it.
#[derive(Clone)]
pub(crate) struct Secure {
    pub(crate) tls: Tls,
    pub(crate) refused: Arc<dyn Fn() + Send + Sync>,
}

/// Serves `router` until `stop` asks for the end and answers under way are finished; `open` counts connections.
pub(crate) async fn accept(
    listener: &TcpListener,
    router: &Router,
    limits: Limits,
    stop: &Stop,
    open: &Gauge,
    secure: Option<&Secure>,
) {
    let most = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(most as usize));
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
        let (router, stop, open) = (router.clone(), stop.clone(), open.clone());
        let secure = secure.cloned();
        tokio::spawn(async move {
            open.inc();
            connection(stream, router, limits.read, &stop, secure).await;
            open.dec();
            drop(place);
        });
    }
    // who has not got an answer by then gets none
    let _ = timeout(limits.end, places.acquire_many(most)).await;
}

/// Serves a connection; a client that breaks off or the rules is its own business.
async fn connection(
    stream: TcpStream,
    router: Router,
    patience: Duration,
    stop: &Stop,
    secure: Option<Secure>,
) {
    let _ = stream.set_nodelay(true);
    let Some(secure) = secure else {
        return requests(stream, router, patience, stop).await;
    };
    let shaken = tokio::select! {
        shaken = timeout(patience, secure.tls.acceptor().accept(stream)) => shaken,
        () = stop.asked() => return,
    };
    match shaken {
        Ok(Ok(stream)) => requests(stream, router, patience, stop).await,
        _ => (secure.refused)(),
    }
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    router: Router,
    patience: Duration,
    stop: &Stop,
) {
    let begun = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&begun);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .max_buf_size(4 * HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, patience)), service);
    let mut served = pin!(served);
    tokio::select! {
        _ = served.as_mut() => return,
        () = stop.asked() => {}
    }
    // hyper waits for the first head of a connection even at the end
    if begun.load(Ordering::Relaxed) {
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
}
