//! Wayside live: the cloud centre as a server.
//!
//! [`serve`] listens, and answers with the policies and certificates of the engine: `POST /v1/decisions` is `wayside decide`
//! over HTTP. All that is asynchronous in Wayside is in this crate. `docs/live.md` has the routes, limits and figures.

mod app;
mod body;
mod decisions;
mod gate;
mod metrics;
mod openapi;
mod patient;
mod problem;
mod routes;
mod server;
mod stop;
mod system;
mod tokens;
mod workers;

pub use problem::{InputError, Problem};
pub use server::{Config, serve};
pub use stop::Stop;
pub use tokens::Tokens;
