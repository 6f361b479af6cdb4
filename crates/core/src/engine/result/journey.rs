//! The way of one answer to its vehicle.

use std::sync::Arc;

use super::{Fate, Ground, Missed, Origin, Returned};
use crate::backhaul::Target;
use crate::engine::health::Works;
use crate::engine::trajectory::{Motion, Trajectory};
use crate::model::transfer;
use crate::scenario::ResultOptions;

/// An answer on its way.
pub(super) struct Journey<'a, 'g> {
    pub(super) ground: &'a mut Ground<'g>,
    pub(super) options: &'a ResultOptions,
    pub(super) origin: Origin,
    /// Where the task ran, and when it ended.
    pub(super) host: u32,
    pub(super) ready_s: f64,
    /// What works in the present stretch, where parts fail.
    pub(super) works: Option<Arc<Works>>,
    /// Distance that the vehicle has driven when the stretch begins \[m\].
    pub(super) driven_m: f64,
}

/// A vehicle in range of an RSU.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Contact {
    /// From the start of the stretch \[s\].
    after_s: f64,
    rsu: u32,
    /// Time of one bit from there \[s/bit\].
    seconds_per_bit: f64,
}

/// A straight piece of a vehicle's way.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    place_m: [f64; 2],
    speed_mps: [f64; 2],
    left_s: f64,
    driven_m: f64,
}

impl Stretch {
    /// The place after so many seconds, and the distance driven by then.
    fn after(&self, seconds: f64) -> ([f64; 2], f64) {
        let [x, y] = self.speed_mps;
        let place_m = [0, 1].map(|axis| self.place_m[axis] + self.speed_mps[axis] * seconds);
        (place_m, self.driven_m + x.hypot(y) * seconds)
    }
}

impl Journey<'_, '_> {
    /// What becomes of the answer.
    pub(super) fn end(&mut self, trajectory: &mut Trajectory) -> Returned {
        let ready_s = self.ready_s;
        let limit_s = ready_s + self.options.give_up_s;
        let mut handovers = Handovers::default();
        let (mut at, mut row) = (self.origin.at, self.origin.row);
        loop {
            let (start_s, end_s) = (trajectory.time_s(at), trajectory.time_s(at + 1));
            let from_m = trajectory.place_m(at, row);
            self.look(start_s);
            handovers.see(self.nearest(from_m, self.driven_m));
            let motion = trajectory.motion(self.ground.source, at, row);
            let to_m = match motion {
                Motion::Goes { to_m, .. } => to_m,
                Motion::Leaves | Motion::Unknown => from_m,
            };
            let speed_mps = [0, 1].map(|axis| (to_m[axis] - from_m[axis]) / (end_s - start_s));
            let whole = Stretch {
                place_m: from_m,
                speed_mps,
                left_s: end_s - start_s,
                driven_m: self.driven_m,
            };
            if ready_s < end_s {
                let begin_s = ready_s.max(start_s);
                let (place_m, driven_m) = whole.after(begin_s - start_s);
                let rest = Stretch {
                    place_m,
                    driven_m,
                    left_s: limit_s.min(end_s) - begin_s,
                    ..whole
                };
                if let Some(contact) = self.contact(&rest) {
                    handovers.see(Some(contact.rsu));
                    let wait_s = begin_s - ready_s + contact.after_s;
                    return self.sent(contact, wait_s, handovers.count);
                }
                if limit_s < end_s {
                    return self.lost(Missed::NoCoverage, handovers.count);
                }
            }
            self.driven_m = whole.after(whole.left_s).1;
            match motion {
                Motion::Goes { row: next, .. } => (at, row) = (at + 1, next),
                Motion::Leaves => return self.lost(Missed::VehicleLeft, handovers.count),
                Motion::Unknown => return Returned::pending(self.origin.bits),
            }
        }
    }

    /// Learns what works from `now_s` on.
    fn look(&mut self, now_s: f64) {
        let Ground { health, world, .. } = &mut *self.ground;
        self.works = health.as_mut().map(|health| health.at(world, now_s));
    }

    fn is_up(&self, rsu: u32) -> bool {
        self.works.as_ref().is_none_or(|works| works.is_up(rsu))
    }

    /// The way of the answer to `rsu`, where one leads there.
    fn way(&self, rsu: u32) -> Option<&Target> {
        let works = self.works.as_ref().map(|works| &*works.routes);
        let routes = works.unwrap_or(&self.ground.world.routes);
        routes.find(self.host, rsu)
    }

    /// Whether the answer can come to `rsu`.
    fn is_reached(&self, rsu: u32) -> bool {
        self.is_up(rsu) && self.is_up(self.host) && self.way(rsu).is_some()
    }

    /// The RSU that covers a place.
    fn nearest(&self, place_m: [f64; 2], driven_m: f64) -> Option<u32> {
        let covers = |rsu| self.is_up(rsu) && self.hears(rsu, place_m, driven_m).is_some();
        let nearest = self.ground.world.coverage().nearest(place_m, covers);
        nearest.map(|(_, rsu)| rsu)
    }

    /// Time of one bit from `rsu` to the vehicle at a place in its range, where it hears the RSU \[s/bit\].
    fn hears(&self, rsu: u32, [x_m, y_m]: [f64; 2], driven_m: f64) -> Option<f64> {
        let Ground { world, links, .. } = &*self.ground;
        let m = rsu as usize;
        let own_hz = world.rsus.bandwidth_hz[m];
        let bandwidth_hz = self.options.bandwidth_hz.unwrap_or(own_hz);
        let power_w = self.options.tx_power_w.unwrap_or(self.origin.tx_power_w);
        let fixed_bps = world.scenario.uplink_rate_bps;
        if let (None, Some(rate_bps)) = (self.options.tx_power_w, fixed_bps) {
            return Some(1.0 / rate_bps);
        }
        let Some(links) = links else {
            let (dx_m, dy_m) = (world.rsus.x_m[m] - x_m, world.rsus.y_m[m] - y_m);
            let distance2_m2 = dx_m * dx_m + dy_m * dy_m;
            let index = world.coverage();
            return Some(index.seconds_per_bit(bandwidth_hz, power_w, distance2_m2));
        };
        let place = links.place(self.origin.row, [x_m, y_m], driven_m);
        links.down(world, &place, (m, bandwidth_hz, power_w))
    }

    /// The first contact on a stretch with an RSU that the answer can come to.
    fn contact(&self, stretch: &Stretch) -> Option<Contact> {
        let rsus = &self.ground.world.rsus;
        let place_m = stretch.place_m;
        let contact = |rsu: u32, after_s: f64, (place_m, driven_m): ([f64; 2], f64)| {
            let heard = self
                .hears(rsu, place_m, driven_m)
                .filter(|_| self.is_reached(rsu));
            heard.map(|seconds_per_bit| Contact {
                after_s,
                rsu,
                seconds_per_bit,
            })
        };
        let here = stretch.after(0.0);
        let reached = |rsu| contact(rsu, 0.0, here).is_some();
        if let Some((_, rsu)) = self.ground.world.coverage().nearest(place_m, reached) {
            return contact(rsu, 0.0, here);
        }
        let mut first: Option<Contact> = None;
        for m in 0..rsus.len() {
            let offset_m = [place_m[0] - rsus.x_m[m], place_m[1] - rsus.y_m[m]];
            let Some(after_s) = entry_s(offset_m, stretch.speed_mps, rsus.range_m[m]) else {
                continue;
            };
            let sooner = first.is_none_or(|first| after_s < first.after_s);
            if after_s <= stretch.left_s && sooner && after_s > 0.0 {
                first = contact(m as u32, after_s, stretch.after(after_s)).or(first);
            }
        }
        first
    }

    fn sent(&self, contact: Contact, wait_s: f64, handovers: u32) -> Returned {
        let Self {
            options, origin, ..
        } = self;
        let target = self.way(contact.rsu).expect("a route leads there");
        let backhaul_s = transfer::migration_s(origin.bits, target.seconds_per_bit);
        let power_w = self.ground.world.scenario.backhaul.migration_power_w;
        let backhaul_j = transfer::migration_energy_j(target.hops, power_w, backhaul_s);
        // no bits take no time, also over a radio that is too weak for any
        let down_s = if origin.bits > 0.0 {
            origin.bits * contact.seconds_per_bit
        } else {
            0.0
        };
        Returned {
            fate: Fate::Returned(contact.rsu),
            bits: origin.bits,
            wait_s,
            backhaul_s,
            down_s,
            interruption_s: f64::from(handovers) * options.interruption_s,
            lost_s: 0.0,
            energy_j: backhaul_j + options.tx_power_w.map_or(0.0, |power_w| power_w * down_s),
            handovers,
            hops: target.hops,
        }
    }

    fn lost(&self, reason: Missed, handovers: u32) -> Returned {
        Returned {
            fate: Fate::Lost(reason),
            bits: self.origin.bits,
            lost_s: self.options.give_up_s + self.options.penalty_s,
            handovers,
            ..Returned::default()
        }
    }
}

/// Counts how often another RSU covers a vehicle than before.
#[derive(Debug, Default)]
struct Handovers {
    last: Option<u32>,
    count: u32,
}

impl Handovers {
    /// Coverage that is lost and found again at the same RSU is no handover.
    fn see(&mut self, covering: Option<u32>) {
        let Some(rsu) = covering else {
            return;
        };
        self.count += u32::from(self.last.is_some_and(|last| last != rsu));
        self.last = Some(rsu);
    }
}

/// When something at `offset_m` from the centre of a circle, with that speed, comes within `range_m` of it, from now on.
fn entry_s(offset_m: [f64; 2], speed_mps: [f64; 2], range_m: f64) -> Option<f64> {
    let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
    // |offset + speed t|^2 = range^2
    let (a, half_b) = (dot(speed_mps, speed_mps), dot(offset_m, speed_mps));
    let c = dot(offset_m, offset_m) - range_m * range_m;
    if c <= 0.0 {
        return Some(0.0);
    }
    let discriminant = half_b * half_b - a * c;
    if half_b >= 0.0 || discriminant < 0.0 {
        return None;
    }
    // the smaller root, in the form that keeps its digits: both terms of the sum are positive
    Some(c / (discriminant.sqrt() - half_b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Towards the centre from 130 m at 20 m/s, 100 m of range: 1.5 s. Away, past it, and at rest: never.
    #[test]
    fn closed_form_entry_into_a_circle() {
        let at = |offset, speed| entry_s(offset, speed, 100.0);
        assert!((at([-130.0, 0.0], [20.0, 0.0]).unwrap() - 1.5).abs() < 1e-12);
        // at y = 60 the circle begins at x = -80
        assert!((at([-130.0, 60.0], [20.0, 0.0]).unwrap() - 2.5).abs() < 1e-12);
        assert_eq!(at([-130.0, 0.0], [-20.0, 0.0]), None);
        assert_eq!(at([-130.0, 101.0], [20.0, 0.0]), None);
        assert_eq!(at([-130.0, 0.0], [0.0, 0.0]), None);
        assert_eq!(at([-60.0, 80.0], [0.0, 0.0]), Some(0.0));
    }

    #[test]
    fn closed_form_handovers() {
        let mut handovers = Handovers::default();
        for rsu in [None, Some(3), None, Some(3), Some(4), None, Some(3)] {
            handovers.see(rsu);
        }
        assert_eq!(handovers.count, 2);
    }
}
