//! The cells of a grid.

use super::draws;
use super::{AxisValue, DRAW_AXIS, Grid, GridAxis, SCENARIO_AXIS, Where};
use wayside_core::{Result, Scenario, scenario};

/// One combination of the values of a grid's axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// One value per axis.
    pub values: Vec<AxisValue>,
}

impl Grid {
    /// All cells, or those that `--quick` runs; the last axis varies fastest.
    #[must_use]
    pub fn cells(&self, quick: bool) -> Vec<Cell> {
        let values = |axis: &'_ GridAxis| {
            if quick {
                axis.quick.clone()
            } else {
                axis.values.clone()
            }
        };
        let mut cells = vec![Cell { values: Vec::new() }];
        for axis in &self.axes {
            let longer = |cell: &Cell| {
                let cell = cell.clone();
                values(axis).into_iter().map(move |value| {
                    let mut values = cell.values.clone();
                    values.push(value);
                    Cell { values }
                })
            };
            cells = cells.iter().flat_map(longer).collect();
        }
        cells
    }

    /// How many [`cells`](Self::cells) there are, without making them; at most the largest number.
    #[must_use]
    pub fn count(&self, quick: bool) -> usize {
        let of = |axis: &GridAxis| {
            if quick {
                axis.quick.len()
            } else {
                axis.values.len()
            }
        };
        self.axes.iter().map(of).fold(1, usize::saturating_mul)
    }

    /// The cell in place `nth` of [`cells`](Self::cells), where there is one.
    pub(super) fn cell(&self, mut nth: usize, quick: bool) -> Option<Cell> {
        if nth >= self.count(quick) {
            return None;
        }
        let mut values = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            let all = if quick { &axis.quick } else { &axis.values };
            values.push(all[nth % all.len()].clone());
            nth /= all.len();
        }
        values.reverse();
        Some(Cell { values })
    }

    /// The place of the axis called `name`.
    pub(super) fn axis(&self, name: &str) -> usize {
        let found = self.axes.iter().position(|axis| axis.name == name);
        found.expect("the decoder has checked it")
    }

    /// The scenario of a cell.
    pub(super) fn resolve(&self, cell: &Cell) -> Result<Scenario> {
        let mut name = self.scenario.as_str();
        let mut set = self.set.clone();
        for (axis, value) in self.axes.iter().zip(&cell.values) {
            match axis.key.as_str() {
                SCENARIO_AXIS => name = &value.toml,
                DRAW_AXIS if !self.drawn.is_empty() => {
                    set.extend(draws::changes(&self.drawn, value))
                }
                key => set.push((key.to_owned(), value.toml.clone())),
            }
        }
        scenario::resolve(name, &set)
    }

    /// `capability 0.2, num 50`; without the axes called `but`.
    pub(super) fn name_of(&self, cell: &Cell, but: &[&str]) -> String {
        let pairs = self.axes.iter().zip(&cell.values);
        let names: Vec<_> = pairs
            .filter(|(axis, _)| !but.contains(&axis.name.as_str()))
            .map(|(axis, value)| match axis.key.as_str() {
                SCENARIO_AXIS => value.label.clone(),
                _ => format!("{} {}", axis.name, value.label),
            })
            .collect();
        names.join(", ")
    }

    /// Whether `cell` is one of those that `condition` names.
    pub(super) fn is_among(&self, cell: &Cell, condition: &Where) -> bool {
        condition.iter().all(|(axis, labels)| {
            let value = &cell.values[self.axis(axis)];
            labels.contains(&value.label)
        })
    }
}
