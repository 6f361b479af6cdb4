//! How hard a solve of the simple bound tries.

use super::newton::Accuracy;

/// How far a solve goes. Temperatures are relative to the mean cost of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// First temperature without prices of an earlier slot.
    pub cold_temperature: f64,
    /// First temperature with them.
    pub warm_temperature: f64,
    /// Last temperature.
    pub last_temperature: f64,
    /// Gain that a step promises, per task and relative to the temperature, up to which prices are near enough to the maximum
    /// for the next step to lead to the maximum at a lower temperature; 0: every temperature is climbed at by itself.
    pub central: f64,
    /// Factor between temperatures; about the least one where the maximum is followed.
    pub cooling: f64,
    /// Newton steps at each temperature, not counting those that still gain more than `far`.
    pub steps: usize,
    /// Gain, relative to the cost of all tasks, above which the optimum is still far.
    pub far: f64,
    /// Gain, relative to the bound, below which a climb ends without a step.
    pub tolerance: f64,
    /// Gain, relative to the bound, below which a step of a climb is the last one and is taken unchecked, without another
    /// pass over the tasks.
    pub unchecked: f64,
    /// Share of the Newton step that such a step takes. Measured whole steps gained a third to two thirds of what they
    /// promised: along the step the curvature grows beyond its value at the start.
    pub length: f64,
    /// Most conjugate-gradient iterations per Newton step.
    pub iterations: usize,
    /// Residual of a Newton system, relative to that at the start and squared, which is small enough.
    pub residual: f64,
    /// Choices this many temperatures above the best weigh nothing (12: 6e-6; 7: 1e-3).
    pub cutoff: f64,
    /// Choices lighter than this count in the gradient but not in the curvature, which only steers.
    pub least_weight: f64,
    /// Targets of each entry that are tried, nearest first.
    pub targets: usize,
    /// One task in so many stands for all of them.
    pub sample: usize,
}

impl Effort {
    /// For the certificate of a run.
    pub const CERTIFY: Self = Self {
        cold_temperature: 3e-2,
        warm_temperature: 1e-3,
        last_temperature: 3e-5,
        central: 3e-3,
        cooling: 0.45,
        steps: 10,
        far: 1e-4,
        tolerance: 1e-9,
        unchecked: 0.0,
        length: 0.7,
        iterations: 12,
        residual: 0.01,
        cutoff: 12.0,
        least_weight: 1e-3,
        targets: usize::MAX,
        sample: 1,
    };
    /// The slow twin of [`CERTIFY`](Self::CERTIFY): climbs at every temperature by itself. Takes three times the passes, and
    /// gets to the maximum where that cannot be followed.
    pub const CLIMB: Self = Self {
        central: 0.0,
        cooling: 0.15,
        iterations: 8,
        residual: 0.05,
        ..Self::CERTIFY
    };
    /// For a policy that only wants good prices, from those of the last slot: a rough step now is worth
    /// more than a fine one later.
    pub const DECIDE: Self = Self {
        cold_temperature: 3e-2,
        warm_temperature: 1e-3,
        last_temperature: 1e-3,
        central: 0.0,
        cooling: 0.15,
        steps: 4,
        far: 1e-2,
        tolerance: 2e-5,
        unchecked: 1e-3,
        length: 0.7,
        iterations: 3,
        residual: 0.05,
        cutoff: 5.0,
        least_weight: 2e-3,
        targets: usize::MAX,
        sample: 1,
    };

    /// For temperatures above the warm one: there a task on a large map is split between hundreds of places, and the
    /// optimum is only a place to start from.
    const HOT: Self = Self {
        least_weight: 1e-2,
        ..Self::DECIDE
    };

    /// Above this temperature, relative to the mean cost of a task, a solve that follows the maximum is still on its way.
    const COARSE: f64 = 5e-4;
    /// Choices so many temperatures above the best are left out there.
    const COARSE_CUTOFF: f64 = 5.0;

    /// The effort at a `temperature` relative to the mean cost of a task.
    pub(super) fn at(self, temperature: f64) -> Self {
        if self.central > 0.0 && temperature > Self::COARSE {
            return Self {
                cutoff: Self::COARSE_CUTOFF,
                ..self
            };
        }
        self
    }

    /// A step along the gradient.
    pub(super) const GRADIENT: Accuracy = Accuracy {
        iterations: 1,
        residual: 0.05,
    };

    /// How well Newton systems are solved.
    pub(super) fn accuracy(&self) -> Accuracy {
        Accuracy {
            iterations: self.iterations,
            residual: self.residual,
        }
    }

    /// Tasks from which on a sample of them and the nearest targets are enough at high temperatures (docs/benchmarks.md).
    const LARGE: usize = 5_000;

    /// For temperatures above the warm one in a slot of `tasks`.
    pub(super) fn hot(tasks: usize) -> Self {
        if tasks < Self::LARGE {
            return Self::HOT;
        }
        Self {
            targets: 12,
            sample: 4,
            ..Self::HOT
        }
    }

    /// For a bound that may be about `tolerance` below the largest one, relative to it, and without prices of an earlier slot
    /// up to four times as far; less than 1e-4 is [`CERTIFY`](Self::CERTIFY).
    /// The bound is as valid with any.
    #[must_use]
    pub fn within(tolerance: f64) -> Self {
        /// From here on one temperature is enough.
        const ROUGH: f64 = 1e-4;
        if tolerance < ROUGH {
            return Self::CERTIFY;
        }
        Self {
            tolerance: 0.2 * tolerance,
            unchecked: (10.0 * tolerance).min(1e-2),
            // With 0.7 neighbouring prices of a large city swing, more from slot to slot (docs/benchmarks.md).
            length: 0.5,
            iterations: 8,
            ..Self::DECIDE
        }
    }
}
