//! Time that never goes back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Timers are as fine as this, and round up.
const TICK: Duration = Duration::from_millis(1);

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

    /// What a timer for that instant is set to, at most a day ahead: timers fire at the next tick, so it is set one tick before.
    pub(crate) fn timer(&self, s: f64) -> tokio::time::Instant {
        let ahead_s = (self.dilate * (s - self.now_s())).clamp(0.0, 86_400.0);
        let ahead = Duration::from_secs_f64(ahead_s);
        tokio::time::Instant::now() + ahead.saturating_sub(TICK)
    }

    /// What is due by this instant is due now: no timer is finer.
    pub(crate) fn due_s(&self) -> f64 {
        self.now_s() + TICK.as_secs_f64() / self.dilate
    }
}
