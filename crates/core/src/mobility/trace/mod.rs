//! SUMO floating-car data (FCD): traces of any length, read one time step at a time.
//!
//! XML, CSV and Parquet give the same vehicles at the same places; the text formats may be
//! gzipped. Two time steps are in memory, whatever the length of the trace.
//!
//! ## Reference
//! <https://sumo.dlr.de/docs/Simulation/Output/FCDOutput.html>

mod bytes;
mod format;
mod step;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::mem;

use ::bytes::Bytes;

use crate::error::{Error, Result};
use crate::mobility::VehicleKey;
use crate::mobility::{MobilitySource, Positions};
use crate::scenario::{Fcd, FcdSource};

use self::bytes::Trace;
use step::{Input, Step, StepReader};

/// Instants closer than this are the same: SUMO counts in ms, slots add up in floating point.
const SAME_INSTANT_S: f64 = 1e-6;

/// Traces that the binary carries with it.
const BUILTIN: [(&str, &[u8]); 1] = [(
    "city-grid",
    include_bytes!("../../../assets/grid1200x1600_t540-600.fcd.csv.gz"),
)];

/// The bytes of a built-in trace: `city-grid`, 60 s of a 1200 m x 1600 m street grid.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static [u8]> {
    let (_, bytes) = BUILTIN.iter().find(|(known, _)| *known == name)?;
    Some(bytes)
}

/// Vehicles that follow a trace, at places interpolated linearly between its time steps.
///
/// A vehicle's key counts appearances. One that leaves and comes back has a new key: only the
/// vehicles present are remembered. One that is gone in the next time step stays put until then.
pub struct FcdTrace {
    name: String,
    reader: Box<dyn StepReader>,
    every: u64,
    /// Time of the trace at which the run starts.
    origin_s: f64,
    now: Known,
    /// Meaningful where `has_next`.
    next: Known,
    has_next: bool,
    /// Vehicles that appeared so far.
    appeared: u64,
}

/// A time step whose vehicles are known by their appearance.
#[derive(Debug, Default)]
struct Known {
    step: Step,
    /// Per vehicle, in the order of the file: how many appeared before it.
    appearance: Vec<u64>,
    /// Per vehicle: itself in the time step after.
    after: Vec<Option<usize>>,
    /// The vehicles that are kept, by appearance.
    kept: Vec<usize>,
}

/// What a trace covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// West end \[m\].
    pub x_min_m: f64,
    /// South end \[m\].
    pub y_min_m: f64,
    /// East end \[m\].
    pub x_max_m: f64,
    /// North end \[m\].
    pub y_max_m: f64,
    /// First time step used \[s\].
    pub first_s: f64,
    /// Last time step \[s\].
    pub last_s: f64,
    /// Number of time steps.
    pub steps: usize,
    /// Most vehicles at once.
    pub max_vehicles: usize,
    /// Vehicles at once, averaged over the time steps.
    pub mean_vehicles: f64,
}

/// Reads the used part of a trace from end to end and says what it covers.
///
/// # Errors
/// A trace that is malformed, cannot be read, or has no vehicle in the used part.
pub fn extent(fcd: &Fcd) -> Result<Extent> {
    FcdTrace::open(fcd)?.into_extent()
}

impl FcdTrace {
    /// Opens the trace at its first second used.
    ///
    /// # Errors
    /// A trace that is missing, malformed, or does not hold `begin_s`.
    pub fn open(fcd: &Fcd) -> Result<Self> {
        match &fcd.source {
            FcdSource::File(path) => {
                let trace = Trace::open(path)?;
                Self::start(fcd, path.display().to_string(), trace)
            }
            FcdSource::Builtin(name) => {
                let bytes = builtin(name).ok_or_else(|| {
                    let known = BUILTIN.map(|(known, _)| known).join(", ");
                    let message = format!("must be a built-in trace ({known}), got {name:?}");
                    Error::invalid(*name, None, "fleet.mobility", message)
                })?;
                let trace = Trace::Memory(Bytes::from_static(bytes));
                Self::start(fcd, format!("builtin:{name}"), trace)
            }
        }
    }

    /// Opens a trace in memory, called `name` in messages; `fcd.source` is not looked at.
    ///
    /// # Errors
    /// As for [`FcdTrace::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>, fcd: &Fcd) -> Result<Self> {
        Self::start(fcd, name.to_owned(), Trace::Memory(Bytes::from(bytes)))
    }

    fn start(fcd: &Fcd, name: String, trace: Trace) -> Result<Self> {
        let input = Input {
            name: name.clone(),
            path: match &fcd.source {
                FcdSource::File(path) => Some(path.clone()),
                FcdSource::Builtin(_) => None,
            },
            vehicle_types: fcd.vehicle_types.clone(),
            last_s: f64::NEG_INFINITY,
        };
        let mut this = Self {
            name,
            reader: format::reader(input, trace)?,
            every: (fcd.every as u64).max(1),
            origin_s: 0.0,
            now: Known::default(),
            next: Known::default(),
            has_next: true,
            appeared: 0,
        };
        this.read_next()?;
        if !this.has_next {
            return Err(this.invalid("", "must have a time step, got none"));
        }
        this.shift()?;
        this.origin_s = fcd.begin_s.unwrap_or(this.now.step.time_s);
        this.skip_to_origin()?;
        this.now.appear(&mut this.appeared);
        this.now.keep(this.every);
        this.join();
        Ok(this)
    }

    fn skip_to_origin(&mut self) -> Result<()> {
        let path = "fleet.mobility.begin_s";
        if self.origin_s < self.now.step.time_s - SAME_INSTANT_S {
            let first_s = self.now.step.time_s;
            let message = format!("the trace begins at {first_s} s, got {}", self.origin_s);
            return Err(self.invalid(path, message));
        }
        while self.has_next && self.next.step.time_s <= self.origin_s + SAME_INSTANT_S {
            self.shift()?;
        }
        let last_s = self.now.step.time_s;
        if !self.has_next && last_s < self.origin_s - SAME_INSTANT_S {
            let message = format!("the trace ends at {last_s} s, got {}", self.origin_s);
            return Err(self.invalid(path, message));
        }
        Ok(())
    }

    fn invalid(&self, path: &str, message: impl Into<String>) -> Error {
        Error::invalid(&self.name, None, path, message)
    }

    fn read_next(&mut self) -> Result<()> {
        // after an error the trace is at its end
        let more = mem::take(&mut self.has_next);
        self.has_next = more && self.reader.next_step(&mut self.next.step)?;
        Ok(())
    }

    /// Moves on by one time step.
    fn shift(&mut self) -> Result<()> {
        mem::swap(&mut self.now, &mut self.next);
        self.read_next()
    }

    /// Recognises in the next time step the vehicles of this one.
    fn join(&mut self) {
        if self.has_next {
            self.now.meet(&mut self.next);
            self.next.appear(&mut self.appeared);
            self.next.keep(self.every);
        }
    }

    fn into_extent(mut self) -> Result<Extent> {
        let mut extent = Extent {
            x_min_m: f64::INFINITY,
            y_min_m: f64::INFINITY,
            x_max_m: f64::NEG_INFINITY,
            y_max_m: f64::NEG_INFINITY,
            first_s: self.now.step.time_s,
            last_s: self.now.step.time_s,
            steps: 0,
            max_vehicles: 0,
            mean_vehicles: 0.0,
        };
        let mut vehicles: usize = 0;
        loop {
            let Known { step, kept, .. } = &self.now;
            for &i in kept {
                extent.x_min_m = extent.x_min_m.min(step.x_m[i]);
                extent.y_min_m = extent.y_min_m.min(step.y_m[i]);
                extent.x_max_m = extent.x_max_m.max(step.x_m[i]);
                extent.y_max_m = extent.y_max_m.max(step.y_m[i]);
            }
            extent.last_s = step.time_s;
            extent.steps += 1;
            extent.max_vehicles = extent.max_vehicles.max(kept.len());
            vehicles += kept.len();
            if !self.has_next {
                break;
            }
            self.shift()?;
            self.join();
        }
        if vehicles == 0 {
            let message = "must have a vehicle in the part that is used, got none";
            return Err(self.invalid("", message));
        }
        extent.mean_vehicles = vehicles as f64 / extent.steps as f64;
        Ok(extent)
    }
}

impl MobilitySource for FcdTrace {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        let asked_s = self.origin_s + time_s;
        while self.has_next && self.next.step.time_s <= asked_s + SAME_INSTANT_S {
            self.shift()?;
            self.join();
        }
        let Known { step, after, .. } = &self.now;
        let share = if self.has_next {
            let gap_s = self.next.step.time_s - step.time_s;
            ((asked_s - step.time_s) / gap_s).clamp(0.0, 1.0)
        } else if asked_s <= step.time_s + SAME_INSTANT_S {
            0.0
        } else {
            let last_s = step.time_s;
            let message = format!("the trace ends at {last_s} s, {asked_s} s was asked for");
            return Err(self.invalid("fleet.mobility", message));
        };
        out.clear();
        for &i in &self.now.kept {
            let (mut x_m, mut y_m) = (step.x_m[i], step.y_m[i]);
            if let Some(j) = after[i].filter(|_| self.has_next) {
                x_m += share * (self.next.step.x_m[j] - x_m);
                y_m += share * (self.next.step.y_m[j] - y_m);
            }
            let key = VehicleKey(self.now.appearance[i] / self.every);
            out.push(key, x_m, y_m);
        }
        Ok(())
    }
}

/// Appearance of a vehicle that is new in a time step, until it gets its number.
const NEW: u64 = u64::MAX;

impl Known {
    /// Links the vehicles of this time step to themselves in `next`: both are in order, one pass.
    fn meet(&mut self, next: &mut Self) {
        self.after.clear();
        self.after.resize(self.step.len(), None);
        next.appearance.clear();
        next.appearance.resize(next.step.len(), NEW);
        let (mut here, mut there) = (self.step.by_id.iter(), next.step.by_id.iter());
        let (mut a, mut b) = (here.next(), there.next());
        while let (Some(&i), Some(&j)) = (a, b) {
            match self.step.id(i).cmp(next.step.id(j)) {
                Ordering::Less => a = here.next(),
                Ordering::Greater => b = there.next(),
                Ordering::Equal => {
                    self.after[i] = Some(j);
                    next.appearance[j] = self.appearance[i];
                    (a, b) = (here.next(), there.next());
                }
            }
        }
    }

    /// Numbers the new vehicles in the order of the file.
    fn appear(&mut self, appeared: &mut u64) {
        self.appearance.resize(self.step.len(), NEW);
        for appearance in self.appearance.iter_mut().filter(|a| **a == NEW) {
            *appearance = *appeared;
            *appeared += 1;
        }
    }

    fn keep(&mut self, every: u64) {
        self.kept.clear();
        let all = 0..self.step.len();
        self.kept
            .extend(all.filter(|&i| self.appearance[i].is_multiple_of(every)));
        self.kept.sort_unstable_by_key(|&i| self.appearance[i]);
        // where no time step follows, nobody is linked to it
        self.after.clear();
        self.after.resize(self.step.len(), None);
    }

    #[cfg(test)]
    fn capacity_bytes(&self) -> usize {
        let words = self.appearance.capacity() + 2 * self.after.capacity() + self.kept.capacity();
        self.step.capacity_bytes() + 8 * words
    }
}
