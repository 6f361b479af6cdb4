//! What must be known of a trace before it is read: its unit, its lanes, its order.
//!
//! A survey reads no further than it has to: a trace in metres is told by its first vehicles.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::bytes::Source;
use super::format;
use super::projection::{Projection, Wanted};
use super::step::{Input, Place, Rules, Step};
use super::tracks::STEP_S;
use crate::error::{Error, Result};
use crate::scenario::Fcd;

/// Steps and rows after which the order of a table is known.
const ENOUGH_STEPS: usize = 1000;
const ENOUGH_ROWS: usize = 65_536;
/// Movements after which it is known whether vehicles are too fast for degrees: some jump, by teleports or over crossings
/// without inner lanes.
const ENOUGH_MOVES: usize = 10;
/// Degrees per second of a vehicle at 150 m/s.
const FASTEST_DEGREES_PER_S: f64 = 150.0 / 111_000.0;
/// Longest time between fixes that are joined [s], where none is given.
const MAX_GAP_S: f64 = 60.0;

/// What the survey of a trace tells its reader.
pub(super) struct Surveyed {
    pub(super) rules: Rules,
    pub(super) projection: Option<Projection>,
    /// What was asked for, or what an import has recorded.
    pub(super) wanted: Wanted,
    /// Least and most longitude, then latitude, where they are known.
    pub(super) degrees: Option<[[f64; 2]; 2]>,
}

/// What has been seen so far.
struct Seen {
    x: [f64; 2],
    y: [f64; 2],
    /// Movements of a vehicle from a step to the next, and those of them too fast for degrees.
    moves: usize,
    fast: usize,
    steps: usize,
    rows: usize,
    /// Vehicles that are there in the next step, too.
    stays: usize,
    /// Vehicles that are back after steps without them.
    returns: usize,
    known: BTreeSet<Vec<u8>>,
}

/// Reads as much of a trace as it takes to know how to read it.
pub(super) fn survey(fcd: &Fcd, name: &str, input: &Input, source: &Source) -> Result<Surveyed> {
    let wanted = match &fcd.projection {
        None => Wanted::Unsaid,
        Some(text) => Wanted::parse(text)
            .map_err(|message| Error::invalid(name, None, "fleet.mobility.projection", message))?,
    };
    let mut rules = input.rules.clone();
    rules.resample_s = fcd.resample_s;
    rules.max_gap_s = fcd.max_gap_s.unwrap_or(MAX_GAP_S);
    let look = Input::new(input.name.clone(), input.path.clone(), rules.clone());
    let mut reader = format::reader(look, source)?;
    let wanted = match (wanted, reader.input().found.recorded.clone()) {
        (Wanted::Unsaid, Some(recorded)) => recorded,
        (wanted, _) => wanted,
    };
    let mut seen = Seen::new();
    let settled_unit = !matches!(wanted, Wanted::Unsaid | Wanted::Centre);
    let (mut step, mut before) = (Step::default(), Step::default());
    loop {
        match reader.next_step(&mut step) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if reader.input().found.unordered => {
                return survey(&resampled(fcd), name, input, source);
            }
            Err(error) => return Err(error),
        }
        let found = &reader.input().found;
        let order = found.plain && rules.resample_s.is_none() && !seen.is_ordered();
        seen.take(&before, &step, order);
        let lanes = found.has_lanes && !found.lanes;
        let unit = !settled_unit
            && (wanted == Wanted::Centre
                || found.degrees == Some(true)
                || seen.may_be_degrees(ENOUGH_MOVES));
        if !(lanes || unit || order && !seen.is_ordered()) {
            break;
        }
        std::mem::swap(&mut step, &mut before);
    }
    let found = &reader.input().found;
    if found.plain && rules.resample_s.is_none() && seen.returns > seen.stays {
        return survey(&resampled(fcd), name, input, source);
    }
    rules.lanes = found.has_lanes && found.lanes;
    let projection = seen.projection(&wanted, reader.input())?;
    let degrees = (projection.is_some() && seen.rows > 0).then_some([seen.x, seen.y]);
    Ok(Surveyed {
        rules,
        projection,
        wanted,
        degrees,
    })
}

/// Fixes that were not recorded in steps are laid onto some.
fn resampled(fcd: &Fcd) -> Fcd {
    Fcd {
        resample_s: Some(STEP_S),
        ..fcd.clone()
    }
}

impl Seen {
    fn new() -> Self {
        let none = [f64::INFINITY, f64::NEG_INFINITY];
        Self {
            x: none,
            y: none,
            moves: 0,
            fast: 0,
            steps: 0,
            rows: 0,
            stays: 0,
            returns: 0,
            known: BTreeSet::new(),
        }
    }

    /// Takes up a time step; `order`: whether vehicles that come back are counted.
    fn take(&mut self, before: &Step, step: &Step, order: bool) {
        for (&x, &y) in step.x_m.iter().zip(&step.y_m) {
            self.x = [self.x[0].min(x), self.x[1].max(x)];
            self.y = [self.y[0].min(y), self.y[1].max(y)];
        }
        self.steps += 1;
        self.rows += step.len();
        let gap_s = step.time_s - before.time_s;
        let mut earlier = before.by_id.iter().copied().peekable();
        for &i in &step.by_id {
            let id = step.id(i);
            while let Some(&j) = earlier.peek()
                && before.id(j).cmp(id) == Ordering::Less
            {
                earlier.next();
            }
            let same = earlier.peek().copied().filter(|&j| before.id(j) == id);
            if let Some(j) = same {
                let moved = (step.x_m[i] - before.x_m[j]).hypot(step.y_m[i] - before.y_m[j]);
                self.moves += usize::from(moved > 0.0);
                self.fast += usize::from(moved / gap_s > FASTEST_DEGREES_PER_S);
                self.stays += 1;
            } else if order && !self.known.insert(id.to_vec()) {
                self.returns += 1;
            }
        }
    }

    fn is_ordered(&self) -> bool {
        self.steps >= ENOUGH_STEPS || self.rows >= ENOUGH_ROWS
    }

    fn extent(&self) -> f64 {
        (self.x[1] - self.x[0]).max(self.y[1] - self.y[0])
    }

    /// Whether the values could be degrees of a region, judging by speed after `enough` movements.
    fn may_be_degrees(&self, enough: usize) -> bool {
        let inside =
            self.x[0] >= -180.0 && self.x[1] <= 180.0 && self.y[0] >= -90.0 && self.y[1] <= 90.0;
        let too_fast = self.moves >= enough && 2 * self.fast > self.moves;
        self.rows == 0 || inside && self.extent() < 1.0 && !too_fast
    }

    fn projection(&self, wanted: &Wanted, input: &Input) -> Result<Option<Projection>> {
        let told = match (wanted, input.found.degrees) {
            (Wanted::Metres, _) => false,
            (Wanted::Unsaid, Some(degrees)) => degrees && self.rows > 0,
            (Wanted::Unsaid, None) => {
                self.rows > 0 && self.extent() > 0.0 && self.may_be_degrees(1)
            }
            _ => true,
        };
        if !told {
            return Ok(None);
        }
        let path = "fleet.mobility.projection";
        if *wanted == Wanted::Unsaid && input.found.degrees.is_none() && self.moves == 0 {
            let message = format!(
                "must be given: all positions lie within {} of each other and none moves, so they may be metres or \
                 degrees; \"none\" takes metres, \"utm\" degrees",
                self.extent()
            );
            return Err(input.bad(Place::File, path, message));
        }
        let center = if self.rows == 0 {
            [0.0, 0.0]
        } else {
            [self.x, self.y].map(|[min, max]| f64::midpoint(min, max))
        };
        Projection::new(wanted, center)
            .map(Some)
            .map_err(|message| input.bad(Place::File, path, message))
    }
}
