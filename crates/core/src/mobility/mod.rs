//! How vehicles move: synthetic models and SUMO traces behind one trait.

use crate::error::Result;
use crate::ids::VehicleKey;

/// Where the vehicles are at one instant. Columns of equal length, in a fixed order of the source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Positions {
    /// Stable name within the run.
    pub key: Vec<VehicleKey>,
    /// Position \[m\].
    pub x_m: Vec<f64>,
    /// Position \[m\].
    pub y_m: Vec<f64>,
}

/// A source of vehicle positions. Vehicles may appear and leave between calls.
pub trait MobilitySource: Send {
    /// Moves on to `time_s` seconds after the start of the run (never backwards) and fills `out`.
    ///
    /// # Errors
    /// A trace that is malformed, ends early or cannot be read.
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()>;
}
