//! Learning on tiny problems whose optimum is known.

mod kill;
mod mdp;
mod on_policy;
mod sac;
