//! `wayside rsu`.

use crate::console::{Outcome, print, say};
use crate::registry::{PolicyName, registry};
use clap::Args;
use std::path::PathBuf;
use wayside_core::Error;
use wayside_live::{DecidedBy, Net, RsuConfig, Stop, run_rsu, run_rsu_of_parent};

/// The name of no policy: agents ask the centre.
const CENTRE: &str = "centre";

/// Run the agent of an RSU: it decides for its own vehicles, forwards tasks, executes them.
///
/// Agents tell their neighbours on the backhaul how busy their cores and links are (related information), by UDP, and pass on what they hear, as [information] of the scenario
/// says.
/// A vehicle offers a task by TCP; the agent decides by what it has heard where it runs, and sends it there, hop by hop, at the rate of each link. A server
/// that misses three rounds is out. A task without an answer is planned once more, and then reported lost with the reason.
///
/// All agents share one file, which says where each listens. They listen to nobody who does not have their key.
#[derive(Debug, Args)]
#[command(after_help = "\
A file for two agents of a scenario with RSUs a and b (all keys: docs/live.md):
  scenario = \"mine.toml\"
  key_file = \"key\"                # at least 32 characters: head -c 32 /dev/urandom | xxd -p -c 64 > key
  work = \"sleep\"                  # or \"burn\": compute for as long as a task takes; or \"command\": run
                                  # command = [\"PROGRAM\", ...] with the data of the task as its input
  [[agent]]
  id = \"a\"
  ri = \"127.0.0.1:7101\"           # UDP
  tasks = \"127.0.0.1:7101\"        # TCP
  [[agent]]
  id = \"b\"
  ri = \"127.0.0.1:7102\"
  tasks = \"127.0.0.1:7102\"

Examples:
  wayside rsu --id a --config net.toml
  wayside rsu --id b --config net.toml --policy ect
  wayside rsu --id b --config net.toml --policy centre     with centre = \"http://127.0.0.1:7077\" in net.toml
  wayside emulate lin2025 --policy mcatm,ect --out live    all agents of a scenario, with vehicles, at once

Ctrl-C or SIGTERM ends it; what it did is printed as JSON.")]
pub(crate) struct Rsu {
    /// The RSU whose agent this is.
    #[arg(long)]
    pub(crate) id: String,
    /// Where all agents are, and how they work.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How it decides: a name of `wayside policies` for tasks that queue, the path of a policy.safetensors, or `centre`: it asks the centre of the
    /// configuration (`wayside serve`).
    #[arg(long, default_value = "mcatm", value_parser = decides)]
    pub(crate) policy: PolicyName,
    /// Seed of the policy's random streams.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Use addresses beyond loopback: tasks are not encrypted and can be read and changed on the way.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Begin when standard input says so, and end with it.
    #[arg(long, hide = true)]
    pub(crate) of_parent: bool,
}

fn decides(text: &str) -> Result<PolicyName, String> {
    match text {
        CENTRE => Ok(PolicyName(text.to_owned())),
        _ => text.parse(),
    }
}

pub(crate) fn execute(args: &Rsu) -> Outcome {
    let by = match args.policy.0 == CENTRE {
        true => DecidedBy::Centre,
        false => DecidedBy::Agents,
    };
    let net = Net::load(&args.config, by)?;
    if !net.is_loopback() && !args.insecure {
        let message =
            "has addresses beyond loopback, which needs --insecure: tasks are not encrypted";
        let file = args.config.display().to_string();
        return Err(Error::invalid(file, None, "agent", message).into());
    }
    let row = net.row(&args.id)?;
    let policy = match by {
        DecidedBy::Centre => None,
        DecidedBy::Agents => Some(registry().resolve(&args.policy.0, Some(&net.world.scenario))?),
    };
    let config = RsuConfig {
        net,
        row,
        policy,
        seed: args.seed,
        signals: true,
    };
    let report = match args.of_parent {
        true => run_rsu_of_parent(config)?,
        false => {
            let stop = Stop::default();
            let at = config.net.agents[row as usize];
            run_rsu(config, &stop, || {
                say(format_args!(
                    "{} listens at {} (UDP) and {} (TCP)",
                    args.id, at.ri, at.tasks
                ));
                Some(wayside_live::Begin::now())
            })?
        }
    };
    let json = serde_json::to_string(&report).expect("plain data");
    print(&format!("{json}\n"))
}
