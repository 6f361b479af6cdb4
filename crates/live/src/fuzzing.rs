//! Decoders of the centre, as fuzz targets call them: any bytes are a value or an error.

use crate::centre::{Centre, requests};
use crate::zones;
use std::sync::{Arc, OnceLock};
use wayside_core::Scenario;
use wayside_core::engine::world::World;

/// Every body that a client may send: vehicle, tasks, outcome, state of an RSU, edge discovery.
pub fn bodies(text: &str) {
    let _ = requests::read_vehicle(text).map(|sighting| sighting.on_map(world()));
    let _ = requests::read_tasks(text);
    let _ = requests::read_outcome(text);
    let _ = requests::read_rsu(text);
    let _ = zones::read(text);
}

/// Records of a journal: a line each, the key up to the first blank. What they hold is put back, shown, let go, and saved.
pub fn journal(text: &str) {
    let records = text.lines().filter_map(|line| line.split_once(' '));
    let saved = records.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
    let new = Centre::new(Arc::clone(world()), 1.0);
    let mut centre = new.expect("a scenario that can be served");
    if centre.restore(&saved.collect(), 1.0).is_ok() {
        let _ = centre.probe(1.0, "car");
        centre.state(1.0);
        centre.advance(1e5);
        centre.state(1e5);
        centre.saved();
    }
}

fn world() -> &'static Arc<World> {
    static WORLD: OnceLock<Arc<World>> = OnceLock::new();
    WORLD.get_or_init(|| {
        let scenario = Scenario::builtin("wang2025", &[]).expect("it is built in");
        Arc::new(World::new(&scenario).expect("it needs no files"))
    })
}
