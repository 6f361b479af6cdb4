//! Large slots on several threads: those of the pool that the work runs in. Work is split by the slot alone, never by the
//! number of threads, so results do not depend on it.

use rayon::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Tasks, or vehicles, from which on a slot is split.
pub(crate) const LARGE: usize = 16_384;

/// Blocks that a large slot is split into.
const BLOCKS: usize = 16;

/// Whether there is only one thread to work on.
pub(crate) fn is_alone() -> bool {
    // Asked outside of a pool, rayon would start one.
    rayon::current_thread_index().is_none() || rayon::current_num_threads() == 1
}

/// Length of the blocks of `len` rows; all of them are one block where they are few.
pub(crate) fn block_len(len: usize) -> usize {
    if len < LARGE {
        return len.max(1);
    }
    len.div_ceil(BLOCKS).next_multiple_of(BLOCKS)
}

/// Calls `work` with the place of the first row of every block of `column`, with its own item of `items`, and with the block.
pub(crate) fn each_block<A: Send, B: Send>(
    items: &mut [A],
    column: &mut [B],
    len: usize,
    work: impl Fn(usize, &mut A, &mut [B]) + Sync,
) {
    if items.len() == 1 || is_alone() {
        let blocks = items.iter_mut().zip(column.chunks_mut(len)).enumerate();
        blocks.for_each(|(i, (item, block))| work(i * len, item, block));
    } else {
        let blocks = items.par_iter_mut().zip(column.par_chunks_mut(len));
        let blocks = blocks.enumerate().with_max_len(1);
        blocks.for_each(|(i, (item, block))| work(i * len, item, block));
    }
}

/// How long a thread waits for blocks to help with before it goes on with its own work.
const PATIENCE: Duration = Duration::from_millis(10);

/// How often it looks for them.
const POLL: Duration = Duration::from_micros(20);

thread_local! {
    /// Tells the job [`beside`] the work of this thread that it may start.
    static STARTS: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Does `work` here, and `other` on another thread of the pool where one is free; returns what `other` does.
///
/// Until `work` says that it [`goes_on_alone`], or has nothing to share for [`PATIENCE`], the other thread helps it with its
/// blocks. Started at once, `other` would be done while `work` still has what cannot be split, and one thread would idle.
pub(crate) fn beside<T: Default + Send>(
    other: impl FnOnce() -> T + Send,
    work: impl FnOnce(),
) -> T {
    let mut result = T::default();
    let here = rayon::current_thread_index();
    let starts = Arc::new(AtomicBool::new(false));
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| {
            // A thread that waits for its own blocks may take up this job: nobody else could tell it to start.
            if rayon::current_thread_index() != here {
                help_until(&starts);
            }
            result = other();
        });
        STARTS.set(Some(Arc::clone(&starts)));
        work();
        goes_on_alone();
    });
    result
}

/// Says that what this thread does next is not split: who waits [`beside`] it may start.
pub(crate) fn goes_on_alone() {
    if let Some(starts) = STARTS.take() {
        starts.store(true, Ordering::Relaxed);
    }
}

fn help_until(starts: &AtomicBool) {
    let mut idle_since = Instant::now();
    while !starts.load(Ordering::Relaxed) && idle_since.elapsed() < PATIENCE {
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => idle_since = Instant::now(),
            _ => std::thread::sleep(POLL),
        }
    }
}

/// Calls `work` with every one of a few items and its place.
pub(crate) fn each_item<A: Send>(items: &mut [A], work: impl Fn(usize, &mut A) + Sync) {
    let items = items.par_iter_mut().enumerate().with_max_len(1);
    items.for_each(|(i, item)| work(i, item));
}

/// Makes `column` hold what `value` says of each of `len` rows.
pub(crate) fn fill<A: Send>(
    column: &mut Vec<A>,
    len: usize,
    value: impl Fn(usize) -> A + Send + Sync,
) {
    if len < LARGE || is_alone() {
        column.clear();
        column.extend((0..len).map(value));
    } else {
        (0..len).into_par_iter().map(value).collect_into_vec(column);
    }
}

/// Calls `work` with every item.
pub(crate) fn each<A: Send>(items: &mut [A], work: impl Fn(&mut A) + Send + Sync) {
    if items.len() < LARGE / BLOCKS || is_alone() {
        items.iter_mut().for_each(work);
    } else {
        items.par_iter_mut().for_each(work);
    }
}

/// Folds two columns of one length, parts of them apart where they are long; `join` must not depend on the order.
pub(crate) fn fold<A: Sync, B: Sync, T: Send>(
    one: &[A],
    other: &[B],
    start: impl Fn() -> T + Send + Sync,
    add: impl Fn(T, &A, &B) -> T + Send + Sync,
    join: impl Fn(T, T) -> T + Send + Sync,
) -> T {
    if one.len() < LARGE / BLOCKS || is_alone() {
        let rows = one.iter().zip(other);
        return rows.fold(start(), |sum, (a, b)| add(sum, a, b));
    }
    let rows = one.par_iter().zip(other).with_min_len(LARGE / BLOCKS / 2);
    rows.fold(&start, |sum, (a, b)| add(sum, a, b))
        .reduce(&start, join)
}
