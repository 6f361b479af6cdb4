//! Sessions in the JSON of a slot: what moves take, and where each session runs.

use super::NamedSlot;
use crate::backhaul::Routes;
use crate::config::{Count, Float, Names, Pair, Section, Text};
use crate::model::moving::Copying;
use crate::slot::Slot;
use crate::slot::sessions::{Down, Moves, SessionState, Sessions};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const BYTES: Float = Float::NON_NEGATIVE.up_to(1e15);
const SECONDS: Float = Float::NON_NEGATIVE.up_to(1e6);

/// The optional section `sessions`: how state is copied.
pub(super) fn copying(s: &mut Section<'_>) -> Option<Copying> {
    let doc = "What moves of sessions take; each task is then the batch of a session";
    s.optional_section("sessions", "every task stands alone", doc, |s| {
        let state_bytes = s.required(
            "state_bytes",
            BYTES,
            "state that moves with a session [bytes]",
        );
        let doc = "state that a running session changes, which is to be sent again [bytes/s]";
        let dirty_bytes_per_s = s.default("dirty_bytes_per_s", BYTES, 0.0, doc);
        let most = Count { min: 0, max: 1000 };
        let rounds = s.default("rounds", most, 8, "most rounds of pre-copy");
        let doc = "what is left to send at which a session stops [bytes]";
        let stop_bytes = s.default("stop_bytes", BYTES, 1e6, doc);
        let doc = "time to start at the new host, after all is sent [s]";
        let restart_s = s.default("restart_s", SECONDS, 0.05, doc);
        Copying {
            state_bits: 8.0 * state_bytes,
            dirty_bps: 8.0 * dirty_bytes_per_s,
            rounds,
            stop_bits: 8.0 * stop_bytes,
            restart_s,
        }
    })
}

/// What the tasks of a slot say of sessions.
#[derive(Default)]
pub(super) struct Rows {
    sessions: Sessions,
    /// Downtime that is left \[s\].
    down_s: Vec<f64>,
    /// Whether any key of a session is given, by task.
    given: Vec<bool>,
    /// Numbers of the sessions so far.
    known: BTreeSet<u64>,
}

impl Rows {
    /// Reads what the next task says.
    pub(super) fn read(&mut self, s: &mut Section<'_>, rsus: &Names) {
        let keys = [
            "session",
            "left",
            "velocity_mps",
            "interruption_s",
            "host",
            "moving_to",
            "moving_slots",
            "down_s",
        ];
        self.given.push(keys.iter().any(|key| s.has(key)));
        let sessions = &mut self.sessions;
        let numbers = Count {
            min: 0,
            max: 1 << 53,
        };
        let doc = "only with sessions: its number, by which a policy knows it again";
        let id = s.optional("session", numbers, "its place in the list", doc);
        let id = id.unwrap_or(sessions.id.len() as u64);
        if !self.known.insert(id) {
            s.problem("session", format!("{id} is taken already"));
        }
        sessions.id.push(id);
        let slots = Count {
            min: 1,
            max: 10_000,
        };
        let doc = "only with sessions: slots that the session has left, this one included";
        sessions.left.push(s.default("left", slots, 1, doc));
        let doc = "only with sessions: velocity of the vehicle, east and north [m/s]";
        let speed = Pair(Float::between(-1e6, 1e6));
        let velocity = s.optional("velocity_mps", speed, "it stands", doc);
        sessions.velocity_mps.push(velocity.unwrap_or_default());
        let doc = "only with sessions: interruption by a change of the entry RSU [s]";
        sessions
            .interruption_s
            .push(s.default("interruption_s", SECONDS, 0.0, doc));
        self.read_state(s, rsus);
    }

    /// Reads where the session runs.
    fn read_state(&mut self, s: &mut Section<'_>, rsus: &Names) {
        let slots = Count {
            min: 1,
            max: 10_000,
        };
        let mut rsu = |key, without, doc| {
            let id = s.optional(key, Text::NAME, without, doc)?;
            rsus.resolve(s, key, "RSU", &id)
        };
        let doc = "only with sessions: id of the RSU that hosts it";
        let host = rsu("host", "it is to be placed", doc);
        let doc = "only with sessions: id of the RSU that it is moving to";
        let to = rsu("moving_to", "it does not move", doc);
        let doc = "only with sessions: slots until it switches there";
        let after = s.default("moving_slots", slots, 1, doc);
        let doc = "only with sessions: downtime that is left [s]";
        let left_s = s.optional("down_s", SECONDS, "it is up", doc);
        if host.is_none() && (s.has("moving_to") || left_s.is_some()) && !s.has("host") {
            s.problem("host", "missing, needed where it moves or is down");
        }
        if to.is_some() && left_s.is_some() {
            s.problem(
                "down_s",
                "must be left out where it moves: a session that is down does not move",
            );
        }
        if s.has("moving_slots") && !s.has("moving_to") {
            s.problem("moving_slots", "needs moving_to");
        }
        self.sessions.state.push(SessionState {
            host,
            moving: to.filter(|_| host.is_some()).map(|to| (to, after)),
            down: left_s.map(|_| Down::default()),
        });
        self.down_s.push(left_s.unwrap_or(0.0));
    }

    /// The sessions of a slot, where it has any.
    pub(super) fn sessions(
        self,
        s: &mut Section<'_>,
        copying: Option<Copying>,
        (routes, rsus): (&Routes, usize),
        (power_w, slot_s): (f64, f64),
    ) -> Option<Sessions> {
        let Self {
            mut sessions,
            down_s,
            given,
            ..
        } = self;
        let Some(copying) = copying else {
            if let Some(task) = given.iter().position(|given| *given) {
                let message = "needs the section sessions: session, left, velocity_mps, interruption_s, host, moving_to, moving_slots and down_s are theirs";
                s.problem(&format!("tasks[{task}]"), message);
            }
            return None;
        };
        let moves = Moves::new(routes, rsus, &copying, power_w, slot_s);
        for (task, (state, left_s)) in sessions.state.iter_mut().zip(down_s).enumerate() {
            if state.down.is_some() {
                state.down = Some(Down::of(left_s, slot_s));
            }
            if let (Some(host), Some((to, _))) = (state.host, state.moving)
                && moves.find(host, to).is_none()
            {
                state.moving = None;
                let message = "must be another RSU than the host, within max_hops of it";
                s.problem(&format!("tasks[{task}].moving_to"), message);
            }
        }
        sessions.moves = Arc::new(moves);
        Some(sessions)
    }
}

impl NamedSlot {
    /// The section `sessions`, and what each task says of its own, where there are sessions.
    pub(super) fn sessions_json(&self, root: &mut Json) {
        let Slot {
            sessions,
            rsus,
            slot_s,
            ..
        } = &self.slot;
        let Some(sessions) = sessions else {
            return;
        };
        let copying = sessions.moves.copying();
        root["sessions"] = json!({
            "state_bytes": copying.state_bits / 8.0,
            "dirty_bytes_per_s": copying.dirty_bps / 8.0,
            "rounds": copying.rounds,
            "stop_bytes": copying.stop_bits / 8.0,
            "restart_s": copying.restart_s,
        });
        let rsu_id = |m: u32| json!(rsus.id[m as usize]);
        let Some(tasks) = root["tasks"].as_array_mut() else {
            return;
        };
        for (row, task) in tasks.iter_mut().filter_map(Json::as_object_mut).enumerate() {
            let mut put = |key: &str, value: Json| Map::insert(task, key.to_owned(), value);
            put("session", json!(sessions.id[row]));
            put("left", json!(sessions.left[row]));
            put("velocity_mps", json!(sessions.velocity_mps[row]));
            put("interruption_s", json!(sessions.interruption_s[row]));
            let state = &sessions.state[row];
            if let Some(host) = state.host {
                put("host", rsu_id(host));
            }
            if let Some((to, after)) = state.moving {
                put("moving_to", rsu_id(to));
                put("moving_slots", json!(after));
            }
            if let Some(down) = state.down {
                put("down_s", json!(f64::from(down.away) * slot_s + down.wait_s));
            }
        }
    }
}
