//! Vehicles whose places are given: parked at RSUs, or going round a circle.

use super::{MobilitySource, Positions};
use crate::error::Result;
use crate::rng::Streams;

/// Vehicles that stand at one of some places each.
#[derive(Clone, Debug)]
pub struct Parked {
    places_m: Vec<[f64; 2]>,
}

impl Parked {
    /// `size` vehicles, each at one of `stands_m`, drawn uniformly from the stream `fleet.start`.
    ///
    /// # Panics
    /// If there is no stand.
    #[must_use]
    pub fn new(size: usize, stands_m: &[[f64; 2]], streams: Streams) -> Self {
        let mut start = streams.stream("fleet.start");
        let places_m = (0..size)
            .map(|_| stands_m[start.below(stands_m.len())])
            .collect();
        Self { places_m }
    }
}

impl MobilitySource for Parked {
    fn advance(&mut self, _time_s: f64, out: &mut Positions) -> Result<()> {
        out.fill(self.places_m.iter().copied());
        Ok(())
    }
}

/// Vehicles evenly spaced around a circle, counter-clockwise at one speed; the first starts in the east.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// Number of vehicles.
    pub size: usize,
    /// Radius \[m\].
    pub radius_m: f64,
    /// Centre \[m\].
    pub center_m: [f64; 2],
    /// Speed \[m/s\].
    pub speed_mps: f64,
}

impl Ring {
    /// Where vehicle `i` is at `time_s`: a function of time alone, without any drift.
    fn place(&self, i: usize, time_s: f64) -> [f64; 2] {
        let turns = i as f64 / self.size as f64;
        let travelled = time_s * self.speed_mps / (std::f64::consts::TAU * self.radius_m);
        let (sin, cos) = (std::f64::consts::TAU * (turns + travelled).fract()).sin_cos();
        let [x_m, y_m] = self.center_m;
        [x_m + self.radius_m * cos, y_m + self.radius_m * sin]
    }
}

impl MobilitySource for Ring {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        out.fill((0..self.size).map(|i| self.place(i, time_s)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_ring() {
        let mut ring = Ring {
            size: 4,
            radius_m: 100.0,
            center_m: [10.0, 20.0],
            speed_mps: 100.0 * std::f64::consts::TAU / 8.0,
        };
        let mut out = Positions::default();
        let expect = |out: &Positions, i: usize, x: f64, y: f64| {
            assert!((out.x_m[i] - x).hypot(out.y_m[i] - y) < 1e-9, "{out:?}");
        };
        ring.advance(0.0, &mut out).unwrap();
        expect(&out, 0, 110.0, 20.0);
        expect(&out, 1, 10.0, 120.0);
        // eight seconds a turn, whatever was asked for before
        ring.advance(8002.0, &mut out).unwrap();
        expect(&out, 0, 10.0, 120.0);
        expect(&out, 3, 110.0, 20.0);
    }

    #[test]
    fn property_parked_vehicles_stand_at_stands() {
        let stands = [[0.0, 0.0], [5.0, 1.0], [9.0, 2.0]];
        let mut parked = Parked::new(300, &stands, Streams::new(1));
        let (mut first, mut later) = (Positions::default(), Positions::default());
        parked.advance(0.0, &mut first).unwrap();
        parked.advance(7.0, &mut later).unwrap();
        assert_eq!(first, later);
        for stand in stands {
            let here = first
                .x_m
                .iter()
                .filter(|&&x| (x - stand[0]).abs() < 1e-9)
                .count();
            assert!((60..140).contains(&here), "{here}");
        }
    }
}
