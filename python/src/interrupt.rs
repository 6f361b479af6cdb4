//! Long work that Ctrl-C can stop, and that says how far it is.

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use signal_hook::consts::SIGINT;
use signal_hook::{SigId, flag, low_level};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    followed(py, None, || (0, 0), cancel, work)
}

/// The same, and tells `progress` how much is done, and of how much, as `counts` says. An exception of it is as a signal.
pub(crate) fn followed<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    counts: impl Fn() -> (u64, u64),
    cancel: impl Fn(),
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let signals = Signals::new(py)?;
    let mut told = (0, 0);
    let mut tell = |py: Python<'_>| -> PyResult<()> {
        let now = counts();
        if let (Some(progress), true) = (&progress, now != told) {
            told = now;
            progress.call1(py, now)?;
        }
        Ok(())
    };
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
                if let Err(error) = signals.check(py).and_then(|()| tell(py)) {
                    cancel();
                    interrupt = Some((error, Instant::now()));
                }
            }
            (Err(RecvTimeoutError::Timeout), Some((error, at))) => {
                if at.elapsed() > GRACE || signals.check(py).is_err() {
                    return Err(error);
                }
                interrupt = Some((error, at));
            }
            (_, Some((error, _))) => return Err(error),
            (Ok(Ok(result)), None) => {
                tell(py)?;
                return Ok(result);
            }
            (Ok(Err(_)) | Err(RecvTimeoutError::Disconnected), None) => {
                return Err(PyRuntimeError::new_err("a thread of Wayside panicked"));
            }
        }
    }
}

/// How Ctrl-C is noticed. Python runs handlers of signals on its main thread alone.
enum Signals {
    /// On the main thread, by its handlers.
    Main,
    /// On another thread, by a flag that the system's handler sets before it goes on to Python's.
    Other {
        main: Py<PyAny>,
        pressed: Arc<AtomicBool>,
        hook: Option<SigId>,
    },
}

impl Signals {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let threading = py.import("threading")?;
        let main = threading.call_method0("main_thread")?;
        let here = threading.call_method0("get_ident")?;
        if main.getattr("ident")?.eq(here)? {
            return Ok(Self::Main);
        }
        let pressed = Arc::new(AtomicBool::new(false));
        let handler = py.import("signal")?.call_method1("getsignal", (SIGINT,))?;
        // where Ctrl-C is ignored, or ends the process, it stays so
        let hook = match handler.is_callable() {
            true => flag::register(SIGINT, Arc::clone(&pressed)).ok(),
            false => None,
        };
        let main = main.unbind();
        Ok(Self::Other {
            main,
            pressed,
            hook,
        })
    }

    fn check(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::Main => py.check_signals(),
            Self::Other { main, pressed, .. } => {
                // Python ends, and waits for this thread
                let over = !main.call_method0(py, "is_alive")?.is_truthy(py)?;
                match over || pressed.load(Ordering::Relaxed) {
                    true => Err(PyKeyboardInterrupt::new_err(())),
                    false => Ok(()),
                }
            }
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if let Self::Other {
            hook: Some(hook), ..
        } = self
        {
            low_level::unregister(*hook);
        }
    }
}
