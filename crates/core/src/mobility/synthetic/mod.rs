//! Synthetic motion in a rectangle.
//!
//! Every model computes the instants at which a vehicle turns, never the slots: positions depend
//! on the time asked for, not on how many calls led up to it. [`Crowd::Redraw`](crate::scenario::Crowd::Redraw) is the exception.

mod draws;
mod highway;
mod manhattan;
mod straight;
#[cfg(test)]
mod tests;
mod waypoint;

pub use highway::Road;
pub use manhattan::Manhattan;
pub use straight::Straight;
pub use waypoint::RandomWaypoint;
