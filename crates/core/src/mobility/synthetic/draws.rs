//! Draws that every model makes.

use crate::rng::Stream;
use crate::scenario::{Area, Range};

pub(super) type Point = [f64; 2];

pub(super) fn draw(range: Range, stream: &mut Stream) -> f64 {
    stream.uniform(range.min, range.max)
}

pub(super) fn uniform_point(area: Area, stream: &mut Stream) -> Point {
    [
        stream.uniform(area.x_min_m, area.x_max_m),
        stream.uniform(area.y_min_m, area.y_max_m),
    ]
}
