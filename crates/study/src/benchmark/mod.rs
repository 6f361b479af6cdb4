//! The benchmark: a fixed suite of tasks, and a score card for any policy.
//!
//! ```
//! use wayside_study::benchmark::Benchmark;
//!
//! let card = Benchmark::new().policies(["nearest", "price"]).tasks(["slot-20"]).quick(true).run()?;
//! let gap = |entry: usize| card.entries[entry].results[0].gap.map(|gap| gap.mean);
//! assert!(gap(1) < gap(0));
//! # Ok::<(), wayside_core::Error>(())
//! ```

mod card;
mod played;
mod record;
mod show;
pub mod suite;

pub use card::{
    Entry, RegimeScore, ScoreCard, SeedResult, TaskCard, TaskResult, Timing, TrackScore, schema,
};

use crate::command::CommandPolicy;
use crate::control::Control;
use crate::experiment::Experiment;
use crate::manifest::Manifest;
use played::Played;
use record::Recording;
use serde::Deserialize as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use suite::{BenchmarkTask, SUITE, Suite};
use wayside_core::engine::world::World;
use wayside_core::engine::{PolicyFactory as _, PolicyRegistry, SharedFactory};
use wayside_core::policy::PolicyKind;
use wayside_core::{Error, Problem, Problems, Result};
use wayside_output::{Folder, Kind, Request};

/// A policy as the caller names it.
#[derive(Clone)]
enum Entrant {
    Named(String),
    Own(SharedFactory),
    /// One that is made for every task.
    Made(String, Arc<Make>),
}

type Make = dyn Fn(&Arc<World>) -> Result<SharedFactory> + Send + Sync;

/// What to play, and where the results go.
pub struct Benchmark {
    registry: Arc<PolicyRegistry>,
    entrants: Vec<Entrant>,
    commands: Vec<Arc<CommandPolicy>>,
    tasks: Vec<String>,
    quick: bool,
    tuning: bool,
    threads: usize,
    timing: bool,
    record: bool,
    out: Option<(PathBuf, bool)>,
    progress: Arc<Progress>,
}

/// Watches and stops a benchmark from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    control: Arc<Control>,
    /// Slots of the tasks that are done.
    before: AtomicU64,
    /// Slots of all tasks.
    total: AtomicU64,
}

impl Progress {
    /// Progress of what `control` stops.
    #[must_use]
    pub fn new(control: Arc<Control>) -> Self {
        Self {
            control,
            ..Self::default()
        }
    }

    /// Stops the benchmark.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// How many slots are done, and of how many.
    #[must_use]
    pub fn slots(&self) -> (u64, u64) {
        let (before, all) = (&self.before, &self.total);
        let done = before.load(Ordering::Relaxed) + self.control.progress().0;
        let all = all.load(Ordering::Relaxed);
        (done.min(all), all)
    }
}

impl Default for Benchmark {
    fn default() -> Self {
        Self {
            registry: Arc::default(),
            entrants: Vec::new(),
            commands: Vec::new(),
            tasks: Vec::new(),
            quick: false,
            tuning: false,
            threads: 0,
            timing: true,
            record: false,
            out: None,
            progress: Arc::default(),
        }
    }
}

impl Benchmark {
    /// All tasks on the seeds of the score, without a policy yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where names of policies are looked up; [`PolicyRegistry::analytic`] by default.
    #[must_use]
    pub fn registry(self, registry: impl Into<Arc<PolicyRegistry>>) -> Self {
        Self {
            registry: registry.into(),
            ..self
        }
    }

    /// Adds policies by name or file.
    #[must_use]
    pub fn policies<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let named = names.into_iter().map(|name| Entrant::Named(name.into()));
        self.entrants.extend(named);
        self
    }

    /// Adds a policy of your own.
    #[must_use]
    pub fn factory(mut self, factory: SharedFactory) -> Self {
        self.entrants.push(Entrant::Own(factory));
        self
    }

    /// Adds a policy of your own that `make` makes for every task; where it fails, the policy cannot play the task.
    #[must_use]
    pub fn made(
        mut self,
        name: &str,
        make: impl Fn(&Arc<World>) -> Result<SharedFactory> + Send + Sync + 'static,
    ) -> Self {
        self.entrants
            .push(Entrant::Made(name.to_owned(), Arc::new(make)));
        self
    }

    /// Adds a policy that is another program; it has to stop by the control of [`Self::progress`].
    #[must_use]
    pub fn command(mut self, command: CommandPolicy) -> Self {
        let command = Arc::new(command);
        self.commands.push(Arc::clone(&command));
        self.factory(command)
    }

    /// Only these tasks; all where none is named.
    #[must_use]
    pub fn tasks<N: Into<String>>(mut self, ids: impl IntoIterator<Item = N>) -> Self {
        self.tasks.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Fewer seeds and slots, for a first look.
    #[must_use]
    pub fn quick(self, quick: bool) -> Self {
        Self { quick, ..self }
    }

    /// The seeds to develop with, in place of those of the score.
    #[must_use]
    pub fn tuning(self, tuning: bool) -> Self {
        Self { tuning, ..self }
    }

    /// Seeds run at a time; 0: one per core.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Whether the card has decision times, the only results that differ between two runs.
    #[must_use]
    pub fn timing(self, timing: bool) -> Self {
        Self { timing, ..self }
    }

    /// Writes the card to `folder`; with `force` it may hold another one.
    #[must_use]
    pub fn out(self, folder: impl Into<PathBuf>, force: bool) -> Self {
        Self {
            out: Some((folder.into(), force)),
            ..self
        }
    }

    /// Whether the folder also gets every slot and decision, from which others can check the card.
    #[must_use]
    pub fn record(self, record: bool) -> Self {
        Self { record, ..self }
    }

    /// Lets another thread watch and stop the benchmark.
    #[must_use]
    pub fn progress(self, progress: Arc<Progress>) -> Self {
        Self { progress, ..self }
    }

    /// Plays all tasks and writes the card, where a folder was named. One that was stopped has only the tasks that were
    /// finished, and is not written.
    ///
    /// # Errors
    /// A task or a policy that is unknown, or named twice; no policy; a policy that fails while it plays; a folder
    /// that holds something else; files that cannot be written.
    pub fn run(&self) -> Result<ScoreCard> {
        let suite = Suite::builtin()?;
        let mut problems = Problems::default();
        let tasks = problems.collect(suite.choose(&self.tasks))?;
        let seeds = suite.seeds(self.tuning, self.quick);
        let names = problems.collect(self.names())?;
        let (tasks, names) = problems
            .into_result(tasks.zip(names))?
            .expect("nothing is wrong");
        let folder = self.folder(&suite, &seeds, &names)?;
        let control = &self.progress.control;
        let slots = |task: &&BenchmarkTask| {
            if self.quick {
                task.quick_slots
            } else {
                task.slots
            }
        };
        let cost = |task: &&BenchmarkTask| slots(task) * seeds.len() as u64;
        let total = tasks.iter().map(cost).sum();
        self.progress.total.store(total, Ordering::Relaxed);
        let mut played = Played::new(names.len());
        for task in &tasks {
            if !self.play(task, (&suite, &seeds), &names, folder.as_ref(), &mut played)? {
                break;
            }
            control.done.store(0, Ordering::Relaxed);
            self.progress
                .before
                .fetch_add(cost(task), Ordering::Relaxed);
        }
        let complete = played.tasks.len() == tasks.len();
        let card = self.card(&suite, &names, played, complete);
        if let (Some((folder, manifest)), true) = (folder, complete) {
            write(folder, manifest, &card)?;
        }
        Ok(card)
    }

    /// Names of the policies; each is known, and there once.
    fn names(&self) -> Result<Vec<String>> {
        let name = |entrant: &Entrant| match entrant {
            Entrant::Named(name) => Ok(self.registry.resolve(name, None)?.name().to_owned()),
            Entrant::Own(factory) => Ok(factory.name().to_owned()),
            Entrant::Made(name, _) => Ok(name.clone()),
        };
        let mut problems = Problems::default();
        let mut names: Vec<String> = Vec::with_capacity(self.entrants.len());
        for entrant in &self.entrants {
            names.extend(problems.collect(name(entrant))?);
        }
        if self.entrants.is_empty() {
            return Err(Error::invalid(
                "policies",
                None,
                "",
                "must name at least one",
            ));
        }
        for (i, name) in names.iter().enumerate() {
            let alike = |other: &String| record::stem(other) == record::stem(name);
            if names[..i].iter().any(alike) {
                problems.push(Problem {
                    file: "policies".to_owned(),
                    line: None,
                    path: String::new(),
                    message: format!("{name} is there twice"),
                });
            }
        }
        problems.into_result(names)
    }

    fn folder(
        &self,
        suite: &Suite,
        seeds: &[u64],
        names: &[String],
    ) -> Result<Option<(Arc<Folder>, Manifest)>> {
        let Some((path, force)) = &self.out else {
            return match self.record {
                true => Err(Error::invalid(
                    "record",
                    None,
                    "",
                    "needs a folder for the results",
                )),
                false => Ok(None),
            };
        };
        let manifest = Manifest::now(&suite.name, SUITE, seeds, 0, names);
        let request = Request {
            kind: Kind::Benchmark,
            force: *force,
            same: &|found| {
                Manifest::deserialize(found).is_ok_and(|found| found.same_run(&manifest))
            },
            writes: &is_result,
        };
        let folder = Arc::new(Folder::open(path, &request)?);
        Ok(Some((folder, manifest)))
    }

    /// Plays one task; false where it was stopped.
    fn play(
        &self,
        task: &BenchmarkTask,
        (suite, seeds): (&Suite, &[u64]),
        names: &[String],
        folder: Option<&(Arc<Folder>, Manifest)>,
        played: &mut Played,
    ) -> Result<bool> {
        let world = Arc::new(World::new(&task.scenario(self.quick)?)?);
        let able = |entrant: &Entrant| self.able(entrant, &world);
        let entrants: Vec<_> = self.entrants.iter().map(able).collect();
        let playing: Vec<usize> = (0..names.len()).filter(|&i| entrants[i].is_ok()).collect();
        let failure = Arc::new(Mutex::new(None));
        let mut experiment = Experiment::in_world(Arc::clone(&world))
            .seeds(seeds.iter().copied())
            .bound(BenchmarkTask::bound(&world.scenario))
            .threads(self.threads)
            .keep_partial(false)
            .control(Arc::clone(&self.progress.control));
        for factory in entrants.iter().flatten() {
            experiment = experiment.factory(Arc::clone(factory));
        }
        if let (Some((folder, _)), true) = (folder, self.record) {
            let recording = Arc::new(Recording {
                folder: Arc::clone(folder),
                suite: suite.name.clone(),
                task: task.clone(),
                world: Arc::clone(&world),
                policies: playing.iter().map(|&i| names[i].clone()).collect(),
                failure: Arc::clone(&failure),
            });
            experiment = experiment.observe(move |seed| recording.seed(seed));
        }
        let results = match playing.is_empty() {
            true => None,
            false => Some(experiment.run()),
        };
        let failures = self.commands.iter().map(|command| command.take_failure());
        let mut failures = failures.chain([failure.lock().expect("nobody panics with it").take()]);
        if let Some(error) = failures.find_map(|failure| failure) {
            return Err(error);
        }
        let results = results.transpose()?;
        if self.progress.control.is_cancelled()
            || results.as_ref().is_some_and(|r| !r.is_complete())
        {
            return Ok(false);
        }
        let reasons = entrants
            .into_iter()
            .map(|entrant| entrant.err().map(reason));
        played.add(task, &world, seeds, reasons.collect(), results.as_ref());
        Ok(true)
    }

    /// The policy, where it can play in `world`.
    fn able(&self, entrant: &Entrant, world: &Arc<World>) -> Result<SharedFactory> {
        let factory = match entrant {
            Entrant::Named(name) => self.registry.resolve(name, Some(&world.scenario))?,
            Entrant::Own(factory) => Arc::clone(factory),
            Entrant::Made(_, make) => make(world)?,
        };
        factory.serves(world)?;
        let cloud = world.scenario.cloud_round_trip_s.is_some();
        if PolicyKind::from_name(factory.name()).is_some_and(|kind| kind.needs_cloud() && !cloud) {
            let message = format!("{} needs a cloud", factory.name());
            return Err(Error::invalid("policy", None, "", message));
        }
        Ok(factory)
    }

    fn card(&self, suite: &Suite, names: &[String], played: Played, complete: bool) -> ScoreCard {
        let entries = names.iter().zip(played.results).map(|(name, results)| {
            let kind = PolicyKind::from_name(name);
            let knows_future = kind.is_some_and(PolicyKind::needs_future);
            Entry::new(name, knows_future, results, suite)
        });
        let timing = played.timing.into_iter();
        let timing = timing.map(|(policy, task, decision_time_s)| Timing {
            policy: names[policy].clone(),
            task,
            decision_time_s,
        });
        ScoreCard {
            suite: suite.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seeds_of: if self.tuning { "tuning" } else { "score" }.to_owned(),
            quick: self.quick,
            complete,
            tasks: played.tasks,
            entries: entries.collect(),
            timing: self.timing.then(|| timing.collect()),
        }
    }
}

/// Why a policy does not play, in a line.
fn reason(error: Error) -> String {
    match error {
        Error::Invalid(problems) => problems
            .0
            .first()
            .map_or_else(String::new, |p| p.message.clone()),
        error => error.to_string(),
    }
}

/// Whether a benchmark writes a file of this name.
fn is_result(name: &str) -> bool {
    let figure = || {
        let (id, extension) = name.strip_prefix("figures/")?.rsplit_once('.')?;
        Some(id == show::FIGURE && wayside_plot::EXTENSIONS.contains(&extension))
    };
    ["score.json", "score.csv"].contains(&name) || figure() == Some(true) || record::is_record(name)
}

fn write(folder: Arc<Folder>, mut manifest: Manifest, card: &ScoreCard) -> Result<()> {
    // a card is not left unwritten in silence; all runs have ended, and with them who recorded them
    let mut folder = Arc::into_inner(folder).ok_or_else(|| {
        let e = std::io::Error::other("a run still writes its record");
        Error::io(Path::new("score.json"), e)
    })?;
    folder.write("score.json", card.json().as_bytes())?;
    folder.write("score.csv", card.csv().as_bytes())?;
    if let Some(figure) = card.figure() {
        let path = |extension: &str| format!("figures/{}.{extension}", show::FIGURE);
        let files = wayside_plot::files(&figure);
        let failed = |e| Error::io(Path::new(show::FIGURE), e);
        for (extension, content) in files.map_err(failed)? {
            folder.write(&path(extension), &content)?;
        }
    }
    manifest.complete = card.complete;
    folder.replace(&manifest.to_value(), &[])
}
