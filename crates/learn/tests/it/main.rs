//! Learning on tiny problems whose optimum is known; training, policy files, and the policies that ship with Wayside.

mod decoders;
mod kill;
mod mdp;
mod on_policy;
mod plan_slots;
mod sac;
mod shipped;
mod trainer;
mod trainer_checks;
