//! Plan ahead: for every task where it runs, and for how many slots it holds its CPU, with later slots priced.
//!
//! Under `carry_over` a task that takes k slots to end keeps its share F in each. What it holds in this slot is paid by
//! those it shares the RSU with; what it holds in the k - 1 later ones by tasks that nobody knows yet. So it pays a price
//! for that, found from the tasks of the last slots (`outlook`):
//!
//! ```text
//! way + omega C / F + (1 - omega) kappa F^2 C + (k - 1) price F,   F >= C / (k slot - tau)
//! ```
//!
//! The sum over all tasks is minimised, with what is free of every RSU's CPU as a hard limit, by moves and swaps with
//! exact costs (`packing`, `search`).

mod later;
mod menu;
mod outlook;
mod packing;
mod search;

use super::Policy;
use crate::scenario::PlanAheadOptions;
use crate::slot::{Decision, Placement, Slot};
use menu::Arrival;
use packing::{LOCAL, Packing};

pub use later::LaterPrices;
pub use outlook::Outlook;

/// Prices stay warm from slot to slot.
pub struct PlanAhead<P> {
    /// Decides where slots stand alone.
    alone: P,
    later: LaterPrices,
    packing: Packing,
}

impl<P: Policy> PlanAhead<P> {
    /// From nothing; `alone` decides where slots stand alone.
    #[must_use]
    pub fn new(options: PlanAheadOptions, alone: P) -> Self {
        Self {
            alone,
            later: LaterPrices::new(options),
            packing: Packing::default(),
        }
    }

    fn fill_menu(&mut self, slot: &Slot, price: f64) {
        let packing = &mut self.packing;
        packing.menu.clear();
        packing.cycles.clone_from(&slot.tasks.cycles);
        packing.local.clear();
        packing
            .local
            .extend((0..slot.tasks.len()).map(|task| slot.local_cost(task)));
        for arrival in &self.later.arrivals {
            packing
                .menu
                .push(slot, &self.later.curves, arrival.as_ref(), price);
        }
    }

    /// Packs under rising prices of overload, the last one prohibitive.
    fn pack(&mut self, slot: &Slot) {
        let Self { packing, later, .. } = self;
        packing.reset(slot);
        let (mut rate, mut total) = (0.0f64, 0.0);
        for (local, cycles) in packing.local.iter().zip(&packing.cycles) {
            rate = rate.max(local * slot.slot_s / cycles);
            total += local;
        }
        for (price, charge) in [(1.0, 0.0), (30.0, 10.0)] {
            packing.overload_price = price * rate;
            packing.overload_charge = charge * total;
            for m in 0..packing.bins.len() as u32 {
                packing.settle(m);
            }
            packing.descend(later.order.tasks());
        }
        // the search is cut off after some rounds
        packing.relieve();
    }

    fn write(&mut self, slot: &Slot, decision: &mut Decision) {
        decision.placements.clear();
        decision
            .placements
            .resize(slot.tasks.len(), Placement::Local);
        for (task, placement) in decision.placements.iter_mut().enumerate() {
            *placement = match (self.packing.rsu(task as u32), &self.later.arrivals[task]) {
                (Some(execution), Some(arrival)) => Placement::Rsu {
                    entry: arrival.entry,
                    execution,
                },
                _ => Placement::Local,
            };
        }
        self.later.count_entering(slot, &decision.placements);
        let (packing, entering) = (&self.packing, &self.later.entering);
        for (task, placement) in decision.placements.iter().enumerate() {
            let chosen = packing.chosen[task];
            if chosen == LOCAL {
                decision.minimum_hz.push(0.0);
                decision.later_price.push(0.0);
                continue;
            }
            let choice = &packing.menu.choices[chosen as usize];
            let Placement::Rsu { entry, execution } = *placement else {
                unreachable!("it runs at an RSU");
            };
            let arrival = Arrival::at(slot, task, entry, entering).expect("a link");
            let target = slot.routes.find(entry, execution).expect("a route");
            let least_hz = arrival.least_hz(slot.slot_s, choice.slots, arrival.way_s(target));
            decision.minimum_hz.push(least_hz);
            decision.later_price.push(choice.later_price);
        }
    }
}

impl<P: Policy> Policy for PlanAhead<P> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        if !slot.carry_over {
            self.alone.decide(slot, decision);
            return;
        }
        let price = self.later.price(slot).price;
        self.fill_menu(slot, price);
        self.pack(slot);
        self.write(slot, decision);
    }
}
