//! Policies as the command line names them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use wayside_core::engine::world::World;
use wayside_core::engine::{PolicyFactory, Trained};
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::Streams;
use wayside_core::scenario::PolicyOptions;
use wayside_core::{Result, Scenario, Slot};
use wayside_learn::trainer::builtin::{BUILTIN_POLICIES, builtin};
use wayside_learn::trainer::learned::LearnedPolicy;

/// What was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// An analytic policy.
    Kind(PolicyKind),
    /// A trained one that comes along, by its name.
    Trained(&'static str),
    /// A trained one from a file.
    File(PathBuf),
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Some(kind) = PolicyKind::from_name(text) {
            return Ok(Self::Kind(kind));
        }
        if let Some(found) = BUILTIN_POLICIES.iter().find(|b| b.name == text) {
            return Ok(Self::Trained(found.name));
        }
        if text.ends_with(".safetensors") || text.contains(['/', std::path::MAIN_SEPARATOR]) {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let mut names: Vec<_> = PolicyKind::ALL.map(|kind| kind.info().name).to_vec();
        for trained in BUILTIN_POLICIES {
            if !names.contains(&trained.name) {
                names.push(trained.name);
            }
        }
        let near = names
            .iter()
            .min_by_key(|name| strsim::osa_distance(text, name));
        let near = near.filter(|name| strsim::osa_distance(text, name) <= 1 + name.len() / 4);
        let hint = near.map_or_else(String::new, |name| format!("did you mean '{name}'? "));
        Err(format!(
            "{hint}possible values: {}, or the path of a policy.safetensors",
            names.join(", ")
        ))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => f.write_str(kind.info().name),
            Self::Trained(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Named {
    /// The policy itself; a trained one for `scenario`, or where there is none for the first that it was trained in.
    pub(crate) fn resolve(&self, scenario: Option<&Scenario>) -> Result<Entrant> {
        let trained = |scorer: LearnedPolicy| {
            let name = self.to_string();
            Entrant::Trained(Box::new(Trained { name, scorer }))
        };
        Ok(match self {
            Self::Kind(kind) => Entrant::Kind(*kind),
            Self::Trained(name) => trained(builtin(name, scenario)?),
            Self::File(path) => trained(LearnedPolicy::read(Path::new(path))?),
        })
    }
}

/// A policy that enters a run.
#[derive(Clone, Debug)]
pub(crate) enum Entrant {
    /// An analytic one.
    Kind(PolicyKind),
    /// A trained one.
    Trained(Box<Trained<LearnedPolicy>>),
}

impl Entrant {
    /// The policy for one slot that came from outside, as with seed 0.
    pub(crate) fn for_slot(&self, slot: &Slot, options: &PolicyOptions) -> Result<Box<dyn Policy>> {
        match self {
            Self::Kind(kind) => Ok(kind.build(options, Streams::new(0))),
            Self::Trained(trained) => trained.for_slot(slot, options),
        }
    }
}

impl PolicyFactory for Entrant {
    fn name(&self) -> &str {
        match self {
            Self::Kind(kind) => PolicyFactory::name(kind),
            Self::Trained(trained) => trained.name(),
        }
    }

    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        match self {
            Self::Kind(kind) => kind.for_run(world, streams),
            Self::Trained(trained) => trained.for_run(world, streams),
        }
    }
}
