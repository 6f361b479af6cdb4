//! Figures: declared as data, drawn for a paper and for a report.

pub(crate) mod draw;
mod export;
pub(crate) mod look;
mod map;
mod model;
mod run;
mod scale;
pub(crate) mod text;

pub use draw::svg;
pub(crate) use export::{files, map_files};
pub use look::BOUND;
pub(crate) use map::draw as draw_map;
pub use map::{Setting, Site, map};
pub use model::{Axis, Direction, Figure, Names, Point, Published, Reference, Scale, Series};
pub use run::of_run;
