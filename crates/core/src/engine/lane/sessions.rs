//! One policy where work runs in sessions: who hosts what, moves under way, records.

use std::collections::BTreeMap;

use super::super::decider::Decider;
use super::super::hosting::{survive, switch};
use super::super::records::{PolicyRun, SessionRun, SlotRecord};
use super::super::traffic::Traffic;
use super::super::world::World;
use super::account;
use crate::policy::Policy;
use crate::slot::sessions::{Down, SessionState};
use crate::slot::{Decision, Placement, Slot};

/// A policy with the sessions that it hosts.
pub(in crate::engine) struct SessionLane {
    decider: Decider,
    states: BTreeMap<u64, SessionState>,
    run: PolicyRun,
}

impl SessionLane {
    pub(in crate::engine) fn new(world: &World, name: &str, policy: Box<dyn Policy>) -> Self {
        Self {
            decider: Decider::new(policy).measuring(world.scenario.load_balance.of),
            states: BTreeMap::new(),
            run: PolicyRun {
                policy: name.to_owned(),
                sessions: Some(SessionRun {
                    evicted: (!world.faults.is_empty()).then_some(0),
                    ..SessionRun::default()
                }),
                ..PolicyRun::default()
            },
        }
    }

    pub(super) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(in crate::engine) fn closed(&self) -> Option<&SlotRecord> {
        self.run.slots.last()
    }

    pub(super) fn finish(self) -> PolicyRun {
        self.run
    }

    /// One slot: switch, decide, order moves, serve, account.
    pub(super) fn step(&mut self, t: usize, slot: &mut Slot, traffic: &mut Traffic<'_>) {
        self.open(slot);
        self.close(t, slot, traffic, None);
    }

    /// Decides, by the policy or as decided from outside, and accounts the slot.
    pub(in crate::engine) fn close(
        &mut self,
        t: usize,
        slot: &mut Slot,
        traffic: &mut Traffic<'_>,
        decision: Option<&Decision>,
    ) {
        let totals = self.run.sessions.get_or_insert_default();
        self.decider.host(slot, decision, totals);
        self.decider.return_results(slot, traffic);
        let (sessions, hosted) = (sessions_of(slot), self.decider.hosted());
        sessions.state.clone_from(&hosted.states);
        sessions.ordered.clone_from(&hosted.ordered);
        self.account(t, slot);
        self.save(slot);
        self.decider.tell_all(t, slot);
    }

    /// Shows where the sessions of the slot run; moves whose copying has ended switch.
    pub(in crate::engine) fn open(&mut self, slot: &mut Slot) {
        let sessions = sessions_of(slot);
        let totals = self.run.sessions.get_or_insert_default();
        sessions.state.clear();
        for row in 0..sessions.id.len() {
            let known = self.states.get(&sessions.id[row]).copied();
            totals.begun += u64::from(known.is_none());
            let mut state = known.unwrap_or_default();
            survive(&mut state, sessions, totals);
            if let Some((to, slots)) = state.moving {
                state.moving = Some((to, slots - 1));
                if slots == 1 {
                    let from = state.host.expect("a session that moves has a host");
                    let way = sessions.moves.find(from, to).expect("a move within reach");
                    switch(&mut state, way, totals);
                }
            }
            sessions.state.push(state);
        }
    }

    fn account(&mut self, t: usize, slot: &Slot) {
        let (placements, costs) = (self.decider.placements(), self.decider.costs());
        let mut record = account(slot, placements, costs);
        record.slot = t as u32;
        record.decision_time_s = self.decider.decision_time_s();
        self.run.slots.push(record);
        self.run.record_loads(costs.loads());
        for outcome in costs.outcomes() {
            self.run.delay.record(outcome.delay_s());
            self.run.energy.record(outcome.energy_j());
        }
        let totals = self.run.sessions.get_or_insert_default();
        totals.batches += placements.len() as u64;
        totals.served += placements
            .iter()
            .filter(|p| **p != Placement::Local)
            .count() as u64;
    }

    /// What outlasted the last slot: sessions by number.
    pub(in crate::engine) fn kept(&self) -> impl Iterator<Item = (u64, SessionState)> {
        self.states.iter().map(|(&id, &state)| (id, state))
    }

    /// Goes on from what [`kept`](Self::kept) said.
    pub(in crate::engine) fn keep(&mut self, sessions: &[(u64, SessionState)]) {
        self.states = sessions.iter().copied().collect();
    }

    /// Keeps what outlasts the slot.
    fn save(&mut self, slot: &Slot) {
        let sessions = slot.sessions.as_ref().expect("sessions");
        self.states.clear();
        for (&id, state) in sessions.id.iter().zip(&sessions.state) {
            let mut state = *state;
            state.down = match state.down {
                Some(Down { away: 0, .. }) | None => None,
                Some(Down { away, wait_s }) => Some(Down {
                    away: away - 1,
                    wait_s,
                }),
            };
            self.states.insert(id, state);
        }
    }
}

fn sessions_of(slot: &mut Slot) -> &mut crate::slot::sessions::Sessions {
    slot.sessions.as_mut().expect("a slot of sessions")
}
