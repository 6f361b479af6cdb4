//! Algorithms: from environments to a policy.

pub mod ac;
pub(crate) mod decider;
pub mod env;
pub(crate) mod episode;
pub mod gae;
pub mod learner;
pub(crate) mod normalise;
pub mod on_policy;
pub mod options;
pub mod policy;
pub mod ppo;
pub(crate) mod rollout;
pub mod sac;
pub(crate) mod store;
