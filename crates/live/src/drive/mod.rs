//! Vehicles that drive and ask a centre: the traffic of a scenario, replayed in time over HTTP.

use crate::centre::{Placed, PlacedTasks};
use crate::client::{CentreAt, Client, silence};
use crate::pace::{Pace, unix_s};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wayside_core::engine::TaskOutcome;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::evaluate::Outcome;
use wayside_core::queueing::{Lost, Reason};
use wayside_core::rng::Streams;
use wayside_core::slot::{Placement, Slot};
use wayside_core::{Error, Result};
use wayside_study::Summary;
use wayside_study::measured::Measured;
use wayside_study::output::{Manifest, RunFolder};

/// Tasks of a request.
const AT_ONCE: usize = 64;

/// Longest time to the first answer of a centre, and to any other.
const GREETING: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(60);
/// How long before their tasks vehicles tell where they will be, by the clock of the wall \[s\], and at most in parts of the time since the tasks before,
/// which are to be decided where they arose.
const LEAD_S: f64 = 0.2;
const LEAD: f64 = 0.5;
/// How often a centre is asked whether it lives; what it is asked while it is gone counts as failed.
const PINGS: Duration = Duration::from_secs(2);

/// What to drive.
pub struct DriveConfig {
    /// The scenario, laid out: its vehicles and tasks.
    pub world: Arc<World>,
    /// The seed of its traffic.
    pub seed: u64,
    /// How many slots.
    pub slots: usize,
    /// Seconds of the scenario that pass in a second.
    pub speed: f64,
    /// The centre.
    pub to: CentreAt,
    /// Folder for the results.
    pub out: Option<PathBuf>,
    /// Whether other results there may be replaced.
    pub force: bool,
}

/// What came of it.
pub struct Driven {
    /// The records, summarised.
    pub summary: Summary,
    /// Requests that failed or were refused, and the first of them.
    pub failed: (usize, Option<String>),
    /// How late the traffic was, at worst \[s\] of the wall.
    pub late_s: f64,
}

/// A task that was sent.
struct Sent {
    slot: u32,
    task: u32,
    at_s: f64,
    cycles: f64,
    data_bits: f64,
    deadline_s: f64,
}

/// What became of a task, as the vehicle measured it.
struct Ended {
    sent: Sent,
    policy: Option<String>,
    placement: Placement,
    cpu_hz: f64,
    outcome: Option<Outcome>,
    path: Vec<u32>,
}

/// Replays the traffic of a seed, and records the delays that vehicles measure: the time until the centre's answer, and then as long as it
/// predicted, waited out.
///
/// # Errors
/// A centre that is not there; traffic that ends early; results that cannot be written.
pub fn drive(config: &DriveConfig, note: &dyn Fn(&str)) -> Result<Driven> {
    let world = &config.world;
    let folder = config.out.as_deref().map(|out| {
        let text = world.scenario.to_toml();
        let policy = ["measured".to_owned()];
        let seeds = [config.seed];
        let manifest = Manifest::now(&world.scenario.name, &text, &seeds, config.slots, &policy);
        RunFolder::create(out, manifest, config.force)
    });
    let folder = folder.transpose()?;
    let shown = config.to.url.to_string();
    let failed = |e| Error::io(Path::new(&shown), e);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let (ended, vehicles, failures, late_s) = runtime.map_err(failed)?.block_on(async {
        let client = Arc::new(Client::new(config.to.clone(), ANSWER));
        let greeting = timeout(GREETING, client.ask("GET", "/readyz", None)).await;
        let late = || io::Error::other(format!("no answer within {} s", GREETING.as_secs()));
        greeting.unwrap_or_else(|_| Err(late())).map_err(failed)?;
        tokio::select! {
            replayed = replay(config, &client, note) => replayed,
            silent = silence(config.to.clone(), PINGS) => Err(failed(silent)),
        }
    })?;
    let tasks: Vec<TaskOutcome> = ended.iter().map(Ended::as_outcome).collect();
    let policy = ended.iter().find_map(|ended| ended.policy.as_deref());
    let measured = Measured {
        world,
        policy: policy.unwrap_or("none"),
        seed: config.seed,
        vehicles: &vehicles,
        tasks: &tasks,
    };
    let summary = match folder {
        Some(folder) => measured.write(folder)?,
        None => Summary::new(&world.scenario.name, &[measured.replication()], false),
    };
    Ok(Driven {
        summary,
        failed: (failures.len(), failures.into_iter().next()),
        late_s,
    })
}

type Replayed = (Vec<Ended>, Vec<u32>, Vec<String>, f64);

/// All slots, each at its time.
async fn replay(
    config: &DriveConfig,
    client: &Arc<Client>,
    note: &dyn Fn(&str),
) -> Result<Replayed> {
    let world = &config.world;
    let mut traffic = Traffic::new(world.as_ref(), Streams::new(config.seed))?;
    let mut slot = world.empty_slot();
    let (mut ids, mut named) = (Vec::<u64>::new(), 0);
    let (mut vehicles, mut running) = (Vec::new(), Vec::new());
    let (mut failures, mut late_s) = (Vec::new(), 0.0_f64);
    let pace = Pace::new(unix_s() + LEAD_S, 1.0 / config.speed);
    let mut last_s = f64::NEG_INFINITY;
    for t in 0..config.slots {
        let mut place = 0;
        let mut present = 0;
        for now_s in world.epochs(t) {
            traffic.advance_to(now_s, &mut slot)?;
            ids = ids_of(&ids, traffic.previous_row(), &mut named);
            let ahead_s = (LEAD_S * config.speed).min(LEAD * (now_s - last_s));
            last_s = now_s;
            pace.until(now_s - ahead_s).await;
            failures.extend(tell_places(client, &slot, &ids).await);
            pace.until(now_s).await;
            late_s = late_s.max((pace.now_s() - now_s) / config.speed);
            let first = place;
            for begin in (0..slot.tasks.len()).step_by(AT_ONCE) {
                let end = (begin + AT_ONCE).min(slot.tasks.len());
                let (body, sent) = request(&slot, &ids, begin..end, (t, first));
                let asks = ask(Arc::clone(client), Arc::clone(world), pace, body, sent);
                running.push(tokio::spawn(asks));
            }
            place += slot.tasks.len() as u32;
            present = slot.vehicles.len() as u32;
        }
        vehicles.push(present);
        note(&format!(
            "slot {} of {}: {present} vehicles, {place} tasks",
            t + 1,
            config.slots
        ));
    }
    let mut ended = Vec::new();
    for requests in running {
        match requests.await {
            Ok((tasks, failed)) => {
                ended.extend(tasks);
                failures.extend(failed);
            }
            Err(e) => failures.push(e.to_string()),
        }
    }
    Ok((ended, vehicles, failures, late_s))
}

/// The numbers of vehicles: of those that were there before, in `before`, theirs.
fn ids_of(before: &[u64], previous_row: &[Option<u32>], named: &mut u64) -> Vec<u64> {
    let id = |row: &Option<u32>| {
        row.map_or_else(
            || {
                *named += 1;
                *named
            },
            |row| before[row as usize],
        )
    };
    previous_row.iter().map(id).collect()
}

/// Tells the centre where all vehicles are; what failed.
async fn tell_places(client: &Arc<Client>, slot: &Slot, ids: &[u64]) -> Vec<String> {
    let columns = &slot.vehicles;
    let told: Vec<JoinHandle<_>> = ids
        .iter()
        .enumerate()
        .map(|(v, id)| {
            let body = json!({
                "x_m": columns.x_m[v],
                "y_m": columns.y_m[v],
                "cpu_hz": columns.cpu_hz[v],
                "tx_power_w": columns.tx_power_w[v],
                "energy_coeff": columns.energy_coeff[v],
            });
            let (client, path) = (Arc::clone(client), format!("/v1/vehicles/v{id}"));
            tokio::spawn(async move { client.ask("PUT", &path, Some(&body)).await })
        })
        .collect();
    let mut failures = Vec::new();
    for told in told {
        if let Ok(Err(e)) = told.await {
            failures.push(e.to_string());
        }
    }
    failures
}

/// Some tasks of a slot as a request.
fn request(
    slot: &Slot,
    ids: &[u64],
    tasks: std::ops::Range<usize>,
    (t, first): (usize, u32),
) -> (Value, Vec<Sent>) {
    let columns = &slot.tasks;
    let task = |n: usize| {
        json!({
            "vehicle": format!("v{}", ids[columns.vehicle[n] as usize]),
            "cycles": columns.cycles[n],
            "data_bits": columns.data_bits[n],
            "deadline_s": columns.deadline_s[n],
        })
    };
    let sent = |n: usize| Sent {
        slot: t as u32,
        task: first + n as u32,
        at_s: slot.now_s,
        cycles: columns.cycles[n],
        data_bits: columns.data_bits[n],
        deadline_s: columns.deadline_s[n],
    };
    let body = json!({ "tasks": tasks.clone().map(task).collect::<Vec<_>>() });
    (body, tasks.map(sent).collect())
}

/// Asks for placements, waits for as long as the tasks take, and reports their outcomes.
async fn ask(
    client: Arc<Client>,
    world: Arc<World>,
    pace: Pace,
    body: Value,
    sent: Vec<Sent>,
) -> (Vec<Ended>, Vec<String>) {
    let placed = client.ask("POST", "/v1/tasks", Some(&body)).await;
    let answered_s = pace.now_s();
    let placed = placed.and_then(|answer| Ok(serde_json::from_slice::<PlacedTasks>(&answer)?));
    let placed = match placed {
        Ok(placed) if placed.tasks.len() == sent.len() => placed.tasks,
        Ok(_) => return lost(sent, "an answer for other tasks".to_owned()),
        Err(e) => return lost(sent, e.to_string()),
    };
    let running: Vec<_> = sent
        .into_iter()
        .zip(placed)
        .map(|(sent, placed)| {
            let (client, world) = (Arc::clone(&client), Arc::clone(&world));
            tokio::spawn(live(client, world, pace, answered_s, sent, placed))
        })
        .collect();
    let (mut ended, mut failures) = (Vec::new(), Vec::new());
    for task in running {
        match task.await {
            Ok((task, failure)) => {
                ended.push(task);
                failures.extend(failure);
            }
            Err(e) => failures.push(e.to_string()),
        }
    }
    (ended, failures)
}

fn lost(sent: Vec<Sent>, why: String) -> (Vec<Ended>, Vec<String>) {
    let ended = sent.into_iter().map(|sent| Ended {
        sent,
        policy: None,
        placement: Placement::Local,
        cpu_hz: 0.0,
        outcome: None,
        path: Vec::new(),
    });
    (ended.collect(), vec![why])
}

/// A task from its placement to its outcome.
async fn live(
    client: Arc<Client>,
    world: Arc<World>,
    pace: Pace,
    answered_s: f64,
    sent: Sent,
    placed: Placed,
) -> (Ended, Option<String>) {
    let parts = placed.placement.delay_parts_s;
    pace.until(answered_s + placed.placement.delay_s).await;
    let delay_s = pace.now_s() - sent.at_s;
    let outcome = Outcome {
        upload_s: parts.upload,
        migration_s: parts.migration,
        propagation_s: parts.propagation,
        compute_s: parts.compute,
        // with all that was waited for beside what was predicted: the answer, timers
        wait_s: (parts.wait + delay_s - placed.placement.delay_s).max(0.0),
        // as predicted, and not by part
        compute_j: placed.placement.energy_j,
        hops: placed.placement.path.len().saturating_sub(1) as u32,
        ..Outcome::default()
    };
    let body = json!({ "delay_parts_s": {
        "upload": outcome.upload_s,
        "migration": outcome.migration_s,
        "propagation": outcome.propagation_s,
        "wait": outcome.wait_s,
        "compute": outcome.compute_s,
    }});
    let path = format!("/v1/tasks/{}/outcome", placed.id);
    let told = client.ask("POST", &path, Some(&body)).await;
    // a centre of other RSUs places tasks where nobody is
    let (placement, path) = placed.rows(&world).unwrap_or_default();
    let ended = Ended {
        sent,
        policy: Some(placed.policy),
        placement,
        cpu_hz: placed.placement.cpu_hz,
        outcome: Some(outcome),
        path,
    };
    (ended, told.err().map(|e| e.to_string()))
}

impl Ended {
    fn as_outcome(&self) -> TaskOutcome<'_> {
        TaskOutcome {
            slot: self.sent.slot,
            task: self.sent.task,
            cycles: self.sent.cycles,
            data_bits: self.sent.data_bits,
            deadline_s: self.sent.deadline_s,
            placement: self.placement,
            cpu_hz: self.cpu_hz,
            outcome: self.outcome.ok_or(Lost {
                at_s: self.sent.at_s,
                reason: Reason::Unreachable,
            }),
            returned: None,
            path: &self.path,
        }
    }
}
