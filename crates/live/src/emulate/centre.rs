//! The centre of an emulation, and the vehicles that tell it where they are.

use super::EmulateConfig;
use super::netns::Netns;
use super::process::Process;
use super::traffic::Task;
use crate::centre::State;
use crate::client::{CentreAt, Client, silence};
use crate::pace::Pace;
use crate::seal::{self, hex};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::sleep;
use wayside_core::{Error, Result};

/// How long before their tasks vehicles tell where they will be \[s\].
pub(super) const LEAD_S: f64 = 0.1;
/// How long the centre waits for the tasks of an instant \[ms\], if not all of them come.
const WINDOW_MS: f64 = 20.0;
/// How long a policy may take \[ms\]: nothing is to stand in for it.
const DECIDE_MS: f64 = 60_000.0;
/// How long the centre may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long tasks hold CPU without an outcome, where the centre is killed \[s\]: that is waited for at the end.
const LEASE_S: f64 = 2.0;
/// Tasks that are left without an outcome at the end, where the centre is killed.
const LEFT: usize = 8;
/// How often a centre is asked whether it is alive.
const PINGS: Duration = Duration::from_secs(5);
/// How often it is asked whether all leases have ended, and how much later than they should they may.
const ASKS: Duration = Duration::from_millis(100);
const LATE: Duration = Duration::from_secs(10);

/// A centre as a process, with its journal where it is to be killed.
pub(super) struct Centre {
    process: Process,
    at: CentreAt,
    program: PathBuf,
    arguments: Vec<String>,
    /// The scenario, the token and the journal.
    home: TempDir,
}

impl Centre {
    /// Starts a centre that decides by `policy`.
    pub(super) fn start(
        config: &EmulateConfig,
        netns: Option<&Netns>,
        (policy, seed): (&str, u64),
        tasks: &[Task],
    ) -> Result<Self> {
        let home = tempfile::tempdir().map_err(|e| Error::io(&std::env::temp_dir(), e))?;
        let mut scenario = config.world.scenario.clone();
        let serve = &mut scenario.serve;
        // a batch is full when the tasks of an instant are there
        let at_once = tasks
            .chunk_by(|a, b| a.at_s.to_bits() == b.at_s.to_bits())
            .map(<[Task]>::len);
        serve.batch_max = at_once.max().unwrap_or(1);
        serve.batch_ms = WINDOW_MS;
        serve.decide_ms = DECIDE_MS;
        serve.bound = false;
        if config.kills > 0 {
            serve.lease_s = LEASE_S;
        }
        let file = home.path().join("centre.toml");
        std::fs::write(&file, scenario.to_toml()).map_err(|e| Error::io(&file, e))?;
        let token = hex(&seal::random::<16>());
        let file_of_token = token_file(&home);
        std::fs::write(&file_of_token, &token).map_err(|e| Error::io(&file_of_token, e))?;
        let mut arguments = vec![
            "serve".to_owned(),
            file.display().to_string(),
            "--of-parent".to_owned(),
            // beyond loopback only in networks of its own
            "--insecure".to_owned(),
        ];
        let mut flag = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
        flag("policy", policy.to_owned());
        flag("tokens", file_of_token.display().to_string());
        flag("seed", seed.to_string());
        flag("dilate", config.dilate.to_string());
        if config.kills > 0 {
            flag("state", home.path().join("state").display().to_string());
        }
        let listen = netns.map_or("127.0.0.1:0".to_owned(), Netns::centre);
        let (process, address) = listening(&config.program, &arguments, &listen)?;
        Ok(Self {
            process,
            at: CentreAt {
                token: Some(token),
                ..CentreAt::plain(&address)
            },
            program: config.program.clone(),
            arguments,
            home,
        })
    }

    /// Where it listens, and what it wants.
    pub(super) fn at(&self) -> &CentreAt {
        &self.at
    }

    /// The file with the token that it wants.
    pub(super) fn token_file(&self) -> PathBuf {
        token_file(&self.home)
    }

    /// Kills it, and starts it again from its journal where it was.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.process.kill();
        let at = self.at.url.authority();
        (self.process, _) = listening(&self.program, &self.arguments, at)?;
        Ok(())
    }
}

fn token_file(home: &TempDir) -> PathBuf {
    home.path().join("token")
}

/// Starts a centre, and waits until it listens; where that is.
fn listening(program: &Path, arguments: &[String], listen: &str) -> Result<(Process, String)> {
    let mut all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    all.extend(["--listen", listen]);
    let mut process = Process::start(program, &all, "the centre".to_owned())?;
    let line = process.line()?;
    match line.strip_prefix("listening on http://") {
        Some(address) => Ok((process, address.trim().to_owned())),
        None => Err(process.ended()),
    }
}

/// Until the centre is silent.
pub(super) async fn watch(at: CentreAt) -> Error {
    failed(silence(at, PINGS).await)
}

/// What is left of a centre that was killed, after all vehicles have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// Tasks without an outcome when it was killed once more.
    pub(super) compared: usize,
    /// Whether it read all of its state from its journal, and nothing else.
    pub(super) agrees: bool,
    /// Tasks that are still there, and RSUs whose CPU is still held, after all leases have ended.
    pub(super) leaked: usize,
}

/// Leaves some tasks without an outcome, kills the centre once more, compares what it had with what it reads, and waits for the leases to
/// end.
pub(super) async fn audit(centre: &mut Centre, tasks: &[Task], dilate: f64) -> Result<Left> {
    let client = Client::new(centre.at.clone(), PATIENCE);
    leave(&client, tasks).await.map_err(failed)?;
    let before = state(&client).await.map_err(failed)?;
    centre.restart()?;
    // the connections of the one before are gone
    let client = Client::new(centre.at.clone(), PATIENCE);
    let after = state(&client).await.map_err(failed)?;
    let last_s = after.tasks.iter().map(|task| task.lease_end_s);
    let ahead_s = (last_s.fold(0.0, f64::max) - after.time_s).max(0.0);
    let until = Instant::now() + Duration::from_secs_f64(ahead_s * dilate) + LATE;
    let leaked = loop {
        let state = state(&client).await.map_err(failed)?;
        let held = state.rsus.iter().filter(|rsu| rsu.held_cpu_hz > 0.0);
        let left = state.tasks.len() + held.count();
        if left == 0 || Instant::now() > until {
            break left;
        }
        sleep(ASKS).await;
    };
    Ok(Left {
        compared: before.tasks.len(),
        agrees: agrees(&before, &after),
        leaked,
    })
}

/// Whether both are the same state but for what has run out meanwhile.
fn agrees(before: &State, after: &State) -> bool {
    let now_s = after.time_s;
    let tasks = |state: &State| {
        let open = state.tasks.iter().filter(|task| task.lease_end_s > now_s);
        open.cloned().collect::<Vec<_>>()
    };
    let vehicles = |state: &State| {
        let present = state.vehicles.iter().filter(|v| v.gone_s > now_s);
        present.cloned().collect::<Vec<_>>()
    };
    let held = |state: &State| -> Vec<f64> { state.rsus.iter().map(|r| r.held_cpu_hz).collect() };
    // queues go on with time
    let is_shared = before.lbm.is_some();
    let is_same_time = tasks(before).len() == before.tasks.len();
    tasks(before) == tasks(after)
        && vehicles(before) == vehicles(after)
        && (!is_shared || !is_same_time || held(before) == held(after))
}

async fn leave(client: &Client, tasks: &[Task]) -> io::Result<()> {
    let left = tasks.iter().take(LEFT);
    for task in left.clone() {
        put(client, task).await?;
    }
    let body: Vec<Value> = left.map(wanted).collect();
    let body = json!({ "tasks": body });
    client.ask("POST", "/v1/tasks", Some(&body)).await.map(drop)
}

fn wanted(task: &Task) -> Value {
    json!({
        "vehicle": name(task.vehicle),
        "cycles": task.offer.cycles,
        "data_bits": task.offer.data_bits,
        "deadline_s": task.offer.deadline_s,
    })
}

async fn state(client: &Client) -> io::Result<State> {
    let answer = client.ask("GET", "/v1/state", None).await?;
    Ok(serde_json::from_slice(&answer)?)
}

fn failed(error: io::Error) -> Error {
    Error::io(Path::new("the centre"), error)
}

/// The name of a vehicle: in the order of their numbers.
pub(super) fn name(vehicle: u64) -> String {
    format!("v{vehicle:09}")
}

/// Tells the centre where the vehicle of a task is.
async fn put(client: &Client, task: &Task) -> io::Result<()> {
    let (path, offer) = (format!("/v1/vehicles/{}", name(task.vehicle)), task.offer);
    let body = json!({
        "x_m": task.place_m[0],
        "y_m": task.place_m[1],
        "cpu_hz": offer.cpu_hz,
        "tx_power_w": offer.tx_power_w,
        "energy_coeff": offer.energy_coeff,
    });
    client.ask("PUT", &path, Some(&body)).await.map(drop)
}

/// Tells the centre where vehicles are, a little before their tasks arise.
pub(super) async fn tell_places(tasks: Vec<Task>, centre: CentreAt, pace: Pace) {
    let client = Arc::new(Client::new(centre, PATIENCE));
    for at_once in tasks.chunk_by(|a, b| a.at_s.to_bits() == b.at_s.to_bits()) {
        pace.until(at_once[0].at_s - LEAD_S).await;
        for task in at_once {
            let (client, task) = (Arc::clone(&client), task.clone());
            // one that is not told will not know the vehicle, and its task is lost with that reason
            tokio::spawn(async move { put(&client, &task).await });
        }
    }
}
