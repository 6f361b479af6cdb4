//! Integration tests, one binary. Names say who knows the truth: `closed_form_*`, `oracle_*` (an
//! independent solver or brute force), `paper_*`, `property_*`, `regress_*`.

mod bounds;
mod conic;
mod hand;
mod large;
mod lin;
mod migration;
mod p2_limits;
mod p2_oracle;
mod paper;
mod properties;
mod queueing;
mod support;
mod traffic;
mod twin;
