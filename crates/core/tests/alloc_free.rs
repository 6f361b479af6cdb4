//! Deciding and allocating CPU allocate no memory once warm. Its own binary: the allocator is global.
#![allow(
    unsafe_code,
    reason = "a global allocator that counts cannot be written without"
)]

#[path = "it/lin.rs"]
mod lin;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use wayside_core::alloc::Allocator;
use wayside_core::backhaul::Edge;
use wayside_core::backhaul::network::Network;
use wayside_core::engine::env::Env;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::information::{FalseReports, Falsehood, Rounds, Schedule};
use wayside_core::observation;
use wayside_core::policy::PolicyKind;
use wayside_core::queueing::{QueueNetwork, Submission};
use wayside_core::rng::Streams;
use wayside_core::scenario::Scenario;
use wayside_core::slot::queues::{Information, QueueState};
use wayside_core::slot::{Decision, Slot};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is the system allocator's; counting is a thread-local integer, which neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's contract is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Consecutive slots of wang2025.
fn slots() -> Vec<Slot> {
    let scenario = Scenario::builtin("wang2025", &[]).expect("built in");
    let world = World::new(&scenario).expect("no files");
    let mut traffic = Traffic::new(&world, Streams::new(0)).expect("no trace");
    let mut slot = world.empty_slot();
    (0..30)
        .map(|t| {
            traffic.advance(t, &mut slot).expect("no trace");
            slot.clone()
        })
        .collect()
}

/// Allocations of `work` over the slots, once they have been gone through to warm its memory up.
fn allocations(slots: &[Slot], mut work: impl FnMut(&Slot)) -> usize {
    slots.iter().for_each(&mut work);
    let before = COUNT.get();
    slots.iter().for_each(&mut work);
    COUNT.get() - before
}

#[test]
fn property_warm_decisions_and_allocations_take_no_memory() {
    let mut slots = slots();
    let scenario = Scenario::builtin("wang2025", &[]).expect("built in");
    for enforce_balance in [false, true] {
        for slot in &mut slots {
            slot.enforce_balance = enforce_balance;
        }
        let (mut allocator, mut cpu_hz) = (Allocator::default(), Vec::new());
        let mut decision = Decision::default();
        let mut nearest = PolicyKind::Nearest.build(&scenario.policy, Streams::new(0));
        let mut binding = 0;
        let count = allocations(&slots, |slot| {
            nearest.decide(slot, &mut decision);
            allocator.solve(slot, &decision.placements, &[], &mut cpu_hz);
            binding += usize::from(allocator.balance_binds());
        });
        assert_eq!(enforce_balance, binding > 0);
        assert_eq!(count, 0, "P2, (16e) {enforce_balance}");
    }
    for kind in [PolicyKind::BestResponse, PolicyKind::Price] {
        let mut policy = kind.build(&scenario.policy, Streams::new(0));
        let mut decision = Decision::default();
        let count = allocations(&slots, |slot| policy.decide(slot, &mut decision));
        assert_eq!(count, 0, "{}", kind.info().name);
    }
}

/// Tasks with and without hops, seen and reported ten times a second, for as long as it takes.
#[test]
fn property_warm_queues_take_no_memory() {
    let edges = [(0, 1), (1, 2)].map(|(a, b)| Edge {
        a,
        b,
        rate_bps: 1e6,
        length_m: 1000.0,
        backlog_bits: 0.0,
    });
    let network = Arc::new(Network::new(3, &edges, 5e-9));
    let path = [0, 1].map(|m| network.find(m, m + 1).expect("neighbours"));
    let mut servers = QueueNetwork::new(network, &[0, 2, 4, 6], &[1e9; 3], &[0.0; 6]);
    let information = Information {
        ttl: 2,
        hop_s: 0.01,
        delay_s: 0.5,
    };
    let schedule = Schedule {
        rate_hz: 10.0,
        lost_s: vec![(3.0, 4.0)],
        falsified: Some(FalseReports {
            share: 0.3,
            kind: Falsehood::Idle,
        }),
    };
    let mut rounds = Rounds::new(schedule, &information, Streams::new(0));
    let (mut kept, mut present): (Vec<QueueState>, _) = (Vec::new(), QueueState::default());
    let (mut key, mut finished) = (0, 0);
    let mut minute = |start_s: u32| {
        for second in start_s..start_s + 60 {
            let now_s = f64::from(second);
            rounds.advance(now_s, &mut servers, &mut kept, &mut |_| finished += 1);
            servers.observe(now_s, &mut present);
            for i in 0..10_u32 {
                servers.submit(Submission {
                    key,
                    // Not in order, so that the heap is met too.
                    ready_s: now_s + 0.05 * f64::from(i * 7 % 10),
                    entry: 0,
                    path: &path[..i as usize % 3],
                    data_bits: 4e4,
                    cycles: 2e8,
                });
                key += 1;
            }
        }
    };
    minute(0);
    let before = COUNT.get();
    minute(60);
    assert_eq!(COUNT.get() - before, 0);
    assert!(finished > 1000, "{finished}");
}

#[test]
fn property_warm_environments_take_no_memory() {
    for name in ["wang2025", "coupled"] {
        let scenario = Scenario::builtin(name, &[]).expect("built in");
        let world = World::new(&scenario).expect("no files");
        for layout in [
            observation::Layout::flat(&world, observation::Target::Any).expect("a fixed fleet"),
            observation::Layout::flat(&world, observation::Target::Candidates)
                .expect("a fixed fleet"),
            observation::Layout::shared(&world),
            observation::Layout::sequential(&world),
        ] {
            let form = layout.form;
            let mut env = Env::new(&world, layout, 60, Streams::new(0), "env").expect("serves");
            let mut actions = Vec::new();
            let mut stream = Streams::new(0).stream("test");
            let mut go = |env: &mut Env<'_>| {
                loop {
                    let observation = env.observation();
                    actions.clear();
                    actions.extend((0..observation.heads.len()).map(|i| {
                        let legal = &observation.legal[observation.head(i)];
                        let drawn = stream.below(legal.len());
                        let after = legal[drawn..].iter().position(|legal| *legal);
                        after.map_or_else(
                            || legal.iter().position(|legal| *legal).expect("one is legal") as u32,
                            |further| (drawn + further) as u32,
                        )
                    }));
                    let turn = env.act(&actions).expect("legal");
                    if turn.slot.is_some_and(|end| end.truncated) {
                        break;
                    }
                }
            };
            for _ in 0..6 {
                go(&mut env);
                env.reset(1).expect("no trace");
            }
            let before = COUNT.get();
            go(&mut env);
            assert_eq!(COUNT.get() - before, 0, "{name} {form:?}");
        }
    }
}

#[test]
fn property_warm_migration_takes_no_memory() {
    let scenario = Scenario::builtin("wang2025", &[]).expect("built in");
    let batch = |seed| {
        let capability = 0.1 * (1 + seed % 9) as f64;
        let lin = lin::Lin {
            capability,
            ..lin::Lin::default()
        };
        lin.slot(seed)
    };
    let slots: Vec<Slot> = (0..20).map(batch).collect();
    for name in [
        "mcatm",
        "ratom",
        "wvahp-ospf",
        "oesda",
        "ect",
        "ect-h-cloud",
    ] {
        let kind = PolicyKind::from_name(name).expect("a policy");
        let mut policy = kind.build(&scenario.policy, Streams::new(0));
        let mut decision = Decision::default();
        let count = allocations(&slots, |slot| policy.decide(slot, &mut decision));
        assert_eq!(count, 0, "{name}");
    }
}
