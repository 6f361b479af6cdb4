//! What servers know of cores and queues, where CPU is not shared but queued for (system 2).
//!
//! A server knows itself as it is, and others as the related information (RI) last received tells.

/// Cores and queues of all servers, in the eyes of each of them. Row `m` is RSU `m`'s edge server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queues {
    /// `core_start[m]..core_start[m + 1]` are the cores of server `m` in [`QueueState::core_free_s`].
    pub core_start: Vec<u32>,
    /// Speed of every core of server `m` \[Hz\].
    pub core_hz: Vec<f64>,
    /// The truth at the instant of the decision.
    pub present: QueueState,
    /// Rounds of related information that went out, newest first.
    pub rounds: Vec<QueueState>,
    /// How information travels; `None`: every server knows the truth about every other.
    pub information: Option<Information>,
}

/// The state of all servers and links at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueState {
    /// The instant \[s\], from the start of the run.
    pub time_s: f64,
    /// When every core has done all that is queued for it \[s\], an instant; in the past where it idles.
    pub core_free_s: Vec<f64>,
    /// Tasks at every server that have not begun.
    pub waiting: Vec<u32>,
    /// When every directed link has sent all that is queued for it \[s\], an instant.
    pub link_free_s: Vec<f64>,
    /// Whether every server works.
    pub up: Vec<bool>,
}

/// How related information travels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Information {
    /// Farthest server that a packet reaches \[hops\].
    pub ttl: u32,
    /// Time of a packet over one link \[s\].
    pub hop_s: f64,
    /// Further delay of every packet \[s\].
    pub delay_s: f64,
}

impl Queues {
    /// Rows of the cores of server `m`.
    #[must_use]
    #[inline]
    pub fn cores(&self, m: u32) -> std::ops::Range<usize> {
        self.core_start[m as usize] as usize..self.core_start[m as usize + 1] as usize
    }

    /// Age of the newest state of a server `hops` away that an observer has heard of \[s\]; 0 where it has heard nothing.
    #[must_use]
    pub fn age_s(&self, hops: u32) -> f64 {
        let seen = self.seen(hops);
        seen.map_or(0.0, |state| self.present.time_s - state.time_s)
    }

    /// The newest state of a server `hops` away that an observer has heard of by now; `None` where it
    /// has heard nothing of it.
    #[must_use]
    pub fn seen(&self, hops: u32) -> Option<&QueueState> {
        let Some(information) = self.information.filter(|_| hops > 0) else {
            return Some(&self.present);
        };
        if hops > information.ttl {
            return None;
        }
        let travel_s = f64::from(hops) * information.hop_s + information.delay_s;
        self.rounds
            .iter()
            .find(|round| round.time_s + travel_s <= self.present.time_s)
    }
}
