//! `wayside study` and `wayside reproduce`.

use crate::args::Format;
use crate::console::{Failure, Outcome, print, say};
use crate::listing::Listing;
use crate::progress;
use crate::registry::registry;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wayside_core::{Error, Result, input};
use wayside_study::Control;
use wayside_study::claim::Claim;
use wayside_study::studies::block_cache::BlockCache;
use wayside_study::studies::data::Data;
use wayside_study::studies::plan::Plan;
use wayside_study::studies::results::StudyFolder;
use wayside_study::studies::runner;
use wayside_study::studies::{BUILTIN_STUDIES, Study, count, replace_block};

/// Run a study: grids of runs, with figures, and a verdict on every claim.
///
/// A study is a TOML file that says what to run, what to draw and what is claimed (`wayside schema study`). Finished
/// cells are kept in --out: a study that was killed continues from there, and after a change of the file only what
/// changed is run again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside study mine.toml --out results/ --quick
  wayside study mine.toml --out results/
  wayside study cross --out cross/ --page docs/cross.md")]
pub(crate) struct StudyArgs {
    /// Study: a TOML file, - for standard input, or a built-in one: wang2025, lin2025, cross, sessions.
    pub(crate) study: String,
    #[command(flatten)]
    pub(crate) options: StudyOptions,
}

/// Reproduce a paper: its figures and tables, and the verdict on each of its claims.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside reproduce wang2025 --out wang2025/ --quick
  wayside reproduce lin2025 --figure 13 --out figure13/")]
pub(crate) struct Reproduce {
    /// The paper.
    #[arg(value_parser = ["wang2025", "lin2025"])]
    pub(crate) paper: String,
    /// Only what belongs to this figure of the paper.
    #[arg(long, value_name = "N")]
    pub(crate) figure: Option<String>,
    #[command(flatten)]
    pub(crate) options: StudyOptions,
}

/// How a study is run.
#[derive(Debug, Args)]
pub(crate) struct StudyOptions {
    /// Folder for the results: claims, figures, tables, report, manifest, and what is finished so far.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Fewer cells and seeds, for a first look.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Replaces another study's or run's results in --out; files of yours stay.
    #[arg(long)]
    pub(crate) force: bool,
    /// A page in Markdown whose part between `<!-- begin NAME -->` and `<!-- end NAME -->` is replaced by the
    /// results of the study NAME.
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Blocks run at a time [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How to print the verdicts.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No progress and no hints on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

pub(crate) fn study(args: &StudyArgs, build: &str) -> Outcome {
    execute(load(&args.study)?, &args.options, build)
}

pub(crate) fn reproduce(args: &Reproduce, build: &str) -> Outcome {
    let study = Study::builtin(&args.paper)?;
    match &args.figure {
        Some(number) => execute(study.only_figure(number)?, &args.options, build),
        None => execute(study, &args.options, build),
    }
}

/// A built-in study by its name, or that of a file.
fn load(name: &str) -> Result<Study> {
    if BUILTIN_STUDIES.iter().any(|b| b.name == name) {
        Study::builtin(name)
    } else if name == "-" {
        Study::from_toml("stdin", &input::read_stdin()?, Path::new(""))
    } else {
        Study::load(Path::new(name))
    }
}

fn execute(study: Study, options: &StudyOptions, build: &str) -> Outcome {
    if let Some(page) = &options.page {
        // Fail before the run if the page cannot be changed.
        with_block(page, &study.name, "")?;
        wayside_output::check_file(page)?;
    }
    let mut folder = StudyFolder::open(&options.out, &study, options.quick, options.force)?;
    let plan = Plan {
        study: &study,
        quick: options.quick,
        threads: options.threads.map_or(0, usize::from),
        registry: registry(),
        program: build,
    };
    let found = run(&plan, folder.parts(), options.quiet)?;
    for path in folder.parts().damaged() {
        say(format_args!(
            "warning: {}: was damaged; its seeds were run again",
            path.display()
        ));
    }
    let Some((data, claims)) = found else {
        say("interrupted: what is finished is kept, and the same command goes on from there");
        return Err(Failure::Interrupted);
    };
    let results = folder.finish(&study, &data, &claims, options.quick)?;
    drop(folder);
    if let Some(page) = &options.page {
        let text = with_block(page, &study.name, &results)?;
        wayside_output::replace_file(page, text.as_bytes())?;
    }
    print(&verdicts(&claims, options.format))?;
    if !options.quiet {
        let count = count(&claims);
        if !count.is_empty() {
            say(count);
        }
        say(format_args!(
            "Claims, figures, tables and report: {}",
            options.out.display()
        ));
    }
    Ok(())
}

/// The text of `page`, with `block` in place of the results of the study `name`.
fn with_block(page: &Path, name: &str, block: &str) -> Result<String> {
    input::check(page, page)?;
    let text = input::read_text(page)?;
    replace_block(&text, name, block).ok_or_else(|| {
        let message = format!("has no lines <!-- begin {name} --> and <!-- end {name} -->");
        Error::invalid(page.display().to_string(), None, "", message)
    })
}

/// The verdict on every claim.
fn verdicts(claims: &[Claim], format: Format) -> String {
    if format == Format::Json {
        return serde_json::to_string_pretty(claims).expect("plain data") + "\n";
    }
    let row = |claim: &Claim| {
        let [lo, hi] = claim.ci95.map_or([None, None], |ends| ends.map(Some));
        [
            json!(claim.id),
            json!(claim.figure),
            json!(claim.published),
            json!(claim.measured),
            json!(lo),
            json!(hi),
            json!(claim.verdict.word()),
            json!(claim.source.word()),
            json!(claim.fitted),
            json!(claim.equivalence.map(|e| e.equivalent)),
        ]
    };
    let listing = Listing {
        columns: [
            "claim",
            "figure",
            "published",
            "measured",
            "ci95 lo",
            "ci95 hi",
            "verdict",
            "source",
            "fitted",
            "equivalent",
        ],
        rows: claims.iter().map(row).collect(),
    };
    listing.render(format)
}

/// Runs the plan until it is done or interrupted, with a progress bar.
fn run(plan: &Plan<'_>, parts: &BlockCache, quiet: bool) -> Result<Option<(Data, Vec<Claim>)>> {
    let control = Arc::new(Control::default());
    let asked = Arc::clone(&control);
    // finished blocks are kept already
    progress::stop_on_signal(move || asked.cancel(), || false);
    let counts = || control.progress();
    progress::with_bar("blocks", quiet, counts, || {
        runner::run(plan, parts, &control)
    })
}
