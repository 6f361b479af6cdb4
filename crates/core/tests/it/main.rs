//! Integration tests, one binary. Names say who knows the truth: `closed_form_*`, `oracle_*` (an
//! independent solver or brute force), `paper_*`, `property_*`, `regress_*`.

mod agents;
mod balance;
mod bound_oracle;
mod bounds;
mod conic;
mod faults;
mod hand;
mod horizon;
mod information;
mod large;
mod learned;
mod lin;
mod lysac;
mod migration;
mod observation;
mod p2_limits;
mod p2_oracle;
mod plan_ahead;
mod properties;
mod prototype;
mod queue_bounds;
mod queue_calendar;
mod queue_engine;
mod queue_faults;
mod queue_support;
mod queue_twin;
mod queueing;
mod radio;
mod relaxation;
mod result;
mod sequential_twin;
mod sessions;
mod support;
mod traffic;
mod twin;
