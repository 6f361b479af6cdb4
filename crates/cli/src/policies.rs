//! `wayside policies`.

use crate::args::Format;
use crate::console::{Outcome, print};
use crate::listing::Listing;
use crate::registry::registry;
use clap::Args;
use wayside_core::policy::PolicyInfo;

/// List every policy: what it does, where it comes from, its options, and what it needs to know.
///
/// Options are keys of the scenario; set them there or with --set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside policies
  wayside policies --format json
  wayside run --policy greedy-data --set policy.greedy.quota=0.5")]
pub(crate) struct Policies {
    /// How to print the list.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

pub(crate) fn execute(args: &Policies) -> Outcome {
    let row = |info: &PolicyInfo| {
        [
            info.name,
            info.summary,
            info.source,
            info.options,
            info.needs,
        ]
        .map(Into::into)
    };
    let listing = Listing {
        columns: ["name", "what", "source", "options", "needs"],
        rows: registry().infos().map(row).collect(),
    };
    print(&listing.render(args.format))
}
