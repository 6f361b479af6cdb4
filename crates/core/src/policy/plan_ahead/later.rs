//! What holding CPU in later slots costs, slot after slot: for `plan-ahead`, and for learned policies that choose how long
//! tasks hold theirs.

use super::menu::Arrival;
use super::outlook::Outlook;
use crate::alloc::curve::Curve;
use crate::assignment::Assignment;
use crate::error::{Error, Result};
use crate::observation::Later;
use crate::policy::Policy;
use crate::policy::baselines::Nearest;
use crate::scenario::PlanAheadOptions;
use crate::slot::order::Order;
use crate::slot::{Decision, Placement, Slot};

/// Sweeps in which tasks find their entry RSUs.
const SWEEPS: usize = 2;

/// The price of a Hz in a later slot, found from the tasks of this slot and of those before: ask once a slot.
pub struct LaterPrices {
    options: PlanAheadOptions,
    outlook: Outlook,
    later: Later,
    pub(super) order: Order,
    assignment: Assignment,
    entries: Decision,
    pub(super) curves: Vec<Curve>,
    pub(super) arrivals: Vec<Option<Arrival>>,
    /// Per RSU the number of tasks that enter there.
    pub(super) entering: Vec<f64>,
}

impl LaterPrices {
    /// From nothing.
    #[must_use]
    pub fn new(options: PlanAheadOptions) -> Self {
        Self {
            options,
            outlook: Outlook::default(),
            later: Later::default(),
            order: Order::default(),
            assignment: Assignment::default(),
            entries: Decision::default(),
            curves: Vec::new(),
            arrivals: Vec::new(),
            entering: Vec::new(),
        }
    }

    /// What `plan-ahead` has a task pay per Hz that it holds in a later slot, and where tasks enter.
    pub fn price(&mut self, slot: &Slot) -> &Later {
        self.enter(slot);
        let arrivals = self.arrivals.iter().flatten().copied();
        let PlanAheadOptions { weight, fill } = self.options;
        self.later.price = weight * self.outlook.price(slot, &self.curves, arrivals, fill);
        &self.later
    }

    fn enter(&mut self, slot: &Slot) {
        self.order.by_size(slot);
        let energy = slot.rsus.energy_coeff.iter();
        self.curves.clear();
        self.curves
            .extend(energy.map(|&k| Curve::new(slot.omega, k)));
        self.arrive(slot);
        let entries = self
            .arrivals
            .iter()
            .map(|arrival| Some(arrival.as_ref()?.entry));
        self.later.entries.clear();
        self.later.entries.extend(entries);
    }

    /// What it remembers of the slots before.
    #[must_use]
    pub fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// Goes on with what one like it remembered, `slot` included; what it found last.
    ///
    /// # Errors
    /// An outlook that none can have had.
    pub fn remember(&mut self, outlook: Outlook, slot: &Slot) -> Result<&Later> {
        if !outlook.suits(slot.rsus.len()) {
            let message = "must hold tasks of the same scenario";
            return Err(Error::invalid("snapshot", None, "outlook", message));
        }
        self.outlook = outlook;
        self.enter(slot);
        self.later.price = self.options.weight * self.outlook.last();
        Ok(&self.later)
    }

    /// Forgets all slots.
    pub fn clear(&mut self) {
        self.outlook = Outlook::default();
    }

    /// Entry RSUs as if slots stood alone, and how long uploads take then.
    fn arrive(&mut self, slot: &Slot) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        Nearest.decide(slot, &mut entries);
        let placements = &mut entries.placements;
        self.assignment
            .start_from(slot, self.order.tasks(), placements);
        self.assignment.sweep(slot, SWEEPS);
        self.assignment.write_placements(placements);
        for (task, placement) in placements.iter_mut().enumerate() {
            if *placement == Placement::Local {
                *placement = slot.nearest(task);
            }
        }
        self.count_entering(slot, placements);
        self.arrivals.clear();
        let all = placements.iter().enumerate();
        self.arrivals.extend(
            all.map(|(task, placement)| {
                Arrival::at(slot, task, placement.entry()?, &self.entering)
            }),
        );
        self.entries = entries;
    }

    pub(super) fn count_entering(&mut self, slot: &Slot, placements: &[Placement]) {
        self.entering.clear();
        self.entering.resize(slot.rsus.len(), 0.0);
        for entry in placements.iter().filter_map(|p| p.entry()) {
            self.entering[entry as usize] += 1.0;
        }
    }
}
