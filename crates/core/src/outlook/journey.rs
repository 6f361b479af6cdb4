//! What a policy expects of a session: where its vehicle enters, slot by slot.

use crate::slot::sessions::{Ahead, Sessions, UNCOVERED};
use crate::slot::{Rsus, Slot};

/// Where futures come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outlook {
    /// Vehicles keep their velocity; no farther than so many seconds.
    Constant { horizon_s: f64 },
    /// The run itself, to the end of the session.
    Known,
}

/// Fills `ahead` with the expected slots of `task`, this one first.
pub(crate) fn expect(outlook: Outlook, slot: &Slot, task: usize, ahead: &mut Vec<Ahead>) {
    let sessions = slot.sessions.as_ref().expect("a slot of sessions");
    ahead.clear();
    let horizon_s = match outlook {
        Outlook::Known => {
            ahead.extend_from_slice(sessions.ahead.row(task));
            return;
        }
        Outlook::Constant { horizon_s } => horizon_s,
    };
    let most = (horizon_s / slot.slot_s).ceil().max(1.0) as u32;
    let vehicle = slot.tasks.vehicle[task] as usize;
    let [east_mps, north_mps] = sessions.velocity_mps[task];
    let (entry, access_cost) = (slot.session_entry(task), slot.access_cost(task));
    let local_cost = slot.local_cost(task);
    for h in 0..sessions.left[task].min(most) {
        let time_s = f64::from(h) * slot.slot_s;
        let x_m = slot.vehicles.x_m[vehicle] + east_mps * time_s;
        let y_m = slot.vehicles.y_m[vehicle] + north_mps * time_s;
        ahead.push(Ahead {
            entry: if h == 0 {
                entry
            } else {
                nearest(&slot.rsus, sessions, x_m, y_m)
            },
            access_cost,
            local_cost,
        });
    }
}

/// The nearest RSU that works and covers a place, or [`UNCOVERED`].
fn nearest(rsus: &Rsus, sessions: &Sessions, x_m: f64, y_m: f64) -> u32 {
    let mut best = (f64::INFINITY, UNCOVERED);
    for m in 0..rsus.len() {
        let (dx_m, dy_m) = (rsus.x_m[m] - x_m, rsus.y_m[m] - y_m);
        let distance2_m2 = dx_m * dx_m + dy_m * dy_m;
        let covers = distance2_m2 <= rsus.range_m[m] * rsus.range_m[m];
        if covers && distance2_m2 < best.0 && sessions.is_up(m as u32) {
            best = (distance2_m2, m as u32);
        }
    }
    best.1
}
