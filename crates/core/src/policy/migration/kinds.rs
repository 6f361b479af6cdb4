//! The migration policies by name.

use super::{AllCloud, Ect, Migration, Oesda, RouterKind, SelectorKind};
use crate::observation::destinations::{COST_ABOVE_LEAST, Destinations};
use crate::observation::{Form, Scales};
use crate::policy::learned::Learned;
use crate::policy::least::Least;
use crate::policy::{Policy, PolicyInfo};
use crate::rng::Streams;
use crate::scenario::MigrationOptions;

/// The policies of system 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationKind {
    /// WVAHP and PACB.
    Mcatm,
    /// AAHP and Dijkstra.
    Ratom,
    /// AAHP and Dijkstra, one hop far.
    Ratos,
    /// Any selector with any router.
    Combined(SelectorKind, RouterKind),
    /// Even spread over the nearest servers.
    Oesda,
    /// Everything to the cloud.
    AllCloud,
    /// Earliest completion.
    Ect {
        /// Hedged against stale information.
        hedged: bool,
        /// With the cloud as one more candidate.
        cloud: bool,
    },
    /// The least predicted cost of the rows that learned policies see.
    Least,
}

use MigrationKind::{AllCloud as Cloud, Combined, Mcatm, Oesda as Spread, Ratom, Ratos};
use RouterKind::{Dijkstra, Ospf, Pacb};
use SelectorKind::{Aahp, Random, Wvahp};

const fn ect(hedged: bool, cloud: bool) -> MigrationKind {
    MigrationKind::Ect { hedged, cloud }
}

const PAPER: &str = "Sci. Rep. 15, 28126";
const SERVERS: &str = "coverage, backhaul, related information";

impl MigrationKind {
    /// Those compared where nothing is chosen: the paper's, then ours.
    pub const DEFAULTS: [Self; 8] = [
        Ratos,
        Ratom,
        Mcatm,
        Spread,
        Cloud,
        ect(false, false),
        ect(true, false),
        ect(false, true),
    ];

    /// All of them.
    pub const ALL: [Self; 19] = [
        Mcatm,
        Ratom,
        Ratos,
        Spread,
        Cloud,
        ect(false, false),
        ect(true, false),
        ect(false, true),
        ect(true, true),
        Self::Least,
        Combined(Aahp, Dijkstra),
        Combined(Aahp, Ospf),
        Combined(Aahp, Pacb),
        Combined(Wvahp, Dijkstra),
        Combined(Wvahp, Ospf),
        Combined(Wvahp, Pacb),
        Combined(Random, Dijkstra),
        Combined(Random, Ospf),
        Combined(Random, Pacb),
    ];

    /// Name, source, options and needs.
    #[must_use]
    // Long: a table.
    pub const fn info(self) -> PolicyInfo {
        let (name, summary, source, options) = match self {
            Mcatm => (
                "mcatm",
                "home if in time, else the server by WVAHP within n hops, paths by PACB",
                PAPER,
                "policy.migration, policy.ahp, policy.wvahp, policy.pacb",
            ),
            Ratom => (
                "ratom",
                "home if in time, else the server by AAHP within n hops, paths by Dijkstra",
                PAPER,
                "policy.migration, policy.ahp, policy.aahp",
            ),
            Ratos => (
                "ratos",
                "ratom, one hop far",
                PAPER,
                "policy.ahp, policy.aahp",
            ),
            Spread => (
                "oesda",
                "home if in time, else dealt out to the m nearest servers, or the cloud",
                "Sci. Rep. 15, 28126, ref. 30",
                "policy.migration, policy.oesda",
            ),
            Cloud => ("all-cloud", "every task to the cloud", "baseline", "-"),
            Self::Ect { hedged, cloud } => match (hedged, cloud) {
                (false, false) => (
                    "ect",
                    "shortest task first, each where it is predicted to end first; then tasks change places",
                    "Wayside",
                    "policy.migration, policy.pacb, policy.ect",
                ),
                (true, false) => (
                    "ect-h",
                    "ect, hedged against stale information",
                    "Wayside",
                    "policy.migration, policy.pacb, policy.ect, policy.ect-h",
                ),
                (false, true) => (
                    "ect-cloud",
                    "ect with the cloud as one more candidate",
                    "Wayside",
                    "policy.migration, policy.pacb, policy.ect",
                ),
                (true, true) => (
                    "ect-h-cloud",
                    "ect-h with the cloud as one more candidate",
                    "Wayside",
                    "policy.migration, policy.pacb, policy.ect, policy.ect-h",
                ),
            },
            Self::Least => (
                "queue-least",
                "the least predicted cost of the rows that learned policies see: what they are worth untrained",
                "Wayside",
                "policy.migration",
            ),
            Combined(selector, router) => {
                let (name, summary) = match (selector, router) {
                    (Aahp, Dijkstra) => ("aahp-dijkstra", "the server by AAHP, paths by Dijkstra"),
                    (Aahp, Ospf) => ("aahp-ospf", "the server by AAHP, paths by OSPF"),
                    (Aahp, Pacb) => ("aahp-pacb", "the server by AAHP, paths by PACB"),
                    (Wvahp, Dijkstra) => {
                        ("wvahp-dijkstra", "the server by WVAHP, paths by Dijkstra")
                    }
                    (Wvahp, Ospf) => ("wvahp-ospf", "the server by WVAHP, paths by OSPF"),
                    (Wvahp, Pacb) => ("wvahp-pacb", "the server by WVAHP, paths by PACB"),
                    (Random, Dijkstra) => ("random-dijkstra", "any server, paths by Dijkstra"),
                    (Random, Ospf) => ("random-ospf", "any server, paths by OSPF"),
                    (Random, Pacb) => ("random-pacb", "any server, paths by PACB"),
                };
                let options = match selector {
                    Aahp => "policy.migration, policy.ahp, policy.aahp, policy.pacb",
                    Wvahp => "policy.migration, policy.ahp, policy.wvahp, policy.pacb",
                    Random => "policy.migration, policy.pacb",
                };
                (name, summary, PAPER, options)
            }
        };
        let needs = match self {
            Cloud => "coverage, a cloud",
            _ => SERVERS,
        };
        PolicyInfo {
            name,
            summary,
            source,
            options,
            needs,
        }
    }

    /// Builds the policy for one seed.
    #[must_use]
    pub fn build(self, options: &MigrationOptions, streams: Streams) -> Box<dyn Policy> {
        let migration = |selector, router, max_hops| -> Box<dyn Policy> {
            Box::new(Migration::new(
                (selector, router),
                max_hops,
                options,
                streams,
            ))
        };
        match self {
            Mcatm => migration(Wvahp, Pacb, options.max_hops),
            Ratom => migration(Aahp, Dijkstra, options.max_hops),
            Ratos => migration(Aahp, Dijkstra, 1),
            Combined(selector, router) => migration(selector, router, options.max_hops),
            Spread => Box::new(Oesda::new(options)),
            Cloud => Box::new(AllCloud),
            Self::Ect { hedged, cloud } => Box::new(Ect::new(hedged, cloud, options)),
            Self::Least => {
                let rule = least_cost(options.max_hops);
                let turns = Destinations::with(options.max_hops, true, Scales::UNIT);
                Box::new(Learned::turn_by_turn(rule, turns))
            }
        }
    }
}

/// The rule that takes the least predicted cost, over servers at most `max_hops` away and the cloud.
#[must_use]
pub fn least_cost(max_hops: u32) -> Least {
    let cloud = true;
    Least::new(Form::Destinations { max_hops, cloud }, COST_ABOVE_LEAST)
}
