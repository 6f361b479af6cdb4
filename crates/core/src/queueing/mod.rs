//! Servers with cores and links with queues (system 2), simulated event by event.
//!
//! A server's cores take tasks first come, first served; so does every direction of a link, which sends a
//! task on only when it has it whole (store and forward). Nothing here depends on a time step.
//!
//! **Ties.** At one instant faults come first, in the order of the schedule; then tasks move in the
//! order of their submission. Intervals are half-open: what ends at an instant has ended. A task takes
//! the core that is free earliest, among equals the one with the lowest row.

mod calendar;
mod faults;
mod recovery;
mod simulator;
mod station;

pub use faults::{Component, FaultEvent};
pub use simulator::QueueNetwork;
pub use station::{Begun, Station};

/// A task that is offered to the servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Submission<'a> {
    /// The caller's name for it.
    pub key: u64,
    /// When its data is complete at the entry server \[s\].
    pub ready_s: f64,
    /// Row of the entry server.
    pub entry: u32,
    /// Rows of the links to the execution server; empty where it runs at the entry.
    pub path: &'a [u32],
    /// Data sent over every link \[bit\].
    pub data_bits: f64,
    /// Work \[cycles\].
    pub cycles: f64,
}

/// The outcome of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finished<'a> {
    /// The caller's name for it.
    pub key: u64,
    /// Its travel, or why it was lost.
    pub outcome: Result<Travel, Lost>,
    /// Rows of the links that it has travelled, in order.
    pub path: &'a [u32],
}

/// The time of a task from its arrival at the entry server on: `finished_s - ready_s` is the sum of the
/// four parts, but for rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Travel {
    /// On links, sending \[s\].
    pub transmission_s: f64,
    /// On links, in flight \[s\].
    pub propagation_s: f64,
    /// In queues of links and cores, and in transmissions that a fault cut short \[s\].
    pub wait_s: f64,
    /// On its core \[s\].
    pub compute_s: f64,
    /// Links travelled.
    pub hops: u32,
    /// Row of the server that executed it.
    pub execution: u32,
    /// When it was done \[s\].
    pub finished_s: f64,
}

/// A task that a fault took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lost {
    /// When \[s\].
    pub at_s: f64,
    /// Why.
    pub reason: Reason,
}

/// Why a task is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its entry server was down when its upload ended.
    EntryDown,
    /// The server that held it, ran it or was receiving it failed.
    ServerFailed,
    /// No living server with cores can be reached from where its data is.
    Unreachable,
}

impl Reason {
    /// All reasons, in order.
    pub const ALL: [Self; 3] = [Self::EntryDown, Self::ServerFailed, Self::Unreachable];

    /// Name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EntryDown => "entry-down",
            Self::ServerFailed => "server-failed",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Totals since the start: `submitted = finished + lost + in flight`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks submitted.
    pub submitted: u64,
    /// Tasks reported as executed.
    pub finished: u64,
    /// Tasks reported as lost.
    pub lost: u64,
    /// Times that a task was given another path to its execution server.
    pub rerouted: u64,
    /// Times that a task was given another execution server.
    pub replanned: u64,
}
