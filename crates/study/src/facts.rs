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

    /// The map of the RSUs, the backhaul and the vehicles: of all of them, or of the middle where there are too many to draw.
    pub(crate) fn map(&self) -> Map {
        match self.middle() {
            Some(area) => cut_out(&self.whole_map(), area),
            None => self.whole_map(),
        }
    }

    /// The part of the area that the map shows, where it does not show all.
    pub(crate) fn middle(&self) -> Option<Area> {
        let share = |most: usize, count: usize| most as f64 / count.max(1) as f64;
        let rsus = share(MOST_RSUS, self.rsus.len());
        let share = rsus.min(share(MOST_VEHICLES, self.vehicles_m.len()));
        let part = |min: f64, max: f64| {
            let (middle, half) = (0.5 * (min + max), 0.5 * (max - min) * share.sqrt());
            [middle - half, middle + half]
        };
        let [x_min_m, x_max_m] = part(self.area.x_min_m, self.area.x_max_m);
        let [y_min_m, y_max_m] = part(self.area.y_min_m, self.area.y_max_m);
        (share < 1.0).then_some(Area {
            x_min_m,
            y_min_m,
            x_max_m,
            y_max_m,
        })
    }

    fn whole_map(&self) -> Map {
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
            ..self.whole_map()
        })
    }
}

/// About how many RSUs and vehicles a map shows at most: more are not told apart, and only make reports large.
const MOST_RSUS: usize = 500;
const MOST_VEHICLES: usize = 5_000;

/// What of `map` is within `area`.
fn cut_out(map: &Map, area: Area) -> Map {
    let within = |x_m: f64, y_m: f64| {
        (area.x_min_m..=area.x_max_m).contains(&x_m) && (area.y_min_m..=area.y_max_m).contains(&y_m)
    };
    let mut rsus = Vec::new();
    let row = |rsu: &Site| {
        within(rsu.x_m, rsu.y_m).then(|| {
            rsus.push(rsu.clone());
            rsus.len() as u32 - 1
        })
    };
    let rows: Vec<Option<u32>> = map.rsus.iter().map(row).collect();
    let link = |&[a, b]: &[u32; 2]| Some([rows[a as usize]?, rows[b as usize]?]);
    let vehicles_m = map
        .vehicles_m
        .iter()
        .filter(|[x_m, y_m]| within(*x_m, *y_m));
    Map {
        x_m: [area.x_min_m, area.x_max_m],
        y_m: [area.y_min_m, area.y_max_m],
        links: map.links.iter().filter_map(link).collect(),
        vehicles_m: vehicles_m.copied().collect(),
        rsus,
        seed: map.seed,
        path: map.path.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::Scenario;

    fn facts(copies: usize) -> ScenarioFacts {
        let copies = ("fleet.mobility.copies".to_owned(), copies.to_string());
        let world = World::new(&Scenario::builtin("city-grid", &[copies]).unwrap()).unwrap();
        ScenarioFacts::new(&world, 0).unwrap()
    }

    #[test]
    fn property_maps_of_large_areas_show_their_middle() {
        let small = facts(1);
        assert!(small.middle().is_none());
        assert_eq!(small.map().rsus.len(), small.rsus.len());
        let large = facts(64);
        assert!(large.rsus.len() > 4 * MOST_RSUS && large.vehicles_m.len() > 2 * MOST_VEHICLES);
        let (map, area) = (large.map(), large.middle().unwrap());
        assert!((MOST_RSUS / 2..MOST_RSUS * 5 / 4).contains(&map.rsus.len()));
        assert!((MOST_VEHICLES / 4..MOST_VEHICLES * 5 / 4).contains(&map.vehicles_m.len()));
        for rsu in &map.rsus {
            assert!(rsu.x_m >= area.x_min_m && rsu.x_m <= area.x_max_m);
            assert!(rsu.y_m >= area.y_min_m && rsu.y_m <= area.y_max_m);
        }
        assert!(!map.links.is_empty());
        for &[a, b] in &map.links {
            let [a, b] = [a, b].map(|row| &map.rsus[row as usize]);
            assert!((a.x_m - b.x_m).hypot(a.y_m - b.y_m) <= 300.0);
        }
    }
}
