//! Batches: from waiting tasks to a slot, and from its decision to held CPU and answers.

use super::records::{KEY, Kept, NEXT, Open, Placed, PlacedTasks};
use super::requests::Task;
use super::{Centre, Change, KEPT_S, Key, Refusal, task_id};
use std::collections::BTreeMap;
use wayside_core::engine::coverage::Scratch;
use wayside_core::model::load;
use wayside_core::scenario::{Cycles, Range};
use wayside_core::slot::NamedSlot;
use wayside_study::decision::DecisionReport;

/// Tasks that came together, and are answered together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Submission {
    pub(super) number: u64,
    pub(super) came_s: f64,
    pub(super) tasks: Vec<Task>,
    pub(super) key: Option<Key>,
}

/// Tasks that are decided at once.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// What the policy sees.
    pub(crate) slot: NamedSlot,
    submissions: Vec<Submission>,
    /// Number of the first task; the others follow.
    first: u64,
}

/// What follows from a decision.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// For the journal, before anything is answered.
    pub(crate) changes: Vec<Change>,
    /// Answers by the number of the submission.
    pub(crate) answers: Vec<(u64, PlacedTasks)>,
    /// The tasks placed.
    pub(crate) tasks: Vec<u64>,
    /// Keys whose answers are kept.
    pub(crate) keys: Vec<String>,
}

impl Centre {
    /// When the batch that begins with this submission is due \[s\].
    pub(super) fn due_s(&self, first: &Submission) -> f64 {
        match self.waiting_tasks >= self.options.batch_max {
            true => first.came_s,
            false => first.came_s + 1e-3 * self.options.batch_ms,
        }
    }

    /// The batch that is due by `due_s`, as of now, and submissions that are refused because their vehicle is gone. There is none
    /// while another is being decided: its tasks hold CPU that this one cannot have.
    pub(crate) fn batch(&mut self, now_s: f64, due_s: f64) -> (Option<Batch>, Vec<(u64, Refusal)>) {
        let mut refused = Vec::new();
        let due = self
            .waiting
            .front()
            .is_some_and(|first| self.due_s(first) <= due_s);
        if self.is_deciding || !due {
            return (None, refused);
        }
        let (mut submissions, mut count) = (Vec::new(), 0);
        while let Some(next) = self.waiting.front() {
            if count > 0 && count + next.tasks.len() > self.options.batch_max {
                break;
            }
            let next = self.waiting.pop_front().expect("it is there");
            self.waiting_tasks -= next.tasks.len();
            let gone = next
                .tasks
                .iter()
                .find(|task| !self.vehicles.contains_key(&task.vehicle));
            if let Some(task) = gone {
                let message = format!("vehicle {:?} went before its task was placed", task.vehicle);
                refused.push((next.number, Refusal::Conflict(message)));
                self.asked_no_more(&next);
                continue;
            }
            count += next.tasks.len();
            submissions.push(next);
        }
        if submissions.is_empty() {
            return (None, refused);
        }
        // whoever came first does not matter: the same tasks are the same slot
        submissions.sort_by(|a, b| a.tasks[0].vehicle.cmp(&b.tasks[0].vehicle));
        let first = self.next_task;
        self.next_task += count as u64;
        let slot = self.slot(now_s, &submissions, first);
        self.is_deciding = true;
        let batch = Batch {
            slot,
            submissions,
            first,
        };
        (Some(batch), refused)
    }

    /// The slot of these submissions: their vehicles in order of their ids, RSUs as they are now.
    fn slot(&mut self, now_s: f64, submissions: &[Submission], first: u64) -> NamedSlot {
        let tasks: Vec<&Task> = submissions.iter().flat_map(|s| &s.tasks).collect();
        let mut rows: BTreeMap<&str, u32> = tasks.iter().map(|t| (t.vehicle.as_str(), 0)).collect();
        rows.values_mut()
            .zip(0..)
            .for_each(|(row, number)| *row = number);
        let mut slot = self.empty_slot(now_s, rows.keys().copied());
        for task in &tasks {
            slot.slot.tasks.vehicle.push(rows[task.vehicle.as_str()]);
            slot.slot.tasks.cycles.push(task.cycles);
            slot.slot.tasks.data_bits.push(task.data_bits);
            slot.slot.tasks.deadline_s.push(task.deadline_s);
        }
        let cycles = tasks.iter().map(|task| task.cycles).sum();
        let balance = &self.site.world.scenario.load_balance;
        slot.slot.tau = load::balance_bound(balance, cycles, self.previous_cycles).tau;
        self.previous_cycles = Some(cycles);
        slot.task_ids = (first..).take(tasks.len()).map(task_id).collect();
        slot
    }

    /// A slot with one vehicle and one task, in the middle of what the scenario's tasks are like; none without the vehicle.
    pub(crate) fn probe(&mut self, now_s: f64, vehicle: &str) -> Option<NamedSlot> {
        self.vehicles.contains_key(vehicle).then_some(())?;
        let middle = |range: Range| 0.5 * (range.min + range.max);
        let task = self.site.world.scenario.task;
        let data_bits = 8.0 * middle(task.data_bytes);
        let mut slot = self.empty_slot(now_s, std::iter::once(vehicle));
        let tasks = &mut slot.slot.tasks;
        tasks.vehicle.push(0);
        tasks.cycles.push(match task.cycles {
            Cycles::Drawn(cycles) => middle(cycles),
            Cycles::PerBit(cycles) => middle(cycles) * data_bits,
        });
        tasks.data_bits.push(data_bits);
        tasks.deadline_s.push(middle(task.deadline_s));
        slot.task_ids.push("probe".to_owned());
        Some(slot)
    }

    /// A slot with these vehicles and no task.
    fn empty_slot<'a>(&mut self, now_s: f64, vehicles: impl Iterator<Item = &'a str>) -> NamedSlot {
        let mut slot = self.site.world.empty_slot();
        let mut vehicle_ids = Vec::new();
        for id in vehicles {
            let present = &self.vehicles[id];
            let vehicle = &present.vehicle;
            let columns = &mut slot.vehicles;
            columns.x_m.push(vehicle.x_m);
            columns.y_m.push(vehicle.y_m);
            // complete since it came
            columns
                .tx_power_w
                .push(vehicle.traits.tx_power_w.unwrap_or(1.0));
            columns.cpu_hz.push(vehicle.traits.cpu_hz.unwrap_or(1.0));
            columns
                .energy_coeff
                .push(vehicle.traits.energy_coeff.unwrap_or(0.0));
            let ends = self.local.get(id).and_then(|ends| ends.last());
            let free_s = ends.map_or(0.0, |&(end, _)| f64::from_bits(end));
            columns.local_wait_s.push((free_s - now_s).max(0.0));
            vehicle_ids.push(id.to_owned());
        }
        self.servers.show(now_s, &mut slot);
        self.show_reports(now_s, &mut slot);
        self.servers.show_releases(now_s, &mut slot);
        let holds = |column: &[f64]| column.iter().any(|&x| x > 0.0);
        slot.carry_over = holds(&slot.rsus.reserved_cpu_hz) || holds(&slot.vehicles.local_wait_s);
        self.site.world.cover(&mut Scratch::default(), &mut slot);
        NamedSlot {
            slot,
            task_ids: Vec::new(),
            vehicle_ids,
        }
    }

    /// What an agent reports within the time of a lease counts where it has less to give than the centre reckons.
    fn show_reports(&self, now_s: f64, slot: &mut wayside_core::Slot) {
        for (id, reported) in &self.reports {
            let recent = now_s - reported.at_s <= self.options.lease_s;
            let free_hz = reported.report.free_cpu_hz.filter(|_| recent);
            if let (Some(row), Some(free_hz)) = (self.site.row(id), free_hz) {
                let row = row as usize;
                let reserved_hz = &mut slot.rsus.reserved_cpu_hz[row];
                *reserved_hz = reserved_hz.max(slot.rsus.cpu_hz[row] - free_hz);
            }
        }
    }

    /// Takes the decision of a batch: its tasks hold their CPU from now on.
    pub(crate) fn decided(&mut self, now_s: f64, batch: Batch, report: DecisionReport) -> Decided {
        self.is_deciding = false;
        let mut decided = Decided::default();
        let (mut number, mut placements) = (batch.first, report.placements.into_iter());
        for submission in batch.submissions {
            self.asked_no_more(&submission);
            let mut answer = PlacedTasks { tasks: Vec::new() };
            for task in submission.tasks {
                let placement = placements.next().expect("a placement for every task");
                let lease_s = placement.delay_s + self.options.lease_s;
                let vehicle = task.vehicle.clone();
                let open = Open {
                    task,
                    placed_s: now_s,
                    end_s: now_s + placement.delay_s,
                    lease_end_s: now_s + lease_s,
                    placement: placement.clone(),
                };
                self.keep_task(number, open);
                answer.tasks.push(Placed {
                    id: task_id(number),
                    vehicle,
                    policy: report.policy.clone(),
                    lease_s,
                    placement,
                });
                decided.tasks.push(number);
                number += 1;
            }
            if let Some(key) = submission.key {
                let kept = Kept {
                    hash: key.hash,
                    until_s: now_s + KEPT_S,
                    answer: answer.clone(),
                };
                decided.changes.push(Change::put(KEY, &key.name, &kept));
                decided.keys.push(key.name.clone());
                self.keep_answer(key.name, kept);
            }
            decided.answers.push((submission.number, answer));
        }
        let placed = decided.tasks.iter().copied();
        decided.changes.extend(self.records(placed));
        decided.changes.push(Change::put(NEXT, "", &self.next_task));
        decided
    }

    /// Undoes a decision that the journal did not take: nothing of it was answered. The changes that make sure of that.
    pub(crate) fn undo(&mut self, tasks: &[u64], keys: &[String]) -> Vec<Change> {
        for &task in tasks {
            self.drop_task(task);
        }
        let mut changes = self.records(tasks.iter().copied());
        for name in keys {
            if let Some(kept) = self.kept.remove(name) {
                self.forget
                    .remove(&(super::order(kept.until_s), name.clone()));
            }
            changes.push(Change::remove(KEY, name));
        }
        changes
    }

    fn asked_no_more(&mut self, submission: &Submission) {
        if let Some(key) = &submission.key {
            self.asked.remove(&key.name);
        }
    }
}
