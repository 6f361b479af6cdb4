//! Tasks as agents hand them on.

use serde::{Deserialize, Serialize};

/// A task that a vehicle has, with what a policy may know of the vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Tasks that are decided at once are so in this order.
    pub order: u64,
    /// Work \[cycles\].
    pub cycles: f64,
    /// Data \[bit\].
    pub data_bits: f64,
    /// Max tolerable delay \[s\].
    pub deadline_s: f64,
    /// Upload time of one bit \[s/bit\].
    pub seconds_per_bit: f64,
    /// Transmit power of the vehicle \[W\].
    pub tx_power_w: f64,
    /// CPU of the vehicle \[Hz\].
    pub cpu_hz: f64,
    /// kappa of the vehicle \[J s^2/cycle^3\].
    pub energy_coeff: f64,
    /// Time until the vehicle's own CPU is free \[s\].
    pub local_wait_s: f64,
}

/// A task on its way over the backhaul, or where it is executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Row of the RSU that it entered by.
    pub entry: u32,
    /// That RSU's number for it.
    pub number: u64,
    /// Data \[bit\].
    pub data_bits: f64,
    /// Work \[cycles\].
    pub cycles: f64,
    /// CPU that the centre has given it \[Hz\]; 0 where tasks queue for cores.
    pub cpu_hz: f64,
    /// Rows of the links that it has yet to travel.
    pub path: Vec<u32>,
    /// What it has taken so far.
    pub spent: Spent,
}

/// Where the time of a task went, after its upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// In queues of links and cores \[s\].
    pub wait_s: f64,
    /// On links, sending \[s\].
    pub transmission_s: f64,
    /// On a core \[s\].
    pub compute_s: f64,
    /// To the cloud and back \[s\].
    pub cloud_s: f64,
    /// Links travelled.
    pub hops: u32,
}

/// A task that was executed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Row of the RSU that executed it; none for the cloud.
    pub execution: Option<u32>,
    /// Where its time went.
    pub spent: Spent,
}

/// Why a task was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// No answer came in time.
    NoAnswer,
    /// Its execution server has not reported for three rounds.
    ServerOut,
    /// The next server of its path could not be reached.
    LinkFailed,
    /// A server on its way held too many tasks.
    Full,
    /// Its path does not lead on from a server that it came to.
    Misrouted,
    /// Its program failed, or took too long.
    WorkFailed,
    /// The centre could not be asked, or did not place it.
    NoDecision,
}

impl Loss {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::NoAnswer,
        Self::ServerOut,
        Self::LinkFailed,
        Self::Full,
        Self::Misrouted,
        Self::WorkFailed,
        Self::NoDecision,
    ];

    /// Name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::ServerOut => "server-out",
            Self::LinkFailed => "link-failed",
            Self::Full => "full",
            Self::Misrouted => "misrouted",
            Self::WorkFailed => "work-failed",
            Self::NoDecision => "no-decision",
        }
    }
}
