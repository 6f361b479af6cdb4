//! Time that never goes back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Timers are as fine as this, and round up.
const TICK: Duration = Duration::from_millis(1);

/// Seconds from 1970 on, as the system had them at the start, and monotonic from then on: a system clock that jumps changes nothing. Dilated
/// ones are fewer by that factor, from 1970 on: a centre that is started again goes on where it was.
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
            start_s: since.unwrap_or(Duration::ZERO).as_secs_f64() / dilate,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_a_clock_that_starts_later_shows_the_same() {
        for dilate in [0.5, 1.0, 20.0] {
            let first = Clock::new(dilate);
            std::thread::sleep(Duration::from_millis(300));
            let second = Clock::new(dilate);
            let ahead_s = second.now_s() - first.now_s();
            // the system's clock may be slewed meanwhile
            assert!(ahead_s.abs() * dilate < 0.05, "{dilate}: {ahead_s}");
        }
    }
}
