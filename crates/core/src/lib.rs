//! Wayside's decision engine: where the tasks of moving vehicles run.
//!
//! Vehicles draw tasks. A task runs on its vehicle, on a roadside unit (RSU) that covers the vehicle, on another RSU
//! reached over the backhaul, or in the cloud. This crate has the model, the policies that decide, lower bounds on what
//! any policy can reach, and the loop that runs them slot by slot. It is a pure library: no plotting, no threads, and no
//! clock except to time decisions.
//!
//! # A first program
//!
//! How far from the optimum is a policy of your own? It needs one method, [`Policy::decide`](policy::Policy::decide);
//! the engine does the rest.
//!
//! ```
//! use wayside_core::engine::world::World;
//! use wayside_core::engine::{BoundKind, Options, own_policy, replicate};
//! use wayside_core::policy::Policy;
//! use wayside_core::slot::Decision;
//! use wayside_core::{Scenario, Slot};
//!
//! /// Every task to the nearest RSU.
//! struct Nearest;
//!
//! impl Policy for Nearest {
//!     fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
//!         let tasks = 0..slot.tasks.len();
//!         decision.placements.extend(tasks.map(|task| slot.nearest(task)));
//!     }
//! }
//!
//! let world = World::new(&Scenario::builtin("wang2025", &[])?)?;
//! let options = Options { slots: 3, bound: BoundKind::Simple };
//! let mine = own_policy("mine", |_options, _streams| Nearest);
//! let run = replicate(&world, &[mine], 0, options)?;
//!
//! let slots = &run.policies[0].slots;
//! let cost: f64 = slots.iter().map(|slot| slot.objective).sum();
//! let bound: f64 = slots.iter().filter_map(|slot| slot.lower_bound).sum();
//! assert!(cost >= bound, "no policy is cheaper than the bound");
//! # Ok::<(), wayside_core::Error>(())
//! ```
//!
//! Many seeds in parallel, statistics, tables and reports are in the crate `wayside-study`.
//!
//! # A tour
//!
//! Data flows one way, from the text of a scenario to the records of a run:
//!
//! ```text
//! config -> scenario -> mobility, backhaul
//!                            |
//!                            v
//!                          slot -------> bound: a certified lower bound
//!                            |              | prices
//!                            v              v
//!       outlook, observation ----------> policy: placements
//!                                           |
//!                                           v
//!                                        alloc: CPU shares (P2)
//!                                           |
//!                                           v
//!                                        evaluate: delay, energy -> engine::records
//! ```
//!
//! 1. [`Scenario`] is everything that defines a run but its seed. [`config`] reads it from TOML, reports every error at
//!    once, and describes it as a JSON Schema.
//! 2. [`engine::world::World`] is what all seeds share: the RSUs, the [`backhaul`] and its routes. [`mobility`] moves the
//!    vehicles, [`model`] has the equations.
//! 3. [`Slot`] is all that a policy may know when it decides, in columns. It also comes from JSON.
//! 4. A [`Policy`](policy::Policy) answers with a [`Decision`](slot::Decision). [`assignment`] searches placements at their
//!    exact cost; [`outlook`] predicts queues and links; [`observation`] has the observations and actions of learned policies.
//! 5. [`alloc`] finds the CPU shares, with a certificate of optimality; [`evaluate`] turns them into delays and energies.
//!    Where tasks queue for cores, [`queueing`] simulates servers and links, and [`information`] what servers tell each other.
//! 6. [`bound`] computes lower bounds that no policy can beat.
//! 7. [`engine`] runs it all: [`engine::replicate`] for a seed, [`engine::env`] and [`engine::queue_env`] for training.
//!
//! # Conventions
//!
//! Units are SI (Hz, bit, s, J, W, m) and part of the names of fields. RSUs, vehicles, tasks and links are rows of columns,
//! `u32` where they are stored. Equation numbers are those of the paper behind system 1 (see `docs/model.md`). The same seed
//! gives the same bytes on any number of threads: randomness comes from the named streams of [`rng`] alone.
//!
//! # What is stable
//!
//! Until 1.0 a minor version may change the interface; a patch version keeps the following as it is:
//!
//! | for | stable |
//! |---|---|
//! | scenarios | [`Scenario`] and its keys, [`Error`] |
//! | policies | [`policy::Policy`], [`policy::PolicyKind`], [`Slot`] and its JSON form, [`slot::Decision`] |
//! | vehicles of your own | [`mobility::MobilitySource`], [`mobility::Positions`] |
//! | runs | [`engine::world::World`], [`engine::replicate`], [`engine::replicate_observed`], [`engine::Observer`], [`engine::records`] |
//! | policies by name | [`engine::PolicyFactory`], [`engine::PolicyRegistry`], [`engine::own_policy`] |
//!
//! Everything else is public for Wayside's own crates and may change at any time. [`Error`] and [`policy::PolicyKind`] may
//! gain variants.

pub mod agent;
pub mod alloc;
pub mod assignment;
pub mod backhaul;
pub mod bound;
pub mod config;
pub mod engine;
pub mod error;
pub mod evaluate;
pub mod information;
pub mod input;
pub mod mobility;
pub mod model;
pub mod observation;
pub mod outlook;
pub(crate) mod parallel;
pub mod policy;
pub mod process;
pub mod queueing;
pub mod radio;
pub mod ragged;
pub mod rng;
pub mod scenario;
pub mod sites;
pub mod slot;

pub use error::{Error, Problem, Problems, Result};
pub use scenario::Scenario;
pub use slot::Slot;
