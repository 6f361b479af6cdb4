//! Policies run on threads of their own: a bounded number at a time, a bounded number waiting.

use crate::problem::Problem;
use axum::http::StatusCode;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Threads for work that takes time.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    places: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Workers {
    /// `threads` at a time, and `waiting` more that wait.
    pub(crate) fn new(threads: usize, waiting: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(threads + waiting)),
            threads: Arc::new(Semaphore::new(threads)),
        }
    }

    /// Runs `work`, unless too much waits. What has begun keeps its thread to its end, whether or not anybody still
    /// waits for the answer.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Problem::too_much("too many decisions wait"))?;
        let threads = Arc::clone(&self.threads);
        let thread = threads.acquire_owned().await.expect("it is never closed");
        let kept = (place, thread);
        let work = move || {
            let _kept = kept;
            work()
        };
        spawn_blocking(work).await.map_err(|_| {
            let message = "the decision panicked, which is a bug of Wayside";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        })
    }
}
