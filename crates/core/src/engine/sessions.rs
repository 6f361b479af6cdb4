//! The sessions of one seed: when they begin and end.

use std::collections::BTreeMap;

use super::world::{draw, draw_cycles};
use crate::mobility::{Positions, VehicleKey};
use crate::rng::{Stream, Streams};
use crate::scenario::sessions::slots;
use crate::scenario::{SessionOptions, Task};
use crate::slot::Slot;
use crate::slot::sessions::{SessionState, UNCOVERED};

/// A session that runs.
#[derive(Clone, Copy, Debug)]
struct Session {
    id: u64,
    cycles: f64,
    data_bits: f64,
    deadline_s: f64,
    /// Slots left, this one included.
    left: u32,
    /// The RSU that its vehicle last entered by.
    entry: u32,
}

/// Begins and ends the sessions of vehicles. All policies meet the same.
pub(super) struct SessionSource {
    options: SessionOptions,
    arrival: Stream,
    duration: Stream,
    cycles: Stream,
    data: Stream,
    deadline: Stream,
    running: BTreeMap<VehicleKey, Session>,
    begun: u64,
    /// Places of the vehicles in the slot before.
    before_m: Vec<[f64; 2]>,
    /// Vehicles that enter by each RSU with a session.
    entering: Vec<u32>,
}

impl SessionSource {
    pub(super) fn new(options: SessionOptions, streams: Streams) -> Self {
        Self {
            options,
            arrival: streams.stream("session.arrival"),
            duration: streams.stream("session.duration"),
            cycles: streams.stream("session.cycles"),
            data: streams.stream("session.data"),
            deadline: streams.stream("session.deadline"),
            running: BTreeMap::new(),
            begun: 0,
            before_m: Vec::new(),
            entering: Vec::new(),
        }
    }

    /// Fills the tasks of `slot` with the batches of all sessions that run in it.
    pub(super) fn advance(
        &mut self,
        task: &Task,
        positions: &Positions,
        previous_row: &[Option<u32>],
        slot: &mut Slot,
    ) {
        self.begin(task, positions, slot.slot_s);
        let Slot {
            tasks,
            sessions,
            coverage,
            ..
        } = slot;
        let sessions = sessions.as_mut().expect("a world of sessions");
        tasks.clear();
        sessions.clear();
        for (v, key) in positions.key.iter().enumerate() {
            let Some(session) = self.running.get_mut(key) else {
                continue;
            };
            tasks.vehicle.push(v as u32);
            tasks.cycles.push(session.cycles);
            tasks.data_bits.push(session.data_bits);
            tasks.deadline_s.push(session.deadline_s);
            sessions.id.push(session.id);
            sessions.left.push(session.left);
            let here_m = [positions.x_m[v], positions.y_m[v]];
            let before_m = previous_row[v].and_then(|row| self.before_m.get(row as usize));
            sessions.velocity_mps.push(before_m.map_or([0.0; 2], |at| {
                [0, 1].map(|axis| (here_m[axis] - at[axis]) / slot.slot_s)
            }));
            let entry = coverage.of(v).first().map_or(UNCOVERED, |link| link.rsu);
            let handed_over =
                entry != UNCOVERED && session.entry != UNCOVERED && entry != session.entry;
            let interruption_s = if handed_over {
                self.options.interruption_s
            } else {
                0.0
            };
            sessions.interruption_s.push(interruption_s);
            sessions.state.push(SessionState::default());
            if entry != UNCOVERED {
                session.entry = entry;
            }
            session.left -= 1;
        }
        slot.share_uploads(&mut self.entering);
        self.before_m.clear();
        let places = positions.x_m.iter().zip(&positions.y_m);
        self.before_m.extend(places.map(|(&x_m, &y_m)| [x_m, y_m]));
    }

    /// Ends sessions whose time is over or whose vehicle is gone, and begins others.
    fn begin(&mut self, task: &Task, positions: &Positions, slot_s: f64) {
        let mut running = BTreeMap::new();
        for &key in &positions.key {
            match self.running.get(&key) {
                Some(session) if session.left > 0 => {
                    running.insert(key, *session);
                }
                _ if self.arrival.unit() < task.probability => {
                    let data_bits = 8.0 * draw(task.data_bytes, &mut self.data);
                    let duration_s = draw(self.options.duration_s, &mut self.duration);
                    let session = Session {
                        id: self.begun,
                        cycles: draw_cycles(task.cycles, data_bits, &mut self.cycles),
                        data_bits,
                        deadline_s: draw(task.deadline_s, &mut self.deadline),
                        left: u32::try_from(slots(duration_s, slot_s)).unwrap_or(u32::MAX),
                        entry: UNCOVERED,
                    };
                    self.begun += 1;
                    running.insert(key, session);
                }
                _ => {}
            }
        }
        self.running = running;
    }
}
