//! Turns traces of any format into the one that is read fastest, and several into one.
//!
//! Coordinates stay as they are: the file says how they become metres.

mod joined;
mod write;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::bytes::Source;
use super::projection::{Projection, Wanted};
use super::report::{self, Report};
use super::step::{Gaps, Input, Place, Rules, Step};
use super::survey::{Surveyed, survey};
use super::{located, path_of, rules_of};
use crate::error::{Error, Result};
use crate::scenario::{Fcd, FcdSource};
use joined::Joined;
use write::Rows;

/// A trace that is to be imported, surveyed.
struct Part {
    name: String,
    path: Option<PathBuf>,
    source: Source,
    rules: Rules,
    wanted: Wanted,
    projection: Option<Projection>,
    degrees: Option<[[f64; 2]; 2]>,
}

/// What was found in the sources of an import.
#[derive(Debug, Default)]
pub struct Taken {
    files: usize,
    formats: Vec<String>,
    left_out: BTreeSet<Vec<u8>>,
    gaps: Gaps,
}

/// Writes `traces`, joined in the order of time, to `out`, called `name` in messages. `None` where `stopped` said so.
///
/// Where traces overlap they must have the same time steps, whose vehicles are joined; a vehicle that two of them have
/// is there once if it is at the same place. Fixes that are laid onto steps are joined before that.
///
/// # Errors
/// A trace that is malformed or cannot be read, traces that do not fit together, an output that cannot be written.
pub fn import(
    traces: &[Fcd],
    (name, out): (&Path, impl Write + Send),
    stopped: &dyn Fn() -> bool,
) -> Result<Option<Taken>> {
    let mut parts = Vec::new();
    for fcd in traces {
        parts.push(Part::survey(fcd)?);
    }
    let files = parts.len();
    let first = parts
        .first()
        .map_or_else(String::new, |part| part.name.clone());
    let projection = common(&parts)?;
    let key = projection
        .as_ref()
        .map_or("none", |projection| &projection.key)
        .to_owned();
    let mut joined = Joined::new(parts, projection)?;
    let failed = |error| Error::io(name, error);
    let mut rows = Rows::new(out, &key).map_err(failed)?;
    let mut step = Step::default();
    let mut vehicles = 0;
    while joined.next_step(&mut step)? {
        if stopped() {
            return Ok(None);
        }
        vehicles += step.len();
        rows.write(&step).map_err(failed)?;
    }
    if vehicles == 0 {
        return Err(Error::invalid(
            first,
            None,
            "",
            "must have a vehicle, got none",
        ));
    }
    rows.finish().map_err(failed)?;
    let taken = joined.into_taken();
    Ok(Some(Taken { files, ..taken }))
}

impl Taken {
    /// Reads the written trace back, and says what it holds and what was left out.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn report(self, written: &Path) -> Result<Report> {
        let report = report::report(&Fcd::new(FcdSource::File(written.to_owned())))?;
        let formats = self.formats.join("; ");
        let format = match self.files {
            1 => formats,
            n => format!("{n} files, {formats}"),
        };
        Ok(Report {
            format,
            left_out: self.left_out.len(),
            gaps: self.gaps.told(),
            ..report
        })
    }
}

impl Part {
    fn survey(fcd: &Fcd) -> Result<Self> {
        let (name, source) = located(fcd)?;
        let path = path_of(fcd);
        let input = Input::new(name.clone(), path.clone(), rules_of(fcd));
        let Surveyed {
            rules,
            projection,
            wanted,
            degrees,
        } = survey(fcd, &name, &input, &source)?;
        Ok(Self {
            name,
            path,
            source,
            rules,
            wanted,
            projection,
            degrees,
        })
    }
}

/// The projection of all parts: in the zone of their common centre, unless it was given.
fn common(parts: &[Part]) -> Result<Option<Projection>> {
    let Some(first) = parts.first() else {
        return Ok(None);
    };
    let in_degrees = |part: &Part| part.projection.is_some();
    let refuse = |part: &Part, message: String| {
        let input = Input::new(part.name.clone(), None, Rules::default());
        Err(input.bad(Place::File, "fleet.mobility.projection", message))
    };
    if let Some(other) = parts
        .iter()
        .find(|part| in_degrees(part) != in_degrees(first))
    {
        let unit = |part| {
            if in_degrees(part) {
                "degrees"
            } else {
                "metres"
            }
        };
        let message = format!(
            "must be one for all files: this one is in {}, {} in {}",
            unit(other),
            first.name,
            unit(first)
        );
        return refuse(other, message);
    }
    if !in_degrees(first) {
        return Ok(None);
    }
    if let Some(other) = parts.iter().find(|part| part.wanted != first.wanted) {
        let message = format!("must be that of {}, got another", first.name);
        return refuse(other, message);
    }
    let none = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    let all = parts
        .iter()
        .filter_map(|part| part.degrees)
        .fold(none, |all, degrees| {
            [0, 1].map(|axis| {
                let ([low, high], [least, most]) = (all[axis], degrees[axis]);
                [f64::min(low, least), f64::max(high, most)]
            })
        });
    let center = all.map(|[min, max]| {
        if min <= max {
            f64::midpoint(min, max)
        } else {
            0.0
        }
    });
    Projection::new(&first.wanted, center)
        .map(Some)
        .or_else(|message| refuse(first, message))
}
