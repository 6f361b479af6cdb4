//! Replications of a scenario, in parallel over seeds.
//!
//! Seeds share nothing but the world, and results are ordered by seed, so that the number of threads
//! changes no byte of them.

use rayon::prelude::*;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wayside_core::engine::records::Replication;
use wayside_core::engine::world::World;
use wayside_core::engine::{Options, replicate};
use wayside_core::policy::PolicyKind;
use wayside_core::slot::{NamedSlot, Slot};
use wayside_core::{Error, Result};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The scenario, laid out.
    pub world: &'a World,
    /// The policies, compared on the same traffic.
    pub policies: &'a [PolicyKind],
    /// One replication each.
    pub seeds: &'a [u64],
    /// Length of a replication, and its bound.
    pub options: Options,
    /// Seeds run at a time; 0: one per core.
    pub threads: usize,
    /// Folder that gets every slot as `seed0_slot000.json`, in the format that `decide` reads.
    pub dump_slots: Option<&'a Path>,
}

/// What another thread may see and say while a plan runs.
#[derive(Debug, Default)]
pub struct Control {
    /// Set it to stop before the next slot.
    pub cancelled: AtomicBool,
    /// Slots begun so far, over all seeds.
    pub slots: AtomicU64,
}

/// Runs the plan; the replications that were finished, in the order of its seeds: all of them unless
/// `control` cancelled the rest.
///
/// # Errors
/// A trace that ends early or is malformed; a slot that cannot be written; threads that the system
/// refuses.
pub fn run(plan: &Plan<'_>, control: &Control) -> Result<Vec<Replication>> {
    if let Some(folder) = plan.dump_slots {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .build()
        .map_err(|e| Error::io(Path::new("threads"), io::Error::other(e)))?;
    let failed = AtomicBool::new(false);
    let stop = || control.cancelled.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    let one = |&seed: &u64| {
        let result = replication(plan, seed, control, &stop);
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    };
    // Collected before the first error is looked for, so that it is that of the first seed.
    let results: Vec<Result<Option<Replication>>> =
        pool.install(|| plan.seeds.par_iter().with_max_len(1).map(one).collect());
    results.into_iter().filter_map(Result::transpose).collect()
}

fn replication(
    plan: &Plan<'_>,
    seed: u64,
    control: &Control,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Replication>> {
    let mut dumped = Ok(());
    let mut watch = |t: usize, slot: &Slot| {
        if let Some(folder) = plan.dump_slots {
            dumped = dump(plan, folder, seed, t, slot);
        }
        control.slots.fetch_add(1, Ordering::Relaxed);
        if dumped.is_err() || stop() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let result = replicate(plan.world, plan.policies, seed, plan.options, &mut watch)?;
    dumped.map(|()| result)
}

/// Writes one slot under a name that shows up only once it is whole.
fn dump(plan: &Plan<'_>, folder: &Path, seed: u64, t: usize, slot: &Slot) -> Result<()> {
    let named = |prefix: char, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect();
    let slot = NamedSlot {
        task_ids: named('t', slot.tasks.len()),
        vehicle_ids: named('v', slot.vehicles.len()),
        slot: slot.clone(),
    };
    let json = slot.to_json(&plan.world.scenario.channel);
    let text = format!("{json:#}\n");
    let path = folder.join(format!("seed{seed}_slot{t:03}.json"));
    let write = || {
        let mut file = crate::output::draft_file(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(|e: io::Error| Error::io(&path, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::Scenario;

    const POLICIES: [PolicyKind; 2] = [PolicyKind::Nearest, PolicyKind::Random];

    fn world() -> World {
        let size = ("fleet.size".to_owned(), "8".to_owned());
        World::new(&Scenario::builtin("wang2025", &[size]).unwrap()).unwrap()
    }

    fn plan<'a>(world: &'a World, seeds: &'a [u64]) -> Plan<'a> {
        Plan {
            world,
            policies: &POLICIES,
            seeds,
            options: Options {
                slots: 3,
                ..Options::default()
            },
            threads: 1,
            dump_slots: None,
        }
    }

    fn untimed(mut replications: Vec<Replication>) -> Vec<Replication> {
        let runs = replications.iter_mut().flat_map(|r| &mut r.policies);
        for slot in runs.flat_map(|run| &mut run.slots) {
            slot.decision_time_s = 0.0;
        }
        replications
    }

    #[test]
    fn property_threads_change_nothing() {
        let (world, seeds) = (world(), [4, 2, 9]);
        let control = Control::default();
        let one = untimed(run(&plan(&world, &seeds), &control).unwrap());
        assert_eq!(one.iter().map(|r| r.seed).collect::<Vec<_>>(), seeds);
        assert_eq!(control.slots.into_inner(), 9);
        let three = Plan {
            threads: 3,
            ..plan(&world, &seeds)
        };
        assert_eq!(one, untimed(run(&three, &Control::default()).unwrap()));
    }

    #[test]
    fn property_cancelled_replications_are_dropped() {
        let control = Control::default();
        control.cancelled.store(true, Ordering::Relaxed);
        assert_eq!(run(&plan(&world(), &[0, 1]), &control).unwrap(), []);
    }

    #[test]
    fn property_dumped_slots_can_be_read() {
        let (world, root) = (world(), tempfile::tempdir().unwrap());
        let folder = root.path().join("slots");
        let dumping = Plan {
            dump_slots: Some(&folder),
            ..plan(&world, &[7])
        };
        run(&dumping, &Control::default()).unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
        let text = std::fs::read_to_string(folder.join("seed7_slot002.json")).unwrap();
        let slot = Slot::from_json("slot", &text).unwrap();
        assert_eq!((slot.slot.tasks.len(), slot.slot.rsus.len()), (8, 11));

        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        let blocked = Plan {
            dump_slots: Some(&file),
            ..dumping
        };
        let error = run(&blocked, &Control::default()).unwrap_err();
        assert!(matches!(error, Error::Io { path, .. } if path == file));
    }
}
