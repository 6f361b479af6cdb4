//! Replications of a scenario, in parallel over seeds.
//!
//! Seeds share nothing but the world, and results are ordered by seed, so that the number of threads
//! changes no byte of them.

use crate::read::Values;
use crate::tasks::{self, TaskWriter};
use rayon::prelude::*;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wayside_core::engine::decider::Decider;
use wayside_core::engine::records::Replication;
use wayside_core::engine::world::World;
use wayside_core::engine::{Observer, Options, PolicyFactory, TaskOutcome, replicate_observed};
use wayside_core::slot::{NamedSlot, Slot};
use wayside_core::{Error, Result};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a, C> {
    /// The scenario, laid out.
    pub world: &'a World,
    /// The policies, compared on the same traffic.
    pub policies: &'a [C],
    /// One replication each.
    pub seeds: &'a [u64],
    /// Length of a replication, and its bound.
    pub options: Options,
    /// Seeds run at a time; 0: one per core.
    pub threads: usize,
    /// Folder that gets every slot as `seed0_slot000.json`, in the format that `decide` reads.
    pub dump_slots: Option<&'a Path>,
    /// Folder that gets the tasks of every seed, for [`tasks()`] to read or [`crate::output::RunFolder::write_tasks`] to join.
    pub tasks: Option<&'a Path>,
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
/// A trace that ends early or is malformed; a policy that cannot serve the world; a slot that cannot be written;
/// threads that the system refuses.
pub fn run<C: PolicyFactory + Sync>(
    plan: &Plan<'_, C>,
    control: &Control,
) -> Result<Vec<Replication>> {
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

/// The tasks of one seed, from the folder that [`Plan::tasks`] named: the columns of `tasks.parquet`.
///
/// # Errors
/// A seed that was not run to its end.
pub fn tasks(folder: &Path, seed: u64) -> Result<Vec<(String, Values)>> {
    tasks::columns_of(folder, seed).map_err(|e| Error::io(folder, e))
}

fn replication<C: PolicyFactory>(
    plan: &Plan<'_, C>,
    seed: u64,
    control: &Control,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Replication>> {
    let part =
        |folder| TaskWriter::create(folder, seed, plan.world).map_err(|e| Error::io(folder, e));
    let mut writer = RunWriter {
        plan,
        seed,
        control,
        stop,
        part: plan.tasks.map(part).transpose()?,
        written: Ok(()),
        begun: 0,
        instants: 0,
    };
    let Plan {
        world,
        policies,
        options,
        ..
    } = *plan;
    let result = replicate_observed(world, policies, seed, options, &mut writer)?;
    writer.written?;
    if let (Some(part), Some(folder)) = (writer.part, plan.tasks) {
        part.finish().map_err(|e| Error::io(folder, e))?;
    }
    Ok(result)
}

/// Writes down what a replication does besides its records.
struct RunWriter<'a, C> {
    plan: &'a Plan<'a, C>,
    seed: u64,
    control: &'a Control,
    stop: &'a dyn Fn() -> bool,
    part: Option<TaskWriter<'a>>,
    written: Result<()>,
    /// Slots begun, and instants seen of the last of them.
    begun: usize,
    instants: usize,
}

impl<C: PolicyFactory> Observer for RunWriter<'_, C> {
    fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()> {
        let new = (t + 1).saturating_sub(self.begun);
        self.instants = if new > 0 { 0 } else { self.instants + 1 };
        self.begun = t + 1;
        if let (Some(folder), Ok(())) = (self.plan.dump_slots, &self.written) {
            self.written = dump(self.plan, folder, self.seed, (t, self.instants), slot);
        }
        self.control.slots.fetch_add(new as u64, Ordering::Relaxed);
        if self.written.is_err() || (self.stop)() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn decided(&mut self, t: usize, policy: usize, slot: &Slot, decider: &Decider) {
        let (Some(part), Some(folder), Ok(())) = (&mut self.part, self.plan.tasks, &self.written)
        else {
            return;
        };
        let plan = self.plan;
        let name = plan.policies[policy].name();
        if slot.queues.is_some() {
            // its tasks come one by one, when they end
            return;
        }
        self.written = part
            .add(t, name, slot, decider)
            .map_err(|e| Error::io(folder, e));
    }

    fn ended(&mut self, policy: usize, task: &TaskOutcome) {
        let (Some(part), Some(folder), Ok(())) = (&mut self.part, self.plan.tasks, &self.written)
        else {
            return;
        };
        let plan = self.plan;
        let name = plan.policies[policy].name();
        let added = part.add_ended(name, task);
        self.written = added.map_err(|e| Error::io(folder, e));
    }
}

/// Writes one slot under a name that shows up only once it is whole.
fn dump<C>(
    plan: &Plan<'_, C>,
    folder: &Path,
    seed: u64,
    (t, instant): (usize, usize),
    slot: &Slot,
) -> Result<()> {
    let named = |prefix: char, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect();
    let slot = NamedSlot {
        task_ids: named('t', slot.tasks.len()),
        vehicle_ids: named('v', slot.vehicles.len()),
        slot: slot.clone(),
    };
    let json = slot.to_json(&plan.world.scenario.channel);
    let text = format!("{json:#}\n");
    // a slot has several instants only where tasks arise with a shorter period
    let nth = if instant > 0 {
        format!("_{instant}")
    } else {
        String::new()
    };
    let path = folder.join(format!("seed{seed}_slot{t:03}{nth}.json"));
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
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    use wayside_core::Scenario;
    use wayside_core::policy::PolicyKind;
    use wayside_core::rng::Streams;

    const POLICIES: [PolicyKind; 2] = [PolicyKind::Nearest, PolicyKind::Random];

    fn world() -> World {
        let size = ("fleet.size".to_owned(), "8".to_owned());
        World::new(&Scenario::builtin("wang2025", &[size]).unwrap()).unwrap()
    }

    fn plan<'a>(world: &'a World, seeds: &'a [u64]) -> Plan<'a, PolicyKind> {
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
            tasks: None,
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

    /// The rows of the tasks of `seeds` that a run left in `folder`.
    fn joined_tasks(folder: &Path, seeds: &[u64]) -> Vec<parquet::record::Row> {
        let joined = crate::tasks::join(Vec::new(), folder, seeds.iter().copied()).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(joined)).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }

    /// The file alone says what everything took: who queued where behind whom, simulated anew, slowly.
    #[test]
    fn oracle_delays_of_queues_from_the_tasks_alone() {
        let set = [("fleet.size", "60"), ("execution.capability", "0.5")];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let world = World::new(&Scenario::builtin("lin2025", &set).unwrap()).unwrap();
        let root = tempfile::tempdir().unwrap();
        let policies = ["mcatm", "ratom"].map(|name| PolicyKind::from_name(name).unwrap());
        let plan = Plan {
            world: &world,
            policies: &policies,
            seeds: &[3],
            options: Options {
                slots: 1,
                ..Options::default()
            },
            threads: 1,
            dump_slots: None,
            tasks: Some(root.path()),
        };
        run(&plan, &Control::default()).unwrap();
        let rows = joined_tasks(root.path(), &[3]);
        for kind in policies {
            let of = |row: &&parquet::record::Row| row.get_string(1).unwrap() == kind.info().name;
            let mut rows: Vec<_> = rows.iter().filter(of).collect();
            rows.sort_by_key(|row| row.get_long(3).unwrap());
            let hops: i64 = rows.iter().map(|row| row.get_long(10).unwrap()).sum();
            assert!(rows.len() == 60 && hops > 20, "{hops} hops");
            for (row, expected) in rows.iter().zip(travelled(&world, &rows)) {
                let [transmission_s, propagation_s, wait_s] = expected;
                let close = |column, expected: f64| {
                    let found = row.get_double(column).unwrap();
                    assert!(
                        (found - expected).abs() < 1e-9,
                        "{found} {expected}: {row:?}"
                    );
                };
                close(14, transmission_s);
                close(22, propagation_s);
                close(15, wait_s);
                let upload_s = row.get_double(13).unwrap();
                let compute_s = row.get_double(4).unwrap() / row.get_double(11).unwrap();
                let parts_s = upload_s + transmission_s + propagation_s + wait_s + compute_s;
                close(12, parts_s);
            }
        }
    }

    /// Transmission, flight and wait of every task, in order of the tasks, of which all arise at once.
    fn travelled(world: &World, rows: &[&parquet::record::Row]) -> Vec<[f64; 3]> {
        let id = |name: &str| world.rsus.id.iter().position(|id| id == name).unwrap();
        let paths: Vec<Vec<usize>> = rows
            .iter()
            .map(|row| row.get_string(24).unwrap().split(' ').map(id).collect())
            .collect();
        let mut links = vec![0.0f64; world.network.links().len()];
        let queues = world.queues.as_ref().unwrap();
        let mut cores = world.core_free_s(Streams::new(3));
        let mut found = vec![[0.0; 3]; rows.len()];
        let mut next: Vec<(f64, usize, usize)> = (0..rows.len())
            .map(|task| (rows[task].get_double(13).unwrap(), task, 0))
            .collect();
        while let Some(first) = (0..next.len()).min_by(|&a, &b| {
            let ((at, task, _), (bt, other, _)) = (next[a], next[b]);
            at.total_cmp(&bt).then(task.cmp(&other))
        }) {
            let (at_s, task, hop) = next.swap_remove(first);
            let path = &paths[task];
            let free_s = match path.get(hop + 1) {
                Some(&to) => {
                    let row = world.network.find(path[hop] as u32, to as u32).unwrap();
                    let link = &world.network.links()[row as usize];
                    let free_s = &mut links[row as usize];
                    let begin_s = free_s.max(at_s);
                    let transmission_s = link.transmission_s(rows[task].get_double(5).unwrap());
                    *free_s = begin_s + transmission_s;
                    found[task][0] += transmission_s;
                    found[task][1] += link.propagation_s;
                    next.push((*free_s + link.propagation_s, task, hop + 1));
                    begin_s
                }
                None => {
                    let cores = &mut cores[queues.cores(path[hop] as u32)];
                    let core = cores.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
                    let begin_s = core.max(at_s);
                    let cycles = rows[task].get_double(4).unwrap();
                    *core = begin_s + cycles / rows[task].get_double(11).unwrap();
                    begin_s
                }
            };
            found[task][2] += free_s - at_s;
        }
        found
    }

    #[test]
    fn oracle_tasks_add_up_to_the_records() {
        let (world, root) = (world(), tempfile::tempdir().unwrap());
        let plan = Plan {
            tasks: Some(root.path()),
            threads: 2,
            ..plan(&world, &[5, 1])
        };
        let replications = run(&plan, &Control::default()).unwrap();
        let rows = joined_tasks(root.path(), &[5, 1]);
        let mut tasks = rows.iter();
        for replication in &replications {
            // Rows of a seed are by slot, then by policy.
            for (t, run) in (0..3).flat_map(|t| replication.policies.iter().map(move |r| (t, r))) {
                let record = &run.slots[t];
                let of_slot: Vec<_> = tasks.by_ref().take(record.tasks as usize).collect();
                for (i, row) in of_slot.iter().enumerate() {
                    assert_eq!(row.get_ulong(0).unwrap(), replication.seed);
                    assert_eq!(row.get_string(1).unwrap(), &run.policy);
                    assert_eq!(
                        (row.get_long(2).unwrap(), row.get_long(3).unwrap()),
                        (t as i64, i as i64)
                    );
                    let local = row.get_string(7).unwrap() == "local";
                    assert_eq!(local, row.get_string(8).is_err());
                    assert!(row.get_double(11).unwrap() > 0.0);
                }
                let delay_s: f64 = of_slot.iter().map(|row| row.get_double(12).unwrap()).sum();
                assert!((delay_s / f64::from(record.tasks) - record.delay_s).abs() < 1e-12);
                let met = of_slot.iter().filter(|row| row.get_bool(21).unwrap());
                assert_eq!(met.count(), record.deadline_met as usize);
            }
        }
        assert_eq!(tasks.next(), None);
    }
}
