//! Algorithms: from environments to a policy.
//!
//! | file | what |
//! |---|---|
//! | [`env`](mod@env) | the interface to the model; start here |
//! | [`learner`] | what every learner does, and what it reports |
//! | [`on_policy`] | the learner behind PPO and AC |
//! | [`ppo`], [`ac`] | their options |
//! | [`gae`] | advantages |
//! | [`sac`] | SAC, continuous and discrete |
//! | [`policy`] | a trained network that decides |
//! | `decider`, `rollout`, `store` | deciding several environments at once; collecting; what a rollout keeps |
//! | `episode`, `normalise` | sums of rewards; running moments of inputs and rewards |

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
