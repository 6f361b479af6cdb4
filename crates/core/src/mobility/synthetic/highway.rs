//! A straight road of several lanes in both directions.

use super::draws::draw;
use crate::error::Result;
use crate::mobility::{MobilitySource, Positions, VehicleKey};
use crate::rng::Streams;
use crate::scenario::{Area, Highway};

/// Vehicles at constant speeds along a road through the middle of the area. One that reaches an end leaves, and another
/// of the same speed enters the same lane at the other end, so that their number stays.
#[derive(Clone, Debug)]
pub struct Road {
    area: Area,
    vehicles: Vec<Driver>,
}

#[derive(Clone, Copy, Debug)]
struct Driver {
    /// Distance from where its lane begins \[m\].
    start_m: f64,
    speed_mps: f64,
    east: bool,
    y_m: f64,
}

impl Road {
    /// `size` vehicles, dealt to the lanes in turn, with uniform starts and speeds from the streams `mobility.start` and
    /// `mobility.speed`. Those that drive east have the south of the road.
    #[must_use]
    pub fn new(size: usize, area: Area, road: Highway, streams: Streams) -> Self {
        let mut start = streams.stream("mobility.start");
        let mut speed = streams.stream("mobility.speed");
        let middle_m = area.y_min_m + 0.5 * (area.y_max_m - area.y_min_m);
        let vehicles = (0..size)
            .map(|i| {
                let (east, lane) = (i % 2 == 0, i / 2 % road.lanes);
                let from_middle_m = (lane as f64 + 0.5) * road.lane_m;
                Driver {
                    start_m: start.uniform(0.0, area.x_max_m - area.x_min_m),
                    speed_mps: draw(road.speed_mps, &mut speed),
                    east,
                    y_m: middle_m + if east { -from_middle_m } else { from_middle_m },
                }
            })
            .collect();
        Self { area, vehicles }
    }
}

impl MobilitySource for Road {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        out.clear();
        let length_m = self.area.x_max_m - self.area.x_min_m;
        let size = self.vehicles.len() as u64;
        for (i, driver) in (0..).zip(&self.vehicles) {
            let driven_m = driver.start_m + driver.speed_mps * time_s;
            let round = (driven_m / length_m).floor();
            let along_m = (driven_m - round * length_m).clamp(0.0, length_m);
            let x_m = if driver.east {
                self.area.x_min_m + along_m
            } else {
                self.area.x_max_m - along_m
            };
            // a vehicle that enters is another than the one that left
            out.push(VehicleKey(i + size * round as u64), x_m, driver.y_m);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Range;

    const AREA: Area = Area {
        x_min_m: 100.0,
        y_min_m: 0.0,
        x_max_m: 1100.0,
        y_max_m: 100.0,
    };

    fn at(time_s: f64) -> Positions {
        let road = Highway {
            speed_mps: Range {
                min: 20.0,
                max: 20.0,
            },
            lanes: 3,
            lane_m: 4.0,
        };
        let mut out = Positions::default();
        let mut road = Road::new(6, AREA, road, Streams::new(3));
        road.advance(time_s, &mut out).unwrap();
        out
    }

    /// 20 m/s on 1,000 m: after 50 s everybody has left, and others are at the same places.
    #[test]
    fn closed_form_two_by_three_lanes() {
        let start = at(0.0);
        assert_eq!(start.y_m, [48.0, 52.0, 44.0, 56.0, 40.0, 60.0]);
        let (later, round) = (at(1.0), at(50.0));
        for i in 0..6 {
            let moved_m = later.x_m[i] - start.x_m[i];
            let forwards_m = if i % 2 == 0 { moved_m } else { -moved_m };
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(close(forwards_m, 20.0) || close(forwards_m, -980.0));
            assert!(close(round.x_m[i], start.x_m[i]));
            assert_eq!(round.key[i], VehicleKey(start.key[i].0 + 6));
        }
    }
}
