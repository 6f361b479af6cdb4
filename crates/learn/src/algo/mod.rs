//! Algorithms: from environments to a policy.

pub mod ac;
pub mod gae;
pub(crate) mod normalise;
pub mod on_policy;
pub mod policy;
pub mod ppo;
pub(crate) mod rollout;
pub mod sac;
pub mod slot;
