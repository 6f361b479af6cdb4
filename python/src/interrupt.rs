//! Long work that Ctrl-C can stop.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often to check for Python's signals.
const SIGNALS: Duration = Duration::from_millis(50);

/// How long the work has to end by itself after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// Runs `work` on another thread, without the GIL, while this one checks for signals. The first signal that raises calls
/// `cancel`, and its exception is returned: once the work has ended, after half a second, or at the next signal. Work that
/// has not ended by then, because a slot takes longer, ends in the background, and its result is dropped.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    cancel: impl Fn(),
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (send, mut results) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        // nobody waits for it after an interrupt
        _ = send.send(result);
    });
    let mut interrupt: Option<(PyErr, Instant)> = None;
    loop {
        // a receiver may go to another thread, but not be shared
        let waiting = &mut results;
        let result = py.detach(move || waiting.recv_timeout(SIGNALS));
        match (result, interrupt.take()) {
            (Err(RecvTimeoutError::Timeout), None) => {
                if let Err(error) = py.check_signals() {
                    cancel();
                    interrupt = Some((error, Instant::now()));
                }
            }
            (Err(RecvTimeoutError::Timeout), Some((error, at))) => {
                if at.elapsed() > GRACE || py.check_signals().is_err() {
                    return Err(error);
                }
                interrupt = Some((error, at));
            }
            (_, Some((error, _))) => return Err(error),
            (Ok(Ok(result)), None) => return Ok(result),
            (Ok(Err(_)) | Err(RecvTimeoutError::Disconnected), None) => {
                return Err(PyRuntimeError::new_err("a thread of Wayside panicked"));
            }
        }
    }
}
