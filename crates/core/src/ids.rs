//! Dense identifiers: indices into the columns of a slot or of a scenario.

/// Index of an RSU (roadside unit), `0..rsus.len()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RsuId(pub u32);

impl RsuId {
    /// The index as `usize`.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Stable name of a vehicle within a run: never reused, so that state held per vehicle
/// (its local queue) follows it while it is on the map and ends when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VehicleKey(pub u64);
