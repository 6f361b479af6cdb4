//! What a policy decides: one placement per task, and how it gets there.

use super::Slot;
use crate::error::{Error, Result};
use crate::ragged::Ragged;

/// Where a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Placement {
    /// On its vehicle.
    #[default]
    Local,
    /// On an RSU, entered by one that covers the vehicle.
    Rsu {
        /// Row of the entry RSU m.
        entry: u32,
        /// Row of the execution RSU m'; equal to `entry` without migration.
        execution: u32,
    },
    /// In the cloud, where the scenario has one.
    Cloud {
        /// Row of the entry RSU.
        entry: u32,
    },
}

impl Placement {
    /// Row of the RSU that the task is uploaded to.
    #[must_use]
    #[inline]
    pub fn entry(self) -> Option<u32> {
        match self {
            Self::Local => None,
            Self::Rsu { entry, .. } | Self::Cloud { entry } => Some(entry),
        }
    }

    /// Row of the RSU that executes the task.
    #[must_use]
    #[inline]
    pub fn execution(self) -> Option<u32> {
        match self {
            Self::Rsu { execution, .. } => Some(execution),
            Self::Local | Self::Cloud { .. } => None,
        }
    }

    /// Whether another RSU executes the task than the one that it enters by.
    #[must_use]
    #[inline]
    pub fn is_migrated(self) -> bool {
        matches!(self, Self::Rsu { entry, execution } if entry != execution)
    }
}

/// A policy's answer for a slot.
///
/// ```
/// use wayside_core::slot::{Decision, Placement};
///
/// let mut decision = Decision::default();
/// decision.placements.push(Placement::Rsu { entry: 3, execution: 5 });
/// assert!(decision.placements[0].is_migrated());
/// decision.clear();
/// assert_eq!(decision, Decision::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// One per task.
    pub placements: Vec<Placement>,
    /// Least CPU share of every task \[Hz\], or empty: `slot-fit` asks that tasks end within their slot.
    pub minimum_hz: Vec<f64>,
    /// What every task pays in P2 per Hz that it holds in later slots, or empty: `plan-ahead` prices them.
    pub later_price: Vec<f64>,
    /// The way of every migrated task, or empty: then each takes the route of `Slot::routes`.
    pub paths: Paths,
}

impl Decision {
    /// Removes everything decided and keeps the memory.
    pub fn clear(&mut self) {
        self.placements.clear();
        self.minimum_hz.clear();
        self.later_price.clear();
        self.paths.clear();
    }

    /// The links that `task` is sent over: those that the policy chose, or else the shortest route,
    /// written to `route`.
    ///
    /// # Panics
    /// If no route leads there, which is a bug of the policy.
    pub fn path<'a>(&'a self, slot: &Slot, task: usize, route: &'a mut Vec<u32>) -> &'a [u32] {
        if !self.paths.is_empty() {
            return self.paths.of(task);
        }
        route.clear();
        if let Placement::Rsu { entry, execution } = self.placements[task] {
            let mut at = execution;
            while at != entry {
                let before = slot.routes.find(entry, at).expect("a route").previous;
                route.push(slot.network.find(before, at).expect("a link"));
                at = before;
            }
            route.reverse();
        }
        route
    }

    /// Whether `slot` admits it: one placement per task, every entry covers its vehicle, routes lead to
    /// where tasks are executed, least shares are numbers.
    ///
    /// # Errors
    /// The first that is not so.
    pub fn check(&self, slot: &Slot) -> Result<()> {
        let refused =
            |path: String, message: String| Err(Error::invalid("decision", None, path, message));
        let tasks = slot.tasks.len();
        let counts = [
            ("placements", self.placements.len()),
            ("minimum_hz", self.minimum_hz.len()),
            ("later_price", self.later_price.len()),
        ];
        for (name, count) in counts {
            if count != tasks && (name == "placements" || count > 0) {
                return refused(name.into(), format!("must hold {tasks} rows, got {count}"));
            }
        }
        for (task, placement) in self.placements.iter().enumerate() {
            let Placement::Rsu { entry, execution } = *placement else {
                continue;
            };
            let path = || format!("placements[{task}]");
            if !slot.links(task).iter().any(|link| link.rsu == entry) {
                return refused(path(), format!("must enter where covered, got RSU {entry}"));
            }
            if slot.routes.find(entry, execution).is_none() {
                let message = format!("must have a route, got {entry} to {execution}");
                return refused(path(), message);
            }
        }
        for (name, column) in [
            ("minimum_hz", &self.minimum_hz),
            ("later_price", &self.later_price),
        ] {
            for (task, value) in column.iter().enumerate() {
                if value.is_nan() || *value < 0.0 {
                    return refused(
                        format!("{name}[{task}]"),
                        format!("must be >= 0, got {value}"),
                    );
                }
            }
        }
        Ok(())
    }
}

/// Paths over the backhaul, one per task, as rows of the links of `backhaul::network::Network`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Ragged<u32>);

impl Paths {
    /// Removes all paths and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there are no paths.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the path of the next task, empty where it is not migrated.
    pub fn push(&mut self, path: &[u32]) {
        self.0.push_row(path.iter().copied());
    }

    /// The path of `task`, in order of travel.
    #[must_use]
    pub fn of(&self, task: usize) -> &[u32] {
        self.0.row(task)
    }
}
