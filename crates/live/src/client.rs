//! A client of the centre: connections that are kept, and not too many requests at a time.

use axum::body::{Body, Bytes, to_bytes};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Requests at a time.
const REQUESTS: usize = 64;
/// Longest answer that is read \[bytes\].
const ANSWER_BYTES: usize = 16 << 20;
/// Host and port of a URL such as `http://127.0.0.1:7077`; none where it is another kind of URL.
#[must_use]
pub fn authority(url: &str) -> Option<String> {
    let to = url.strip_prefix("http://")?.trim_end_matches('/');
    let fits = !to.is_empty() && !to.contains(['/', '@', '?', '#']);
    let port = if to.contains(':') { "" } else { ":80" };
    fits.then(|| format!("{to}{port}"))
}

/// A centre to be asked.
pub(crate) struct Client {
    to: String,
    token: Option<String>,
    /// Longest time to an answer.
    patience: Duration,
    idle: Mutex<Vec<SendRequest<Body>>>,
    places: Semaphore,
}

impl Client {
    /// The one at `to`, `127.0.0.1:7077`.
    pub(crate) fn new(to: &str, token: Option<String>, patience: Duration) -> Self {
        Self {
            to: to.to_owned(),
            token,
            patience,
            idle: Mutex::default(),
            places: Semaphore::new(REQUESTS),
        }
    }

    /// Asks; the body of the answer, which must be one of success.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<Bytes> {
        let _place = self.places.acquire().await.map_err(io::Error::other)?;
        let asking = async {
            let mut connection = self.connection().await?;
            let mut request = Request::builder()
                .method(method)
                .uri(path)
                .header("host", &self.to);
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let body = match body {
                None => Body::empty(),
                Some(body) => {
                    request = request.header("content-type", "application/json");
                    Body::from(body.to_string())
                }
            };
            let request = request.body(body).map_err(io::Error::other)?;
            let answer = connection.send_request(request).await;
            let answer = answer.map_err(io::Error::other)?;
            let status = answer.status();
            let body = to_bytes(Body::new(answer.into_body()), ANSWER_BYTES).await;
            let body = body.map_err(io::Error::other)?;
            self.idle().push(connection);
            if status.is_success() {
                return Ok(body);
            }
            let text = String::from_utf8_lossy(&body);
            Err(io::Error::other(format!(
                "{method} {path}: {status}: {text}"
            )))
        };
        timeout(self.patience, asking).await?
    }

    /// One that is open.
    async fn connection(&self) -> io::Result<SendRequest<Body>> {
        while let Some(mut idle) = { self.idle().pop() } {
            // the centre may have closed it meanwhile
            if idle.ready().await.is_ok() {
                return Ok(idle);
            }
        }
        let stream = TcpStream::connect(&self.to).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(requests)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Body>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
