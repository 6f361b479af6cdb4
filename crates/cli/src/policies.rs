//! `wayside policies`.

use crate::args::Policies;
use crate::console::{Outcome, print};
use crate::listing::Listing;
use wayside_core::policy::PolicyKind;

pub(crate) fn execute(args: &Policies) -> Outcome {
    let row = |kind: PolicyKind| {
        let info = kind.info();
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
        rows: PolicyKind::ALL.into_iter().map(row).collect(),
    };
    print(&listing.render(args.format))
}
