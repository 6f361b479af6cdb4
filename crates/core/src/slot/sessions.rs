//! Sessions in a slot: work that runs over many slots, of which the slot's tasks are the batches.

use super::Slot;
use crate::backhaul::Routes;
use crate::model::moving::Copying;
use crate::model::{objective, transfer};
use crate::ragged::Ragged;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Stands for the entry of a vehicle that no RSU covers.
pub const UNCOVERED: u32 = u32::MAX;

/// What is known of the sessions that run in a slot; a row is that of its batch among the slot's tasks.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// What moves take, the same for all sessions.
    pub moves: Arc<Moves>,
    /// Number of the session in the run.
    pub id: Vec<u64>,
    /// Slots that it has left, this one included.
    pub left: Vec<u32>,
    /// Velocity of its vehicle over the last slot, east and north \[m/s\]; zero where it was not there.
    pub velocity_mps: Vec<[f64; 2]>,
    /// Time to upload its batch to the nearest RSU, whose band all that enter there share; 0 where uncovered \[s\].
    pub upload_s: Vec<f64>,
    /// Interruption by a change of the entry RSU \[s\].
    pub interruption_s: Vec<f64>,
    /// Where it runs under the policy that decides; [`SessionState::default`] for a new one.
    pub state: Vec<SessionState>,
    /// The move ordered in this slot, once the policy has decided.
    pub ordered: Vec<Option<Move>>,
    /// What the run holds for it, from this slot on to its end: only for policies that know the future.
    pub ahead: Ragged<Ahead>,
    /// Which RSUs' servers work; empty where none ever fails.
    pub up: Vec<bool>,
}

impl Sessions {
    /// Whether the server of `rsu` works.
    #[must_use]
    pub fn is_up(&self, rsu: u32) -> bool {
        self.up.get(rsu as usize).is_none_or(|up| *up)
    }

    /// Removes all and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.id.clear();
        self.left.clear();
        self.velocity_mps.clear();
        self.upload_s.clear();
        self.interruption_s.clear();
        self.state.clear();
        self.ordered.clear();
        self.ahead.clear();
    }
}

/// One slot of a session's life, as it is going to be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ahead {
    /// The entry RSU, or [`UNCOVERED`].
    pub entry: u32,
    /// What upload and interruption cost, weighted by omega.
    pub access_cost: f64,
    /// What a batch costs on the vehicle.
    pub local_cost: f64,
}

/// Where a session runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionState {
    /// Its host; `None` before it was placed.
    pub host: Option<u32>,
    /// The move under way: its target, and the slots until the switch, at least one.
    pub moving: Option<(u32, u32)>,
    /// From the slot of the switch on until the downtime has passed.
    pub down: Option<Down>,
}

/// Downtime that is left at the start of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Down {
    /// Slots that are wholly within it.
    pub away: u32,
    /// What it takes of the slot after them \[s\].
    pub wait_s: f64,
}

impl Down {
    /// Downtime of `down_s` in slots of `slot_s`.
    #[must_use]
    pub fn of(down_s: f64, slot_s: f64) -> Self {
        let away = (down_s / slot_s).floor();
        Self {
            away: away as u32,
            wait_s: (down_s - away * slot_s).max(0.0),
        }
    }
}

impl SessionState {
    /// Whether a move may be ordered.
    #[must_use]
    pub fn takes_orders(&self) -> bool {
        self.moving.is_none() && self.down.is_none()
    }
}

/// What a move of a session takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Move {
    /// The new host.
    pub to: u32,
    /// Slots from the order to the switch.
    pub lead: u32,
    /// Downtime \[s\].
    pub down_s: f64,
    /// The same in slots.
    pub down: Down,
    /// All bits sent.
    pub bits: f64,
    /// Energy of sending them \[J\].
    pub energy_j: f64,
}

/// Moves between all pairs of RSUs within reach.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    copying: Copying,
    by_host: Ragged<Move>,
}

impl Moves {
    /// Moves over `routes` in slots of `slot_s`.
    #[must_use]
    pub fn new(routes: &Routes, rsus: usize, copying: &Copying, power_w: f64, slot_s: f64) -> Self {
        let mut by_host = Ragged::default();
        for from in 0..rsus as u32 {
            let others = routes.targets(from).iter().filter(|to| to.rsu != from);
            by_host.push_row(others.map(|to| {
                let moved = copying.over(to.seconds_per_bit);
                let sent_s = transfer::migration_s(moved.bits, to.seconds_per_bit);
                Move {
                    to: to.rsu,
                    lead: ((moved.copy_s / slot_s - 1e-9).ceil().max(0.0)) as u32,
                    down_s: moved.down_s,
                    down: Down::of(moved.down_s, slot_s),
                    bits: moved.bits,
                    energy_j: transfer::migration_energy_j(to.hops, power_w, sent_s),
                }
            }));
        }
        Self {
            copying: *copying,
            by_host,
        }
    }

    /// How state is copied.
    #[must_use]
    pub fn copying(&self) -> &Copying {
        &self.copying
    }

    /// Those from `host`, nearest first.
    #[must_use]
    pub fn from(&self, host: u32) -> &[Move] {
        if self.by_host.is_empty() {
            return &[];
        }
        self.by_host.row(host as usize)
    }

    /// That from `host` to `to`, where it is within reach.
    #[must_use]
    pub fn find(&self, host: u32, to: u32) -> Option<&Move> {
        self.from(host).iter().find(|way| way.to == to)
    }
}

impl Slot {
    /// Finds how long each batch of sessions takes to upload, where the band of each RSU is shared by all that enter there.
    /// `entering` is scratch memory. Nothing where there are no sessions.
    pub(crate) fn share_uploads(&mut self, entering: &mut Vec<u32>) {
        let Self {
            tasks,
            sessions,
            coverage,
            rsus,
            vehicles,
            ..
        } = self;
        let Some(sessions) = sessions else {
            return;
        };
        // in a slot with errors a task may be of no vehicle
        let of = |v: u32| Some(v as usize).filter(|&v| v < vehicles.len());
        let link = |v: u32| coverage.of(of(v)?).first();
        entering.clear();
        entering.resize(rsus.len(), 0);
        for link in tasks.vehicle.iter().filter_map(|&v| link(v)) {
            entering[link.rsu as usize] += 1;
        }
        sessions.upload_s.clear();
        for (&v, &data_bits) in tasks.vehicle.iter().zip(&tasks.data_bits) {
            sessions.upload_s.push(link(v).map_or(0.0, |link| {
                let entering = f64::from(entering[link.rsu as usize]);
                transfer::upload_s(data_bits, link.seconds_per_bit, entering)
            }));
        }
    }

    /// The RSU by which the batch of `task` enters: the nearest, or [`UNCOVERED`].
    #[must_use]
    pub fn session_entry(&self, task: usize) -> u32 {
        self.nearest_rsu(task)
    }

    /// What upload and interruption cost the batch of `task`, where it is served.
    ///
    /// # Panics
    /// In a slot without sessions.
    #[must_use]
    pub fn access_cost(&self, task: usize) -> f64 {
        let sessions = self.sessions.as_ref().expect("sessions");
        let upload_s = sessions.upload_s[task];
        let power_w = self.vehicles.tx_power_w[self.tasks.vehicle[task] as usize];
        objective(
            self.omega,
            upload_s + sessions.interruption_s[task],
            transfer::upload_energy_j(power_w, upload_s),
        )
    }

    /// What the way of a batch of `data_bits` from `entry` to `host` costs; `None` where it is not within reach.
    #[must_use]
    pub fn way_cost(&self, entry: u32, host: u32, data_bits: f64) -> Option<f64> {
        if entry == host {
            return Some(0.0);
        }
        let target = self.routes.find(entry, host)?;
        let way_s = transfer::migration_s(data_bits, target.seconds_per_bit);
        let energy_j = transfer::migration_energy_j(target.hops, self.migration_power_w, way_s);
        Some(objective(self.omega, way_s, energy_j))
    }
}
