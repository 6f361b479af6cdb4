//! One session of a run: where its vehicle was, and where its batches ran.

use std::collections::{BTreeMap, BTreeSet};
use wayside_core::engine::decider::Decider;
use wayside_core::slot::Slot;
use wayside_core::slot::sessions::UNCOVERED;
use wayside_plot::Stop;

/// Sessions that are followed: the first ones of a run.
const MOST: u64 = 500;

/// A session under one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Place of the policy among those compared.
    pub policy: usize,
    /// Number of the session in the run.
    pub session: u64,
    /// Slot by slot.
    pub stops: Vec<Stop>,
}

/// Follows the sessions of one seed.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    sessions: BTreeMap<u64, Followed>,
}

/// A session under all policies.
#[derive(Debug, Default)]
struct Followed {
    /// The RSUs that its vehicle has entered by.
    entries: BTreeSet<u32>,
    /// Its slots, by policy.
    stops: BTreeMap<usize, Vec<Stop>>,
}

impl Tracks {
    /// Takes what a policy has made of the sessions of a slot.
    pub(crate) fn add(&mut self, policy: usize, slot: &Slot, decider: &Decider) {
        let Some(sessions) = &slot.sessions else {
            return;
        };
        for (row, &id) in sessions.id.iter().enumerate().filter(|(_, id)| **id < MOST) {
            let vehicle = slot.tasks.vehicle[row] as usize;
            let followed = self.sessions.entry(id).or_default();
            let entry = slot.session_entry(row);
            if entry != UNCOVERED {
                followed.entries.insert(entry);
            }
            followed.stops.entry(policy).or_default().push(Stop {
                x_m: slot.vehicles.x_m[vehicle],
                y_m: slot.vehicles.y_m[vehicle],
                rsu: decider.placements()[row].execution(),
            });
        }
    }

    /// The session that enters by the most RSUs, of those the longest, under `policy`.
    pub(crate) fn longest(&self, policy: usize) -> Option<Track> {
        let all = self.sessions.iter().filter_map(|(&session, followed)| {
            let stops = followed.stops.get(&policy)?;
            Some((session, followed.entries.len(), stops))
        });
        let first = |&(session, entries, stops): &(u64, usize, &Vec<Stop>)| {
            (entries, stops.len(), std::cmp::Reverse(session))
        };
        let (session, _, stops) = all.max_by_key(first)?;
        Some(Track {
            policy,
            session,
            stops: stops.clone(),
        })
    }
}
