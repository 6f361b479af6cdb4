//! Where handlers ask the centre: by a bounded queue, whose end has one owner.

mod asks;
mod clerk;

pub(crate) use asks::{Acted, Event};

use crate::centre::requests::Task;
use crate::centre::{Centre, Key, PlacedTasks, Refusal};
use crate::clock::Clock;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::mind::Mind;
use crate::problem::Problem;
use asks::{Ask, Reply};
use axum::http::StatusCode;
use clerk::Clerk;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use wayside_core::Error;
use wayside_core::engine::SharedFactory;
use wayside_core::engine::world::World;

/// Requests that may wait for the centre; more are answered 429.
const WAITING: usize = 4096;
/// Events that a slow reader may fall behind.
const BEHIND: usize = 4096;

/// Where handlers ask the centre.
#[derive(Clone)]
pub(crate) struct Desk {
    asks: mpsc::Sender<Ask>,
    events: broadcast::Sender<Event>,
    is_failing: Arc<AtomicBool>,
}

impl Desk {
    /// Opens the desk of `centre`, whose batches the policy of `factory` decides with the random streams of `seed`. The second value ends with all work done, once
    /// every clone of the first is gone.
    ///
    /// # Errors
    /// A policy that cannot serve the centre's world.
    pub(crate) fn open(
        centre: Centre,
        clock: Clock,
        (factory, seed): (SharedFactory, u64),
        journal: Journal,
        metrics: Arc<Metrics>,
    ) -> wayside_core::Result<(Self, JoinHandle<()>)> {
        let mind = Mind::new(&factory, seed, centre.world())?;
        let (asks, inbox) = mpsc::channel(WAITING);
        let (events, _) = broadcast::channel(BEHIND);
        let (news, heard) = mpsc::unbounded_channel();
        let is_failing = Arc::new(AtomicBool::new(false));
        let desk = Self {
            asks,
            events: events.clone(),
            is_failing: Arc::clone(&is_failing),
        };
        let clerk = Clerk {
            centre,
            clock,
            factory,
            seed,
            journal,
            metrics,
            events,
            is_failing,
            news,
            retry: None,
            mind: Some(mind),
            is_stale: false,
            waiters: BTreeMap::new(),
            leases_ended: 0,
        };
        Ok((desk, tokio::spawn(clerk.work(inbox, heard))))
    }

    /// Whether the journal cannot be written.
    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Listens to the events from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.events.receiver_count()
    }

    /// Changes the state; answered once that is durable.
    pub(crate) async fn change(
        &self,
        act: impl FnOnce(&mut Centre, f64) -> Result<Acted, Refusal> + Send + 'static,
    ) -> Result<(), Problem> {
        self.ask(|reply| Ask::Change(Box::new(act), reply)).await
    }

    /// Has tasks placed; answered once that is durable.
    pub(crate) async fn submit(
        &self,
        tasks: Vec<Task>,
        key: Option<Key>,
    ) -> Result<PlacedTasks, Problem> {
        self.ask(|reply| Ask::Submit(tasks, key, reply)).await
    }

    /// Looks at the state.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Centre, f64) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.ask(|reply| {
            Ask::Look(Box::new(move |centre, now_s| {
                let _ = reply.send(Ok(look(centre, now_s)));
            }))
        })
        .await
    }

    /// Goes on in another world.
    ///
    /// # Errors
    /// A world that cannot be served live, or not by this policy; then nothing changes.
    pub(crate) async fn reload(&self, world: Arc<World>) -> wayside_core::Result<()> {
        let (reply, answer) = oneshot::channel();
        let ending = || Error::invalid("scenario", None, "", "the server is ending");
        let sent = self.asks.send(Ask::Reload(world, reply)).await;
        sent.map_err(|_| ending())?;
        answer.await.unwrap_or_else(|_| Err(ending()))
    }

    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let full = |_| Problem::too_much("too many requests wait for the centre");
        self.asks.try_send(ask(reply)).map_err(full)?;
        answer.await.unwrap_or_else(|_| {
            let message = "the server is ending";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message))
        })
    }
}
