//! Straight lines, and the crowded place.

use super::draws::{Point, draw, uniform_point};
use crate::error::Result;
use crate::mobility::{MobilitySource, Positions};
use crate::rng::{Stream, Streams};
use crate::scenario::{Area, Crowd, Hotspot, Range};

/// Straight lines at constant speed, reflected at the border; a share may be crowded at a hot spot.
#[derive(Clone, Debug)]
pub struct Straight {
    area: Area,
    pub(super) vehicles: Vec<Ray>,
    /// The hot spot and how many of the vehicles, the first ones, belong to it.
    hotspot: Option<(Hotspot, usize)>,
    redraw: Stream,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ray {
    pub(super) start_m: Point,
    pub(super) velocity_mps: Point,
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
        out.fill(self.vehicles.iter().map(at));
        Ok(())
    }
}

fn share_of(size: usize, share: f64) -> usize {
    ((share * size as f64).round() as usize).min(size)
}

/// Reflects `x` at `min` and `max` as often as it takes: a triangle wave, exact for any distance.
pub(super) fn fold(x: f64, min: f64, max: f64) -> f64 {
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
