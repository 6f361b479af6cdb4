//! A bound for runs of sessions.

pub mod paths;
