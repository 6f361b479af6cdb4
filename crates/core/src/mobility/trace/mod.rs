//! SUMO floating-car data (FCD): traces of any length, read one time step at a time.
//!
//! XML, CSV and Parquet give the same vehicles at the same places; the text formats may be
//! gzipped. Two time steps are in memory, whatever the length of the trace.
//!
//! ## Reference
//! <https://sumo.dlr.de/docs/Simulation/Output/FCDOutput.html>

mod bytes;
mod columns;
mod fixes;
mod format;
mod import;
pub mod projection;
mod report;
mod spool;
mod step;
mod sumo;
mod survey;
mod time;
mod tracks;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::io::{self, Cursor};
use std::mem;
use std::path::{Path, PathBuf};

use ::bytes::Bytes;

use crate::error::{Error, Result};
use crate::mobility::VehicleKey;
use crate::mobility::{MobilitySource, Positions};
use crate::scenario::{Fcd, FcdSource, Time};

pub use import::{Taken, import};
pub use report::{Extent, Outlier, Report, extent, ground, report};

pub(crate) use self::bytes::Text;
use self::bytes::{Source, Trace};
use projection::{Projection, unprojectable};
use step::{Input, Rules, Step, StepReader};

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
    /// Of a trace in degrees.
    projection: Option<Projection>,
    every: u64,
    /// Time of the trace at which the run starts.
    origin_s: f64,
    now: Known,
    /// Meaningful where `has_next`.
    next: Known,
    has_next: bool,
    /// Vehicles that appeared so far.
    appeared: u64,
    /// Whether vehicles come with their names.
    named: bool,
    /// The slots of the run, for the message of a trace that is too short.
    slots: Option<Time>,
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

/// The name in messages, and where the bytes are.
fn located(fcd: &Fcd) -> Result<(String, Source)> {
    match &fcd.source {
        FcdSource::File(path) => Ok((path.display().to_string(), Source::at(path)?)),
        FcdSource::Stdin => Ok((spool::NAME.to_owned(), Source::Stdin)),
        FcdSource::Sumo(simulation) => {
            Ok((sumo::name(simulation), Source::Sumo(simulation.clone())))
        }
        FcdSource::Builtin(name) => {
            let bytes = builtin(name).ok_or_else(|| {
                let known = BUILTIN.map(|(known, _)| known).join(", ");
                let message = format!("must be a built-in trace ({known}), got {name:?}");
                Error::invalid(*name, None, "fleet.mobility", message)
            })?;
            let source = Source::Memory(Bytes::from_static(bytes));
            Ok((format!("builtin:{name}"), source))
        }
    }
}

/// What is wrong with a trace from `from_s` to `last_s` that does not hold all slots.
fn too_short(from_s: f64, last_s: f64, Time { slots, slot_s, .. }: Time) -> String {
    let until_s = from_s + (slots.saturating_sub(1)) as f64 * slot_s;
    let most = ((last_s - from_s + SAME_INSTANT_S) / slot_s).floor() + 1.0;
    format!(
        "the trace ends at {last_s} s, {slots} slots of {slot_s} s from {from_s} s need it until {until_s} s; \
         time.slots can be {most} at most"
    )
}

/// The text of a file, unpacked where it is compressed; of a table as Parquet its CSV.
pub(crate) fn text(path: &Path) -> Result<Text> {
    if path.is_dir() {
        return Err(Error::io(
            path,
            io::Error::other("is a folder, and must be a file"),
        ));
    }
    unpack(&path.display().to_string(), Trace::open(path)?)
}

/// The same of what is in memory.
pub(crate) fn text_of(name: &str, bytes: Vec<u8>) -> Result<Text> {
    unpack(name, Trace::Memory(Bytes::from(bytes)))
}

fn unpack(name: &str, mut trace: Trace) -> Result<Text> {
    let damaged =
        |error: io::Error| Error::invalid(name, None, "", format!("cut off or damaged: {error}"));
    let magic = trace.magic().map_err(damaged)?;
    if magic.starts_with(b"PAR1") {
        let csv = format::parquet::as_csv(name, trace)?;
        return Ok(Text::new(Box::new(Cursor::new(csv))));
    }
    let (bytes, _) = format::unpacked(&magic, trace).map_err(damaged)?;
    Ok(Text::new(bytes))
}

/// How the degrees of a trace become metres; `None` where it is in metres.
///
/// # Errors
/// As for [`FcdTrace::open`].
pub fn projection(fcd: &Fcd) -> Result<Option<Projection>> {
    Ok(FcdTrace::open(fcd)?.projection)
}

fn path_of(fcd: &Fcd) -> Option<PathBuf> {
    match &fcd.source {
        FcdSource::File(path) => Some(path.clone()),
        FcdSource::Builtin(_) | FcdSource::Stdin | FcdSource::Sumo(_) => None,
    }
}

/// What a scenario says to take of a trace.
fn rules_of(fcd: &Fcd) -> Rules {
    Rules {
        vehicle_types: fcd.vehicle_types.clone(),
        columns: fcd.columns.as_deref().cloned().unwrap_or_default(),
        ..Rules::default()
    }
}

impl FcdTrace {
    /// Opens the trace at its first second used.
    ///
    /// # Errors
    /// A trace that is missing, malformed, or does not hold `begin_s`.
    pub fn open(fcd: &Fcd) -> Result<Self> {
        let (name, source) = located(fcd)?;
        Self::start(fcd, name, source, false)
    }

    /// Opens a trace in memory, called `name` in messages; `fcd.source` is not looked at.
    ///
    /// # Errors
    /// As for [`FcdTrace::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>, fcd: &Fcd) -> Result<Self> {
        let source = Source::Memory(Bytes::from(bytes));
        Self::start(fcd, name.to_owned(), source, false)
    }

    /// `count`: whether types and what is left out are counted.
    fn start(fcd: &Fcd, name: String, source: Source, count: bool) -> Result<Self> {
        let input = Input::new(name.clone(), path_of(fcd), rules_of(fcd));
        let surveyed = survey::survey(fcd, &name, &input, &source)?;
        let rules = Rules {
            count,
            ..surveyed.rules
        };
        let mut this = Self {
            name,
            reader: format::reader(Input { rules, ..input }, &source)?,
            projection: surveyed.projection,
            every: (fcd.every as u64).max(1),
            origin_s: 0.0,
            now: Known::default(),
            next: Known::default(),
            has_next: true,
            appeared: 0,
            named: false,
            slots: None,
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

    /// Opens the trace for a run of these slots.
    ///
    /// # Errors
    /// As for [`FcdTrace::open`].
    pub fn for_slots(fcd: &Fcd, slots: Time) -> Result<Self> {
        let mut this = Self::open(fcd)?;
        this.slots = Some(slots);
        Ok(this)
    }

    /// The same with or without the names of the vehicles.
    #[must_use]
    pub fn named(self, named: bool) -> Self {
        Self { named, ..self }
    }

    /// What to say at the end of a trace that is too short.
    fn too_short(&self, asked_s: f64) -> String {
        let (last_s, from_s) = (self.now.step.time_s, self.origin_s);
        let Some(slots) = self.slots else {
            return format!("the trace ends at {last_s} s, {asked_s} s was asked for");
        };
        too_short(from_s, last_s, slots)
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
        if self.has_next && self.projection.is_some() {
            self.project()?;
        }
        Ok(())
    }

    /// Turns the degrees of the next time step into metres.
    fn project(&mut self) -> Result<()> {
        let step = &mut self.next.step;
        let Some(projection) = &self.projection else {
            return Ok(());
        };
        for i in 0..step.len() {
            let (lon, lat) = (step.x_m[i], step.y_m[i]);
            let Some([x_m, y_m]) = projection.project(lon, lat) else {
                let message = unprojectable(projection, lon, lat);
                return Err(self.reader.input().bad(step.place(i), "vehicle_x", message));
            };
            (step.x_m[i], step.y_m[i]) = (x_m, y_m);
        }
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
            let message = self.too_short(asked_s);
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
            if self.named {
                out.names.push(&[step.id(i)]);
            }
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
        // without a next time step there is nothing to link to
        self.after.clear();
        self.after.resize(self.step.len(), None);
    }

    #[cfg(test)]
    fn capacity_bytes(&self) -> usize {
        let words = self.appearance.capacity() + 2 * self.after.capacity() + self.kept.capacity();
        self.step.capacity_bytes() + 8 * words
    }
}
