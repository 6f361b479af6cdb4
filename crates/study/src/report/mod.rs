//! Reports of runs, and the sections that a study shares with them.

mod claims;
mod run;

pub use claims::claims;
pub use run::of_run;
