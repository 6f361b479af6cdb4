//! The report: one HTML file that needs no network, of sections that a run and a study share.

mod claims;
mod run;

pub use claims::claims;
pub use run::of_run;
