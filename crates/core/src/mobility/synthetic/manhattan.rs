//! The streets of a regular grid.

use super::draws::{Point, draw};
use crate::error::Result;
use crate::mobility::{MobilitySource, Positions};
use crate::rng::{Stream, Streams};
use crate::scenario::{Area, Range};

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
    pub(super) vehicles: Vec<Driver>,
}

/// The street grid as nodes `(i, j)`: crossings, and ends of streets at a border without one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streets {
    area: Area,
    block_m: f64,
    /// Last street, per axis.
    last_street: [usize; 2],
    /// Last node, per axis: one more where the border does not fall on a street.
    last_node: [usize; 2],
}

#[derive(Clone, Debug)]
pub(super) struct Driver {
    speed_mps: f64,
    /// Node passed last.
    pub(super) node: [usize; 2],
    pub(super) heading: Heading,
    /// Distance from the node at `since_s` \[m\].
    offset_m: f64,
    since_s: f64,
    /// Arrival at the next node.
    until_s: f64,
    turn: Stream,
}

/// Counter-clockwise from east, so that a left turn is one step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heading {
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
    pub(super) fn new(area: Area, block_m: f64) -> Self {
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

    pub(super) fn cross(&mut self, streets: &Streets, turn_probability: f64) {
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
        out.fill(self.vehicles.iter().map(|d| d.at(streets, time_s)));
        Ok(())
    }
}
