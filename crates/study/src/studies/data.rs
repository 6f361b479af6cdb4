//! The results of a study: one row per grid, cell, seed and policy.

use super::metrics::{DECISION_TIME, NAMES, Values, column, is_further};
use crate::columns::{Column, ParquetWriter};
use crate::stats;
use crate::table;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// One policy under one seed in one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Place of the grid in the study.
    pub grid: usize,
    /// Name of the grid.
    pub grid_id: String,
    /// Place of the cell in the grid.
    pub cell: usize,
    /// The values of its axes.
    pub cell_name: String,
    /// The seed.
    pub seed: u64,
    /// The policy; empty for what is measured without one.
    pub policy: String,
    /// By column of [`NAMES`].
    pub values: Values,
}

/// All rows, by grid, cell, seed and policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    /// By grid and cell: the rows, seed by seed, policies in the order of the grid.
    cells: BTreeMap<(usize, usize), Vec<Row>>,
    /// By grid: the policies that do not exist.
    pub missing: BTreeMap<usize, Vec<String>>,
}

impl Data {
    /// Adds rows of one cell, of later seeds than those that are there.
    pub fn add(&mut self, rows: Vec<Row>) {
        if let Some(Row { grid, cell, .. }) = rows.first() {
            self.cells.entry((*grid, *cell)).or_default().extend(rows);
        }
    }

    /// The metric of a policy in a cell, seed by seed.
    #[must_use]
    pub fn sample(&self, grid: usize, cell: usize, policy: &str, metric: &str) -> Vec<Option<f64>> {
        let seeded = self.seeded(grid, cell, policy, metric);
        seeded.map(|(_, value)| value).collect()
    }

    /// The metric of a policy in a cell with the seed of each value.
    ///
    /// A gap is of all seeds or of none: those that happen to have a bound above zero are no sample of all.
    pub(super) fn seeded<'a>(
        &'a self,
        grid: usize,
        cell: usize,
        policy: &'a str,
        metric: &str,
    ) -> impl Iterator<Item = (u64, Option<f64>)> + 'a {
        let at = column(metric).expect("the decoder has checked it");
        let rows = self.cells.get(&(grid, cell)).into_iter().flatten();
        let rows = rows.filter(move |row| row.policy == policy);
        let objective = column("objective").expect("a metric");
        let without = |row: &Row| row.values[objective].is_some() && row.values[at].is_none();
        let is_known = metric != "gap" || !rows.clone().any(without);
        rows.map(move |row| (row.seed, row.values[at].filter(|_| is_known)))
    }

    /// Number of seeds of a cell.
    #[must_use]
    pub fn seeds(&self, grid: usize, cell: usize) -> usize {
        let rows = self.cells.get(&(grid, cell)).map_or(&[][..], Vec::as_slice);
        let mut seeds: Vec<u64> = rows.iter().map(|row| row.seed).collect();
        seeds.dedup();
        seeds.len()
    }

    /// The policies of a cell.
    #[must_use]
    pub fn policies(&self, grid: usize, cell: usize) -> Vec<&str> {
        let rows = self.cells.get(&(grid, cell)).into_iter().flatten();
        let first = rows.clone().next().map(|row| row.seed);
        rows.take_while(|row| Some(row.seed) == first)
            .map(|row| row.policy.as_str())
            .collect()
    }

    /// Writes everything but times as Parquet, a row group per cell; metrics of sessions and returns where there are any.
    pub(super) fn write_parquet<W: Write + Send>(&self, to: W) -> io::Result<W> {
        let rows = || self.cells.values().flatten();
        let known = |i: usize| rows().any(|row| row.values[i].is_some());
        let columns = columns(|i, name| name != DECISION_TIME && (!is_further(name) || known(i)));
        let mut table = ParquetWriter::create(to, "results", &columns)?;
        for rows in self.cells.values() {
            table.write(&columns, rows)?;
        }
        table.finish()
    }

    /// The median decision times, as CSV.
    pub(super) fn times(&self) -> String {
        let header = ["grid", "cell", "policy", "decision_time_s"].map(str::to_owned);
        let mut rows = vec![header.to_vec()];
        for (&(grid, cell), of_cell) in &self.cells {
            let Some(first) = of_cell.first() else {
                continue;
            };
            for policy in self.policies(grid, cell) {
                let times = self.sample(grid, cell, policy, DECISION_TIME);
                let times: Vec<f64> = times.into_iter().flatten().collect();
                if let Some(median) = stats::quantile(&times, 0.5) {
                    let names = [&first.grid_id, &first.cell_name, policy].map(str::to_owned);
                    rows.push(names.into_iter().chain([format!("{median:e}")]).collect());
                }
            }
        }
        table::to_csv(rows)
    }
}

/// The columns of a row, of all metrics that `holds` of number and name.
pub(super) fn columns(holds: impl Fn(usize, &str) -> bool) -> Vec<(&'static str, Column<Row>)> {
    let mut columns: Vec<(&'static str, Column<Row>)> = vec![
        ("grid", Column::Text(|r| &r.grid_id)),
        ("cell", Column::Unsigned(|r| r.cell as u64)),
        ("values", Column::Text(|r| &r.cell_name)),
        ("seed", Column::Unsigned(|r| r.seed)),
        ("policy", Column::Text(|r| &r.policy)),
    ];
    let metrics = NAMES.iter().enumerate().filter(|(i, name)| holds(*i, name));
    columns.extend(metrics.map(|(i, name)| (*name, Column::NthReal(i, |r: &Row, i| r.values[i]))));
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_a_gap_is_of_all_seeds_or_none() {
        let mut data = Data::default();
        let row = |cell, seed, objective, gap| {
            let mut values = vec![None; NAMES.len()];
            values[column("objective").unwrap()] = objective;
            values[column("gap").unwrap()] = gap;
            Row {
                grid: 0,
                grid_id: "g".to_owned(),
                cell,
                cell_name: String::new(),
                seed,
                policy: "p".to_owned(),
                values,
            }
        };
        // in the first cell a seed has a cost and no gap, in the second it has no tasks
        data.add(vec![
            row(0, 0, Some(1.0), Some(0.1)),
            row(0, 1, Some(1.0), None),
        ]);
        data.add(vec![row(1, 0, Some(1.0), Some(0.1)), row(1, 1, None, None)]);
        assert_eq!(data.sample(0, 0, "p", "gap"), [None, None]);
        assert_eq!(data.sample(0, 1, "p", "gap"), [Some(0.1), None]);
        assert_eq!(data.sample(0, 0, "p", "objective"), [Some(1.0), Some(1.0)]);
    }
}
