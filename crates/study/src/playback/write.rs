//! Writes the rows of a seed while it runs, and joins those of all seeds.

use super::{RSU, SITE, Site, TASK, VEHICLE};
use crate::columns::{Column, ParquetWriter, RowWriter};
use std::io;
use std::path::{Path, PathBuf};
use wayside_core::engine::decider::Decider;
use wayside_core::engine::world::World;
use wayside_core::slot::Slot;

/// One row.
struct Row<'a> {
    seed: u64,
    /// None where it is the same under all policies.
    policy: Option<&'a str>,
    slot: u32,
    time_s: f64,
    kind: &'static str,
    id: String,
    /// Of a vehicle.
    place_m: Option<[f64; 2]>,
    /// Of a task.
    vehicle: Option<String>,
    /// Of an RSU.
    load: Option<f64>,
    waiting: Option<f64>,
}

fn columns<'a>() -> [(&'static str, Column<Row<'a>>); 11] {
    [
        ("seed", Column::Unsigned(|r| r.seed)),
        ("policy", Column::MaybeText(|r| r.policy)),
        ("slot", Column::Count(|r| r.slot)),
        ("time_s", Column::Real(|r| r.time_s)),
        ("kind", Column::Text(|r| r.kind)),
        ("id", Column::Text(|r| &r.id)),
        ("x_m", Column::MaybeReal(|r| Some(r.place_m?[0]))),
        ("y_m", Column::MaybeReal(|r| Some(r.place_m?[1]))),
        ("vehicle", Column::MaybeText(|r| r.vehicle.as_deref())),
        ("load", Column::MaybeReal(|r| r.load)),
        ("waiting", Column::MaybeReal(|r| r.waiting)),
    ]
}

/// Writes the rows of one seed.
pub(crate) struct PlaybackWriter<'a> {
    seed: u64,
    rsu_ids: &'a [String],
    rows: RowWriter<Row<'a>>,
    /// The slot that was last seen, and its tasks before the instant seen next: they are numbered through, as in `tasks.parquet`.
    slot: usize,
    tasks: usize,
}

impl<'a> PlaybackWriter<'a> {
    pub(crate) fn create(folder: &Path, seed: u64, world: &'a World) -> io::Result<Self> {
        Ok(Self {
            seed,
            rsu_ids: &world.rsus.id,
            rows: RowWriter::create(&path(folder, seed), "playback", columns().into())?,
            slot: 0,
            tasks: 0,
        })
    }

    /// Adds the vehicles and tasks of an instant of slot `t`.
    pub(crate) fn add(&mut self, t: usize, slot: &Slot) -> io::Result<()> {
        if t != self.slot {
            (self.slot, self.tasks) = (t, 0);
        }
        let vehicle_id = |row: usize| format!("v{}", slot.vehicles.key[row]);
        for row in 0..slot.vehicles.len() {
            let place_m = Some([slot.vehicles.x_m[row], slot.vehicles.y_m[row]]);
            let id = vehicle_id(row);
            self.rows.push(Row {
                place_m,
                ..self.row(t, slot, VEHICLE, id)
            })?;
        }
        for (task, &row) in slot.tasks.vehicle.iter().enumerate() {
            let vehicle = Some(vehicle_id(row as usize));
            let id = format!("t{}", self.tasks + task);
            self.rows.push(Row {
                vehicle,
                ..self.row(t, slot, TASK, id)
            })?;
        }
        self.tasks += slot.tasks.len();
        Ok(())
    }

    /// Adds the loads that a policy's decision leaves. Where tasks queue for cores they are those that it finds.
    pub(crate) fn add_loads(
        &mut self,
        t: usize,
        policy: &'a str,
        slot: &Slot,
        decider: &Decider,
    ) -> io::Result<()> {
        let mut loads = decider.loads();
        for (m, id) in self.rsu_ids.iter().enumerate() {
            let (load, waiting) = match &slot.queues {
                None => (loads.next(), None),
                Some(queues) => {
                    let cores = &queues.present.core_free_s[queues.cores(m as u32)];
                    let busy = cores.iter().filter(|&&free_s| free_s > slot.now_s).count();
                    let load = busy as f64 / cores.len().max(1) as f64;
                    (Some(load), Some(queues.present.waiting[m].into()))
                }
            };
            self.rows.push(Row {
                policy: Some(policy),
                load,
                waiting,
                ..self.row(t, slot, RSU, id.clone())
            })?;
        }
        Ok(())
    }

    fn row(&self, t: usize, slot: &Slot, kind: &'static str, id: String) -> Row<'a> {
        Row {
            seed: self.seed,
            policy: None,
            slot: t as u32,
            time_s: slot.now_s,
            kind,
            id,
            place_m: None,
            vehicle: None,
            load: None,
            waiting: None,
        }
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.rows.finish()
    }
}

/// Joins the files of `seeds`, with what stands still in `world`.
pub(crate) fn join<W: io::Write + Send>(
    to: W,
    folder: &Path,
    seeds: impl Iterator<Item = u64>,
    world: &World,
) -> io::Result<W> {
    let site = serde_json::to_string(&Site::of(world))?;
    let mut table = ParquetWriter::create_with(to, "playback", &columns(), Some((SITE, site)))?;
    for seed in seeds {
        table.append(&path(folder, seed))?;
    }
    table.finish()
}

fn path(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("playback{seed}.parquet"))
}
