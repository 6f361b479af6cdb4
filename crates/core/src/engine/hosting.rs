//! What a slot makes of the hosts that a policy names for sessions: moves, batches served, and what they cost.

use super::records::SessionRun;
use crate::evaluate::{self, Outcome};
use crate::slot::sessions::{Move, SessionState, Sessions, UNCOVERED};
use crate::slot::{Placement, Slot};

/// The sessions of a slot once the policy has decided.
#[derive(Clone, Debug, Default)]
pub struct Hosted {
    /// Where they run.
    pub states: Vec<SessionState>,
    /// Moves ordered in the slot.
    pub ordered: Vec<Option<Move>>,
}

impl Hosted {
    /// Places new sessions and orders moves as `placements` ask, which then say where each batch runs.
    pub(super) fn settle(
        &mut self,
        slot: &Slot,
        placements: &mut [Placement],
        totals: &mut SessionRun,
    ) {
        let sessions = slot.sessions.as_ref().expect("sessions");
        self.states.clone_from(&sessions.state);
        self.order(sessions, placements, totals);
        self.serve(slot, placements);
    }

    fn order(&mut self, sessions: &Sessions, placements: &[Placement], totals: &mut SessionRun) {
        let Self { states, ordered } = self;
        ordered.clear();
        ordered.resize(placements.len(), None);
        for (task, placement) in placements.iter().enumerate() {
            let (Some(wanted), state) = (placement.execution(), &mut states[task]) else {
                continue;
            };
            let Some(host) = state.host else {
                state.host = Some(wanted).filter(|&wanted| sessions.is_up(wanted));
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

    /// Whose batch its host serves; the others run on their vehicles.
    fn serve(&self, slot: &Slot, placements: &mut [Placement]) {
        for (task, placement) in placements.iter_mut().enumerate() {
            let (entry, state) = (slot.session_entry(task), &self.states[task]);
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

    /// What the batch of `task` costs, with what is paid for a move ordered.
    pub(super) fn outcome(
        &self,
        slot: &Slot,
        task: usize,
        placement: Placement,
        cpu_hz: f64,
    ) -> Outcome {
        let sessions = slot.sessions.as_ref().expect("sessions");
        let mut outcome = match placement {
            Placement::Rsu { entry, execution } => {
                let wait_s = self.states[task].down.map_or(0.0, |down| down.wait_s);
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
            _ => evaluate::local(slot, task),
        };
        outcome.migration_j += self.ordered[task].map_or(0.0, |way| way.energy_j);
        outcome
    }
}

/// A session whose copying has ended is at its new host, and down there.
pub(super) fn switch(state: &mut SessionState, way: &Move, totals: &mut SessionRun) {
    state.host = Some(way.to);
    state.moving = None;
    state.down = Some(way.down);
    totals.down_s += way.down_s;
}

/// What faults leave of a session: without its host it is to be placed anew, and without a way its move ends.
pub(super) fn survive(state: &mut SessionState, sessions: &Sessions, totals: &mut SessionRun) {
    let Some(host) = state.host else {
        return;
    };
    if !sessions.is_up(host) {
        *state = SessionState::default();
        totals.evicted = totals.evicted.map(|count| count + 1);
    } else if let Some((to, _)) = state.moving
        && sessions.moves.find(host, to).is_none()
    {
        state.moving = None;
    }
}
