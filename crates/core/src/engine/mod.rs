//! The slot loop.

pub mod records;
