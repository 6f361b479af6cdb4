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

/// Lets SIGINT and SIGTERM ask for the end from now on; the second one ends the process.
pub(crate) fn end(stop: Stop) {
    // before anybody is told that we are there: a signal that nobody handles ends the process
    let mut asks = Asks::new();
    tokio::spawn(async move {
        loop {
            asks.next().await;
            if stop.ask() {
                wayside_core::process::end_all();
                std::process::exit(INTERRUPTED);
            }
        }
    });
}

/// SIGTERM and SIGINT, as far as the system lets us have them.
#[cfg(unix)]
struct Asks([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Asks {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
        Self(kinds.map(|kind| signal(kind).ok()))
    }

    async fn next(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            () = received(terminate) => {}
            () = received(interrupt) => {}
        }
    }
}

#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
struct Asks;

#[cfg(not(unix))]
impl Asks {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
