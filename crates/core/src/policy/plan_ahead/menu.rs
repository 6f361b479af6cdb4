//! The choices of every task: where it runs, and over how many slots it may hold its CPU there.

use serde::{Deserialize, Serialize};

use crate::alloc::curve::Curve;
use crate::backhaul::Target;
use crate::model::transfer;
use crate::slot::Slot;

/// Execution RSUs that a task looks at, fewest hops first.
const MOST_TARGETS: usize = 12;
/// Rounding must not carry a task over the end of its last slot.
const MARGIN: f64 = 1e-9;
/// Numbers of slots tried before none is a choice.
const MOST_SLOTS: u32 = 200;

/// An RSU, and a number of slots that the CPU there is held for at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choice {
    pub(super) rsu: u32,
    /// Price of a Hz in the later slots that it is held for.
    pub(super) later_price: f64,
    /// What it takes of the RSU's CPU, and what that costs.
    pub(super) least: Take,
    pub(super) free: Take,
    /// The number of slots.
    pub(super) slots: u32,
}

impl Choice {
    /// What it costs a task of `cycles` where a Hz costs `price` in this slot.
    #[inline]
    pub(super) fn priced(&self, curve: &Curve, cycles: f64, price: f64) -> f64 {
        if price <= 0.0 {
            return self.free.cost;
        }
        let mut cost = self.least.cost + price * self.least.hz;
        if self.free.hz > self.least.hz {
            let whole_price = price + self.later_price;
            let hz = curve.demand(whole_price, cycles).0;
            if hz > self.least.hz {
                let more = curve.cost(cycles, hz) - curve.cost(cycles, self.least.hz);
                cost += more + whole_price * (hz - self.least.hz);
            }
        }
        cost
    }
}

/// CPU and its cost: way, execution, and what later slots would lose.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Take {
    pub(super) hz: f64,
    pub(super) cost: f64,
}

impl Take {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            hz: self.hz + other.hz,
            cost: self.cost + other.cost,
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            hz: self.hz - other.hz,
            cost: self.cost - other.cost,
        }
    }
}

/// A task on its way into the system.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arrival {
    pub(super) cycles: f64,
    pub(super) data_bits: f64,
    pub(super) entry: u32,
    /// Time and cost of its upload.
    pub(super) upload_s: f64,
    pub(super) upload_cost: f64,
    pub(super) local: f64,
}

impl Arrival {
    /// `task` where it enters at RSU `entry`, of whose band it gets a share like all that enter there; `entering` counts
    /// them by RSU. `None` out of its range.
    pub(super) fn at(slot: &Slot, task: usize, entry: u32, entering: &[f64]) -> Option<Self> {
        let link = slot.links(task).iter().find(|link| link.rsu == entry)?;
        let entering = entering[entry as usize];
        let data_bits = slot.tasks.data_bits[task];
        Some(Self {
            cycles: slot.tasks.cycles[task],
            data_bits,
            entry,
            upload_s: transfer::upload_s(data_bits, link.seconds_per_bit, entering),
            upload_cost: entering * slot.upload_cost(task, link),
            local: slot.local_cost(task),
        })
    }

    /// Whether its numbers are such as tasks have.
    pub(super) fn is_sound(&self) -> bool {
        let Self {
            cycles,
            data_bits,
            upload_s,
            upload_cost,
            local,
            ..
        } = *self;
        let others = [data_bits, upload_s, upload_cost, local];
        cycles > 0.0 && cycles.is_finite() && others.iter().all(|x| *x >= 0.0 && x.is_finite())
    }

    /// Time until it can execute at `target` \[s\].
    pub(super) fn way_s(&self, target: &Target) -> f64 {
        let moved_s = transfer::migration_s(self.data_bits, target.seconds_per_bit);
        self.upload_s + moved_s + target.wait_s
    }

    /// The least share with which it ends within `slots` slots, `way_s` before execution \[Hz\].
    pub(super) fn least_hz(&self, slot_s: f64, slots: u32, way_s: f64) -> f64 {
        let left_s = f64::from(slots) * slot_s * (1.0 - MARGIN) - way_s;
        if left_s > 0.0 {
            self.cycles / left_s
        } else {
            f64::INFINITY
        }
    }

    /// The number of slots that costs least where a Hz costs `price` in each, with share and cost; `None` if none
    /// lets it end at an RSU of `most_hz`.
    pub(super) fn best_slots(
        &self,
        curve: &Curve,
        slot_s: f64,
        most_hz: f64,
        price: f64,
    ) -> Option<(u32, Take)> {
        let soonest = ((self.upload_s + self.cycles / most_hz) / slot_s).ceil();
        if soonest.is_nan() || soonest >= f64::from(MOST_SLOTS) {
            return None;
        }
        let first = (soonest as u32).max(1);
        let mut best: Option<(u32, Take)> = None;
        for slots in first..first + MOST_SLOTS {
            let least_hz = self.least_hz(slot_s, slots, self.upload_s);
            if least_hz > most_hz {
                continue;
            }
            let whole_price = price * f64::from(slots);
            let wanted_hz = curve.demand(whole_price, self.cycles).0.min(most_hz);
            let hz = wanted_hz.max(least_hz);
            let cost = curve.cost(self.cycles, hz) + whole_price * hz;
            if best.is_some_and(|(_, best)| best.cost <= cost) {
                break;
            }
            best = Some((slots, Take { hz, cost }));
            if wanted_hz >= least_hz {
                break;
            }
        }
        best
    }
}

/// Choices of all tasks of a slot, by row.
#[derive(Clone, Debug, Default)]
pub(super) struct Menu {
    pub(super) choices: Vec<Choice>,
    start: Vec<u32>,
    /// Where the choices of a row at an RSU begin, and where these begin for each row: found without a look at the choices.
    groups: Vec<Group>,
    first_group: Vec<u32>,
}

/// The choices of a row at one RSU begin.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    rsu: u32,
    start: u32,
}

impl Menu {
    pub(super) fn clear(&mut self) {
        self.choices.clear();
        self.start.clear();
        self.start.push(0);
        self.groups.clear();
        self.first_group.clear();
        self.first_group.push(0);
    }

    /// Numbers of the choices of `row`; those at one RSU stand together, few slots first.
    pub(super) fn of(&self, row: usize) -> std::ops::Range<usize> {
        self.start[row] as usize..self.start[row + 1] as usize
    }

    /// Those of them at `rsu`.
    pub(super) fn at(&self, row: usize, rsu: u32) -> std::ops::Range<usize> {
        let end = self.start[row + 1];
        let groups =
            &self.groups[self.first_group[row] as usize..self.first_group[row + 1] as usize];
        let at = groups.iter().position(|group| group.rsu == rsu);
        let start = |index: usize| groups.get(index).map_or(end, |group| group.start) as usize;
        at.map_or(end as usize..end as usize, |at| start(at)..start(at + 1))
    }

    /// Adds the choices of the next row, none where there is no arrival.
    pub(super) fn push(
        &mut self,
        slot: &Slot,
        curves: &[Curve],
        arrival: Option<&Arrival>,
        price: f64,
    ) {
        if let Some(arrival) = arrival {
            self.push_choices(slot, curves, arrival, price);
        }
        self.end_row();
    }

    fn end_row(&mut self) {
        let start = *self.start.last().expect("begins with 0") as usize;
        let mut last = None;
        for (index, choice) in self.choices.iter().enumerate().skip(start) {
            let rsu = choice.rsu;
            if last.replace(rsu) != Some(rsu) {
                let start = index as u32;
                self.groups.push(Group { rsu, start });
            }
        }
        self.start.push(self.choices.len() as u32);
        self.first_group.push(self.groups.len() as u32);
    }

    fn push_choices(&mut self, slot: &Slot, curves: &[Curve], arrival: &Arrival, price: f64) {
        let entry = arrival.entry as usize;
        let most_hz = slot.rsus.cpu_hz[entry];
        let best = arrival.best_slots(&curves[entry], slot.slot_s, most_hz, price);
        let best = best.map_or(1, |(slots, _)| slots);
        for target in slot.routes.targets(arrival.entry).iter().take(MOST_TARGETS) {
            let m = target.rsu as usize;
            let available_hz = slot.rsus.available_cpu_hz(m);
            if available_hz <= 0.0 {
                continue;
            }
            let way_s = arrival.way_s(target);
            let way_cost = arrival.upload_cost + slot.migration_cost(arrival.data_bits, target);
            for slots in best.saturating_sub(1).max(1)..=best + 2 {
                let least_hz = arrival.least_hz(slot.slot_s, slots, way_s);
                if least_hz > available_hz {
                    continue;
                }
                let later_price = price * f64::from(slots - 1);
                let wanted_hz = curves[m].demand(later_price, arrival.cycles).0;
                let take = |hz: f64| Take {
                    hz,
                    cost: way_cost + curves[m].cost(arrival.cycles, hz) + later_price * hz,
                };
                let least = take(least_hz);
                let free = match wanted_hz.min(available_hz) > least_hz {
                    true => take(wanted_hz.min(available_hz)),
                    false => least,
                };
                if free.cost < arrival.local {
                    self.choices.push(Choice {
                        rsu: target.rsu,
                        later_price,
                        least,
                        free,
                        slots,
                    });
                }
                if wanted_hz >= least_hz {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    /// Where the choices at an RSU stand, as a look at all of them finds it.
    #[test]
    fn oracle_choices_at_an_rsu_are_found() {
        let mut stream = Streams::new(9).stream("menu");
        let mut menu = Menu::default();
        menu.clear();
        for _ in 0..300 {
            for rsu in 0..6 {
                let many = stream.below(4) * stream.below(2);
                let choice = Choice {
                    rsu: (rsu * 7 + 3) % 6,
                    ..Choice::default()
                };
                menu.choices.extend(std::iter::repeat_n(choice, many));
            }
            menu.end_row();
        }
        for row in 0..300 {
            for rsu in 0..7 {
                let at = |&index: &usize| menu.choices[index].rsu == rsu;
                let found: Vec<usize> = menu.at(row, rsu).collect();
                assert_eq!(found, menu.of(row).filter(at).collect::<Vec<_>>());
            }
        }
    }
}
