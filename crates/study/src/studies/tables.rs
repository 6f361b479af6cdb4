//! The tables of a study.

use super::data::Data;
use super::{Study, TableSpec};
use crate::stats;
use crate::table;

/// A table with a row per policy.
pub(super) struct Tabulated {
    pub(super) header: Vec<String>,
    /// Name and a value per column.
    pub(super) rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Tabulated {
    pub(super) fn csv(&self) -> String {
        let rows = self.rows.iter().map(|(name, values)| {
            let values = values
                .iter()
                .map(|v| v.map_or_else(String::new, |v| v.to_string()));
            std::iter::once(name.clone()).chain(values).collect()
        });
        table::to_csv(std::iter::once(self.header.clone()).chain(rows))
    }
}

pub(super) fn table(study: &Study, data: &Data, spec: &TableSpec, quick: bool) -> Tabulated {
    let mut header = vec!["policy".to_owned()];
    let mut rows: Vec<(String, Vec<Option<f64>>)> = Vec::new();
    for id in &spec.grids {
        let at = study.place_of(id);
        let grid = &study.grids[at];
        for (c, cell) in grid.cells(quick).iter().enumerate() {
            let name = grid.name_of(cell, &[]);
            header.push(if name.is_empty() { id.clone() } else { name });
            for policy in data.policies(at, c) {
                let sample: Vec<f64> = data
                    .sample(at, c, policy, &spec.metric)
                    .into_iter()
                    .flatten()
                    .collect();
                let value = stats::mean(&sample).map(|mean| spec.scale * mean);
                let row = match rows.iter().position(|(name, _)| name == policy) {
                    Some(row) => row,
                    None => {
                        rows.push((policy.to_owned(), Vec::new()));
                        rows.len() - 1
                    }
                };
                rows[row].1.resize(header.len() - 2, None);
                rows[row].1.push(value);
            }
        }
    }
    for (_, values) in &mut rows {
        values.resize(header.len() - 1, None);
    }
    Tabulated { header, rows }
}
