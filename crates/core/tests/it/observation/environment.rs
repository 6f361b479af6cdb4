//! Environments, and learned policies in runs.

use super::*;

/// Records but for the clock and the bound, which an environment does not know.
pub(super) fn bare(record: &SlotRecord) -> SlotRecord {
    SlotRecord {
        decision_time_s: 0.0,
        lower_bound: None,
        ..record.clone()
    }
}

pub(super) fn records<C: PolicyFactory>(
    world: &World,
    factory: &C,
    seed: u64,
    slots: usize,
) -> Vec<SlotRecord> {
    let options = Options {
        slots,
        bound: BoundKind::Off,
    };
    let run = replicate(world, std::slice::from_ref(factory), seed, options).expect("no trace");
    run.policies[0].slots.iter().map(bare).collect()
}

/// `replicate` is the twin: the same policy in both gives the same records, to the last bit.
#[test]
fn oracle_env_equals_replicate() {
    for (name, overrides) in [
        ("wang2025", vec![]),
        ("wang2025-unbalanced", vec![]),
        ("coupled", vec![("time.slot_s", "0.25")]),
        (
            "coupled",
            vec![("fleet.size", "40"), ("task.probability", "0.5")],
        ),
    ] {
        let world = world(name, &overrides);
        let layout = Layout::shared(&world);
        let mut env = Env::new(&world, layout, 15, Streams::new(0), "env").expect("serves");
        for kind in [PolicyKind::Nearest, PolicyKind::Price, PolicyKind::SlotFit] {
            // Twice, so that an episode is seen to leave nothing behind.
            for seed in [5, 6] {
                let mut policy = kind.build(&world.scenario.policy, Streams::new(seed));
                let mut decision = Decision::default();
                env.reset(seed).expect("no trace");
                let mut own = Vec::new();
                loop {
                    policy.decide(env.slot(), &mut decision);
                    let end = env.step(&decision).expect("valid");
                    own.push(bare(env.record()));
                    assert_eq!(end.reward.to_bits(), (-env.record().objective).to_bits());
                    assert!(end.bootstrap);
                    if end.truncated {
                        break;
                    }
                }
                assert_eq!(own, records(&world, &kind, seed, 15), "{name} {kind:?}");
            }
        }
    }
}

/// Acting by a network in the environment is what its policy does in a run.
#[test]
fn oracle_env_turns_equal_learned_policy() {
    let world = world("coupled", &[("time.slot_s", "0.25")]);
    for layout in layouts(&world) {
        let mut scorer = Linear::random(&layout, 4);
        let factory = Trained {
            name: "linear".to_owned(),
            scorer: scorer.clone(),
        };
        let mut env = Env::new(&world, layout, 8, Streams::new(0), "env").expect("serves");
        env.reset(9).expect("no trace");
        let (mut logits, mut actions, mut own) = (Vec::new(), Vec::new(), Vec::new());
        let mut dealt = 0.0;
        loop {
            logits.clear();
            scorer.score(env.observation(), &mut logits);
            env.observation().greedy(&logits, &mut actions);
            let turn = env.act(&actions).expect("legal");
            dealt += turn.reward;
            let Some(end) = turn.slot else { continue };
            own.push(bare(env.record()));
            assert!((dealt - end.reward).abs() <= 1e-12 * end.reward.abs());
            dealt = 0.0;
            if end.truncated {
                break;
            }
        }
        assert_eq!(own, records(&world, &factory, 9, 8));
    }
}

/// Where a rule on the end was granted, the task ends in time.
#[test]
fn property_rules_on_the_end_are_kept() {
    let world = world("coupled", &[("time.slot_s", "0.25")]);
    let mut granted = [0, 0];
    for layout in layouts(&world) {
        let mut stream = Streams::new(2).stream("test");
        let mut env = Env::new(&world, layout, 40, Streams::new(3), "env").expect("serves");
        loop {
            let actions = random_actions(env.observation(), &mut stream);
            let Some(end) = env.act(&actions).expect("legal").slot else {
                continue;
            };
            assert_eq!(env.record().turned_back, 0);
            for (outcome, &least_hz) in env.outcomes().iter().zip(&env.decision().minimum_hz) {
                if least_hz > 0.0 {
                    let slots = outcome.delay_s() / 0.25;
                    assert!(slots <= 2.0, "{slots}");
                    granted[usize::from(slots > 1.0)] += 1;
                }
            }
            if end.truncated {
                break;
            }
        }
    }
    assert!(granted.iter().all(|&count| count > 100), "{granted:?}");
}

/// The best of each task at the tentative loads is near the optimum, without any training: what a network
/// has to find is in its rows.
#[test]
fn property_sequential_rows_hold_what_one_slot_needs() {
    let world = world("wang2025", &[]);
    let factory = [Trained {
        name: "thrifty".to_owned(),
        scorer: Linear::thrifty(Layout::sequential(&world)),
    }];
    let options = Options {
        slots: 20,
        bound: BoundKind::Simple,
    };
    let run = replicate(&world, &factory, 0, options).expect("no trace");
    let (mut cost, mut bound) = (0.0, 0.0);
    for record in &run.policies[0].slots {
        cost += record.objective;
        bound += record.lower_bound.expect("asked for");
    }
    assert!(cost >= bound && cost <= 1.008 * bound, "{}", cost / bound);
}

/// One vehicle, two RSUs in range, beta = 5: candidates 1, 0, 1, 0, 1, local.
#[test]
fn closed_form_flat_padding_by_hand() {
    let world = world("wang2025", &[("fleet.size", "3")]);
    let mut slot = Recipe {
        vehicles: 2,
        rsus: 3,
        range_m: 300.0..300.0,
        ..Recipe::default()
    }
    .slot(0);
    slot.rsus.x_m = vec![0.0, 400.0, 1000.0];
    slot.rsus.y_m = vec![0.0; 3];
    slot.vehicles.x_m = vec![250.0, 700.0];
    slot.vehicles.y_m = vec![0.0, 900.0];
    let link = |rsu| wayside_core::slot::RadioLink {
        rsu,
        seconds_per_bit: 1e-8,
    };
    slot.coverage = Coverage {
        start: vec![0, 2, 2],
        links: vec![link(1), link(0)],
    };
    let scales = Scales {
        x_min_m: 0.0,
        y_min_m: 0.0,
        width_m: 1000.0,
        height_m: 1000.0,
        cycles: slot.tasks.cycles[0],
        data_bits: slot.tasks.data_bits[0],
        deadline_s: slot.tasks.deadline_s[0],
        cpu_hz: 1e12,
        cost: 1.0,
    };
    let layout = Layout {
        form: Form::Flat {
            vehicles: 3,
            tasks_per_vehicle: 1,
            rsus: 3,
            candidates: 6,
            target: Target::Any,
        },
        spans: 1,
        priced: false,
        scales,
        ..Layout::shared(&world)
    };
    let of_candidates = Layout {
        form: Form::Flat {
            vehicles: 3,
            tasks_per_vehicle: 1,
            rsus: 3,
            candidates: 6,
            target: Target::Candidates,
        },
        ..layout
    };
    let mut encoder = Encoder::new(layout).expect("sound");
    encoder.begin(&slot);
    assert!(encoder.observe(&slot));
    let observation = encoder.observation();
    let (first, second) = (1.0f32 / 3.0, 2.0f32 / 3.0);
    let own = [0.25, 0.0, second, 0.5, 0.5, 0.5, 0.0];
    let candidates = [second, first, second, first, second, 0.0];
    assert_eq!(observation.rows[..7], own);
    assert_eq!(observation.rows[7..13], candidates);
    // Out of range: no segment, no candidates; then a vehicle that is not there; then the RSUs.
    assert_eq!(observation.rows[13..16], [0.7, 0.9, 0.0]);
    assert_eq!(observation.rows[20..26], [0.0; 6]);
    assert_eq!(observation.rows[26..39], [0.0; 13]);
    assert_eq!(observation.rows[43..44], [0.4]);
    assert_eq!(observation.heads, [6, 9, 15, 18, 24, 27]);
    assert_eq!(observation.legal[..6], [true; 6]);
    assert_eq!(
        observation.legal[9..15],
        [false, false, false, false, false, true]
    );

    encoder.act(&slot, &[3, 0, 5, 0, 5, 0]);
    assert!(!encoder.observe(&slot));
    let mut decision = Decision::default();
    encoder.decision(&slot, &mut decision);
    let entered = Placement::Rsu {
        entry: 0,
        execution: 0,
    };
    assert_eq!(decision.placements, [entered, Placement::Local]);

    // Targets from the same list: enters at 1 (place 2), executes at 0 (place 3).
    let mut encoder = Encoder::new(of_candidates).expect("sound");
    encoder.begin(&slot);
    assert!(encoder.observe(&slot));
    assert_eq!(encoder.observation().heads, [6, 11, 17, 22, 28, 33]);
    assert_eq!(encoder.observation().legal[6..11], [true; 5]);
    encoder.act(&slot, &[2, 3, 5, 0, 5, 0]);
    encoder.decision(&slot, &mut decision);
    let reached = slot.routes.find(1, 0).is_some();
    let migrated = Placement::Rsu {
        entry: 1,
        execution: if reached { 0 } else { 1 },
    };
    assert_eq!(decision.placements, [migrated, Placement::Local]);
}

#[test]
fn property_snapshots_continue_bit_by_bit() {
    let world = world("coupled", &[("time.slot_s", "0.25"), ("fleet.size", "60")]);
    let layout = Layout::sequential(&world);
    let make = || {
        batch(&world, &layout, 12, Streams::new(8), 2)
            .expect("serves")
            .remove(1)
    };
    let go = |env: &mut Env<'_>, stream: &mut Stream, slots: usize| {
        let mut rewards = Vec::new();
        while rewards.len() < slots {
            let actions = random_actions(env.observation(), stream);
            if let Some(end) = env.act(&actions).expect("legal").slot {
                rewards.push(end.reward.to_bits());
                if end.truncated {
                    env.reset_next().expect("no trace");
                }
            }
        }
        rewards
    };
    let mut env = make();
    go(&mut env, &mut Streams::new(0).stream("test"), 17);
    let snapshot = env.snapshot().expect("between two slots");
    let expected = go(&mut env, &mut Streams::new(1).stream("test"), 20);

    let text = serde_json::to_string(&snapshot).expect("plain data");
    let mut other = make();
    other
        .restore(&serde_json::from_str(&text).expect("its own text"))
        .expect("its own snapshot");
    assert_eq!(other.position().1, 5);
    assert_eq!(
        go(&mut other, &mut Streams::new(1).stream("test"), 20),
        expected
    );
    // more seeds than can have been drawn are refused at once, not drawn
    let mut much = serde_json::to_value(&snapshot).expect("plain data");
    much["drawn"] = u64::MAX.into();
    let much = serde_json::from_value(much).expect("a snapshot");
    let error = other.restore(&much).expect_err("refused").to_string();
    assert!(error.contains("at most"), "{error}");
}

#[test]
fn property_environments_of_a_batch_differ_and_are_reproducible() {
    let world = world("wang2025", &[("fleet.size", "20")]);
    let layout = Layout::shared(&world);
    let seeds = |seed| -> Vec<u64> {
        let envs = batch(&world, &layout, 5, Streams::new(seed), 3).expect("serves");
        envs.iter().map(|env| env.position().0).collect()
    };
    let first = seeds(1);
    assert_eq!(first, seeds(1));
    assert_ne!(first, seeds(2));
    assert!(first[0] != first[1] && first[1] != first[2]);
}

#[test]
fn property_layouts_survive_their_card_and_refuse_what_they_cannot_serve() {
    let of_100 = world("wang2025", &[]);
    for layout in layouts(&of_100) {
        let card = serde_json::to_string(&layout).expect("plain data");
        assert_eq!(
            serde_json::from_str::<Layout>(&card).expect("its own"),
            layout
        );
        layout.serves_world(&of_100).expect("made for it");
    }
    let flat = Layout::flat(&of_100, Target::Any).expect("a fixed fleet");
    let of_200 = world("wang2025", &[("fleet.size", "200")]);
    let message = flat
        .serves_world(&of_200)
        .expect_err("too many")
        .to_string();
    assert_eq!(
        message,
        "observation layout: fleet.size: must be at most 100 vehicles, got 200: \
         a `flat` policy serves only the numbers it was trained with"
    );
    let slot = Recipe::default().slot(0);
    let message = flat.serves(&slot).expect_err("five RSUs").to_string();
    assert!(
        message.contains("rsus: must be 11 RSUs, got 5"),
        "{message}"
    );
    for layout in [Layout::shared(&of_100), Layout::sequential(&of_100)] {
        layout.serves_world(&of_200).expect("any N");
        layout.serves(&slot).expect("any M");
    }
    let old = Layout {
        version: VERSION + 1,
        ..Layout::shared(&of_100)
    };
    assert!(Encoder::new(old).is_err());
    let absurd = Layout {
        form: Form::Shared {
            candidates: 0,
            targets: 1,
        },
        ..flat
    };
    assert!(absurd.check().is_err());
}

#[test]
fn property_env_refuses_what_is_not_legal() {
    let world = world("wang2025", &[("fleet.size", "10")]);
    let layout = Layout::shared(&world);
    let mut env = Env::new(&world, layout, 1, Streams::new(0), "env").expect("serves");
    let heads = env.observation().heads.len();
    for actions in [vec![], vec![0; heads - 1], vec![1000; heads]] {
        assert!(env.act(&actions).is_err());
    }
    let masked = env.observation().legal.iter().position(|legal| !legal);
    let masked = masked.expect("not everybody sees seven RSUs");
    let head = (0..heads).find(|&i| env.observation().head(i).contains(&masked));
    let head = head.expect("heads cover all");
    let mut stream = Streams::new(0).stream("test");
    let mut actions = random_actions(env.observation(), &mut stream);
    let legal = std::mem::replace(
        &mut actions[head],
        (masked - env.observation().head(head).start) as u32,
    );
    let message = env.act(&actions).expect_err("masked").to_string();
    assert!(message.contains("is masked"), "{message}");
    let nobody = Decision::default();
    assert!(env.step(&nobody).is_err());
    actions[head] = legal;
    assert!(
        env.act(&actions)
            .expect("legal")
            .slot
            .expect("one turn")
            .truncated
    );
    assert!(env.act(&actions).is_err(), "the episode is over");
}

#[test]
fn property_greedy_keeps_to_the_mask_whatever_the_logits() {
    let observation = Observation {
        heads: vec![3, 5],
        legal: vec![false, true, true, false, true],
        ..Observation::default()
    };
    let mut actions = Vec::new();
    let nan = f32::NAN;
    for (logits, expected) in [
        (vec![9.0, 1.0, 2.0, 9.0, -1.0], [2, 1]),
        (vec![9.0, 1.0, 1.0, 9.0, -1.0], [1, 1]),
        (vec![nan; 5], [1, 1]),
        (vec![0.0, nan, f32::NEG_INFINITY, 0.0, nan], [2, 1]),
        (vec![], [1, 1]),
    ] {
        observation.greedy(&logits, &mut actions);
        assert_eq!(actions, expected, "{logits:?}");
    }
}

#[test]
fn property_a_shared_world_is_the_borrowed_one() {
    let borrowed = world("wang2025", &[("fleet.size", "9")]);
    let shared = Arc::new(borrowed.clone());
    let layout = Layout::shared(&borrowed);
    let streams = Streams::new(4);
    let mut envs = [
        Env::new(&borrowed, layout.clone(), 3, streams, "env").expect("serves"),
        Env::new(shared, layout, 3, streams, "env").expect("serves"),
    ];
    let mut stream = Streams::new(0).stream("test");
    for _ in 0..3 {
        let actions = random_actions(envs[0].observation(), &mut stream);
        let [one, other] = envs.each_mut().map(|env| env.act(&actions).expect("legal"));
        assert_eq!(one, other);
        assert_eq!(envs[0].observation(), envs[1].observation());
    }
}
