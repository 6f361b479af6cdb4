//! How vehicles move: synthetic models and SUMO traces behind one trait.

pub mod copies;
pub mod placed;
pub mod synthetic;
pub mod trace;

use std::borrow::Cow;

use crate::error::Result;
use crate::rng::Streams;
use crate::scenario::{Area, Fleet, Mobility, Time};

use copies::Copies;
use placed::{Parked, Ring};
use synthetic::{Manhattan, RandomWaypoint, Road, Straight};
use trace::FcdTrace;

/// Stable name of a vehicle within a run: never reused, so that state held per vehicle
/// (its local queue) follows it while it is on the map and ends when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VehicleKey(pub u64);

/// Where the vehicles are at one instant. Columns of equal length, in a fixed order of the source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Positions {
    /// Stable name within the run.
    pub key: Vec<VehicleKey>,
    /// Position \[m\].
    pub x_m: Vec<f64>,
    /// Position \[m\].
    pub y_m: Vec<f64>,
    /// Names, where a trace has them and the run asks for them.
    pub(crate) names: Names,
}

/// Names of vehicles, one after the other in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Names {
    text: Vec<u8>,
    end: Vec<usize>,
}

impl Names {
    fn clear(&mut self) {
        self.text.clear();
        self.end.clear();
    }

    /// Adds the name of the next vehicle, made of these parts.
    fn push(&mut self, parts: &[&[u8]]) {
        parts
            .iter()
            .for_each(|part| self.text.extend_from_slice(part));
        self.end.push(self.text.len());
    }

    fn get(&self, row: usize) -> Option<&[u8]> {
        let end = *self.end.get(row)?;
        let start = row.checked_sub(1).map_or(0, |before| self.end[before]);
        Some(&self.text[start..end])
    }
}

impl Positions {
    /// Number of vehicles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.key.len()
    }

    /// Whether there are no vehicles.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.key.is_empty()
    }

    /// Name of the vehicle in `row`: the number of its key where it has no other.
    #[must_use]
    pub fn name(&self, row: usize) -> Cow<'_, [u8]> {
        match self.names.get(row) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(self.key[row].0.to_string().into_bytes()),
        }
    }

    /// Removes all vehicles and keeps the memory.
    pub fn clear(&mut self) {
        self.names.clear();
        self.key.clear();
        self.x_m.clear();
        self.y_m.clear();
    }

    /// Adds a vehicle.
    pub fn push(&mut self, key: VehicleKey, x_m: f64, y_m: f64) {
        self.key.push(key);
        self.x_m.push(x_m);
        self.y_m.push(y_m);
    }

    /// Replaces all vehicles by one at each of `points`, keyed by their place in the sequence.
    fn fill(&mut self, points: impl Iterator<Item = [f64; 2]>) {
        self.clear();
        for (key, [x_m, y_m]) in (0..).zip(points) {
            self.push(VehicleKey(key), x_m, y_m);
        }
    }
}

/// A source of vehicle positions. Vehicles may appear and leave between calls.
pub trait MobilitySource: Send {
    /// Moves on to `time_s` seconds after the start of the run (never backwards) and fills `out`.
    ///
    /// # Errors
    /// A trace that is malformed, ends early or cannot be read.
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()>;
}

/// The source that `fleet.mobility` describes, for the slots of `time`. `area`, with all copies of the map, bounds synthetic vehicles, a trace has its own
/// extent, and parked vehicles stand at one of `stands_m` each. `named`: whether vehicles of a trace come with their names.
///
/// # Errors
/// A trace that cannot be opened, or does not hold the time asked for.
pub fn source(
    fleet: &Fleet,
    time: Time,
    area: Area,
    stands_m: &[[f64; 2]],
    streams: Streams,
    named: bool,
) -> Result<Box<dyn MobilitySource>> {
    let n = fleet.size;
    Ok(match &fleet.mobility {
        Mobility::Straight { speed_mps, hotspot } => {
            Box::new(Straight::new(n, area, *speed_mps, *hotspot, streams))
        }
        Mobility::RandomWaypoint { speed_mps, pause_s } => {
            Box::new(RandomWaypoint::new(n, area, *speed_mps, *pause_s, streams))
        }
        Mobility::Manhattan {
            speed_mps,
            block_m,
            turn_probability,
        } => Box::new(Manhattan::new(
            n,
            area,
            *speed_mps,
            *block_m,
            *turn_probability,
            streams,
        )),
        Mobility::Parked(_) => Box::new(Parked::new(n, stands_m, streams)),
        &Mobility::Ring {
            radius_m,
            center_m,
            speed_mps,
        } => Box::new(Ring {
            size: n,
            radius_m,
            center_m,
            speed_mps,
        }),
        Mobility::Highway(road) => Box::new(Road::new(n, area, *road, streams)),
        Mobility::Fcd(fcd) | Mobility::Sumo(fcd) => {
            let trace = FcdTrace::for_slots(fcd, time)?.named(named);
            match fcd.copies {
                1 => Box::new(trace),
                count => Box::new(Copies::new(trace, count, area)),
            }
        }
    })
}
