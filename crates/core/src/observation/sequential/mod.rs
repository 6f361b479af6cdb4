//! `sequential`: a row per placement that a task may take, tasks one after the other.
//!
//! The same small network scores every row; a softmax over the rows of a task is its head. Each task sees
//! the loads left by those before it, and those after it at their nearest RSU ([`super::tentative`]). [`upload_paths`] finds how it
//! gets to an RSU, [`rows`] writes what the network sees.
//!
//! With more than one pass every task is decided again, seeing where the previous pass put the others. The last decision
//! counts.
//!
//! Order: by cycles, then data; it does not depend on how tasks are numbered. Small before large where slots are
//! independent: under overload the tasks decided first stay on their vehicles, and those should be the cheapest there. Large
//! before small where tasks must end in time: a large task fits only an almost empty RSU, and small ones fill the gaps.

mod prices;
mod queue;
mod rows;
mod totals;
mod trial;
mod upload_paths;

use super::decode::{Rules, TaskAction};
use super::layout::Steps;
use super::tentative::{Execution, Site};
use super::{Layout, Observation};
use crate::backhaul::Target;
use crate::slot::order::ordered;
use crate::slot::{Decision, Placement, Slot};
use prices::Prices;
use queue::Queue;
use rows::Rows;
use totals::Totals;
use trial::{Trial, slots_held, try_spans};
use upload_paths::UploadPaths;

/// So few are sorted faster than selected from.
const FEW: usize = 20;

/// Features of a row.
pub(super) const WIDTH: usize = 36;

/// The feature of a row that tells best how far its total lies above the least of its task.
pub const TOTAL_ABOVE_LEAST: usize = 10;

#[derive(Clone, Debug, Default)]
pub(super) struct Sequential {
    queue: Queue,
    /// Where tasks must enter; empty where they may anywhere.
    entries: Vec<Option<u32>>,
    next_turn: usize,
    steps: Steps,
    sites: Vec<Site>,
    /// Share promised to every task, and what its execution costs with it; nothing where it has no promise.
    promises: Vec<Option<Promise>>,
    /// The share that the number of slots of every decided task needs, where it has one \[Hz\].
    least_hz: Vec<f64>,
    prices: Prices,
    paths: UploadPaths,
    /// RSUs by what they promise the present task, the least total first: totals as [`ordered`], and RSUs.
    ranked: Vec<(i64, u32)>,
    /// What the heads of the present turn offer but the vehicle, in the order of the rows.
    trials: Vec<Trial>,
    heads: Vec<Head>,
    /// RSUs and sites without the task offered last.
    without: Option<Sites>,
    totals: Totals,
    rows: Rows,
}

/// A share, and what execution costs with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub(super) hz: f64,
    pub(super) own: f64,
}

/// Where a task enters and, if elsewhere, executes: RSUs with their sites.
type Sites = [Option<(usize, Site)>; 2];

#[derive(Clone, Copy, Debug)]
struct Head {
    task: u32,
    /// First of its trials; the vehicle is offered before them.
    first: u32,
    local: f64,
}

impl Sequential {
    /// Starts a slot: everybody at the nearest RSU, if it has CPU left; where tasks must enter elsewhere, there, and at the RSU with
    /// CPU left that is fewest hops away.
    pub(super) fn begin(
        &mut self,
        slot: &Slot,
        steps: Steps,
        entries: &[Option<u32>],
        choices: &mut [TaskAction],
    ) {
        self.entries.clear();
        self.entries.extend_from_slice(entries);
        self.sites.clear();
        self.sites
            .extend((0..slot.rsus.len()).map(|m| Site::idle(slot, m)));
        self.paths.begin(slot);
        self.next_turn = 0;
        self.steps = steps;
        self.promises.clear();
        self.promises.resize(slot.tasks.len(), None);
        self.least_hz.clear();
        self.least_hz.resize(slot.tasks.len(), 0.0);
        self.queue.fill(slot, steps.turns);
        self.totals = Totals {
            decisions: ((steps.passes * slot.tasks.len()) as f64).max(1.0),
            ..Totals::default()
        };
        for site in &self.sites {
            self.totals.capacity_hz += site.capacity_hz;
            self.totals.available_hz += site.available_hz;
        }
        for &task in self.queue.tasks() {
            let task = task as usize;
            match self.expected(slot, task) {
                Some((entry, target)) => {
                    let upload = upload_cost(slot, task, entry as usize);
                    self.sites[entry as usize].enter(upload);
                    let site = &mut self.sites[target.rsu as usize];
                    site.execute(slot.tasks.cycles[task]);
                    self.totals.elastic_hz += site.free_demand_hz.min(site.capacity_hz);
                    if target.rsu != entry {
                        let data_bits = slot.tasks.data_bits[task];
                        self.totals.rest += slot.migration_cost(data_bits, target);
                    }
                    choices[task].placement = Placement::Rsu {
                        entry,
                        execution: target.rsu,
                    };
                }
                None => self.totals.rest += slot.local_cost(task),
            }
        }
        self.sites.iter_mut().for_each(Site::settle);
        self.prices.begin(&self.sites);
        self.totals.cost = self.totals.rest + self.sites.iter().map(Site::cost).sum::<f64>();
    }

    /// Where a task is until it is decided: its entry, and the route to where it executes; `None` for its vehicle.
    fn expected<'s>(&self, slot: &'s Slot, task: usize) -> Option<(u32, &'s Target)> {
        let open = |target: &&Target| self.sites[target.rsu as usize].available_hz > 0.0;
        match self.entries.get(task) {
            Some(&entry) => {
                let mut targets = slot.routes.targets(entry?).iter();
                Some((entry?, targets.find(open)?))
            }
            None => {
                let near = slot.links(task).first()?.rsu;
                Some((near, slot.routes.find(near, near).filter(open)?))
            }
        }
    }

    /// Fills `observation` with the next turn; false where no task is left that has a choice.
    pub(super) fn observe(
        &mut self,
        slot: &Slot,
        (layout, rules): (&Layout, Rules),
        choices: &mut [TaskAction],
        still: &[f32],
        observation: &mut Observation,
    ) -> bool {
        self.trials.clear();
        self.heads.clear();
        while self.heads.is_empty() && self.next_turn < self.steps.passes * self.queue.turns() {
            let turn = self.next_turn % self.queue.turns();
            if turn == 0 {
                self.totals.begin_pass();
            }
            self.next_turn += 1;
            for at in self.queue.turn(turn) {
                let task = self.queue.tasks()[at] as usize;
                if slot.links(task).is_empty() {
                    choices[task] = TaskAction::default();
                    self.totals.decided += 1.0;
                    self.totals.decided_local += 1.0;
                } else {
                    self.offer(slot, (layout, rules), task, choices, observation);
                }
            }
        }
        self.totals
            .context(slot, layout, still, &mut observation.context);
        !self.heads.is_empty()
    }

    /// Takes one offer per head.
    pub(super) fn act(&mut self, slot: &Slot, actions: &[u32], choices: &mut [TaskAction]) {
        let heads = std::mem::take(&mut self.heads);
        // of a turn with one head nothing has changed since its task was taken out for its rows
        let mut without = self.without.take().filter(|_| heads.len() == 1);
        for (head, &action) in heads.iter().zip(actions) {
            let task = head.task as usize;
            match without.take() {
                Some(sites) => {
                    self.swap(sites);
                    let promise = self.promises[task];
                    self.totals
                        .forget(slot, task, choices[task].placement, promise, &self.sites);
                }
                None => {
                    self.take_out(slot, task, choices[task].placement);
                }
            }
            self.promises[task] = None;
            self.least_hz[task] = 0.0;
            choices[task] = match action.checked_sub(1) {
                None => self.take_local(slot, head),
                Some(action) => self.take(slot, task, (head.first + action) as usize),
            };
        }
        self.heads = heads;
        self.totals.cost = self.totals.rest + self.sites.iter().map(Site::cost).sum::<f64>();
    }

    /// The tasks of the present turn.
    pub(super) fn deciding(&self) -> impl Iterator<Item = usize> + '_ {
        self.heads.iter().map(|head| head.task as usize)
    }

    /// The actions that say `decision`, see [`super::express`].
    pub(super) fn express(
        &self,
        decision: &Decision,
        spans: &[u8],
        actions: &mut Vec<u32>,
    ) -> usize {
        let mut missed = 0;
        for (i, head) in self.heads.iter().enumerate() {
            let end = self.heads.get(i + 1).map(|next| next.first as usize);
            let trials = &self.trials[head.first as usize..end.unwrap_or(self.trials.len())];
            let task = head.task as usize;
            let said = match decision.placements[task] {
                Placement::Local => Some(0),
                Placement::Cloud { .. } => None,
                Placement::Rsu { execution, .. } => {
                    let is = |trial: &Trial| trial.rsu == execution && trial.span == spans[task];
                    trials.iter().position(is).map(|at| at + 1)
                }
            };
            missed += usize::from(said.is_none());
            let least = || {
                let totals = trials.iter().map(|trial| trial.total).enumerate();
                let least = totals.min_by(|a, b| a.1.total_cmp(&b.1));
                let least = least.filter(|(_, total)| *total < head.local);
                least.map_or(0, |(at, _)| at + 1)
            };
            actions.push(said.unwrap_or_else(least) as u32);
        }
        missed
    }

    /// Sum over all tasks of the tentative cost.
    pub(super) fn cost(&self) -> f64 {
        self.totals.cost
    }

    /// Takes a task from where it is expected or was put; the sites there, as they stood.
    fn take_out(&mut self, slot: &Slot, task: usize, placement: Placement) -> Sites {
        let mut before = Sites::default();
        if let Placement::Rsu { entry, execution } = placement {
            let (entry, execution) = (entry as usize, execution as usize);
            before[0] = Some((entry, self.sites[entry]));
            if entry != execution {
                before[1] = Some((execution, self.sites[execution]));
            }
            self.sites[entry].leave(upload_cost(slot, task, entry));
            let site = &mut self.sites[execution];
            match self.promises[task] {
                Some(promise) => site.release(promise.hz),
                None => site.drop(slot.tasks.cycles[task]),
            }
            site.least_hz = (site.least_hz - self.least_hz[task]).max(0.0);
            site.settle();
            self.prices.update(execution, site);
        }
        let promise = self.promises[task];
        self.totals
            .forget(slot, task, placement, promise, &self.sites);
        before
    }

    /// Puts sites back; those that stood there.
    fn swap(&mut self, mut sites: Sites) -> Sites {
        for (m, site) in sites.iter_mut().flatten() {
            self.prices.update(*m, site);
            std::mem::swap(&mut self.sites[*m], site);
        }
        sites
    }

    fn take_local(&mut self, slot: &Slot, head: &Head) -> TaskAction {
        self.totals.decided += 1.0;
        self.totals.decided_local += 1.0;
        self.totals.rest += head.local;
        // what it leaves of its vehicle's queue at the next slot's start
        let waits_s = local_delay_s(slot, head.task as usize) - slot.slot_s;
        self.totals.waits_s += waits_s.max(0.0);
        TaskAction::default()
    }

    fn take(&mut self, slot: &Slot, task: usize, trial: usize) -> TaskAction {
        let trial = self.trials[trial];
        let Execution { hz, own, holds, .. } = trial.execution;
        self.totals.decided += 1.0;
        for (total, least) in self.totals.beyond_hz.iter_mut().zip([1.0, 2.0]) {
            *total += if trial.slots > least { hz } else { 0.0 };
        }
        let (entry, execution) = (trial.path.entry, trial.rsu);
        self.sites[entry as usize].enter(trial.path.own / trial.path.entering);
        let site = &mut self.sites[execution as usize];
        site.least_hz += trial.least_hz;
        self.least_hz[task] = trial.least_hz;
        if holds {
            site.hold(hz);
            self.totals.held_hz += hz;
            self.promises[task] = Some(Promise { hz, own });
        } else {
            site.execute(slot.tasks.cycles[task]);
            self.totals.elastic_hz += site.free_demand_hz.min(site.capacity_hz);
        }
        site.settle();
        self.prices.update(execution as usize, site);
        self.totals.rest += trial.path.migration + if holds { own } else { 0.0 };
        TaskAction {
            placement: Placement::Rsu { entry, execution },
            span: trial.span,
        }
    }

    /// Writes the rows of one task.
    fn offer(
        &mut self,
        slot: &Slot,
        (layout, rules): (&Layout, Rules),
        task: usize,
        choices: &[TaskAction],
        observation: &mut Observation,
    ) {
        // Its own load must not count against it.
        let totals = self.totals;
        let before = self.take_out(slot, task, choices[task].placement);
        let entry = self.entries.get(task).copied().flatten();
        self.paths.find(slot, &self.sites, task, entry);
        self.shortlist(slot, rules, self.steps.options, task);
        let first = self.trials.len();
        self.try_ranked(slot, rules, task);
        let head = Head {
            task: task as u32,
            first: first as u32,
            local: slot.local_cost(task),
        };
        self.rows.write(
            slot,
            layout,
            &head,
            &self.totals,
            &mut self.sites,
            &mut self.trials[first..],
            &mut observation.rows,
        );
        self.heads.push(head);
        let end = self.trials.len() + self.heads.len();
        observation.heads.push(end as u32);
        observation.legal.resize(end, true);
        debug_assert_eq!(observation.rows.len(), end * WIDTH);
        self.totals = totals;
        self.without = Some(self.swap(before));
    }

    /// The `options` RSUs that promise most.
    fn shortlist(&mut self, slot: &Slot, rules: Rules, options: usize, task: usize) {
        let cycles = slot.tasks.cycles[task];
        let Self {
            ranked,
            sites,
            prices,
            paths,
            ..
        } = self;
        ranked.clear();
        if let Some(costs) = paths.to_all()
            && rules.count == 1
            && options <= FEW
        {
            for one in prices.total(costs, cycles) {
                keep(ranked, options, one);
            }
            return;
        }
        let least = |m: u32| {
            if rules.count == 1 {
                return paths.cost(m) + sites[m as usize].added(cycles);
            }
            let path = paths.path(slot, sites, task, m);
            try_spans(slot, sites, task, m, path, rules)
                .map(|trial| trial.total)
                .fold(f64::INFINITY, f64::min)
        };
        match paths.to_all() {
            Some(costs) => {
                let open =
                    (0..costs.len() as u32).filter(|m| sites[*m as usize].available_hz > 0.0);
                ranked.extend(open.map(|m| (ordered(least(m)), m)));
            }
            None => ranked.extend(paths.reached().iter().map(|&m| (ordered(least(m)), m))),
        }
        if ranked.len() > options {
            ranked.select_nth_unstable(options - 1);
            ranked.truncate(options);
        }
        ranked.sort_unstable();
    }

    /// Tries every rule on the end that can be kept at the RSUs of the shortlist.
    fn try_ranked(&mut self, slot: &Slot, rules: Rules, task: usize) {
        let Self {
            ranked,
            sites,
            paths,
            trials,
            ..
        } = self;
        for &(_, m) in &*ranked {
            let path = paths.path(slot, sites, task, m);
            trials.extend(try_spans(slot, sites, task, m, path, rules));
        }
    }
}

/// Puts `one` in its place among the `most` cheapest.
#[inline]
fn keep(cheapest: &mut Vec<(i64, u32)>, most: usize, one: (i64, u32)) {
    if cheapest.len() < most {
        cheapest.push(one);
    } else if one > cheapest[most - 1] {
        return;
    }
    let mut at = cheapest.len() - 1;
    while at > 0 && one < cheapest[at - 1] {
        cheapest[at] = cheapest[at - 1];
        at -= 1;
    }
    cheapest[at] = one;
}

/// a_nm of `task` at the RSU by which it enters.
fn upload_cost(slot: &Slot, task: usize, entry: usize) -> f64 {
    let mut links = slot.links(task).iter();
    let link = links.find(|link| link.rsu as usize == entry);
    slot.upload_cost(task, link.expect("it is covered where it enters"))
}

/// Delay on its vehicle \[s\].
fn local_delay_s(slot: &Slot, task: usize) -> f64 {
    let vehicle = slot.tasks.vehicle[task] as usize;
    slot.tasks.cycles[task] / slot.vehicles.cpu_hz[vehicle] + slot.vehicles.local_wait_s[vehicle]
}
