//! One policy where tasks queue for cores: servers and links are simulated event by event, and tasks are
//! accounted to the slot in which they arose, once their outcome is known.

use super::super::decider::Decider;
use super::super::records::{PolicyRun, QueueRun, ReturnRecord, SlotRecord};
use super::super::result::{Fate, Origin, Returned};
use super::super::traffic::Traffic;
use super::super::world::{self, World};
use super::{Bounds, TaskOutcome};
use crate::evaluate::{self, Outcome};
use crate::information::Rounds;
use crate::policy::{Known, Policy};
use crate::queueing::{Component, FaultEvent, Finished, Lost, QueueNetwork, Submission, Travel};
use crate::rng::Streams;
use crate::scenario::Success;
use crate::slot::queues::QueueState;
use crate::slot::{Decision, Placement, Slot};

/// A policy, and the servers and links that its tasks queue for.
pub(in crate::engine) struct QueueLane {
    decider: Decider,
    servers: QueueNetwork,
    /// The rounds of related information, where servers need them to know of each other.
    rounds: Option<Rounds>,
    heard: Vec<QueueState>,
    /// When the CPU of every vehicle is free \[s\].
    free_at_s: Vec<f64>,
    before: Vec<f64>,
    path: Vec<u32>,
    accounts: Accounts,
}

/// What is known of tasks, and what they cost so far.
struct Accounts {
    run: PolicyRun,
    totals: QueueRun,
    /// Tasks in flight, by their key, and keys that are free.
    pending: Vec<Pending>,
    free: Vec<u32>,
    success: Success,
    omega: f64,
    migration_power_w: f64,
    core_hz: Vec<f64>,
    energy_coeff: Vec<f64>,
    /// Tasks that the policy is going to be told of; none if it does not listen.
    known: Option<Vec<Known>>,
}

/// A task in flight.
#[derive(Clone, Copy, Debug)]
struct Pending {
    ended: TaskOutcome<'static>,
    uploaded: Outcome,
    /// When it arose \[s\], and where, if its answer is to be returned.
    arose_s: f64,
    origin: Option<Origin>,
}

impl QueueLane {
    pub(in crate::engine) fn new(
        world: &World,
        name: &str,
        policy: Box<dyn Policy>,
        streams: Streams,
        core_free_s: &[f64],
    ) -> Self {
        let queues = world.queues.as_ref().expect("tasks queue for cores");
        let servers = QueueNetwork::new(
            world.network.clone(),
            &queues.core_start,
            &queues.core_hz,
            core_free_s,
        )
        .with_faults(schedule(&world.faults));
        let mut heard = Vec::new();
        let rounds = world.rounds(streams).map(|mut rounds| {
            rounds.warm_up(&servers, &mut heard);
            rounds
        });
        let listens = policy.listens();
        Self {
            decider: Decider::new(policy),
            servers,
            rounds,
            heard,
            free_at_s: Vec::new(),
            before: Vec::new(),
            path: Vec::new(),
            accounts: Accounts {
                run: PolicyRun {
                    policy: name.to_owned(),
                    ..PolicyRun::default()
                },
                totals: QueueRun {
                    selections: vec![0; world.rsus.len()],
                    link_used: vec![false; world.network.links().len()],
                    direction_used: vec![false; world.network.links().len()],
                    ..QueueRun::default()
                },
                pending: Vec::new(),
                free: Vec::new(),
                success: world.scenario.success,
                omega: world.scenario.omega,
                migration_power_w: world.scenario.backhaul.migration_power_w,
                core_hz: queues.core_hz.clone(),
                energy_coeff: world.rsus.energy_coeff.clone(),
                known: listens.then(Vec::new),
            },
        }
    }

    pub(super) fn decider(&self) -> &Decider {
        &self.decider
    }

    /// One decision: the simulation advances to now, the policy sees the state and decides, its tasks are sent.
    pub(super) fn step(
        &mut self,
        t: usize,
        slot: &mut Slot,
        traffic: &mut Traffic<'_>,
        bounds: Bounds,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) {
        self.open(t, slot, traffic, ended);
        self.tell();
        self.decider.place(slot);
        self.close(slot, traffic, bounds, ended);
    }

    /// Tells the policy of the tasks that have ended since the last decision.
    fn tell(&mut self) {
        if let Some(known) = &mut self.accounts.known {
            self.decider.tell(known);
            known.clear();
        }
    }

    /// Advances the simulation to now and shows the state.
    pub(in crate::engine) fn open(
        &mut self,
        t: usize,
        slot: &mut Slot,
        traffic: &mut Traffic<'_>,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) {
        self.accounts.open(t);
        if let Some((at_s, _)) = traffic.renewal() {
            self.run_until(at_s.max(self.servers.now_s()), traffic, ended);
        }
        if let Some((_, busy_s)) = traffic.renewal() {
            self.servers.occupy(slot.now_s, busy_s);
        }
        self.run_until(slot.now_s, traffic, ended);
        self.load_state(slot, traffic.previous_row());
    }

    /// Decides by a decision from outside.
    pub(in crate::engine) fn impose(&mut self, slot: &Slot, decision: &Decision) {
        self.decider.impose(slot, decision);
    }

    /// Sends the tasks out as decided.
    pub(in crate::engine) fn close(
        &mut self,
        slot: &mut Slot,
        traffic: &Traffic<'_>,
        bounds: Bounds,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) {
        self.submit(slot, traffic, ended);
        let queues = slot.queues.as_mut().expect("tasks queue for cores");
        std::mem::swap(&mut queues.rounds, &mut self.heard);

        let record = self.accounts.run.slots.last_mut().expect("opened");
        let tasks = slot.tasks.len() as u32;
        record.tasks += tasks;
        record.vehicles = slot.vehicles.len() as u32;
        if tasks > 0 {
            if let Some(cost) = bounds.cost {
                *record.lower_bound.get_or_insert(0.0) += cost;
            }
            if let Some(on_time) = bounds.on_time {
                *record.on_time_most.get_or_insert(0) += on_time;
            }
        }
        record.decision_time_s += self.decider.decision_time_s();
    }

    /// The outcomes of the open tasks of the slot last closed, if no tasks arise after them.
    pub(in crate::engine) fn foresee(&self, ended: &mut dyn FnMut(&TaskOutcome)) {
        let accounts = &self.accounts;
        let slot = accounts.run.slots.len() as u32 - 1;
        self.servers.clone().drain(&mut |finished| {
            let pending = &accounts.pending[finished.key as usize];
            if pending.ended.slot == slot {
                ended(&accounts.outcome(pending, finished));
            }
        });
    }

    fn run_until(
        &mut self,
        now_s: f64,
        traffic: &mut Traffic<'_>,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) {
        let accounts = &mut self.accounts;
        let mut done = |finished: Finished| accounts.finished(finished, traffic, ended);
        match &mut self.rounds {
            Some(rounds) => rounds.advance(now_s, &mut self.servers, &mut self.heard, &mut done),
            None => self.servers.run_until(now_s, &mut done),
        }
    }

    /// Shows the policy the queues as they are and as servers have heard of them.
    fn load_state(&mut self, slot: &mut Slot, previous_row: &[Option<u32>]) {
        let queues = slot.queues.as_mut().expect("tasks queue for cores");
        self.servers.observe(slot.now_s, &mut queues.present);
        std::mem::swap(&mut queues.rounds, &mut self.heard);
        std::mem::swap(&mut self.before, &mut self.free_at_s);
        let before = &self.before;
        self.free_at_s.clear();
        self.free_at_s.extend(
            previous_row
                .iter()
                .map(|from| from.map_or(0.0, |v| before[v as usize])),
        );
        for (wait_s, free_at_s) in slot.vehicles.local_wait_s.iter_mut().zip(&self.free_at_s) {
            *wait_s = (free_at_s - slot.now_s).max(0.0);
        }
    }

    /// Sends the tasks to the servers that the policy chose.
    fn submit(&mut self, slot: &Slot, traffic: &Traffic<'_>, ended: &mut dyn FnMut(&TaskOutcome)) {
        let first = self.accounts.run.slots.last().expect("opened").tasks;
        for task in 0..slot.tasks.len() {
            let placement = self.decider.placements()[task];
            let mut new = TaskOutcome {
                slot: self.accounts.run.slots.len() as u32 - 1,
                task: first + task as u32,
                cycles: slot.tasks.cycles[task],
                data_bits: slot.tasks.data_bits[task],
                deadline_s: slot.tasks.deadline_s[task],
                placement,
                cpu_hz: 0.0,
                outcome: Ok(Outcome::default()),
                returned: None,
                path: &[],
            };
            self.accounts.uncovered(slot.links(task).is_empty());
            let origin = traffic.origin(slot, task);
            match placement {
                Placement::Local => {
                    let vehicle = slot.tasks.vehicle[task] as usize;
                    let free_at_s = &mut self.free_at_s[vehicle];
                    let wait_s = (*free_at_s - slot.now_s).max(0.0);
                    let outcome = Outcome {
                        wait_s,
                        ..evaluate::local(slot, task)
                    };
                    *free_at_s = slot.now_s + outcome.delay_s();
                    new.cpu_hz = slot.vehicles.cpu_hz[vehicle];
                    new.outcome = Ok(outcome);
                    new.returned = origin.map(|_| Returned::of(Fate::Local));
                    self.accounts.end(&new, ended);
                }
                Placement::Cloud { entry } => {
                    new.returned = origin.map(|_| Returned::of(Fate::Cloud));
                    new.outcome = Ok(evaluate::clouded_alone(slot, task, entry));
                    self.accounts.end(&new, ended);
                }
                Placement::Rsu { entry, execution } => {
                    let uploaded = evaluate::uploaded_alone(slot, task, entry);
                    let path = self.decider.path(slot, task, &mut self.path);
                    self.accounts.travels(entry, execution, path, slot);
                    let key = self.accounts.hold(Pending {
                        ended: new,
                        uploaded,
                        arose_s: slot.now_s,
                        origin,
                    });
                    self.servers.submit(Submission {
                        key: u64::from(key),
                        ready_s: slot.now_s + uploaded.upload_s,
                        entry,
                        path,
                        data_bits: new.data_bits,
                        cycles: new.cycles,
                    });
                }
            }
        }
    }

    /// Waits for all tasks in flight.
    pub(super) fn finish(
        mut self: Box<Self>,
        slots: usize,
        traffic: &mut Traffic<'_>,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) -> PolicyRun {
        let Self {
            servers, accounts, ..
        } = &mut *self;
        servers.drain(&mut |finished| accounts.finished(finished, traffic, ended));
        self.tell();
        let Self {
            servers, accounts, ..
        } = &mut *self;
        let counts = servers.counts();
        accounts.totals.rerouted = counts.rerouted;
        accounts.totals.replanned = counts.replanned;
        if let Some(last) = slots.checked_sub(1) {
            accounts.open(last);
        }
        for record in &mut accounts.run.slots {
            record.sums_to_means();
            if let Some(bound) = &mut record.lower_bound {
                *bound /= f64::from(record.tasks.max(1));
            }
        }
        accounts.run.queues = Some(std::mem::take(&mut accounts.totals));
        self.accounts.run
    }
}

impl Accounts {
    /// Makes the record of slot `t` the last; slots between in which nothing arose get empty ones.
    fn open(&mut self, t: usize) {
        while self.run.slots.len() <= t {
            self.run.slots.push(SlotRecord {
                slot: self.run.slots.len() as u32,
                ..SlotRecord::default()
            });
        }
    }

    fn uncovered(&mut self, uncovered: bool) {
        let record = self.run.slots.last_mut().expect("opened");
        record.uncovered += u32::from(uncovered);
    }

    /// Counts where a task was sent.
    fn travels(&mut self, entry: u32, execution: u32, path: &[u32], slot: &Slot) {
        if entry != execution {
            self.totals.selections[execution as usize] += 1;
        }
        for &row in path {
            let reverse = slot.network.links()[row as usize].reverse;
            self.totals.link_used[row.min(reverse) as usize] = true;
            self.totals.direction_used[row as usize] = true;
        }
    }

    /// Keeps a task until it ends; answers its key.
    fn hold(&mut self, pending: Pending) -> u32 {
        if let Some(key) = self.free.pop() {
            self.pending[key as usize] = pending;
            return key;
        }
        self.pending.push(pending);
        self.pending.len() as u32 - 1
    }

    /// Takes the report of the servers that a task has ended.
    fn finished(
        &mut self,
        finished: Finished,
        traffic: &mut Traffic<'_>,
        ended: &mut dyn FnMut(&TaskOutcome),
    ) {
        let key = finished.key as u32;
        self.free.push(key);
        let pending = self.pending[key as usize];
        let mut task = self.outcome(&pending, finished);
        if let (Some(origin), Ok(outcome)) = (pending.origin, &mut task.outcome)
            && let Some(host) = task.placement.execution()
        {
            let ready_s = pending.arose_s + outcome.ready_s();
            let returned = traffic.answer(origin, host, ready_s);
            outcome.return_s = returned.delay_s();
            outcome.return_j = returned.energy_j;
            task.returned = Some(returned);
        }
        self.end(&task, ended);
    }

    /// A task as the servers say that it ended.
    fn outcome<'a>(&self, pending: &Pending, finished: Finished<'a>) -> TaskOutcome<'a> {
        let Pending {
            ended, uploaded, ..
        } = *pending;
        let mut task = TaskOutcome {
            path: finished.path,
            ..ended
        };
        task.outcome = finished
            .outcome
            .map(|travel| self.travelled(&mut task, uploaded, &travel));
        task
    }

    /// A fault may have led the task to another server than the one chosen.
    fn travelled(&self, task: &mut TaskOutcome, uploaded: Outcome, travel: &Travel) -> Outcome {
        let server = travel.execution as usize;
        task.cpu_hz = self.core_hz[server];
        if let Placement::Rsu { execution, .. } = &mut task.placement {
            *execution = travel.execution;
        }
        evaluate::travelled(
            uploaded,
            travel,
            self.migration_power_w,
            task.cycles,
            task.cpu_hz,
            self.energy_coeff[server],
        )
    }

    /// Accounts a task whose outcome is known.
    fn end(&mut self, task: &TaskOutcome, ended: &mut dyn FnMut(&TaskOutcome)) {
        let record = &mut self.run.slots[task.slot as usize];
        if let Some(returned) = &task.returned {
            let returns: &mut ReturnRecord = record.returns.get_or_insert_default();
            returns.add(returned);
        }
        match task.outcome {
            Ok(outcome) => {
                let delay_s = outcome.delay_s();
                let is_there = task.returned.is_none_or(|r| r.fate.is_there());
                let on_time = is_there && delay_s <= task.deadline_s;
                let migrated = task.placement.is_migrated();
                record.add(&outcome, self.omega);
                record.deadline_met += u32::from(on_time);
                record.offloaded += u32::from(task.placement.entry().is_some());
                record.migrated += u32::from(migrated);
                record.success += u32::from(match self.success {
                    Success::OnTime => on_time,
                    Success::Migrated => migrated,
                });
                self.run.delay.record(delay_s);
                self.run.energy.record(outcome.energy_j());
                let totals = &mut self.totals;
                totals.delay_min_s = Some(totals.delay_min_s.map_or(delay_s, |s| s.min(delay_s)));
                totals.delay_max_s = Some(totals.delay_max_s.map_or(delay_s, |s| s.max(delay_s)));
            }
            Err(Lost { reason, .. }) => {
                record.lost += 1;
                self.totals.lost[reason as usize] += 1;
            }
        }
        if let Some(known) = &mut self.known {
            known.push(Known {
                slot: task.slot,
                task: task.task,
                placement: task.placement,
                cpu_hz: task.cpu_hz,
                deadline_s: task.deadline_s,
                omega: self.omega,
                outcome: task
                    .outcome
                    .ok()
                    .filter(|_| task.returned.is_none_or(|r| r.fate.is_there())),
            });
        }
        ended(task);
    }
}

/// The faults of servers and links as single events; information is lost elsewhere.
fn schedule(faults: &[world::WorldFault]) -> Vec<FaultEvent> {
    let events = |fault: &world::WorldFault| {
        let part = match fault.what {
            world::FaultyPart::Server(m) => Component::Server(m),
            world::FaultyPart::Link(row) => Component::Link(row),
            world::FaultyPart::Information => return Vec::new(),
        };
        let event = |at_s, up| FaultEvent { at_s, part, up };
        vec![event(fault.from_s, false), event(fault.until_s, true)]
    };
    faults.iter().flat_map(events).collect()
}
