//! The RSUs' fibre network: graph, hop counts, shortest paths.

/// Shortest paths between RSUs, limited to `max_hops`, and what is known of the rest.
///
/// A path has the fewest hops (k_{m,m'} of (2)); among those the least time per bit; then the
/// smallest RSU indices. Targets of an RSU are ordered by (hops, RSU).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// `targets[start[m]..start[m + 1]]` are the RSUs within `max_hops` of `m`, `m` itself first.
    pub start: Vec<u32>,
    /// All targets.
    pub targets: Vec<Target>,
    /// For every RSU a lower bound on reaching any RSU beyond its targets, where there is one.
    pub beyond: Vec<Option<Beyond>>,
}

/// An RSU that tasks can be migrated to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The RSU's row.
    pub rsu: u32,
    /// Hops k_{m,m'}; 0 for the RSU itself.
    pub hops: u32,
    /// Transfer time of one bit, the sum of 1/R over the links of the path \[s/bit\]: k/R_0 for equal links.
    pub seconds_per_bit: f64,
    /// Time that bits already queued on the links of the path take \[s\].
    pub wait_s: f64,
    /// The RSU before `rsu` on the path (itself for the RSU itself).
    pub previous: u32,
}

/// Bounds on every RSU that is reachable but not among the targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beyond {
    /// Fewest hops.
    pub hops: u32,
    /// Least transfer time per bit \[s/bit\].
    pub seconds_per_bit: f64,
}
