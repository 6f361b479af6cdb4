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

mod menu;
mod outlook;
mod packing;
mod search;

use super::Policy;
use super::baselines::Nearest;
use crate::alloc::curve::Curve;
use crate::assignment::Assignment;
use crate::scenario::PlanAheadOptions;
use crate::slot::order::Order;
use crate::slot::{Decision, Placement, Slot};
use menu::Arrival;
use outlook::Outlook;
use packing::{LOCAL, Packing};

/// Sweeps in which tasks find their entry RSUs.
const SWEEPS: usize = 2;

/// Prices stay warm from slot to slot.
pub struct PlanAhead<P> {
    options: PlanAheadOptions,
    /// Decides where slots stand alone.
    alone: P,
    order: Order,
    assignment: Assignment,
    outlook: Outlook,
    packing: Packing,
    curves: Vec<Curve>,
    arrivals: Vec<Option<Arrival>>,
    /// Per RSU the number of tasks that enter there.
    entering: Vec<f64>,
}

impl<P: Policy> PlanAhead<P> {
    /// From nothing; `alone` decides where slots stand alone.
    #[must_use]
    pub fn new(options: PlanAheadOptions, alone: P) -> Self {
        Self {
            options,
            alone,
            order: Order::default(),
            assignment: Assignment::default(),
            outlook: Outlook::default(),
            packing: Packing::default(),
            curves: Vec::new(),
            arrivals: Vec::new(),
            entering: Vec::new(),
        }
    }

    /// Entry RSUs as if slots stood alone, and how long uploads take then.
    fn arrive(&mut self, slot: &Slot, decision: &mut Decision) {
        Nearest.decide(slot, decision);
        let order = self.order.tasks();
        self.assignment
            .start_from(slot, order, &decision.placements);
        self.assignment.sweep(slot, SWEEPS);
        self.assignment.write_placements(&mut decision.placements);
        for (task, placement) in decision.placements.iter_mut().enumerate() {
            if *placement == Placement::Local {
                *placement = slot.nearest(task);
            }
        }
        self.count_entering(slot, decision);
        self.arrivals.clear();
        let all = decision.placements.iter().enumerate();
        self.arrivals.extend(
            all.map(|(task, placement)| {
                Arrival::at(slot, task, placement.entry()?, &self.entering)
            }),
        );
    }

    fn count_entering(&mut self, slot: &Slot, decision: &Decision) {
        self.entering.clear();
        self.entering.resize(slot.rsus.len(), 0.0);
        for entry in decision.placements.iter().filter_map(|p| p.entry()) {
            self.entering[entry as usize] += 1.0;
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
        for arrival in &self.arrivals {
            packing
                .menu
                .push(slot, &self.curves, arrival.as_ref(), price);
        }
    }

    /// Packs under rising prices of overload, the last one prohibitive.
    fn pack(&mut self, slot: &Slot) {
        let Self { packing, order, .. } = self;
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
            packing.descend(order.tasks());
        }
        // the search is cut off after some rounds
        packing.relieve();
    }

    fn write(&mut self, slot: &Slot, decision: &mut Decision) {
        for (task, placement) in decision.placements.iter_mut().enumerate() {
            *placement = match (self.packing.rsu(task as u32), &self.arrivals[task]) {
                (Some(execution), Some(arrival)) => Placement::Rsu {
                    entry: arrival.entry,
                    execution,
                },
                _ => Placement::Local,
            };
        }
        self.count_entering(slot, decision);
        let packing = &self.packing;
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
            let arrival = Arrival::at(slot, task, entry, &self.entering).expect("a link");
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
        self.order.by_size(slot);
        let energy = slot.rsus.energy_coeff.iter();
        self.curves.clear();
        self.curves
            .extend(energy.map(|&k| Curve::new(slot.omega, k)));
        self.arrive(slot, decision);
        let arrivals = self.arrivals.iter().flatten().copied();
        let PlanAheadOptions { weight, fill } = self.options;
        let price = self.outlook.price(slot, &self.curves, arrivals, fill);
        self.fill_menu(slot, weight * price);
        self.pack(slot);
        self.write(slot, decision);
    }
}
