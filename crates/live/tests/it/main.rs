//! The server as its clients meet it: requests over loopback in, answers out.

mod agents;
mod centre;
mod client;
mod decisions;
mod hostile;
mod interface;
mod page;
mod player;
#[cfg(unix)]
mod programs;
#[cfg(unix)]
mod repeats;
