//! Reads a finished run back, as the page of the live centre shows it.

use super::{FILE, RSU, SITE, Site, TASK, VEHICLE};
use crate::read::{self, Values};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use wayside_core::{Error, Result};

/// A result folder that can be played.
#[derive(Clone, Debug)]
pub struct Playback {
    folder: PathBuf,
    outline: Outline,
}

/// What there is to play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// What stands still.
    #[serde(flatten)]
    pub site: Site,
    /// The seeds, in the order of the files.
    pub seeds: Vec<u64>,
    /// The policies.
    pub policies: Vec<String>,
}

/// An instant of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Number of its slot.
    pub slot: i64,
    /// The instant, from the start of the run \[s\].
    pub time_s: f64,
    /// The vehicles.
    pub vehicles: Vec<Vehicle>,
    /// What tell RSUs of their queues, where tasks queue for cores.
    pub queues: Vec<Queue>,
    /// The tasks that arose, and what the slot cost.
    pub batch: Batch,
}

/// Where a vehicle is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vehicle {
    /// Its id.
    pub id: String,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
}

/// The queue of an RSU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Id of the RSU.
    pub id: String,
    /// Tasks that wait.
    pub queue: f64,
}

/// The tasks of an instant, in the form of the event `batch` of `/v1/events`; objective, bound, LBM and tau are those of the slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The policy.
    pub policy: String,
    /// Mean cost of the slot's tasks.
    pub objective: f64,
    /// Its certified lower bound.
    pub lower_bound: Option<f64>,
    /// (objective - bound) / bound.
    pub gap: Option<f64>,
    /// How loaded RSUs are.
    pub load: Load,
    /// The tasks.
    pub tasks: Vec<Task>,
}

/// How loaded RSUs are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// LBM (9).
    pub lbm: f64,
    /// Its bound.
    pub tau: f64,
    /// Loads by id.
    pub per_rsu: BTreeMap<String, f64>,
}

/// A task, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// `t0` is the first of the slot.
    pub id: String,
    /// Id of its vehicle.
    pub vehicle: String,
    /// `local`, `rsu` or `cloud`.
    pub mode: String,
    /// Ids of the RSUs on its way.
    pub path: Vec<String>,
    /// Delay \[s\]; none of a lost task.
    pub delay_s: Option<f64>,
    /// Whether it was done within its deadline.
    pub deadline_met: bool,
}

impl Playback {
    /// Opens the results in `folder`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is no folder of results that can be played.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let invalid = |message: &str| Error::invalid(path.display().to_string(), None, "", message);
        if !path.is_file() {
            let how = "is not there; `wayside run --playback --out DIR` writes it";
            return Err(invalid(how));
        }
        let foreign = || invalid("is no playback of Wayside's");
        let site = guarded(|| read::metadata(File::open(&path)?, SITE));
        let site = site
            .map_err(|e| unreadable(&path, &e))?
            .ok_or_else(foreign)?;
        let site: Site = serde_json::from_str(&site).map_err(|_| foreign())?;
        let (mut seeds, mut policies) = (Vec::new(), Vec::new());
        each_group(
            folder,
            "slots.parquet",
            ["seed", "policy"],
            |[seed, policy]| {
                for (seed, policy) in unsigned(seed)?.into_iter().zip(texts(policy)?) {
                    if seeds.last() != Some(&seed) && !seeds.contains(&seed) {
                        seeds.push(seed);
                    }
                    if !policies.contains(&policy) {
                        policies.push(policy);
                    }
                }
                Ok(())
            },
        )?;
        Ok(Self {
            folder: folder.to_owned(),
            outline: Outline {
                site,
                seeds,
                policies,
            },
        })
    }

    /// What there is to play.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// All instants of a seed under a policy; none where the run has no such seed or policy.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a file is not what a run writes.
    pub fn frames(&self, seed: u64, policy: &str) -> Result<Vec<Frame>> {
        let mut run = Run::default();
        self.read_scenes(seed, policy, &mut run)?;
        self.read_tasks(seed, policy, &mut run)?;
        self.read_slots(seed, policy, &mut run)?;
        Ok(run.frames)
    }

    /// Vehicles, and whose tasks are which.
    fn read_scenes(&self, seed: u64, policy: &str, run: &mut Run) -> Result<()> {
        let names = [
            "seed", "policy", "slot", "time_s", "kind", "id", "x_m", "y_m", "vehicle", "load",
            "waiting",
        ];
        each_group(&self.folder, FILE, names, |columns| {
            let [
                seeds,
                policies,
                slots,
                times_s,
                kinds,
                ids,
                xs,
                ys,
                vehicles,
                loads,
                waiting,
            ] = columns;
            let (seeds, policies) = (unsigned(seeds)?, maybe_texts(policies)?);
            let (slots, times_s) = (counts(slots)?, reals(times_s)?);
            let (kinds, ids, vehicles) = (texts(kinds)?, texts(ids)?, maybe_texts(vehicles)?);
            let (xs, ys) = (maybe_reals(xs)?, maybe_reals(ys)?);
            let (loads, waiting) = (maybe_reals(loads)?, maybe_reals(waiting)?);
            for (row, id) in ids.into_iter().enumerate() {
                let other = policies[row].as_deref().is_some_and(|p| p != policy);
                if seeds[row] != seed || other {
                    continue;
                }
                let at = run.frame_at(slots[row], times_s[row], policy);
                let (frame, missing) = (&mut run.frames[at], || not_ours("a value is missing"));
                match kinds[row].as_str() {
                    VEHICLE => frame.vehicles.push(Vehicle {
                        id,
                        x_m: xs[row].ok_or_else(missing)?,
                        y_m: ys[row].ok_or_else(missing)?,
                    }),
                    TASK => {
                        let vehicle = vehicles[row].clone().ok_or_else(missing)?;
                        run.owners.insert((slots[row], id), (at, vehicle));
                    }
                    RSU => {
                        if let Some(queue) = waiting[row] {
                            let id = id.clone();
                            frame.queues.push(Queue { id, queue });
                        }
                        let load = loads[row].ok_or_else(missing)?;
                        frame.batch.load.per_rsu.insert(id, load);
                    }
                    other => return Err(not_ours(&format!("has a row about {other:?}"))),
                }
            }
            Ok(())
        })
    }

    /// What became of the tasks, in the order of their numbers.
    fn read_tasks(&self, seed: u64, policy: &str, run: &mut Run) -> Result<()> {
        let names = [
            "seed",
            "policy",
            "slot",
            "task",
            "mode",
            "entry",
            "path",
            "delay_s",
            "deadline_met",
        ];
        each_group(&self.folder, "tasks.parquet", names, |columns| {
            let [
                seeds,
                policies,
                slots,
                tasks,
                modes,
                entries,
                paths,
                delays_s,
                met,
            ] = columns;
            let (seeds, policies) = (unsigned(seeds)?, texts(policies)?);
            let (slots, tasks, modes) = (counts(slots)?, counts(tasks)?, texts(modes)?);
            let (entries, paths) = (maybe_texts(entries)?, maybe_texts(paths)?);
            let (delays_s, met) = (maybe_reals(delays_s)?, flags(met)?);
            for row in 0..seeds.len() {
                if seeds[row] != seed || policies[row] != policy {
                    continue;
                }
                let id = format!("t{}", tasks[row]);
                let owner = run.owners.get(&(slots[row], id.clone()));
                let (at, vehicle) = owner.ok_or_else(|| not_ours("a task has no vehicle"))?;
                let way = paths[row].as_ref().or(entries[row].as_ref());
                let way = way.into_iter().flat_map(|way| way.split(' '));
                run.frames[*at].batch.tasks.push(Task {
                    id,
                    vehicle: vehicle.clone(),
                    mode: modes[row].clone(),
                    path: way.map(str::to_owned).collect(),
                    delay_s: delays_s[row],
                    deadline_met: met[row],
                });
            }
            Ok(())
        })?;
        // where tasks queue, they are in the order of their ends
        let number = |task: &Task| task.id[1..].parse::<u64>().unwrap_or_default();
        for frame in &mut run.frames {
            frame.batch.tasks.sort_by_key(number);
        }
        Ok(())
    }

    /// What slots cost.
    fn read_slots(&self, seed: u64, policy: &str, run: &mut Run) -> Result<()> {
        let names = [
            "seed",
            "policy",
            "slot",
            "objective",
            "lower_bound",
            "lbm",
            "tau",
        ];
        each_group(&self.folder, "slots.parquet", names, |columns| {
            let [seeds, policies, slots, objectives, bounds, lbms, taus] = columns;
            let (seeds, policies, slots) = (unsigned(seeds)?, texts(policies)?, counts(slots)?);
            let (objectives, bounds) = (reals(objectives)?, maybe_reals(bounds)?);
            let (lbms, taus) = (reals(lbms)?, reals(taus)?);
            for row in 0..seeds.len() {
                if seeds[row] != seed || policies[row] != policy {
                    continue;
                }
                let first = run.frames.partition_point(|frame| frame.slot < slots[row]);
                let of_slot = run.frames[first..].iter_mut();
                for frame in of_slot.take_while(|frame| frame.slot == slots[row]) {
                    let batch = &mut frame.batch;
                    batch.objective = objectives[row];
                    batch.lower_bound = bounds[row];
                    let gap = bounds[row].filter(|&bound| bound > 0.0);
                    batch.gap = gap.map(|bound| (objectives[row] - bound) / bound);
                    (batch.load.lbm, batch.load.tau) = (lbms[row], taus[row]);
                }
            }
            Ok(())
        })
    }
}

/// The frames of a run while they are read.
#[derive(Default)]
struct Run {
    frames: Vec<Frame>,
    /// The frame and the vehicle of every task, by slot and id.
    owners: BTreeMap<(i64, String), (usize, String)>,
}

impl Run {
    /// The frame of an instant; rows are in the order of instants.
    fn frame_at(&mut self, slot: i64, time_s: f64, policy: &str) -> usize {
        let last = self.frames.last();
        if last.is_none_or(|last| (last.slot, last.time_s) != (slot, time_s)) {
            self.frames.push(Frame {
                slot,
                time_s,
                vehicles: Vec::new(),
                queues: Vec::new(),
                batch: Batch {
                    policy: policy.to_owned(),
                    objective: 0.0,
                    lower_bound: None,
                    gap: None,
                    load: Load {
                        lbm: 0.0,
                        tau: 0.0,
                        per_rsu: BTreeMap::new(),
                    },
                    tasks: Vec::new(),
                },
            });
        }
        self.frames.len() - 1
    }
}

fn each_group<const N: usize>(
    folder: &Path,
    name: &str,
    names: [&str; N],
    visit: impl FnMut([Values; N]) -> io::Result<()>,
) -> Result<()> {
    let path = folder.join(name);
    let visited = guarded(|| read::each_group(File::open(&path)?, names, visit));
    visited.map_err(|error| unreadable(&path, &error))
}

/// The library panics on some damaged files: that is the file's error.
fn guarded<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let read = catch_unwind(AssertUnwindSafe(read));
    read.unwrap_or_else(|_| Err(not_ours("is damaged")))
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let message = format!("cannot be played: {error}");
    Error::invalid(path.display().to_string(), None, "", message)
}

fn not_ours(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

/// One accessor for each type of column.
macro_rules! accessors {
    ($($name:ident: $variant:ident($type:ty)),* $(,)?) => {$(
        fn $name(values: Values) -> io::Result<Vec<$type>> {
            match values {
                Values::$variant(values) => Ok(values),
                _ => Err(not_ours("a column has another type")),
            }
        }
    )*};
}

accessors! {
    unsigned: Unsigned(u64),
    counts: Count(i64),
    reals: Real(f64),
    maybe_reals: MaybeReal(Option<f64>),
    flags: Flag(bool),
    texts: Text(String),
    maybe_texts: MaybeText(Option<String>),
}
