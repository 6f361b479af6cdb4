//! An RSU agent as a process: `agent::Agent` of core on sockets and the clock.
//!
//! One task owns the agent ([`desk`]). Connections ([`door`]), links to neighbours ([`link`]) and cores ([`work`]) are tasks of their
//! own, which tell it what happened and do what it asks for. All run on one thread.

mod centre;
mod desk;
mod door;
mod event;
mod failures;
mod keys;
mod link;
mod program;
mod work;

use crate::client::Client;
use crate::net::Net;
use crate::pace::{Pace, unix_s};
use crate::signals;
use crate::stop::Stop;
use crate::wire;
use desk::Desk;
pub use failures::WorkFailures;
pub(crate) use link::pieces;

use serde::Serialize;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Builder;
use wayside_core::agent::{Agent, Counts, Settings, State};
use wayside_core::engine::{PolicyFactory as _, SharedFactory};
use wayside_core::information::Packet;
use wayside_core::rng::Streams;
use wayside_core::{Error, Result};

/// What a parent asks, and what an agent answers, to see that it is alive.
pub(crate) const PING: &str = "ping";
pub(crate) const PONG: &str = "pong";
/// How long the centre may take to answer.
const ASKS: Duration = Duration::from_secs(10);

/// An agent to be run.
#[derive(Clone)]
pub struct RsuConfig {
    /// The agents and their scenario.
    pub net: Net,
    /// The row of this one.
    pub row: u32,
    /// How it decides; none where it asks the centre of `net`.
    pub policy: Option<SharedFactory>,
    /// The seed of its random streams.
    pub seed: u64,
    /// Whether SIGINT and SIGTERM ask for the end. Else they do what they did.
    pub signals: bool,
}

/// When an agent begins, and with what.
#[derive(Clone, Debug, PartialEq)]
pub struct Begin {
    /// When time of the scenario is 0 \[s\], by the system's clock.
    pub zero_unix_s: f64,
    /// When its own cores are free of other work \[s\]. They idle where there are none.
    pub core_free_s: Vec<f64>,
}

impl Begin {
    /// Time of the scenario is 0 now, and the cores idle.
    #[must_use]
    pub fn now() -> Self {
        Self {
            zero_unix_s: unix_s(),
            core_free_s: Vec::new(),
        }
    }
}

/// What an agent did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct RsuReport {
    /// As its state machine counts.
    pub counts: Counts,
    /// Tasks of its own vehicles without an outcome, at the end.
    pub open: usize,
    /// Datagrams of related information sent, one a neighbour.
    pub datagrams: u64,
    /// Datagrams that could not be sent.
    pub unsent: u64,
    /// Datagrams dropped: of an impossible size, without the key, not understood or impossible, replayed or known.
    pub garbage: [u64; 4],
    /// Connections that broke or were refused.
    pub broken: u64,
    /// Tasks that `work = "command"` has not done.
    pub work_failed: WorkFailures,
}

/// Runs an agent until `stop` asks for the end; answers what it did. `ready` is told once it listens, and says when to begin.
///
/// # Errors
/// Addresses that cannot be listened at; a policy that cannot serve the scenario.
pub fn run_rsu(
    config: RsuConfig,
    stop: &Stop,
    ready: impl FnOnce() -> Option<Begin>,
) -> Result<RsuReport> {
    let addresses = config.net.agents[config.row as usize];
    let at = |address: std::net::SocketAddr| move |e| Error::io(Path::new(&address.to_string()), e);
    let streams = Streams::new(config.seed);
    let policy = config.policy.as_ref();
    let policy = policy.map(|policy| policy.for_run(&config.net.world, streams));
    let policy = policy.transpose()?;
    check_size(&config)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(at(addresses.tasks))?;
    runtime.block_on(async {
        if config.signals {
            signals::end(stop.clone());
        }
        let socket = UdpSocket::bind(addresses.ri)
            .await
            .map_err(at(addresses.ri))?;
        let listener = TcpListener::bind(addresses.tasks)
            .await
            .map_err(at(addresses.tasks))?;
        greet_centre(&config).await?;
        let Some(begin) = ready() else {
            return Ok(RsuReport::default());
        };
        let pace = Pace::new(begin.zero_unix_s, config.net.dilate);
        let settings = Settings {
            // the centre waits for others itself
            batch_s: match config.policy {
                Some(_) => 1e-3 * config.net.batch_ms,
                None => 0.0,
            },
            answer_s: config.net.answer_s,
            tasks_max: config.net.tasks_max,
        };
        let cores = own_cores(&config).len();
        let core_free_s = match begin.core_free_s.len() == cores {
            true => begin.core_free_s,
            false => vec![0.0; cores],
        };
        // greater than all numbers that it used before a restart
        let first = (1e6 * unix_s()) as u64;
        let world = Arc::clone(&config.net.world);
        let start = (pace.now_s(), first);
        let agent = Agent::new(world, config.row, policy, settings, start, &core_free_s);
        let desk = Desk::open(agent, &config, pace, socket);
        Ok(desk.work(listener, stop).await)
    })
}

impl RsuConfig {
    /// A client of the centre, where that decides.
    fn asks(&self) -> Option<Client> {
        let centre = self.net.centre.as_ref().filter(|_| self.policy.is_none());
        centre.map(|centre| Client::new(centre.clone(), ASKS))
    }
}

/// Refuses a centre that does not prove to be the one that is trusted. One that is not there may come.
async fn greet_centre(config: &RsuConfig) -> Result<()> {
    let at = config.net.centre.as_ref().filter(|at| at.trust.is_some());
    let Some((at, client)) = at.zip(config.asks()) else {
        return Ok(());
    };
    match client.ask("GET", "/healthz", None).await {
        Err(e) if e.kind() == io::ErrorKind::InvalidData => {
            Err(Error::io(Path::new(&at.url.to_string()), e))
        }
        _ => Ok(()),
    }
}

/// Rows of the own cores.
fn own_cores(config: &RsuConfig) -> std::ops::Range<usize> {
    let queues = config.net.world.queues.as_ref();
    queues.map_or(0..0, |queues| queues.cores(config.row))
}

/// Refuses a server whose report does not fit a datagram.
fn check_size(config: &RsuConfig) -> Result<()> {
    let state = State {
        waiting: u32::MAX,
        core_free_s: vec![1.0; own_cores(config).len()],
        link_free_s: vec![1.0; config.net.world.network.leaving(config.row).len()],
    };
    let packet = Packet {
        source: u32::MAX,
        sequence: u64::MAX,
        hops: u32::MAX,
        ttl: u32::MAX,
        state,
    };
    match wire::datagram(&config.net.key, &packet) {
        Some(_) => Ok(()),
        None => {
            let most = wire::DATAGRAM_BYTES;
            let message = format!("its cores and links must fit a report of {most} bytes");
            let id = &config.net.world.rsus.id[config.row as usize];
            Err(Error::invalid(
                "scenario",
                None,
                format!("rsu {id:?}"),
                message,
            ))
        }
    }
}

/// Lets a parent that starts agents say when to begin, and lets them end with it: `ready` goes out, `begin JSON` comes in, and the
/// end of the input, however the parent ended, ends the agent. A `ping` is answered.
///
/// # Errors
/// As [`run_rsu`].
pub fn run_rsu_of_parent(config: RsuConfig) -> Result<RsuReport> {
    let stop = Stop::default();
    let (begins, begun) = std::sync::mpsc::channel();
    let asked = stop.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { break };
            if line == PING {
                say_line(PONG);
                continue;
            }
            let Some(text) = line.strip_prefix("begin ") else {
                break;
            };
            if let Ok((zero_unix_s, core_free_s)) = serde_json::from_str(text) {
                let begin = Begin {
                    zero_unix_s,
                    core_free_s,
                };
                _ = begins.send(begin);
            }
        }
        drop(begins);
        asked.ask();
    });
    run_rsu(config, &stop, || {
        say_line("ready");
        begun.recv().ok()
    })
}

/// Says a line to the parent, which may be gone.
fn say_line(line: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
