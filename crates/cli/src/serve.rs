//! `wayside serve`.

use crate::args::dilation;
use crate::console::{Outcome, print, say, visible};
use crate::registry::{PolicyName, registry};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use wayside_core::{Problem, Problems, Result, scenario};
use wayside_live::{Config, Note, Reload, Stop, Tls, Tokens};

/// Serve decisions over HTTP: the cloud centre, live.
///
/// Vehicles say where they are (PUT /v1/vehicles/ID), their tasks are placed in batches (POST /v1/tasks) and hold CPU until their
/// outcome is reported. POST /v1/decisions takes a slot (`wayside schema slot`) and answers as `wayside decide` does, with ?policy= and ?bound=.
/// GET /openapi.json describes all routes, GET /metrics is for Prometheus. Limits are [serve] of the scenario.
///
/// Anything but a loopback address needs --tokens, and --tls-cert with --tls-key, or --insecure.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside serve
  wayside serve wang2025 --state state/
  wayside serve --listen 0.0.0.0:7077 --tokens tokens --tls-cert cert.pem --tls-key key.pem
  wayside serve hotspot --listen 127.0.0.1:0 --policy nearest
  curl --json @slot.json 'http://127.0.0.1:7077/v1/decisions?policy=price&bound=simple'

SIGHUP reads the scenario and the certificate again; what is invalid is kept out. Ctrl-C or SIGTERM lets answers under way end, and the exit code is 0. A second one ends it at once.")]
pub(crate) struct Serve {
    /// Scenario: a TOML file, or a built-in one [default: wang2025].
    pub(crate) scenario: Option<String>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7077")]
    pub(crate) listen: SocketAddr,
    /// Policy where a request names none: a name of `wayside policies`, or the path of a policy.safetensors.
    #[arg(long, default_value = "price")]
    pub(crate) policy: PolicyName,
    /// Seed of the policy's random streams.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Seconds that a second of the centre takes, as the agents have it: windows, leases, predictions.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = dilation)]
    pub(crate) dilate: f64,
    /// Folder of the journal: vehicles, tasks and what they hold outlast the process, and even a kill [default: in memory].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Who may ask: a file with a token a line. Requests then need `authorization: Bearer TOKEN`.
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,
    /// Certificate of the server for TLS 1.3, in PEM, followed by those that it was signed with. SIGHUP reads it again.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, in PEM, without a password.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen elsewhere than on loopback without TLS: tokens and tasks can be read on the way.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// End with standard input.
    #[arg(long, hide = true)]
    pub(crate) of_parent: bool,
}

pub(crate) fn execute(args: &Serve) -> Outcome {
    let name = args
        .scenario
        .clone()
        .unwrap_or_else(|| "wang2025".to_owned());
    let mut problems = Problems::default();
    if !args.listen.ip().is_loopback() {
        problems.collect(check_exposed(args))?;
    }
    let tokens = args.tokens.as_deref().map(Tokens::load).transpose();
    let tokens = problems.collect(tokens)?;
    let files = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    let tls = files.map(|(cert, key)| Tls::load(cert, key)).transpose();
    let tls = problems.collect(tls)?;
    let scenario = problems.collect(scenario::resolve(&name, &[]))?;
    let (Some(tokens), Some(tls), Some(scenario)) =
        problems.into_result((tokens, tls, scenario))?
    else {
        unreachable!("nothing is wrong");
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let config = Config {
        listen: args.listen,
        scenario,
        registry: registry(),
        policy: args.policy.0.clone(),
        seed: args.seed,
        dilate: args.dilate,
        tokens,
        tls,
        state: args.state.clone(),
        // standard input can be read once only
        reload: (name != "-").then(|| Reload(Arc::new(move || scenario::resolve(&name, &[])))),
        signals: true,
    };
    let stop = Stop::default();
    if args.of_parent {
        stop.ask_with_stdin();
    }
    Ok(wayside_live::serve(config, &stop, &|note| {
        tell(scheme, note)
    })?)
}

fn tell(scheme: &str, note: Note) {
    match note {
        // a closed pipe stops nothing
        Note::Listening(address) => _ = print(&format!("listening on {scheme}://{address}\n")),
        Note::Reloaded => say("the scenario has been reloaded"),
        Note::NotReloaded(error) => {
            for line in error.to_string().lines() {
                say(format_args!("not reloaded: {}", visible(line)));
            }
        }
    }
}

/// What listening where others can connect needs.
fn check_exposed(args: &Serve) -> Result<()> {
    let mut problems = Problems::default();
    let mut needs = |what: &str| {
        problems.push(Problem {
            file: "--listen".to_owned(),
            line: None,
            path: String::new(),
            message: format!("{} is not loopback, which needs {what}", args.listen),
        });
    };
    if args.tokens.is_none() {
        needs("--tokens");
    }
    if args.tls_cert.is_none() && !args.insecure {
        needs("TLS (--tls-cert and --tls-key), or --insecure");
    }
    problems.into_result(())?;
    if args.tls_cert.is_some() {
        return Ok(());
    }
    say(format_args!(
        "WARNING: {} without TLS: tokens and tasks can be read and changed on the way",
        args.listen
    ));
    Ok(())
}
