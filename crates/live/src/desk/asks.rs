//! What handlers ask, and what the clerk hears.

use crate::centre::requests::Task;
use crate::centre::{Centre, Change, Key, PlacedTasks, Refusal};
use crate::problem::Problem;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::oneshot;
use wayside_core::engine::world::World;

/// What a handler is answered.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// Changes the state.
pub(super) type Act = Box<dyn FnOnce(&mut Centre, f64) -> Result<Acted, Refusal> + Send>;

/// A change of the centre's state: what the journal must hold before it is answered, and the event that it is.
#[derive(Default)]
pub(crate) struct Acted {
    pub(crate) changes: Vec<Change>,
    pub(crate) event: Option<(&'static str, Value)>,
}

/// Looks at the state.
pub(super) type Look = Box<dyn FnOnce(&mut Centre, f64) + Send>;

/// What the clerk is asked.
pub(super) enum Ask {
    Change(Act, Reply<()>),
    Submit(Vec<Task>, Option<Key>, Reply<PlacedTasks>),
    Look(Look),
    Reload(Arc<World>, oneshot::Sender<wayside_core::Result<()>>),
}

/// What the journal says of itself.
pub(super) enum News {
    /// These were not written.
    Failed { tasks: Vec<u64>, keys: Vec<String> },
    /// It has been written afresh.
    Recovered,
}

/// An event for all who listen: its name and its data.
pub(crate) type Event = (&'static str, Arc<str>);
