//! A metric with its interval, and the metrics that only some kinds of runs have.

use crate::stats::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A metric of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metric {
    /// Mean over seeds.
    pub mean: f64,
    /// Its 95 % confidence interval by Student's t; null for a single seed.
    pub ci95: Option<[f64; 2]>,
    /// Paired difference to the first policy; null for the first policy itself.
    pub difference: Option<Estimate>,
}

/// Gap of the objective J to its certified lower bound LB, (J - LB)/LB.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Mean over seeds of the gap of a whole run.
    pub mean: f64,
    /// Its 95 % confidence interval; null for a single seed.
    pub ci95: Option<[f64; 2]>,
    /// Smallest gap of a single slot, or of a run whose slots are bounded together; below zero it is a bug of Wayside.
    pub min: f64,
    /// Largest gap of a single slot, or of such a run.
    pub max: f64,
    /// Paired difference to the first policy; null for the first policy itself.
    pub difference: Option<Estimate>,
}

/// Defines the metrics of a kind of run and the list of their names together.
macro_rules! metrics {
    ($(#[$meta:meta])+ $kind:ident, $names:ident: $($(#[$doc:meta])+ $name:ident;)+) => {
        $(#[$meta])+
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $kind {
            $($(#[$doc])+ pub $name: Option<Metric>,)+
        }

        #[doc = concat!("Names of [`", stringify!($kind), "::metrics`].")]
        pub const $names: &[&str] = &[$(stringify!($name)),+];

        impl $kind {
            /// All metrics, by name.
            #[must_use]
            pub fn metrics(&self) -> Vec<(&'static str, Option<Metric>)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}

metrics! {
    /// What became of the sessions of a policy.
    SessionSummary, OF_SESSIONS:
    /// Moves of a session.
    moves;
    /// Bytes that its moves send.
    moved_bytes;
    /// Downtime of its moves \[s\].
    down_s;
    /// Share of batches that hosts serve; the others run on vehicles.
    served;
    /// Times that a session loses its host to a fault and is placed anew; null where nothing fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evicted;
}

metrics! {
    /// What became of the answers of a policy's tasks. Shares are of all tasks; those that are missing to 1 ran on vehicles.
    ReturnSummary, OF_RETURNS:
    /// What the return of answers adds to the mean delay \[s\].
    return_s;
    /// What it adds to the mean energy \[J\].
    return_j;
    /// Share of tasks whose answer came back.
    returned;
    /// Share of tasks whose answer was lost because no RSU within reach covered the vehicle in time.
    lost_no_coverage;
    /// Share of tasks whose answer was lost because the vehicle left.
    lost_vehicle_left;
    /// Share of tasks of whose answer nobody knows, because positions end before.
    pending;
    /// Handovers of a vehicle while a task is away, per task.
    handovers;
}
