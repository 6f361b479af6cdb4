//! `wayside serve`.

use crate::console::{Failure, Outcome, print, say, visible};
use crate::registry::{PolicyName, registry};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use wayside_core::{Error, scenario};
use wayside_live::{Config, Note, Reload, Stop, Tokens};

/// Serve decisions over HTTP: the cloud centre, live.
///
/// Vehicles say where they are (PUT /v1/vehicles/ID), their tasks are placed in batches (POST /v1/tasks) and hold CPU until their
/// outcome is reported. POST /v1/decisions takes a slot (`wayside schema slot`) and answers as `wayside decide` does, with ?policy= and ?bound=.
/// GET /openapi.json describes all routes, GET /metrics is for Prometheus. Limits are [serve] of the scenario.
///
/// Anything but a loopback address needs --tokens, and --insecure: TLS is not built yet, so put a proxy that has it in front.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside serve
  wayside serve wang2025 --state state/
  wayside serve hotspot --listen 127.0.0.1:0 --policy nearest
  curl --json @slot.json 'http://127.0.0.1:7077/v1/decisions?policy=price&bound=simple'

SIGHUP reads the scenario again; an invalid one is kept out. Ctrl-C or SIGTERM lets answers under way end, and the exit code is 0. A second one ends it at once.")]
pub(crate) struct Serve {
    /// Scenario: a TOML file, or a built-in one [default: wang2025].
    pub(crate) scenario: Option<String>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7077")]
    pub(crate) listen: SocketAddr,
    /// Policy where a request names none: a name of `wayside policies`, or the path of a policy.safetensors.
    #[arg(long, default_value = "price")]
    pub(crate) policy: PolicyName,
    /// Folder of the journal: vehicles, tasks and what they hold outlast the process, and even a kill [default: in memory].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Who may ask: a file with a token a line. Requests then need `authorization: Bearer TOKEN`.
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,
    /// Listen elsewhere than on loopback without TLS: tokens and tasks can be read on the way.
    #[arg(long)]
    pub(crate) insecure: bool,
}

pub(crate) fn execute(args: &Serve) -> Outcome {
    let tokens = args.tokens.as_deref().map(Tokens::load).transpose()?;
    if !args.listen.ip().is_loopback() {
        check_exposed(args)?;
    }
    let name = args
        .scenario
        .clone()
        .unwrap_or_else(|| "wang2025".to_owned());
    let config = Config {
        listen: args.listen,
        scenario: scenario::resolve(&name, &[])?,
        registry: registry(),
        policy: args.policy.0.clone(),
        tokens,
        state: args.state.clone(),
        // standard input can be read once only
        reload: (name != "-").then(|| Reload(Arc::new(move || scenario::resolve(&name, &[])))),
        signals: true,
    };
    Ok(wayside_live::serve(config, &Stop::default(), &tell)?)
}

fn tell(note: Note) {
    match note {
        // a closed pipe stops nothing
        Note::Listening(address) => _ = print(&format!("listening on http://{address}\n")),
        Note::Reloaded => say("the scenario has been reloaded"),
        Note::NotReloaded(error) => {
            for line in error.to_string().lines() {
                say(format_args!("not reloaded: {}", visible(line)));
            }
        }
    }
}

/// What listening where others can connect needs.
fn check_exposed(args: &Serve) -> Result<(), Failure> {
    let needs = |what: &str| {
        let message = format!("{} is not loopback, which needs {what}", args.listen);
        Failure::from(Error::invalid("--listen", None, "", message))
    };
    if args.tokens.is_none() {
        return Err(needs("--tokens"));
    }
    if !args.insecure {
        return Err(needs("TLS, which is not built yet, or --insecure"));
    }
    say(format_args!(
        "WARNING: {} without TLS: tokens and tasks can be read and changed on the way",
        args.listen
    ));
    Ok(())
}
