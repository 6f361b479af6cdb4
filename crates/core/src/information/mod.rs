//! Related information (RI): how servers tell each other their state, what that costs, and how old or wrong
//! the information is when it is used.
//!
//! [`Node`] is a server's part of the protocol, which agents on a network run too; [`Flooding`] wires all of them in memory,
//! packet by packet. [`Rounds`] keeps what went out, for policies to read
//! through [`crate::slot::queues::Queues::seen`].

mod flooding;
mod node;
mod rounds;

pub use flooding::{Counting, Flooding, Protocol, Report, Sources, Traffic};
pub use node::{Heard, Node, Packet, Reception};
pub use rounds::{FalseReports, Falsehood, Rounds, Schedule};
