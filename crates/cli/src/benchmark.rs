//! `wayside benchmark`.

use crate::args::Format;
use crate::console::{Failure, Outcome, print, say};
use crate::progress;
use crate::registry::{PolicyName, registry};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wayside_core::{Error, Result, input};
use wayside_study::benchmark::{Benchmark, Progress};
use wayside_study::command::CommandPolicy;
use wayside_study::studies::replace_block;

/// Score policies on the open benchmark: a fixed suite of tasks, with certified gaps.
///
/// The suite wayside-bench-1 has tasks of every regime: slots alone, hot spot, even loads, coupled slots, fading radio, a
/// city, sessions, batches that queue, stale information. Each policy plays every task that it can play; a gap is
/// measured to a certified lower bound, so that 0 cannot be beaten. docs/benchmark.md has the score cards of all
/// policies that come with Wayside, and says how to submit one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside benchmark --policy price,nearest --quick
  wayside benchmark --policy mine/policy.safetensors --out score/ --record
  wayside benchmark --policy-command 'python3 mine.py' --tasks slot-100,hotspot --tuning

A policy command is started once for every seed, without a shell. It reads one slot a line (`wayside schema
slot`) and writes one decision a line, as `wayside decide` prints it: {\"placements\": [{\"task\": \"t0\", \"mode\":
\"rsu\", \"entry\": \"r0\", \"execution\": \"r3\"}, ...]}. WAYSIDE_POLICY_SEED holds a seed for its random numbers.")]
pub(crate) struct BenchmarkArgs {
    /// Policies, separated by commas: names of `wayside policies`, or the path of a policy.safetensors.
    #[arg(long = "policy", value_name = "A,B,...", value_delimiter = ',')]
    policies: Vec<PolicyName>,
    /// A policy that is a program of your own: the program and its arguments, with quotes as in a shell.
    #[arg(long, value_name = "CMD")]
    policy_command: Option<String>,
    /// Name of the policy command in the score card.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "command",
        value_parser = shown,
        requires = "policy_command"
    )]
    policy_name: String,
    /// Longest time that the policy command may take for a decision [s].
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds, requires = "policy_command")]
    time_limit: Duration,
    /// Only these tasks.
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    tasks: Vec<String>,
    /// Two seeds and fewer slots, for a first look.
    #[arg(long)]
    quick: bool,
    /// The seeds for developing and training, in place of those of the score.
    #[arg(long)]
    tuning: bool,
    /// Folder for the results: score.json, score.csv, figure, manifest.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also write every slot and decision to --out, from which benchmark/evaluate.py computes the results again.
    #[arg(long, requires = "out")]
    record: bool,
    /// Replace other results in --out; files of yours stay.
    #[arg(long, requires = "out")]
    force: bool,
    /// A page in Markdown whose part between `<!-- begin wayside-bench-1 -->` and `<!-- end wayside-bench-1 -->` is
    /// replaced by the score card.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Leave out decision times, so that equal runs give equal bytes.
    #[arg(long)]
    no_timing: bool,
    /// Seeds run at a time [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// How to print the score card.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// No progress and no hints on stderr.
    #[arg(short, long)]
    quiet: bool,
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().filter(|s| (1e-3..=1e6).contains(s));
    let seconds = seconds.ok_or("must be seconds between 0.001 and 1000000")?;
    Ok(Duration::from_secs_f64(seconds))
}

/// A name that a card can show.
fn shown(text: &str) -> std::result::Result<String, String> {
    let fits = !text.trim().is_empty() && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("expected a name without control characters, got {text:?}"))
}

pub(crate) fn execute(args: &BenchmarkArgs) -> Outcome {
    let progress = Arc::new(Progress::default());
    let benchmark = benchmark(args, &progress)?;
    if let Some(page) = &args.page {
        // Fail before the run if the page cannot be changed.
        with_block(page, "wayside-bench-1", "")?;
        wayside_output::check_file(page)?;
    }
    let asked = Arc::clone(progress.control());
    // the card of a benchmark that was stopped is printed as far as it came
    progress::stop_on_signal(move || asked.cancel(), || false);
    let counts = || progress.slots();
    let card = progress::with_bar("slots", args.quiet, counts, || benchmark.run())?;
    if !card.tasks.is_empty() {
        print(&match args.format {
            Format::Table => card.text(),
            Format::Json => card.json(),
            Format::Csv => card.csv(),
        })?;
    }
    if !card.complete {
        say("interrupted");
        return Err(Failure::Interrupted);
    }
    if let Some(page) = &args.page {
        let text = with_block(page, &card.suite, &card.markdown())?;
        wayside_output::replace_file(page, text.as_bytes())?;
    }
    if let (Some(out), false) = (&args.out, args.quiet) {
        say(format_args!(
            "Score card, figure and manifest: {}",
            out.display()
        ));
    }
    Ok(())
}

/// The benchmark that the flags describe.
fn benchmark(args: &BenchmarkArgs, progress: &Arc<Progress>) -> Result<Benchmark> {
    let mut benchmark = Benchmark::new()
        .registry(registry())
        .policies(args.policies.iter().map(|name| &name.0))
        .tasks(&args.tasks)
        .quick(args.quick)
        .tuning(args.tuning)
        .threads(args.threads.map_or(0, usize::from))
        .timing(!args.no_timing)
        .record(args.record)
        .progress(Arc::clone(progress));
    if let Some(line) = &args.policy_command {
        let control = Arc::clone(progress.control());
        let command = CommandPolicy::new(&args.policy_name, line, args.time_limit, control)?;
        benchmark = benchmark.command(command);
    }
    if args.policies.is_empty() && args.policy_command.is_none() {
        let message = "needs --policy or --policy-command";
        return Err(Error::invalid("benchmark", None, "", message));
    }
    if let Some(out) = &args.out {
        benchmark = benchmark.out(out, args.force);
    }
    Ok(benchmark)
}

/// The text of `page`, with `block` in place of the score card of the suite `name`.
fn with_block(page: &Path, name: &str, block: &str) -> Result<String> {
    input::check(page, page)?;
    let text = input::read_text(page)?;
    replace_block(&text, name, block).ok_or_else(|| {
        let message = format!("has no lines <!-- begin {name} --> and <!-- end {name} -->");
        Error::invalid(page.display().to_string(), None, "", message)
    })
}
