//! What is played is what observers of the run saw, and what its records say.

use super::*;
use crate::experiment::{Experiment, Results};
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use wayside_core::Scenario;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::{BoundKind, Observer, TaskOutcome};
use wayside_core::rng::Streams;
use wayside_core::slot::Slot;

const SLOTS: usize = 6;

/// The slot, the time, vehicles with their places, the vehicle of every task.
type Instant = (usize, f64, Vec<(u64, [f64; 2])>, Vec<u64>);

/// What an observer saw of a seed.
#[derive(Default)]
struct Seen {
    instants: Vec<Instant>,
    /// By policy and instant.
    loads: BTreeMap<usize, Vec<Vec<f64>>>,
    /// Delays by policy, slot and task; none where it was lost.
    delays_s: BTreeMap<(usize, u32, u32), Option<f64>>,
}

struct Watch(Arc<Mutex<BTreeMap<u64, Seen>>>, u64);

impl Observer for Watch {
    fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()> {
        let vehicles = &slot.vehicles;
        let at = |v: usize| (vehicles.key[v], [vehicles.x_m[v], vehicles.y_m[v]]);
        let owners = slot.tasks.vehicle.iter();
        let owners = owners.map(|&v| vehicles.key[v as usize]).collect();
        let places = (0..vehicles.len()).map(at).collect();
        let mut seen = self.0.lock().unwrap();
        let seen = seen.entry(self.1).or_default();
        seen.instants.push((t, slot.now_s, places, owners));
        ControlFlow::Continue(())
    }

    fn decided(&mut self, t: usize, policy: usize, slot: &Slot, decider: &Decider) {
        let mut seen = self.0.lock().unwrap();
        let seen = seen.entry(self.1).or_default();
        seen.loads
            .entry(policy)
            .or_default()
            .push(decider.loads().collect());
        if slot.queues.is_none() {
            for (task, outcome) in decider.outcomes().iter().enumerate() {
                let key = (policy, t as u32, task as u32);
                seen.delays_s.insert(key, Some(outcome.delay_s()));
            }
        }
    }

    fn ended(&mut self, policy: usize, task: &TaskOutcome) {
        let mut seen = self.0.lock().unwrap();
        let delays_s = &mut seen.entry(self.1).or_default().delays_s;
        let delay_s = task.outcome.ok().map(|outcome| outcome.delay_s());
        delays_s.insert((policy, task.slot, task.task), delay_s);
    }
}

fn run(scenario: &str, policies: &[&str], folder: &Path, threads: usize) -> (Results, Seen) {
    let all = Arc::new(Mutex::new(BTreeMap::new()));
    let watched = Arc::clone(&all);
    let scenario = Scenario::builtin(scenario, &[]).unwrap();
    let experiment = Experiment::new(&scenario)
        .unwrap()
        .policies(policies.iter().copied())
        .seeds([3, 1])
        .slots(SLOTS)
        .threads(threads)
        .timing(false)
        .bound(BoundKind::Simple)
        .observe(move |seed| Watch(Arc::clone(&watched), seed))
        .write_playback(true)
        .out(folder, false);
    let results = experiment.run().unwrap();
    let seen = all.lock().unwrap().remove(&1).unwrap();
    (results, seen)
}

/// Slots alone, queues, sessions.
#[test]
fn oracle_frames_are_what_the_run_was() {
    for (scenario, policies) in [
        ("wang2025", ["price", "nearest"]),
        ("lin2025", ["mcatm", "ect"]),
        ("highway", ["always-follow", "never-move"]),
    ] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        let (results, seen) = run(scenario, &policies, &folder, 2);
        let playback = Playback::open(&folder).unwrap();
        let Outline {
            site,
            seeds,
            policies: found,
        } = playback.outline();
        assert_eq!((seeds.as_slice(), found.len()), (&[3, 1][..], 2));
        assert_eq!(*site, Site::of(&results.world));
        assert_eq!(site.rsus.len(), results.world.rsus.len());
        assert!(playback.frames(2, policies[0]).unwrap().is_empty());
        let records = &results.replications[1];
        assert_eq!(records.seed, 1);
        for (number, policy) in policies.iter().enumerate() {
            let frames = playback.frames(1, policy).unwrap();
            assert_eq!(frames.len(), seen.instants.len());
            let mut tasks_before = BTreeMap::<usize, u32>::new();
            for (i, frame) in frames.iter().enumerate() {
                let (slot, time_s, places, owners) = &seen.instants[i];
                assert_eq!((frame.slot, frame.time_s), (*slot as i64, *time_s));
                let shown = frame.vehicles.iter();
                let shown: Vec<_> = shown.map(|v| (v.id.clone(), [v.x_m, v.y_m])).collect();
                let places = places.iter().map(|(key, at)| (format!("v{key}"), *at));
                assert_eq!(shown, places.collect::<Vec<_>>());
                let first = tasks_before.entry(*slot).or_default();
                assert_eq!(frame.batch.tasks.len(), owners.len());
                for (task, owner) in frame.batch.tasks.iter().zip(owners) {
                    assert_eq!(task.id, format!("t{first}"));
                    assert_eq!(task.vehicle, format!("v{owner}"));
                    let key = (number, *slot as u32, *first);
                    assert_eq!(task.delay_s, seen.delays_s[&key]);
                    *first += 1;
                }
                let record = &records.policies[number].slots[*slot];
                let batch = &frame.batch;
                assert_eq!(batch.objective.to_bits(), record.objective.to_bits());
                assert_eq!(batch.lower_bound, record.lower_bound);
                assert_eq!((batch.load.lbm, batch.load.tau), (record.lbm, record.tau));
                assert_eq!(batch.load.per_rsu.len(), site.rsus.len());
                if results.world.queues.is_none() {
                    let ids = site.rsus.iter().map(|rsu| rsu.id.clone());
                    let loads = ids.zip(seen.loads[&number][i].iter().copied());
                    assert_eq!(batch.load.per_rsu, loads.collect());
                    assert!(frame.queues.is_empty());
                } else {
                    assert_eq!(frame.queues.len(), site.rsus.len());
                }
            }
        }
    }
}

#[test]
fn property_bytes_do_not_depend_on_threads() {
    let root = tempfile::tempdir().unwrap();
    let bytes = [1, 3].map(|threads| {
        let folder = root.path().join(threads.to_string());
        run("lin2025", &["ect"], &folder, threads);
        fs::read(folder.join(FILE)).unwrap()
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn property_folders_that_cannot_be_played_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let message = |folder: &Path| Playback::open(folder).unwrap_err().to_string();
    assert!(message(&folder).contains("wayside run --playback --out DIR"));
    run("wang2025", &["nearest"], &folder, 1);
    for name in [FILE, "slots.parquet", "tasks.parquet"] {
        let path = folder.join(name);
        let sound = fs::read(&path).unwrap();
        let mut stream = Streams::new(5).stream(name);
        for round in 0..60 {
            let mut bytes = sound.clone();
            match round % 3 {
                0 => bytes.truncate(stream.below(bytes.len())),
                _ => {
                    for _ in 0..1 + stream.below(8) {
                        let at = stream.below(bytes.len());
                        bytes[at] = stream.below(256) as u8;
                    }
                }
            }
            fs::write(&path, &bytes).unwrap();
            // an error or a result, but no panic
            let frames = Playback::open(&folder).and_then(|p| p.frames(1, "nearest"));
            if let Err(error) = frames {
                // the file where it is found is not always the one that is damaged
                assert!(error.to_string().contains(".parquet: "), "{error}");
            }
        }
        fs::write(&path, sound).unwrap();
    }
    fs::copy(folder.join("slots.parquet"), folder.join(FILE)).unwrap();
    assert!(message(&folder).contains("no playback of Wayside's"));
}
