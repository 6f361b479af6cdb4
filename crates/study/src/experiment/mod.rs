//! Experiments: policies compared on the same traffic, over seeds in parallel.

mod recorder;
mod results;
mod seeds;
mod session;
#[cfg(test)]
mod tests;

pub use results::{Columns, Results};
pub use session::Session;

use crate::control::Control;
use crate::manifest::Manifest;
use crate::output::{DumpFolder, RunFolder};
use crate::summary::Summary;
use crate::tasks;
use seeds::Seeds;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wayside_core::engine::records::Replication;
use wayside_core::engine::world::World;
use wayside_core::engine::{
    BoundKind, Observer, Options, PolicyFactory, PolicyRegistry, SharedFactory, own_policy,
};
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::{Error, Problems, Result, Scenario, scenario};

/// A policy as the caller names it.
#[derive(Clone)]
enum Choice {
    Named(String),
    Own(SharedFactory),
}

type MakeObserver = dyn Fn(u64) -> Box<dyn Observer> + Send + Sync;

/// An experiment: what to compare, how, and where the results go.
///
/// Every policy meets the same vehicles and tasks, seed by seed. Seeds share nothing but the scenario and results are
/// ordered by seed, so that the number of threads changes no result.
///
/// ```
/// use wayside_core::engine::BoundKind;
/// use wayside_study::Experiment;
///
/// let results = Experiment::named("wang2025")?
///     .policies(["nearest", "price"])
///     .seeds(0..2)
///     .slots(3)
///     .bound(BoundKind::Simple)
///     .run()?;
/// assert!(results.gap("price") < results.gap("nearest"));
/// # Ok::<(), wayside_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Experiment {
    world: Arc<World>,
    registry: Arc<PolicyRegistry>,
    choices: Option<Vec<Choice>>,
    only_serving: bool,
    seeds: Vec<u64>,
    options: Options,
    threads: usize,
    timing: bool,
    control: Arc<Control>,
    observers: Vec<Arc<MakeObserver>>,
    dump_slots: Option<(PathBuf, bool)>,
    out: Option<(PathBuf, bool)>,
    write_tasks: bool,
    write_playback: bool,
    keep_tasks: bool,
    keep_partial: bool,
}

impl Experiment {
    /// An experiment in `scenario`: its default policies, seeds 0 to 9, its number of slots, no bound.
    ///
    /// # Errors
    /// A topology or a trace that cannot be read.
    pub fn new(scenario: &Scenario) -> Result<Self> {
        Ok(Self::in_world(Arc::new(World::new(scenario)?)))
    }

    /// An experiment in a built-in scenario, or in the scenario of a file.
    ///
    /// # Errors
    /// An unknown name; everything that is wrong with the file.
    pub fn named(scenario: &str) -> Result<Self> {
        Self::new(&scenario::resolve(scenario, &[])?)
    }

    /// An experiment in a scenario that is laid out already.
    #[must_use]
    pub fn in_world(world: Arc<World>) -> Self {
        Self {
            registry: Arc::default(),
            choices: None,
            only_serving: false,
            seeds: (0..10).collect(),
            options: Options {
                slots: world.scenario.time.slots,
                bound: BoundKind::Off,
            },
            threads: 0,
            timing: true,
            control: Arc::default(),
            observers: Vec::new(),
            dump_slots: None,
            out: None,
            write_tasks: false,
            write_playback: false,
            keep_tasks: false,
            keep_partial: true,
            world,
        }
    }

    /// Where names of policies are looked up; [`PolicyRegistry::analytic`] by default.
    #[must_use]
    pub fn registry(self, registry: impl Into<Arc<PolicyRegistry>>) -> Self {
        Self {
            registry: registry.into(),
            ..self
        }
    }

    /// Adds policies by name; differences are to the first policy of all.
    #[must_use]
    pub fn policies<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let named = names.into_iter().map(|name| Choice::Named(name.into()));
        self.choices.get_or_insert_default().extend(named);
        self
    }

    /// Adds a policy of your own, built anew for every seed.
    #[must_use]
    pub fn own_policy<P: Policy + 'static>(
        self,
        name: &str,
        build: impl Fn() -> P + Send + Sync + 'static,
    ) -> Self {
        self.factory(own_policy(name, move |_, _| build()))
    }

    /// Adds the factory of a policy, for one that needs options or random streams.
    #[must_use]
    pub fn factory(mut self, factory: impl PolicyFactory + 'static) -> Self {
        let own = Choice::Own(Arc::new(factory));
        self.choices.get_or_insert_default().push(own);
        self
    }

    /// Leaves out policies that cannot serve the scenario, instead of failing.
    #[must_use]
    pub fn only_serving(self) -> Self {
        Self {
            only_serving: true,
            ..self
        }
    }

    /// One replication each.
    #[must_use]
    pub fn seeds(self, seeds: impl IntoIterator<Item = u64>) -> Self {
        Self {
            seeds: seeds.into_iter().collect(),
            ..self
        }
    }

    /// Slots of a replication, in place of the scenario's.
    #[must_use]
    pub fn slots(mut self, slots: usize) -> Self {
        self.options.slots = slots;
        self
    }

    /// The certified lower bound that every slot gets.
    #[must_use]
    pub fn bound(mut self, bound: BoundKind) -> Self {
        self.options.bound = bound;
        self
    }

    /// Seeds run at a time; 0: one per core.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Whether the summary has decision times, the only results that differ between two runs.
    #[must_use]
    pub fn timing(self, timing: bool) -> Self {
        Self { timing, ..self }
    }

    /// Lets another thread watch and stop the experiment.
    #[must_use]
    pub fn control(self, control: Arc<Control>) -> Self {
        Self { control, ..self }
    }

    /// Follows every replication with an observer of its own, made from the seed.
    #[must_use]
    pub fn observe<O: Observer + 'static>(
        mut self,
        make: impl Fn(u64) -> O + Send + Sync + 'static,
    ) -> Self {
        self.observers
            .push(Arc::new(move |seed| Box::new(make(seed))));
        self
    }

    /// Writes every slot to `folder` as `seed0_slot000.json`, in the format that `wayside decide` reads.
    #[must_use]
    pub fn dump_slots(self, folder: impl Into<PathBuf>, force: bool) -> Self {
        Self {
            dump_slots: Some((folder.into(), force)),
            ..self
        }
    }

    /// Writes summary, slots, figures, report and manifest to `folder`; with `force` it may hold another run.
    #[must_use]
    pub fn out(self, folder: impl Into<PathBuf>, force: bool) -> Self {
        Self {
            out: Some((folder.into(), force)),
            ..self
        }
    }

    /// Adds every task to the folder of the results, as `tasks.parquet`.
    #[must_use]
    pub fn write_tasks(self, write: bool) -> Self {
        Self {
            write_tasks: write,
            ..self
        }
    }

    /// Adds what it takes to play the run to the folder of the results: `playback.parquet`, and every task.
    #[must_use]
    pub fn write_playback(self, write: bool) -> Self {
        Self {
            write_tasks: self.write_tasks || write,
            write_playback: write,
            ..self
        }
    }

    /// Keeps every task in [`Results::tasks`].
    #[must_use]
    pub fn keep_tasks(self, keep: bool) -> Self {
        Self {
            keep_tasks: keep,
            ..self
        }
    }

    /// Whether an experiment that was stopped writes the seeds that it finished, as it does by default.
    #[must_use]
    pub fn keep_partial(self, keep: bool) -> Self {
        Self {
            keep_partial: keep,
            ..self
        }
    }

    /// Looks up the policies.
    ///
    /// # Errors
    /// A policy that is unknown, named twice, or cannot be read; none at all.
    pub fn session(&self) -> Result<Session> {
        let scenario = &self.world.scenario;
        let mut problems = Problems::default();
        let mut policies: Vec<SharedFactory> = match &self.choices {
            None => {
                let kinds = PolicyKind::defaults(scenario).into_iter();
                kinds.map(|kind| Arc::new(kind) as _).collect()
            }
            Some(choices) => {
                let find = |choice: &Choice| match choice {
                    Choice::Named(name) => self.registry.resolve(name, Some(scenario)),
                    Choice::Own(factory) => Ok(Arc::clone(factory)),
                };
                let mut found = Vec::with_capacity(choices.len());
                for choice in choices {
                    found.extend(problems.collect(find(choice))?);
                }
                found
            }
        };
        if self.choices.as_ref().is_some_and(Vec::is_empty) {
            return Err(invalid("policies", "must name at least one"));
        }
        problems.add_repeats("policies", policies.iter().map(|policy| policy.name()));
        problems.into_result(())?;
        if self.only_serving {
            policies.retain(|policy| policy.serves(&self.world).is_ok());
        }
        Ok(Session {
            world: Arc::clone(&self.world),
            policies,
            options: self.options,
        })
    }

    /// Runs all seeds and writes the results, where a folder was named. What [`control`](Self::control) stopped holds
    /// only the seeds that were finished.
    ///
    /// # Errors
    /// As [`session`](Self::session); a folder that holds other results; a trace that ends early; a policy that cannot
    /// serve the scenario; files that cannot be written; threads that the system refuses; a cost below its certified
    /// bound, which is a bug of Wayside.
    pub fn run(&self) -> Result<Results> {
        let mut problems = Problems::default();
        let session = problems.collect(self.session())?;
        problems.collect(self.check_seeds())?;
        let session = problems.into_result(session)?.expect("nothing is wrong");
        let (folder, slots) = self.folders(&session)?;
        let scratch;
        let tasks = match &folder {
            _ if !self.write_tasks && !self.keep_tasks => None,
            Some(folder) => Some(folder.task_parts()?),
            None => {
                let temporary = std::env::temp_dir();
                scratch = tempfile::tempdir().map_err(|e| Error::io(&temporary, e))?;
                Some(scratch.path().to_owned())
            }
        };
        let seeds = Arc::new(Seeds::new(self.clone(), session, slots, tasks.clone()));
        let replications = seeds.run()?;
        let kept = |folder: &Path| -> Result<Vec<Columns>> {
            let columns = |r: &Replication| tasks::columns_of(folder, r.seed);
            let columns = replications.iter().map(columns).collect::<io::Result<_>>();
            columns.map_err(|e| Error::io(folder, e))
        };
        let kept = match &tasks {
            Some(folder) if self.keep_tasks => kept(folder)?,
            _ => Vec::new(),
        };
        let policies = replications.first().map_or(0, |r| r.policies.len());
        let tracks = seeds.tracks().take().map_or_else(Vec::new, |tracks| {
            (0..policies).filter_map(|p| tracks.longest(p)).collect()
        });
        let name = &self.world.scenario.name;
        let results = Results {
            world: Arc::clone(&self.world),
            summary: Summary::new(name, &replications, self.timing),
            replications,
            tasks: kept,
            tracks,
            seeds: self.seeds.len(),
        };
        // A seed that was left behind may still write to the folder of slots, which then stays as it was.
        if let Some(Seeds {
            slots: Some(slots), ..
        }) = Arc::into_inner(seeds)
        {
            slots.finish(results.is_complete())?;
        }
        if let Some(folder) = folder {
            self.save(folder, &results)?;
        }
        Ok(results)
    }

    fn check_seeds(&self) -> Result<()> {
        if self.seeds.is_empty() {
            return Err(invalid("seeds", "must hold at least one"));
        }
        let mut problems = Problems::default();
        problems.add_repeats("seeds", &self.seeds);
        problems.into_result(())
    }

    /// Prepares the folders of results and slots, before the run, so that a refusal costs nothing.
    fn folders(&self, session: &Session) -> Result<(Option<RunFolder>, Option<DumpFolder>)> {
        if self.out.is_none() && self.dump_slots.is_none() {
            return Ok((None, None));
        }
        let scenario = &self.world.scenario;
        let names: Vec<_> = session.names().map(str::to_owned).collect();
        let (text, slots) = (scenario.to_toml(), session.slots());
        let manifest = Manifest::now(&scenario.name, &text, &self.seeds, slots, &names);
        let out = self.out.as_ref();
        let out = out.map(|(path, force)| RunFolder::create(path, manifest.clone(), *force));
        let dump = self.dump_slots.as_ref();
        let dump = dump.map(|(path, force)| DumpFolder::create(path, manifest.clone(), *force));
        Ok((out.transpose()?, dump.transpose()?))
    }

    fn save(&self, mut folder: RunFolder, results: &Results) -> Result<()> {
        let complete = results.is_complete();
        if results.replications.is_empty() || !(complete || self.keep_partial) {
            return Ok(());
        }
        folder.write_results(&results.summary, &results.replications, &results.facts()?)?;
        if self.write_tasks {
            folder.write_tasks(&results.replications)?;
        }
        if self.write_playback {
            folder.write_playback(&results.replications, &self.world)?;
        }
        folder.finish(complete)
    }
}

fn invalid(what: &str, message: impl Into<String>) -> Error {
    Error::invalid(what, None, "", message)
}
