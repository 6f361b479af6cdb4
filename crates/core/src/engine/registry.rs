//! Policies by name: the one place where the command line, Python, studies and other programs look them up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::factory::{PolicyFactory, own_policy};
use crate::config;
use crate::error::{Error, Result};
use crate::policy::{Policy, PolicyInfo, PolicyKind};
use crate::rng::Streams;
use crate::scenario::{PolicyOptions, Scenario};

/// A policy as a run takes it.
pub type SharedFactory = Arc<dyn PolicyFactory>;

type Find = dyn Fn(Option<&Scenario>) -> Result<SharedFactory> + Send + Sync;
type Open = dyn Fn(&Path) -> Result<SharedFactory> + Send + Sync;

#[derive(Clone)]
struct Entry {
    /// One description per variant, at least one; all have the name.
    infos: Vec<PolicyInfo>,
    find: Arc<Find>,
}

/// Policies by name.
///
/// ```
/// use wayside_core::engine::PolicyRegistry;
/// use wayside_core::policy::{PolicyInfo, baselines::Nearest};
///
/// let mut registry = PolicyRegistry::analytic();
/// let info = PolicyInfo { name: "mine", summary: "my own", source: "me", options: "-", needs: "coverage" };
/// registry.register(info, |_options, _streams| Nearest);
/// assert!(registry.contains("mine") && registry.contains("price"));
/// let error = registry.resolve("prise", None).err().unwrap().to_string();
/// assert_eq!(error, "policy: unknown policy \"prise\", did you mean \"price\"?");
/// ```
#[derive(Clone)]
pub struct PolicyRegistry {
    entries: Vec<Entry>,
    open: Option<Arc<Open>>,
}

impl PolicyRegistry {
    /// A registry without any policy.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            entries: Vec::new(),
            open: None,
        }
    }

    /// The policies of this crate, in the order of [`PolicyKind::ALL`] and [`PolicyKind::SESSIONS`].
    #[must_use]
    pub fn analytic() -> Self {
        let mut registry = Self::empty();
        for kind in PolicyKind::ALL.into_iter().chain(PolicyKind::SESSIONS) {
            registry.register_family(vec![kind.info()], move |_| Ok(Arc::new(kind)));
        }
        registry
    }

    /// Adds a policy that `build` makes for every seed. It replaces any other of its name.
    pub fn register<P: Policy + 'static>(
        &mut self,
        info: PolicyInfo,
        build: impl Fn(&PolicyOptions, Streams) -> P + Send + Sync + 'static,
    ) {
        let factory: SharedFactory = Arc::new(own_policy(info.name, build));
        self.register_family(vec![info], move |_| Ok(Arc::clone(&factory)));
    }

    /// Adds a name that may stand for several policies: `find` picks the one for a scenario, or a default where there
    /// is none. `infos` describe them all under that one name. It replaces any other of the name.
    ///
    /// # Panics
    /// Without a description, or where their names differ.
    pub fn register_family(
        &mut self,
        infos: Vec<PolicyInfo>,
        find: impl Fn(Option<&Scenario>) -> Result<SharedFactory> + Send + Sync + 'static,
    ) {
        let name = infos.first().expect("a policy has a description").name;
        assert!(
            infos.iter().all(|info| info.name == name),
            "a family has one name"
        );
        self.entries.retain(|entry| entry.infos[0].name != name);
        self.entries.push(Entry {
            infos,
            find: Arc::new(find),
        });
    }

    /// Lets [`resolve`](Self::resolve) read policies from files.
    pub fn open_files_with(
        &mut self,
        open: impl Fn(&Path) -> Result<SharedFactory> + Send + Sync + 'static,
    ) {
        self.open = Some(Arc::new(open));
    }

    /// Descriptions of all policies; a family has several lines with one name.
    pub fn infos(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.entries.iter().flat_map(|entry| &entry.infos)
    }

    /// All names, each once.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.entries.iter().map(|entry| entry.infos[0].name)
    }

    /// Whether a policy has this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// Checks that `text` is a name, or looks like the path of a file where files can be read.
    ///
    /// # Errors
    /// An unknown name, with the nearest one or all of them.
    pub fn check(&self, text: &str) -> Result<()> {
        if self.contains(text) || self.as_path(text).is_some() {
            return Ok(());
        }
        let names: Vec<_> = self.names().collect();
        let unknown = config::unknown("policy", text, &names);
        let message = if unknown.contains(',') {
            unknown
        } else {
            let file = self.open.as_ref();
            let file = file.map_or("", |_| ", or the path of a policy.safetensors");
            format!("{unknown}, expected one of {}{file}", names.join(", "))
        };
        Err(Error::invalid("policy", None, "", message))
    }

    /// The policy of a name or a file; for `scenario` where the name stands for several.
    ///
    /// # Errors
    /// As [`check`](Self::check); a file that cannot be read.
    pub fn resolve(&self, text: &str, scenario: Option<&Scenario>) -> Result<SharedFactory> {
        let named = |entry: &&Entry| entry.infos[0].name == text;
        if let Some(entry) = self.entries.iter().find(named) {
            return (entry.find)(scenario);
        }
        match (&self.open, self.as_path(text)) {
            (Some(open), Some(path)) => open(&path),
            _ => Err(self.check(text).expect_err("neither a name nor a file")),
        }
    }

    /// A path has a separator or ends in `.safetensors`; a name has neither.
    fn as_path(&self, text: &str) -> Option<PathBuf> {
        let separators = ['/', std::path::MAIN_SEPARATOR];
        let is_path = text.ends_with(".safetensors") || text.contains(separators);
        (is_path && self.open.is_some()).then(|| PathBuf::from(text))
    }
}

impl Default for PolicyRegistry {
    fn default() -> Self {
        Self::analytic()
    }
}

impl std::fmt::Debug for PolicyRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
