//! Long work that Ctrl-C can stop.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often to check for Python's signals.
const SIGNALS: Duration = Duration::from_millis(50);

/// Runs `work` on another thread, without the GIL, while this one checks for signals. The first signal that raises sets
/// `cancelled`. Returns the result of the work and the exception of the signal.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    cancelled: &AtomicBool,
    work: impl FnOnce() -> T + Send,
) -> (PyResult<T>, Option<PyErr>) {
    let finished = &AtomicBool::new(false);
    thread::scope(|scope| {
        let waiter = thread::current();
        let worker = scope.spawn(move || {
            let result = work();
            finished.store(true, Ordering::Release);
            waiter.unpark();
            result
        });
        let mut interrupt = None;
        while !finished.load(Ordering::Acquire) && !worker.is_finished() {
            py.detach(|| thread::park_timeout(SIGNALS));
            if let Err(e) = py.check_signals() {
                cancelled.store(true, Ordering::Relaxed);
                interrupt.get_or_insert(e);
            }
        }
        let result = py.detach(|| worker.join());
        let panicked = |_| PyRuntimeError::new_err("a thread of Wayside panicked");
        (result.map_err(panicked), interrupt)
    })
}
