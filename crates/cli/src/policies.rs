//! `wayside policies`.

use crate::args::Policies;
use crate::console::{Outcome, print};
use crate::listing::Listing;
use serde_json::Value;
use wayside_core::policy::PolicyKind;
use wayside_learn::trainer::builtin::{BUILTIN_POLICIES, Builtin};

fn source(found: &Builtin) -> &'static str {
    match found.algorithm {
        "lysac" => "Sci. Rep. 15, 28126, after arXiv 2311.18671",
        _ => "Wang et al., IV-C",
    }
}

fn options(found: &Builtin) -> &'static str {
    match found.algorithm {
        "lysac" => "policy.lysac.episodes",
        _ if found.carry_over => "-",
        _ => "policy.learned.or_local, .repair",
    }
}

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
    let trained = |found: &Builtin| -> [Value; 5] {
        [
            found.name.into(),
            found.summary.into(),
            format!("{}; trained in {}", source(found), found.scenario).into(),
            options(found).into(),
            "whole slot".into(),
        ]
    };
    let listing = Listing {
        columns: ["name", "what", "source", "options", "needs"],
        rows: PolicyKind::ALL
            .into_iter()
            .map(row)
            .chain(BUILTIN_POLICIES.iter().map(trained))
            .collect(),
    };
    print(&listing.render(args.format))
}
