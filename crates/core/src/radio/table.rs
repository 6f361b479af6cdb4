//! Gains from other tools.
