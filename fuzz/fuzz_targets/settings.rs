//! Any options of a training, `NAME=VALUE` line by line, are settings or an error, never a panic. The first byte chooses
//! the algorithm.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_learn::trainer::{Algorithm, Settings};

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let scenario = Scenario::builtin("lin2025", &[]).expect("a built-in scenario");
    World::new(&scenario).expect("it can be laid out")
});

fuzz_target!(|text: &str| {
    let algorithms = [
        Algorithm::Ppo,
        Algorithm::Ac,
        Algorithm::Sac,
        Algorithm::Lysac,
    ];
    let algorithm = algorithms[usize::from(text.bytes().next().unwrap_or(0)) % 4];
    let options: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let _ = Settings::new(algorithm, None, &WORLD, &options);
});
