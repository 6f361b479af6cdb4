//! `[fleet.mobility]` with `kind = "highway"`.

use crate::config::{Count, Float, Range, Spread, section};

section! {
    /// A straight road of several lanes in both directions.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Highway {
        /// speed, which a vehicle keeps [m/s]
        speed_mps: Range = required(Spread(Float::NON_NEGATIVE.up_to(1000.0))),
        /// lanes in each direction
        lanes: usize = default(3, Count { min: 1, max: 100 }),
        /// width of a lane [m]
        lane_m: f64 = default(3.5, Float::between(0.1, 100.0)),
    }
}
