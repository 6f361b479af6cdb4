//! The return of results: how the answer of an offloaded task reaches its vehicle, which has moved on meanwhile.
//!
//! Decision 38. Vehicles go straight between the starts of slots, so that all instants below are exact for the trajectory
//! that the run knows. Nothing of it depends on other tasks: every receiver has a band of its own.

use super::coverage::CoverageIndex;
use super::trajectory::{Motion, Trajectory};
use crate::evaluate::Outcome;
use crate::mobility::MobilitySource;
use crate::model::transfer;
use crate::rng::Stream;
use crate::scenario::ResultOptions;
use crate::slot::{Placement, Slot};

/// Why an answer did not reach its vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// No RSU to which a route leads covered the vehicle in time.
    NoCoverage,
    /// The vehicle left.
    VehicleLeft,
}

impl Missed {
    /// All reasons, in the order in which they are counted.
    pub const ALL: [Self; 2] = [Self::NoCoverage, Self::VehicleLeft];

    /// As it stands in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCoverage => "no-coverage",
            Self::VehicleLeft => "vehicle-left",
        }
    }
}

/// What became of the answer of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fate {
    /// The task ran on its vehicle.
    #[default]
    Local,
    /// The RSU that sent it to the vehicle.
    Returned(u32),
    /// It is lost.
    Lost(Missed),
    /// Nobody knows: the positions of vehicles end before. It counts no return.
    Pending,
}

impl Fate {
    /// As it stands in tables: `local`, `returned`, `pending`, or why it is lost.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Returned(_) => "returned",
            Self::Lost(reason) => reason.name(),
            Self::Pending => "pending",
        }
    }

    /// Whether the vehicle has the answer.
    #[must_use]
    pub fn is_there(self) -> bool {
        matches!(self, Self::Local | Self::Returned(_))
    }

    /// The RSU that sent the answer to the vehicle.
    #[must_use]
    pub fn rsu(self) -> Option<u32> {
        match self {
            Self::Returned(rsu) => Some(rsu),
            _ => None,
        }
    }
}

/// The return of one task's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Returned {
    /// What became of it.
    pub fate: Fate,
    /// Size of the answer; 0 for a task that ran on its vehicle \[bit\].
    pub bits: f64,
    /// Time for which it waited for coverage \[s\].
    pub wait_s: f64,
    /// Time on the backhaul, to the RSU that covers the vehicle then \[s\].
    pub backhaul_s: f64,
    /// Time on the downlink \[s\].
    pub down_s: f64,
    /// Interruptions at handovers \[s\].
    pub interruption_s: f64,
    /// What a lost answer counts \[s\].
    pub lost_s: f64,
    /// Energy of backhaul and downlink \[J\].
    pub energy_j: f64,
    /// Handovers while the task was away.
    pub handovers: u32,
    /// Hops over the backhaul.
    pub hops: u32,
}

impl Returned {
    /// The whole delay that the return adds \[s\].
    #[must_use]
    pub fn delay_s(&self) -> f64 {
        self.wait_s + self.backhaul_s + self.down_s + self.interruption_s + self.lost_s
    }
}

/// Returns results: knows where vehicles will be, and how large answers are.
pub(super) struct ResultReturn {
    options: ResultOptions,
    sizes: Stream,
    bits: Vec<f64>,
    trajectory: Trajectory,
}

impl ResultReturn {
    pub(super) fn new(options: ResultOptions, slot_s: f64, sizes: Stream) -> Self {
        Self {
            options,
            sizes,
            bits: Vec::new(),
            trajectory: Trajectory::new(slot_s),
        }
    }

    pub(super) fn trajectory(&mut self) -> &mut Trajectory {
        &mut self.trajectory
    }

    /// Draws the size of the answer of each of `tasks` tasks.
    pub(super) fn draw(&mut self, tasks: usize) {
        let Self {
            options,
            sizes,
            bits,
            ..
        } = self;
        let bytes = options.data_bytes;
        bits.clear();
        bits.extend((0..tasks).map(|_| 8.0 * sizes.uniform(bytes.min, bytes.max)));
    }

    /// Returns the answers of all tasks of `slot`, and adds what that takes to their `outcomes`.
    pub(super) fn returns(
        &mut self,
        slot: &Slot,
        (index, source): (&CoverageIndex, &mut (dyn MobilitySource + 'static)),
        placements: &[Placement],
        outcomes: &mut [Outcome],
        out: &mut Vec<Returned>,
    ) {
        out.clear();
        for (task, (placement, outcome)) in placements.iter().zip(outcomes).enumerate() {
            let returned = match placement.execution() {
                None => Returned::default(),
                Some(host) => Journey {
                    slot,
                    index,
                    options: &self.options,
                    host,
                    vehicle: slot.tasks.vehicle[task] as usize,
                    bits: self.bits[task],
                }
                .end(&mut self.trajectory, source, slot.now_s + outcome.ready_s()),
            };
            outcome.return_s = returned.delay_s();
            outcome.return_j = returned.energy_j;
            out.push(returned);
        }
    }
}

/// An answer on its way.
struct Journey<'a> {
    slot: &'a Slot,
    index: &'a CoverageIndex,
    options: &'a ResultOptions,
    /// Where the task ran.
    host: u32,
    vehicle: usize,
    bits: f64,
}

/// A vehicle in range of an RSU.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Contact {
    /// From the start of the stretch \[s\].
    after_s: f64,
    distance2_m2: f64,
    rsu: u32,
}

impl Journey<'_> {
    /// What becomes of the answer that is ready at `ready_s`.
    fn end(
        &self,
        trajectory: &mut Trajectory,
        source: &mut dyn MobilitySource,
        ready_s: f64,
    ) -> Returned {
        let slot_s = self.slot.slot_s;
        let limit_s = ready_s + self.options.give_up_s;
        let mut handovers = Handovers::default();
        let (mut at, mut row) = (trajectory.now(), self.vehicle);
        loop {
            let start_s = at as f64 * slot_s;
            let end_s = (at + 1) as f64 * slot_s;
            let from_m = trajectory.place_m(at, row);
            handovers.see(self.index.nearest(from_m, |_| true));
            let motion = trajectory.motion(source, at, row);
            let to_m = match motion {
                Motion::Goes { to_m, .. } => to_m,
                Motion::Leaves | Motion::Unknown => from_m,
            };
            if ready_s < end_s {
                let speed_mps = [0, 1].map(|axis| (to_m[axis] - from_m[axis]) / slot_s);
                let begin_s = ready_s.max(start_s);
                let place_m =
                    [0, 1].map(|axis| from_m[axis] + speed_mps[axis] * (begin_s - start_s));
                let left_s = limit_s.min(end_s) - begin_s;
                if let Some(contact) = self.contact(place_m, speed_mps, left_s) {
                    handovers.see(Some((contact.distance2_m2, contact.rsu)));
                    let wait_s = begin_s - ready_s + contact.after_s;
                    return self.sent(contact, wait_s, handovers.count);
                }
                if limit_s < end_s {
                    return self.lost(Missed::NoCoverage, handovers.count);
                }
            }
            match motion {
                Motion::Goes { row: next, .. } => (at, row) = (at + 1, next),
                Motion::Leaves => return self.lost(Missed::VehicleLeft, handovers.count),
                Motion::Unknown => {
                    return Returned {
                        fate: Fate::Pending,
                        bits: self.bits,
                        ..Returned::default()
                    };
                }
            }
        }
    }

    /// The first contact within `left_s` of a vehicle that goes on from `place_m`, with an RSU to which a route leads.
    fn contact(&self, place_m: [f64; 2], speed_mps: [f64; 2], left_s: f64) -> Option<Contact> {
        let rsus = &self.slot.rsus;
        let reached = |rsu| self.slot.routes.find(self.host, rsu).is_some();
        if let Some((distance2_m2, rsu)) = self.index.nearest(place_m, reached) {
            return Some(Contact {
                after_s: 0.0,
                distance2_m2,
                rsu,
            });
        }
        let mut first: Option<Contact> = None;
        for m in 0..rsus.len() {
            let offset_m = [place_m[0] - rsus.x_m[m], place_m[1] - rsus.y_m[m]];
            let Some(after_s) = entry_s(offset_m, speed_mps, rsus.range_m[m]) else {
                continue;
            };
            let sooner = first.is_none_or(|first| after_s < first.after_s);
            if after_s <= left_s && sooner && reached(m as u32) {
                first = Some(Contact {
                    after_s,
                    distance2_m2: rsus.range_m[m] * rsus.range_m[m],
                    rsu: m as u32,
                });
            }
        }
        first
    }

    fn sent(&self, contact: Contact, wait_s: f64, handovers: u32) -> Returned {
        let Self { slot, options, .. } = self;
        let target = slot
            .routes
            .find(self.host, contact.rsu)
            .expect("a route leads there");
        let backhaul_s = transfer::migration_s(self.bits, target.seconds_per_bit);
        let backhaul_j =
            transfer::migration_energy_j(target.hops, slot.migration_power_w, backhaul_s);
        let m = contact.rsu as usize;
        let bandwidth_hz = options.bandwidth_hz.unwrap_or(slot.rsus.bandwidth_hz[m]);
        let tx_power_w = options
            .tx_power_w
            .unwrap_or(slot.vehicles.tx_power_w[self.vehicle]);
        let per_bit = self
            .index
            .seconds_per_bit(bandwidth_hz, tx_power_w, contact.distance2_m2);
        // no bits take no time, also over a radio that is too weak for any
        let down_s = if self.bits > 0.0 {
            self.bits * per_bit
        } else {
            0.0
        };
        Returned {
            fate: Fate::Returned(contact.rsu),
            bits: self.bits,
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
            bits: self.bits,
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
    fn see(&mut self, covering: Option<(f64, u32)>) {
        let Some((_, rsu)) = covering else {
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
            handovers.see(rsu.map(|rsu| (0.0, rsu)));
        }
        assert_eq!(handovers.count, 2);
    }
}
