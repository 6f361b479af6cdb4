//! Random waypoints.

use super::draws::{Point, draw, uniform_point};
use crate::error::Result;
use crate::mobility::{MobilitySource, Positions};
use crate::rng::{Stream, Streams};
use crate::scenario::{Area, Range};

/// Straight to a uniform random point at a new speed, pause there, and on to the next.
#[derive(Clone, Debug)]
pub struct RandomWaypoint {
    area: Area,
    speed_mps: Range,
    pause_s: Range,
    pub(super) vehicles: Vec<Walker>,
}

#[derive(Clone, Debug)]
pub(super) struct Walker {
    from_m: Point,
    pub(super) to_m: Point,
    depart_s: f64,
    pub(super) arrive_s: f64,
    /// End of the pause after arrival.
    pub(super) leave_s: f64,
    // a stream per vehicle and purpose: events of one vehicle never shift another's draws
    point: Stream,
    speed: Stream,
    pause: Stream,
}

impl RandomWaypoint {
    /// `size` vehicles with uniform starts (`mobility.start`); vehicle `i` draws its legs from
    /// `mobility.point.i`, `mobility.speed.i` and `mobility.pause.i`.
    #[must_use]
    pub fn new(
        size: usize,
        area: Area,
        speed_mps: Range,
        pause_s: Range,
        streams: Streams,
    ) -> Self {
        let mut start = streams.stream("mobility.start");
        let vehicles = (0..size)
            .map(|i| {
                let place = uniform_point(area, &mut start);
                let mut walker = Walker {
                    from_m: place,
                    to_m: place,
                    depart_s: 0.0,
                    arrive_s: 0.0,
                    leave_s: 0.0,
                    point: streams.stream(&format!("mobility.point.{i}")),
                    speed: streams.stream(&format!("mobility.speed.{i}")),
                    pause: streams.stream(&format!("mobility.pause.{i}")),
                };
                walker.next_leg(area, speed_mps, pause_s);
                walker
            })
            .collect();
        Self {
            area,
            speed_mps,
            pause_s,
            vehicles,
        }
    }
}

impl Walker {
    fn next_leg(&mut self, area: Area, speed_mps: Range, pause_s: Range) {
        self.from_m = self.to_m;
        self.to_m = uniform_point(area, &mut self.point);
        let [dx, dy] = [0, 1].map(|axis| self.to_m[axis] - self.from_m[axis]);
        self.depart_s = self.leave_s;
        let (leg_m, speed_mps) = (dx.hypot(dy), draw(speed_mps, &mut self.speed));
        let drive_s = if leg_m > 0.0 { leg_m / speed_mps } else { 0.0 };
        self.arrive_s = self.depart_s + drive_s;
        self.leave_s = self.arrive_s + draw(pause_s, &mut self.pause);
        // in an area without extent this would loop for ever without time passing
        if self.leave_s.partial_cmp(&self.depart_s) != Some(std::cmp::Ordering::Greater) {
            self.leave_s = f64::INFINITY;
        }
    }

    fn at(&self, time_s: f64) -> Point {
        if time_s >= self.arrive_s {
            return self.to_m;
        }
        let done = (time_s - self.depart_s) / (self.arrive_s - self.depart_s);
        [0, 1].map(|axis| self.from_m[axis] + done * (self.to_m[axis] - self.from_m[axis]))
    }
}

impl MobilitySource for RandomWaypoint {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        for walker in &mut self.vehicles {
            while walker.leave_s <= time_s {
                walker.next_leg(self.area, self.speed_mps, self.pause_s);
            }
        }
        out.fill(self.vehicles.iter().map(|walker| walker.at(time_s)));
        Ok(())
    }
}
