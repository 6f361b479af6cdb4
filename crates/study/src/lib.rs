//! Experiments with Wayside: policies compared over seeds, statistics, figures, reports, and studies with claims.
//!
//! | start here | for |
//! |---|---|
//! | [`Experiment`] | comparing policies on the same traffic, seeds in parallel |
//! | [`Results`], [`Summary`] | means, intervals, paired differences and gaps |
//! | [`figures`], [`report`], [`plot`] | figures of a run, its HTML report, and the charts beneath |
//! | [`output`] | the folder of a run |
//! | [`studies`] | grids of runs from a TOML file, with a verdict on every claim |
//! | [`benchmark`] | the score card of the open benchmark, for any policy |
//! | [`decision`] | one slot decided, as `wayside decide` prints it |
//!
//! # Your own policy against others
//!
//! The gap is the distance to a certified lower bound, so a policy is at most that far from the optimum.
//!
//! ```
//! use wayside_core::engine::BoundKind;
//! use wayside_core::policy::Policy;
//! use wayside_core::slot::{Decision, Placement, Slot};
//! use wayside_study::{Experiment, plot};
//!
//! struct NearestOrLocal;
//!
//! impl Policy for NearestOrLocal {
//!     fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
//!         let nearest = |task| match slot.links(task).first() {
//!             Some(link) => Placement::Rsu { entry: link.rsu, execution: link.rsu },
//!             None => Placement::Local,
//!         };
//!         decision.placements = (0..slot.tasks.len()).map(nearest).collect();
//!     }
//! }
//!
//! let results = Experiment::named("hotspot")?
//!     .own_policy("mine", || NearestOrLocal)
//!     .policies(["price", "local"])
//!     .seeds(0..2)
//!     .slots(3)
//!     .bound(BoundKind::Simple)
//!     .run()?;
//! println!("{}", results.table());
//! assert!(results.gap("price") < results.gap("mine"));
//!
//! let figure = results.figure("gap")?.expect("the run is bounded");
//! let svg = plot::svg(&figure); // or plot::files: PDF, PNG, CSV and TeX as well
//! # assert!(svg.starts_with("<svg"));
//! # Ok::<(), wayside_core::Error>(())
//! ```
//!
//! Policies that need options or random streams come from [`Experiment::factory`]; those that other programs should
//! find by name belong in a [`PolicyRegistry`](wayside_core::engine::PolicyRegistry).
//!
//! # A metric of your own
//!
//! The records of every slot are in [`Results::replications`]. For anything else pass an
//! [`Observer`](wayside_core::engine::Observer) to [`Experiment::observe`]: it sees every slot and decision during the run.
//!
//! # Determinism
//!
//! Equal inputs give equal bytes in every file but the manifest and recorded times, whatever the number of threads.

pub mod benchmark;
pub mod claim;
mod columns;
pub mod command;
mod control;
pub mod decision;
pub mod experiment;
mod facts;
pub mod figures;
mod manifest;
pub mod measured;
pub mod output;
pub mod playback;
pub mod read;
pub mod report;
pub mod slots;
pub mod stats;
pub mod studies;
pub mod summary;
#[cfg(test)]
mod synthetic;
pub mod table;
mod tasks;
pub mod track;

pub use control::{Control, pool};
pub use experiment::{Experiment, Results};
pub use facts::ScenarioFacts;
pub use summary::Summary;
pub use wayside_plot as plot;

// The programs of the guide are compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/extending.md")]
mod guide_extending {}
