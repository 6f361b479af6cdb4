//! What open tasks hold of the RSUs, as the centre reckons it.

use super::order;
use super::records::Open;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use wayside_core::engine::world::World;
use wayside_core::queueing::{QueueNetwork, Submission};
use wayside_core::slot::Slot;
use wayside_study::decision::Mode;

/// The world, and the rows of its RSUs by id.
pub(super) struct Site {
    pub(super) world: Arc<World>,
    rows: BTreeMap<String, u32>,
}

impl Site {
    pub(super) fn new(world: Arc<World>) -> Self {
        let ids = world.rsus.id.iter().cloned();
        let rows = ids.zip(0..).collect();
        Self { world, rows }
    }

    /// The row of an RSU; none where it is not in this world.
    pub(super) fn row(&self, id: &str) -> Option<u32> {
        self.rows.get(id).copied()
    }

    fn rows(&self, ids: &[String]) -> Option<Vec<u32>> {
        ids.iter().map(|id| self.row(id)).collect()
    }
}

/// Parts of a hertz that CPU is counted in. Whole numbers add up to exactly nothing when all is given back, in any order.
const PER_HZ: f64 = 1000.0;

/// What is held.
pub(super) enum Servers {
    /// CPU in parts of a hertz.
    Shared {
        /// By RSU.
        held: Vec<u128>,
        /// By predicted end and number of the task: its RSU, and what it holds there.
        ends: BTreeMap<(u64, u64), (usize, u128)>,
        /// By RSU the part of it that ends by `by`.
        releasing: Vec<u128>,
        by: u64,
    },
    /// A simulation of servers and links with queues, from `epoch_s` on.
    Queued {
        epoch_s: f64,
        twin: Box<QueueNetwork>,
    },
}

impl Servers {
    /// Nothing is held; time begins at `now_s`.
    pub(super) fn new(world: &World, now_s: f64) -> Self {
        match &world.queues {
            None => Self::Shared {
                held: vec![0; world.rsus.len()],
                ends: BTreeMap::new(),
                releasing: vec![0; world.rsus.len()],
                by: 0,
            },
            Some(queues) => {
                let cores = queues.core_start.last().copied().unwrap_or(0) as usize;
                let free_s = vec![0.0; cores];
                let network = Arc::clone(&world.network);
                let (start, hz) = (&queues.core_start, &queues.core_hz);
                Self::Queued {
                    epoch_s: now_s,
                    twin: Box::new(QueueNetwork::new(network, start, hz, &free_s)),
                }
            }
        }
    }

    /// `open`, the task of that number, takes what its placement says. What is at no RSU of this world takes nothing.
    pub(super) fn take(&mut self, site: &Site, number: u64, open: &Open) {
        match self {
            Self::Shared {
                held,
                ends,
                releasing,
                by,
            } => {
                if let Some((row, parts)) = share(site, open) {
                    let end = order(open.end_s);
                    held[row] += parts;
                    ends.insert((end, number), (row, parts));
                    if end <= *by {
                        releasing[row] += parts;
                    }
                }
            }
            Self::Queued { epoch_s, twin } => {
                let Some(path) = site.rows(&open.placement.path) else {
                    return;
                };
                let [entry, ..] = path.as_slice() else { return };
                let link = |ends: &[u32]| site.world.network.find(ends[0], ends[1]);
                let Some(links) = path.windows(2).map(link).collect::<Option<Vec<_>>>() else {
                    return;
                };
                let ready_s = open.placed_s - *epoch_s + open.placement.delay_parts_s.upload;
                twin.submit(Submission {
                    key: 0,
                    ready_s: ready_s.max(twin.now_s()),
                    entry: *entry,
                    path: &links,
                    data_bits: open.task.data_bits,
                    cycles: open.task.cycles,
                });
            }
        }
    }

    /// `open` gives back what it took; work that queues has had its time already.
    pub(super) fn give_back(&mut self, number: u64, open: &Open) {
        let end = order(open.end_s);
        if let Self::Shared {
            held,
            ends,
            releasing,
            by,
        } = self
            && let Some((row, parts)) = ends.remove(&(end, number))
        {
            held[row] -= parts;
            if end <= *by {
                releasing[row] -= parts;
            }
        }
    }

    /// CPU that is held at an RSU \[Hz\]; where tasks queue that of busy cores.
    pub(super) fn held_hz(&self, site: &Site, row: usize, now_s: f64) -> f64 {
        match (self, &site.world.queues) {
            (Self::Queued { epoch_s, twin }, Some(queues)) => {
                let mut state = Default::default();
                twin.observe((now_s - epoch_s).max(twin.now_s()), &mut state);
                let cores = queues.cores(row as u32);
                let busy = state.core_free_s[cores]
                    .iter()
                    .filter(|&&s| s > now_s - epoch_s);
                busy.count() as f64 * queues.core_hz[row]
            }
            (Self::Shared { held, .. }, _) => held[row] as f64 / PER_HZ,
            (Self::Queued { .. }, None) => 0.0,
        }
    }

    /// Shows `slot` what is held.
    pub(super) fn show(&mut self, now_s: f64, slot: &mut Slot) {
        match self {
            Self::Shared { held, .. } => {
                let hz = held.iter().map(|&parts| parts as f64 / PER_HZ);
                slot.rsus.reserved_cpu_hz.clear();
                slot.rsus.reserved_cpu_hz.extend(hz);
            }
            Self::Queued { epoch_s, twin } => {
                let now_s = (now_s - *epoch_s).max(twin.now_s());
                twin.run_until(now_s, &mut |_| {});
                slot.now_s = now_s;
                if let Some(queues) = &mut slot.queues {
                    twin.observe(now_s, &mut queues.present);
                    // the centre knows the truth about every server, as far as anybody does
                    queues.information = None;
                }
            }
        }
    }

    /// Shows `slot` what is predicted to be free again when the next one begins.
    pub(super) fn show_releases(&mut self, now_s: f64, slot: &mut Slot) {
        let Self::Shared {
            ends,
            releasing,
            by,
            ..
        } = self
        else {
            return;
        };
        // time never goes back: only what has come nearer since the last slot is new
        let until = order(now_s + slot.slot_s).max(*by);
        let nearer = (
            Bound::Excluded((*by, u64::MAX)),
            Bound::Included((until, u64::MAX)),
        );
        for &(row, parts) in ends.range(nearer).map(|(_, end)| end) {
            releasing[row] += parts;
        }
        *by = until;
        let rsus = &mut slot.rsus;
        let columns = rsus.releasing_cpu_hz.iter_mut().zip(&rsus.reserved_cpu_hz);
        for ((releasing_hz, reserved_hz), &parts) in columns.zip(releasing.iter()) {
            *releasing_hz = (parts as f64 / PER_HZ).min(*reserved_hz);
        }
    }
}

/// Row of the RSU that executes `open`, and what it holds there.
fn share(site: &Site, open: &Open) -> Option<(usize, u128)> {
    let placement = &open.placement;
    let id = placement
        .execution
        .as_ref()
        .filter(|_| placement.mode == Mode::Rsu)?;
    // rounded down, so that shares that fit together still do
    Some((site.row(id)? as usize, (placement.cpu_hz * PER_HZ) as u128))
}
