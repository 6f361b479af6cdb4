//! Agents as child processes. They end with this process, however it ends: their standard input does.

use super::EmulateConfig;
use crate::Addresses;
use crate::rsu::RsuReport;
use crate::seal::{self, Key};
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;
use wayside_core::engine::world::World;
use wayside_core::{Error, Result};

/// How long tasks wait for others to be decided with them \[ms\]: all that arise at an instant are, and their upload takes longer.
const BATCH_MS: f64 = 5.0;

/// The agents of a run. Dropped, they are killed.
pub(super) struct Fleet(Vec<Agent>);

struct Agent {
    id: String,
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // one that has ended already is not hurt
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Fleet {
    /// Starts an agent for every RSU, and waits until all listen.
    pub(super) fn start(
        config: &EmulateConfig,
        policy: &str,
        seed: u64,
    ) -> Result<(Self, Vec<Addresses>, Key)> {
        let ids = &config.world.rsus.id;
        let addresses =
            free_addresses(ids.len()).map_err(|e| Error::io(Path::new("127.0.0.1"), e))?;
        // it has the key: for this user only, and only until all agents have read it
        let home = private_folder().map_err(|e| Error::io(&std::env::temp_dir(), e))?;
        let secret = hex(&seal::random::<32>());
        let file = home.path().join("net.toml");
        let put = |name: &str, text: &str| {
            let path = home.path().join(name);
            std::fs::write(&path, text).map_err(|e| Error::io(&path, e))
        };
        put("scenario.toml", &config.world.scenario.to_toml())?;
        put("key", &secret)?;
        put("net.toml", &net_toml(config, &addresses))?;
        let mut fleet = Self(Vec::new());
        for id in ids.iter() {
            let failed = |e| Error::io(&config.program, e);
            let mut child = Command::new(&config.program)
                .args(["rsu", "--of-parent", "--id", id, "--policy", policy])
                .args(["--seed", &seed.to_string(), "--config"])
                .arg(&file)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(failed)?;
            let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe);
            fleet.0.push(Agent {
                id: id.clone(),
                child,
                says: BufReader::new(out.map_err(|e| failed(e.into()))?),
            });
        }
        for agent in &mut fleet.0 {
            let line = agent.line()?;
            if line.trim() != "ready" {
                return Err(agent.ended());
            }
        }
        Ok((fleet, addresses, Key::of(secret.as_bytes())))
    }

    /// Lets all begin: time is 0 at `zero_unix_s`, and cores are busy until `core_free_s`.
    pub(super) fn begin(
        &mut self,
        world: &World,
        zero_unix_s: f64,
        core_free_s: &[f64],
    ) -> Result<()> {
        let queues = world.queues.as_ref();
        for (agent, row) in self.0.iter_mut().zip(0..) {
            let cores = queues.map_or(0..0, |queues| queues.cores(row));
            let begin = serde_json::json!([zero_unix_s, core_free_s[cores]]);
            let input = agent.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe);
            let told = input
                .map_err(io::Error::from)
                .and_then(|input| writeln!(input, "begin {begin}").and_then(|()| input.flush()));
            told.map_err(|_| agent.ended())?;
        }
        Ok(())
    }

    /// Ends all; what each did.
    pub(super) fn end(mut self) -> Result<Vec<RsuReport>> {
        for agent in &mut self.0 {
            drop(agent.child.stdin.take());
        }
        let mut reports = Vec::new();
        for agent in &mut self.0 {
            let line = agent.line()?;
            reports.push(serde_json::from_str(&line).map_err(|_| agent.ended())?);
        }
        Ok(reports)
    }
}

impl Agent {
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.says.read_line(&mut line);
        read.map_err(|_| self.ended())?;
        Ok(line)
    }

    fn ended(&self) -> Error {
        let message = "the agent ended before its time; what it said is above";
        Error::io(Path::new(&self.id), io::Error::other(message))
    }
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
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
fn net_toml(config: &EmulateConfig, addresses: &[Addresses]) -> String {
    let mut text = format!(
        "scenario = \"scenario.toml\"\nkey_file = \"key\"\nbatch_ms = {BATCH_MS:?}\ndilate = {:?}\nwork = \"{}\"\n",
        config.dilate,
        if config.burn { "burn" } else { "sleep" },
    );
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
