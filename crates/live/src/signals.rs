//! Signals of the system.

use crate::stop::Stop;

/// Exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// SIGHUP, again and again.
#[cfg(unix)]
pub(crate) struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    pub(crate) async fn next(&mut self) {
        // the stream of a signal has no end
        self.0.recv().await;
    }
}

/// SIGHUP, where the system has it.
#[cfg(unix)]
pub(crate) fn hangups() -> Option<Hangups> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::hangup()).ok().map(Hangups)
}

/// No other system has it.
#[cfg(not(unix))]
pub(crate) struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}

#[cfg(not(unix))]
pub(crate) fn hangups() -> Option<Hangups> {
    None
}

/// Lets SIGINT and SIGTERM ask for the end; the second one ends the process.
pub(crate) async fn end(stop: Stop) {
    loop {
        asked().await;
        if stop.ask() {
            wayside_core::process::end_all();
            std::process::exit(INTERRUPTED);
        }
    }
}

#[cfg(unix)]
async fn asked() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => _ = tokio::signal::ctrl_c().await,
    }
}

#[cfg(not(unix))]
async fn asked() {
    let _ = tokio::signal::ctrl_c().await;
}
