//! Charts, maps and HTML reports from plain data.
//!
//! Nothing here knows of runs, policies or the engine.

mod chart;
mod export;
mod figure;
pub mod html;
mod map;
mod scale;
mod text;
mod theme;

pub use chart::svg;
pub use export::{EXTENSIONS, files, map_files, pixels};
pub use figure::{Axis, Direction, Figure, Names, Point, Published, Reference, Scale, Series};
pub use map::{Map, Site, Stop, map_svg};
pub use text::{FONT, csv_field, fixed, significant};
pub use theme::BOUND;
