//! How many numbers a layout takes and gives.

use super::destinations::Destinations;
use super::layout::{Form, Layout};
use super::{CONTEXT, Observation, destinations, flat, hosts, plan, sequential, shared};
use crate::error::{Error, Result};

impl Layout {
    /// Features of a row, and logits of a row.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        match self.form {
            Form::Flat { .. } => (self.flat_sizes().width(), self.flat_sizes().outputs()),
            Form::Shared { .. } => (self.shared_sizes().width(), self.shared_sizes().outputs()),
            Form::Sequential { .. } => (sequential::WIDTH, 1),
            Form::Plan { .. } => {
                let sizes = self.plan_sizes();
                (sizes.width(), 2 * sizes.actions())
            }
            Form::Hosts => (hosts::WIDTH, 1),
            Form::Destinations { .. } => (destinations::WIDTH, 1),
        }
    }

    /// Features of the slot as a whole.
    #[must_use]
    pub fn globals(&self) -> usize {
        match self.form {
            Form::Hosts => hosts::GLOBALS,
            Form::Destinations { .. } => destinations::GLOBALS,
            _ => CONTEXT,
        }
    }

    /// What plans batches by continuous actions.
    ///
    /// # Errors
    /// A layout that makes no sense, or of another form.
    pub fn planner(&self) -> Result<plan::Planner> {
        self.check()?;
        match self.form {
            Form::Plan { .. } => Ok(plan::Planner::with(self.plan_sizes(), self.scales)),
            _ => Err(self.other_form("plan")),
        }
    }

    /// What offers destinations task by task, over the same servers.
    ///
    /// # Errors
    /// As [`planner`](Self::planner).
    pub fn destinations(&self) -> Result<Destinations> {
        self.check()?;
        match self.form {
            Form::Plan {
                max_hops, cloud, ..
            }
            | Form::Destinations { max_hops, cloud } => {
                Ok(Destinations::with(max_hops, cloud, self.scales))
            }
            _ => Err(self.other_form("plan")),
        }
    }

    /// An observation for a [`planner`](Self::planner) to fill.
    #[must_use]
    pub fn planned(&self) -> Observation {
        let (width, outputs) = self.shape();
        Observation {
            width,
            outputs,
            ..Observation::default()
        }
    }

    pub(super) fn other_form(&self, wanted: &str) -> Error {
        let message = format!("must be {wanted}, got {:?}", self.form);
        Error::invalid("observation layout", None, "layout.form", message)
    }

    fn plan_sizes(&self) -> plan::Sizes {
        let Form::Plan {
            servers,
            max_hops,
            cloud,
        } = self.form
        else {
            unreachable!("asked for `plan` alone")
        };
        plan::Sizes {
            servers,
            max_hops,
            cloud,
        }
    }

    /// Lengths of the heads of one task: exact, but for `sequential`, where it is the most that a task has.
    pub fn heads(&self) -> impl Iterator<Item = usize> {
        let (flat, shared, sequential) = match self.form {
            Form::Flat { .. } => (Some(self.flat_sizes().heads()), None, None),
            Form::Shared { .. } => (None, Some(self.shared_sizes().heads()), None),
            Form::Sequential { options, .. } => (None, None, Some(1 + options * self.spans)),
            Form::Hosts => (None, None, Some(hosts::ROWS)),
            Form::Destinations { .. } => (None, None, Some(destinations::ROWS)),
            Form::Plan { .. } => (None, None, None),
        };
        let of_task = flat.into_iter().flatten();
        of_task
            .chain(shared.into_iter().flatten())
            .chain(sequential)
    }

    pub(super) fn flat_sizes(&self) -> flat::Sizes {
        let Form::Flat {
            vehicles,
            tasks_per_vehicle,
            rsus,
            candidates,
            target,
        } = self.form
        else {
            unreachable!("asked for `flat` alone")
        };
        flat::Sizes {
            vehicles,
            tasks_per_vehicle,
            rsus,
            candidates,
            target,
            spans: self.spans,
        }
    }

    pub(super) fn shared_sizes(&self) -> shared::Sizes {
        let Form::Shared {
            candidates,
            targets,
        } = self.form
        else {
            unreachable!("asked for `shared` alone")
        };
        shared::Sizes {
            candidates,
            targets,
            spans: self.spans,
        }
    }
}
