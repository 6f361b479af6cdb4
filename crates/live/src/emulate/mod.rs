//! A whole scenario as processes on this machine, compared with its simulation: agents, vehicles, and the same seeds simulated.

mod centre;
mod compare;
mod fleet;
mod kills;
mod netns;
mod process;
mod simulate;
mod traffic;

pub use compare::{Compared, Comparison, Outliving, Parts, Side};
pub use kills::{CentreKills, Kills, agents_killed};
pub use netns::isolate;

use crate::net::{self, DecidedBy};
use crate::pace::{Pace, unix_s};
use crate::stop::Stop;
use crate::vehicle;
use fleet::{Fleet, Started};
use kills::Victim;
use netns::Netns;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use wayside_core::engine::SharedFactory;
use wayside_core::engine::world::World;
use wayside_core::rng::Streams;
use wayside_core::{Error, Result};
use wayside_output::{Folder, Kind, Request};
use wayside_study::output::Manifest;

/// How long before time 0 agents begin, in rounds of related information: all have heard of each other then.
const ROUNDS_BEFORE: f64 = 2.5;
/// How long agents may take to begin \[s\].
const BEGINS_S: f64 = 0.2;

/// How long the outcome of a task may take \[s\], by the configuration of the agents, and how much longer its vehicle waits: it may be planned
/// twice, and uploaded each time.
const ANSWER_S: f64 = 10.0;
const VEHICLE_WAITS: f64 = 2.5;
/// The same where processes of a centre are killed: what they had is waited for in vain.
const ANSWER_KILLED_S: f64 = 3.0;

/// What to emulate.
pub struct EmulateConfig {
    /// The scenario, laid out.
    pub world: Arc<World>,
    /// The policies, with the names that an agent knows them by.
    pub policies: Vec<(String, SharedFactory)>,
    /// Who decides by them.
    pub by: DecidedBy,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Slots of every seed.
    pub slots: usize,
    /// Seconds that a second of the scenario takes.
    pub dilate: f64,
    /// How many processes of every run are killed at random moments: agents, and every second time the centre, where one decides.
    pub kills: usize,
    /// Whether every agent has a network namespace of its own, and the kernel shapes links: this process must be [isolated](isolate).
    pub netns: bool,
    /// Whether agents compute instead of waiting.
    pub burn: bool,
    /// The program that runs an agent, `wayside`.
    pub program: PathBuf,
    /// Who asks for the end before all is done.
    pub stop: Stop,
    /// Folder for the results.
    pub out: Option<PathBuf>,
    /// Whether other results there may be replaced.
    pub force: bool,
}

/// Emulates and simulates every policy under every seed; `note` is told how far it is.
///
/// # Errors
/// A scenario that agents cannot live; agents that cannot be started or end early; results that cannot be written.
pub fn emulate(config: &EmulateConfig, note: &dyn Fn(&str)) -> Result<Comparison> {
    net::check(&config.world, config.by)?;
    let folder = config
        .out
        .as_deref()
        .map(|out| open(config, out))
        .transpose()?;
    let netns = lay_out(config)?;
    let carrying = simulate::carrying(&config.world)?;
    let mut rows = Vec::new();
    let mut packets = Vec::new();
    let mut kills = Kills::default();
    let lateness = Lateness::default();
    for &seed in &config.seeds {
        for (policy, (name, factory)) in config.policies.iter().enumerate() {
            if config.stop.is_asked() {
                return Err(interrupted());
            }
            // every policy has vehicles of its own: their CPUs remember what they did
            let tasks = traffic::tasks(&config.world, seed, config.slots)?;
            note(&format!("seed {seed}, {name}: {} tasks", tasks.len()));
            let simulated = simulate::ends(&config.world, factory, seed, config.slots)?;
            let carried = carrying.as_ref().map_or_else(
                || Ok(Default::default()),
                |world| simulate::ends(world, factory, seed, config.slots),
            )?;
            let Run {
                measured,
                reports,
                centre,
            } = run(config, netns.as_ref(), (name, seed), &tasks, &lateness)?;
            kills.add(&reports, centre);
            // those of agents that were killed are not known
            if let Some(reports) = reports.into_iter().collect::<Option<Vec<_>>>() {
                packets.push(compare::packets_a_round(&config.world, &reports));
            }
            for (task, measured) in tasks.iter().zip(&measured) {
                let at = (task.slot, task.place);
                let both = (simulated.get(&at), carried.get(&at));
                rows.push(compare::row(policy, seed, task, both, measured));
            }
        }
    }
    let names = config.policies.iter().map(|(name, _)| name.clone());
    let comparison = Comparison::new(
        &config.world,
        (config.dilate, config.netns),
        names,
        rows,
        &packets,
        lateness.mean_ms(),
        (config.kills > 0).then_some(kills),
    );
    if let Some((mut folder, manifest)) = folder {
        comparison.write(&folder)?;
        folder.replace(&manifest.to_value(), &[])?;
    }
    Ok(comparison)
}

/// The namespaces of the agents, where they are to have some.
fn lay_out(config: &EmulateConfig) -> Result<Option<Netns>> {
    let netns = || Netns::lay_out(&config.world.network, config.dilate);
    config.netns.then(netns).transpose()
}

/// How long the outcome of a task may take \[s\].
fn answer_s(config: &EmulateConfig) -> f64 {
    match (config.by, config.kills) {
        (DecidedBy::Centre, 1..) => ANSWER_KILLED_S,
        _ => ANSWER_S,
    }
}

/// One policy under one seed.
struct Run {
    /// What vehicles measured, in the order of tasks.
    measured: Vec<vehicle::Measured>,
    /// What agents report that were not killed.
    reports: Vec<Option<crate::RsuReport>>,
    /// How often the centre was killed, and what was left, where it was to be.
    centre: Option<(usize, centre::Left)>,
}

fn run(
    config: &EmulateConfig,
    netns: Option<&Netns>,
    (policy, seed): (&str, u64),
    tasks: &[traffic::Task],
    lateness: &Lateness,
) -> Result<Run> {
    let (mut fleet, started) = Fleet::start(config, netns, (policy, seed), tasks)?;
    let told = config.world.scenario.information;
    let rate_hz = told.map_or(1.0, |told| told.rate_hz);
    let zero_unix_s = unix_s() + BEGINS_S + config.dilate * before_s(config);
    let core_free_s = config.world.core_free_s(Streams::new(seed));
    fleet.begin(&config.world, zero_unix_s, &core_free_s)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(failed)?;
    let watch = runtime.spawn(lateness.clone().watch());
    let pace = Pace::new(zero_unix_s, config.dilate);
    let kills = kill(&runtime, &mut fleet, kills::plan(config, seed, tasks), pace);
    let answer_s = answer_s(config);
    let measured = watched(config, &runtime, &mut fleet, async {
        let measured = drive(tasks, &started, config, answer_s, pace).await;
        let mut centre = 0;
        for kill in kills {
            centre += kill.await.map_err(|e| failed(io::Error::other(e)))??;
        }
        Ok((measured, centre))
    });
    let (measured, centre_kills) = measured?;
    watch.abort();
    let centre = match fleet.centre().filter(|_| config.kills > 0) {
        None => None,
        Some(centre) => {
            let mut centre = centre.lock().unwrap_or_else(PoisonError::into_inner);
            let left = centre::audit(&mut centre, tasks, config.dilate);
            Some((centre_kills, runtime.block_on(left)?))
        }
    };
    if told.is_some() {
        // in the middle between two rounds, so that all packets of a round are counted, or none
        let middle_s = ((pace.now_s() * rate_hz).floor() + 1.5) / rate_hz;
        runtime.block_on(pace.until(middle_s));
    }
    Ok(Run {
        measured,
        reports: fleet.end()?,
        centre,
    })
}

/// How long before time 0 agents begin \[s\].
fn before_s(config: &EmulateConfig) -> f64 {
    let told = config.world.scenario.information;
    let before_s = told.map_or(0.0, |told| ROUNDS_BEFORE / told.rate_hz);
    before_s.max(match config.by {
        DecidedBy::Agents => 0.0,
        DecidedBy::Centre => centre::LEAD_S,
    })
}

/// Kills processes at their times; each says how often it was the centre.
fn kill(
    runtime: &Runtime,
    fleet: &mut Fleet,
    plan: Vec<(f64, Victim)>,
    pace: Pace,
) -> Vec<JoinHandle<Result<usize>>> {
    let kill = |(at_s, victim)| {
        let kill: Box<dyn FnOnce() -> Result<usize> + Send> = match victim {
            Victim::Agent(row) => {
                let kill = fleet.killer(row);
                Box::new(move || {
                    kill();
                    Ok(0)
                })
            }
            Victim::Centre => {
                let centre = fleet.centre();
                Box::new(move || {
                    let Some(centre) = centre else { return Ok(0) };
                    let mut centre = centre.lock().unwrap_or_else(PoisonError::into_inner);
                    centre.restart().map(|()| 1)
                })
            }
        };
        runtime.spawn(async move {
            pace.until(at_s).await;
            let killed = tokio::task::spawn_blocking(kill).await;
            killed.map_err(|e| failed(io::Error::other(e)))?
        })
    };
    plan.into_iter().map(kill).collect()
}

/// Does `work` while all processes are alive.
///
/// # Errors
/// A process that is silent or has ended; an interrupt.
fn watched<T>(
    config: &EmulateConfig,
    runtime: &Runtime,
    fleet: &mut Fleet,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let (is_over, (tell, mut silent)) = (AtomicBool::new(false), mpsc::channel(1));
    let centre = fleet.centre().map(|centre| {
        let centre = centre.lock().unwrap_or_else(PoisonError::into_inner);
        centre.at().clone()
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if let Err(error) = fleet.watch(&|| is_over.load(Ordering::Relaxed)) {
                _ = tell.blocking_send(error);
            }
        });
        let done = runtime.block_on(async {
            let of_centre = async {
                match centre {
                    Some(at) => centre::watch(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                done = work => done,
                () = config.stop.asked() => Err(interrupted()),
                Some(error) = silent.recv() => Err(error),
                error = of_centre => Err(error),
            }
        });
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

fn failed(error: io::Error) -> Error {
    Error::io(Path::new("emulate"), error)
}

fn interrupted() -> Error {
    failed(io::ErrorKind::Interrupted.into())
}

/// How late timers are while vehicles wait: the machine's part in what is measured.
#[derive(Clone, Default)]
struct Lateness(Arc<(AtomicU64, AtomicU64)>);

impl Lateness {
    /// Watches, for ever.
    async fn watch(self) {
        let step = Duration::from_millis(10);
        let (sum_us, count) = &*self.0;
        loop {
            let begun = Instant::now();
            sleep(step).await;
            let late = begun.elapsed().saturating_sub(step);
            sum_us.fetch_add(late.as_micros() as u64, Ordering::Relaxed);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn mean_ms(&self) -> f64 {
        let (sum_us, count) = &*self.0;
        let count = count.load(Ordering::Relaxed).max(1);
        1e-3 * sum_us.load(Ordering::Relaxed) as f64 / count as f64
    }
}

/// All vehicles, each task by itself.
async fn drive(
    tasks: &[traffic::Task],
    started: &Started,
    config: &EmulateConfig,
    answer_s: f64,
    pace: Pace,
) -> Vec<vehicle::Measured> {
    let scenario = config.world.scenario.to_toml();
    let key = started.key.of_purpose(scenario.as_bytes());
    let agents: Arc<Vec<_>> = Arc::new(started.addresses.iter().map(|at| at.tasks).collect());
    let mut running = Vec::new();
    if let Some(centre) = started.centre.clone() {
        tokio::spawn(centre::tell_places(tasks.to_vec(), centre, pace));
    }
    for task in tasks {
        let agent = task.entry.map(|row| agents[row as usize]);
        let by_centre = started.centre.is_some().then(|| vehicle::ByCentre {
            vehicle: centre::name(task.vehicle),
            agents: Arc::clone(&agents),
        });
        let task = vehicle::Task {
            at_s: task.at_s,
            offer: task.offer,
            agent,
            cpu: task.cpu.clone(),
            by_centre,
            patience_s: VEHICLE_WAITS * answer_s,
        };
        // all connections at once would be too many for a run of hours
        while task.at_s - pace.now_s() > 1.0 {
            sleep(Duration::from_millis(20)).await;
        }
        running.push(tokio::spawn(vehicle::run(task, key.clone(), pace)));
    }
    let mut measured = Vec::with_capacity(running.len());
    for vehicle in running {
        measured.push(vehicle.await.unwrap_or_else(|_| vehicle::Measured {
            delay_s: 0.0,
            upload_s: 0.0,
            spent: Default::default(),
            place: None,
            lost: Some("connection"),
        }));
    }
    measured
}

/// The folder of results, and the manifest that it will have.
fn open(config: &EmulateConfig, out: &Path) -> Result<(Folder, Manifest)> {
    let scenario = &config.world.scenario;
    let names: Vec<String> = config
        .policies
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let mut manifest = Manifest::now(
        &scenario.name,
        &scenario.to_toml(),
        &config.seeds,
        config.slots,
        &names,
    );
    manifest.complete = true;
    let request = Request {
        kind: Kind::Run,
        force: config.force,
        same: &|_| false,
        writes: &|name| compare::FILES.contains(&name),
    };
    Ok((Folder::open(out, &request)?, manifest))
}
