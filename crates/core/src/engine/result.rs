//! The return of results: how the answer of an offloaded task reaches its vehicle, which has moved on meanwhile.
//!
//! Decision 38. Vehicles go straight between the instants at which the run asks for them, so that all instants below are exact for the
//! trajectory that it knows. Nothing of it depends on other tasks: every receiver has a band of its own.

mod journey;

use std::collections::VecDeque;

use super::health::Health;
use super::links::Links;
use super::trajectory::Trajectory;
use super::world::World;
use crate::evaluate::Outcome;
use crate::mobility::MobilitySource;
use crate::rng::Stream;
use crate::scenario::{Execution, ResultOptions};
use crate::slot::{Placement, Slot};
use journey::Journey;

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
    /// It ran in the cloud, whose round trip includes the answer.
    Cloud,
    /// The RSU that sent it to the vehicle.
    Returned(u32),
    /// It is lost.
    Lost(Missed),
    /// Nobody knows: the positions of vehicles end before. It counts no return.
    Pending,
}

impl Fate {
    /// As it stands in tables: `local`, `cloud`, `returned`, `pending`, or why it is lost.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cloud => "cloud",
            Self::Returned(_) => "returned",
            Self::Lost(reason) => reason.name(),
            Self::Pending => "pending",
        }
    }

    /// Whether the vehicle has the answer.
    #[must_use]
    pub fn is_there(self) -> bool {
        matches!(self, Self::Local | Self::Cloud | Self::Returned(_))
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
    /// Sizes of the answers of the tasks of each instant, as far back as they may be asked for.
    bits: VecDeque<(usize, Vec<f64>)>,
    kept: usize,
    trajectory: Trajectory,
}

/// A task whose answer is to be returned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    /// Number of the instant at which it arose, and the row of its vehicle then.
    at: usize,
    row: usize,
    /// Of the vehicle.
    tx_power_w: f64,
    /// Size of the answer.
    bits: f64,
}

/// What the return depends on besides vehicles.
pub(super) struct Ground<'a> {
    pub(super) world: &'a World,
    pub(super) source: &'a mut (dyn MobilitySource + 'static),
    /// The radio, where it is more than log-distance.
    pub(super) links: Option<&'a Links>,
    /// What works, where parts fail.
    pub(super) health: Option<&'a mut Health>,
}

impl ResultReturn {
    /// With `sizes` of answers, in `world`.
    pub(super) fn new(options: ResultOptions, world: &World, sizes: Stream) -> Self {
        let (time, task) = (world.scenario.time, &world.scenario.task);
        let step_s = task.period_s.unwrap_or(time.slot_s);
        // where work runs in sessions traffic is ahead of policies; where tasks queue they end later
        let (kept, behind) = match world.scenario.execution {
            Execution::SharedCpu => (0, 0),
            Execution::Sessions(options) => {
                let slots = options.most_slots(time.slot_s);
                (slots, slots)
            }
            Execution::Queues(_) => (0, usize::MAX),
        };
        Self {
            options,
            sizes,
            bits: VecDeque::new(),
            kept,
            trajectory: Trajectory::new(step_s, behind),
        }
    }

    pub(super) fn trajectory(&mut self) -> &mut Trajectory {
        &mut self.trajectory
    }

    /// Draws the size of the answer of each of `tasks` tasks that arise at `now_s`.
    pub(super) fn draw(&mut self, now_s: f64, tasks: usize) {
        let Self {
            options,
            sizes,
            bits,
            ..
        } = self;
        let bytes = options.data_bytes;
        let mut column = match bits.len() > self.kept {
            true => bits.pop_front().map_or_else(Vec::new, |(_, column)| column),
            false => Vec::new(),
        };
        column.clear();
        column.extend((0..tasks).map(|_| 8.0 * sizes.uniform(bytes.min, bytes.max)));
        bits.push_back((self.trajectory.number(now_s), column));
    }

    /// Where `task` of `slot` comes from.
    pub(super) fn origin(&self, slot: &Slot, task: usize) -> Origin {
        let at = self.trajectory.number(slot.now_s);
        let row = slot.tasks.vehicle[task] as usize;
        let bits = self.bits.iter().rev().find(|(number, _)| *number == at);
        Origin {
            at,
            row,
            tx_power_w: slot.vehicles.tx_power_w[row],
            bits: bits.map_or(0.0, |(_, bits)| bits[task]),
        }
    }

    /// Returns the answers of all tasks of `slot`, and adds what that takes to their `outcomes`. Tasks that `went_home` ran on
    /// their vehicles in the end.
    pub(super) fn returns(
        &mut self,
        slot: &Slot,
        mut ground: Ground<'_>,
        (placements, went_home): (&[Placement], impl Fn(usize) -> bool),
        outcomes: &mut [Outcome],
        out: &mut Vec<Returned>,
    ) {
        out.clear();
        for (task, (placement, outcome)) in placements.iter().zip(outcomes).enumerate() {
            let returned = match placement.execution().filter(|_| !went_home(task)) {
                None => Returned::default(),
                Some(host) => {
                    let origin = self.origin(slot, task);
                    let ready_s = slot.now_s + outcome.ready_s();
                    self.answer(&mut ground, origin, host, ready_s)
                }
            };
            outcome.return_s = returned.delay_s();
            outcome.return_j = returned.energy_j;
            out.push(returned);
        }
    }

    /// What becomes of the answer that is ready at `ready_s` at `host`.
    pub(super) fn answer(
        &mut self,
        ground: &mut Ground<'_>,
        origin: Origin,
        host: u32,
        ready_s: f64,
    ) -> Returned {
        if !self.trajectory.keeps(origin.at) {
            return Returned::pending(origin.bits);
        }
        let driven_m = ground.links.map_or(0.0, |links| links.driven_m(origin.row));
        let mut journey = Journey {
            ground,
            options: &self.options,
            origin,
            host,
            ready_s,
            works: None,
            driven_m,
        };
        journey.end(&mut self.trajectory)
    }
}

impl Returned {
    /// Of an answer that takes no way of its own.
    pub(super) fn of(fate: Fate) -> Self {
        Self {
            fate,
            ..Self::default()
        }
    }

    /// Of an answer of which nobody knows.
    fn pending(bits: f64) -> Self {
        Self {
            fate: Fate::Pending,
            bits,
            ..Self::default()
        }
    }
}
