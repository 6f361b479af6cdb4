//! Wayside live: the cloud centre as a server.
//!
//! [`serve`] listens, and answers with the policies and certificates of the engine: `POST /v1/decisions` is `wayside decide`
//! over HTTP. For vehicles and tasks that come and go there is a centre, a state machine without I/O. All that is asynchronous in Wayside is in this crate. `docs/live.md` has the routes, limits and figures.

mod app;
mod body;
mod centre;
mod client;
mod clock;
mod decisions;
mod desk;
mod drive;
mod emulate;
mod events;
mod fleet;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod journal;
mod listen;
mod metrics;
mod mind;
mod net;
mod openapi;
mod pace;
mod patient;
mod problem;
mod routes;
mod rsu;
mod seal;
mod server;
mod signals;
mod stop;
mod system;
mod tasks;
mod tls;
mod tokens;
mod vehicle;
mod view;
mod wire;
mod workers;
mod zones;

pub use centre::{LinkState, Placed, PlacedTasks, RsuState, State, TaskState, VehicleState};
pub use client::{CentreAt, Url};
pub use drive::{DriveConfig, Driven, drive};
pub use emulate::{
    CentreKills, Compared, Comparison, EmulateConfig, Kills, Outliving, Parts, Side, agents_killed,
    emulate, isolate,
};
pub use net::{Addresses, DecidedBy, Net, NetFile, Program, Shaping, Work};
pub use problem::{InputError, Problem};
pub use rsu::{Begin, RsuConfig, RsuReport, WorkFailures, run_rsu, run_rsu_of_parent};
pub use seal::Key;
pub use server::{Config, Note, Reload, serve};
pub use stop::Stop;
pub use tasks::OutcomeTaken;
pub use tls::{Tls, Trust};
pub use tokens::Tokens;
pub use view::view;
pub use wire::{Announced, DATAGRAM_BYTES, Direction, Garbage, Message, Place, datagram, packet};
pub use zones::{DeviceResponse, EdgeCloudZone, EdgeDiscoveryResponse};
