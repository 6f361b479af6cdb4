//! What a policy decides: one placement per task, and how it gets there.

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// One per task.
    pub placements: Vec<Placement>,
    /// Least CPU share of every task \[Hz\], or empty: `slot-fit` asks that tasks end within their slot.
    pub minimum_hz: Vec<f64>,
    /// The way of every migrated task, or empty: then each takes the route of `Slot::routes`.
    pub paths: Paths,
}

/// Paths over the backhaul, one per task, as rows of the links of `backhaul::network::Network`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    start: Vec<u32>,
    links: Vec<u32>,
}

impl Paths {
    /// Removes all paths and keeps the memory.
    pub fn clear(&mut self) {
        self.start.clear();
        self.links.clear();
    }

    /// Whether there are no paths.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    /// Adds the path of the next task, empty where it is not migrated.
    pub fn push(&mut self, path: &[u32]) {
        if self.start.is_empty() {
            self.start.push(0);
        }
        self.links.extend_from_slice(path);
        self.start.push(self.links.len() as u32);
    }

    /// The path of `task`, in order of travel.
    #[must_use]
    pub fn of(&self, task: usize) -> &[u32] {
        &self.links[self.start[task] as usize..self.start[task + 1] as usize]
    }
}
