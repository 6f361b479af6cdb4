//! Runs the cells of a study in parallel, keeping what is finished.
//!
//! Work is cut into blocks of seeds of one cell. Seeds share nothing, blocks are put together in the order of
//! grid, cell and seed, and which further seeds are run depends on results alone: so neither the number of
//! threads nor an interruption changes a byte of the results.

use super::cells::Cell;
use super::data::{Data, Row};
use super::metrics::{self, Witness};
use super::parts::Parts;
use super::recorded;
use super::verdict::{self, Judged};
use super::{Grid, Measure, Study};
use crate::claim::Claim;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Contender, Options, replicate_observed};
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::Streams;
use wayside_core::{Error, Result, Scenario};

/// Seeds of a block.
const BLOCK: usize = 10;

/// What enters a study, by name, made for a scenario where it depends on one; `None` for a name that there
/// is not.
pub type Registry = dyn Fn(&str, Option<&Scenario>) -> Option<Box<dyn Contender>> + Sync;

/// The analytic policies.
#[must_use]
pub fn analytic(name: &str, _: Option<&Scenario>) -> Option<Box<dyn Contender>> {
    PolicyKind::from_name(name).map(|kind| Box::new(kind) as Box<dyn Contender>)
}

/// How a study is run.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The study.
    pub study: &'a Study,
    /// Fewer cells and seeds.
    pub quick: bool,
    /// Blocks run at a time; 0: one per core.
    pub threads: usize,
    /// Who is called what.
    pub registry: &'a Registry,
}

/// What another thread may see and say while a study runs.
#[derive(Debug, Default)]
pub struct Control {
    /// Set it to stop before the next slot.
    pub cancelled: AtomicBool,
    /// Blocks finished.
    pub done: AtomicU64,
    /// Blocks known to be needed.
    pub total: AtomicU64,
}

/// A block of seeds of one cell.
struct Block<'a> {
    grid: usize,
    spec: &'a Grid,
    at: usize,
    cell: &'a Cell,
    seeds: Vec<u64>,
}

/// Runs what is not in `folder` yet. The rows and the claims judged on them; `None` where it was cancelled.
///
/// # Errors
/// A policy that cannot serve a scenario; files that cannot be written; threads that the system refuses.
pub fn run(
    plan: &Plan<'_>,
    folder: &Path,
    control: &Control,
) -> Result<Option<(Data, Vec<Claim>)>> {
    let Plan { study, quick, .. } = *plan;
    let parts = Parts::open(folder).map_err(|e| Error::io(folder, e))?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .build()
        .map_err(|e| Error::io(Path::new("threads"), io::Error::other(e)))?;
    let mut data = Data::default();
    for (i, grid) in study.grids.iter().enumerate() {
        if grid.measure == Measure::Recorded {
            recorded::rows(grid, i, quick)
                .into_iter()
                .for_each(|rows| data.add(rows));
            continue;
        }
        let names = grid.policies.iter().chain(&grid.awaited);
        let missing = names.filter(|name| (plan.registry)(name, None).is_none());
        data.missing.insert(i, missing.cloned().collect());
    }
    let cells: Vec<Vec<Cell>> = study.grids.iter().map(|grid| grid.cells(quick)).collect();
    let looks = study.seeds.looks(quick);
    // The cells that get the next seeds; all of them at first.
    let mut open: BTreeSet<(usize, usize)> = (0..cells.len())
        .flat_map(|grid| (0..cells[grid].len()).map(move |cell| (grid, cell)))
        .collect();
    let mut claims = Vec::new();
    let mut from = 0;
    for &to in &looks {
        let blocks: Vec<Block<'_>> = open
            .iter()
            .flat_map(|&(grid, at)| {
                let spec = &study.grids[grid];
                // What is measured without policies has no seeds.
                let (from, to) = match spec.measure {
                    Measure::Policies => (from, to),
                    Measure::Information => (from.min(1), 1),
                    Measure::Recorded => (0, 0),
                };
                let cell = &cells[grid][at];
                let starts = (from..to).step_by(BLOCK);
                starts.map(move |start| Block {
                    grid,
                    spec,
                    at,
                    cell,
                    seeds: (start..to.min(start + BLOCK))
                        .map(|seed| study.seeds.first + seed as u64)
                        .collect(),
                })
            })
            .collect();
        control
            .total
            .fetch_add(blocks.len() as u64, Ordering::Relaxed);
        let failed = AtomicBool::new(false);
        let stop = || control.cancelled.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
        let one = |block: &Block<'_>| {
            let result = block.find_or_run(plan, &parts, folder, &stop);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            control.done.fetch_add(1, Ordering::Relaxed);
            result
        };
        // Collected before the first error is looked for, so that it is that of the first block.
        let results: Vec<Result<Option<Vec<Row>>>> =
            pool.install(|| blocks.par_iter().with_max_len(1).map(one).collect());
        for rows in results {
            match rows? {
                Some(rows) => data.add(rows),
                None => return Ok(None),
            }
        }
        Judged { claims, open } = verdict::judge(study, &data, quick);
        from = to;
        if open.is_empty() {
            break;
        }
    }
    Ok(Some((data, claims)))
}

impl Block<'_> {
    /// `None` where the run was stopped.
    fn find_or_run(
        &self,
        plan: &Plan<'_>,
        parts: &Parts,
        folder: &Path,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Row>>> {
        if stop() {
            return Ok(None);
        }
        let scenario = self.spec.resolve(self.cell)?;
        let contenders: Vec<(&String, Box<dyn Contender>)> = self
            .spec
            .policies
            .iter()
            .chain(&self.spec.awaited)
            .filter_map(|name| Some((name, (plan.registry)(name, Some(&scenario))?)))
            .collect();
        let names: Vec<&str> = contenders.iter().map(|(name, _)| name.as_str()).collect();
        let name = Parts::name(&[
            &scenario.to_toml(),
            &names.join(","),
            &format!("{:?}", (self.spec.measure, self.spec.bound, &self.seeds)),
        ]);
        let like = Row {
            grid: self.grid,
            grid_id: self.spec.id.clone(),
            cell: self.at,
            cell_name: self.spec.name_of(self.cell, &[]),
            seed: 0,
            policy: String::new(),
            values: Vec::new(),
        };
        if let Some(rows) = parts.read(&name, &like) {
            return Ok(Some(rows));
        }
        let world = World::new(&scenario)?;
        let mut rows = Vec::new();
        match self.spec.measure {
            Measure::Recorded => {}
            Measure::Information => {
                let values = metrics::information(&world);
                rows.push(Row {
                    seed: self.seeds[0],
                    values: values.unwrap_or_else(|| vec![None; metrics::NAMES.len()]),
                    ..like
                });
            }
            Measure::Policies => {
                // A trained policy may not serve every scenario; it has no rows there.
                let serves = |c: &dyn Contender| c.enter(&world, Streams::new(0)).is_ok();
                let boxes: Vec<Named> = contenders
                    .into_iter()
                    .filter(|(_, contender)| serves(contender.as_ref()))
                    .map(|(name, contender)| Named(name.clone(), contender))
                    .collect();
                for &seed in &self.seeds {
                    let options = Options {
                        slots: scenario.time.slots,
                        bound: if self.spec.bound {
                            BoundKind::Simple
                        } else {
                            BoundKind::Off
                        },
                    };
                    let bound = self.spec.bound && world.faults.is_empty();
                    let mut witness = Witness::new(boxes.len(), bound, stop);
                    let run = replicate_observed(&world, &boxes, seed, options, &mut witness)?;
                    let Some(replication) = run else {
                        return Ok(None);
                    };
                    let values = witness.values(&replication);
                    rows.extend(
                        boxes
                            .iter()
                            .zip(values)
                            .map(|(Named(policy, _), values)| Row {
                                seed,
                                policy: policy.clone(),
                                values,
                                ..like.clone()
                            }),
                    );
                }
            }
        }
        parts
            .write(&name, &rows)
            .map_err(|e| Error::io(folder, e))?;
        Ok(Some(rows))
    }
}

/// A contender under the name that the study knows it by.
struct Named(String, Box<dyn Contender>);

impl Contender for Named {
    fn name(&self) -> &str {
        &self.0
    }

    fn enter(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        self.1.enter(world, streams)
    }
}
