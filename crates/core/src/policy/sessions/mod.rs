//! Policies that host sessions: they name a host for each, and the engine moves it there.
//!
//! ## Reference
//! Never, always and lazy migration, and the threshold: A. Ksentini, T. Taleb, M. Chen, "A Markov decision process-based
//! service migration procedure for follow me cloud", ICC 2014; S. Wang et al., "Dynamic service migration in mobile edge
//! computing based on Markov decision process", IEEE/ACM ToN 2019. There one user moves on a line or in a plane.

mod baselines;
mod plan;

pub use baselines::{Follow, Lazy, Never, Threshold};
pub use plan::Plan;

use super::learned::Learned;
use super::least::Least;
use super::{Policy, PolicyInfo};
use crate::observation::hosts::{ABOVE_LEAST, Hosts};
use crate::observation::{Form, Scales};
use crate::scenario::PolicyOptions;
use crate::slot::Placement;

/// The policies for sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// Where it was placed first.
    Never,
    /// Always at the nearest RSU.
    Follow,
    /// At the nearest RSU once that is too many hops away.
    Lazy,
    /// At the nearest RSU once that pays.
    Threshold,
    /// The optimum of each session as if it were alone, with its future known.
    Alone,
    /// All sessions together, over a predicted future.
    Plan,
    /// The same with the future known.
    Foresight,
    /// The least forecast of the rows that learned policies see.
    Least,
}

impl SessionKind {
    /// All of them, in the order of the default comparison; the last stands beside learned policies.
    pub const ALL: [Self; 8] = [
        Self::Never,
        Self::Follow,
        Self::Lazy,
        Self::Threshold,
        Self::Alone,
        Self::Plan,
        Self::Foresight,
        Self::Least,
    ];

    /// See [`super::PolicyKind::info`].
    #[must_use]
    // Long: a table.
    pub const fn info(self) -> PolicyInfo {
        let (name, summary, source, options) = match self {
            Self::Never => (
                "never-move",
                "sessions stay at the RSU that was nearest when they began",
                "follow-me cloud, baseline",
                "-",
            ),
            Self::Follow => (
                "always-follow",
                "sessions move to the nearest RSU whenever that changes",
                "follow-me cloud, baseline",
                "-",
            ),
            Self::Lazy => (
                "lazy-follow",
                "sessions move to the nearest RSU once it is more than some hops away",
                "follow-me cloud, baseline",
                "policy.lazy-follow.hops",
            ),
            Self::Threshold => (
                "move-threshold",
                "sessions move to the nearest RSU once what that saves exceeds what it costs",
                "service migration, baseline",
                "policy.move-threshold.factor, .horizon_s",
            ),
            Self::Alone => (
                "session-dp",
                "each session on its cheapest path, alone and with its future known (dynamic programme)",
                "service migration as a Markov decision process, with the states known",
                "-",
            ),
            Self::Plan => (
                "session-plan",
                "all sessions on paths over a predicted future, with P2 over all of them in every slot",
                "Wayside",
                "policy.session-plan.horizon_s, .sweeps",
            ),
            Self::Foresight => (
                "session-foresight",
                "session-plan with the future known",
                "Wayside",
                "policy.session-plan.sweeps",
            ),
            Self::Least => (
                "session-least",
                "the least forecast of the rows that learned policies see: what they are worth untrained",
                "Wayside",
                "-",
            ),
        };
        let needs = match self {
            Self::Alone | Self::Foresight => "sessions; the future",
            _ => "sessions",
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
    pub fn build(self, options: &PolicyOptions) -> Box<dyn Policy> {
        match self {
            Self::Never => Box::new(Never),
            Self::Follow => Box::new(Follow),
            Self::Lazy => Box::new(Lazy::new(options.lazy_follow.hops)),
            Self::Threshold => Box::new(Threshold::new(options.move_threshold)),
            Self::Alone => Box::new(Plan::alone()),
            Self::Plan => Box::new(Plan::predicted(options.session_plan)),
            Self::Foresight => Box::new(Plan::foreseen(options.session_plan)),
            Self::Least => Box::new(Learned::turn_by_turn(
                least_forecast(),
                Hosts::new(Scales::UNIT),
            )),
        }
    }
}

/// The rule that takes the least forecast.
#[must_use]
pub fn least_forecast() -> Least {
    Least::new(Form::Hosts, ABOVE_LEAST)
}

/// Names `host`; where the batch enters is not the policy's choice.
fn at(host: u32) -> Placement {
    Placement::Rsu {
        entry: host,
        execution: host,
    }
}
