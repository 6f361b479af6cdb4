//! Learning for Wayside: a small f32 network core, PPO, AC and SAC for factorised masked policies over slots.
//!
//! Nothing here but [`trainer`], [`learned`](trainer::learned) and [`builtin`](trainer::builtin) knows the model. Whoever does implements [`algo::slot::Observe`] (what a policy sees: rows and masks) and
//! [`algo::slot::Env`] (what a choice brings); the same `Observe` serves the trained [`algo::policy::Policy`] in a run.
//!
//! # From an environment to a policy
//!
//! ```
//! use wayside_learn::nn::net::NetSpec;
//! use wayside_learn::algo::policy::Policy;
//! use wayside_learn::algo::ppo::PpoConfig;
//! use wayside_learn::algo::slot::{End, Env, Observe, Slot, Step};
//! use wayside_learn::nn::state::State;
//!
//! /// Two vehicles; each should choose the RSU that its row points at. RSU 2 is out of range of vehicle 0.
//! struct Pointing(usize);
//!
//! impl Observe for Pointing {
//!     fn observe(&mut self, _round: usize, _chosen: &[u32], slot: &mut Slot) -> bool {
//!         for vehicle in 0..2 {
//!             slot.row()[(self.0 + vehicle) % 2] = 1.0; // [row_width], here 2
//!             slot.factor(3)[2] = vehicle != 0; // a choice among three, the last allowed to vehicle 1 only
//!         }
//!         false // all vehicles at once; true would ask for another round, as a sequential encoder does
//!     }
//! }
//!
//! impl Env for Pointing {
//!     fn step(&mut self, actions: &[u32], _credits: &mut [f32]) -> Step {
//!         let right = (0..2).filter(|v| actions[*v] as usize == (self.0 + v) % 2).count();
//!         self.0 += 1;
//!         let end = if self.0.is_multiple_of(8) { End::Truncated } else { End::No };
//!         Step { reward: right as f64 / 2.0, end }
//!     }
//!     fn reset(&mut self) {}
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // rows of width 2, three logits each, one factor per vehicle
//! let spec = NetSpec::shared(2, 3, 1, &[16]);
//! let config = PpoConfig { n_steps: 32, learning_rate: 1e-2, ..PpoConfig::default() };
//! let mut envs: Vec<Pointing> = (0..4).map(Pointing).collect();
//! let mut learner = config.learner(spec, envs.len(), 7)?;
//! for _ in 0..20 {
//!     let report = learner.iterate(&mut envs)?;
//!     for (_tag, _value) in report.tags() {} // to TensorBoard and the table
//! }
//!
//! // a checkpoint: whole or not at all, and training goes on from it to the bit
//! let path = std::env::temp_dir().join(format!("wayside-doc-{}.safetensors", std::process::id()));
//! learner.save_state().write(&path)?;
//! learner.load_state(&State::read(&path)?)?;
//! # std::fs::remove_file(&path)?;
//!
//! // the policy alone, for a run
//! let mut policy = Policy::load(&learner.policy().save())?;
//! assert_eq!(policy.decide(&mut Pointing(0)), [0, 1]);
//! # Ok(())
//! # }
//! ```
//!
//! # What a checkpoint holds, and what not
//!
//! Parameters, optimiser, normalisers, counters and sums of open episodes. Random streams are named by seed and
//! iteration, so the counter is their state. Environments are the caller's: a learner keeps no observation between
//! iterations, so it is enough that they, too, stand where they stood (for instance by episodes that are a function of
//! seed and number, replayed up to the step).
//!
//! # Threads
//!
//! Work runs in the current `rayon` pool. Environments are split into `lanes` and minibatches into `shards`, both fixed
//! options, and sums are taken in their order: so the number of threads never changes a bit. Buffers are reused; once
//! warm they stop growing, and what is left are the scratch memory of `gemm` for packing and a few names of streams.
//!
//! # Where to read on
//!
//! | room | what |
//! |---|---|
//! | [`slot`](algo::slot) | the interface to the model; layouts of rows, factors, masks |
//! | [`net`](nn::net), [`mlp`](nn::mlp) | actor and critic; forward and backward |
//! | [`dist`](nn::dist) | the factorised masked policy, its loss and gradient |
//! | [`gae`](algo::gae) | advantages |
//! | [`ppo`](algo::ppo), [`ac`](algo::ac), [`on_policy`](algo::on_policy) | options of PPO and AC; the algorithm |
//! | [`sac`](algo::sac) | SAC, continuous and discrete |
//! | [`policy`](algo::policy), [`state`](nn::state) | deciding; what outlasts the process |
//! | [`adam`](nn::adam) | the optimiser |
//! | [`backend`](nn::backend) | the seam to other cores than ours; Burn, with the feature `burn` |
//! | [`trainer`] | training in scenarios, from options to a policy file; resumes to the bit |
//! | [`learned`](trainer::learned), [`builtin`](trainer::builtin) | policy files and their cards; those that come along |

pub mod algo;
pub mod nn;
pub mod trainer;
