//! Synthetic motion in a rectangle.
//!
//! Every model computes the instants at which a vehicle turns, never the slots: positions depend
//! on the time asked for, not on how many calls led up to it. [`Crowd::Redraw`] is the exception
//! that its name states.

use crate::error::Result;
use crate::ids::VehicleKey;
use crate::mobility::{MobilitySource, Positions};
use crate::rng::{Stream, Streams};
use crate::scenario::{Area, Crowd, Hotspot, Range};

type Point = [f64; 2];

fn draw(range: Range, stream: &mut Stream) -> f64 {
    stream.uniform(range.min, range.max)
}

fn uniform_point(area: Area, stream: &mut Stream) -> Point {
    [
        stream.uniform(area.x_min_m, area.x_max_m),
        stream.uniform(area.y_min_m, area.y_max_m),
    ]
}

/// Fills `out` with vehicles at `points`, keyed by their place in the sequence.
pub(super) fn fill(out: &mut Positions, points: impl Iterator<Item = Point>) {
    out.clear();
    for (key, [x_m, y_m]) in (0..).zip(points) {
        out.push(VehicleKey(key), x_m, y_m);
    }
}

/// Straight lines at constant speed, reflected at the border; a share may be crowded at a hot spot.
#[derive(Clone, Debug)]
pub struct Straight {
    area: Area,
    vehicles: Vec<Ray>,
    /// The hot spot and how many of the vehicles, the first ones, belong to it.
    hotspot: Option<(Hotspot, usize)>,
    redraw: Stream,
}

#[derive(Clone, Copy, Debug)]
struct Ray {
    start_m: Point,
    velocity_mps: Point,
}

impl Straight {
    /// `size` vehicles with uniform starts, headings and speeds, drawn from the streams
    /// `mobility.start`, `mobility.heading`, `mobility.speed`, `mobility.hotspot`, `mobility.redraw`.
    #[must_use]
    pub fn new(
        size: usize,
        area: Area,
        speed_mps: Range,
        hotspot: Option<Hotspot>,
        streams: Streams,
    ) -> Self {
        let mut start = streams.stream("mobility.start");
        let mut heading = streams.stream("mobility.heading");
        let mut speed = streams.stream("mobility.speed");
        let mut crowd = streams.stream("mobility.hotspot");
        let hotspot = hotspot.map(|spot| (spot, share_of(size, spot.share)));

        // everybody draws everything, so that the hot spot moves its own vehicles only
        let vehicles = (0..size)
            .map(|i| {
                let uniform = uniform_point(area, &mut start);
                let (sin, cos) = heading.uniform(0.0, std::f64::consts::TAU).sin_cos();
                let speed = draw(speed_mps, &mut speed);
                let moving = Ray {
                    start_m: uniform,
                    velocity_mps: [speed * cos, speed * sin],
                };
                match hotspot {
                    Some((spot, crowded)) if i < crowded => Ray {
                        start_m: crowded_point(spot, area, &mut crowd),
                        velocity_mps: match spot.crowd {
                            Crowd::Start => moving.velocity_mps,
                            Crowd::Redraw | Crowd::Stay => [0.0, 0.0],
                        },
                    },
                    _ => moving,
                }
            })
            .collect();
        Self {
            area,
            vehicles,
            hotspot,
            redraw: streams.stream("mobility.redraw"),
        }
    }
}

impl MobilitySource for Straight {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        if let Some((spot, crowded)) = self.hotspot
            && spot.crowd == Crowd::Redraw
        {
            for vehicle in &mut self.vehicles[..crowded] {
                vehicle.start_m = crowded_point(spot, self.area, &mut self.redraw);
            }
        }
        let area = self.area;
        let at = |ray: &Ray| {
            let [x, y] = [0, 1].map(|axis| ray.start_m[axis] + ray.velocity_mps[axis] * time_s);
            [
                fold(x, area.x_min_m, area.x_max_m),
                fold(y, area.y_min_m, area.y_max_m),
            ]
        };
        fill(out, self.vehicles.iter().map(at));
        Ok(())
    }
}

fn share_of(size: usize, share: f64) -> usize {
    ((share * size as f64).round() as usize).min(size)
}

/// Reflects `x` at `min` and `max` as often as it takes: a triangle wave, exact for any distance.
fn fold(x: f64, min: f64, max: f64) -> f64 {
    let width = max - min;
    if width <= 0.0 {
        return min;
    }
    let u = (x - min).rem_euclid(2.0 * width);
    (min + u.min(2.0 * width - u)).min(max)
}

/// Gaussian around the hot spot's centre, redrawn until inside the area.
fn crowded_point(spot: Hotspot, area: Area, stream: &mut Stream) -> Point {
    let [fx, fy] = spot.center;
    [
        inside(fx, spot.sigma_m, area.x_min_m, area.x_max_m, stream),
        inside(fy, spot.sigma_m, area.y_min_m, area.y_max_m, stream),
    ]
}

/// One axis at a time: the axes are independent, and rejection is quicker per axis than per point.
fn inside(fraction: f64, sigma: f64, min: f64, max: f64, stream: &mut Stream) -> f64 {
    /// Beyond this many widths the density varies by less than 1e-6 inside: uniform, not endless.
    const FLAT: f64 = 1000.0;
    if sigma > FLAT * (max - min) {
        return stream.uniform(min, max);
    }
    let center = (min + fraction * (max - min)).min(max);
    loop {
        let x = center + sigma * stream.normal();
        if (min..=max).contains(&x) {
            return x;
        }
    }
}

/// Straight to a uniform random point at a new speed, pause there, and on to the next.
#[derive(Clone, Debug)]
pub struct RandomWaypoint {
    area: Area,
    speed_mps: Range,
    pause_s: Range,
    vehicles: Vec<Walker>,
}

#[derive(Clone, Debug)]
struct Walker {
    from_m: Point,
    to_m: Point,
    depart_s: f64,
    arrive_s: f64,
    /// End of the pause after arrival.
    leave_s: f64,
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
        // an area without extent would be walked for ever without time passing
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
        fill(out, self.vehicles.iter().map(|walker| walker.at(time_s)));
        Ok(())
    }
}

/// Constant speed on the streets of a regular grid, turning at random at crossings.
///
/// Streets lie at multiples of the block from the area's south-west corner and reach from border
/// to border. At a crossing a vehicle leaves the straight line with the turn probability, to
/// either side alike, or to the one side there is; where the street ends at the border it must
/// turn, or go back where there is no street to turn into.
#[derive(Clone, Debug)]
pub struct Manhattan {
    streets: Streets,
    turn_probability: f64,
    vehicles: Vec<Driver>,
}

/// The street grid as nodes `(i, j)`: crossings, and ends of streets at a border without one.
#[derive(Clone, Copy, Debug)]
struct Streets {
    area: Area,
    block_m: f64,
    /// Last street, per axis.
    last_street: [usize; 2],
    /// Last node, per axis: one more where the border does not fall on a street.
    last_node: [usize; 2],
}

#[derive(Clone, Debug)]
struct Driver {
    speed_mps: f64,
    /// Node passed last.
    node: [usize; 2],
    heading: Heading,
    /// Distance from the node at `since_s` \[m\].
    offset_m: f64,
    since_s: f64,
    /// Arrival at the next node.
    until_s: f64,
    turn: Stream,
}

/// Counter-clockwise from east, so that a left turn is one step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heading {
    East,
    North,
    West,
    South,
}

impl Heading {
    fn left(self) -> Self {
        match self {
            Self::East => Self::North,
            Self::North => Self::West,
            Self::West => Self::South,
            Self::South => Self::East,
        }
    }

    fn back(self) -> Self {
        self.left().left()
    }

    fn right(self) -> Self {
        self.back().left()
    }

    /// Axis of motion, and whether along it.
    fn axis(self) -> (usize, bool) {
        match self {
            Self::East => (0, true),
            Self::North => (1, true),
            Self::West => (0, false),
            Self::South => (1, false),
        }
    }
}

impl Streets {
    fn new(area: Area, block_m: f64) -> Self {
        /// Part of a block that is rounding, not street.
        const SLACK: f64 = 1e-9;
        let blocks = [area.x_max_m - area.x_min_m, area.y_max_m - area.y_min_m]
            .map(|side_m| side_m / block_m);
        let last_street = blocks.map(|n| (n + SLACK).floor() as usize);
        let stub = [0, 1].map(|axis| blocks[axis] - last_street[axis] as f64 > SLACK);
        Self {
            area,
            block_m,
            last_street,
            last_node: [0, 1].map(|axis| last_street[axis] + usize::from(stub[axis])),
        }
    }

    fn coordinate_m(&self, axis: usize, index: usize) -> f64 {
        let (min, max) = match axis {
            0 => (self.area.x_min_m, self.area.x_max_m),
            _ => (self.area.y_min_m, self.area.y_max_m),
        };
        if index == self.last_node[axis] {
            max
        } else {
            min + index as f64 * self.block_m
        }
    }

    /// The node that a street leads to from `node`, if there is one.
    fn ahead(&self, node: [usize; 2], heading: Heading) -> Option<[usize; 2]> {
        let (axis, forward) = heading.axis();
        // only nodes on a street of this direction can be left in it
        if node[1 - axis] > self.last_street[1 - axis] {
            return None;
        }
        let mut to = node;
        to[axis] = if forward {
            (node[axis] < self.last_node[axis]).then(|| node[axis] + 1)?
        } else {
            node[axis].checked_sub(1)?
        };
        Some(to)
    }

    fn point(&self, node: [usize; 2]) -> Point {
        [0, 1].map(|axis| self.coordinate_m(axis, node[axis]))
    }

    /// Length of the block ahead, if there is one.
    fn block_ahead_m(&self, node: [usize; 2], heading: Heading) -> Option<f64> {
        let (axis, _) = heading.axis();
        let to = self.ahead(node, heading)?;
        Some((self.coordinate_m(axis, to[axis]) - self.coordinate_m(axis, node[axis])).abs())
    }

    /// Uniform over the length of all streets: node, heading and distance from the node.
    fn random_place(&self, stream: &mut Stream) -> ([usize; 2], Heading, f64) {
        let side_m = [
            self.area.x_max_m - self.area.x_min_m,
            self.area.y_max_m - self.area.y_min_m,
        ];
        let streets = self.last_street.map(|last| (last + 1) as f64);
        let along_x_m = side_m[0] * streets[1];
        let total_m = along_x_m + side_m[1] * streets[0];
        let axis = usize::from(stream.unit() * total_m >= along_x_m);
        let street = stream.below(self.last_street[1 - axis] + 1);
        let along_m = stream.unit() * side_m[axis];
        let forward = stream.unit() < 0.5;

        let block = ((along_m / self.block_m) as usize).min(self.last_node[axis].saturating_sub(1));
        let from_m = self.coordinate_m(axis, block) - self.coordinate_m(axis, 0);
        let mut node = [street; 2];
        node[axis] = block;
        let heading = [Heading::East, Heading::North][axis];
        if forward || self.last_node[axis] == 0 {
            return (node, heading, along_m - from_m);
        }
        node[axis] += 1;
        let to_m = self.coordinate_m(axis, block + 1) - self.coordinate_m(axis, 0);
        (node, heading.back(), to_m - along_m)
    }
}

impl Manhattan {
    /// `size` vehicles at random places on the streets (`mobility.start`) at constant speeds
    /// (`mobility.speed`); vehicle `i` draws its turns from `mobility.turn.i`.
    #[must_use]
    pub fn new(
        size: usize,
        area: Area,
        speed_mps: Range,
        block_m: f64,
        turn_probability: f64,
        streams: Streams,
    ) -> Self {
        let streets = Streets::new(area, block_m);
        let mut start = streams.stream("mobility.start");
        let mut speed = streams.stream("mobility.speed");
        let vehicles = (0..size)
            .map(|i| {
                let (node, heading, offset_m) = streets.random_place(&mut start);
                let speed_mps = draw(speed_mps, &mut speed);
                let mut driver = Driver {
                    speed_mps,
                    node,
                    heading,
                    offset_m,
                    since_s: 0.0,
                    until_s: 0.0,
                    turn: streams.stream(&format!("mobility.turn.{i}")),
                };
                driver.plan(&streets);
                driver
            })
            .collect();
        Self {
            streets,
            turn_probability,
            vehicles,
        }
    }
}

impl Driver {
    /// Sets the arrival; never, where there is no street at all (an area without extent).
    fn plan(&mut self, streets: &Streets) {
        let block_m = streets.block_ahead_m(self.node, self.heading);
        self.until_s = block_m.map_or(f64::INFINITY, |block_m| {
            self.since_s + (block_m - self.offset_m) / self.speed_mps
        });
    }

    fn cross(&mut self, streets: &Streets, turn_probability: f64) {
        if let Some(node) = streets.ahead(self.node, self.heading) {
            self.node = node;
        }
        // one draw per node, whatever streets meet there
        let u = self.turn.unit();
        let open = |heading: &Heading| streets.ahead(self.node, *heading).is_some();
        let straight = Some(self.heading).filter(open);
        let turning = if straight.is_some() {
            turn_probability
        } else {
            1.0
        };
        let sides = if u < turning / 2.0 {
            [self.heading.left(), self.heading.right()]
        } else {
            [self.heading.right(), self.heading.left()]
        };
        let side = sides.into_iter().find(open);
        let choice = if u < turning {
            side.or(straight)
        } else {
            straight
        };
        self.heading = choice.unwrap_or(self.heading.back());
        self.offset_m = 0.0;
        self.since_s = self.until_s;
        self.plan(streets);
    }

    fn at(&self, streets: &Streets, time_s: f64) -> Point {
        let (axis, forward) = self.heading.axis();
        let driven_m = self.offset_m + self.speed_mps * (time_s - self.since_s);
        let block_m = streets.block_ahead_m(self.node, self.heading);
        let driven_m = driven_m.min(block_m.unwrap_or(0.0));
        let mut point = streets.point(self.node);
        point[axis] += if forward { driven_m } else { -driven_m };
        point
    }
}

impl MobilitySource for Manhattan {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        for driver in &mut self.vehicles {
            while driver.until_s <= time_s {
                driver.cross(&self.streets, self.turn_probability);
            }
        }
        let streets = &self.streets;
        fill(out, self.vehicles.iter().map(|d| d.at(streets, time_s)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area {
        x_min_m: -100.0,
        y_min_m: 50.0,
        x_max_m: 900.0,
        y_max_m: 800.0,
    };

    fn streams() -> Streams {
        Streams::new(7)
    }

    fn range(min: f64, max: f64) -> Range {
        Range { min, max }
    }

    fn hotspot(crowd: Crowd) -> Hotspot {
        Hotspot {
            share: 0.4,
            sigma_m: 60.0,
            center: [0.5, 0.1],
            crowd,
        }
    }

    fn straight(hotspot: Option<Hotspot>) -> Straight {
        Straight::new(50, AREA, range(10.0, 30.0), hotspot, streams())
    }

    fn waypoints(pause_s: Range) -> RandomWaypoint {
        RandomWaypoint::new(50, AREA, range(10.0, 30.0), pause_s, streams())
    }

    fn manhattan(block_m: f64, turn_probability: f64) -> Manhattan {
        Manhattan::new(
            50,
            AREA,
            range(10.0, 30.0),
            block_m,
            turn_probability,
            streams(),
        )
    }

    fn at(source: &mut dyn MobilitySource, time_s: f64) -> Positions {
        let mut out = Positions::default();
        source.advance(time_s, &mut out).unwrap();
        out
    }

    fn distance(a: &Positions, b: &Positions, i: usize) -> f64 {
        (a.x_m[i] - b.x_m[i]).hypot(a.y_m[i] - b.y_m[i])
    }

    fn assert_inside(positions: &Positions) {
        for (&x, &y) in positions.x_m.iter().zip(&positions.y_m) {
            let slack = 1e-9;
            assert!(
                (AREA.x_min_m - slack..=AREA.x_max_m + slack).contains(&x),
                "{x}"
            );
            assert!(
                (AREA.y_min_m - slack..=AREA.y_max_m + slack).contains(&y),
                "{y}"
            );
        }
    }

    /// A fresh copy of every model whose positions are a function of time.
    fn models() -> Vec<Box<dyn MobilitySource>> {
        vec![
            Box::new(straight(None)),
            Box::new(straight(Some(hotspot(Crowd::Start)))),
            Box::new(straight(Some(hotspot(Crowd::Stay)))),
            Box::new(waypoints(range(0.0, 0.0))),
            Box::new(waypoints(range(1.0, 5.0))),
            Box::new(manhattan(100.0, 0.3)),
            Box::new(manhattan(70.0, 1.0)),
            Box::new(manhattan(2000.0, 0.5)),
        ]
    }

    #[test]
    fn property_slots_do_not_matter() {
        for (mut slow, mut fast) in models().into_iter().zip(models()) {
            for tens in 1..=20 {
                for tenth in 1..=100 {
                    at(
                        &mut *slow,
                        f64::from(tens - 1) * 10.0 + f64::from(tenth) * 0.1,
                    );
                }
                let time_s = f64::from(tens) * 10.0;
                let (a, b) = (at(&mut *slow, time_s), at(&mut *fast, time_s));
                assert!((0..a.len()).all(|i| distance(&a, &b, i) < 1e-6));
            }
        }
    }

    #[test]
    fn property_vehicles_stay_inside_and_keep_to_the_speed_limit() {
        for mut model in models() {
            let mut before = at(&mut *model, 0.0);
            assert_eq!(before.len(), 50);
            for second in 1..300 {
                let now = at(&mut *model, f64::from(second));
                assert_inside(&now);
                assert_eq!(now.key, before.key);
                assert!((0..50).all(|i| distance(&now, &before, i) < 30.0 + 1e-6));
                before = now;
            }
            assert_inside(&at(&mut *model, 1e5));
        }
    }

    #[test]
    fn closed_form_reflection() {
        let cases = [
            (3.0, 3.0),
            (11.0, 9.0),
            (-2.0, 2.0),
            (25.0, 5.0),
            (-11.0, 9.0),
            (10.0, 10.0),
            (2e9 + 4.0, 4.0),
            (-1e9 - 13.0, 7.0),
        ];
        for (x, expected) in cases {
            assert!((fold(x, 0.0, 10.0) - expected).abs() < 1e-6, "{x}");
        }
        assert!((fold(5.0, 2.0, 2.0) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn oracle_reflection_step_by_step() {
        let mut model = straight(None);
        let mut rays = model.vehicles.clone();
        let dt_s = 0.01;
        for _ in 0..20_000 {
            for ray in &mut rays {
                let bounds = [(AREA.x_min_m, AREA.x_max_m), (AREA.y_min_m, AREA.y_max_m)];
                for (axis, (min, max)) in bounds.into_iter().enumerate() {
                    let x = &mut ray.start_m[axis];
                    *x += ray.velocity_mps[axis] * dt_s;
                    if *x < min || *x > max {
                        *x = if *x < min {
                            2.0 * min - *x
                        } else {
                            2.0 * max - *x
                        };
                        ray.velocity_mps[axis] = -ray.velocity_mps[axis];
                    }
                }
            }
        }
        let got = at(&mut model, 200.0);
        for (i, ray) in rays.iter().enumerate() {
            let [x, y] = ray.start_m;
            assert!((got.x_m[i] - x).hypot(got.y_m[i] - y) < 1e-6);
        }
    }

    #[test]
    fn closed_form_hot_spot_moments_and_who_belongs_to_it() {
        let crowd = |crowd| {
            let spot = Hotspot {
                center: [0.5, 0.5],
                ..hotspot(crowd)
            };
            Straight::new(5000, AREA, range(10.0, 30.0), Some(spot), streams())
        };
        let mut plain = Straight::new(5000, AREA, range(10.0, 30.0), None, streams());
        for mode in [Crowd::Start, Crowd::Redraw, Crowd::Stay] {
            let mut model = crowd(mode);
            let (start, plain_start) = (at(&mut model, 0.0), at(&mut plain, 0.0));
            let mean = start.x_m[..2000].iter().sum::<f64>() / 2000.0;
            let var = start.x_m[..2000]
                .iter()
                .map(|x| (x - mean).powi(2))
                .sum::<f64>()
                / 2000.0;
            assert!((mean - 400.0).abs() < 5.0 && (var.sqrt() - 60.0).abs() < 4.0);
            // the others are where they would be without it
            assert_eq!(start.x_m[2000..], plain_start.x_m[2000..]);

            let later = at(&mut model, 5.0);
            let moved = (0..2000)
                .filter(|&i| distance(&start, &later, i) > 1e-9)
                .count();
            let moved_far = (0..2000)
                .filter(|&i| distance(&start, &later, i) > 150.1)
                .count();
            match mode {
                Crowd::Start => assert!(moved == 2000 && moved_far == 0),
                Crowd::Redraw => assert!(moved == 2000 && moved_far > 100),
                Crowd::Stay => assert_eq!(moved, 0),
            }
        }
    }

    #[test]
    fn closed_form_waypoint_pause() {
        let mut model = waypoints(range(5.0, 5.0));
        let walker = model.vehicles[0].clone();
        let (arrival, left) = (walker.arrive_s, walker.leave_s);
        assert!((left - arrival - 5.0).abs() < 1e-9);
        for time_s in [arrival, arrival + 2.5, left] {
            let out = at(&mut model, time_s);
            let there = (out.x_m[0] - walker.to_m[0]).hypot(out.y_m[0] - walker.to_m[1]);
            assert!(there < 1e-9, "{there}");
        }
        let out = at(&mut model, left + 1.0);
        assert!((out.x_m[0] - walker.to_m[0]).hypot(out.y_m[0] - walker.to_m[1]) >= 9.9);
    }

    #[test]
    fn property_manhattan_vehicles_stay_on_streets() {
        let on_street = |x: f64, min: f64, block: f64| {
            let off = (x - min).rem_euclid(block);
            off.min(block - off) < 1e-6
        };
        for block_m in [50.0, 70.0, 333.0, 2000.0] {
            let mut model = manhattan(block_m, 0.5);
            for second in 0..200 {
                let out = at(&mut model, f64::from(second));
                for (&x, &y) in out.x_m.iter().zip(&out.y_m) {
                    assert!(
                        on_street(x, AREA.x_min_m, block_m) || on_street(y, AREA.y_min_m, block_m)
                    );
                }
            }
        }
    }

    #[test]
    fn closed_form_share_of_turns() {
        let streets = Streets::new(AREA, 50.0);
        let mut driver = manhattan(50.0, 0.4).vehicles[0].clone();
        let (mut straight, mut left, mut right) = (0, 0, 0);
        for _ in 0..20_000 {
            // always the same crossing in the middle
            driver.node = [9, 7];
            driver.heading = Heading::East;
            driver.cross(&streets, 0.4);
            match driver.heading {
                Heading::East => straight += 1,
                Heading::North => left += 1,
                Heading::South => right += 1,
                Heading::West => panic!("no reason to go back"),
            }
        }
        let close = |count: i32, share: f64| (f64::from(count) / 20_000.0 - share).abs() < 0.015;
        assert!(close(straight, 0.6) && close(left, 0.2) && close(right, 0.2));
    }

    #[test]
    fn property_degenerate_areas_and_speeds_end() {
        let point = Area {
            x_max_m: AREA.x_min_m,
            y_max_m: AREA.y_min_m,
            ..AREA
        };
        let line = Area {
            y_max_m: AREA.y_min_m,
            ..AREA
        };
        for area in [point, line, AREA] {
            for speed in [range(0.0, 0.0), range(20.0, 20.0)] {
                let models: [Box<dyn MobilitySource>; 3] = [
                    Box::new(Straight::new(
                        5,
                        area,
                        speed,
                        Some(hotspot(Crowd::Redraw)),
                        streams(),
                    )),
                    Box::new(RandomWaypoint::new(
                        5,
                        area,
                        speed,
                        range(0.0, 0.0),
                        streams(),
                    )),
                    Box::new(Manhattan::new(5, area, speed, 100.0, 0.5, streams())),
                ];
                for mut model in models {
                    for time_s in [0.0, 0.5, 1000.0] {
                        assert_inside(&at(&mut *model, time_s));
                    }
                }
            }
        }
    }
}
