//! The centre: vehicles, tasks and what they hold, without I/O.
//!
//! It is told what happens, with the time, and says what follows: changes for the journal, answers, batches to decide. Whoever
//! drives it owns the clock, the sockets and the threads, and no policy runs in here. Instants are in seconds from 1970 on and
//! never go back.

mod batch;
mod records;
pub(crate) mod requests;
mod restart;
mod servers;
mod state;
mod surroundings;
#[cfg(test)]
mod tests;

pub(crate) use batch::Batch;
pub(crate) use records::{Change, Saved};
pub use records::{Placed, PlacedTasks};
pub use state::{LinkState, RsuState, State, TaskState, VehicleState};

use batch::Submission;
use records::{KEY, Kept, NUMBERS, Open, Present, RSU, Reported, TASKS, VEHICLE};
use requests::{LONGEST_NAME, Outcome, RsuReport, Task, Vehicle};
use restart::key_of;
use servers::{Servers, Site};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use wayside_core::engine::world::World;
use wayside_core::error::Problems;
use wayside_core::scenario::ServeOptions;
use wayside_core::{Problem, config};
use wayside_study::decision::Mode;

/// How long the answer to an idempotency key is kept \[s\].
pub(crate) const KEPT_S: f64 = 600.0;

/// Why the centre does not do what it is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The input is wrong.
    Input(Problems),
    /// There is too much of something.
    TooMuch(&'static str),
    /// No such thing.
    Unknown(String),
    /// It was there, and has ended.
    Ended(String),
    /// The key has been used for something else, or the vehicle went meanwhile.
    Conflict(String),
}

/// What became of tasks that were sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Submitted {
    /// They wait for a decision under this number.
    Waits(u64),
    /// The key is known, and so is the answer.
    Known(PlacedTasks),
}

/// A request's key, and the hash of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) hash: String,
}

/// Predicted and measured delay of a task that has ended \[s\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) predicted_s: f64,
    /// None where it was lost.
    pub(crate) measured_s: Option<f64>,
}

/// The centre.
pub(crate) struct Centre {
    site: Site,
    options: ServeOptions,
    vehicles: BTreeMap<String, Present>,
    /// When vehicles are gone.
    gone: BTreeSet<(u64, String)>,
    open: BTreeMap<u64, Open>,
    /// When leases end.
    leases: BTreeSet<(u64, u64)>,
    /// By vehicle the predicted ends of what it computes itself.
    local: BTreeMap<String, BTreeSet<(u64, u64)>>,
    servers: Servers,
    reports: BTreeMap<String, Reported>,
    kept: BTreeMap<String, Kept>,
    forget: BTreeSet<(u64, String)>,
    /// Keys of requests that still wait.
    asked: BTreeMap<String, (String, u64)>,
    next_task: u64,
    next_submission: u64,
    waiting: VecDeque<Submission>,
    waiting_tasks: usize,
    is_deciding: bool,
    previous_cycles: Option<f64>,
    /// Leases that ended without an outcome, in all.
    pub(crate) leases_ended: u64,
}

impl Centre {
    /// The centre of `world`, with nothing in it.
    ///
    /// # Errors
    /// What the live centre cannot do yet.
    pub(crate) fn new(world: Arc<World>, now_s: f64) -> wayside_core::Result<Self> {
        check_world(&world)?;
        let options = world.scenario.serve.clone();
        Ok(Self {
            servers: Servers::new(&world, now_s),
            site: Site::new(world),
            options,
            vehicles: BTreeMap::new(),
            gone: BTreeSet::new(),
            open: BTreeMap::new(),
            leases: BTreeSet::new(),
            local: BTreeMap::new(),
            reports: BTreeMap::new(),
            kept: BTreeMap::new(),
            forget: BTreeSet::new(),
            asked: BTreeMap::new(),
            next_task: 0,
            next_submission: 0,
            waiting: VecDeque::new(),
            waiting_tasks: 0,
            is_deciding: false,
            previous_cycles: None,
            leases_ended: 0,
        })
    }

    /// The world it is in.
    pub(crate) fn world(&self) -> &Arc<World> {
        &self.site.world
    }

    /// A vehicle says where it is.
    pub(crate) fn vehicle(
        &mut self,
        now_s: f64,
        id: String,
        mut vehicle: Vehicle,
    ) -> Result<Vec<Change>, Refusal> {
        check_name("id", &id)?;
        let is_new = !self.vehicles.contains_key(&id);
        if is_new && self.vehicles.len() >= self.options.vehicles_max {
            return Err(Refusal::TooMuch("too many vehicles"));
        }
        vehicle.traits.complete(&self.site.world.scenario);
        let gone_s = now_s + self.options.vehicle_ttl_s;
        let present = Present { vehicle, gone_s };
        let change = Change::put(VEHICLE, &id, &present);
        self.keep_vehicle(id, present);
        Ok(vec![change])
    }

    /// A vehicle leaves.
    pub(crate) fn leave(&mut self, id: &str) -> Result<Vec<Change>, Refusal> {
        if !self.drop_vehicle(id) {
            return Err(Refusal::Unknown(format!("no vehicle {id:?}")));
        }
        Ok(vec![Change::remove(VEHICLE, id)])
    }

    /// Tasks that are to be placed, all of them or none.
    pub(crate) fn submit(
        &mut self,
        now_s: f64,
        tasks: Vec<Task>,
        key: Option<Key>,
    ) -> Result<Submitted, Refusal> {
        if let Some(key) = &key {
            check_name("idempotency-key", &key.name)?;
            if let Some(known) = self.known(key)? {
                return Ok(known);
            }
        }
        self.check_tasks(&tasks)?;
        let count = tasks.len();
        if self.waiting_tasks + count > self.options.queue_max {
            return Err(Refusal::TooMuch("too many tasks wait for a decision"));
        }
        if self.open.len() + self.waiting_tasks + count > self.options.tasks_max {
            return Err(Refusal::TooMuch("too many tasks have no outcome"));
        }
        let number = self.next_submission;
        self.next_submission += 1;
        if let Some(key) = &key {
            let asked = (key.hash.clone(), number);
            self.asked.insert(key.name.clone(), asked);
        }
        self.waiting_tasks += count;
        self.waiting.push_back(Submission {
            number,
            came_s: now_s,
            tasks,
            key,
        });
        Ok(Submitted::Waits(number))
    }

    fn known(&self, key: &Key) -> Result<Option<Submitted>, Refusal> {
        let other = || Refusal::Conflict("the idempotency key was used for another body".into());
        if let Some(kept) = self.kept.get(&key.name) {
            let same = kept.hash == key.hash;
            let answer = same.then(|| Some(Submitted::Known(kept.answer.clone())));
            return answer.ok_or_else(other);
        }
        if let Some((hash, number)) = self.asked.get(&key.name) {
            let same = *hash == key.hash;
            return same
                .then_some(Some(Submitted::Waits(*number)))
                .ok_or_else(other);
        }
        Ok(None)
    }

    fn check_tasks(&self, tasks: &[Task]) -> Result<(), Refusal> {
        let mut problems = Problems::default();
        let mut push = |path: String, message: String| {
            problems.push(Problem {
                file: "body".into(),
                line: None,
                path,
                message,
            });
        };
        if tasks.len() > self.options.batch_max {
            let most = self.options.batch_max;
            push(
                "$.tasks".into(),
                format!("must have at most {most} entries, got {}", tasks.len()),
            );
        }
        for (row, task) in tasks.iter().enumerate() {
            if !self.vehicles.contains_key(&task.vehicle) {
                let path = match tasks.len() {
                    1 => "$.vehicle".to_owned(),
                    _ => format!("$.tasks[{row}].vehicle"),
                };
                let known: Vec<_> = self.vehicles.keys().map(String::as_str).take(100).collect();
                push(path, config::unknown("vehicle", &task.vehicle, &known));
            }
        }
        match problems.0.is_empty() {
            true => Ok(()),
            false => Err(Refusal::Input(problems)),
        }
    }

    /// What became of a task; gives back what it held.
    pub(crate) fn outcome(
        &mut self,
        id: &str,
        outcome: &Outcome,
    ) -> Result<(Ended, Vec<Change>), Refusal> {
        let unknown = || Refusal::Unknown(format!("no task {id:?}"));
        let number = id.strip_prefix('t').and_then(|number| number.parse().ok());
        let number: u64 = number
            .filter(|number| task_id(*number) == id)
            .ok_or_else(unknown)?;
        let Some(open) = self.drop_task(number) else {
            let ended = format!("task {id:?} has ended: an outcome came, or its lease is over");
            return Err(match number < self.next_task {
                true => Refusal::Ended(ended),
                false => unknown(),
            });
        };
        let parts = outcome.parts.as_ref();
        let ended = Ended {
            predicted_s: open.placement.delay_s,
            measured_s: parts.map(requests::Parts::sum),
        };
        Ok((ended, self.records(std::iter::once(number))))
    }

    /// What an RSU's agent reports.
    pub(crate) fn report(
        &mut self,
        now_s: f64,
        id: &str,
        report: RsuReport,
    ) -> Result<Vec<Change>, Refusal> {
        let Some(row) = self.site.row(id) else {
            return Err(Refusal::Unknown(format!("no RSU {id:?}")));
        };
        self.check_report(row, &report)?;
        let reported = Reported {
            at_s: now_s,
            report,
        };
        let change = Change::put(RSU, id, &reported);
        self.reports.insert(id.to_owned(), reported);
        Ok(vec![change])
    }

    fn check_report(&self, row: u32, report: &RsuReport) -> Result<(), Refusal> {
        let world = &self.site.world;
        let mut problems = Vec::new();
        let cpu_hz = world.rsus.cpu_hz[row as usize];
        if report.free_cpu_hz.is_some_and(|free_hz| free_hz > cpu_hz) {
            let message = format!("must be at most the RSU's cpu_hz, {cpu_hz}");
            problems.push(problem("$.free_cpu_hz", message));
        }
        let links = world.links.iter();
        let ends = links.filter_map(|link| match row {
            row if row == link.a => Some(link.b),
            row if row == link.b => Some(link.a),
            _ => None,
        });
        let known: Vec<&str> = ends.map(|m| world.rsus.id[m as usize].as_str()).collect();
        for (id, _) in report.link_backlog_bits.iter().flatten() {
            if !known.contains(&id.as_str()) {
                let path = format!("$.link_backlog_bits.{id}");
                problems.push(problem(&path, config::unknown("neighbour", id, &known)));
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Refusal::Input(Problems(problems))),
        }
    }

    /// Lets what is over be over.
    pub(crate) fn advance(&mut self, now_s: f64) -> Vec<Change> {
        let (mut changes, now) = (Vec::new(), order(now_s));
        while let Some((_, id)) = self.gone.first().filter(|(s, _)| *s <= now).cloned() {
            self.drop_vehicle(&id);
            changes.push(Change::remove(VEHICLE, &id));
        }
        while let Some((_, id)) = self.leases.first().filter(|(s, _)| *s <= now).copied() {
            self.drop_task(id);
            self.leases_ended += 1;
            // until its whole record is over, a task whose lease has ended may stay in it: a restart finds that it has
            if self.record(id / NUMBERS).next().is_none() {
                changes.push(Change::remove(TASKS, &key_of(id / NUMBERS)));
            }
        }
        while let Some((_, name)) = self.forget.first().filter(|(s, _)| *s <= now).cloned() {
            self.forget.pop_first();
            self.kept.remove(&name);
            changes.push(Change::remove(KEY, &name));
        }
        changes
    }

    /// When something is over, or a batch is due \[s\].
    pub(crate) fn next_s(&self) -> Option<f64> {
        let first = |s: Option<u64>| s.map(f64::from_bits);
        let due_s = self
            .waiting
            .front()
            .filter(|_| !self.is_deciding)
            .map(|s| self.due_s(s));
        [
            first(self.gone.first().map(|(s, _)| *s)),
            first(self.leases.first().map(|(s, _)| *s)),
            first(self.forget.first().map(|(s, _)| *s)),
            due_s,
        ]
        .into_iter()
        .flatten()
        .min_by(f64::total_cmp)
    }

    fn keep_vehicle(&mut self, id: String, present: Present) {
        self.gone.insert((order(present.gone_s), id.clone()));
        if let Some(before) = self.vehicles.insert(id.clone(), present) {
            let now = self.vehicles.get(&id).map(|present| present.gone_s);
            if now.map(f64::to_bits) != Some(before.gone_s.to_bits()) {
                self.gone.remove(&(order(before.gone_s), id));
            }
        }
    }

    fn drop_vehicle(&mut self, id: &str) -> bool {
        let present = self.vehicles.remove(id);
        present.is_some_and(|present| self.gone.remove(&(order(present.gone_s), id.to_owned())))
    }

    fn keep_task(&mut self, id: u64, open: Open) {
        self.servers.take(&self.site, id, &open);
        if open.placement.mode == Mode::Local {
            let ends = self.local.entry(open.task.vehicle.clone()).or_default();
            ends.insert((order(open.end_s), id));
        }
        self.leases.insert((order(open.lease_end_s), id));
        self.open.insert(id, open);
    }

    fn drop_task(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        self.servers.give_back(id, &open);
        self.leases.remove(&(order(open.lease_end_s), id));
        if let Some(ends) = self.local.get_mut(&open.task.vehicle) {
            ends.remove(&(order(open.end_s), id));
            if ends.is_empty() {
                self.local.remove(&open.task.vehicle);
            }
        }
        Some(open)
    }

    fn keep_answer(&mut self, name: String, kept: Kept) {
        self.forget.insert((order(kept.until_s), name.clone()));
        self.kept.insert(name, kept);
    }
}

/// Refuses scenarios that the live centre does not know how to serve.
fn check_world(world: &World) -> wayside_core::Result<()> {
    let mut problems = Problems::default();
    let mut refuse = |given: bool, path: &str, message: &str| {
        if given {
            problems.push(Problem {
                file: "scenario".into(),
                line: None,
                path: path.into(),
                message: message.into(),
            });
        }
    };
    let scenario = &world.scenario;
    refuse(
        world.sessions.is_some(),
        "execution.kind",
        "must not be \"sessions\": the live centre places tasks only",
    );
    refuse(
        scenario.result.is_some(),
        "result",
        "must be left out: the live centre cannot predict the return of results, since it does not know where vehicles go",
    );
    for key in scenario.radio.extra_keys() {
        let message = "must be left out: the live centre knows no radio but log-distance yet";
        refuse(true, &format!("channel.{key}"), message);
    }
    refuse(
        scenario
            .information
            .is_some_and(|told| told.false_share > 0.0),
        "information.false_share",
        "must be 0: nothing lies to the live centre",
    );
    problems.into_result(())
}

fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && !name.contains(char::is_control);
    match fits {
        true => Ok(()),
        false => Err(input(
            what,
            "must have 1 to 128 bytes and no control characters",
        )),
    }
}

fn input(path: &str, message: impl Into<String>) -> Refusal {
    Refusal::Input(Problems(vec![problem(path, message)]))
}

fn problem(path: &str, message: impl Into<String>) -> Problem {
    Problem {
        file: "body".into(),
        line: None,
        path: path.into(),
        message: message.into(),
    }
}

/// Instants in order: the bits of positive numbers have theirs.
fn order(s: f64) -> u64 {
    s.max(0.0).to_bits()
}

/// A task's number as clients see it.
fn task_id(number: u64) -> String {
    format!("t{number}")
}
