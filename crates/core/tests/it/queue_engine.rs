//! The engine where tasks queue for cores: a known answer, and totals that balance.

use std::ops::ControlFlow;
use wayside_core::Scenario;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::records::{PolicyRun, SlotRecord};
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::engine::{
    BoundKind, Observer, Options, TaskOutcome, replicate, replicate_observed,
};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::slot::{Placement, Slot};

fn world(name: &str, overrides: &[(&str, &str)]) -> World {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let overrides: Vec<_> = overrides.iter().map(owned).collect();
    let scenario = Scenario::builtin(name, &overrides).unwrap_or_else(|e| panic!("{e}"));
    World::new(&scenario).unwrap_or_else(|e| panic!("{e}"))
}

fn options(slots: usize) -> Options {
    Options {
        slots,
        bound: BoundKind::Off,
    }
}

fn run(world: &World, policy: PolicyKind, seed: u64, slots: usize) -> PolicyRun {
    let mut run = replicate(world, &[policy], seed, options(slots)).unwrap();
    run.policies.remove(0)
}

fn total(run: &PolicyRun, of: fn(&SlotRecord) -> f64) -> f64 {
    run.slots.iter().map(of).sum()
}

fn mean(run: &PolicyRun, of: fn(&SlotRecord) -> f64) -> f64 {
    let sum: f64 = run
        .slots
        .iter()
        .map(|s| of(s) * f64::from(s.finished()))
        .sum();
    sum / total(run, |s| f64::from(s.finished()))
}

/// No policy has more tasks in time than the record says is possible, nor costs less; with faults there is no bound.
#[test]
fn property_records_keep_their_bounds() {
    let bounded = Options {
        slots: 1,
        bound: BoundKind::Simple,
    };
    let (mut tight, mut possible) = (0, 0);
    for capability in ["0.1", "0.2", "0.6"] {
        let world = world(
            "lin2025",
            &[("execution.capability", capability), ("fleet.size", "40")],
        );
        for seed in 0..4 {
            let run = replicate(&world, &PolicyKind::ALL, seed, bounded).unwrap();
            for run in run.policies {
                let record = &run.slots[0];
                let most = record.on_time_most.expect("asked for");
                assert!(record.deadline_met <= most && most <= 40, "{}", run.policy);
                let bound = record.lower_bound.expect("asked for");
                assert!(record.objective >= bound - 1e-9, "{}", run.policy);
                possible += 1;
                tight += usize::from(record.deadline_met == most);
            }
        }
        let off = run(&world, PolicyKind::Nearest, 0, 1);
        assert_eq!(off.slots[0].on_time_most, None);
    }
    assert!(0 < tight && tight < possible, "{tight} of {possible}");
}

/// See `scenarios/ring-fifo.toml`: 0.2025 s of waiting and 0.3025 s in all, whatever the slot.
#[test]
fn closed_form_ring_fifo_whatever_the_slot() {
    for (slot_s, slots) in [("1", 1000), ("0.5", 2000), ("0.3", 3334), ("7", 143)] {
        let world = world("ring-fifo", &[("time.slot_s", slot_s)]);
        let run = run(&world, PolicyKind::Nearest, 0, slots);
        assert_eq!(run.slots.len(), slots);
        let tasks = total(&run, |s| f64::from(s.tasks));
        assert!((100_000.0..=100_100.0).contains(&tasks), "{tasks}");
        let (wait_s, delay_s) = (mean(&run, |s| s.wait_s), mean(&run, |s| s.delay_s));
        assert!((wait_s - 0.2025).abs() < 1e-9, "{slot_s}: {wait_s}");
        assert!((delay_s - 0.3025).abs() < 1e-9, "{slot_s}: {delay_s}");
        let longest_s = run.queues.unwrap().delay_max_s.unwrap();
        assert!((longest_s - 0.55).abs() < 1e-9, "{longest_s}");
        // every second has its tasks in the slot in which it lies
        let shorter = slot_s == "0.3" || slot_s == "0.5";
        let idle = run.slots.iter().filter(|s| s.tasks == 0).count();
        assert_eq!(idle > 0, shorter, "{slot_s}");
    }
}

/// The multiples of the period fall into slots without a gap and without a repetition.
#[test]
fn property_epochs_partition_the_multiples_of_the_period() {
    for slot_s in ["0.1", "0.3", "0.7", "1", "2.5", "7"] {
        for period_s in ["0.1", "0.3", "1", "0.7", "3.3"] {
            let set = [("time.slot_s", slot_s), ("task.period_s", period_s)];
            let world = world("ring-fifo", &set);
            let period_s: f64 = period_s.parse().unwrap();
            let slot_s: f64 = slot_s.parse().unwrap();
            let mut k = 0;
            for t in 0..2000 {
                for now_s in world.epochs(t) {
                    assert_eq!(now_s.to_bits(), (f64::from(k) * period_s).to_bits());
                    let (start_s, end_s) = (t as f64 * slot_s, (t + 1) as f64 * slot_s);
                    assert!(start_s <= now_s && now_s < end_s, "{now_s} in slot {t}");
                    k += 1;
                }
            }
            assert!(
                (f64::from(k) - 2000.0 * slot_s / period_s).abs() <= 1.0 + 1e-9,
                "{k}"
            );
        }
    }
}

/// A single batch on idle servers, by hand: 20 tasks of 500 kB at the local server with 6 cores.
#[test]
fn closed_form_a_batch_on_idle_servers() {
    let set = [
        ("task.data_bytes", "500000"),
        ("execution.capability", "1"),
        ("fleet.size", "20"),
    ];
    let run = run(&world("lin2025", &set), PolicyKind::Nearest, 0, 1);
    let (upload_s, compute_s) = (4e6 / 618.1e6, 4e6 * 115.0 / 2.4e9);
    // six at once: four waves, of which the last has two
    let waits = 6.0 * compute_s * (0.0 + 1.0 + 2.0) + 2.0 * 3.0 * compute_s;
    let slot = &run.slots[0];
    assert_eq!((slot.tasks, slot.lost, slot.migrated), (20, 0, 0));
    for (found, expected) in [
        (slot.upload_s, upload_s),
        (slot.compute_s, compute_s),
        (slot.wait_s, waits / 20.0),
        (slot.delay_s, upload_s + compute_s + waits / 20.0),
    ] {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    // the first wave alone ends within 0.27 s
    assert_eq!((slot.deadline_met, slot.success), (6, 6));
    let queues = run.queues.unwrap();
    assert_eq!(
        (queues.links_used(), queues.selection_std()),
        (0, Some(0.0))
    );
}

/// Busy cores are those of the capability, and one more capability frees cores without moving others.
#[test]
fn property_capability_is_the_share_of_free_cores() {
    let cores = |capability| {
        let world = world("lin2025", &[("execution.capability", capability)]);
        let seeds = 0..200;
        seeds
            .flat_map(|seed| world.core_free_s(Streams::new(seed)))
            .collect::<Vec<f64>>()
    };
    let (few, many) = (cores("0.3"), cores("0.8"));
    assert_eq!(few.len(), 200 * 126);
    let free = |cores: &[f64]| {
        let free = cores.iter().filter(|&&s| s <= 0.0).count();
        free as f64 / cores.len() as f64
    };
    assert!((free(&few) - 0.3).abs() < 0.01 && (free(&many) - 0.8).abs() < 0.01);
    for (few_s, many_s) in few.iter().zip(&many) {
        assert!(*many_s <= 0.0 || many_s.to_bits() == few_s.to_bits());
        assert!((0.0..2.5).contains(few_s));
    }
}

/// Other work that comes slot by slot, in slots longer than any of it: each slot meets the cores that a run of its own would, and
/// servers have heard of them. Where it comes once, all cores are free later.
#[test]
fn property_renewed_work_is_as_that_of_the_start() {
    struct Free(Vec<f64>);
    impl Observer for Free {
        fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
        fn decided(&mut self, _: usize, _: usize, slot: &Slot, _: &Decider) {
            let free_s = &slot.queues.as_ref().unwrap().present.core_free_s;
            let free = free_s.iter().filter(|s| **s <= slot.now_s).count();
            self.0.push(free as f64 / free_s.len() as f64);
        }
    }
    const SLOTS: usize = 150;
    let mcatm = PolicyKind::from_name("mcatm").unwrap();
    let of = |renewed| {
        let set = [
            ("fleet.size", "40"),
            ("execution.capability", "0.3"),
            ("time.slot_s", "7"),
            ("execution.renewed", renewed),
        ];
        let (world, mut free) = (world("lin2025", &set), Free(Vec::new()));
        let run = replicate_observed(&world, &[mcatm], 0, options(SLOTS), &mut free);
        let delays = run.unwrap().unwrap().policies.remove(0).slots;
        let batch = |seed| run_of_batch(&world, mcatm, seed);
        let batches: Vec<f64> = (0..SLOTS as u64).map(batch).collect();
        let delays: Vec<f64> = delays.iter().map(|slot| slot.delay_s).collect();
        (free.0, delays, batches)
    };
    let mean = |xs: &[f64]| xs.iter().sum::<f64>() / xs.len() as f64;
    let (free, delays, batches) = of("true");
    assert!((mean(&free) - 0.3).abs() < 0.02, "{}", mean(&free));
    let spread = |xs: &[f64]| {
        let squares = xs.iter().map(|x| (x - mean(xs)).powi(2));
        squares.sum::<f64>() / (xs.len() * (xs.len() - 1)) as f64
    };
    let error = (spread(&delays) + spread(&batches)).sqrt();
    let distance = (mean(&delays) - mean(&batches)).abs();
    assert!(distance < 3.0 * error, "{distance} {error}");
    let (free, ..) = of("false");
    assert!(free[0] < 0.5 && free[1..].iter().all(|share| *share > 1.0 - 1e-12));
}

fn run_of_batch(world: &World, policy: PolicyKind, seed: u64) -> f64 {
    run(world, policy, seed, 1).slots[0].delay_s
}

/// Follows every task of a run.
#[derive(Default)]
struct Ledger {
    decided: Vec<Placement>,
    ended: Vec<TaskOutcome<'static>>,
}

impl Observer for Ledger {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn decided(&mut self, _: usize, _: usize, _: &Slot, decider: &Decider) {
        self.decided.extend(decider.placements());
    }
    fn ended(&mut self, policy: usize, task: &TaskOutcome) {
        assert_eq!(policy, 0);
        self.ended.push(TaskOutcome { path: &[], ..*task });
    }
}

/// Under random faults every task that arose ends or is lost with a reason, once, in its own slot.
#[test]
fn property_totals_balance_under_faults() {
    let mut random = Streams::new(5).stream("faults");
    let (mut lost_at_all, mut replanned) = (0, 0);
    for seed in 0..40 {
        let mut faults = Vec::new();
        for _ in 0..random.below(8) {
            let from_s = random.uniform(0.0, 20.0);
            let until_s = from_s + random.uniform(0.01, 5.0);
            let m = random.below(11);
            let times = format!("from_s = {from_s}, until_s = {until_s}");
            faults.push(match random.below(3) {
                0 => format!("{{ kind = \"information\", {times} }}"),
                1 => format!("{{ kind = \"server\", rsu = \"r{m}\", {times} }}"),
                _ => {
                    let next = (m + 1) % 11;
                    format!("{{ kind = \"link\", a = \"r{m}\", b = \"r{next}\", {times} }}")
                }
            });
        }
        let faults = format!("[{}]", faults.join(", "));
        let world = world(
            "ring-fifo",
            &[
                ("fault", faults.as_str()),
                ("task.period_s", "0.4"),
                ("task.probability", "0.8"),
                (
                    "information",
                    "{ rate_hz = 10, packet_bytes = 250, ttl = 3, false_share = 0.2 }",
                ),
            ],
        );
        let kind = [PolicyKind::Nearest, PolicyKind::Random, PolicyKind::Local][seed as usize % 3];
        let mut ledger = Ledger::default();
        let run = replicate_observed(&world, &[kind], seed, options(20), &mut ledger);
        let run = run.unwrap().unwrap().policies.remove(0);
        let tasks = total(&run, |s| f64::from(s.tasks)) as usize;
        assert_eq!((ledger.decided.len(), ledger.ended.len()), (tasks, tasks));
        let mut names: Vec<_> = ledger.ended.iter().map(|e| (e.slot, e.task)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), tasks, "no task ends twice");
        for record in &run.slots {
            let of_slot = || ledger.ended.iter().filter(|e| e.slot == record.slot);
            let lost = of_slot().filter(|e| e.outcome.is_err()).count();
            assert_eq!(of_slot().count(), record.tasks as usize);
            assert_eq!(lost, record.lost as usize);
            let delays: f64 = of_slot()
                .filter_map(|e| Some(e.outcome.ok()?.delay_s()))
                .sum();
            let expected = record.delay_s * f64::from(record.finished());
            assert!((delays - expected).abs() < 1e-9, "{delays} {expected}");
            assert!(record.deadline_met <= record.finished());
        }
        let queues = run.queues.as_ref().unwrap();
        let lost: u64 = queues.lost.iter().sum();
        let of_slots: u64 = run.slots.iter().map(|s| u64::from(s.lost)).sum();
        assert_eq!(lost, of_slots);
        lost_at_all += lost;
        replanned += queues.replanned + queues.rerouted;
    }
    assert!(lost_at_all > 0 && replanned > 0, "faults strike");
}

/// `decide` on the slot of a batch finds what the run finds: nothing else is in the queues.
#[test]
fn oracle_a_batch_decided_alone_is_the_run() {
    let world = world("lin2025", &[("execution.capability", "0.4")]);
    for kind in [PolicyKind::Nearest, PolicyKind::Random] {
        for seed in 0..5 {
            let streams = Streams::new(seed);
            let mut traffic = Traffic::new(&world, streams).unwrap();
            let mut slot = world.empty_slot();
            traffic.advance(0, &mut slot).unwrap();
            let mut decider = Decider::of(kind, &world.scenario.policy, streams);
            decider.decide(&slot);
            let alone = decider.outcomes();
            let record = &run(&world, kind, seed, 1).slots[0];
            assert_eq!(alone.len(), record.tasks as usize);
            let delays: f64 = alone.iter().map(|o| o.delay_s()).sum();
            let energies: f64 = alone.iter().map(|o| o.energy_j()).sum();
            let tasks = f64::from(record.tasks);
            assert!((delays / tasks - record.delay_s).abs() < 1e-12);
            assert!((energies / tasks - record.energy_j).abs() < 1e-12);
        }
    }
}
