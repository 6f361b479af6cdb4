//! Time that never goes back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1970 on, as the system had them at the start, and monotonic from then on: a system clock that jumps changes nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_s: f64,
    dilate: f64,
}

impl Clock {
    /// Each of its seconds takes `dilate` seconds.
    pub(crate) fn new(dilate: f64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            start: Instant::now(),
            start_s: since.unwrap_or(Duration::ZERO).as_secs_f64(),
            dilate,
        }
    }

    pub(crate) fn now_s(&self) -> f64 {
        self.start_s + self.start.elapsed().as_secs_f64() / self.dilate
    }

    /// The same instant on the clock of timers, at most a day ahead.
    pub(crate) fn instant(&self, s: f64) -> tokio::time::Instant {
        let ahead_s = (self.dilate * (s - self.now_s())).clamp(0.0, 86_400.0);
        tokio::time::Instant::now() + Duration::from_secs_f64(ahead_s)
    }
}
