//! (16e): who may move tasks for it, what that costs, and what is done where nothing meets it.

use std::ops::ControlFlow;

use wayside_core::alloc::{LEAST_VIOLATION, Status};
use wayside_core::engine::decider::Decider;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate_observed};
use wayside_core::model::load;
use wayside_core::policy::PolicyKind::{self, *};
use wayside_core::rng::Streams;
use wayside_core::scenario::{Deadline, DeadlineRule};
use wayside_core::slot::{Decision, Placement, Slot};

use crate::conic::attempt;
use crate::support::{
    Recipe, allocate, at, builtin, cost, draw, excess, largest, outcomes, over_seeds,
};

/// 10 to 59 tasks on five RSUs with (16e) enforced; on every other seed some CPU is held.
fn slot(seed: u64) -> Slot {
    let mut stream = Streams::new(seed).stream("balance");
    let recipe = Recipe {
        vehicles: 10 + stream.below(50),
        reserved: 0.0..[0.0, 0.6][seed as usize % 2],
        ..Recipe::default()
    };
    Slot {
        enforce_balance: true,
        tau: draw(&(0.02..0.2), &mut stream),
        ..recipe.slot(seed)
    }
}

/// What `kind` decides with its repair on or off.
fn decide(kind: PolicyKind, repair: bool, slot: &Slot, seed: u64) -> Vec<Placement> {
    let mut options = builtin("wang2025", &[]).policy;
    options.best_response.repair = repair;
    options.price.repair = repair;
    options.local_search.repair = repair;
    let mut decision = Decision::default();
    let mut policy = kind.build(&options, Streams::new(seed));
    policy.decide(slot, &mut decision);
    decision.placements
}

/// How far from (16e) placements are, and what they cost.
fn worth(slot: &Slot, placements: &[Placement]) -> (f64, f64) {
    let (certificate, _) = allocate(slot, placements, &[]);
    (
        load::excess(certificate.lbm, slot.tau),
        cost(slot, placements),
    )
}

#[test]
fn property_a_repaired_decision_is_never_dearer_nor_farther_from_balance() {
    let cheaper = over_seeds(200, |seed| {
        let slot = slot(seed);
        [BestResponse, Price].map(|kind| {
            let plain = worth(&slot, &decide(kind, false, &slot, seed));
            let repaired = worth(&slot, &decide(kind, true, &slot, seed));
            assert!(repaired.0 <= plain.0, "{kind:?}: {repaired:?}, {plain:?}");
            assert!(
                repaired.1 <= plain.1 * (1.0 + 1e-12),
                "{kind:?}: {repaired:?}, {plain:?}"
            );
            repaired.1 < plain.1 * (1.0 - 1e-6)
        })
    });
    for kind in 0..2 {
        let cheaper = cheaper.iter().filter(|found| found[kind]).count();
        assert!(cheaper > 100, "{cheaper} of 200 repaired");
    }
}

/// The near-optimum to compare with is one under (16e) too.
#[test]
fn property_local_search_is_never_worse_than_repaired_price() {
    let better = over_seeds(100, |seed| {
        let slot = slot(seed);
        let price = worth(&slot, &decide(Price, true, &slot, seed));
        let search = worth(&slot, &decide(LocalSearch, true, &slot, seed));
        let case = format!("{search:?} for {price:?}");
        assert!(search.0 <= price.0, "{case}");
        assert!(
            search.0 < price.0 || search.1 <= price.1 * (1.0 + 1e-12),
            "{case}"
        );
        search.1 < price.1
    });
    let better = better.iter().filter(|&&better| better).count();
    // It repairs its result alone: all that it meets on the way would be 13 repairs, and better in more than half.
    assert!(better > 20, "better in {better} of 100");
}

/// Nobody but a policy itself decides where its tasks run, above all not those of the paper.
#[test]
fn property_the_engine_moves_no_task_for_balance() {
    let world = World::new(&builtin("wang2025", &[("load_balance.alpha", "0")])).unwrap();
    let mut unenforced = world.clone();
    unenforced.scenario.load_balance.enforce = false;
    for kind in PolicyKind::SHARED_CPU {
        let streams = Streams::new(4);
        let ours = matches!(
            kind,
            BestResponse | LeastTotal | LeastAhead | Price | LocalSearch | PlanAhead
        );
        let [mut moved, mut bound] = [0; 2];
        let mut slots = [&world, &unenforced].map(|world| {
            let traffic = Traffic::new(world, streams).unwrap();
            (traffic, world.empty_slot())
        });
        let options = &world.scenario.policy;
        let mut deciders = [(); 2].map(|()| Decider::of(kind, options, streams));
        let mut policy = kind.build(options, streams);
        for t in 0..3 {
            for ((traffic, slot), decider) in slots.iter_mut().zip(&mut deciders) {
                traffic.advance(t, slot).unwrap();
                decider.decide(slot);
            }
            let mut decision = Decision::default();
            policy.decide(&slots[0].1, &mut decision);
            assert_eq!(deciders[0].placements(), decision.placements, "{kind:?}");
            let [with, without] = deciders.each_ref().map(Decider::placements);
            moved += with.iter().zip(without).filter(|(a, b)| a != b).count();
            bound += usize::from(deciders[0].certificate().lbm < deciders[1].certificate().lbm);
        }
        assert_eq!(moved > 0, ours, "{kind:?} moved {moved}");
        assert_eq!(bound > 0, kind != Local, "{kind:?}");
    }
}

/// Tasks placed anywhere on RSUs of which some hold CPU, with or without minimum shares.
fn held(seed: u64) -> (Slot, Vec<Placement>, Vec<f64>) {
    let mut stream = Streams::new(seed).stream("held");
    let recipe = Recipe {
        vehicles: 1 + stream.below(30),
        rsus: 2 + stream.below(6),
        reserved: 0.0..0.95,
        ..Recipe::default()
    };
    let mut slot = Slot {
        enforce_balance: true,
        tau: draw(&(0.02..0.3), &mut stream),
        ..recipe.slot(seed)
    };
    slot.omega = [slot.omega, 1.0][usize::from(seed % 8 == 7)];
    let used = 1 + stream.below(recipe.rsus);
    let tasks = slot.tasks.len();
    let placements: Vec<_> = (0..tasks).map(|_| at(stream.below(used) as u32)).collect();
    let mut minimum_hz = Vec::new();
    if seed.is_multiple_of(3) {
        minimum_hz.extend(placements.iter().map(|placement| {
            let m = placement.execution().unwrap() as usize;
            slot.rsus.available_cpu_hz(m) / (2 * tasks) as f64
        }));
    }
    (slot, placements, minimum_hz)
}

/// Where the least LBM is reached by loads next to one level, tried at many levels, ever closer.
fn least_lbm(slot: &Slot, placements: &[Placement], minimum_hz: &[f64]) -> f64 {
    let rsus = &slot.rsus;
    let ranges: Vec<(f64, f64)> = (0..rsus.len())
        .map(|m| {
            let here = |n: &usize| placements[*n].execution() == Some(m as u32);
            let tasks: Vec<usize> = (0..placements.len()).filter(here).collect();
            let least_hz: f64 = tasks.iter().filter_map(|&n| minimum_hz.get(n)).sum();
            let most_hz = if tasks.is_empty() {
                0.0
            } else {
                rsus.available_cpu_hz(m)
            };
            let load = |hz: f64| (rsus.cpu_hz[m] - rsus.available_cpu_hz(m) + hz) / rsus.cpu_hz[m];
            (load(least_hz), load(most_hz))
        })
        .collect();
    let lbm = |level: f64| load::lbm(ranges.iter().map(|&(least, most)| level.clamp(least, most)));
    let (mut around, mut width) = (0.5, 0.5);
    for _ in 0..3 {
        let levels = (-1000..=1000).map(|i| around + width * f64::from(i) / 1000.0);
        let best = levels.min_by(|a, b| lbm(*a).total_cmp(&lbm(*b)));
        around = best.expect("levels");
        width /= 100.0;
    }
    lbm(around)
}

/// (16e) is violated only where no allocation meets it, and then by no more than is promised.
#[test]
fn oracle_the_violation_is_the_least_there_is() {
    let unbalanced = over_seeds(300, |seed| {
        let (slot, placements, minimum_hz) = held(seed);
        let (ours, cpu_hz) = allocate(&slot, &placements, &minimum_hz);
        assert!(cpu_hz.iter().all(|&hz| hz > 0.0));
        assert!(ours.kkt_residual <= 1e-9, "{ours:?}");
        let least = least_lbm(&slot, &placements, &minimum_hz);
        if ours.status == Status::Solved {
            assert!(least <= slot.tau, "{least} over {}", slot.tau);
            assert!(load::excess(ours.lbm, slot.tau) <= 0.0, "{ours:?}");
        } else {
            assert!(least >= slot.tau * (1.0 - 1e-6));
            let most = least * LEAST_VIOLATION;
            assert!(
                ours.lbm >= least - 1e-6 && ours.lbm <= most * (1.0 + 1e-6),
                "{ours:?}, least {least}"
            );
            assert!(load::excess(ours.lbm, slot.tau) > 0.0);
        }
        ours.status == Status::Unbalanced
    });
    let count = unbalanced.iter().filter(|&&unbalanced| unbalanced).count();
    assert!((50..250).contains(&count), "{count} of 300");
}

/// The independent solver finds nothing below the least LBM, and nothing cheaper within what is allowed. So near the
/// border it does not always find an answer.
#[test]
fn oracle_clarabel_where_balance_cannot_be_met() {
    let differences = over_seeds(300, |seed| {
        let (slot, placements, minimum_hz) = held(seed);
        let at = |tau: f64| {
            let slot = Slot {
                tau,
                ..slot.clone()
            };
            attempt(&slot, &placements, &minimum_hz).ok()
        };
        let (ours, _) = allocate(&slot, &placements, &minimum_hz);
        if ours.status == Status::Solved {
            return None;
        }
        assert_ne!(
            at(slot.tau).map(|cost| cost.is_some()),
            Some(true),
            "{ours:?}"
        );
        assert!(ours.duality_gap <= 1e-9, "{ours:?}");
        let cheapest = at(ours.lbm)?.expect("within what is allowed");
        Some(excess(ours.cost, cheapest).abs())
    });
    let differences: Vec<f64> = differences.into_iter().flatten().collect();
    let most = largest(differences.iter().copied());
    println!("{} compared, {most:.1e} apart", differences.len());
    // The cost rises so steeply here that Clarabel's tolerance of 1e-10 in the loads shows.
    assert!(differences.len() > 50 && most <= 1e-4, "{most:e}");
}

/// Both choices from the padded candidates: never out of the coverage, and each target as often as it is in the list.
#[test]
fn closed_form_random_targets_from_the_candidates() {
    let recipe = Recipe {
        vehicles: 1,
        rsus: 3,
        range_m: 2000.0..2000.0,
        linked: 1.0,
        ..Recipe::default()
    };
    let slot = recipe.slot(1);
    let mut options = builtin("wang2025", &[("policy.random.target", "candidates")]).policy;
    options.random.candidates = 8;
    let mut policy = Random.build(&options, Streams::new(0));
    let mut decision = Decision::default();
    let draws = 20_000;
    let (mut local, mut targets) = (0.0, [0.0; 3]);
    for _ in 0..draws {
        policy.decide(&slot, &mut decision);
        match decision.placements[0] {
            Placement::Rsu { execution, .. } => {
                let links = slot.links(0).iter();
                let place = links.map(|link| link.rsu).position(|m| m == execution);
                targets[place.expect("a candidate")] += 1.0 / f64::from(draws);
            }
            _ => local += 1.0 / f64::from(draws),
        }
    }
    // Three RSUs padded to seven places: 3, 2 and 2 of them; the eighth is the vehicle.
    assert!((local - 1.0 / 8.0).abs() < 0.01, "{local}");
    for (found, places) in targets.iter().zip([3.0, 2.0, 2.0]) {
        assert!(
            (found - 7.0 / 8.0 * places / 7.0).abs() < 0.015,
            "{targets:?}"
        );
    }
}

/// Demand is cycles placed over what the RSU could compute in the slot. No allocation changes it, so P2 is that without
/// (16e), and slots beyond the bound are counted.
#[test]
fn oracle_balance_of_demand_by_hand() {
    let demand = builtin(
        "wang2025",
        &[("load_balance.of", "demand"), ("time.slot_s", "0.8")],
    );
    let mut plain = demand.clone();
    plain.load_balance.enforce = false;
    let [ours, without] = [&demand, &plain].map(|scenario| {
        let world = World::new(scenario).unwrap();
        let mut seen = Vec::new();
        let options = Options {
            slots: 6,
            bound: BoundKind::Off,
        };
        let watch = &mut |_: usize, slot: &Slot| {
            seen.push(slot.clone());
            ControlFlow::Continue(())
        };
        let run = replicate_observed(&world, &[Local, Nearest, Price], 3, options, watch);
        (run.unwrap().unwrap().policies, seen)
    });
    let mut violated = 0;
    for (ours, without) in ours.0.iter().zip(&without.0) {
        for (a, b) in ours.slots.iter().zip(&without.slots) {
            assert_eq!(
                a.objective.to_bits(),
                b.objective.to_bits(),
                "{}",
                ours.policy
            );
            assert!(a.enforced && !b.enforced);
            assert_eq!(a.violated, a.lbm > a.tau);
            violated += u32::from(a.violated);
        }
    }
    assert!(violated > 3, "{violated}");
    assert!(
        ours.0[0]
            .slots
            .iter()
            .all(|slot| slot.lbm.abs() < f64::MIN_POSITIVE)
    );
    for (record, slot) in ours.0[1].slots.iter().zip(&ours.1) {
        let mut loads = vec![0.0; slot.rsus.len()];
        for task in 0..slot.tasks.len() {
            if let Some(link) = slot.links(task).first() {
                loads[link.rsu as usize] += slot.tasks.cycles[task] / (15e9 * 0.8);
            }
        }
        let mean = loads.iter().sum::<f64>() / 11.0;
        let squares: f64 = loads.iter().map(|load| (load - mean).powi(2)).sum();
        assert!(excess(record.lbm, (squares / 11.0).sqrt()).abs() < 1e-12);
    }
}

/// Late tasks and cost of what `kind` decides under a rule for deadlines.
fn late(kind: PolicyKind, deadline: Deadline, slot: &Slot) -> (usize, f64, Vec<Placement>) {
    let mut options = builtin("wang2025", &[]).policy;
    options.best_response.deadline = deadline;
    options.price.deadline = deadline;
    options.local_search.deadline = deadline;
    let mut decision = Decision::default();
    let mut policy = kind.build(&options, Streams::new(1));
    policy.decide(slot, &mut decision);
    let outcomes = outcomes(slot, &decision.placements);
    let late = outcomes.iter().zip(&slot.tasks.deadline_s);
    let late = late.filter(|(outcome, deadline_s)| outcome.delay_s() > **deadline_s);
    let late = late.count();
    (late, cost(slot, &decision.placements), decision.placements)
}

/// So little CPU that tasks are late; (16e) on every other seed.
#[test]
fn property_deadlines_forbidden_are_missed_least() {
    let found = over_seeds(40, |seed| {
        let recipe = Recipe {
            vehicles: 40,
            cpu_hz: 5e9..12e9,
            ..Recipe::default()
        };
        let slot = Slot {
            enforce_balance: seed.is_multiple_of(2),
            tau: 0.1,
            ..recipe.slot(seed)
        };
        [BestResponse, Price, LocalSearch].map(|kind| {
            let weight = 0.5;
            let rules = [
                DeadlineRule::Ignore,
                DeadlineRule::Weigh,
                DeadlineRule::Forbid,
            ];
            let [ignored, weighed, forbidden] =
                rules.map(|rule| late(kind, Deadline { rule, weight }, &slot));
            let total = |(late, cost, _): &(usize, f64, _)| cost + weight * *late as f64;
            assert!(forbidden.0 <= ignored.0, "{kind:?}");
            assert!(
                total(&weighed) <= total(&ignored) * (1.0 + 1e-12),
                "{kind:?}"
            );
            if ignored.0 == 0 {
                assert_eq!(ignored.2, forbidden.2, "{kind:?}");
            }
            [ignored.0, weighed.0, forbidden.0]
        })
    });
    for kind in 0..3 {
        let sum = |rule: usize| found.iter().map(|found| found[kind][rule]).sum::<usize>();
        let [ignored, weighed, forbidden] = [0, 1, 2].map(sum);
        println!("late: {ignored} ignored, {weighed} weighed, {forbidden} forbidden");
        assert!(forbidden < ignored && weighed < ignored && ignored > 100);
    }
}
