//! Learning for Wayside: networks, algorithms for factorised masked policies over slots, and the trainer that joins them
//! with the engine.
//!
//! # Rooms
//!
//! | room | what it is for | knows | start reading at |
//! |---|---|---|---|
//! | [`nn`] | a small f32 network core: layers, Adam, the distribution of a policy, the file that keeps it all | nothing of Wayside but random streams and errors | [`nn::net`] |
//! | [`algo`] | PPO, AC and SAC: from an environment to a policy | `nn`; neither scenario nor engine | [`algo::env`], [`algo::learner`] |
//! | [`trainer`] | training in scenarios, from options to a policy file, with evaluations, logs and checkpoints | `nn`, `algo`, the engine | [`trainer::Trainer`] |
//!
//! An algorithm sees a slot as rows, masks and rewards. A model implements [`Observe`](algo::env::Observe) (what a
//! policy sees) and [`Env`](algo::env::Env) (the result of a choice). The same `Observe` serves the trained
//! [`Policy`](algo::policy::Policy) in a run. Every algorithm is a [`Learner`](algo::learner::Learner), which owns its environments.
//!
//! # From an environment to a policy
//!
//! ```
//! use wayside_core::error::Result;
//! use wayside_learn::algo::env::{End, Env, Observe, SlotView, Step};
//! use wayside_learn::algo::learner::Learner;
//! use wayside_learn::algo::policy::Policy;
//! use wayside_learn::algo::ppo::PpoConfig;
//! use wayside_learn::nn::net::NetSpec;
//! use wayside_learn::nn::state::State;
//!
//! /// Two vehicles; each should choose the RSU that its row points at. RSU 2 is out of range of vehicle 0.
//! struct Pointing(usize);
//!
//! impl Observe for Pointing {
//!     fn observe(&mut self, slot: &mut SlotView) {
//!         for vehicle in 0..2 {
//!             slot.row()[(self.0 + vehicle) % 2] = 1.0; // [row_width], here 2
//!             slot.factor(3)[2] = vehicle != 0; // a choice among three, the last allowed to vehicle 1 only
//!         }
//!     }
//! }
//!
//! impl Env for Pointing {
//!     fn step(&mut self, actions: &[u32]) -> Result<Step> {
//!         let right = (0..2).filter(|v| actions[*v] as usize == (self.0 + v) % 2).count();
//!         self.0 += 1;
//!         let end = if self.0.is_multiple_of(8) { End::Truncated } else { End::No };
//!         Ok(Step::new(right as f64 / 2.0, end))
//!     }
//!
//!     fn reset(&mut self) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! // rows of width 2, three logits each, one factor per vehicle
//! let spec = NetSpec::shared(2, 3, 1, &[16]);
//! let config = PpoConfig { n_steps: 32, learning_rate: 1e-2, ..PpoConfig::default() };
//! let envs: Vec<Pointing> = (0..4).map(Pointing).collect();
//! let mut learner = config.learner(spec, envs, 7)?;
//! for _ in 0..20 {
//!     let report = learner.iterate()?;
//!     for (_tag, _value) in report.tags() {} // to TensorBoard and the table
//! }
//!
//! // a checkpoint: whole or not at all, and training goes on from it to the bit
//! let path = std::env::temp_dir().join(format!("wayside-doc-{}.safetensors", std::process::id()));
//! learner.save().write(&path)?;
//! learner.load(&State::read(&path)?)?;
//! # std::fs::remove_file(&path)?;
//!
//! // the policy alone, for a run
//! let mut policy = Policy::load(&learner.policy().save())?;
//! assert_eq!(policy.decide(&mut Pointing(0)), [0, 1]);
//! # Ok(())
//! # }
//! ```
//!
//! # Checkpoints
//!
//! A checkpoint holds parameters, optimiser, normalisers, counters, sums of open episodes, and a snapshot of every environment
//! that gives one ([`Env::snapshot`](algo::env::Env::snapshot)). Random streams are named by seed and iteration, so the counter is
//! their state.
//!
//! # Threads
//!
//! Work runs in the current `rayon` pool. Environments are split into `lanes` and minibatches into `shards`, both fixed
//! options, and sums are taken in their order, so the number of threads never changes a bit. Buffers are reused. Once they
//! stop growing, an iteration allocates only the scratch memory of `gemm` for packing and a few names of streams.
//!
//! # Networks of your own
//!
//! | you want | implement | give it to |
//! |---|---|---|
//! | another architecture: attention, skip connections, ... | [`Architecture`](nn::architecture::Architecture): a forward pass and its gradient | [`Plan::architecture`](trainer::Plan::architecture), or [`OnPolicy::with_architecture`](algo::on_policy::OnPolicy::with_architecture) |
//! | our architecture, computed by another library or on a GPU | [`Backend`](nn::backend::Backend) | [`Plan::backend`](trainer::Plan::backend), or [`OnPolicy::with_backend`](algo::on_policy::OnPolicy::with_backend) |
//!
//! Both are for PPO and AC. [`nn::architecture`] and [`nn::backend`] have complete programs; the crate `burn/` of the repository is
//! a backend on Burn.

pub mod algo;
pub mod nn;
pub mod trainer;
