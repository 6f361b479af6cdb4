//! `sequential`: a row per placement that a task may take, tasks one after the other.
//!
//! The same small network scores every row; a softmax over the rows of a task is its head. Each task sees
//! the loads left by those before it, and those after it at their nearest RSU ([`super::tentative`]). [`ways`] finds how it
//! gets to an RSU, [`rows`] writes what the network sees.
//!
//! Order: large before small by cycles, then data. Large tasks fit into little else than an empty RSU
//! where tasks must end in time, and what is left for the last is fine-tuning; nothing in the order depends
//! on how tasks are numbered.

mod rows;
mod ways;

use super::decode::{Choice, least_share_hz};
use super::features::{over, share, squash};
use super::tentative::{Execution, Site};
use super::{CONTEXT, Layout, Observation, Turns};
use crate::decision::Placement;
use crate::slot::Slot;
use crate::slot::order::{Order, ordered};
use rows::Rows;
use ways::{Way, Ways};

/// So few are sorted faster than selected from.
const FEW: usize = 20;

/// Features of a row.
pub(super) const WIDTH: usize = 36;

#[derive(Clone, Debug, Default)]
pub(super) struct Sequential {
    order: Order,
    /// Tasks in the order they are decided.
    queue: Vec<u32>,
    /// End of every turn in `queue`.
    turns: Vec<u32>,
    next_turn: usize,
    sites: Vec<Site>,
    prices: Prices,
    ways: Ways,
    /// RSUs by what they promise the present task, the least total first: totals as [`ordered`], and RSUs.
    ranked: Vec<(i64, u32)>,
    /// Rank within its place and number of every task, to line them up.
    ranks: Vec<(u32, u32)>,
    /// What the heads of the present turn offer but the vehicle, in the order of the rows.
    trials: Vec<Trial>,
    heads: Vec<Head>,
    /// RSU and site without the task offered last.
    without: Option<(usize, Site)>,
    totals: Totals,
    rows: Rows,
}

/// What one more task that takes any share adds, by RSU; in columns, so that RSUs are compared side by side.
#[derive(Clone, Debug, Default)]
struct Prices {
    weight: Vec<f64>,
    over: Vec<f64>,
    times: [Vec<f64>; 2],
    cycles: Vec<f64>,
    cost: Vec<f64>,
    /// Whether it has CPU left.
    open: Vec<bool>,
    /// What the present task would cost.
    totals: Vec<f64>,
}

impl Prices {
    fn begin(&mut self, sites: &[Site]) {
        let [first, second] = &mut self.times;
        for column in [
            &mut self.weight,
            &mut self.over,
            first,
            second,
            &mut self.cycles,
            &mut self.cost,
            &mut self.totals,
        ] {
            column.clear();
            column.resize(sites.len(), 0.0);
        }
        self.open.clear();
        self.open
            .extend(sites.iter().map(|site| site.available_hz > 0.0));
        for (m, site) in sites.iter().enumerate() {
            self.update(m, site);
        }
    }

    /// The site of RSU `m` has changed.
    #[inline]
    fn update(&mut self, m: usize, site: &Site) {
        let (next, cycles, cost) = site.next();
        self.weight[m] = next.weight;
        self.over[m] = next.over;
        self.times[0][m] = next.times[0];
        self.times[1][m] = next.times[1];
        self.cycles[m] = cycles;
        self.cost[m] = cost;
    }

    /// Totals of a task of `cycles`, given what the ways cost; as [`Site::added`], to the bit.
    #[inline]
    fn total(&mut self, ways: &[f64], cycles: f64) -> impl Iterator<Item = (i64, u32)> {
        let rsus = self.totals.len();
        let (weight, over) = (&self.weight[..rsus], &self.over[..rsus]);
        let (first, second) = (&self.times[0][..rsus], &self.times[1][..rsus]);
        let (there, cost) = (&self.cycles[..rsus], &self.cost[..rsus]);
        let ways = &ways[..rsus];
        for (m, total) in self.totals.iter_mut().enumerate() {
            let all = weight[m] * (there[m] + cycles) / over[m] * first[m] * second[m];
            *total = ways[m] + (all - cost[m]);
        }
        let open = self.totals.iter().zip(&self.open).zip(0..);
        open.filter(|((_, open), _)| **open)
            .map(|((total, _), m)| (ordered(*total), m))
    }
}

/// One placement at an RSU with one rule on the end.
#[derive(Clone, Copy, Debug)]
struct Trial {
    rsu: u32,
    span: u8,
    way: Way,
    execution: Execution,
    total: f64,
    /// Slots begun until it ends, see [`slots_held`]; written with the row.
    slots: f64,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    task: u32,
    /// First of its trials; the vehicle is offered before them.
    first: u32,
    local: f64,
}

/// Sums over the slot.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    capacity_hz: f64,
    available_hz: f64,
    elastic_hz: f64,
    held_hz: f64,
    decided: f64,
    decided_local: f64,
    /// Sums over decided tasks of what is in their offers.
    beyond_hz: [f64; 2],
    waits_s: f64,
    /// Cost of everything that is not in the sites.
    rest: f64,
    /// Cost of everything.
    cost: f64,
}

impl Sequential {
    /// Starts a slot: everybody at the nearest RSU.
    pub(super) fn begin(&mut self, slot: &Slot, turns: Turns) {
        self.sites.clear();
        self.sites
            .extend((0..slot.rsus.len()).map(|m| Site::idle(slot, m)));
        self.ways.begin(slot);
        self.next_turn = 0;
        self.line_up(slot, turns);
        self.totals = Totals::default();
        for site in &self.sites {
            self.totals.capacity_hz += site.capacity_hz;
            self.totals.available_hz += site.available_hz;
        }
        for &task in &self.queue {
            let task = task as usize;
            match expected(slot, &self.sites, task) {
                Some((m, upload)) => {
                    let site = &mut self.sites[m];
                    site.enter(upload);
                    site.execute(slot.tasks.cycles[task]);
                    self.totals.elastic_hz += site.free_demand_hz.min(site.capacity_hz);
                }
                None => self.totals.rest += slot.local_cost(task),
            }
        }
        self.sites.iter_mut().for_each(Site::settle);
        self.prices.begin(&self.sites);
        self.totals.cost = self.totals.rest + self.sites.iter().map(Site::cost).sum::<f64>();
    }

    fn line_up(&mut self, slot: &Slot, turns: Turns) {
        self.queue.clear();
        self.turns.clear();
        match turns {
            Turns::Single => {
                self.order.by_size(slot);
                self.queue.extend_from_slice(self.order.tasks());
                self.turns.extend(1..=self.queue.len() as u32);
            }
            Turns::Places => {
                self.order.canonical(slot);
                // Count the tasks of every rank within their place, then deal them out.
                let mut place = None;
                let mut rank = 0;
                let ranks = self.order.tasks().iter().map(|&task| {
                    let here = slot.nearest_rsu(task as usize);
                    rank = if place == Some(here) { rank + 1 } else { 0 };
                    place = Some(here);
                    rank
                });
                self.ranks.clear();
                self.ranks
                    .extend(ranks.zip(self.order.tasks().iter().copied()));
                for &(rank, _) in &self.ranks {
                    let rank = rank as usize;
                    if self.turns.len() <= rank {
                        self.turns.resize(rank + 1, 0);
                    }
                    self.turns[rank] += 1;
                }
                let mut end = 0;
                for turn in &mut self.turns {
                    let count = *turn;
                    *turn = end;
                    end += count;
                }
                self.queue.resize(self.ranks.len(), 0);
                for &(rank, task) in &self.ranks {
                    let at = &mut self.turns[rank as usize];
                    self.queue[*at as usize] = task;
                    *at += 1;
                }
            }
        }
    }

    /// Fills `observation` with the next turn; false where no task is left that has a choice.
    pub(super) fn observe(
        &mut self,
        slot: &Slot,
        layout: &Layout,
        options: usize,
        choices: &mut [Choice],
        still: &[f32],
        observation: &mut Observation,
    ) -> bool {
        self.trials.clear();
        self.heads.clear();
        while self.heads.is_empty() && self.next_turn < self.turns.len() {
            let first = match self.next_turn {
                0 => 0,
                turn => self.turns[turn - 1] as usize,
            };
            let end = self.turns[self.next_turn] as usize;
            self.next_turn += 1;
            for at in first..end {
                let task = self.queue[at] as usize;
                if slot.links(task).is_empty() {
                    choices[task] = Choice::default();
                    self.totals.decided += 1.0;
                    self.totals.decided_local += 1.0;
                } else {
                    self.offer(slot, layout, options, task, observation);
                }
            }
        }
        self.context(slot, layout, still, &mut observation.context);
        !self.heads.is_empty()
    }

    /// Takes one offer per head.
    pub(super) fn act(&mut self, slot: &Slot, actions: &[u32], choices: &mut [Choice]) {
        let heads = std::mem::take(&mut self.heads);
        // of a turn with one head nothing has changed since its task was taken out for its rows
        let mut without = self.without.take().filter(|_| heads.len() == 1);
        for (head, &action) in heads.iter().zip(actions) {
            let task = head.task as usize;
            match without.take() {
                Some((m, site)) => {
                    self.totals.forget(&site);
                    self.prices.update(m, &site);
                    self.sites[m] = site;
                }
                None => {
                    self.take_out(slot, task);
                }
            }
            choices[task] = match action.checked_sub(1) {
                None => self.take_local(slot, head),
                Some(action) => self.take(slot, task, (head.first + action) as usize),
            };
        }
        self.heads = heads;
        self.totals.cost = self.totals.rest + self.sites.iter().map(Site::cost).sum::<f64>();
    }

    /// Sum over all tasks of the tentative cost.
    pub(super) fn cost(&self) -> f64 {
        self.totals.cost
    }

    /// Takes a task from where it is expected; the RSU where that was, and how it stood.
    fn take_out(&mut self, slot: &Slot, task: usize) -> Option<(usize, Site)> {
        let Some((m, upload)) = expected(slot, &self.sites, task) else {
            self.totals.rest -= slot.local_cost(task);
            return None;
        };
        let site = &mut self.sites[m];
        let before = *site;
        site.leave(upload);
        site.drop(slot.tasks.cycles[task]);
        site.settle();
        self.prices.update(m, site);
        self.totals.forget(site);
        Some((m, before))
    }

    fn take_local(&mut self, slot: &Slot, head: &Head) -> Choice {
        self.totals.decided += 1.0;
        self.totals.decided_local += 1.0;
        self.totals.rest += head.local;
        // what it leaves of its vehicle's queue at the next slot's start
        let waits_s = local_delay_s(slot, head.task as usize) - slot.slot_s;
        self.totals.waits_s += waits_s.max(0.0);
        Choice::default()
    }

    fn take(&mut self, slot: &Slot, task: usize, trial: usize) -> Choice {
        let trial = self.trials[trial];
        let Execution { hz, own, holds, .. } = trial.execution;
        self.totals.decided += 1.0;
        for (total, least) in self.totals.beyond_hz.iter_mut().zip([1.0, 2.0]) {
            *total += if trial.slots > least { hz } else { 0.0 };
        }
        let (entry, execution) = (trial.way.entry, trial.rsu);
        self.sites[entry as usize].enter(trial.way.own / trial.way.entering);
        let site = &mut self.sites[execution as usize];
        if holds {
            site.hold(hz);
            self.totals.held_hz += hz;
        } else {
            site.execute(slot.tasks.cycles[task]);
            self.totals.elastic_hz += site.free_demand_hz.min(site.capacity_hz);
        }
        site.settle();
        self.prices.update(execution as usize, site);
        self.totals.rest += trial.way.migration + if holds { own } else { 0.0 };
        Choice {
            placement: Placement::Rsu { entry, execution },
            span: trial.span,
        }
    }

    /// Writes the rows of one task.
    fn offer(
        &mut self,
        slot: &Slot,
        layout: &Layout,
        options: usize,
        task: usize,
        observation: &mut Observation,
    ) {
        // Its own expected load must not count against it.
        let totals = self.totals;
        let before = self.take_out(slot, task);
        self.ways.find(slot, &self.sites, task);
        self.shortlist(slot, layout.spans, options, task);
        let first = self.trials.len();
        self.try_ranked(slot, layout.spans, task);
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
        self.without = before.map(|(m, site)| {
            self.prices.update(m, &site);
            (m, std::mem::replace(&mut self.sites[m], site))
        });
    }

    /// The `options` RSUs that promise most.
    fn shortlist(&mut self, slot: &Slot, spans: usize, options: usize, task: usize) {
        let cycles = slot.tasks.cycles[task];
        let Self {
            ranked,
            sites,
            prices,
            ways,
            ..
        } = self;
        ranked.clear();
        if let Some(costs) = ways.to_all()
            && spans == 1
            && options <= FEW
        {
            for one in prices.total(costs, cycles) {
                keep(ranked, options, one);
            }
            return;
        }
        let least = |m: u32| {
            if spans == 1 {
                return ways.cost(m) + sites[m as usize].added(cycles);
            }
            let way = ways.way(slot, sites, task, m);
            let trials = (0..spans).filter_map(|span| try_span(slot, sites, task, m, &way, span));
            trials
                .map(|trial| trial.total)
                .fold(f64::INFINITY, f64::min)
        };
        match ways.to_all() {
            Some(costs) => {
                let open =
                    (0..costs.len() as u32).filter(|m| sites[*m as usize].available_hz > 0.0);
                ranked.extend(open.map(|m| (ordered(least(m)), m)));
            }
            None => ranked.extend(ways.reached().iter().map(|&m| (ordered(least(m)), m))),
        }
        if ranked.len() > options {
            ranked.select_nth_unstable(options - 1);
            ranked.truncate(options);
        }
        ranked.sort_unstable();
    }

    /// Tries every rule on the end that can be kept at the RSUs of the shortlist.
    fn try_ranked(&mut self, slot: &Slot, spans: usize, task: usize) {
        let Self {
            ranked,
            sites,
            ways,
            trials,
            ..
        } = self;
        for &(_, m) in &*ranked {
            let way = ways.way(slot, sites, task, m);
            for span in 0..spans {
                trials.extend(try_span(slot, sites, task, m, &way, span));
            }
        }
    }

    fn context(&self, slot: &Slot, layout: &Layout, still: &[f32], context: &mut Vec<f32>) {
        let tasks = (slot.tasks.len() as f64).max(1.0);
        let totals = &self.totals;
        let [decided, cost, local, held, elastic, next, after, waits_s] = over(
            [
                totals.decided,
                totals.cost,
                totals.decided_local,
                totals.held_hz,
                totals.elastic_hz,
                totals.beyond_hz[0],
                totals.beyond_hz[1],
                totals.waits_s,
            ],
            [
                tasks,
                tasks,
                totals.decided.max(1.0),
                totals.available_hz,
                totals.available_hz,
                totals.capacity_hz,
                totals.capacity_hz,
                tasks,
            ],
        );
        context.extend_from_slice(still);
        context.extend_from_slice(&[
            share(decided),
            squash(cost / (0.5 * layout.scales.cost)),
            share(local),
            share(held),
            squash(elastic),
            share(next),
            share(after),
            squash(waits_s / slot.slot_s),
        ]);
        debug_assert_eq!(context.len(), CONTEXT);
    }
}

impl Totals {
    /// A task that would take any share is no longer at `site`.
    fn forget(&mut self, site: &Site) {
        self.elastic_hz -= site.free_demand_hz.min(site.capacity_hz);
    }
}

/// The placement of `task` at `m`, where the rule on its end can be kept.
#[inline(always)]
fn try_span(
    slot: &Slot,
    sites: &[Site],
    task: usize,
    m: u32,
    way: &Way,
    span: usize,
) -> Option<Trial> {
    let site = &sites[m as usize];
    let least_hz = least_share_hz(slot, task, way.moved_s, span);
    let execution = site.execution(slot.tasks.cycles[task], least_hz);
    let fits = span == 0 || least_hz <= site.unpromised_hz();
    fits.then_some(Trial {
        rsu: m,
        span: span as u8,
        way: *way,
        execution,
        total: way.own + way.others + way.migration + execution.added,
        slots: 0.0,
    })
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

/// Where an undecided task is expected: the nearest RSU, if it has CPU left; with a_nm there.
fn expected(slot: &Slot, sites: &[Site], task: usize) -> Option<(usize, f64)> {
    let link = slot.links(task).first()?;
    let m = link.rsu as usize;
    (sites[m].available_hz > 0.0).then(|| (m, slot.upload_cost(task, link)))
}

/// Slots begun by a task that takes so many of them, rounding aside.
fn slots_held(slots: f64) -> f64 {
    let slots = slots - 1e-6;
    // nearly all; the rest would be a call on older processors
    if slots <= 1.0 {
        return 1.0;
    }
    slots.ceil().max(1.0)
}

/// Delay on its vehicle \[s\].
fn local_delay_s(slot: &Slot, task: usize) -> f64 {
    let vehicle = slot.tasks.vehicle[task] as usize;
    slot.tasks.cycles[task] / slot.vehicles.cpu_hz[vehicle] + slot.vehicles.local_wait_s[vehicle]
}
