//! A client of the centre: connections that are kept, and not too many requests at a time.

use crate::tls::Trust;
use axum::body::{Body, Bytes, to_bytes};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Requests at a time.
const REQUESTS: usize = 64;
/// Longest answer that is read \[bytes\].
const ANSWER_BYTES: usize = 16 << 20;

/// Where a centre is: a URL such as `http://127.0.0.1:7077`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    is_https: bool,
    /// Host and port.
    authority: String,
}

impl Url {
    /// Reads a URL of http or https with nothing but a host and a port; none where it is another kind.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (is_https, rest) = match url.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, url.strip_prefix("http://")?),
        };
        let to = rest.trim_end_matches('/');
        let fits = !to.is_empty() && !to.contains(['/', '@', '?', '#']);
        // colons in brackets are those of an address
        let has_port = to.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = match (has_port, is_https) {
            (true, _) => "",
            (false, true) => ":443",
            (false, false) => ":80",
        };
        let authority = format!("{to}{port}");
        fits.then_some(Self {
            is_https,
            authority,
        })
    }

    /// The URL of a server on this machine, `127.0.0.1:7077`.
    pub(crate) fn plain(authority: &str) -> Self {
        Self {
            is_https: false,
            authority: authority.to_owned(),
        }
    }

    /// What is wrong with a text that is none.
    #[must_use]
    pub fn must(text: &str) -> String {
        format!("must be like http://127.0.0.1:7077 or https://centre.example:7077, got {text:?}")
    }

    /// What is wrong with a file of certificates being there, or not.
    #[must_use]
    pub fn ca_is_wrong(&self, is_there: bool) -> Option<&'static str> {
        match (self.is_https, is_there) {
            (true, false) => {
                Some("is missing: the certificates that vouch for a centre that speaks https")
            }
            (false, true) => Some("is for https only: http proves nothing"),
            _ => None,
        }
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The host, without brackets.
    fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or("", |(host, _)| host);
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        inner.unwrap_or(host)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// A centre, and what who asks it has.
#[derive(Clone)]
pub struct CentreAt {
    /// Where it is.
    pub url: Url,
    /// The token that it wants.
    pub token: Option<String>,
    /// Who vouches for it, where it speaks https.
    pub trust: Option<Trust>,
}

impl CentreAt {
    /// One on this machine that wants nothing.
    pub(crate) fn plain(authority: &str) -> Self {
        Self {
            url: Url::plain(authority),
            token: None,
            trust: None,
        }
    }
}

impl fmt::Debug for CentreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // without the token
        write!(f, "CentreAt({})", self.url)
    }
}

/// A centre to be asked.
pub(crate) struct Client {
    at: CentreAt,
    /// Longest time to an answer.
    patience: Duration,
    idle: Mutex<Vec<SendRequest<Body>>>,
    places: Semaphore,
}

impl Client {
    pub(crate) fn new(at: CentreAt, patience: Duration) -> Self {
        Self {
            at,
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
                .header("host", &self.at.url.authority);
            if let Some(token) = &self.at.token {
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
        let url = &self.at.url;
        let stream = TcpStream::connect(&url.authority).await?;
        stream.set_nodelay(true)?;
        match (&self.at.trust, url.is_https) {
            (None, false) => speak(stream).await,
            (Some(trust), true) => speak(trust.connect(url.host(), stream).await?).await,
            // whoever makes a client of https has somebody to trust
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Body>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a centre may take to say that it is alive.
const LIVES: Duration = Duration::from_secs(10);

/// Until the centre, asked every so often, is silent; one that is not there may come back.
pub(crate) async fn silence(at: CentreAt, every: Duration) -> io::Error {
    let client = Client::new(at, LIVES);
    loop {
        sleep(every).await;
        let answer = client.ask("GET", "/healthz", None).await;
        if answer.is_err_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            let message = format!("no answer for {} s: is it stopped?", LIVES.as_secs());
            return io::Error::other(message);
        }
    }
}

/// Begins to speak HTTP.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> io::Result<SendRequest<Body>> {
    let (requests, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_urls() {
        for (text, shown, host) in [
            (
                "http://127.0.0.1:7077",
                "http://127.0.0.1:7077",
                "127.0.0.1",
            ),
            (
                "https://centre.example/",
                "https://centre.example:443",
                "centre.example",
            ),
            ("http://[::1]", "http://[::1]:80", "::1"),
            ("https://[::1]:7077", "https://[::1]:7077", "::1"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.host()), (shown, host));
        }
        for text in [
            "ftp://here",
            "http://",
            "https://a/b",
            "http://me@here",
            "here:7077",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }
}
