//! Trained policies that come with the library, from the folder `policies` of the repository. Their cards say which
//! command made them.

use wayside_core::Scenario;
use wayside_core::error::{Error, Result};

use crate::trainer::learned::LearnedPolicy;

/// A trained policy that comes along.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// How it is called.
    pub name: &'static str,
    /// What learned it.
    pub algorithm: &'static str,
    /// The built-in scenario that it was trained in, or around.
    pub scenario: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Whether slots depend on each other there.
    pub carry_over: bool,
    bytes: &'static [u8],
}

macro_rules! trained {
    ($($file:literal $name:literal $algorithm:literal $scenario:literal $carry_over:literal $summary:literal),* $(,)?) => {
        &[$(Builtin {
            name: $name,
            algorithm: $algorithm,
            scenario: $scenario,
            summary: $summary,
            carry_over: $carry_over,
            bytes: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../policies/", $file, ".safetensors"
            )),
        }),*]
    };
}

/// All of them; of each name the first serves where no other is nearer.
pub const BUILTIN_POLICIES: &[Builtin] = trained![
    "ppo" "ppo" "ppo" "hotspot" false "proximal policy optimisation, task after task, one policy for any load",
    "ppo-coupled" "ppo" "ppo" "coupled" true "proximal policy optimisation with rules on when tasks must end",
    "ac" "ac" "ac" "hotspot" false "actor-critic, task after task, one policy for any load",
    "lysac-lin2025" "lysac" "lysac" "lin2025" false "Lyapunov-guided soft actor-critic, the best of many plans for a batch",
    "lysac-no-cloud-lin2025" "lysac-no-cloud" "lysac" "lin2025" false "lysac that may not use the cloud, as mcatm may not",
];

impl Builtin {
    /// The policy.
    ///
    /// # Errors
    /// None that is known: a test reads them all.
    pub fn policy(&self) -> Result<LearnedPolicy> {
        LearnedPolicy::from_bytes(self.bytes)
    }
}

/// The policy called `name` for `scenario`: in that scenario, else in one whose slots depend on each other
/// likewise, else the first.
///
/// # Errors
/// A name that none has.
pub fn builtin(name: &str, scenario: Option<&Scenario>) -> Result<LearnedPolicy> {
    let all = || BUILTIN_POLICIES.iter().filter(|b| b.name == name);
    let named = scenario.and_then(|s| all().find(|b| b.scenario == s.name));
    let alike = scenario.and_then(|s| all().find(|b| b.carry_over == s.time.carry_over));
    match named.or(alike).or(all().next()) {
        Some(found) => found.policy(),
        None => Err(Error::invalid(
            name,
            None,
            "",
            "must be a trained policy, got none of this name",
        )),
    }
}
