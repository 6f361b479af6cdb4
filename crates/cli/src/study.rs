//! `wayside study` and `wayside reproduce`.

use crate::args::{Format, Reproduce, StudyArgs, StudyOptions};
use crate::console::{Failure, Outcome, print, say};
use crate::listing::Listing;
use crate::progress;
use crate::registry::registry;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use wayside_core::{Error, Result};
use wayside_study::Control;
use wayside_study::claim::Claim;
use wayside_study::studies::block_cache::BlockCache;
use wayside_study::studies::data::Data;
use wayside_study::studies::plan::{Plan, program};
use wayside_study::studies::results::StudyFolder;
use wayside_study::studies::runner;
use wayside_study::studies::{BUILTIN_STUDIES, Study, count, replace_block};

pub(crate) fn study(args: &StudyArgs) -> Outcome {
    execute(load(&args.study)?, &args.options)
}

pub(crate) fn reproduce(args: &Reproduce) -> Outcome {
    let study = Study::builtin(&args.paper)?;
    match &args.figure {
        Some(number) => execute(study.only_figure(number)?, &args.options),
        None => execute(study, &args.options),
    }
}

/// A built-in study by its name, or that of a file.
fn load(name: &str) -> Result<Study> {
    if BUILTIN_STUDIES.iter().any(|b| b.name == name) {
        Study::builtin(name)
    } else {
        Study::load(Path::new(name))
    }
}

fn execute(study: Study, options: &StudyOptions) -> Outcome {
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
        program: program(),
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
    let text = fs::read_to_string(page).map_err(|e| Error::io(page, e))?;
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
    progress::stop_on_signal(move || asked.cancel(), || false)?;
    let counts = || control.progress();
    progress::with_bar("blocks", quiet, counts, || {
        runner::run(plan, parts, &control)
    })
}
