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

fn fill(out: &mut Positions, points: impl Iterator<Item = Point>) {
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
        self.arrive_s = self.depart_s + dx.hypot(dy) / draw(speed_mps, &mut self.speed);
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
