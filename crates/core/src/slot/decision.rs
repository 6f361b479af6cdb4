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
    /// CPU share of every task at an RSU \[Hz\], in place of the optimum of P2, or empty. Other tasks have 0.
    pub shares_hz: Vec<f64>,
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
        self.shares_hz.clear();
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
    /// where tasks are executed, least shares are numbers, shares fit, paths lead from entry to execution.
    ///
    /// # Errors
    /// The first that is not so.
    pub fn check(&self, slot: &Slot) -> Result<()> {
        let tasks = slot.tasks.len();
        let counts = [
            ("placements", self.placements.len()),
            ("minimum_hz", self.minimum_hz.len()),
            ("shares_hz", self.shares_hz.len()),
            ("later_price", self.later_price.len()),
            ("paths", self.paths.len()),
        ];
        for (name, count) in counts {
            if count != tasks && (name == "placements" || count > 0) {
                return refused(name.into(), format!("must hold {tasks} rows, got {count}"));
            }
        }
        for (task, placement) in self.placements.iter().enumerate() {
            let Some(entry) = placement.entry() else {
                continue;
            };
            let path = || format!("placements[{task}]");
            if !slot.links(task).iter().any(|link| link.rsu == entry) {
                return refused(path(), format!("must enter where covered, got RSU {entry}"));
            }
            let Some(execution) = placement.execution() else {
                continue;
            };
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
        self.check_model(slot)?;
        self.check_shares(slot)?;
        self.check_paths(slot)
    }

    /// Whether the model of execution has what is decided.
    fn check_model(&self, slot: &Slot) -> Result<()> {
        let shares = [
            ("minimum_hz", self.minimum_hz.is_empty()),
            ("shares_hz", self.shares_hz.is_empty()),
        ];
        for (name, is_absent) in shares {
            if is_absent {
                continue;
            }
            if slot.queues.is_some() {
                let message = "must be left out where tasks queue: a task has a whole core";
                return refused(name.into(), message.into());
            }
            if slot.sessions.is_some() {
                let message = "must be left out for sessions: their batches share the CPU by P2";
                return refused(name.into(), message.into());
            }
        }
        if !self.shares_hz.is_empty() && !self.minimum_hz.is_empty() {
            let message = "must be left out beside shares_hz";
            return refused("minimum_hz".into(), message.into());
        }
        if !self.paths.is_empty() && slot.queues.is_none() {
            let message =
                "must be left out where CPU is shared: there tasks migrate over the shortest route";
            return refused("paths".into(), message.into());
        }
        Ok(())
    }

    /// Whether every task at an RSU has a share, and no RSU grants more than it has.
    fn check_shares(&self, slot: &Slot) -> Result<()> {
        if self.shares_hz.is_empty() {
            return Ok(());
        }
        let mut granted_hz = vec![0.0; slot.rsus.len()];
        for (task, (&hz, placement)) in self.shares_hz.iter().zip(&self.placements).enumerate() {
            let Some(m) = placement.execution() else {
                continue;
            };
            // an RSU with no CPU left sends its tasks back
            let is_open = slot.rsus.available_cpu_hz(m as usize) > 0.0;
            if is_open && !(hz > 0.0 && hz.is_finite()) {
                let message = format!("must be > 0 for a task at an RSU, got {hz}");
                return refused(format!("shares_hz[{task}]"), message);
            }
            granted_hz[m as usize] += if is_open { hz } else { 0.0 };
        }
        for (m, granted_hz) in granted_hz.into_iter().enumerate() {
            let available_hz = slot.rsus.available_cpu_hz(m);
            if granted_hz > available_hz * (1.0 + ROUNDING) {
                let message = format!(
                    "must sum to at most {available_hz} Hz at RSU {m}, what it has left, got {granted_hz}"
                );
                return refused("shares_hz".into(), message);
            }
        }
        Ok(())
    }

    /// Whether the path of every migrated task leads over links from its entry to where it is executed.
    fn check_paths(&self, slot: &Slot) -> Result<()> {
        if self.paths.is_empty() {
            return Ok(());
        }
        for (task, placement) in self.placements.iter().enumerate() {
            let path = self.paths.of(task);
            let (mut at, end) = match *placement {
                Placement::Rsu { entry, execution } => (entry, execution),
                _ => (0, 0),
            };
            for &row in path {
                match slot.network.links().get(row as usize) {
                    Some(link) if link.from == at => at = link.to,
                    _ => {
                        let message = format!("must follow links, got link {row} at RSU {at}");
                        return refused(format!("paths[{task}]"), message);
                    }
                }
            }
            if at != end {
                let message = format!("must end at RSU {end}, got {at}");
                return refused(format!("paths[{task}]"), message);
            }
        }
        Ok(())
    }
}

/// By how much sums of shares may exceed a capacity: sums round.
const ROUNDING: f64 = 1e-9;

fn refused<T>(path: String, message: String) -> Result<T> {
    Err(Error::invalid("decision", None, path, message))
}

/// Paths over the backhaul, one per task, as rows of the links of `backhaul::network::Network`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Ragged<u32>);

impl Paths {
    /// Removes all paths and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Number of tasks that have one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
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
