//! One policy where the tasks of a slot share CPU: its state, its decisions, its records.

use super::super::carry_over::CarryOver;
use super::super::decider::{CostEvaluator, Decider};
use super::super::links::NoiseRise;
use super::super::records::{PolicyRun, SlotRecord};
use super::super::result::Fate;
use super::super::traffic::Traffic;
use super::super::world::World;
use crate::model::load;
use crate::policy::Policy;
use crate::slot::{Placement, Slot};

/// A policy with what it carries over from slot to slot.
pub(in crate::engine) struct SharedLane {
    decider: Decider,
    enforced: bool,
    carry_over: CarryOver,
    /// Interference by its own uploads in the slot before.
    noise_rise: NoiseRise,
    run: PolicyRun,
}

impl SharedLane {
    pub(super) fn new(world: &World, name: &str, policy: Box<dyn Policy>) -> Self {
        Self {
            decider: Decider::new(policy).measuring(world.scenario.load_balance.of),
            enforced: world.scenario.load_balance.enforce,
            carry_over: CarryOver::new(world.scenario.time.carry_over),
            noise_rise: NoiseRise::default(),
            run: PolicyRun {
                policy: name.to_owned(),
                ..PolicyRun::default()
            },
        }
    }

    pub(super) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(super) fn closed(&self) -> Option<&SlotRecord> {
        self.run.slots.last()
    }

    pub(super) fn finish(self) -> PolicyRun {
        self.run
    }

    /// Adds the bound of the summed cost of the tasks to the last slot.
    pub(super) fn bound(&mut self, sum: Option<f64>) {
        if let Some(record) = self.run.slots.last_mut() {
            record.lower_bound = sum.map(|sum| sum / f64::from(record.tasks.max(1)));
        }
    }

    /// One slot: load what is carried over, decide, account.
    pub(super) fn step(&mut self, t: usize, slot: &mut Slot, traffic: &mut Traffic<'_>) {
        let now_s = t as f64 * slot.slot_s;
        self.carry_over.load(now_s, slot, traffic.previous_row());

        traffic.show(slot, &self.noise_rise);
        self.decider.ask(slot);
        traffic.pay(slot, &self.noise_rise);
        self.decider.settle(slot);
        self.decider.return_results(slot, traffic);
        self.record(t, slot, traffic.clamped());
        let (placements, costs) = (self.decider.placements(), self.decider.costs());
        self.carry_over.save(now_s, slot, placements, costs);
        traffic.hear(slot, placements, costs.outcomes(), &mut self.noise_rise);
        // the next policy starts from the slot without this one's interference
        traffic.pay(slot, &NoiseRise::default());
        self.decider.tell_all(t, slot);
    }

    /// [`step`](Self::step) where the slot stays as it is and the traffic [is not needed](Traffic::is_needed).
    pub(super) fn step_seeing(&mut self, t: usize, slot: &Slot, clamped: bool) {
        self.decider.ask(slot);
        self.decider.settle(slot);
        self.record(t, slot, clamped);
        self.decider.tell_all(t, slot);
    }

    /// Accounts for what was decided.
    fn record(&mut self, t: usize, slot: &Slot, clamped: bool) {
        let (placements, costs) = (self.decider.placements(), self.decider.costs());
        let mut record = account(slot, placements, costs);
        record.enforced = self.enforced;
        record.slot = t as u32;
        record.clamped = clamped;
        record.decision_time_s = self.decider.decision_time_s();
        self.run.slots.push(record);
        self.run.record_loads(costs.loads());
        for outcome in costs.outcomes() {
            self.run.delay.record(outcome.delay_s());
            self.run.energy.record(outcome.energy_j());
        }
    }
}

/// Sums the slot up.
pub(in crate::engine) fn account(
    slot: &Slot,
    placements: &[Placement],
    costs: &CostEvaluator,
) -> SlotRecord {
    let tasks = costs.outcomes().len();
    let mut record = SlotRecord {
        tasks: tasks as u32,
        vehicles: slot.vehicles.len() as u32,
        tau: slot.tau,
        turned_back: costs.rejected() + costs.interrupted(),
        ..SlotRecord::default()
    };
    for (task, outcome) in costs.outcomes().iter().enumerate() {
        let delay_s = outcome.delay_s();
        record.add(outcome, slot.omega);
        let returned = costs.returns().get(task).map_or(Fate::Local, |r| r.fate);
        record.deadline_met +=
            u32::from(returned.is_there() && delay_s <= slot.tasks.deadline_s[task]);
        record.uncovered += u32::from(slot.links(task).is_empty());
        let placement = placements[task];
        record.offloaded += u32::from(placement.entry().is_some());
        record.migrated += u32::from(placement.is_migrated());
    }
    record.returns = costs.return_record();
    record.sums_to_means();
    record.lbm = load::lbm(costs.loads());
    record.jain = load::jain(costs.loads());
    record.violated = load::excess(record.lbm, slot.tau) > 0.0;
    record
}
