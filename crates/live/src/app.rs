//! What all handlers share.

use crate::body::Budget;
use crate::desk::Desk;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::stop::Stop;
use crate::tokens::Tokens;
use crate::workers::Workers;
use std::sync::Arc;
use wayside_core::engine::{PolicyRegistry, SharedFactory};
use wayside_core::scenario::{PolicyOptions, ServeOptions};

/// What all handlers share. Nothing in it is locked while a policy runs.
pub(crate) struct App {
    pub(crate) options: ServeOptions,
    pub(crate) registry: Arc<PolicyRegistry>,
    /// The policy where a request names none.
    pub(crate) default_policy: (String, SharedFactory),
    /// Options of policies of `/v1/decisions`: those of `decide`, the defaults.
    pub(crate) policy_options: PolicyOptions,
    pub(crate) tokens: Option<Tokens>,
    /// Whether requests must name this machine: see [`crate::gate`].
    pub(crate) loopback_only: bool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) budget: Budget,
    pub(crate) workers: Workers,
    pub(crate) desk: Desk,
    pub(crate) stop: Stop,
}

impl App {
    /// The policy of that name. Files are not opened for clients: they name what the server knows.
    pub(crate) fn policy(&self, name: Option<&str>) -> Result<SharedFactory, Problem> {
        let (default, factory) = &self.default_policy;
        match name {
            None => Ok(Arc::clone(factory)),
            Some(name) if name == default => Ok(Arc::clone(factory)),
            Some(name) if self.registry.contains(name) => {
                let found = self.registry.resolve(name, None);
                found.map_err(|error| Problem::of_input(&error))
            }
            Some(name) => {
                let names: Vec<_> = self.registry.names().collect();
                let message = wayside_core::config::unknown("policy", name, &names);
                Err(Problem::at("policy", message))
            }
        }
    }
}
