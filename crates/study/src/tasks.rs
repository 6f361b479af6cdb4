//! `tasks.parquet`: one row per seed, policy, slot and task.
//!
//! Seeds run in parallel, and their tasks may not fit in memory together. So every seed writes a file of its own, and
//! the files are joined in the order of the seeds. Where tasks queue for cores, rows are in the order in which outcomes
//! become known, and the costs of lost tasks are null. `path` names the RSUs on a task's route, both ends included:
//! `r0 r3 r5`. Where work runs in sessions a task is the batch of one, and further columns say who hosts it and how it moves.
//! Where answers are returned, further columns say what became of each.
//! Where faults strike it is the route travelled, as far as the task came.

use crate::columns::{Column, ParquetWriter, RowWriter};
use crate::read::{self, Values};
use std::io;
use std::path::{Path, PathBuf};
use wayside_core::backhaul::network::Link;
use wayside_core::engine::TaskOutcome;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::records::PolicyRun;
use wayside_core::engine::result::{Fate, Returned};
use wayside_core::engine::world::World;
use wayside_core::evaluate::Outcome;
use wayside_core::queueing::Lost;
use wayside_core::slot::{Placement, Slot};

/// One row.
struct Row<'a> {
    seed: u64,
    policy: &'a str,
    slot: u32,
    task: u32,
    cycles: f64,
    data_bits: f64,
    deadline_s: f64,
    entry: Option<&'a str>,
    execution: Option<&'a str>,
    path: Option<String>,
    cpu_hz: f64,
    outcome: Result<Outcome, Lost>,
    /// Boxed, because most runs have none and rows are kept by the ten thousand.
    session: Option<Box<SessionRow<'a>>>,
    returned: Option<Box<ReturnRow<'a>>>,
}

/// What is known of a session in a slot.
#[derive(Clone, Copy, Debug)]
struct SessionRow<'a> {
    id: u64,
    left: u32,
    host: Option<&'a str>,
    moving_to: Option<&'a str>,
    moved_bytes: f64,
    down_s: f64,
    interruption_s: f64,
}

/// The columns of batches of sessions, after those of any task.
fn session_columns<'a>() -> [(&'static str, Column<Row<'a>>); 7] {
    [
        (
            "session",
            Column::Unsigned(|r| r.session.as_ref().map_or(0, |s| s.id)),
        ),
        (
            "left",
            Column::Count(|r| r.session.as_ref().map_or(0, |s| s.left)),
        ),
        ("host", Column::MaybeText(|r| r.session.as_ref()?.host)),
        (
            "moving_to",
            Column::MaybeText(|r| r.session.as_ref()?.moving_to),
        ),
        (
            "moved_bytes",
            Column::MaybeReal(|r| Some(r.session.as_ref()?.moved_bytes)),
        ),
        (
            "down_s",
            Column::MaybeReal(|r| Some(r.session.as_ref()?.down_s)),
        ),
        (
            "interruption_s",
            Column::MaybeReal(|r| Some(r.session.as_ref()?.interruption_s)),
        ),
    ]
}

/// The return of a task's answer.
#[derive(Clone, Copy, Debug)]
struct ReturnRow<'a> {
    returned: Returned,
    /// The RSU that sent it to the vehicle.
    by: Option<&'a str>,
}

/// The columns of the return of answers, after those of any task.
fn return_columns<'a>() -> [(&'static str, Column<Row<'a>>); 12] {
    [
        ("return", Column::MaybeText(|r| Some(r.fate()?.name()))),
        ("return_by", Column::MaybeText(|r| r.returned.as_ref()?.by)),
        ("return_bits", Column::MaybeReal(|r| Some(r.answer()?.bits))),
        (
            "return_s",
            Column::MaybeReal(|r| Some(r.answer()?.delay_s())),
        ),
        (
            "return_wait_s",
            Column::MaybeReal(|r| Some(r.answer()?.wait_s)),
        ),
        (
            "return_migration_s",
            Column::MaybeReal(|r| Some(r.answer()?.backhaul_s)),
        ),
        (
            "return_down_s",
            Column::MaybeReal(|r| Some(r.answer()?.down_s)),
        ),
        (
            "return_interruption_s",
            Column::MaybeReal(|r| Some(r.answer()?.interruption_s)),
        ),
        (
            "return_lost_s",
            Column::MaybeReal(|r| Some(r.answer()?.lost_s)),
        ),
        (
            "return_j",
            Column::MaybeReal(|r| Some(r.answer()?.energy_j)),
        ),
        (
            "return_hops",
            Column::Count(|r| r.answer().map_or(0, |a| a.hops)),
        ),
        (
            "handovers",
            Column::Count(|r| r.answer().map_or(0, |a| a.handovers)),
        ),
    ]
}

/// What a file says besides what it says of any task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Further {
    pub(crate) sessions: bool,
    pub(crate) returns: bool,
}

impl Further {
    /// Of runs in a world.
    fn of(world: &World) -> Self {
        Self {
            sessions: world.sessions.is_some(),
            returns: world.scenario.result.is_some(),
        }
    }

    /// Of finished runs.
    pub(crate) fn of_runs<'a>(mut runs: impl Iterator<Item = &'a PolicyRun> + Clone) -> Self {
        let returns = |run: &PolicyRun| run.slots.iter().any(|slot| slot.returns.is_some());
        Self {
            sessions: runs.clone().any(|run| run.sessions.is_some()),
            returns: runs.any(returns),
        }
    }
}

/// All columns.
fn columns<'a>(further: Further) -> Vec<(&'static str, Column<Row<'a>>)> {
    let mut columns: Vec<_> = task_columns().into();
    if further.sessions {
        columns.extend(session_columns());
    }
    if further.returns {
        columns.extend(return_columns());
    }
    columns
}

// Long: a table, one line per column.
fn task_columns<'a>() -> [(&'static str, Column<Row<'a>>); 25] {
    [
        ("seed", Column::Unsigned(|r| r.seed)),
        ("policy", Column::Text(|r| r.policy)),
        ("slot", Column::Count(|r| r.slot)),
        ("task", Column::Count(|r| r.task)),
        ("cycles", Column::Real(|r| r.cycles)),
        ("data_bits", Column::Real(|r| r.data_bits)),
        ("deadline_s", Column::Real(|r| r.deadline_s)),
        ("mode", Column::Text(Row::mode)),
        ("entry", Column::MaybeText(|r| r.entry)),
        ("execution", Column::MaybeText(|r| r.execution)),
        ("hops", Column::Count(|r| r.outcome.map_or(0, |o| o.hops))),
        ("cpu_hz", Column::Real(|r| r.cpu_hz)),
        (
            "delay_s",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.delay_s())),
        ),
        (
            "upload_s",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.upload_s)),
        ),
        (
            "migration_s",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.migration_s)),
        ),
        (
            "wait_s",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.wait_s)),
        ),
        (
            "compute_s",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.compute_s)),
        ),
        (
            "energy_j",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.energy_j())),
        ),
        (
            "upload_j",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.upload_j)),
        ),
        (
            "migration_j",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.migration_j)),
        ),
        (
            "compute_j",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.compute_j)),
        ),
        ("deadline_met", Column::Flag(Row::is_on_time)),
        (
            "propagation_s",
            Column::MaybeReal(|r| Some(r.outcome.ok()?.propagation_s)),
        ),
        ("lost", Column::MaybeText(Row::lost)),
        ("path", Column::MaybeText(|r| r.path.as_deref())),
    ]
}

impl Row<'_> {
    fn mode(&self) -> &str {
        match (self.entry, self.execution) {
            (None, _) => "local",
            (Some(_), Some(_)) => "rsu",
            (Some(_), None) => "cloud",
        }
    }

    fn is_on_time(&self) -> bool {
        let there = self.fate().is_none_or(Fate::is_there);
        there && self.outcome.is_ok_and(|o| o.delay_s() <= self.deadline_s)
    }

    fn answer(&self) -> Option<Returned> {
        Some(self.returned.as_ref()?.returned)
    }

    fn fate(&self) -> Option<Fate> {
        Some(self.answer()?.fate)
    }

    fn lost(&self) -> Option<&str> {
        Some(self.outcome.err()?.reason.name())
    }
}

/// Writes the tasks of one seed.
pub(crate) struct TaskWriter<'a> {
    seed: u64,
    rsu_ids: &'a [String],
    links: &'a [Link],
    /// Reused for the links of a route.
    route: Vec<u32>,
    rows: RowWriter<Row<'a>>,
}

impl<'a> TaskWriter<'a> {
    pub(crate) fn create(folder: &Path, seed: u64, world: &'a World) -> io::Result<Self> {
        let columns = columns(Further::of(world));
        Ok(Self {
            seed,
            rsu_ids: &world.rsus.id,
            links: world.network.links(),
            route: Vec::new(),
            rows: RowWriter::create(&path(folder, seed), "tasks", columns)?,
        })
    }

    /// Adds the tasks of a slot.
    pub(crate) fn add(
        &mut self,
        t: usize,
        policy: &'a str,
        slot: &Slot,
        decider: &Decider,
    ) -> io::Result<()> {
        for task in 0..decider.outcomes().len() {
            let row = self.row(t, policy, slot, decider, task);
            self.rows.push(row)?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        t: usize,
        policy: &'a str,
        slot: &Slot,
        decider: &Decider,
        task: usize,
    ) -> Row<'a> {
        let (rsu_ids, links) = (self.rsu_ids, self.links);
        let rsu_id = |m: u32| rsu_ids[m as usize].as_str();
        let placement = decider.placements()[task];
        let (entry, execution, cpu_hz) = match placement {
            Placement::Local => {
                let vehicle = slot.tasks.vehicle[task] as usize;
                (None, None, slot.vehicles.cpu_hz[vehicle])
            }
            Placement::Rsu { entry, execution } => (
                Some(rsu_id(entry)),
                Some(rsu_id(execution)),
                decider.cpu_hz()[task],
            ),
            Placement::Cloud { entry } => (Some(rsu_id(entry)), None, 0.0),
        };
        let path = decider.path(slot, task, &mut self.route);
        Row {
            seed: self.seed,
            policy,
            slot: t as u32,
            task: task as u32,
            cycles: slot.tasks.cycles[task],
            data_bits: slot.tasks.data_bits[task],
            deadline_s: slot.tasks.deadline_s[task],
            entry,
            execution,
            path: way(placement, path, links, rsu_ids),
            cpu_hz,
            outcome: Ok(decider.outcomes()[task]),
            session: session_row(slot, task, rsu_ids).map(Box::new),
            returned: decider.returns().get(task).map(|&returned| {
                let by = returned.fate.rsu().map(rsu_id);
                Box::new(ReturnRow { returned, by })
            }),
        }
    }

    /// Adds a task whose outcome has become known.
    pub(crate) fn add_ended(&mut self, policy: &'a str, task: &TaskOutcome) -> io::Result<()> {
        let Self {
            seed,
            rsu_ids,
            links,
            ..
        } = *self;
        let rsu_id = |m: u32| rsu_ids[m as usize].as_str();
        self.rows.push(Row {
            seed,
            policy,
            slot: task.slot,
            task: task.task,
            cycles: task.cycles,
            data_bits: task.data_bits,
            deadline_s: task.deadline_s,
            entry: task.placement.entry().map(rsu_id),
            execution: task.placement.execution().map(rsu_id),
            path: way(task.placement, task.path, links, rsu_ids),
            cpu_hz: task.cpu_hz,
            outcome: task.outcome,
            session: None,
            returned: task.returned.map(|returned| {
                let by = returned.fate.rsu().map(rsu_id);
                Box::new(ReturnRow { returned, by })
            }),
        })
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.rows.finish()
    }
}

/// Ids of the RSUs on the route of a task, `r0 r3 r5`; none for a task on its vehicle or in the cloud.
fn way(placement: Placement, path: &[u32], links: &[Link], rsu_ids: &[String]) -> Option<String> {
    let Placement::Rsu { entry, .. } = placement else {
        return None;
    };
    let mut way = rsu_ids[entry as usize].clone();
    for &row in path {
        way.push(' ');
        way.push_str(&rsu_ids[links[row as usize].to as usize]);
    }
    Some(way)
}

fn session_row<'a>(slot: &Slot, task: usize, rsu_ids: &'a [String]) -> Option<SessionRow<'a>> {
    let sessions = slot.sessions.as_ref()?;
    let state = &sessions.state[task];
    let rsu_id = |m: u32| rsu_ids[m as usize].as_str();
    let down_s = state.down.map_or(0.0, |down| match down.away {
        0 => down.wait_s,
        _ => slot.slot_s,
    });
    Some(SessionRow {
        id: sessions.id[task],
        left: sessions.left[task],
        host: state.host.map(rsu_id),
        moving_to: state.moving.map(|(to, _)| rsu_id(to)),
        moved_bytes: sessions.ordered[task].map_or(0.0, |way| way.bits / 8.0),
        down_s,
        interruption_s: sessions.interruption_s[task],
    })
}

/// Joins the files of `seeds`.
pub(crate) fn join<W: io::Write + Send>(
    to: W,
    folder: &Path,
    seeds: impl Iterator<Item = u64>,
    further: Further,
) -> io::Result<W> {
    let mut table = ParquetWriter::create(to, "tasks", &columns(further))?;
    for seed in seeds {
        table.append(&path(folder, seed))?;
    }
    table.finish()
}

/// The columns of the file of `seed`.
pub(crate) fn columns_of(folder: &Path, seed: u64) -> io::Result<Vec<(String, Values)>> {
    read::columns(std::fs::read(path(folder, seed))?)
}

fn path(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("seed{seed}.parquet"))
}
