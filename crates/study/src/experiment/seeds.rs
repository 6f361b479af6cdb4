//! The seeds of an experiment, in parallel.

use super::Experiment;
use super::recorder::RunWriter;
use super::session::Session;
use crate::control;
use crate::output::DumpFolder;
use crate::track::Tracks;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use wayside_core::Result;
use wayside_core::engine::records::Replication;

/// How long seeds may take to stop once that was asked for.
const GRACE: Duration = Duration::from_millis(400);

/// How often to look whether it was.
const POLL: Duration = Duration::from_millis(20);

/// What every seed needs. It owns all of it, so that a seed in the middle of a long slot can be left behind.
pub(super) struct Seeds {
    pub(super) experiment: Experiment,
    pub(super) session: Session,
    pub(super) slots: Option<DumpFolder>,
    pub(super) tasks: Option<PathBuf>,
    failed: AtomicBool,
    tracks: Mutex<Option<Tracks>>,
}

impl Seeds {
    pub(super) fn new(
        experiment: Experiment,
        session: Session,
        slots: Option<DumpFolder>,
        tasks: Option<PathBuf>,
    ) -> Self {
        Self {
            experiment,
            session,
            slots,
            tasks,
            failed: AtomicBool::new(false),
            tracks: Mutex::new(None),
        }
    }

    /// The ways of the sessions of the first seed, once that is finished.
    pub(super) fn tracks(&self) -> MutexGuard<'_, Option<Tracks>> {
        self.tracks.lock().expect("nobody panics with it")
    }

    fn replicate(&self, seed: u64) -> Result<Option<Replication>> {
        let control = &self.experiment.control;
        let stop = || control.is_cancelled() || self.failed.load(Ordering::Relaxed);
        let run = || {
            let folders = (self.slots.as_ref(), self.tasks.as_deref());
            let mut writer = RunWriter::new(&self.experiment, &self.session, folders, seed, &stop)?;
            let replication = self.session.replicate(seed, &mut writer)?;
            if let Some(tracks) = writer.finish()? {
                *self.tracks() = Some(tracks);
            }
            Ok(replication)
        };
        let result = run();
        self.failed.fetch_or(result.is_err(), Ordering::Relaxed);
        control.seeds.fetch_add(1, Ordering::Relaxed);
        result
    }

    /// The replications that were finished, in the order of their seeds. Once the control has been cancelled, seeds that
    /// do not stop soon are left behind: they end on their own, and nobody takes their results.
    pub(super) fn run(self: &Arc<Self>) -> Result<Vec<Replication>> {
        let Experiment {
            seeds,
            control,
            threads,
            ..
        } = &self.experiment;
        let total = seeds.len() * self.session.slots();
        control.total.store(total as u64, Ordering::Relaxed);
        let (sender, results) = mpsc::channel();
        let next = Arc::new(AtomicUsize::new(0));
        let pools = control::pools(*threads, seeds.len())?;
        for pool in &pools {
            let (all, sender, next) = (Arc::clone(self), sender.clone(), Arc::clone(&next));
            pool.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&seed) = all.experiment.seeds.get(place) else {
                        break;
                    };
                    let result = catch_unwind(AssertUnwindSafe(|| all.replicate(seed)));
                    _ = sender.send((place, result));
                }
                // The receiver may want what is shared to itself once all senders are gone.
                drop(all);
                drop(sender);
            });
        }
        drop(sender);

        // Collect all results before looking for an error, so that the error is that of the first seed.
        let mut ordered: Vec<Result<Option<Replication>>> = Vec::new();
        ordered.resize_with(seeds.len(), || Ok(None));
        let mut asked = None;
        loop {
            match results.recv_timeout(POLL) {
                Ok((place, result)) => {
                    ordered[place] = result.unwrap_or_else(|panic| resume_unwind(panic));
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if control.is_cancelled() && asked.get_or_insert_with(Instant::now).elapsed() > GRACE {
                break;
            }
        }
        ordered.into_iter().filter_map(Result::transpose).collect()
    }
}
