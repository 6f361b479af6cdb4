//! Deciding and allocating CPU allocate no memory once warm. Its own binary: the allocator is global.
#![allow(
    unsafe_code,
    reason = "a global allocator that counts cannot be written without"
)]

#[path = "it/lin.rs"]
mod lin;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use wayside_core::alloc::Allocator;
use wayside_core::decision::Decision;
use wayside_core::engine::world::{Traffic, World};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::scenario::Scenario;
use wayside_core::slot::Slot;

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
