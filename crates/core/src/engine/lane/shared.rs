//! One policy where the tasks of a slot share CPU: its state, its decisions, its records.

use super::super::decider::Decider;
use super::super::records::{Distribution, PolicyRun, SlotRecord};
use super::super::world::{Traffic, World};
use crate::decision::Placement;
use crate::model::load;
use crate::policy::PolicyKind;
use crate::rng::Streams;
use crate::slot::Slot;

/// A policy with what it carries over from slot to slot.
pub(in crate::engine) struct SharedLane {
    carry_over: bool,
    decider: Decider,
    /// Tasks that hold CPU of RSUs.
    running: Vec<Running>,
    /// When the CPU of every vehicle is free \[s\].
    free_at_s: Vec<f64>,
    run: PolicyRun,
}

/// A task that holds its CPU until it ends.
#[derive(Clone, Copy, Debug)]
struct Running {
    rsu: u32,
    cpu_hz: f64,
    end_s: f64,
}

impl SharedLane {
    pub(super) fn new(world: &World, kind: PolicyKind, streams: Streams) -> Self {
        Self {
            carry_over: world.scenario.time.carry_over,
            decider: Decider::new(kind, &world.scenario.policy, streams),
            running: Vec::new(),
            free_at_s: Vec::new(),
            run: PolicyRun {
                policy: kind.info().name.to_owned(),
                slots: Vec::new(),
                delay: Distribution::default(),
                energy: Distribution::default(),
                queues: None,
            },
        }
    }

    pub(super) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(super) fn finish(self) -> PolicyRun {
        self.run
    }

    /// One slot: load what is carried over, decide, account.
    pub(super) fn step(
        &mut self,
        t: usize,
        slot: &mut Slot,
        traffic: &Traffic<'_>,
        lower_bound: Option<f64>,
    ) {
        let now_s = t as f64 * slot.slot_s;
        self.load_state(now_s, slot, traffic.came_from());

        self.decider.decide(slot);
        let mut record = self.account(slot);
        record.slot = t as u32;
        record.lower_bound = lower_bound.map(|sum| sum / f64::from(record.tasks.max(1)));
        record.clamped = traffic.clamped();
        record.turned_back = self.decider.turned_back();
        record.decision_time_s = self.decider.decision_time_s();
        self.run.slots.push(record);
        self.save_state(now_s, slot);
    }

    /// Shows the policy what earlier decisions still hold.
    fn load_state(&mut self, now_s: f64, slot: &mut Slot, came_from: &[Option<u32>]) {
        slot.rsus.reserved_cpu_hz.fill(0.0);
        slot.vehicles.local_wait_s.fill(0.0);
        if !self.carry_over {
            return;
        }
        self.running.retain(|task| task.end_s > now_s);
        for task in &self.running {
            slot.rsus.reserved_cpu_hz[task.rsu as usize] += task.cpu_hz;
        }
        let before = std::mem::take(&mut self.free_at_s);
        self.free_at_s.extend(
            came_from
                .iter()
                .map(|from| from.map_or(0.0, |v| before[v as usize])),
        );
        for (wait_s, free_at_s) in slot.vehicles.local_wait_s.iter_mut().zip(&self.free_at_s) {
            *wait_s = (free_at_s - now_s).max(0.0);
        }
    }

    fn save_state(&mut self, now_s: f64, slot: &Slot) {
        if !self.carry_over {
            return;
        }
        for (task, outcome) in self.decider.outcomes().iter().enumerate() {
            let end_s = now_s + outcome.delay_s();
            match self.decider.placements()[task] {
                Placement::Local => {
                    let free_at_s = &mut self.free_at_s[slot.tasks.vehicle[task] as usize];
                    *free_at_s = free_at_s.max(end_s);
                }
                Placement::Rsu { execution, .. } => {
                    self.running.push(Running {
                        rsu: execution,
                        cpu_hz: self.decider.cpu_hz()[task],
                        end_s,
                    });
                }
                Placement::Cloud { .. } => {}
            }
        }
    }

    /// Sums the slot up.
    fn account(&mut self, slot: &Slot) -> SlotRecord {
        let tasks = self.decider.outcomes().len();
        let mut record = SlotRecord {
            tasks: tasks as u32,
            vehicles: slot.vehicles.len() as u32,
            tau: slot.tau,
            ..SlotRecord::default()
        };
        for (task, outcome) in self.decider.outcomes().iter().enumerate() {
            let delay_s = outcome.delay_s();
            record.add(outcome, slot.omega);
            record.deadline_met += u32::from(delay_s <= slot.tasks.deadline_s[task]);
            record.uncovered += u32::from(slot.links(task).is_empty());
            let placement = self.decider.placements()[task];
            record.offloaded += u32::from(placement.entry().is_some());
            record.migrated += u32::from(placement.is_migrated());
            self.run.delay.record(delay_s);
            self.run.energy.record(outcome.energy_j());
        }
        record.sums_to_means();
        record.lbm = load::lbm(self.decider.loads());
        record.jain = load::jain(self.decider.loads());
        record.violated = record.lbm > slot.tau * (1.0 + 1e-9);
        record
    }
}
