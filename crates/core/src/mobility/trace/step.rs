//! One time step of a trace, and what every reader of a format shares.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::path::PathBuf;

use super::fixes::Gathered;
use super::projection::Wanted;
use super::sumo::Failed;
use super::time;
use crate::error::{Error, Result};
use crate::scenario::TraceColumns;

/// A reader of one format.
pub(super) trait StepReader: Send {
    /// Replaces `step` by the next one; `false` at the end of a complete trace.
    fn next_step(&mut self, step: &mut Step) -> Result<bool>;
    /// The trace being read.
    fn input(&mut self) -> &mut Input;
    /// Hands out the fixes of a trace that is laid onto steps; nothing is left to be read then.
    fn take_fixes(&mut self) -> Option<Gathered> {
        None
    }
}

/// More vehicles at once than any city has, so that a time step without end cannot fill the memory.
const MOST_VEHICLES: usize = 1_000_000;
const MOST_ID_BYTES: usize = 64 << 20;

/// What is wrong with a time step that holds more.
pub(super) const TOO_MANY: &str =
    "a time step must hold at most 1,000,000 vehicles and 64 MiB of ids, got more";

/// The vehicles of one time step, in the order of the file. Buffers are reused from step to step.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) time_s: f64,
    pub(super) x_m: Vec<f64>,
    pub(super) y_m: Vec<f64>,
    place: Vec<Place>,
    /// All identifiers, one after the other.
    ids: Vec<u8>,
    id_end: Vec<usize>,
    /// Types, like the identifiers, where they are kept.
    kinds: Vec<u8>,
    kind_end: Vec<usize>,
    /// Vehicles in the order of their identifiers.
    pub(super) by_id: Vec<usize>,
}

impl Step {
    /// Starts over at `time_s`.
    pub(super) fn begin(&mut self, time_s: f64) {
        self.time_s = time_s;
        self.x_m.clear();
        self.y_m.clear();
        self.place.clear();
        self.ids.clear();
        self.id_end.clear();
        self.kinds.clear();
        self.kind_end.clear();
        self.by_id.clear();
    }

    /// Adds a vehicle; `false` where the step holds too many already.
    #[must_use]
    pub(super) fn push(&mut self, id: &[u8], x_m: f64, y_m: f64, place: Place) -> bool {
        let crowded = self.len() == MOST_VEHICLES;
        if crowded || self.ids.len() > MOST_ID_BYTES || self.kinds.len() > MOST_ID_BYTES {
            return false;
        }
        self.ids.extend_from_slice(id);
        self.id_end.push(self.ids.len());
        self.x_m.push(x_m);
        self.y_m.push(y_m);
        self.place.push(place);
        true
    }

    /// Says the type of the vehicle that was added last.
    pub(super) fn set_kind(&mut self, kind: &[u8]) {
        self.kinds.extend_from_slice(kind);
        self.kind_end.push(self.kinds.len());
    }

    pub(super) fn len(&self) -> usize {
        self.id_end.len()
    }

    /// Where types are kept: that of a vehicle, empty where it has none.
    pub(super) fn kind(&self, i: usize) -> &[u8] {
        nth(&self.kinds, &self.kind_end, i)
    }

    /// What a row of a step whose types are kept says of a vehicle.
    pub(super) fn row(&self, i: usize) -> Traits<'_> {
        Traits {
            id: self.id(i),
            kind: Some(self.kind(i)),
            ..Traits::default()
        }
    }

    /// The row of a vehicle of a finished step.
    pub(super) fn find(&self, id: &[u8]) -> Option<usize> {
        let found = self.by_id.binary_search_by(|&i| self.id(i).cmp(id));
        found.ok().map(|nth| self.by_id[nth])
    }

    pub(super) fn place(&self, i: usize) -> Place {
        self.place[i]
    }

    pub(super) fn id(&self, i: usize) -> &[u8] {
        nth(&self.ids, &self.id_end, i)
    }

    /// Orders the complete step by identifier and rejects a vehicle that is there twice.
    pub(super) fn finish(&mut self, input: &Input) -> Result<()> {
        let mut by_id = mem::take(&mut self.by_id);
        by_id.extend(0..self.len());
        // SUMO writes them in order: nothing to sort
        if !by_id.is_sorted_by(|&a, &b| self.id(a) < self.id(b)) {
            by_id.sort_unstable_by_key(|&i| (self.id(i), i));
        }
        let twice = by_id.windows(2).find(|w| self.id(w[0]) == self.id(w[1]));
        if let Some(&[_, again]) = twice {
            let message = format!(
                "must be there once per time step, got {} twice at {} s",
                shown(self.id(again)),
                self.time_s
            );
            return Err(input.bad(self.place[again], "vehicle_id", message));
        }
        self.by_id = by_id;
        Ok(())
    }

    /// Bytes held by the buffers, used or not.
    #[cfg(test)]
    pub(super) fn capacity_bytes(&self) -> usize {
        self.ids.capacity()
            + self.kinds.capacity()
            + 8 * self.kind_end.capacity()
            + 8 * (self.x_m.capacity() + self.y_m.capacity())
            + 8 * (self.id_end.capacity() + self.by_id.capacity())
            + size_of::<Place>() * self.place.capacity()
    }
}

/// The text `i` of those that end at `ends`.
fn nth<'a>(texts: &'a [u8], ends: &[usize], i: usize) -> &'a [u8] {
    let start = if i == 0 { 0 } else { ends[i - 1] };
    &texts[start..ends[i]]
}

/// Where in a trace something was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    File,
    /// From 1.
    Line(u64),
    /// From 0.
    Row(u64),
}

/// What is taken of a trace: what the scenario asks for, and what a survey has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Empty: all.
    pub(super) vehicle_types: Vec<String>,
    pub(super) columns: TraceColumns,
    /// The file's vehicles have lanes: a row with an edge and no lane is a person or container.
    pub(super) lanes: bool,
    /// Fixes are gathered and laid onto this step \[s\].
    pub(super) resample_s: Option<f64>,
    /// Longest time between two fixes that are joined \[s\].
    pub(super) max_gap_s: f64,
    /// Types and left out are counted.
    pub(super) count: bool,
    /// Steps hold the types of their vehicles.
    pub(super) keep_types: bool,
}

/// What reading has shown of a trace.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// As `check` names it.
    pub(super) format: String,
    /// The table has columns of lanes and of edges.
    pub(super) has_lanes: bool,
    /// A row with a lane was seen.
    pub(super) lanes: bool,
    /// What the file declares to be its unit.
    pub(super) degrees: Option<bool>,
    /// How an import said that its coordinates become metres.
    pub(super) recorded: Option<Wanted>,
    /// A table that SUMO did not write: its rows may be in any order.
    pub(super) plain: bool,
    /// Rows that go back in time.
    pub(super) unordered: bool,
    /// Some of the types that were not wanted.
    pub(super) other_types: BTreeSet<String>,
    /// Vehicles by type, where they are counted.
    pub(super) types: BTreeMap<String, BTreeSet<Vec<u8>>>,
    /// Persons and containers, where they are counted.
    pub(super) left_out: BTreeSet<Vec<u8>>,
    /// Gaps that were not joined, with the longest \[s\] and its vehicle.
    pub(super) gaps: Gaps,
}

/// Times without a fix that are too long to be joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gaps {
    pub(super) count: u64,
    pub(super) longest_s: f64,
    pub(super) vehicle: String,
}

impl Gaps {
    /// For reports: none is nothing to say.
    pub(super) fn told(&self) -> Option<(u64, f64, String)> {
        (self.count > 0).then(|| (self.count, self.longest_s, self.vehicle.clone()))
    }
}

/// What a row says besides time and place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traits<'a> {
    pub(super) id: &'a [u8],
    pub(super) kind: Option<&'a [u8]>,
    pub(super) lane: Option<&'a [u8]>,
    pub(super) edge: Option<&'a [u8]>,
}

/// Types by which SUMO marks persons and containers.
const NO_VEHICLES: [&[u8]; 2] = [b"DEFAULT_PEDTYPE", b"DEFAULT_CONTAINERTYPE"];

/// A trace being read: its name in messages, what is taken of it, and how far it got.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    /// `None` for a trace in memory.
    pub(super) path: Option<PathBuf>,
    pub(super) rules: Rules,
    pub(super) found: Findings,
    pub(super) last_s: f64,
}

impl Input {
    pub(super) fn new(name: String, path: Option<PathBuf>, rules: Rules) -> Self {
        Self {
            name,
            path,
            rules,
            found: Findings::default(),
            last_s: f64::NEG_INFINITY,
        }
    }

    /// Whether a row is a vehicle that is wanted.
    pub(super) fn takes(&mut self, row: Traits<'_>) -> bool {
        let empty = |text: Option<&[u8]>| text.is_some_and(<[u8]>::is_empty);
        let given = |text: Option<&[u8]>| text.is_some_and(|text| !text.is_empty());
        if row.id.is_empty() {
            return false;
        }
        self.found.lanes |= given(row.lane);
        let on_foot = self.rules.lanes && empty(row.lane) && given(row.edge);
        if on_foot || row.kind.is_some_and(|kind| NO_VEHICLES.contains(&kind)) {
            self.leave_out(row.id);
            return false;
        }
        let kind = row.kind.unwrap_or_default();
        let types = &self.rules.vehicle_types;
        if !types.is_empty() && !types.iter().any(|t| t.as_bytes() == kind) {
            const ENOUGH: usize = 10;
            if self.found.other_types.len() < ENOUGH {
                let kind = String::from_utf8_lossy(kind).into_owned();
                self.found.other_types.insert(kind);
            }
            return false;
        }
        // an import is read back, and its types are counted then
        if self.rules.count && !self.rules.keep_types && given(row.kind) {
            let kind = String::from_utf8_lossy(kind);
            match self.found.types.get_mut(kind.as_ref()) {
                Some(ids) if ids.contains(row.id) => {}
                Some(ids) => drop(ids.insert(row.id.to_vec())),
                None => {
                    let ids = BTreeSet::from([row.id.to_vec()]);
                    self.found.types.insert(kind.into_owned(), ids);
                }
            }
        }
        true
    }

    /// Counts a person or container.
    pub(super) fn leave_out(&mut self, id: &[u8]) {
        if self.rules.count && !self.found.left_out.contains(id) {
            self.found.left_out.insert(id.to_vec());
        }
    }

    pub(super) fn bad(&self, place: Place, path: &str, message: impl Into<String>) -> Error {
        match place {
            Place::File => Error::invalid(&self.name, None, path, message),
            Place::Line(line) => {
                Error::invalid(&self.name, usize::try_from(line).ok(), path, message)
            }
            Place::Row(row) => Error::invalid(&self.name, None, format!("{path}[{row}]"), message),
        }
    }

    /// Adds the vehicle of a row.
    pub(super) fn add(
        &self,
        step: &mut Step,
        row: Traits<'_>,
        [x_m, y_m]: [f64; 2],
        place: Place,
    ) -> Result<()> {
        if !step.push(row.id, x_m, y_m, place) {
            return Err(self.bad(place, "", TOO_MANY));
        }
        if self.rules.keep_types {
            step.set_kind(row.kind.unwrap_or_default());
        }
        Ok(())
    }

    /// Tells a failing file system from a damaged file: only the former has a system error code.
    pub(super) fn unreadable(&self, place: Place, error: &io::Error) -> Error {
        if let Some(said) = Failed::of(error) {
            return self.bad(Place::File, "", said);
        }
        match (&self.path, error.raw_os_error()) {
            (Some(path), Some(code)) => Error::io(path, io::Error::from_raw_os_error(code)),
            _ => self.bad(place, "", format!("cut off or damaged: {error}")),
        }
    }

    /// Starts a time step, which must be later than the one before.
    pub(super) fn tick(&mut self, place: Place, path: &str, time_s: f64) -> Result<()> {
        if time_s > self.last_s {
            self.last_s = time_s;
            return Ok(());
        }
        Err(self.not_later(place, path, time_s))
    }

    /// What is wrong with a time step that does not follow the one before.
    pub(super) fn not_later(&self, place: Place, path: &str, time_s: f64) -> Error {
        let message = format!(
            "must be later than the time step before ({} s), got {time_s}",
            self.last_s
        );
        self.bad(place, path, message)
    }

    /// An instant: a number, a time of day or a date.
    pub(super) fn instant(&self, place: Place, path: &str, text: &[u8]) -> Result<f64> {
        std::str::from_utf8(text)
            .ok()
            .and_then(time::seconds)
            .filter(|&value| is_plausible(value))
            .ok_or_else(|| self.bad(place, path, format!("{NUMBER}, got {}", shown(text))))
    }

    /// A number written in decimal.
    pub(super) fn number(&self, place: Place, path: &str, text: &[u8]) -> Result<f64> {
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|&value| is_plausible(value))
            .ok_or_else(|| self.bad(place, path, format!("{NUMBER}, got {}", shown(text))))
    }
}

pub(super) const NUMBER: &str = "must be a finite number of at most 1e12 in size";

/// Finite, and small enough that sums and differences of coordinates stay finite and meaningful.
pub(super) fn is_plausible(value: f64) -> bool {
    value.abs() <= 1e12
}

/// A value as messages quote it: readable, and short whatever the file holds.
pub(super) fn shown(text: &[u8]) -> String {
    const LONGEST: usize = 40;
    let text = String::from_utf8_lossy(text);
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}

/// The rows of a tabular format, one vehicle each, those of a time step together.
pub(super) trait Rows: Send {
    fn input(&mut self) -> &mut Input;
    /// Moves on to the next row; `false` at the end.
    fn next_row(&mut self) -> Result<bool>;
    fn place(&self) -> Place;
    fn time_s(&self) -> f64;
    /// Adds the row's vehicle, unless it has none or one that is not wanted.
    fn push_to(&mut self, step: &mut Step) -> Result<()>;
    /// What is wrong with a row that does not follow the time step before.
    fn not_later(&mut self) -> Error;
}

/// Gathers rows into time steps.
pub(super) struct ByRow<R> {
    rows: R,
    /// The current row is the first of the step to come.
    pending: bool,
}

impl<R: Rows> ByRow<R> {
    pub(super) fn new(rows: R) -> Self {
        Self {
            rows,
            pending: false,
        }
    }
}

impl<R: Rows> StepReader for ByRow<R> {
    fn next_step(&mut self, step: &mut Step) -> Result<bool> {
        if !mem::take(&mut self.pending) && !self.rows.next_row()? {
            return Ok(false);
        }
        let rows = &mut self.rows;
        let time_s = rows.time_s();
        let input = rows.input();
        if time_s <= input.last_s {
            input.found.unordered = input.found.plain;
            return Err(rows.not_later());
        }
        input.last_s = time_s;
        step.begin(time_s);
        loop {
            rows.push_to(step)?;
            self.pending = rows.next_row()?;
            let same = rows.time_s().partial_cmp(&time_s) == Some(Ordering::Equal);
            if !self.pending || !same {
                break;
            }
        }
        step.finish(rows.input())?;
        Ok(true)
    }

    fn input(&mut self) -> &mut Input {
        self.rows.input()
    }
}
