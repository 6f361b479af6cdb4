//! `[serve]`: how the live centre serves this scenario.

use crate::config::{Count, Flag, Float, section};

/// Time limits of the live centre \[s\].
const SECONDS: Float = Float::between(0.01, 86_400.0);
/// Most of anything that the live centre holds in memory.
const MOST: Count = Count {
    min: 1,
    max: 10_000_000,
};

section! {
    /// `[serve]`: limits and windows of `wayside serve`. No run reads it, and it is written only where it is set.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ServeOptions {
        /// how long a task waits for others to be decided with it [ms]
        batch_ms: f64 = added(10.0, Float::between(0.0, 60_000.0)),
        /// tasks that are decided at once, at most; so many do not wait
        batch_max: usize = added(256, Count { min: 1, max: 100_000 }),
        /// tasks that may wait for a decision; more are answered 429
        queue_max: usize = added(4096, MOST),
        /// tasks without an outcome that may be held; more are answered 429
        tasks_max: usize = added(100_000, MOST),
        /// vehicles that may be present; more are answered 429
        vehicles_max: usize = added(100_000, MOST),
        /// a vehicle that says nothing for so long is gone [s]
        vehicle_ttl_s: f64 = added(10.0, SECONDS),
        /// a task whose outcome nobody reports holds its CPU until so long after its predicted end [s]
        lease_s: f64 = added(10.0, SECONDS),
        /// longest decision of a batch; then `nearest` decides it [ms]
        decide_ms: f64 = added(1000.0, Float::between(1.0, 600_000.0)),
        /// whether every batch gets its certified lower bound, and so a gap
        bound: bool = added(true, Flag),
        /// decisions of `/v1/decisions` at a time
        workers: usize = added(2, Count { min: 1, max: 256 }),
        /// decisions of `/v1/decisions` that may wait for a worker; more are answered 429
        waiting_max: usize = added(16, Count { min: 1, max: 100_000 }),
        /// connections at a time; more wait to be accepted
        connections_max: usize = added(1024, Count { min: 1, max: 1_000_000 }),
        /// streams of events at a time; more are answered 429
        streams_max: usize = added(64, Count { min: 0, max: 100_000 }),
        /// largest slot of `/v1/decisions` [bytes]
        body_max_bytes: usize = added(4_194_304, Count { min: 1024, max: 1_000_000_000 }),
        /// how long a client may take to send the head of a request, its body, or to read an answer [s]
        read_s: f64 = added(10.0, SECONDS),
        /// longest time from a request to its answer, and to the end of all answers once the server is to end [s]
        request_s: f64 = added(30.0, SECONDS),
    }
}
