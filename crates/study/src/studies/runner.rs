//! Runs the cells of a study in parallel, and keeps every finished block.
//!
//! A block is some seeds of one cell. Seeds share nothing, results are ordered by grid, cell and seed, and which
//! further seeds are run depends only on results. So neither the number of threads nor an interruption changes a
//! byte.

use super::block_cache::BlockCache;
use super::blocks::{Block, Job, encode};
use super::data::{Data, Row};
use super::plan::Plan;
use super::recorded;
use super::verdict::{self, Judgement};
use super::{Grid, Measure};
use crate::claim::Claim;
use crate::control::{self, Control};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use wayside_core::Result;

/// Seeds of a block.
const BLOCK: usize = 10;

/// Runs what is not in `parts` yet. Returns the rows and the claims judged on them; `None` if it was cancelled.
///
/// # Errors
/// A policy that cannot serve a scenario; files that cannot be written; threads that the system refuses.
pub fn run(
    plan: &Plan<'_>,
    parts: &BlockCache,
    control: &Control,
) -> Result<Option<(Data, Vec<Claim>)>> {
    let pool = control::pool(plan.threads)?;
    let failed = AtomicBool::new(false);
    let stop = || control.is_cancelled() || failed.load(Ordering::Relaxed);
    let find_or_run = |block: &Block| -> Result<Option<Vec<Row>>> {
        if stop() {
            return Ok(None);
        }
        let job = Job::new(plan, block)?;
        if let Some(rows) = parts.read(&job.part, &job.like) {
            return Ok(Some(rows));
        }
        let Some(rows) = job.run(&stop)? else {
            return Ok(None);
        };
        parts.write(&job.part, &encode(&rows)?)?;
        Ok(Some(rows))
    };
    let one = |block: &Block| {
        let result = find_or_run(block);
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        control.done.fetch_add(1, Ordering::Relaxed);
        result
    };
    look_by_look(plan, &mut |blocks| {
        let count = blocks.len() as u64;
        control.total.fetch_add(count, Ordering::Relaxed);
        // Collect all results before looking for an error, so that the error is that of the first block.
        let results: Vec<Result<Option<Vec<Row>>>> =
            pool.install(|| blocks.par_iter().with_max_len(1).map(one).collect());
        let rows: Vec<Option<Vec<Row>>> = results.into_iter().collect::<Result<_>>()?;
        Ok(rows.into_iter().collect())
    })
}

/// How far a study has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Blocks that are needed next, in their order, and are not in the folder.
    Missing(Vec<Block>),
    /// The rows, and the claims judged on them.
    Complete(Data, Vec<Claim>),
}

/// Says how far the study of `parts` is, and runs nothing. To run a study elsewhere, run the missing blocks
/// ([`Block::run`]), keep them ([`Block::keep`]) and ask again until it is complete.
///
/// # Errors
/// A scenario that has changed.
pub fn progress(plan: &Plan<'_>, parts: &BlockCache) -> Result<Progress> {
    let mut missing = Vec::new();
    let complete = look_by_look(plan, &mut |blocks| {
        let mut found = Vec::new();
        for block in blocks {
            let job = Job::new(plan, block)?;
            match parts.read(&job.part, &job.like) {
                Some(rows) => found.push(rows),
                None => missing.push(block.clone()),
            }
        }
        Ok(missing.is_empty().then_some(found))
    })?;
    Ok(match complete {
        Some((data, claims)) => Progress::Complete(data, claims),
        None => Progress::Missing(missing),
    })
}

/// The rows of blocks, in their order; `None` to stop.
type Blocks<'a> = dyn FnMut(&[Block]) -> Result<Option<Vec<Vec<Row>>>> + 'a;

/// Judges the claims after each number of seeds, and goes on with the cells of those that are undecided.
fn look_by_look(plan: &Plan<'_>, rows_of: &mut Blocks<'_>) -> Result<Option<(Data, Vec<Claim>)>> {
    let &Plan { study, quick, .. } = plan;
    let mut data = Data::default();
    for (i, grid) in study.grids.iter().enumerate() {
        let exists = |name: &str| match grid.measure {
            Measure::Recorded => grid.records.iter().any(|r| r.policy == name),
            _ => plan.registry.contains(name),
        };
        let names = grid.policies.iter().chain(&grid.awaited);
        let missing = names.filter(|name| !exists(name.as_str()));
        data.missing.insert(i, missing.cloned().collect());
        if grid.measure == Measure::Recorded {
            let rows = recorded::rows(grid, i, quick);
            rows.into_iter().for_each(|rows| data.add(rows));
        }
    }
    // The cells that get the next seeds: at first all of them.
    let mut open: BTreeSet<(usize, usize)> = study
        .grids
        .iter()
        .enumerate()
        .flat_map(|(i, grid)| (0..grid.count(quick)).map(move |cell| (i, cell)))
        .collect();
    let mut claims = Vec::new();
    let mut from = 0;
    for to in study.looks(quick) {
        let blocks: Vec<Block> = open
            .iter()
            .flat_map(|&(grid, cell)| blocks(plan, grid, cell, from..to))
            .collect();
        let Some(rows) = rows_of(&blocks)? else {
            return Ok(None);
        };
        rows.into_iter().for_each(|rows| data.add(rows));
        Judgement { claims, open } = verdict::judge(study, &data, quick);
        from = to;
        if open.is_empty() {
            break;
        }
    }
    Ok(Some((data, claims)))
}

/// The seeds of places `seeds` of a cell, block by block.
fn blocks(plan: &Plan<'_>, grid: usize, cell: usize, seeds: Range<usize>) -> Vec<Block> {
    let &Plan { study, quick, .. } = plan;
    let Grid {
        measure,
        seeds: own,
        ..
    } = study.grids[grid];
    let seeds = match measure {
        Measure::Policies => match own {
            // All of them the first time.
            Some(own) if quick => 0..own.min(seeds.end),
            Some(own) if seeds.start == 0 => 0..own,
            Some(_) => 0..0,
            None => seeds,
        },
        // Information has no seeds, and slots are those of one seed.
        Measure::Information | Measure::Slots => seeds.start.min(1)..1,
        Measure::Recorded => 0..0,
    };
    let block = |start: usize| Block {
        grid,
        cell,
        seeds: (start..seeds.end.min(start + BLOCK))
            .map(|seed| study.seeds.first + seed as u64)
            .collect(),
    };
    seeds.clone().step_by(BLOCK).map(block).collect()
}
