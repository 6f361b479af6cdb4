//! LySAC: its queues, its reward, its plans.

use std::ops::ControlFlow;
use std::sync::Arc;
use wayside_core::Scenario;
use wayside_core::engine::env::Env;
use wayside_core::engine::queue_env::{Account, QueueEnv, Weights};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, Trained, replicate, replicate_observed};
use wayside_core::observation::{Layout, Observation, Scorer};
use wayside_core::policy::Policy;
use wayside_core::policy::lysac::Lysac;
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::{Decision, Placement, Slot};

const WEIGHTS: Weights = Weights {
    delay: 2.0,
    tradeoff: 5.0,
    late: 0.5,
};

fn world(name: &str, set: &[(&str, &str)]) -> World {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let set: Vec<_> = set.iter().map(owned).collect();
    World::new(&Scenario::builtin(name, &set).unwrap()).unwrap()
}

fn env(world: World, slots: usize) -> QueueEnv {
    let layout = Layout::plan(&world, true);
    let worlds = vec![Arc::new(world)];
    QueueEnv::new(worlds, &layout, WEIGHTS, slots, Streams::new(3), "env").unwrap()
}

/// An action that sends everything one way: to the local server (0), the others, or the cloud (the last).
fn all_to(env: &QueueEnv, option: usize) -> Vec<f32> {
    let options = env.actions() / 5 - 1;
    let mut action = vec![-1.0; env.actions()];
    for kind in 0..5 {
        action[kind * options + option] = 1.0;
    }
    action
}

fn noise(env: &QueueEnv, stream: &mut Stream) -> Vec<f32> {
    (0..env.actions())
        .map(|_| stream.uniform(-1.0, 1.0) as f32)
        .collect()
}

/// One vehicle, one task of 500 kB in each slot of 0.1 s, all to the cloud: 4e6 / 618.1e6 + 0.2 s = 0.20647 s, so that a task
/// arises in slot t and ends in slot t + 2. Hence Q = 0, 1, 2, 2, 2 tasks and b = 0, 0, 1, 1, 1.
#[test]
fn closed_form_queues_of_one_vehicle_that_sends_to_the_cloud() {
    let set = [
        ("fleet.size", "1"),
        ("task.data_bytes", "500e3"),
        ("time.slot_s", "0.1"),
        ("task.deadline_s", "0.2"),
    ];
    let mut env = env(world("lin2025", &set), 5);
    let cloud = all_to(&env, env.actions() / 5 - 2);
    let (bits, delay_s) = (4e6, 4e6 / 618.1e6 + 0.2);
    let excess_s = delay_s - 0.2;
    for t in 0..5 {
        env.act(&cloud).unwrap();
        let queued = [0.0, 1.0, 2.0, 2.0, 2.0][t];
        let served = [0.0, 0.0, 1.0, 1.0, 1.0][t];
        let got: &Account = env.account();
        assert_eq!(got.arrived_bits, [bits], "slot {t}");
        assert_eq!(got.queued_bits, [queued * bits], "slot {t}");
        assert_eq!(got.served_bits, [served * bits], "slot {t}");
        assert!((got.delay_s.unwrap() - delay_s).abs() < 1e-12);
        let virtual_s = t as f64 * excess_s;
        assert!((got.virtual_s - virtual_s).abs() < 1e-12);
        let excess = excess_s / 0.2;
        let drift = queued * (1.0 - served) + virtual_s / 0.2 * excess;
        let want = -(2.0 * delay_s / 0.2 + drift / 5.0 + 0.5);
        assert!((got.reward - want).abs() < 1e-9, "{} {want}", got.reward);
    }
}

/// What `lysac` decided, told again to a run.
struct Echo {
    layout: Layout,
    outputs: Vec<Vec<f32>>,
}

impl Scorer for Echo {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn score(&mut self, _: &Observation, logits: &mut Vec<f32>) {
        *logits = self.outputs.remove(0);
    }
}

impl Clone for Echo {
    fn clone(&self) -> Self {
        Self {
            layout: self.layout.clone(),
            outputs: self.outputs.clone(),
        }
    }
}

/// A task that has ended: slot and vehicle in which it arose, bits, and the instant [s].
type Known = (u32, usize, f64, f64);

/// Bits of vehicle `u`, of those tasks.
fn bits(tasks: &[Known], u: usize, of: impl Fn(&Known) -> bool) -> f64 {
    let mine = tasks.iter().filter(|task| task.1 == u && of(task));
    mine.map(|task| task.2).sum()
}

/// The slow twin: Q, Z and rewards from the records of a run in which a policy took the same actions, task by task.
#[test]
fn oracle_rewards_and_queues_are_those_of_a_run_task_by_task() {
    use wayside_core::engine::decider::Decider;
    use wayside_core::engine::{Observer, TaskOutcome, replicate_observed};

    #[derive(Default)]
    struct Tasks(Vec<Known>, Vec<usize>);
    impl Observer for Tasks {
        fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()> {
            if t == 0 {
                self.1 = slot.tasks.vehicle.iter().map(|v| *v as usize).collect();
            }
            ControlFlow::Continue(())
        }
        fn decided(&mut self, _: usize, _: usize, _: &Slot, _: &Decider) {}
        fn ended(&mut self, _: usize, task: &TaskOutcome) {
            let end_s = f64::from(task.slot) * 0.1 + task.outcome.unwrap().delay_s();
            let vehicle = self.1[task.task as usize];
            self.0.push((task.slot, vehicle, task.data_bits, end_s));
        }
    }

    let set = [
        ("fleet.size", "4"),
        ("task.per_vehicle", "5"),
        ("execution.capability", "0.3"),
        ("time.slot_s", "0.1"),
    ];
    let (slots, seed) = (8, 77);
    let mut env = env(world("lin2025", &set), slots);
    env.start(0, seed).unwrap();
    let mut stream = Streams::new(5).stream("actions");
    let (mut actions, mut accounts) = (Vec::new(), Vec::new());
    for _ in 0..slots {
        let action = noise(&env, &mut stream);
        env.act(&action).unwrap();
        accounts.push(env.account().clone());
        actions.push(action);
    }

    let world = world("lin2025", &set);
    let outputs = actions.iter().map(|action| {
        let mean = action.iter().map(|a| a.atanh());
        mean.chain(action.iter().map(|_| -20.0)).collect()
    });
    let echo = Echo {
        layout: Layout::plan(&world, true),
        outputs: outputs.collect(),
    };
    struct Once(Echo);
    impl wayside_core::engine::PolicyFactory for Once {
        fn name(&self) -> &str {
            "echo"
        }
        fn policy(
            &self,
            _: &wayside_core::scenario::PolicyOptions,
            streams: Streams,
        ) -> wayside_core::Result<Box<dyn Policy>> {
            Ok(Box::new(Lysac::new(self.0.clone(), 1, streams)?))
        }
    }
    let mut tasks = Tasks::default();
    let options = Options {
        slots,
        bound: BoundKind::Off,
    };
    replicate_observed(&world, &[Once(echo)], seed, options, &mut tasks).unwrap();

    let unit = 5.0 * 8.0 * 450e3;
    let (mut q, mut z) = ([0.0f64; 4], 0.0f64);
    for (t, account) in accounts.iter().enumerate() {
        let next_s = (t + 1) as f64 * 0.1;
        let d = account.delay_s.unwrap();
        let mut drift = 0.0;
        for (u, q) in q.iter_mut().enumerate() {
            let a = bits(&tasks.0, u, |task| task.0 == t as u32);
            // in flight when the slot began: arisen before it, and not counted as served in an earlier one
            let earlier = |task: &Known| {
                let (arose, end_s) = (task.0 as usize, task.3);
                let counted = (arose + 1..t).any(|s| end_s <= (s + 1) as f64 * 0.1);
                arose < t && !counted && end_s <= next_s
            };
            let b = bits(&tasks.0, u, earlier);
            assert!((account.queued_bits[u] - *q).abs() < 1.0, "Q in slot {t}");
            assert!((account.arrived_bits[u] - a).abs() < 1.0, "a in slot {t}");
            assert!((account.served_bits[u] - b).abs() < 1.0, "b in slot {t}");
            drift += *q * (a - b) / unit / unit / 4.0;
            *q = (*q - b).max(0.0) + a;
        }
        assert!((account.virtual_s - z).abs() < 1e-12, "Z in slot {t}");
        drift += z / 0.27 * (d / 0.27 - 1.0);
        z = (z + d - 0.27).max(0.0);
        let want = -(2.0 * d / 0.27 + drift / 5.0 + 0.5 * account.late);
        assert!((account.reward - want).abs() < 1e-9, "slot {t}");
    }
    // in the last slot nothing arises later, so that d is the mean delay that came true
    let last: Vec<f64> = tasks
        .0
        .iter()
        .filter(|task| task.0 == 7)
        .map(|t| t.3 - 0.7)
        .collect();
    let mean_s = last.iter().sum::<f64>() / last.len() as f64;
    assert!((mean_s - accounts[7].delay_s.unwrap()).abs() < 1e-9);
}

/// Random plans, on batches of all sizes and states: what is not there is never chosen, and the shares are kept to one task.
#[test]
fn property_masks_are_never_violated() {
    let mut tasks = 0;
    let cases = [
        ("lin2025", "50", "local"),
        ("lin2025", "60", "random"),
        ("lin2025-n5", "7", "local"),
    ];
    for (name, size, at) in cases {
        for capability in ["0.1", "0.8"] {
            let set = [
                ("fleet.size", size),
                ("fleet.mobility.at", at),
                ("execution.capability", capability),
            ];
            let world = world(name, &set);
            // a layout for fewer servers than there are, one for more, one as it is, and one that may not use the cloud
            let mut layouts = vec![Layout::plan(&world, true); 3];
            layouts.push(Layout::plan(&world, false));
            for (layout, change) in layouts.iter_mut().zip([-3i32, 4, 0, 0]) {
                if let wayside_core::observation::Form::Plan { servers, .. } = &mut layout.form {
                    *servers = (*servers as i32 + change).max(1) as usize;
                }
            }
            for (cloud, layout) in [true, true, true, false].into_iter().zip(layouts) {
                let outputs = layout.shape().1;
                let mut stream = Streams::new(9).stream("outputs");
                let draw = |_| (0..outputs).map(|_| 3.0 * stream.normal() as f32).collect();
                let outputs: Vec<Vec<f32>> = (0..400).map(draw).collect();
                let mut policy = Lysac::new(Echo { layout, outputs }, 20, Streams::new(1)).unwrap();
                let mut see = |_: usize, slot: &Slot| {
                    let mut decision = Decision::default();
                    policy.decide(slot, &mut decision);
                    decision.check(slot).unwrap();
                    for placement in &decision.placements {
                        assert!(!matches!(placement, Placement::Local), "all are covered");
                        let clouded = matches!(placement, Placement::Cloud { .. });
                        assert!(cloud || !clouded, "the layout has no cloud");
                    }
                    tasks += 20 * decision.placements.len();
                    ControlFlow::Continue(())
                };
                let options = Options {
                    slots: 1,
                    bound: BoundKind::Off,
                };
                for seed in 0..10 {
                    let kind = wayside_core::policy::PolicyKind::from_name("nearest").unwrap();
                    replicate_observed(&world, &[kind], seed, options, &mut see).unwrap();
                }
            }
        }
    }
    assert!(tasks > 100_000, "{tasks}");
}

#[test]
fn property_snapshots_go_on_alike() {
    let set = [("fleet.size", "3"), ("time.slot_s", "0.1")];
    let (mut a, mut b) = (
        env(world("lin2025", &set), 6),
        env(world("lin2025", &set), 6),
    );
    let mut stream = Streams::new(6).stream("actions");
    for step in 0..40 {
        let action = noise(&a, &mut stream);
        if a.act(&action).unwrap().truncated {
            a.reset().unwrap();
        }
        if step % 7 == 0 {
            let kept = serde_json::to_string(&a.snapshot().unwrap()).unwrap();
            b.restore(&serde_json::from_str(&kept).unwrap()).unwrap();
            assert_eq!(a.observation(), b.observation());
            let action = noise(&a, &mut stream);
            let ends = (a.act(&action).unwrap(), b.act(&action).unwrap());
            assert_eq!(ends.0, ends.1);
            assert_eq!(a.account(), b.account());
            if ends.0.truncated {
                a.reset().unwrap();
            }
        }
    }
    let mut much = serde_json::to_value(a.snapshot().unwrap()).unwrap();
    much["drawn"] = u64::MAX.into();
    assert!(b.restore(&serde_json::from_value(much).unwrap()).is_err());
}

/// More plans are never predicted to be worse, and a run is the same whoever runs beside it.
#[test]
fn property_episodes_keep_the_best_plan() {
    let delay_s = |episodes: &str| {
        let set = [
            ("execution.capability", "0.2"),
            ("policy.lysac.episodes", episodes),
        ];
        let world = world("lin2025", &set);
        let layout = Layout::plan(&world, true);
        let outputs = vec![vec![0.0; layout.shape().1]];
        let name = "lysac".to_owned();
        let scorer = Echo { layout, outputs };
        let options = Options {
            slots: 1,
            bound: BoundKind::Split,
        };
        let mut sum_s = 0.0;
        for seed in 0..20 {
            let trained = Trained {
                name: name.clone(),
                scorer: scorer.clone(),
            };
            let run = replicate(&world, &[trained], seed, options).unwrap();
            let record = &run.policies[0].slots[0];
            assert!(record.objective >= record.lower_bound.unwrap() - 1e-9);
            sum_s += record.delay_s;
        }
        sum_s / 20.0
    };
    let (one, ten, hundred) = (delay_s("1"), delay_s("10"), delay_s("100"));
    assert!(ten < one && hundred < ten, "{one} {ten} {hundred}");
}

#[test]
fn property_environments_refuse_what_they_cannot_settle() {
    let queues = world("lin2025", &[]);
    let layout = Layout::sequential(&queues);
    let Err(error) = Env::new(&queues, layout, 1, Streams::new(0), "env") else {
        panic!("tasks that queue cannot share CPU");
    };
    assert!(
        error.to_string().contains("execution.kind: must not be"),
        "{error}"
    );
    let refused = |world: World| {
        let (layout, worlds) = (Layout::plan(&world, true), vec![Arc::new(world)]);
        let env = QueueEnv::new(worlds, &layout, WEIGHTS, 1, Streams::new(0), "env");
        env.err().expect("refused").to_string()
    };
    let error = refused(world("wang2025", &[]));
    assert!(
        error.contains("execution.kind: must be \"queues\""),
        "{error}"
    );
    let error = refused(world("lin2025", &[("fleet.mobility.at", "random")]));
    assert!(error.contains("fleet.mobility: must be parked"), "{error}");
}
