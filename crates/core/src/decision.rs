//! What a policy decides: one placement per task.

/// Where a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Placement {
    /// On its vehicle.
    #[default]
    Local,
    /// On an RSU, entered by one that covers the vehicle.
    Rsu {
        /// Row of the entry RSU m.
        entry: u32,
        /// Row of the execution RSU m'; equal to `entry` without migration.
        execution: u32,
    },
}

/// A policy's answer for a slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// One per task.
    pub placements: Vec<Placement>,
    /// Least CPU share of every task \[Hz\], or empty: `slot-fit` asks that tasks end within their slot.
    pub minimum_hz: Vec<f64>,
}
