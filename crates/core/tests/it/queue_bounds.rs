//! Bounds where tasks queue for links and cores.

mod random;

use crate::queue_calendar::{Calendars, Way, ways};
use crate::queue_support::{QueueSlot, QueueTask, edge, lin2025};
use crate::support::over_seeds;
use wayside_core::bound::queues::{QueueBound, QueueBounds, Venues};
use wayside_core::queueing::{QueueNetwork, Submission};
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::{Placement, Slot};

fn bounds(slot: &Slot, offer: Venues) -> QueueBounds {
    QueueBound::default().solve(slot, slot.queues.as_ref().unwrap(), offer)
}

/// Costs and instants are rounded to 2^-36 s, a few times a task.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

fn task(entry: u32) -> QueueTask {
    QueueTask {
        entries: vec![(entry, 500e6)],
        data_bits: 4e6,
        cycles: 4.8e8,
        deadline_s: 0.5,
        vehicle_hz: 1e7,
        vehicle_wait_s: 0.0,
    }
}

/// Servers with `cores` idle cores of 2.4 GHz each, and `tasks` that all enter at server 0.
fn plain(cores: &[usize], edges: &[(u32, u32)], tasks: usize) -> QueueSlot {
    QueueSlot {
        now_s: 0.0,
        omega: 1.0,
        core_hz: vec![2.4e9; cores.len()],
        core_free_s: cores.iter().map(|&count| vec![0.0; count]).collect(),
        edges: edges
            .iter()
            .map(|&(a, b)| edge(a, b, 1e9, 1000.0))
            .collect(),
        propagation_s_per_m: 5e-9,
        link_free_s: Vec::new(),
        cloud_round_trip_s: None,
        tasks: vec![task(0); tasks],
    }
}

/// Upload 8 ms, then one core that is free at 0.1 s, 0.2 s a task: ends at 0.3, 0.5, 0.7 and 0.9 s. In time
/// by 0.5 s: two.
#[test]
fn closed_form_one_core() {
    let mut slot = plain(&[1], &[], 4);
    slot.core_free_s[0][0] = 0.1;
    let bounds = bounds(&slot.build(), Venues::ALL);
    assert!(close(bounds.delay_s, 2.4), "{bounds:?}");
    assert_eq!(bounds.on_time, 2);
}

/// Idle before the tasks come: ends at 0.208, 0.408, 0.608, with the clock at 7 s.
#[test]
fn closed_form_core_waits_for_upload() {
    let mut slot = plain(&[1], &[], 3);
    slot.now_s = 7.0;
    let bounds = bounds(&slot.build(), Venues::ALL);
    assert!(close(bounds.delay_s, 1.224), "{bounds:?}");
    assert_eq!(bounds.on_time, 2);
}

/// A centre without cores and one leaf with many: the link sends a task every 4 ms, so task i ends at
/// 8 ms + 4 i ms + 5 us + 200 ms. ASG lets all of them arrive at once.
#[test]
fn closed_form_link_is_the_bottleneck() {
    let slot = plain(&[0, 8], &[(0, 1)], 5).build();
    let parts = QueueBound::default().delays(&slot, slot.queues.as_ref().unwrap(), Venues::ALL);
    let first_s = 0.008 + 0.004 + 5e-6 + 0.2;
    assert!(close(parts.ten_s, 5.0 * first_s + 0.040), "{parts:?}");
    assert!(close(parts.asg_s, 5.0 * first_s), "{parts:?}");
}

/// A star of three leaves with two cores each: two tasks per leaf, 4 ms apart, on links of their own.
#[test]
fn closed_form_star() {
    let slot = plain(&[0, 2, 2, 2], &[(0, 1), (0, 2), (0, 3)], 6).build();
    let first_s = 0.008 + 0.004 + 5e-6 + 0.2;
    let bounds = bounds(&slot, Venues::ALL);
    assert!(
        close(bounds.delay_s, 6.0 * first_s + 3.0 * 0.004),
        "{bounds:?}"
    );
}

/// Cloud at 50 ms: 58 ms each, and all in time; without it the vehicle takes 48 s, and the core's queue wins.
#[test]
fn closed_form_offers() {
    let mut slot = plain(&[1], &[], 3);
    slot.cloud_round_trip_s = Some(0.05);
    let slot = slot.build();
    let all = bounds(&slot, Venues::ALL);
    assert!(close(all.delay_s, 3.0 * 0.058), "{all:?}");
    assert_eq!(all.on_time, 3);
    let servers = bounds(&slot, Venues::SERVERS);
    assert!(close(servers.delay_s, 1.224), "{servers:?}");
    assert_eq!(servers.on_time, 2);
}

/// Nowhere to run is a bound of infinity, no panic; a slot without tasks costs nothing.
#[test]
fn closed_form_limits() {
    let nowhere = bounds(&plain(&[0], &[], 2).build(), Venues::SERVERS);
    assert!(nowhere.delay_s.is_infinite() && nowhere.on_time == 0);
    let empty = bounds(&plain(&[1], &[], 0).build(), Venues::ALL);
    assert_eq!(empty, QueueBounds::default());
    // Out of range of every RSU: 48 s on the vehicle, even where it is not on offer.
    let mut slot = plain(&[1], &[], 1);
    slot.tasks[0].entries.clear();
    assert!(close(bounds(&slot.build(), Venues::SERVERS).delay_s, 48.0));
}
