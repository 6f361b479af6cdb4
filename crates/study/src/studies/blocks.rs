//! Blocks of work: seeds of one cell, run anywhere. The result of a block is a *part*, the bytes of a file.

use super::block_cache::{self, BlockCache};
use super::data::Row;
use super::metrics::{self, MetricObserver, Values};
use super::plan::Plan;
use super::{Grid, Measure};
use crate::experiment::Experiment;
use std::io;
use std::path::Path;
use std::sync::Arc;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, PolicyRegistry};
use wayside_core::{Error, Result, Scenario};

/// Seeds of one cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Place of the grid in the study.
    pub grid: usize,
    /// Place of the cell in the grid.
    pub cell: usize,
    /// The seeds.
    pub seeds: Vec<u64>,
}

impl Block {
    /// Runs the block. Returns its part and the part's name, which depends on everything that the numbers depend on;
    /// `None` where it was stopped.
    ///
    /// # Errors
    /// A block that is not one of the plan; a policy that cannot serve the scenario.
    pub fn run(
        &self,
        plan: &Plan<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<(String, Vec<u8>)>> {
        let job = Job::new(plan, self)?;
        let Some(rows) = job.run(stop)? else {
            return Ok(None);
        };
        Ok(Some((job.part, encode(&rows)?)))
    }

    /// Keeps a part that was run elsewhere in `parts`.
    ///
    /// # Errors
    /// A part of other inputs or of another program, or one that is not whole; a file that cannot be written.
    pub fn keep(
        &self,
        plan: &Plan<'_>,
        parts: &BlockCache,
        name: &str,
        part: Vec<u8>,
    ) -> Result<()> {
        let job = Job::new(plan, self)?;
        let refused = |message: &str| {
            let Self { grid, cell, seeds } = self;
            let seeds = (seeds.first(), seeds.last());
            let path = format!("grid {grid}, cell {cell}, seeds {seeds:?}");
            Err(Error::invalid(&plan.study.name, None, path, message))
        };
        if name != job.part {
            return refused(
                "must be run by the same Wayside on the same files, was run by another",
            );
        }
        let whole = block_cache::decode(part.clone(), &job.like);
        let slots = job.grid.measure == Measure::Slots;
        let of_block = |row: &Row| slots || self.seeds.contains(&row.seed);
        if whole.is_none_or(|rows| !rows.iter().all(of_block)) {
            return refused("must be a whole part, got one that cannot be read");
        }
        parts.write(name, &part)
    }
}

pub(super) fn encode(rows: &[Row]) -> Result<Vec<u8>> {
    block_cache::encode(rows).map_err(|e| Error::io(Path::new("part"), io::Error::other(e)))
}

/// A block, ready to run.
pub(super) struct Job<'a> {
    grid: &'a Grid,
    seeds: &'a [u64],
    scenario: Scenario,
    registry: Arc<PolicyRegistry>,
    /// The grid's policies that exist.
    policies: Vec<&'a String>,
    /// Where its rows belong.
    pub(super) like: Row,
    /// Name of its part.
    pub(super) part: String,
}

impl<'a> Job<'a> {
    pub(super) fn new(plan: &Plan<'a>, block: &'a Block) -> Result<Self> {
        let absent = || {
            let path = format!("grid {}, cell {}", block.grid, block.cell);
            Error::invalid(&plan.study.name, None, path, "must be a cell of the study")
        };
        let grid = plan.study.grids.get(block.grid).ok_or_else(absent)?;
        let cell = grid.cell(block.cell, plan.quick).ok_or_else(absent)?;
        let scenario = grid.resolve(&cell)?;
        let policies = grid.policies.iter().chain(&grid.awaited);
        let policies: Vec<&String> = policies.filter(|p| plan.registry.contains(p)).collect();
        let names: Vec<&str> = policies.iter().map(|name| name.as_str()).collect();
        let part = BlockCache::name(
            plan.program,
            &[
                &scenario.to_toml(),
                &names.join(","),
                &format!("{:?}", (grid.measure, grid.bound, &block.seeds)),
            ],
        );
        let like = Row {
            grid: block.grid,
            grid_id: grid.id.clone(),
            cell: block.cell,
            cell_name: grid.name_of(&cell, &[]),
            seed: 0,
            policy: String::new(),
            values: Vec::new(),
        };
        Ok(Self {
            grid,
            seeds: &block.seeds,
            scenario,
            registry: Arc::clone(&plan.registry),
            policies,
            like,
            part,
        })
    }

    /// `None` where it was stopped.
    pub(super) fn run(&self, stop: &(dyn Fn() -> bool + Sync)) -> Result<Option<Vec<Row>>> {
        match self.grid.measure {
            Measure::Information => {
                let values = metrics::information(&World::new(&self.scenario)?);
                Ok(Some(vec![Row {
                    seed: self.seeds[0],
                    values: values.unwrap_or_else(|| vec![None; metrics::NAMES.len()]),
                    ..self.like.clone()
                }]))
            }
            Measure::Policies | Measure::Slots => self.replicate(stop),
            // It has no blocks.
            Measure::Recorded => Ok(Some(Vec::new())),
        }
    }

    fn replicate(&self, stop: &(dyn Fn() -> bool + Sync)) -> Result<Option<Vec<Row>>> {
        let bound = if self.grid.bound {
            BoundKind::Simple
        } else {
            BoundKind::Off
        };
        // A trained policy may not serve every scenario; it has no rows there.
        let session = Experiment::new(&self.scenario)?
            .registry(Arc::clone(&self.registry))
            .policies(self.policies.iter().copied())
            .only_serving()
            .bound(bound)
            .session()?;
        let policies = session.names().len();
        let bound = self.grid.bound && session.world().is_bounded();
        let mut rows = Vec::new();
        for &seed in self.seeds {
            let mut observer = MetricObserver::new(policies, bound, stop);
            let Some(replication) = session.replicate(seed, &mut observer)? else {
                return Ok(None);
            };
            let mut add = |seed, values: Vec<Values>| {
                rows.extend(session.names().zip(values).map(|(policy, values)| Row {
                    seed,
                    policy: policy.to_owned(),
                    values,
                    ..self.like.clone()
                }));
            };
            if self.grid.measure == Measure::Slots {
                for slot in 0..session.slots() {
                    add(slot as u64, metrics::of_slot(&replication, slot));
                }
            } else {
                add(seed, observer.values(&replication));
            }
        }
        Ok(Some(rows))
    }
}
