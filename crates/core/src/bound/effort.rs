//! How hard a solve of the simple bound tries.

/// How far a solve goes. Temperatures are relative to the mean cost of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// First temperature without prices of an earlier slot.
    pub cold_temperature: f64,
    /// First temperature with them.
    pub warm_temperature: f64,
    /// Last temperature.
    pub last_temperature: f64,
    /// Factor between temperatures.
    pub cooling: f64,
    /// Newton steps at each temperature, not counting those that still gain more than `far`.
    pub steps: usize,
    /// Gain, relative to the cost of all tasks, above which the optimum is still far.
    pub far: f64,
    /// Gain, relative to the bound, that is not worth a step.
    pub tolerance: f64,
    /// Gain, relative to the bound, below which a step is the last one and is taken unchecked, without another
    /// pass over the tasks.
    pub unchecked: f64,
    /// Most conjugate-gradient iterations per Newton step.
    pub iterations: usize,
    /// Choices this many temperatures above the best weigh nothing (12: 6e-6; 7: 1e-3).
    pub cutoff: f64,
    /// Choices lighter than this count in the gradient but not in the curvature, which only steers.
    pub least_weight: f64,
}

impl Effort {
    /// For the certificate of a run.
    pub const CERTIFY: Self = Self {
        cold_temperature: 3e-2,
        warm_temperature: 1e-3,
        last_temperature: 3e-5,
        cooling: 0.15,
        steps: 10,
        far: 1e-4,
        tolerance: 1e-9,
        unchecked: 0.0,
        iterations: 8,
        cutoff: 12.0,
        least_weight: 1e-3,
    };
    /// For a policy that only wants good prices, from those of the last slot: a rough step now is worth
    /// more than a fine one later.
    pub const DECIDE: Self = Self {
        cold_temperature: 3e-2,
        warm_temperature: 1e-3,
        last_temperature: 1e-3,
        cooling: 0.15,
        steps: 4,
        far: 1e-2,
        tolerance: 2e-5,
        unchecked: 1e-3,
        iterations: 3,
        cutoff: 5.0,
        least_weight: 2e-3,
    };

    /// For temperatures above the warm one: there a task on a large map is split between hundreds of places, and the
    /// optimum is only a place to start from.
    pub(super) const HOT: Self = Self {
        least_weight: 1e-2,
        ..Self::DECIDE
    };
}
