//! What a planner predicts: what servers know of each other, when cores and links will be free, and the
//! outcome of a plan. Shared by the policies that migrate tasks and by what learned policies observe.

pub(crate) mod belief;
pub mod calendar;
pub(crate) mod journey;
pub(crate) mod simulation;
pub mod view;
