//! Progress and cancellation of long work, shared between threads.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wayside_core::{Error, Result};

/// Watches and stops a run or a study from another thread.
#[derive(Debug, Default)]
pub struct Control {
    /// Set it to stop before the next slot.
    pub cancelled: AtomicBool,
    /// Slots of a run, or blocks of a study, that are done.
    pub done: AtomicU64,
    /// How many there are, as far as is known.
    pub total: AtomicU64,
    /// Seeds of a run that are finished, and would be lost if it ended at once.
    pub seeds: AtomicU64,
}

impl Control {
    /// Asks the work to stop before its next slot; says whether that was asked for before.
    pub fn cancel(&self) -> bool {
        self.cancelled.swap(true, Ordering::Relaxed)
    }

    /// Whether the work is to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// How much is done, and of how much.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        (count(&self.done), count(&self.total))
    }
}

/// A pool of `threads` threads; 0: one per core.
///
/// # Errors
/// Threads that the system refuses.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build()
        .map_err(|e| Error::io(Path::new("threads"), io::Error::other(e)))
}

/// Pools for `jobs` jobs, one for each that runs at a time, with `threads` threads together; 0: one per core. Each job has
/// threads of its own, so that one that splits its work never waits for another.
///
/// # Errors
/// Threads that the system refuses.
pub(crate) fn pools(threads: usize, jobs: usize) -> Result<Vec<rayon::ThreadPool>> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let count = threads.min(jobs).max(1);
    let share = |i: usize| threads / count + usize::from(i < threads % count);
    (0..count).map(|i| pool(share(i))).collect()
}
