//! `playback.parquet`: where things were in a run, so that it can be played.
//!
//! What became of tasks is in `tasks.parquet` already, and what slots cost in `slots.parquet`. This file has what neither of them has: per
//! seed and instant a row for every vehicle (where it is) and every task (whose it is), the same under all policies, and per policy
//! a row for every RSU (its load). Its metadata has the RSUs and the links, so that nothing else is needed to draw a map.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Batch, Frame, Load, Outline, Playback, Queue, Task, Vehicle};
pub(crate) use write::{PlaybackWriter, join};

use serde::{Deserialize, Serialize};
use wayside_core::backhaul::Edge;
use wayside_core::engine::world::World;

/// Name of the file in a result folder.
pub(crate) const FILE: &str = "playback.parquet";

/// The key of the metadata that has the [`Site`] as JSON.
const SITE: &str = "wayside.site";

/// What stands still.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Name of the scenario.
    pub scenario: String,
    /// Length of a slot \[s\].
    pub slot_s: f64,
    /// The RSUs.
    pub rsus: Vec<Rsu>,
    /// The links of the backhaul, each of them once.
    pub links: Vec<Link>,
}

/// An RSU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rsu {
    /// Its id.
    pub id: String,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// Its CPU \[Hz\].
    pub cpu_hz: f64,
}

/// A link of the backhaul.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Id of the RSU at one end.
    pub a: String,
    /// Id of the RSU at the other end.
    pub b: String,
    /// Rate \[bit/s\].
    pub rate_bps: f64,
}

impl Site {
    fn of(world: &World) -> Self {
        let rsus = &world.rsus;
        let rsu = |m: usize| Rsu {
            id: rsus.id[m].clone(),
            x_m: rsus.x_m[m],
            y_m: rsus.y_m[m],
            cpu_hz: rsus.cpu_hz[m],
        };
        let id = |m: u32| rsus.id[m as usize].clone();
        let link = |edge: &Edge| Link {
            a: id(edge.a),
            b: id(edge.b),
            rate_bps: edge.rate_bps,
        };
        Self {
            scenario: world.scenario.name.clone(),
            slot_s: world.scenario.time.slot_s,
            rsus: (0..rsus.len()).map(rsu).collect(),
            links: world.links.iter().map(link).collect(),
        }
    }
}

/// What a row is about.
const VEHICLE: &str = "vehicle";
const TASK: &str = "task";
const RSU: &str = "rsu";
