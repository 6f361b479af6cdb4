//! Records: results from before the study, such as the rewards of a policy while it was trained.
//!
//! A record file is a CSV with a column for each axis of the grid, `policy`, `seed`, and metrics by name. A metric that
//! was not measured is empty; other columns are ignored.

use super::data::Row;
use super::metrics::{NAMES, column};
use super::{AxisValue, BUILTIN_RECORDS, Grid, GridAxis, Record};
use csv::StringRecord;
use std::collections::BTreeSet;
use std::path::Path;

/// A file of records.
pub(super) struct RecordFile {
    file: String,
    header: StringRecord,
    lines: Vec<StringRecord>,
}

impl RecordFile {
    /// The built-in file `name`, or the one of that name relative to `folder`.
    pub(super) fn load(name: &str, folder: &Path) -> Result<Self, String> {
        let builtin = BUILTIN_RECORDS.iter().find(|b| b.name == name);
        let path = folder.join(name);
        let text = match builtin {
            Some(found) if !path.exists() => found.text.to_owned(),
            _ => wayside_core::input::read_text(&path).map_err(|e| e.to_string())?,
        };
        let file = path.display().to_string();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let failed = |e: csv::Error| format!("{file}: {e}");
        let header = reader.headers().map_err(failed)?.clone();
        let lines = reader.records().collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(failed)?;
        if lines.is_empty() {
            return Err(format!("{file}: holds no line below its header"));
        }
        Ok(Self {
            file,
            header,
            lines,
        })
    }

    fn column(&self, name: &str) -> Result<usize, String> {
        let found = self.header.iter().position(|known| known == name);
        found.ok_or_else(|| format!("{}: has no column {name:?}", self.file))
    }

    /// The values that a column has, numbers by size, else as they come.
    pub(super) fn values(&self, name: &str) -> Result<Vec<AxisValue>, String> {
        let at = self.column(name)?;
        let mut values: Vec<AxisValue> = Vec::new();
        let mut known = BTreeSet::new();
        for line in &self.lines {
            let value = axis_value(&line[at]);
            if known.insert(value.label.clone()) {
                values.push(value);
            }
        }
        let key = |v: &AxisValue| v.number.unwrap_or(f64::INFINITY);
        values.sort_by(|a, b| key(a).total_cmp(&key(b)));
        Ok(values)
    }

    /// Every line, or all that is wrong with them.
    pub(super) fn records(&self, axes: &[GridAxis]) -> Result<Vec<Record>, Vec<String>> {
        let columns = |names: &[&str]| -> Result<Vec<usize>, Vec<String>> {
            let found: Vec<_> = names.iter().map(|name| self.column(name)).collect();
            let wrong: Vec<String> = found.iter().filter_map(|f| f.clone().err()).collect();
            if wrong.is_empty() {
                Ok(found.into_iter().flatten().collect())
            } else {
                Err(wrong)
            }
        };
        let mut wanted = vec!["policy", "seed"];
        wanted.extend(axes.iter().map(|axis| axis.key.as_str()));
        let at = columns(&wanted)?;
        let (mut records, mut wrong) = (Vec::new(), Vec::new());
        let mut met = BTreeSet::new();
        for line in &self.lines {
            let place = line.position().map_or(0, csv::Position::line);
            let mut problem = |what: String| wrong.push(format!("{}:{place}: {what}", self.file));
            let policy = line[at[0]].to_owned();
            let seed = line[at[1]].parse().unwrap_or_else(|_| {
                problem(format!(
                    "seed: expected a whole number, found {:?}",
                    &line[at[1]]
                ));
                0
            });
            let cell: Vec<String> = at[2..]
                .iter()
                .map(|&i| axis_value(&line[i]).label)
                .collect();
            let mut values = vec![None; NAMES.len()];
            for (name, text) in self.header.iter().zip(line) {
                let Some(metric) = column(name).filter(|_| !text.is_empty()) else {
                    continue;
                };
                match text.parse::<f64>().ok().filter(|x| x.is_finite()) {
                    Some(value) => values[metric] = Some(value),
                    None => problem(format!("{name}: expected a finite number, found {text:?}")),
                }
            }
            if !met.insert((cell.clone(), policy.clone(), seed)) {
                problem(format!("{policy} with seed {seed} is there twice"));
            }
            records.push(Record {
                cell,
                policy,
                seed,
                values,
            });
        }
        if wrong.is_empty() {
            Ok(records)
        } else {
            Err(wrong)
        }
    }
}

fn axis_value(text: &str) -> AxisValue {
    let number = text.parse::<f64>().ok().filter(|x| x.is_finite());
    AxisValue {
        toml: text.to_owned(),
        label: number.map_or_else(|| text.to_owned(), |x| x.to_string()),
        number,
    }
}

/// The records of `grid`, cell by cell as [`Grid::cells`] has them.
pub(super) fn rows(grid: &Grid, place: usize, quick: bool) -> Vec<Vec<Row>> {
    let policies: Vec<&String> = grid.policies.iter().chain(&grid.awaited).collect();
    let of_cell = |(at, cell): (usize, super::cells::Cell)| {
        let is_here = |record: &&Record| {
            let mut pairs = record.cell.iter().zip(&cell.values);
            pairs.all(|(label, value)| *label == value.label)
        };
        let mut found: Vec<(u64, usize, &Record)> = grid
            .records
            .iter()
            .filter(is_here)
            .filter_map(|r| Some((r.seed, policies.iter().position(|p| **p == r.policy)?, r)))
            .collect();
        found.sort_by_key(|&(seed, policy, _)| (seed, policy));
        let row = |(seed, _, record): (u64, usize, &Record)| Row {
            grid: place,
            grid_id: grid.id.clone(),
            cell: at,
            cell_name: grid.name_of(&cell, &[]),
            seed,
            policy: record.policy.clone(),
            values: record.values.clone(),
        };
        found.into_iter().map(row).collect()
    };
    grid.cells(quick)
        .into_iter()
        .enumerate()
        .map(of_cell)
        .collect()
}
