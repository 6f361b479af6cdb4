//! Trained policies that ship with the library, from the folder `policies` of the repository.
//!
//! The card beside each one says which command made it.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use wayside_core::Scenario;
use wayside_core::engine::{PolicyRegistry, SharedFactory, Trained};
use wayside_core::error::{Error, Result};
use wayside_core::policy::PolicyInfo;

use crate::trainer::learned::LearnedPolicy;

/// A trained policy that ships with the library.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Name and description.
    pub info: PolicyInfo,
    /// The algorithm that trained it.
    pub algorithm: &'static str,
    /// The built-in scenario in which, or around which, it was trained.
    pub scenario: &'static str,
    /// Whether slots depend on each other there.
    pub carry_over: bool,
    bytes: &'static [u8],
}

macro_rules! trained {
    ($($file:literal $name:literal $algorithm:literal $scenario:literal $carry_over:literal $source:literal $options:literal $summary:literal),* $(,)?) => {
        &[$(Builtin {
            info: PolicyInfo {
                name: $name,
                summary: $summary,
                source: concat!($source, "; trained in ", $scenario),
                options: $options,
                needs: "whole slot",
            },
            algorithm: $algorithm,
            scenario: $scenario,
            carry_over: $carry_over,
            bytes: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../policies/", $file, ".safetensors"
            )),
        }),*]
    };
}

/// All of them; where several share a name, the first is the default.
pub const BUILTIN_POLICIES: &[Builtin] = trained![
    "ppo" "ppo" "ppo" "hotspot" false "Wang et al., IV-C" "policy.learned.or_local, .repair"
        "proximal policy optimisation, task after task, one policy for any load",
    "ppo-coupled" "ppo" "ppo" "coupled" true "Wang et al., IV-C" "-"
        "proximal policy optimisation with rules on when tasks must end",
    "ac" "ac" "ac" "hotspot" false "Wang et al., IV-C" "policy.learned.or_local, .repair"
        "actor-critic, task after task, one policy for any load",
    "lysac-lin2025" "lysac" "lysac" "lin2025" false "Sci. Rep. 15, 28126, after arXiv 2311.18671" "policy.lysac.episodes"
        "Lyapunov-guided soft actor-critic, the best of many plans for a batch",
    "lysac-no-cloud-lin2025" "lysac-no-cloud" "lysac" "lin2025" false "Sci. Rep. 15, 28126, after arXiv 2311.18671" "policy.lysac.episodes"
        "lysac that may not use the cloud, as mcatm may not",
];

impl Builtin {
    /// Decodes the policy.
    ///
    /// # Errors
    /// A policy file that this version cannot read; a test decodes them all.
    pub fn policy(&self) -> Result<LearnedPolicy> {
        LearnedPolicy::from_bytes(self.bytes)
    }
}

/// The policy called `name` for `scenario`: one trained in that scenario, else one trained where slots depend on each
/// other in the same way, else the first of the name.
///
/// # Errors
/// An unknown name.
pub fn builtin(name: &str, scenario: Option<&Scenario>) -> Result<LearnedPolicy> {
    let all = || BUILTIN_POLICIES.iter().filter(|b| b.info.name == name);
    let same = scenario.and_then(|s| all().find(|b| b.scenario == s.name));
    let alike = scenario.and_then(|s| all().find(|b| b.carry_over == s.time.carry_over));
    match same.or(alike).or(all().next()) {
        Some(found) => found.policy(),
        None => Err(Error::invalid(
            name,
            None,
            "",
            "must be the name of a trained policy",
        )),
    }
}

/// The policies of `wayside-core` and the trained ones, by name or by file: what the command line and Python know.
pub fn registry() -> Arc<PolicyRegistry> {
    static REGISTRY: LazyLock<Arc<PolicyRegistry>> = LazyLock::new(|| {
        let mut registry = PolicyRegistry::analytic();
        register(&mut registry);
        Arc::new(registry)
    });
    Arc::clone(&REGISTRY)
}

/// Adds the trained policies to `registry`, and lets it read others from `policy.safetensors` files.
///
/// ```
/// let mut registry = wayside_core::engine::PolicyRegistry::analytic();
/// wayside_learn::trainer::builtin::register(&mut registry);
/// assert!(registry.contains("ppo"));
/// ```
pub fn register(registry: &mut PolicyRegistry) {
    let mut names: Vec<&'static str> = BUILTIN_POLICIES.iter().map(|b| b.info.name).collect();
    names.dedup();
    for name in names {
        let infos = BUILTIN_POLICIES.iter().map(|b| b.info);
        let infos = infos.filter(|info| info.name == name).collect();
        registry.register_family(infos, move |scenario| {
            Ok(factory(name, builtin(name, scenario)?))
        });
    }
    registry.open_files_with(|path: &Path| {
        Ok(factory(
            &path.display().to_string(),
            LearnedPolicy::read(path)?,
        ))
    });
}

fn factory(name: &str, scorer: LearnedPolicy) -> SharedFactory {
    Arc::new(Trained {
        name: name.to_owned(),
        scorer,
    })
}
