//! Learning.
pub mod ac;
pub mod adam;
pub mod dist;
pub mod gae;
mod matrix;
pub mod mlp;
pub mod net;
mod normalise;
pub mod on_policy;
pub mod policy;
pub mod ppo;
mod rollout;
pub mod sac;
mod simd;
pub mod slot;
pub mod state;
