//! What a run leaves: one record per seed, policy and slot.

/// One slot under one policy. Means are over the tasks of the slot and zero where it has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlotRecord {
    /// Slot number t.
    pub slot: u32,
    /// Number of tasks.
    pub tasks: u32,
    /// Number of vehicles present.
    pub vehicles: u32,
    /// J_t of (15), mean over tasks.
    pub objective: f64,
    /// Mean delay \[s\].
    pub delay_s: f64,
    /// Mean energy \[J\].
    pub energy_j: f64,
    /// Parts of the mean delay \[s\]: upload, migration, wait, compute.
    pub upload_s: f64,
    /// See `upload_s`.
    pub migration_s: f64,
    /// See `upload_s`.
    pub wait_s: f64,
    /// See `upload_s`.
    pub compute_s: f64,
    /// Certified lower bound of `objective`, where asked for.
    pub lower_bound: Option<f64>,
    /// Tasks done within their deadline.
    pub deadline_met: u32,
    /// Tasks executed at an RSU.
    pub offloaded: u32,
    /// Tasks executed at another RSU than the one they entered by.
    pub migrated: u32,
    /// Sum of hops over all tasks.
    pub hops: u32,
    /// Tasks of vehicles that no RSU covers.
    pub uncovered: u32,
    /// Tasks sent back to the vehicle because the RSU chosen had no CPU left.
    pub turned_back: u32,
    /// LBM (9).
    pub lbm: f64,
    /// Its bound tau.
    pub tau: f64,
    /// Whether delta + phi fell below tau_min.
    pub clamped: bool,
    /// Whether LBM > tau (beyond rounding).
    pub violated: bool,
    /// Jain's fairness index of the RSU loads, 1 where all are zero.
    pub jain: f64,
    /// Wall-clock time of the decision \[s\]; the only field that may differ between runs of a seed.
    pub decision_time_s: f64,
}
