//! Bodies of requests, bounded in size, in time and in all of them together.

use crate::problem::Problem;
use crate::stop::Stop;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Largest body of everything but a slot \[bytes\].
pub(crate) const SMALL: usize = 262_144;

/// Memory of all bodies at a time.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    bytes: Arc<Semaphore>,
    read: Duration,
    stop: Stop,
}

/// A text, and the memory that it counts for.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    _held: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// For `bytes` at a time; a client may take `read` for a body, and no longer than until `stop`.
    pub(crate) fn new(bytes: usize, read: Duration, stop: Stop) -> Self {
        let bytes = Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
        Self { bytes, read, stop }
    }

    /// Reads a body of JSON of at most `most` bytes.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        most: usize,
    ) -> Result<Text, Problem> {
        check_type(headers)?;
        let too_large = || {
            let message = format!("the body must have at most {most} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        };
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > most as u64) {
            return Err(too_large());
        }
        let slow = |_| {
            let message = format!("the body took longer than {} s", self.read.as_secs_f64());
            Problem::new(StatusCode::REQUEST_TIMEOUT, message)
        };
        let gathered = timeout(self.read, self.gather(body, most, too_large));
        let (bytes, held) = tokio::select! {
            // what is there already is taken
            biased;
            gathered = gathered => gathered.map_err(slow)??,
            () = self.stop.asked() => {
                let message = "the server is ending";
                return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message));
            }
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let message = format!("must be UTF-8, is not from byte {at} on");
            Problem::new(StatusCode::BAD_REQUEST, message)
        })?;
        Ok(Text { text, _held: held })
    }

    async fn gather(
        &self,
        body: Body,
        most: usize,
        too_large: impl Fn() -> Problem,
    ) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Problem> {
        let (mut bytes, mut held) = (Vec::new(), None::<OwnedSemaphorePermit>);
        let mut frames = body.into_data_stream();
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(|_| {
                Problem::new(StatusCode::BAD_REQUEST, "the body ended before its end")
            })?;
            if bytes.len() + frame.len() > most {
                return Err(too_large());
            }
            let count = u32::try_from(frame.len()).map_err(|_| too_large())?;
            let more = Arc::clone(&self.bytes).try_acquire_many_owned(count);
            let more = more.map_err(|_| Problem::too_much("too many bodies at a time"))?;
            match &mut held {
                Some(held) => held.merge(more),
                None => held = Some(more),
            }
            bytes.extend_from_slice(&frame);
        }
        Ok((bytes, held))
    }
}

/// Bodies are JSON. A page of another origin cannot send that without asking, and nobody answers it.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.as_bytes());
    let kind = kind.and_then(|kind| kind.split(|&byte| byte == b';').next());
    match kind.map(<[u8]>::trim_ascii) {
        Some(kind) if kind.eq_ignore_ascii_case(b"application/json") => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be application/json",
        )),
    }
}
