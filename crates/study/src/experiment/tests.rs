mod large;

use super::*;
use crate::read;
use crate::tasks::Further;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use wayside_core::rng::Streams;
use wayside_core::slot::Slot;

fn world() -> World {
    let size = ("fleet.size".to_owned(), "8".to_owned());
    World::new(&Scenario::builtin("wang2025", &[size]).unwrap()).unwrap()
}

fn experiment(seeds: &[u64]) -> Experiment {
    Experiment::in_world(Arc::new(world()))
        .policies(["nearest", "random"])
        .seeds(seeds.iter().copied())
        .slots(3)
        .threads(1)
}

/// The replications of an experiment, with its tasks written to `folder`.
fn with_tasks(experiment: &Experiment, folder: &Path) -> Vec<Replication> {
    let session = experiment.session().unwrap();
    let seeds = Seeds::new(experiment.clone(), session, None, Some(folder.to_owned()));
    Arc::new(seeds).run().unwrap()
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
    let seeds = [4, 2, 9];
    let control = Arc::new(Control::default());
    let one = experiment(&seeds).control(Arc::clone(&control));
    let one = untimed(one.run().unwrap().replications);
    assert_eq!(one.iter().map(|r| r.seed).collect::<Vec<_>>(), seeds);
    assert_eq!(control.progress(), (9, 9));
    let three = experiment(&seeds).threads(3).run().unwrap();
    assert_eq!(one, untimed(three.replications));
}

#[test]
fn property_cancelled_replications_are_dropped() {
    let control = Arc::new(Control::default());
    control.cancel();
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let experiment = experiment(&[0, 1]).control(control).out(&out, false);
    let results = experiment.run().unwrap();
    assert!(results.replications.is_empty() && !results.is_complete());
    assert!(!out.exists());
}

/// The second seed hangs in a decision. The first is finished, and must not wait for it once it is asked to stop.
#[test]
fn property_finished_seeds_do_not_wait_for_a_slot() {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::{Duration, Instant};
    use wayside_core::slot::Decision;

    struct Hangs(bool, Arc<AtomicBool>);
    impl Policy for Hangs {
        fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
            while self.0 && !self.1.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            wayside_core::policy::baselines::Nearest.decide(slot, decision);
        }
    }

    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let control = Arc::new(Control::default());
    let (built, release) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let shared = Arc::clone(&release);
    let hangs = move || {
        let second = built.fetch_add(1, Ordering::Relaxed) == 1;
        Hangs(second, Arc::clone(&shared))
    };
    let experiment = experiment(&[0, 1])
        .own_policy("hangs", hangs)
        .control(Arc::clone(&control))
        .out(&out, false);
    let run = std::thread::spawn(move || experiment.run());
    while control.seeds.load(Ordering::Relaxed) < 1 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let asked = Instant::now();
    control.cancel();
    let results = run.join().unwrap().unwrap();
    // mostly for the figures, in a debug build
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "{:?}",
        asked.elapsed()
    );
    release.store(true, Ordering::Relaxed);
    let seeds: Vec<u64> = results.replications.iter().map(|r| r.seed).collect();
    assert_eq!(seeds, [0]);
    assert!(!results.is_complete() && out.join("summary.json").exists());
}

#[test]
fn property_an_own_policy_is_compared_like_any_other() {
    use wayside_core::policy::baselines::Nearest;
    let results = experiment(&[0])
        .own_policy("mine", || Nearest)
        .bound(BoundKind::Simple)
        .run()
        .unwrap();
    let objective = |policy: &str| results.policy(policy).unwrap().objective.unwrap().mean;
    assert_eq!(objective("mine").to_bits(), objective("nearest").to_bits());
    assert!(results.gap("mine").unwrap() > 0.0 && results.gap("nobody").is_none());
    assert!(results.figure("gap").unwrap().unwrap().series.len() == 3);
    assert!(results.table().contains("mine"));
}

#[test]
fn property_what_cannot_be_run_is_named() {
    for (experiment, expected) in [
        (
            experiment(&[0]).policies(["prise"]),
            "policy: unknown policy \"prise\", did you mean \"price\"?",
        ),
        (
            experiment(&[0]).policies(["nearest"]),
            "policies: nearest is there twice",
        ),
        (
            Experiment::in_world(Arc::new(world())).policies([""; 0]),
            "policies: must name at least one",
        ),
        (experiment(&[]), "seeds: must hold at least one"),
        (experiment(&[3, 1, 3]), "seeds: 3 is there twice"),
    ] {
        let error = experiment.run().err().expect(expected).to_string();
        assert_eq!(error, expected);
    }
}

#[test]
fn property_observers_follow_every_seed() {
    use std::sync::Mutex;
    struct Count(Arc<Mutex<Vec<u64>>>, u64);
    impl Observer for Count {
        fn slot(&mut self, _: usize, _: &Slot) -> std::ops::ControlFlow<()> {
            self.0.lock().unwrap().push(self.1);
            std::ops::ControlFlow::Continue(())
        }
        fn decided(
            &mut self,
            _: usize,
            _: usize,
            _: &Slot,
            _: &wayside_core::engine::decider::Decider,
        ) {
        }
    }
    let seen = Arc::default();
    let shared = Arc::clone(&seen);
    let observed = experiment(&[7, 5]).observe(move |seed| Count(Arc::clone(&shared), seed));
    observed.run().unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, [7, 7, 7, 5, 5, 5]);
}

#[test]
fn property_dumped_slots_can_be_read() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("slots");
    let dumping = |seeds: &[u64], force| experiment(seeds).dump_slots(&folder, force).run().err();
    assert!(dumping(&[7], false).is_none());
    // and its manifest
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);
    let text = std::fs::read_to_string(folder.join("seed7_slot002.json")).unwrap();
    let slot = Slot::from_json("slot", &text).unwrap();
    assert_eq!((slot.slot.tasks.len(), slot.slot.rsus.len()), (8, 11));

    let error = dumping(&[8], false).unwrap().to_string();
    assert!(
        error.contains("the slots of another run; --force"),
        "{error}"
    );
    std::fs::write(folder.join("seed8_slot003.json"), "mine").unwrap();
    let error = dumping(&[8], true).unwrap().to_string();
    assert!(
        error.contains("seed8_slot003.json: is not listed"),
        "{error}"
    );
    std::fs::rename(folder.join("seed8_slot003.json"), folder.join("mine")).unwrap();
    assert!(dumping(&[8], true).is_none());
    assert!(folder.join("mine").exists() && !folder.join("seed7_slot002.json").exists());

    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = experiment(&[7])
        .dump_slots(&file, true)
        .run()
        .err()
        .unwrap();
    assert!(error.to_string().contains("file: is a file"), "{error}");
}

/// The rows of the tasks of `seeds` that a run left in `folder`.
fn joined_tasks(folder: &Path, seeds: &[u64]) -> Vec<parquet::record::Row> {
    let seeds = seeds.iter().copied();
    let joined = crate::tasks::join(Vec::new(), folder, seeds, Further::default()).unwrap();
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
    let policies = ["mcatm", "ratom"];
    let experiment = Experiment::in_world(Arc::new(world))
        .policies(policies)
        .seeds([3])
        .slots(1)
        .threads(1);
    with_tasks(&experiment, root.path());
    let world = experiment.world;
    let rows = joined_tasks(root.path(), &[3]);
    for policy in policies {
        let of = |row: &&parquet::record::Row| row.get_string(1).unwrap() == policy;
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
    let root = tempfile::tempdir().unwrap();
    let replications = with_tasks(&experiment(&[5, 1]).threads(2), root.path());
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

/// The file of tasks alone says what moves sent and what waiting they brought; no number of threads changes a run.
#[test]
fn oracle_moves_of_sessions_from_the_tasks_alone() {
    let size = ("fleet.size".to_owned(), "20".to_owned());
    let world = Arc::new(World::new(&Scenario::builtin("highway", &[size]).unwrap()).unwrap());
    let experiment = |threads| {
        Experiment::in_world(Arc::clone(&world))
            .policies(["always-follow", "session-plan"])
            .seeds([3, 4])
            .slots(30)
            .threads(threads)
    };
    let root = tempfile::tempdir().unwrap();
    let replications = with_tasks(&experiment(1), root.path());
    let seeds = [3, 4].into_iter();
    let joined = crate::tasks::join(
        Vec::new(),
        root.path(),
        seeds,
        Further {
            sessions: true,
            returns: false,
        },
    )
    .unwrap();
    let columns: std::collections::BTreeMap<_, _> =
        read::columns(joined).unwrap().into_iter().collect();
    let real = |name: &str| match &columns[name] {
        read::Values::MaybeReal(values) => values
            .iter()
            .map(|value| value.unwrap())
            .collect::<Vec<_>>(),
        other => panic!("{name}: {other:?}"),
    };
    let runs = || replications.iter().flat_map(|r| &r.policies);
    let sent: f64 = runs()
        .map(|run| run.sessions.unwrap().moved_bits / 8.0)
        .sum();
    assert!(sent > 0.0 && (real("moved_bytes").iter().sum::<f64>() / sent - 1.0).abs() < 1e-9);
    let read::Values::Text(mode) = &columns["mode"] else {
        panic!("mode is text")
    };
    let waits = real("wait_s");
    let (downs, interruptions) = (real("down_s"), real("interruption_s"));
    for (row, mode) in mode.iter().enumerate() {
        let expected = match mode.as_str() {
            "rsu" => downs[row] + interruptions[row],
            _ => 0.0,
        };
        assert!((waits[row] - expected).abs() < 1e-12, "row {row}");
    }
    let three = experiment(3).run().unwrap().replications;
    assert_eq!(untimed(replications.clone()), untimed(three));
    let folder = root.path().join("slots");
    let dumped = experiment(1).slots(20).dump_slots(&folder, false).run();
    dumped.unwrap();
    let text = std::fs::read_to_string(folder.join("seed3_slot019.json")).unwrap();
    let named = Slot::from_json("slot", &text).unwrap();
    let sessions = named.slot.sessions.as_ref().unwrap();
    assert!(sessions.id.len() > 1 && sessions.velocity_mps.iter().any(|v| v[0].abs() > 14.0));
}

/// The file of tasks alone says what became of every answer; its parts add up to the records, the slots and the summary.
#[test]
fn oracle_returns_from_the_tasks_alone() {
    let result = "{data_bytes = {min = 1000, max = 2000000}, tx_power_w = 1, give_up_s = 4, interruption_s = 0.1}";
    let set = [
        ("result", result),
        ("fleet.size", "30"),
        ("rsu_default.range_m", "190"),
        (
            "fleet.mobility",
            "{kind = \"straight\", speed_mps = {min = 20, max = 60}}",
        ),
    ];
    let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let world = World::new(&Scenario::builtin("wang2025", &set).unwrap()).unwrap();
    let experiment = Experiment::in_world(Arc::new(world))
        .policies(["nearest", "local"])
        .seeds([3])
        .slots(40)
        .threads(1);
    let root = tempfile::tempdir().unwrap();
    let replications = with_tasks(&experiment, root.path());
    let further = Further::of_runs(replications.iter().flat_map(|r| &r.policies));
    assert!(further.returns && !further.sessions);
    let columns = |bytes: Vec<u8>| -> std::collections::BTreeMap<_, _> {
        read::columns(bytes).unwrap().into_iter().collect()
    };
    let joined = crate::tasks::join(Vec::new(), root.path(), [3].into_iter(), further).unwrap();
    let tasks = columns(joined);
    let slots = columns(crate::slots::write_slots(Vec::new(), &replications, false).unwrap());
    let real = |table: &std::collections::BTreeMap<String, read::Values>, name: &str| -> Vec<f64> {
        match &table[name] {
            read::Values::MaybeReal(values) => values.iter().map(|v| v.unwrap()).collect(),
            read::Values::Real(values) => values.clone(),
            other => panic!("{name}: {other:?}"),
        }
    };
    let parts = ["wait", "migration", "down", "interruption", "lost"];
    let parts = parts.map(|part| real(&tasks, &format!("return_{part}_s")));
    let (returned, delay) = (real(&tasks, "return_s"), real(&tasks, "delay_s"));
    let ready = [
        "upload_s",
        "migration_s",
        "wait_s",
        "compute_s",
        "propagation_s",
    ];
    let ready = ready.map(|part| real(&tasks, part));
    for (row, (return_s, delay_s)) in returned.iter().zip(&delay).enumerate() {
        let sum: f64 = parts.iter().map(|part| part[row]).sum();
        assert!((sum - return_s).abs() < 1e-12, "row {row}");
        let before: f64 = ready.iter().map(|part| part[row]).sum();
        assert!((before + return_s - delay_s).abs() < 1e-9, "row {row}");
    }
    let rows = returned.len() as f64;
    let sum: f64 = returned.iter().sum();
    let per_slot: f64 = real(&slots, "return_s")
        .iter()
        .map(|mean| 30.0 * mean)
        .sum();
    assert!(sum > 0.0 && (sum - per_slot).abs() < 1e-9 * sum);

    let summary = Summary::new("s", &replications, false);
    let nearest = summary.policies[0].returns.unwrap();
    assert!((nearest.return_s.unwrap().mean - 2.0 * sum / rows).abs() < 1e-9);
    let joules: f64 = real(&tasks, "return_j").iter().sum();
    assert!((nearest.return_j.unwrap().mean - 2.0 * joules / rows).abs() < 1e-9);
    let read::Values::MaybeText(fates) = &tasks["return"] else {
        panic!("return is text")
    };
    let share = |name: &str| {
        let of = fates.iter().filter(|fate| fate.as_deref() == Some(name));
        2.0 * of.count() as f64 / rows
    };
    for (name, metric) in [
        ("returned", nearest.returned),
        ("no-coverage", nearest.lost_no_coverage),
        ("vehicle-left", nearest.lost_vehicle_left),
        ("pending", nearest.pending),
    ] {
        assert!((share(name) - metric.unwrap().mean).abs() < 1e-12, "{name}");
    }
    assert!(share("no-coverage") > 0.0);
    let local = summary.policies[1].returns.unwrap();
    let share = local.returned.unwrap().mean;
    assert!(share.abs() < 1e-12, "{share}");

    let text = crate::table::text(&summary);
    assert!(
        text.contains("return s") && text.contains("lost %"),
        "{text}"
    );
    assert!(crate::table::csv(&summary).contains(",lost_no_coverage,"));
}
