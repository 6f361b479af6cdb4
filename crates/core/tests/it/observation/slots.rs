//! Actions that name the number of slots for which a task holds its CPU.

use super::environment::{bare, records};
use super::*;
use wayside_core::engine::env::Snapshot;
use wayside_core::policy::learned::Learned;

/// Names every placement in the world, and up to `most` slots.
fn everything(world: &World, most: usize) -> Layout {
    let form = Form::Shared {
        candidates: world.rsus.len() + 1,
        targets: world.rsus.len(),
    };
    Layout::new(form, world).choosing_slots(most)
}

fn act(env: &mut Env<'_>, decision: &Decision) -> (usize, SlotEnd) {
    let mut actions = Vec::new();
    let mut missed = 0;
    loop {
        missed += env.express(decision, &mut actions);
        env.observation().check(&actions).expect("legal");
        if let Some(end) = env.act(&actions).expect("legal").slot {
            return (missed, end);
        }
    }
}

/// Plan-ahead's (entry, execution, slots) played back through an environment give its own decisions with the least
/// shares and prices, and so the costs and the held CPU of `replicate`, to the last bit.
#[test]
fn oracle_what_plan_ahead_chooses_played_back_is_plan_ahead() {
    for (slot_s, size) in [
        ("0.3", "100"),
        ("0.25", "100"),
        ("0.2", "100"),
        ("0.05", "10"),
    ] {
        let world = world("coupled", &[("time.slot_s", slot_s), ("fleet.size", size)]);
        let layout = everything(&world, 16);
        let mut env = Env::new(&world, layout, 12, Streams::new(0), "env").expect("serves");
        let mut outlasting = 0;
        for seed in [5, 6] {
            let kind = PolicyKind::PlanAhead;
            let mut policy = kind.build(&world.scenario.policy, Streams::new(seed));
            let mut decision = Decision::default();
            env.reset(seed).expect("no trace");
            let mut own = Vec::new();
            loop {
                decision.clear();
                policy.decide(env.slot(), &mut decision);
                let held_hz = env.slot().rsus.reserved_cpu_hz.iter().sum::<f64>();
                outlasting += usize::from(held_hz > 0.0);
                let (missed, end) = act(&mut env, &decision);
                assert_eq!(missed, 0);
                assert_eq!(*env.decision(), decision, "{slot_s} s");
                own.push(bare(env.record()));
                if end.truncated {
                    break;
                }
            }
            assert_eq!(own, records(&world, &kind, seed, 12), "{slot_s} s");
        }
        assert!(outlasting > 4 || slot_s == "0.3", "{slot_s}: {outlasting}");
    }
}

/// Takes a random legal action in every head.
#[derive(Clone)]
struct Dice(Layout, wayside_core::rng::Stream);

impl Scorer for Dice {
    fn layout(&self) -> &Layout {
        &self.0
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        logits.extend(observation.legal.iter().map(|_| self.1.unit() as f32));
    }
}

/// Whatever is chosen, least shares fit, a task at an RSU has a number of slots and pays for those after the first, and a run
/// gives what the environment gives.
#[test]
fn property_any_choice_of_slots_fits() {
    for (slot_s, size) in [("0.3", "100"), ("0.2", "150"), ("0.02", "12"), ("5", "40")] {
        let world = world("coupled", &[("time.slot_s", slot_s), ("fleet.size", size)]);
        let layouts = [
            Layout::flat(&world, Target::Any).expect("a fleet"),
            Layout::shared(&world),
            Layout::sequential(&world),
        ];
        for layout in layouts.map(|layout| layout.choosing_slots(4)) {
            let mut env =
                Env::new(&world, layout.clone(), 6, Streams::new(0), "env").expect("serves");
            env.reset(3).expect("no trace");
            let dice = Dice(layout.clone(), Streams::new(1).stream("dice"));
            let mut scorer = dice.clone();
            let (mut logits, mut actions) = (Vec::new(), Vec::new());
            let (mut own, mut at_rsus, mut later) = (Vec::new(), 0, 0);
            loop {
                let slot = env.slot().clone();
                let end = loop {
                    let observation = env.observation();
                    assert!(observation.rows.iter().all(|x| x.abs() <= 1.0));
                    logits.clear();
                    scorer.score(observation, &mut logits);
                    observation.greedy(&logits, &mut actions);
                    if let Some(end) = env.act(&actions).expect("legal").slot {
                        break end;
                    }
                };
                let decision = env.decision();
                decision.check(&slot).expect("sound");
                let mut least_hz = vec![0.0; slot.rsus.len()];
                for (n, placement) in decision.placements.iter().enumerate() {
                    let (hz, price) = (decision.minimum_hz[n], decision.later_price[n]);
                    match placement.execution() {
                        Some(m) => {
                            assert!(hz > 0.0);
                            least_hz[m as usize] += hz;
                            at_rsus += 1;
                            later += usize::from(price > 0.0);
                        }
                        None => assert_eq!((hz, price), (0.0, 0.0)),
                    }
                }
                for (m, hz) in least_hz.iter().enumerate() {
                    assert!(*hz <= slot.rsus.available_cpu_hz(m).max(0.0) * (1.0 + 1e-12));
                }
                assert_eq!(env.record().turned_back, 0);
                own.push(bare(env.record()));
                if end.truncated {
                    break;
                }
            }
            assert!(at_rsus > 5, "{slot_s} {:?}: {at_rsus}", layout.form);
            assert!(later > 0 || slot_s == "5" || slot_s == "0.3", "{slot_s}");
            let learned = Trained {
                name: "dice".to_owned(),
                scorer: dice,
            };
            assert_eq!(own, records(&world, &learned, 3, 6));
        }
    }
}

/// A snapshot has what prices remember; one that none can have had is refused.
#[test]
fn property_snapshots_keep_the_price_of_later_slots() {
    let world = world("coupled", &[("time.slot_s", "0.2")]);
    let layout = Layout::sequential(&world).choosing_slots(3);
    let make = || Env::new(&world, layout.clone(), 8, Streams::new(2), "env").expect("serves");
    let mut env = make();
    let first = |env: &mut Env<'_>| {
        let legal = env.observation().legal.len() as u32;
        env.act(&[(legal - 1).min(2)][..usize::from(legal > 0)])
    };
    let run = |env: &mut Env<'_>, turns: usize| -> Vec<u64> {
        let turn = |_| first(env).expect("legal").reward.to_bits();
        (0..turns).map(turn).collect()
    };
    run(&mut env, 450);
    let snapshot = serde_json::to_value(env.snapshot()).expect("JSON");
    let expected = run(&mut env, 300);
    let mut other = make();
    let read = |value: &serde_json::Value| -> Snapshot {
        serde_json::from_value(value.clone()).expect("a snapshot")
    };
    other.restore(&read(&snapshot)).expect("of its like");
    assert_eq!(run(&mut other, 300), expected);

    for (pointer, value) in [
        ("/outlook", serde_json::Value::Null),
        ("/outlook/price", serde_json::json!(-1.0)),
        ("/outlook/recent/0/0/entry", serde_json::json!(11)),
        ("/outlook/recent/0/0/cycles", serde_json::json!(0.0)),
        ("/outlook/recent/0/0/upload_s", serde_json::json!(-1e-3)),
    ] {
        let mut wrong = snapshot.clone();
        *wrong.pointer_mut(pointer).expect(pointer) = value;
        assert!(other.restore(&read(&wrong)).is_err(), "{pointer}");
    }
}

#[test]
fn closed_form_where_slots_cannot_be_named() {
    let alone = world("wang2025", &[]);
    let coupled = world("coupled", &[]);
    let env = |world, layout| Env::new(world, layout, 4, Streams::new(0), "env").map(|_| ());
    let twice = Form::Sequential {
        options: 6,
        turns: Turns::Single,
        passes: 2,
    };
    let twice = Layout::new(twice, &coupled);
    env(&coupled, twice.choosing_slots(3)).expect("serves");
    for (world, layout) in [
        (&alone, Layout::either(&alone).choosing_slots(3)),
        (&alone, Layout::shared(&alone).choosing_slots(3)),
        (&coupled, Layout::shared(&coupled).choosing_slots(1)),
        (&coupled, Layout::shared(&coupled).choosing_slots(33)),
    ] {
        assert!(env(world, layout).is_err());
    }
    env(&coupled, Layout::sequential(&coupled).choosing_slots(2)).expect("serves");
    env(&coupled, Layout::either(&coupled).choosing_slots(2)).expect("serves");
    for form in [
        Layout::hosts(&coupled),
        Layout::plan(&coupled, true),
        Layout::by_destination(&coupled),
    ] {
        assert!(form.choosing_slots(3).check().is_err());
    }
    // what has no such rules reads and writes as before
    let text = serde_json::to_string(&Layout::shared(&coupled)).expect("JSON");
    assert!(!text.contains("priced"), "{text}");
    let named = Layout::shared(&coupled).choosing_slots(5);
    let text = serde_json::to_string(&named).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Layout>(&text).expect("a layout"),
        named
    );
    assert!(Learned::new(Dice(named, Streams::new(0).stream("dice"))).is_ok());
}

/// Decisions that say no number of slots, and shares by the agent.
#[test]
fn property_others_are_expressed_and_shares_are_refused() {
    let world = world("coupled", &[("time.slot_s", "0.2")]);
    let mut env =
        Env::new(&world, everything(&world, 6), 4, Streams::new(0), "env").expect("serves");
    env.reset(4).expect("no trace");
    let mut policy = PolicyKind::Price.build(&world.scenario.policy, Streams::new(4));
    let mut decision = Decision::default();
    policy.decide(env.slot(), &mut decision);
    let mut actions = Vec::new();
    env.express(&decision, &mut actions);
    let weights = vec![1.0; env.slot().tasks.len()];
    assert!(env.act_sharing(&actions, &weights).is_err());
    let (missed, _) = act(&mut env, &decision);
    assert_eq!(missed, 0);
    let there = |p: &Placement| p.execution().is_some();
    let placed = decision.placements.iter().filter(|p| there(p)).count();
    let kept = env
        .decision()
        .placements
        .iter()
        .filter(|p| there(p))
        .count();
    assert!(kept > placed / 2, "{kept} of {placed}");
}

/// A number of seeds that cannot have been drawn is refused at once, not drawn.
#[test]
fn property_a_snapshot_that_has_drawn_too_much_is_refused() {
    let world = world("coupled", &[("fleet.size", "10")]);
    let mut env = Env::new(&world, Layout::shared(&world), 4, Streams::new(0), "env").expect("ok");
    for drawn in [u64::MAX, 100_000_001] {
        let mut value = serde_json::to_value(env.snapshot()).expect("JSON");
        value["drawn"] = drawn.into();
        let snapshot: Snapshot = serde_json::from_value(value).expect("a snapshot");
        let error = env.restore(&snapshot).expect_err("refused").to_string();
        assert!(
            error.contains("drawn") && error.contains("at most"),
            "{error}"
        );
    }
}
