//! Any line of a policy command is either a decision that the slot admits or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::rng::Streams;
use wayside_core::slot::NamedSlot;
use wayside_core::Scenario;
use wayside_study::command;

static SLOTS: LazyLock<Vec<NamedSlot>> = LazyLock::new(|| {
    let slot = |scenario: &&str| {
        let size = ("fleet.size".to_owned(), "4".to_owned());
        let scenario = Scenario::builtin(scenario, &[size]).expect("built in");
        let world = World::new(&scenario).expect("built in");
        let mut slot = world.empty_slot();
        let mut traffic = Traffic::new(&world, Streams::new(3)).expect("no trace");
        traffic.advance(0, &mut slot).expect("no trace");
        NamedSlot::numbered(slot)
    };
    ["lin2025", "wang2025", "highway"].iter().map(slot).collect()
});

fuzz_target!(|text: &str| {
    for slot in SLOTS.iter() {
        let _ = command::decode(text, slot);
    }
});
