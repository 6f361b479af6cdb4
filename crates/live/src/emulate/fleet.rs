//! Agents as child processes. They end with this process, however it ends: their standard input does.

use super::centre::Centre;
use super::netns::Netns;
use super::process::Process;
use super::traffic::Task;
use super::{EmulateConfig, answer_s};
use crate::Addresses;
use crate::client::CentreAt;
use crate::net::DecidedBy;
use crate::rsu::RsuReport;
use crate::seal::{self, Key, hex};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use wayside_core::engine::world::World;
use wayside_core::{Error, Result};

/// How long tasks wait for others to be decided with them \[ms\]: all that arise at an instant are, and their upload takes longer.
const BATCH_MS: f64 = 5.0;

/// The agents of a run, and the centre that they ask. Dropped, they are killed.
pub(super) struct Fleet {
    agents: Vec<Process>,
    /// Rows of those that are to be killed.
    killed: BTreeSet<usize>,
    centre: Option<Arc<Mutex<Centre>>>,
}

/// How often agents are asked whether they are alive.
const PINGS: Duration = Duration::from_secs(5);
/// How soon that stops.
const STEP: Duration = Duration::from_millis(20);

/// Where to find them.
pub(super) struct Started {
    pub(super) addresses: Vec<Addresses>,
    pub(super) key: Key,
    /// The centre, where there is one.
    pub(super) centre: Option<CentreAt>,
}

impl Fleet {
    /// Starts an agent for every RSU, and the centre where it decides, and waits until all listen.
    pub(super) fn start(
        config: &EmulateConfig,
        netns: Option<&Netns>,
        (policy, seed): (&str, u64),
        tasks: &[Task],
    ) -> Result<(Self, Started)> {
        let ids = &config.world.rsus.id;
        let addresses = match netns {
            Some(netns) => netns.addresses(),
            None => free_addresses(ids.len()).map_err(|e| Error::io(Path::new("127.0.0.1"), e))?,
        };
        // it has the key: for this user only, and only until all agents have read it
        let home = private_folder().map_err(|e| Error::io(&std::env::temp_dir(), e))?;
        let secret = hex(&seal::random::<32>());
        let file = home.path().join("net.toml");
        let centre = match config.by {
            DecidedBy::Agents => None,
            DecidedBy::Centre => Some(Centre::start(config, netns, (policy, seed), tasks)?),
        };
        let put = |name: &str, text: &str| {
            let path = home.path().join(name);
            std::fs::write(&path, text).map_err(|e| Error::io(&path, e))
        };
        put("scenario.toml", &config.world.scenario.to_toml())?;
        put("key", &secret)?;
        put("net.toml", &net_toml(config, &addresses, centre.as_ref()))?;
        let agents = agents(config, (policy, seed), &file)?;
        let started = Started {
            addresses,
            key: Key::of(secret.as_bytes()),
            centre: centre.as_ref().map(|centre| centre.at().clone()),
        };
        let killed = BTreeSet::new();
        let fleet = Self {
            agents,
            killed,
            centre: centre.map(|centre| Arc::new(Mutex::new(centre))),
        };
        Ok((fleet, started))
    }

    /// Lets all begin: time is 0 at `zero_unix_s`, and cores are busy until `core_free_s`.
    pub(super) fn begin(
        &mut self,
        world: &World,
        zero_unix_s: f64,
        core_free_s: &[f64],
    ) -> Result<()> {
        let queues = world.queues.as_ref();
        for (agent, row) in self.agents.iter_mut().zip(0..) {
            let cores = queues.map_or(0..0, |queues| queues.cores(row));
            let begin = serde_json::json!([zero_unix_s, core_free_s[cores]]);
            agent.tell(&format!("begin {begin}"))?;
        }
        Ok(())
    }

    /// The centre, where one decides.
    pub(super) fn centre(&self) -> Option<Arc<Mutex<Centre>>> {
        self.centre.clone()
    }

    /// Until `is_over`: sees that all agents are alive that are not to be killed.
    ///
    /// # Errors
    /// One that has ended or is silent.
    pub(super) fn watch(&mut self, is_over: &dyn Fn() -> bool) -> Result<()> {
        loop {
            for _ in 0..PINGS.as_millis() / STEP.as_millis() {
                if is_over() {
                    return Ok(());
                }
                std::thread::sleep(STEP);
            }
            for (agent, row) in self.agents.iter_mut().zip(0..) {
                if !self.killed.contains(&row) {
                    agent.ping()?;
                }
            }
        }
    }

    /// What kills an agent; it does not report then.
    pub(super) fn killer(&mut self, row: usize) -> impl FnOnce() + Send + 'static {
        self.killed.insert(row);
        self.agents[row].killer()
    }

    /// Ends all; what each agent did that was not killed.
    pub(super) fn end(mut self) -> Result<Vec<Option<RsuReport>>> {
        self.agents.iter_mut().for_each(Process::close);
        let mut reports = Vec::new();
        for (agent, row) in self.agents.iter_mut().zip(0..) {
            if self.killed.contains(&row) {
                reports.push(None);
                continue;
            }
            let line = agent.line()?;
            let report = serde_json::from_str(&line).map_err(|_| agent.ended())?;
            reports.push(Some(report));
        }
        drop(self.centre);
        Ok(reports)
    }
}

/// Starts all agents with the configuration in `file`, and waits until they listen.
fn agents(
    config: &EmulateConfig,
    (policy, seed): (&str, u64),
    file: &Path,
) -> Result<Vec<Process>> {
    let (file, seed) = (file.display().to_string(), seed.to_string());
    let policy = match config.by {
        DecidedBy::Agents => policy,
        DecidedBy::Centre => "centre",
    };
    let start = |(row, id): (usize, &String)| {
        let arguments = [
            "rsu",
            "--of-parent",
            "--id",
            id,
            "--policy",
            policy,
            "--seed",
            &seed,
            "--config",
            &file,
        ];
        let name = format!("the agent of {id}");
        if !config.netns {
            return Process::start(&config.program, &arguments, name);
        }
        let program = config.program.display().to_string();
        let prefix = Netns::prefix(row);
        let words = prefix.iter().map(String::as_str);
        let words = words.chain([program.as_str()]).chain(arguments);
        // the only network that it has is ours
        let words: Vec<&str> = words.chain(["--insecure"]).collect();
        Process::start(Path::new(words[0]), &words[1..], name)
    };
    let agents = config.world.rsus.id.iter().enumerate().map(start);
    let mut agents = agents.collect::<Result<Vec<_>>>()?;
    for agent in &mut agents {
        if agent.line()?.trim() != "ready" {
            return Err(agent.ended());
        }
    }
    Ok(agents)
}

fn private_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("wayside-emulate-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    builder.tempdir()
}

/// Addresses that are free now. Another process may take one before its agent does, which then ends with an error.
fn free_addresses(agents: usize) -> io::Result<Vec<Addresses>> {
    let any = (Ipv4Addr::LOCALHOST, 0);
    let held = (0..agents)
        .map(|_| Ok((UdpSocket::bind(any)?, TcpListener::bind(any)?)))
        .collect::<io::Result<Vec<_>>>()?;
    let address = |(ri, tasks): &(UdpSocket, TcpListener)| {
        Ok(Addresses {
            ri: ri.local_addr()?,
            tasks: tasks.local_addr()?,
        })
    };
    held.iter().map(address).collect()
}

/// The configuration of the agents.
fn net_toml(config: &EmulateConfig, addresses: &[Addresses], centre: Option<&Centre>) -> String {
    let mut text = format!(
        "scenario = \"scenario.toml\"\nkey_file = \"key\"\nbatch_ms = {BATCH_MS:?}\nanswer_s = {:?}\ndilate = {:?}\nwork = \"{}\"\nshaping = \"{}\"\n",
        answer_s(config),
        config.dilate,
        if config.burn { "burn" } else { "sleep" },
        if config.netns { "system" } else { "agent" },
    );
    if let Some(centre) = centre {
        let file = serde_json::Value::from(centre.token_file().display().to_string());
        let url = &centre.at().url;
        _ = writeln!(text, "centre = \"{url}\"\ncentre_token_file = {file}");
    }
    for (id, at) in config.world.rsus.id.iter().zip(addresses) {
        let id = serde_json::Value::from(id.as_str());
        _ = write!(
            text,
            "\n[[agent]]\nid = {id}\nri = \"{}\"\ntasks = \"{}\"\n",
            at.ri, at.tasks
        );
    }
    text
}
