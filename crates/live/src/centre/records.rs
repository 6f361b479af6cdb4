//! What the journal keeps, and what clients are answered: plain data.

use super::requests::{RsuReport, Task, Vehicle};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wayside_core::engine::world::World;
use wayside_core::slot::Placement;
use wayside_study::decision::{Mode, PlacementReport};

/// A task as it was placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placed {
    /// Its id, for `/v1/tasks/{id}/outcome`.
    pub id: String,
    /// Id of its vehicle.
    pub vehicle: String,
    /// The policy that placed it: that of the server, or `nearest` in its place.
    pub policy: String,
    /// How long it holds its CPU if nobody reports its outcome \[s\].
    pub lease_s: f64,
    /// Where it runs and what that is predicted to cost.
    #[serde(flatten)]
    pub placement: PlacementReport,
}

impl Placed {
    /// Where the task runs, and over which links it goes there, by rows of `world`; none where that has no such RSUs or links.
    pub(crate) fn rows(&self, world: &World) -> Option<(Placement, Vec<u32>)> {
        let row = |id: &String| {
            let found = world.rsus.id.iter().position(|known| known == id);
            found.map(|row| row as u32)
        };
        let at = |id: &Option<String>| id.as_ref().and_then(row);
        let (entry, execution) = (&self.placement.entry, &self.placement.execution);
        let placement = match self.placement.mode {
            Mode::Local => Placement::Local,
            Mode::Cloud => Placement::Cloud { entry: at(entry)? },
            Mode::Rsu => Placement::Rsu {
                entry: at(entry)?,
                execution: at(execution)?,
            },
        };
        let path: Option<Vec<u32>> = self.placement.path.iter().map(row).collect();
        let links = path?;
        let links = links
            .windows(2)
            .map(|ends| world.network.find(ends[0], ends[1]));
        Some((placement, links.collect::<Option<_>>()?))
    }
}

/// Tasks as they were placed, in the order of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacedTasks {
    /// All tasks of the request.
    pub tasks: Vec<Placed>,
}

/// A task without an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) task: Task,
    /// When it was placed \[s\]; instants are in seconds from 1970 on.
    pub(crate) placed_s: f64,
    /// Its predicted end \[s\].
    pub(crate) end_s: f64,
    /// When its lease ends \[s\].
    pub(crate) lease_end_s: f64,
    pub(crate) placement: PlacementReport,
}

impl Open {
    /// Whether all its numbers are such as a decision gives.
    pub(super) fn is_sound(&self) -> bool {
        let (task, placement) = (&self.task, &self.placement);
        let numbers = [
            task.cycles,
            task.data_bits,
            task.deadline_s,
            self.placed_s,
            self.end_s,
            self.lease_end_s,
            placement.cpu_hz,
            placement.delay_s,
            placement.delay_parts_s.upload,
        ];
        numbers
            .iter()
            .all(|number| (0.0..=LARGEST).contains(number))
    }
}

/// Largest number of a task or an instant: sums of many stay exact or finite.
const LARGEST: f64 = 1e18;

/// A vehicle that is present.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Present {
    pub(crate) vehicle: Vehicle,
    /// When it is gone, if it says nothing \[s\].
    pub(crate) gone_s: f64,
}

/// What an agent reported, and when \[s\].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reported {
    pub(crate) at_s: f64,
    pub(crate) report: RsuReport,
}

/// The answer to a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Of the body.
    pub(crate) hash: String,
    /// Until when it is kept \[s\].
    pub(crate) until_s: f64,
    pub(crate) answer: PlacedTasks,
}

/// A change of the state: a key of the journal with its new value, or without one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) value: Option<Vec<u8>>,
}

/// Kinds of keys in the journal.
pub(super) const VEHICLE: &str = "vehicle/";
/// Open tasks, [`NUMBERS`] to a record.
pub(super) const TASKS: &str = "tasks/";
/// How many numbers of tasks share a record: with one for each task the journal took more than a quarter of a busy centre's CPU.
pub(super) const NUMBERS: u64 = 16;
pub(super) const RSU: &str = "rsu/";
pub(super) const KEY: &str = "key/";
/// The number of the next task.
pub(super) const NEXT: &str = "next";
/// The scenario's parts that these depend on.
pub(super) const WORLD: &str = "world";

impl Change {
    pub(super) fn put(kind: &str, id: &str, value: &impl Serialize) -> Self {
        Self {
            key: format!("{kind}{id}"),
            value: Some(serde_json::to_vec(value).expect("plain data")),
        }
    }

    pub(super) fn remove(kind: &str, id: &str) -> Self {
        Self {
            key: format!("{kind}{id}"),
            value: None,
        }
    }
}

/// All that a journal holds, by key.
pub(crate) type Saved = BTreeMap<String, Vec<u8>>;

/// The records of a kind, by id.
///
/// # Errors
/// Says which record is none.
pub(super) fn of_kind<T: DeserializeOwned>(
    saved: &Saved,
    kind: &str,
) -> Result<Vec<(String, T)>, String> {
    let rows = saved
        .range(kind.to_owned()..)
        .take_while(|(key, _)| key.starts_with(kind));
    let read = |(key, value): (&String, &Vec<u8>)| {
        let record = serde_json::from_slice(value).map_err(|error| format!("{key}: {error}"))?;
        Ok((key[kind.len()..].to_owned(), record))
    };
    rows.map(read).collect()
}
