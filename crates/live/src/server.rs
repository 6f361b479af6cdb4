//! The server: a listener, connections with limits, an orderly end.

use crate::app::App;
use crate::body::Budget;
use crate::centre::Centre;
use crate::clock::Clock;
use crate::desk::Desk;
use crate::journal::Journal;
use crate::listen::{Limits, Secure, accept};
use crate::metrics::Metrics;
use crate::routes;
use crate::signals::{self, Hangups};
use crate::stop::Stop;
use crate::tls::Tls;
use crate::tokens::Tokens;
use crate::workers::Workers;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use wayside_core::engine::PolicyRegistry;
use wayside_core::engine::world::World;
use wayside_core::{Error, Result, Scenario};
use wayside_study::decision;

/// Bodies of the largest size that fit into memory at a time.
const BODIES: usize = 8;

/// What to serve, and how.
#[derive(Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The scenario, with its `[serve]`.
    pub scenario: Scenario,
    /// The policies that clients may name.
    pub registry: Arc<PolicyRegistry>,
    /// The policy where they name none.
    pub policy: String,
    /// The seed of its random streams.
    pub seed: u64,
    /// Seconds that a second of the centre takes, as for agents: leases, times to live, windows, predictions.
    pub dilate: f64,
    /// Who may ask; anybody where there are none.
    pub tokens: Option<Tokens>,
    /// The certificate, where connections are to be encrypted.
    pub tls: Option<Tls>,
    /// Folder of the journal; without one nothing survives the process.
    pub state: Option<PathBuf>,
    /// Reads the scenario again, on SIGHUP.
    pub reload: Option<Reload>,
    /// Whether SIGINT and SIGTERM ask for the end, and a second one ends the process with 130. Else they do what they did.
    pub signals: bool,
}

/// Reads a scenario again; its error keeps it out.
#[derive(Clone)]
pub struct Reload(pub Arc<dyn Fn() -> Result<Scenario> + Send + Sync>);

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

/// Something worth a line in the log.
#[derive(Debug)]
pub enum Note {
    /// Connections are accepted at this address.
    Listening(SocketAddr),
    /// The scenario of SIGHUP is in force.
    Reloaded,
    /// It is not, and why.
    NotReloaded(Error),
}

/// Serves until `stop` asks for the end, and tells `note` of what happens.
///
/// At the end no more connections are accepted, answers under way are finished, for at most `serve.request_s`, and the journal is
/// written.
///
/// # Errors
/// An unknown policy; a scenario that cannot be served live; a journal that cannot be used; an address that cannot be listened at.
pub fn serve(config: Config, stop: &Stop, note: &(dyn Fn(Note) + Sync)) -> Result<()> {
    let at = config.listen.to_string();
    let failed = |source| Error::io(Path::new(&at), source);
    let runtime = runtime().map_err(failed)?;
    runtime.block_on(async {
        let (app, clerk) = open(&config, stop)?;
        if config.signals {
            signals::end(stop.clone());
        }
        // before anybody is told that it listens: a SIGHUP that nobody handles ends the process
        let hangups = config.reload.as_ref().and_then(|_| signals::hangups());
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        note(Note::Listening(listener.local_addr().map_err(failed)?));
        let (router, limits) = (routes::router(Arc::clone(&app)), limits(&app));
        let secure = config.tls.clone().map(|tls| secure(tls, &app));
        tokio::select! {
            () = accept(&listener, &router, limits, stop, &app.metrics.connections, secure.as_ref()) => {}
            () = reloads(&config, hangups, &app, note) => {}
        }
        // connections that were not let end hold the desk open
        let most = Duration::from_secs_f64(app.options.request_s);
        drop((app, router));
        let _ = timeout(most, clerk).await;
        Ok(())
    })?;
    // a decision that nobody waits for any more does not hold up the end
    runtime.shutdown_background();
    Ok(())
}

fn secure(tls: Tls, app: &App) -> Secure {
    let metrics = Arc::clone(&app.metrics);
    let refused = Arc::new(move || metrics.refused("tls"));
    Secure { tls, refused }
}

fn limits(app: &App) -> Limits {
    Limits {
        connections: app.options.connections_max,
        read: Duration::from_secs_f64(app.options.read_s),
        end: Duration::from_secs_f64(app.options.request_s),
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

fn open(config: &Config, stop: &Stop) -> Result<(Arc<App>, JoinHandle<()>)> {
    let options = config.scenario.serve.clone();
    let read = Duration::from_secs_f64(options.read_s);
    let bodies = BODIES.saturating_mul(options.body_max_bytes);
    let factory = config
        .registry
        .resolve(&config.policy, Some(&config.scenario))?;
    // those of `decide`: the same slot gets the same answer from both
    let defaults = decision::policy_options()?;
    let metrics = Arc::new(Metrics::new());
    let clock = Clock::new(config.dilate);
    let mut centre = Centre::new(Arc::new(World::new(&config.scenario)?), clock.now_s())?;
    let journal = match &config.state {
        None => Journal::none(),
        Some(folder) => {
            let (mut journal, saved) = Journal::open(folder)?;
            centre.restore(&saved, clock.now_s())?;
            journal.defer(vec![centre.surroundings()]);
            journal
        }
    };
    let counted = Arc::clone(&metrics);
    let (desk, clerk) = Desk::open(
        centre,
        clock,
        (Arc::clone(&factory), config.seed),
        journal,
        counted,
    )?;
    let app = App {
        registry: Arc::clone(&config.registry),
        default_policy: (config.policy.clone(), factory),
        policy_options: defaults,
        tokens: config.tokens.clone(),
        loopback_only: config.listen.ip().is_loopback(),
        metrics,
        budget: Budget::new(bodies, read, stop.clone()),
        workers: Workers::new(options.workers, options.waiting_max),
        desk,
        stop: stop.clone(),
        options,
    };
    Ok((Arc::new(app), clerk))
}

/// Reads the scenario again whenever SIGHUP asks for it; never ends.
async fn reloads(
    config: &Config,
    hangups: Option<Hangups>,
    app: &App,
    note: &(dyn Fn(Note) + Sync),
) {
    let Some((Reload(read), mut hangups)) = config.reload.as_ref().zip(hangups) else {
        return std::future::pending().await;
    };
    loop {
        hangups.next().await;
        let read = Arc::clone(read);
        let tls = config.tls.clone();
        let world = spawn_blocking(move || {
            tls.map_or(Ok(()), |tls| tls.reload())?;
            World::new(&read()?)
        });
        let reloaded = match world.await {
            Ok(Ok(world)) => app.desk.reload(Arc::new(world)).await,
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(Error::io(Path::new("scenario"), io::Error::other(panic))),
        };
        note(match reloaded {
            Ok(()) => {
                app.metrics.reloads.inc();
                Note::Reloaded
            }
            Err(error) => {
                app.metrics.failed_reloads.inc();
                Note::NotReloaded(error)
            }
        });
    }
}
