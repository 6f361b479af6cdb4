//! Wayside's decision engine: where the tasks of moving vehicles run.
//!
//! Pure library: no plotting, no threads of its own, no clock but to time decisions. Data flows one way:
//!
//! ```text
//! scenario -> mobility, backhaul -> slot -> policy -> alloc (P2) -> evaluate -> records
//!                                    \----> bound (certified lower bound)
//! ```
//!
//! Units are SI throughout (Hz, bits, s, J, W, m) and stand in the names of fields.
//! Equation numbers are those of the paper behind system 1 (see `docs/model.md`).

pub mod alloc;
pub mod assignment;
pub mod backhaul;
pub mod bound;
pub mod config;
pub mod engine;
pub mod error;
pub mod evaluate;
pub mod information;
pub mod mobility;
pub mod model;
pub mod observation;
pub mod outlook;
pub mod policy;
pub mod queueing;
pub mod ragged;
pub mod rng;
pub mod scenario;
pub mod slot;

pub use error::{Error, Problem, Problems, Result};
pub use scenario::Scenario;
pub use slot::Slot;
