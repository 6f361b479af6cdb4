//! What the owner of the agent is told.

use super::failures::Failure;
use crate::wire::Message;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use wayside_core::agent::{Answer, Done, Job, Loss, Offer};

/// What a vehicle is told.
pub(super) type Told = Message;

/// The data of a task, and the memory that it takes.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    pub(super) checksum: u32,
    pub(super) _memory: OwnedSemaphorePermit,
}

/// Where a task runs, with the centre's id for it.
pub(super) type Answered = Result<(String, Answer), Loss>;

/// What an agent says to a vehicle that has a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It has the task, under this number. The vehicle may come more than once; the number of this visit.
    Taken { number: u64, visit: u64 },
    /// It holds too many.
    Full,
    /// The vehicle's key belongs to something else.
    KeyReused,
}

/// A task that a vehicle has.
pub(super) struct Offered {
    pub(super) offer: Offer,
    /// What the vehicle has said, and its key, where it has one.
    pub(super) keyed: Option<(u128, Message)>,
    /// The vehicle's id, where the centre is to place it.
    pub(super) vehicle: Option<String>,
}

/// Something that happened.
pub(super) enum Event {
    /// A vehicle has a task; it is told through the channel what becomes of it.
    Offer(Offered, oneshot::Sender<Admission>, mpsc::Sender<Told>),
    /// The centre says where a task runs.
    Answered(u64, Answered),
    /// The data of a task is here.
    Uploaded(u64, Payload),
    /// The vehicle of a task has gone, after this visit.
    Withdrawn(u64, u64),
    /// A task of another agent is here, with what a vehicle has said where that handed it over, and its key.
    Arrived(Job, Payload, Option<(u128, Message)>),
    /// Another agent says what became of a task.
    Reported(u64, Result<Done, Loss>),
    /// A link is free since then.
    Sent(u32, f64),
    /// A link could not deliver.
    Undelivered(u32),
    /// A core is free since then; whether its task was done.
    Computed(usize, f64, Result<(), Failure>),
    /// A connection broke.
    Broken,
}
