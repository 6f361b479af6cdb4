//! Long work: a progress bar, and Ctrl-C.

use crate::console::say;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use wayside_core::process;
use wayside_core::{Error, Result};

/// How long work may take to stop once it was asked to.
const GRACE: Duration = Duration::from_millis(900);

/// What a signal does, once there is work that can be stopped.
static ON_SIGNAL: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);

/// A file that is only begun, which nothing else removes where the program is ended.
static DRAFT: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Lets a signal that ends the program remove `draft`.
pub(crate) fn remove_on_exit(draft: &Path) {
    *DRAFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(draft.to_owned());
}

/// Lets a write beyond the largest size of files (`ulimit -f`) fail, as on a full disk: the signal that comes with it would end the
/// program.
///
/// # Errors
/// If the system does not deliver signals.
pub(crate) fn fail_at_file_limits() -> Result<()> {
    #[cfg(unix)]
    {
        use signal_hook::{consts::SIGXFSZ, flag};
        use std::sync::{Arc, atomic::AtomicBool};
        // nobody looks at it
        let seen = Arc::<AtomicBool>::default();
        flag::register(SIGXFSZ, seen).map_err(|e| Error::io(Path::new("signals"), e))?;
    }
    Ok(())
}

/// Lets Ctrl-C and SIGTERM end the program at once, with exit code 130, until [`stop_on_signal`] says otherwise.
///
/// # Errors
/// If the system does not deliver signals.
pub(crate) fn exit_on_signal() -> Result<()> {
    let handler = || match &*on_signal() {
        Some(stop) => stop(),
        None => exit(),
    };
    ctrlc::set_handler(handler).map_err(|e| Error::io(Path::new("signals"), io::Error::other(e)))
}

fn on_signal() -> MutexGuard<'static, Option<Box<dyn Fn() + Send>>> {
    ON_SIGNAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first Ctrl-C or SIGTERM asks for an end by `stop`, which says whether that was asked for before; the second ends
/// the program. Work that does not come to an end within [`GRACE`] is ended, unless `holds_results` says that something
/// would be lost.
pub(crate) fn stop_on_signal(
    stop: impl Fn() -> bool + Send + 'static,
    holds_results: impl Fn() -> bool + Clone + Send + 'static,
) {
    let handler = move || {
        if stop() {
            exit();
        }
        let holds_results = holds_results.clone();
        thread::spawn(move || {
            thread::sleep(GRACE);
            if !holds_results() {
                say("interrupted");
                exit();
            }
        });
    };
    *on_signal() = Some(Box::new(handler));
}

/// Ends this program, and every other one that it has started.
fn exit() -> ! {
    if let Some(draft) = &*DRAFT.lock().unwrap_or_else(PoisonError::into_inner) {
        // once it is at its place it is not there any more
        _ = fs::remove_file(draft);
    }
    process::end_all();
    std::process::exit(130)
}

/// Runs `work`, with a bar on stderr if it takes longer than a second and is not `quiet`. `counts` returns how many of
/// the `things` are done, and of how many.
pub(crate) fn with_bar<T>(
    things: &str,
    quiet: bool,
    counts: impl Fn() -> (u64, u64) + Send,
    work: impl FnOnce() -> T,
) -> T {
    if quiet {
        return work();
    }
    thread::scope(|scope| {
        let (done, until_done) = mpsc::channel::<()>();
        scope.spawn(move || show(things, &counts, &until_done));
        let result = work();
        drop(done);
        result
    })
}

fn show(things: &str, counts: &dyn Fn() -> (u64, u64), until_done: &mpsc::Receiver<()>) {
    let waiting = |time| until_done.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    if !waiting(Duration::from_secs(1)) {
        return;
    }
    let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is right");
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_elapsed(Duration::from_secs(1));
    while waiting(Duration::from_millis(100)) {
        let (done, all) = counts();
        bar.set_length(all);
        bar.set_position(done);
    }
    bar.finish_and_clear();
}
