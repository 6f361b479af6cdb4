//! `wayside policies`.

use crate::args::Policies;
use crate::console::{Outcome, print};
use crate::listing::Listing;
use crate::registry::registry;
use wayside_core::policy::PolicyInfo;

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
