//! The clock of agents and vehicles: seconds of the scenario, which may pass slower than those of the wall.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Time of the scenario: 0 is an instant that all agree on, and each of its seconds takes `dilate` seconds. Monotonic: the
/// system's clock is read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    read: Instant,
    /// Time of the scenario when the clock was read \[s\].
    read_s: f64,
    dilate: f64,
}

impl Pace {
    /// Time is 0 at `zero_unix_s` of the system's clock.
    pub(crate) fn new(zero_unix_s: f64, dilate: f64) -> Self {
        Self {
            read: Instant::now(),
            read_s: (unix_s() - zero_unix_s) / dilate,
            dilate,
        }
    }

    pub(crate) fn now_s(&self) -> f64 {
        self.read_s + self.read.elapsed().as_secs_f64() / self.dilate
    }

    /// How long `s` seconds of the scenario take.
    pub(crate) fn wall(&self, s: f64) -> Duration {
        // a day is for ever
        Duration::from_secs_f64((s * self.dilate).clamp(0.0, 86_400.0))
    }

    /// Until `s`.
    pub(crate) async fn until(&self, s: f64) {
        let ahead = self.wall(s - self.now_s());
        // timers have milliseconds: none is set for what is over
        if !ahead.is_zero() {
            tokio::time::sleep(ahead).await;
        }
    }
}

/// Seconds since 1970 by the system's clock.
pub(crate) fn unix_s() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs_f64()
}
