//! A report: one HTML file that needs no network, made of sections of text, charts and tables.

mod chart;
mod page;
mod table;

pub use page::{Content, Page, Section};
pub use table::{Table, TableCell};
