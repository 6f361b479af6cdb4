//! What a trace holds: its extent for the map, and a summary for people.

use std::fmt;

use super::projection::Projection;
use super::step::Input;
use super::{FcdTrace, Known, SAME_INSTANT_S, located, sumo, too_short};
use crate::error::{Error, Result};
use crate::scenario::{Fcd, FcdSource, Time};

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

impl Extent {
    /// Whether the trace holds all slots of a run: known before the run begins.
    ///
    /// # Errors
    /// A trace that ends before the last slot begins.
    pub fn check_slots(&self, fcd: &Fcd, time: Time) -> Result<()> {
        let from_s = fcd.begin_s.unwrap_or(self.first_s);
        let until_s = from_s + (time.slots - 1) as f64 * time.slot_s;
        if until_s <= self.last_s + SAME_INSTANT_S {
            return Ok(());
        }
        let (name, _) = located(fcd)?;
        let message = too_short(from_s, self.last_s, time);
        Err(Error::invalid(name, None, "fleet.mobility", message))
    }
}

/// Reads the used part of a trace from end to end and says what it covers.
///
/// # Errors
/// A trace that is malformed, cannot be read, or has no vehicle in the used part.
pub fn extent(fcd: &Fcd) -> Result<Extent> {
    FcdTrace::open(fcd)?.into_extent()
}

/// The same, with how the degrees of the trace become metres, where it is in degrees.
///
/// # Errors
/// As for [`extent`].
pub fn ground(fcd: &Fcd) -> Result<(Extent, Option<Projection>)> {
    let mut trace = FcdTrace::open(fcd)?;
    let extent = trace.measure(|_| {})?;
    Ok((extent, trace.projection))
}

/// Which parts of a trace are used, and which are not.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// As its reader names it.
    pub format: String,
    /// The projection of a trace in degrees.
    pub projection: Option<String>,
    /// What it covers.
    pub extent: Extent,
    /// Least and most longitude, then latitude, of a trace in degrees.
    pub degrees: Option<[[f64; 2]; 2]>,
    /// Shortest time between two steps \[s\].
    pub step_s: f64,
    /// Vehicles, each counted again when it comes back.
    pub vehicles: u64,
    /// Types with the number of their vehicles, where the trace names types.
    pub types: Vec<(String, usize)>,
    /// Persons and containers that were left out.
    pub left_out: usize,
    /// Gaps that were too long to be joined: how many, the longest \[s\] and its vehicle.
    pub gaps: Option<(u64, f64, String)>,
    /// Vehicles far from all others.
    pub outliers: Vec<Outlier>,
}

/// A vehicle far from where nearly all others are.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlier {
    /// Its name in the trace.
    pub vehicle: String,
    /// When it was farthest out \[s\].
    pub time_s: f64,
    /// Where \[m\].
    pub x_m: f64,
    /// Where \[m\].
    pub y_m: f64,
}

/// Reads a trace from end to end and says what was taken of it.
///
/// # Errors
/// As for [`extent`].
pub fn report(fcd: &Fcd) -> Result<Report> {
    let (name, source) = located(fcd)?;
    let mut trace = FcdTrace::start(fcd, name, source, true)?;
    let mut step_s = f64::INFINITY;
    let mut last_s = None;
    let mut borders = Borders::default();
    let extent = trace.measure(|known| {
        if let Some(last_s) = last_s.replace(known.step.time_s) {
            step_s = step_s.min(known.step.time_s - last_s);
        }
        borders.take(known);
    })?;
    let vehicles = trace.appeared.div_ceil(trace.every);
    let projection = trace.projection.as_ref().map(|p| p.name.clone());
    let degrees = trace.projection.as_ref().and_then(|p| {
        p.around(
            [extent.x_min_m, extent.x_max_m],
            [extent.y_min_m, extent.y_max_m],
        )
    });
    let found = &trace.reader.input().found;
    let format = match (&fcd.source, sumo::program()) {
        (FcdSource::Sumo(_), Some(program)) => {
            format!("{} from {}", found.format, program.display())
        }
        _ => found.format.clone(),
    };
    Ok(Report {
        format,
        projection,
        extent,
        degrees,
        step_s,
        vehicles,
        types: found
            .types
            .iter()
            .map(|(name, ids)| (name.clone(), ids.len()))
            .collect(),
        left_out: found.left_out.len(),
        gaps: found.gaps.told(),
        outliers: borders.outliers(),
    })
}

impl FcdTrace {
    pub(super) fn into_extent(mut self) -> Result<Extent> {
        self.measure(|_| {})
    }

    /// Reads to the end, shows each time step to `see` and says what they cover.
    fn measure(&mut self, mut see: impl FnMut(&Known)) -> Result<Extent> {
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
            see(&self.now);
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
            let message = nobody(self.reader.input());
            return Err(self.invalid("", message));
        }
        extent.mean_vehicles = vehicles as f64 / extent.steps as f64;
        Ok(extent)
    }
}

/// Why a trace has no vehicle, with the types that it has instead of those wanted.
fn nobody(input: &Input) -> String {
    let none = "must have a vehicle in the part that is used, got none";
    if input.found.other_types.is_empty() {
        return none.to_owned();
    }
    let list = |types: &mut dyn Iterator<Item = &String>| {
        let types: Vec<_> = types.map(|kind| format!("{kind:?}")).collect();
        types.join(", ")
    };
    format!(
        "{none} of vehicle_types {}; the types there are {}",
        list(&mut input.rules.vehicle_types.iter()),
        list(&mut input.found.other_types.iter())
    )
}

/// The outermost vehicles and a sample of all places, by which they are judged.
#[derive(Default)]
struct Borders {
    /// West, east, south, north: how far out, and who.
    outermost: [Option<(f64, Outlier)>; 4],
    sample: [Vec<f64>; 2],
    seen: u64,
    /// Every so many places are in the sample.
    stride: u64,
}

impl Borders {
    /// Places in the sample, at most twice.
    const ENOUGH: usize = 50_000;
    /// Share of the places at either side that may lie far out.
    const TAIL: f64 = 0.01;
    /// Extents of the middle places beyond which a vehicle is far out.
    const FAR: f64 = 10.0;

    fn take(&mut self, known: &Known) {
        let step = &known.step;
        for &i in &known.kept {
            let (x_m, y_m) = (step.x_m[i], step.y_m[i]);
            for (border, outward) in self.outermost.iter_mut().zip([-x_m, x_m, -y_m, y_m]) {
                if border.as_ref().is_none_or(|(far, _)| outward > *far) {
                    let vehicle = String::from_utf8_lossy(step.id(i)).into_owned();
                    let outlier = Outlier {
                        vehicle,
                        time_s: step.time_s,
                        x_m,
                        y_m,
                    };
                    *border = Some((outward, outlier));
                }
            }
            self.stride = self.stride.max(1);
            if self.seen.is_multiple_of(self.stride) {
                self.sample[0].push(x_m);
                self.sample[1].push(y_m);
            }
            self.seen += 1;
            if self.sample[0].len() > 2 * Self::ENOUGH {
                for sample in &mut self.sample {
                    let mut odd = false;
                    sample.retain(|_| {
                        odd = !odd;
                        odd
                    });
                }
                self.stride *= 2;
            }
        }
    }

    /// The outermost vehicles that lie far from the middle ones.
    fn outliers(mut self) -> Vec<Outlier> {
        let mut far = Vec::new();
        for (axis, sample) in self.sample.iter_mut().enumerate() {
            sample.sort_by(f64::total_cmp);
            // too few to tell what is far
            if sample.len() < 10 {
                continue;
            }
            let tail = ((sample.len() as f64 * Self::TAIL) as usize).max(1);
            let (low, high) = (sample[tail], sample[sample.len() - 1 - tail]);
            let slack = Self::FAR * (high - low) + 1000.0;
            let [least, most] = [-(low - slack), high + slack];
            for (border, limit) in [(2 * axis, least), (2 * axis + 1, most)] {
                if let Some((outward, outlier)) = &self.outermost[border]
                    && *outward > limit
                    && !far.contains(outlier)
                {
                    far.push(outlier.clone());
                }
            }
        }
        far
    }
}

impl fmt::Display for Report {
    /// A few indented lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = &self.extent;
        write!(f, "  trace: {}", self.format)?;
        if let Some(projection) = &self.projection {
            write!(f, ", degrees projected to {projection}")?;
        }
        write!(
            f,
            "\n  time: {} s to {} s, {} steps",
            extent.first_s, extent.last_s, extent.steps
        )?;
        if self.step_s.is_finite() {
            write!(f, " of {} s", rounded(self.step_s))?;
        }
        writeln!(
            f,
            "\n  extent: x {:.1} to {:.1} m, y {:.1} to {:.1} m",
            extent.x_min_m, extent.x_max_m, extent.y_min_m, extent.y_max_m
        )?;
        if let Some([lon, lat]) = self.degrees {
            writeln!(
                f,
                "  degrees: longitude {:.6} to {:.6}, latitude {:.6} to {:.6}",
                lon[0], lon[1], lat[0], lat[1]
            )?;
        }
        write!(
            f,
            "  vehicles: {}, {:.1} at once, at most {}",
            self.vehicles, extent.mean_vehicles, extent.max_vehicles
        )?;
        let mut types = self.types.iter();
        for (i, (name, count)) in types.by_ref().take(Self::MOST_TYPES).enumerate() {
            let before = if i == 0 { "; types " } else { ", " };
            write!(f, "{before}{name:?} {count}")?;
        }
        let more = types.count();
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        if self.left_out > 0 {
            write!(f, "\n  left out: {} persons and containers", self.left_out)?;
        }
        if let Some((count, longest_s, vehicle)) = &self.gaps {
            write!(
                f,
                "\n  gaps: {count} too long to be joined, the longest {} s, of {vehicle:?}",
                rounded(*longest_s)
            )?;
        }
        for o in &self.outliers {
            write!(
                f,
                "\n  outlier: {:?} at x {:.1} m, y {:.1} m at {} s, far from nearly all other places",
                o.vehicle, o.x_m, o.y_m, o.time_s
            )?;
        }
        writeln!(f)
    }
}

impl Report {
    const MOST_TYPES: usize = 20;
}

/// Without the last digits that subtraction leaves.
fn rounded(value_s: f64) -> f64 {
    (value_s * 1e6).round() / 1e6
}
