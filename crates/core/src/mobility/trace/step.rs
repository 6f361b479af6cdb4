//! One time step of a trace, and what every reader of a format shares.

use std::cmp::Ordering;
use std::io;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// A reader of one format.
pub(super) trait StepReader: Send {
    /// Replaces `step` by the next one; `false` at the end of a complete trace.
    fn next_step(&mut self, step: &mut Step) -> Result<bool>;
}

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
        self.by_id.clear();
    }

    pub(super) fn push(&mut self, id: &[u8], x_m: f64, y_m: f64, place: Place) {
        self.ids.extend_from_slice(id);
        self.id_end.push(self.ids.len());
        self.x_m.push(x_m);
        self.y_m.push(y_m);
        self.place.push(place);
    }

    pub(super) fn len(&self) -> usize {
        self.id_end.len()
    }

    pub(super) fn id(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.id_end[i - 1] };
        &self.ids[start..self.id_end[i]]
    }

    /// Orders the complete step by identifier and rejects a vehicle that is there twice.
    pub(super) fn finish(&mut self, input: &Input) -> Result<()> {
        let mut by_id = std::mem::take(&mut self.by_id);
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
            + 8 * (self.x_m.capacity() + self.y_m.capacity())
            + 8 * (self.id_end.capacity() + self.by_id.capacity())
            + size_of::<Place>() * self.place.capacity()
    }
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

/// A trace being read: its name in messages, which vehicles are wanted, and how far it got.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    /// `None` for a trace in memory.
    pub(super) path: Option<PathBuf>,
    /// Empty: all.
    pub(super) vehicle_types: Vec<String>,
    pub(super) last_s: f64,
}

impl Input {
    pub(super) fn bad(&self, place: Place, path: &str, message: impl Into<String>) -> Error {
        match place {
            Place::File => Error::invalid(&self.name, None, path, message),
            Place::Line(line) => {
                Error::invalid(&self.name, usize::try_from(line).ok(), path, message)
            }
            Place::Row(row) => Error::invalid(&self.name, None, format!("{path}[{row}]"), message),
        }
    }

    /// Tells a failing file system from a damaged file: only the former has a system error code.
    pub(super) fn unreadable(&self, place: Place, error: &io::Error) -> Error {
        match (&self.path, error.raw_os_error()) {
            (Some(path), Some(code)) => Error::io(path, io::Error::from_raw_os_error(code)),
            _ => self.bad(place, "", format!("cut off or damaged: {error}")),
        }
    }

    /// Whether vehicles of `kind` are wanted.
    pub(super) fn wants(&self, kind: &[u8]) -> bool {
        self.vehicle_types.is_empty() || self.vehicle_types.iter().any(|t| t.as_bytes() == kind)
    }

    /// Starts a time step, which must be later than the one before.
    pub(super) fn tick(&mut self, place: Place, path: &str, time_s: f64) -> Result<()> {
        if time_s > self.last_s {
            self.last_s = time_s;
            return Ok(());
        }
        let message = format!(
            "must be later than the time step before ({} s), got {time_s}",
            self.last_s
        );
        Err(self.bad(place, path, message))
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
    fn push_to(&self, step: &mut Step) -> Result<()>;
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
        if !self.pending && !self.rows.next_row()? {
            return Ok(false);
        }
        let rows = &mut self.rows;
        let (place, time_s) = (rows.place(), rows.time_s());
        rows.input().tick(place, "timestep_time", time_s)?;
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
}
