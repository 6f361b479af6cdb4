//! `wayside drive`.

use crate::args::{Format, key_value};
use crate::console::{Outcome, print, say};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use wayside_core::engine::world::World;
use wayside_core::{Error, Result, input, scenario};
use wayside_live::{CentreAt, DriveConfig, Trust, Url, drive};
use wayside_study::table;

/// Drive the vehicles of a scenario against a centre, in time.
///
/// The centre is a running `wayside serve`: it places the tasks of vehicles that ask it over HTTP.
///
/// Replays any traffic that `wayside run` knows, synthetic, from a trace, or of a running SUMO: tells the centre (`wayside serve`) where vehicles are, asks it to
/// place their tasks, waits for as long as each takes, and reports its outcome. Delays are measured: the time to the answer, and then
/// what was predicted, waited out. They are recorded as those of a run: summary, slots, tasks, report, manifest.
///
/// The centre must serve the same RSUs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside serve wang2025 &
  wayside drive wang2025 --slots 60 --out measured
  wayside drive wang2025 --speed 10 --slots 600                 ten times as fast; the time to an answer counts ten times too
  wayside drive city.toml --to https://centre.example:7077 --tls-ca ca.pem --token-file token")]
pub(crate) struct Drive {
    /// Scenario: a TOML file, or a built-in one.
    pub(crate) scenario: String,
    /// The centre.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7077")]
    pub(crate) to: String,
    /// Seconds of the scenario that pass in a second.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// Seed of the traffic.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Slots, in place of time.slots.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slots: Option<u32>,
    /// Changes the scenario: a dotted key and a value; repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// File with the token that the centre wants.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates that vouch for the centre, in PEM, for https: the authority's that signed its own, or its own.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Folder for the results, as those of a run.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace other results in --out; files of yours stay.
    #[arg(long)]
    pub(crate) force: bool,
    /// How to print the summary.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No progress on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

fn speed(text: &str) -> std::result::Result<f64, String> {
    let factor = text.parse().ok().filter(|f| (0.001..=1000.0).contains(f));
    factor.ok_or_else(|| format!("expected a number between 0.001 and 1000, got {text:?}"))
}

pub(crate) fn execute(args: &Drive) -> Outcome {
    let driven = drive(&config(args)?, &|line| {
        if !args.quiet {
            say(line);
        }
    })?;
    let summary = &driven.summary;
    print(&match args.format {
        Format::Table => table::text(summary),
        Format::Json => table::json(summary),
        Format::Csv => table::csv(summary),
    })?;
    if driven.late_s > 0.1 {
        say(format_args!(
            "the traffic was up to {:.1} s late: a smaller --speed, or a machine with less to do, measures better",
            driven.late_s
        ));
    }
    if let (count, Some(first)) = &driven.failed {
        say(format_args!("{count} requests failed, the first: {first}"));
    }
    Ok(())
}

fn config(args: &Drive) -> Result<DriveConfig> {
    let scenario = scenario::resolve(&args.scenario, &args.set)?;
    let slots = args
        .slots
        .map_or(scenario.time.slots, |slots| slots as usize);
    Ok(DriveConfig {
        world: Arc::new(World::new(&scenario)?),
        seed: args.seed,
        slots,
        speed: args.speed,
        to: centre(args)?,
        out: args.out.clone(),
        force: args.force,
    })
}

fn centre(args: &Drive) -> Result<CentreAt> {
    let wrong = |flag: &str, message: &str| Error::invalid(flag, None, "", message);
    let url = Url::parse(&args.to).ok_or_else(|| wrong("--to", &Url::must(&args.to)))?;
    if let Some(message) = url.ca_is_wrong(args.tls_ca.is_some()) {
        return Err(wrong("--tls-ca", message));
    }
    let token = args.token_file.as_deref().map(input::read_text);
    let trust = args.tls_ca.as_deref().map(Trust::load);
    Ok(CentreAt {
        url,
        token: token.transpose()?.map(|text| text.trim().to_owned()),
        trust: trust.transpose()?,
    })
}
