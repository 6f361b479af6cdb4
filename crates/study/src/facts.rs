//! What figures and reports show of a scenario, besides results.

use crate::track::Track;
use wayside_core::Result;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::{Degrees, World};
use wayside_core::rng::Streams;
use wayside_core::scenario::Area;
use wayside_plot::{Map, Site};

/// What figures and reports show of a scenario, besides results.
#[derive(Clone, Debug)]
pub struct ScenarioFacts {
    /// `[scenario] description`.
    pub description: String,
    /// `[scenario] source`.
    pub source: String,
    /// Weight of delay against energy.
    pub omega: f64,
    /// Length of a slot \[s\].
    pub slot_s: f64,
    /// Shortest and longest deadline \[s\].
    pub deadline_s: [f64; 2],
    /// The map's rectangle.
    pub area: Area,
    /// Where the map is on earth, where that is known.
    pub degrees: Option<Degrees>,
    /// The RSUs.
    pub rsus: Vec<Site>,
    /// Backhaul links, by rows of RSUs.
    pub links: Vec<[u32; 2]>,
    /// Positions of the vehicles in the first slot \[m\].
    pub vehicles_m: Vec<[f64; 2]>,
    /// The seed of that slot.
    pub seed: u64,
    /// A session of that seed with the name of its policy, where work runs in sessions.
    pub track: Option<(String, Track)>,
}

impl ScenarioFacts {
    /// The facts of `world`, with the vehicles that `seed` starts with.
    ///
    /// # Errors
    /// A trace that cannot be read.
    pub fn new(world: &World, seed: u64) -> Result<Self> {
        let mut slot = world.empty_slot();
        Traffic::new(world, Streams::new(seed))?.advance(0, &mut slot)?;
        let (scenario, rsus) = (&world.scenario, &world.rsus);
        let vehicles = slot.vehicles.x_m.iter().zip(&slot.vehicles.y_m);
        Ok(Self {
            description: scenario.description.clone(),
            source: scenario.source.clone(),
            omega: scenario.omega,
            slot_s: scenario.time.slot_s,
            deadline_s: [scenario.task.deadline_s.min, scenario.task.deadline_s.max],
            area: world.area,
            degrees: world.degrees.clone(),
            rsus: (0..rsus.len())
                .map(|m| Site {
                    id: rsus.id[m].clone(),
                    x_m: rsus.x_m[m],
                    y_m: rsus.y_m[m],
                    range_m: rsus.range_m[m],
                    cpu_hz: rsus.cpu_hz[m],
                })
                .collect(),
            links: world.links.iter().map(|e| [e.a, e.b]).collect(),
            vehicles_m: vehicles.map(|(&x, &y)| [x, y]).collect(),
            seed,
            track: None,
        })
    }

    /// The map of the RSUs, the backhaul and the vehicles.
    pub(crate) fn map(&self) -> Map {
        let Area {
            x_min_m,
            y_min_m,
            x_max_m,
            y_max_m,
        } = self.area;
        Map {
            x_m: [x_min_m, x_max_m],
            y_m: [y_min_m, y_max_m],
            rsus: self.rsus.clone(),
            links: self.links.clone(),
            vehicles_m: self.vehicles_m.clone(),
            seed: self.seed,
            path: Vec::new(),
        }
    }

    /// The map of one session: the way of its vehicle, and where its batches ran.
    pub(crate) fn track_map(&self) -> Option<Map> {
        let (_, track) = self.track.as_ref()?;
        Some(Map {
            vehicles_m: Vec::new(),
            path: track.stops.clone(),
            ..self.map()
        })
    }
}
