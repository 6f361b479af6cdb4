//! The report: one HTML file that needs no network, of sections that a run and a study share.

mod chart;
mod claims;
mod page;
mod run;
mod table;

pub use claims::claims;
pub use page::{Block, Page, Section};
pub use run::{curves, of_run};
pub use table::{Cell, Table};
