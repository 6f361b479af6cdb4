//! Places of RSUs from a table: cells of OpenCelliD, edge servers of EUA, base stations of any operator.

mod columns;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::config::show_number;
use crate::error::{Error, Problems, Result};
use crate::mobility::trace::projection::{Projection, Wanted};
use crate::mobility::trace::{self, Text};
use crate::scenario::{Area, MAX_GRID, Rsu, Sites};
use table::{Found, Table, shortened};

/// Most problems of a table that are told.
const MOST_PROBLEMS: usize = 20;

/// What was taken of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteReport {
    /// The table.
    pub file: String,
    /// What its columns are known as.
    pub format: String,
    /// Rows of the table.
    pub rows: usize,
    /// RSUs made of them.
    pub kept: usize,
    /// Rows that were too far from the map.
    pub left_out: usize,
    /// Rows at the place of an earlier one.
    pub merged: usize,
    /// Sites farther than this from the map were left out \[m\].
    pub margin_m: f64,
}

impl fmt::Display for SiteReport {
    /// A line without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} RSUs of {} rows of {} ({})",
            self.kept, self.rows, self.file, self.format
        )?;
        if self.left_out > 0 {
            let margin_m = show_number(self.margin_m);
            write!(
                f,
                ", {} left out: more than {margin_m} m from the map",
                self.left_out
            )?;
        }
        if self.merged > 0 {
            write!(f, ", {} at the place of another", self.merged)?;
        }
        Ok(())
    }
}

/// What is to be made of a table.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// What the scenario says of it.
    pub sites: &'a Sites,
    /// What every RSU is, besides its place and name.
    pub template: &'a Rsu,
    /// The map.
    pub area: &'a Area,
    /// The projection of the trace, where it is in degrees.
    pub projection: Option<&'a Projection>,
}

/// Reads the RSUs at the sites that are on the map or near it.
///
/// # Errors
/// A table that cannot be read, and every row without a place, with the place or the name of another, or without sense.
pub fn read(plan: Plan<'_>) -> Result<(Vec<Rsu>, SiteReport)> {
    let path = &plan.sites.path;
    parse(&path.display().to_string(), trace::text(path)?, plan)
}

/// The same of a table in memory, called `file` in messages.
///
/// # Errors
/// As for [`read`].
pub fn from_bytes(file: &str, bytes: Vec<u8>, plan: Plan<'_>) -> Result<(Vec<Rsu>, SiteReport)> {
    parse(file, trace::text_of(file, bytes)?, plan)
}

fn parse(file: &str, text: Text, plan: Plan<'_>) -> Result<(Vec<Rsu>, SiteReport)> {
    let mut table = Table::open(file, text, plan.sites)?;
    let own = match &plan.sites.projection {
        Some(text) if table.columns.degrees => Some(projection(text)?),
        _ => None,
    };
    let known = own.as_ref().or(plan.projection);
    let projection = known.filter(|_| table.columns.degrees);
    if projection.is_none() && table.columns.degrees {
        let message = "has longitudes and latitudes, and the map is in metres: rsu.projection says how they become \
                       metres of it";
        return Err(Error::invalid(file, Some(1), "", message));
    }
    let plan = Plan { projection, ..plan };
    let mut taken = Taken::new(SiteReport {
        file: file.to_owned(),
        format: table.columns.format.clone(),
        rows: 0,
        kept: 0,
        left_out: 0,
        merged: 0,
        margin_m: plan.sites.margin_m.unwrap_or(plan.template.range_m),
    });
    let mut problems = Problems::default();
    while problems.0.len() < MOST_PROBLEMS {
        let taken = match table.next_row() {
            Ok(true) => taken.take(&table, plan),
            Ok(false) => break,
            Err(damage) => {
                problems.push(damage);
                break;
            }
        };
        taken.unwrap_or_else(|problem| problems.push(problem));
    }
    problems.into_result(())?;
    taken.finish(plan.area)
}

/// The projection that `rsu.projection` asks for.
fn projection(text: &str) -> Result<Projection> {
    let refused = |message: String| Error::invalid("scenario", None, "rsu.projection", message);
    match Wanted::parse(text).map_err(refused)? {
        Wanted::Metres | Wanted::Centre | Wanted::Unsaid => {
            let message =
                "must be a zone as in \"utm32n\", its EPSG code, or a string of PROJ, got";
            Err(refused(format!("{message} {text:?}")))
        }
        wanted => Projection::new(&wanted, [0.0, 0.0]).map_err(refused),
    }
}

/// The RSUs so far.
struct Taken {
    report: SiteReport,
    rsus: Vec<Rsu>,
    /// Line of every place, by its bits.
    places: BTreeMap<[u64; 2], usize>,
    /// Line of every name.
    names: BTreeMap<String, usize>,
}

impl Taken {
    fn new(report: SiteReport) -> Self {
        Self {
            report,
            rsus: Vec::new(),
            places: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// Takes up the current row.
    fn take(&mut self, table: &Table, plan: Plan<'_>) -> Found<()> {
        self.report.rows += 1;
        let place = table.place()?;
        let metres = match plan.projection {
            None => Some(place),
            // none on the other side of the earth
            Some(projection) => projection.project(place[0], place[1]),
        };
        let margin_m = self.report.margin_m;
        let near = metres.filter(|&place| distance_m(place, plan.area) <= margin_m);
        let Some([x_m, y_m]) = near else {
            self.report.left_out += 1;
            return Ok(());
        };
        let line = table.line();
        // both zeros are one place
        let bits = [x_m, y_m].map(|at| (at + 0.0).to_bits());
        if let Some(first) = self.places.get(&bits) {
            if plan.sites.merge {
                self.report.merged += 1;
                return Ok(());
            }
            let message = format!(
                "must be a place of its own, got that of line {first}; rsu.merge = true makes one RSU of them"
            );
            return Err(table.bad(&table.columns.names[0], message));
        }
        let id = table
            .id()?
            .unwrap_or_else(|| format!("r{}", self.rsus.len()));
        if let Some(first) = self.names.get(&id) {
            let id = shortened(id.as_bytes());
            let message = format!("{id:?} is taken already, in line {first}");
            return Err(table.bad(&table.columns.id_name, message));
        }
        if self.rsus.len() as f64 >= MAX_GRID {
            let message = format!("must be at most {MAX_GRID} RSUs on the map, got more");
            return Err(table.bad("", message));
        }
        self.places.insert(bits, line);
        self.names.insert(id.clone(), line);
        self.rsus.push(Rsu {
            id,
            x_m,
            y_m,
            ..plan.template.clone()
        });
        Ok(())
    }

    fn finish(mut self, area: &Area) -> Result<(Vec<Rsu>, SiteReport)> {
        self.report.kept = self.rsus.len();
        if !self.rsus.is_empty() {
            return Ok((self.rsus, self.report));
        }
        let edge = |value: f64| show_number(value.round());
        let message = format!(
            "must have a site at most {} m from the map (x {} to {} m, y {} to {} m), got none in {} rows",
            show_number(self.report.margin_m),
            edge(area.x_min_m),
            edge(area.x_max_m),
            edge(area.y_min_m),
            edge(area.y_max_m),
            self.report.rows
        );
        Err(Error::invalid(self.report.file, None, "", message))
    }
}

/// From the map to a place outside of it; 0 inside.
fn distance_m([x_m, y_m]: [f64; 2], area: &Area) -> f64 {
    let beside = |at: f64, min: f64, max: f64| (min - at).max(at - max).max(0.0);
    let east_m = beside(x_m, area.x_min_m, area.x_max_m);
    let north_m = beside(y_m, area.y_min_m, area.y_max_m);
    east_m.hypot(north_m)
}
