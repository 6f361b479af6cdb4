//! One policy where work runs in sessions: who hosts what, moves under way, records.

use std::collections::BTreeMap;

use super::super::decider::Decider;
use super::super::records::{PolicyRun, SessionRun, SlotRecord};
use super::super::world::World;
use super::account;
use crate::evaluate::{self, Outcome};
use crate::policy::Policy;
use crate::slot::sessions::{Down, Move, SessionState, UNCOVERED};
use crate::slot::{Placement, Slot};

/// A policy with the sessions that it hosts.
pub(in crate::engine) struct SessionLane {
    decider: Decider,
    states: BTreeMap<u64, SessionState>,
    /// States of the slot's sessions once the policy has decided.
    after: Vec<SessionState>,
    /// Moves ordered in the slot.
    ordered: Vec<Option<Move>>,
    run: PolicyRun,
}

impl SessionLane {
    pub(super) fn new(world: &World, name: &str, policy: Box<dyn Policy>) -> Self {
        Self {
            decider: Decider::new(policy).measuring(world.scenario.load_balance.of),
            states: BTreeMap::new(),
            after: Vec::new(),
            ordered: Vec::new(),
            run: PolicyRun {
                policy: name.to_owned(),
                sessions: Some(SessionRun::default()),
                ..PolicyRun::default()
            },
        }
    }

    pub(super) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(super) fn closed(&self) -> Option<&SlotRecord> {
        self.run.slots.last()
    }

    pub(super) fn finish(self) -> PolicyRun {
        self.run
    }

    /// One slot: switch, decide, order moves, serve, account.
    pub(super) fn step(&mut self, t: usize, slot: &mut Slot) {
        self.load(slot);
        let Self {
            decider,
            after,
            ordered,
            run,
            ..
        } = self;
        let totals = run.sessions.get_or_insert_default();
        after.clone_from(&sessions_of(slot).state);
        let settle = |slot: &Slot, placements: &mut [Placement]| {
            order(slot, placements, (after, ordered), totals);
            serve(slot, placements, after);
        };
        decider.host(slot, settle);
        decider.evaluate_sessions(|task, placement, cpu_hz| {
            let mut found = outcome(slot, after, task, placement, cpu_hz);
            found.migration_j += ordered[task].map_or(0.0, |way| way.energy_j);
            found
        });
        let sessions = sessions_of(slot);
        sessions.state.clone_from(after);
        sessions.ordered.clone_from(ordered);
        self.account(t, slot);
        self.save(slot);
    }

    /// Shows the policy where the sessions of the slot run; moves whose copying has ended switch.
    fn load(&mut self, slot: &mut Slot) {
        let sessions = sessions_of(slot);
        let totals = self.run.sessions.get_or_insert_default();
        sessions.state.clear();
        for id in &sessions.id {
            let known = self.states.get(id).copied();
            totals.begun += u64::from(known.is_none());
            let mut state = known.unwrap_or_default();
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

/// Places new sessions and orders moves, as the policy's placements ask.
fn order(
    slot: &Slot,
    placements: &[Placement],
    (states, ordered): (&mut [SessionState], &mut Vec<Option<Move>>),
    totals: &mut SessionRun,
) {
    let sessions = slot.sessions.as_ref().expect("sessions");
    ordered.clear();
    ordered.resize(placements.len(), None);
    for (task, placement) in placements.iter().enumerate() {
        let (Some(wanted), state) = (placement.execution(), &mut states[task]) else {
            continue;
        };
        let Some(host) = state.host else {
            state.host = Some(wanted);
            continue;
        };
        if wanted == host || !state.takes_orders() {
            continue;
        }
        let Some(way) = sessions.moves.find(host, wanted) else {
            continue;
        };
        ordered[task] = Some(*way);
        totals.moves += 1;
        totals.moved_bits += way.bits;
        if way.lead == 0 {
            switch(state, way, totals);
        } else {
            state.moving = Some((way.to, way.lead));
        }
    }
}

fn switch(state: &mut SessionState, way: &Move, totals: &mut SessionRun) {
    state.host = Some(way.to);
    state.moving = None;
    state.down = Some(way.down);
    totals.down_s += way.down_s;
}

/// Whose batch its host serves; the others run on their vehicles.
fn serve(slot: &Slot, placements: &mut [Placement], states: &[SessionState]) {
    for (task, placement) in placements.iter_mut().enumerate() {
        let (entry, state) = (slot.session_entry(task), &states[task]);
        let host = state.host.filter(|&host| {
            let away = state.down.is_some_and(|down| down.away > 0);
            entry != UNCOVERED && !away && slot.routes.find(entry, host).is_some()
        });
        *placement = host.map_or(Placement::Local, |execution| Placement::Rsu {
            entry,
            execution,
        });
    }
}

/// What the batch of `task` costs, without what is paid for a move.
fn outcome(
    slot: &Slot,
    states: &[SessionState],
    task: usize,
    placement: Placement,
    cpu_hz: f64,
) -> Outcome {
    let sessions = slot.sessions.as_ref().expect("sessions");
    let Placement::Rsu { entry, execution } = placement else {
        return evaluate::local(slot, task);
    };
    let wait_s = states[task].down.map_or(0.0, |down| down.wait_s);
    evaluate::served(
        slot,
        task,
        (entry, execution),
        (
            sessions.upload_s[task],
            sessions.interruption_s[task] + wait_s,
        ),
        cpu_hz,
    )
}
