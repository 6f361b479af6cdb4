//! The split bound.
