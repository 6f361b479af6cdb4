//! What a scenario says of sessions: work that runs for seconds and may move while it runs.

use super::Scenario;
use crate::config::{Count, Float, Keys, Range, Spread, section};

/// Sizes \[bytes\].
const BYTES: Float = Float::NON_NEGATIVE.up_to(1e15);
/// Interruptions \[s\].
const SECONDS: Float = Float::NON_NEGATIVE.up_to(1e6);

section! {
    /// `[execution]` with `kind = "sessions"`: how long sessions last, and what moving them takes.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SessionOptions {
        /// how long a session lasts, rounded up to slots [s]
        duration_s: Range = default(Range { min: 5.0, max: 60.0 }, Spread(Float::POSITIVE.up_to(1e5))),
        /// state that moves with a session [bytes]
        state_bytes: f64 = default(100e6, BYTES),
        /// state that a running session changes, which is to be sent again [bytes/s]
        dirty_bytes_per_s: f64 = default(10e6, BYTES),
        /// most rounds of pre-copy; 0 stops the session before anything is sent
        rounds: u32 = default(8, Count { min: 0, max: 1000 }),
        /// what is left to send at which a session stops [bytes]
        stop_bytes: f64 = default(1e6, BYTES),
        /// time to start at the new host, after all is sent [s]
        restart_s: f64 = default(0.05, SECONDS),
        /// interruption where the vehicle enters by another RSU than before (handover) [s]
        interruption_s: f64 = default(0.05, SECONDS),
    }
}

impl SessionOptions {
    const KEYS: [&str; 7] = [
        "duration_s",
        "state_bytes",
        "dirty_bytes_per_s",
        "rounds",
        "stop_bytes",
        "restart_s",
        "interruption_s",
    ];

    /// Refuses these keys where there are no sessions.
    pub(super) fn refuse(k: &mut Keys<'_, '_>) {
        k.check(|s| {
            for key in Self::KEYS {
                s.retired(key, "needs kind = \"sessions\"");
            }
        });
    }

    /// Longest life of a session, in slots of `slot_s`.
    #[must_use]
    pub fn most_slots(&self, slot_s: f64) -> usize {
        slots(self.duration_s.max, slot_s)
    }
}

/// Slots of `slot_s` that `duration_s` takes, at least one.
#[must_use]
pub fn slots(duration_s: f64, slot_s: f64) -> usize {
    ((duration_s / slot_s - 1e-9).ceil() as usize).max(1)
}

/// Most slots of a session: policies and the bound look at all of them.
const MOST_SLOTS: usize = 10_000;

/// Refuses what has no meaning for sessions.
pub(super) fn check(k: &mut Keys<'_, '_>, scenario: &Scenario, sessions: &SessionOptions) {
    let mut refuse = |given: bool, section: &str, message: &str| {
        if given {
            k.problem(section, message);
        }
    };
    refuse(
        scenario.time.carry_over,
        "time.carry_over",
        "must be false with [execution] kind = \"sessions\": CPU is granted anew in every slot",
    );
    refuse(
        scenario.load_balance.enforce,
        "load_balance.enforce",
        "must be false with [execution] kind = \"sessions\"",
    );
    refuse(
        scenario.task.per_vehicle > 1,
        "task.per_vehicle",
        "must be 1 with [execution] kind = \"sessions\"",
    );
    refuse(
        sessions.most_slots(scenario.time.slot_s) > MOST_SLOTS,
        "execution.duration_s",
        "must be at most 10000 slots",
    );
}
