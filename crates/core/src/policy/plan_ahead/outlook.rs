//! The price of later slots: what a Hz would cost if the tasks of the last slots came again and again.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::menu::Arrival;
use crate::alloc::curve::Curve;
use crate::slot::Slot;

/// Slots whose tasks stand for those to come.
const SLOTS: usize = 4;
/// Halvings of the bracket of the price.
const HALVINGS: usize = 12;

/// The tasks of the last slots, and the price at which they would fill all CPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlook {
    recent: VecDeque<Vec<Arrival>>,
    price: f64,
}

impl Outlook {
    /// Takes the arrivals of this slot; the price of a Hz in a slot to come, with `fill` of all CPU in use.
    pub(super) fn price(
        &mut self,
        slot: &Slot,
        curves: &[Curve],
        arrivals: impl Iterator<Item = Arrival>,
        fill: f64,
    ) -> f64 {
        let mut newest = match self.recent.len() {
            SLOTS => self.recent.pop_front().unwrap_or_default(),
            _ => Vec::new(),
        };
        newest.clear();
        newest.extend(arrivals);
        self.recent.push_back(newest);
        let supply_hz = fill * slot.rsus.cpu_hz.iter().sum::<f64>() * self.recent.len() as f64;
        let demand_hz = |price: f64| self.demand_hz(slot, curves, price);
        if demand_hz(0.0) <= supply_hz {
            self.price = 0.0;
            return 0.0;
        }
        // the price of the slot before is near; widen until it lies between
        let start = match self.price > 0.0 {
            true => self.price,
            false => self.dearest(),
        };
        let (mut low, mut high) = (start / 1.3, start * 1.3);
        while low > 1e-9 * start && demand_hz(low) <= supply_hz {
            (low, high) = (low / 4.0, low);
        }
        while high < 1e9 * start && demand_hz(high) > supply_hz {
            (low, high) = (high, high * 4.0);
        }
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if demand_hz(middle) > supply_hz {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.price = (low * high).sqrt();
        self.price
    }

    /// The price found last.
    pub(super) fn last(&self) -> f64 {
        self.price
    }

    /// Whether it could be one of slots with so many RSUs.
    pub(super) fn suits(&self, rsus: usize) -> bool {
        let sound = |arrival: &Arrival| arrival.is_sound() && (arrival.entry as usize) < rsus;
        let price = self.price >= 0.0 && self.price.is_finite();
        price && self.recent.len() <= SLOTS && self.recent.iter().flatten().all(sound)
    }

    /// A price of the right order: what running a task saves per Hz.
    fn dearest(&self) -> f64 {
        let all = self.recent.iter().flatten();
        let rate = |arrival: &Arrival| arrival.local / arrival.cycles;
        all.map(rate).fold(f64::MIN_POSITIVE, f64::max)
    }

    /// CPU held at `price` over all slots \[Hz\].
    fn demand_hz(&self, slot: &Slot, curves: &[Curve], price: f64) -> f64 {
        let held = |arrival: &Arrival| {
            let m = arrival.entry as usize;
            let most_hz = slot.rsus.cpu_hz[m];
            match arrival.best_slots(&curves[m], slot.slot_s, most_hz, price) {
                Some((slots, take)) if arrival.upload_cost + take.cost < arrival.local => {
                    f64::from(slots) * take.hz
                }
                _ => 0.0,
            }
        };
        self.recent.iter().flatten().map(held).sum()
    }
}
