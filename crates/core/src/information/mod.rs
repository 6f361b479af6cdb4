//! Related information (RI): how servers tell each other their state, what that costs, and how old or wrong
//! the information is when it is used.
//!
//! [`Flooding`] is the protocol, packet by packet. [`Rounds`] keeps what went out, for policies to read
//! through [`crate::slot::queues::Queues::seen`].

mod flooding;
mod rounds;

pub use flooding::{Counting, Flooding, Protocol, Report, Sources, Traffic};
pub use rounds::{FalseReports, Falsehood, Rounds, Schedule};
