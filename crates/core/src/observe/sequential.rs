//! `sequential`: a row per placement that a task may take, tasks one after the other.
//!
//! The same small network scores every row; a softmax over the rows of a task is its head. Each task sees
//! the loads left by those before it, and those after it at their nearest RSU ([`super::tentative`]).
//!
//! Order: large before small by cycles, then data. Large tasks fit into little else than an empty RSU
//! where tasks must end in time, and what is left for the last is fine-tuning; nothing in the order depends
//! on how tasks are numbered.

use super::decode::{Choice, least_share_hz};
use super::features::{cut, flag, share, squash};
use super::tentative::{Execution, Site};
use super::{CONTEXT, Layout, Observation, Turns};
use crate::decision::Placement;
use crate::model::transfer;
use crate::slot::Slot;
use crate::slot::order::Order;

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
    ways: Vec<Way>,
    stamp: u32,
    reached: Vec<(f64, u32)>,
    /// Upload cost of its own and added to others, by radio link of the present task.
    entries: Vec<(f64, f64)>,
    trials: Vec<Trial>,
    /// What the heads of the present turn offer, in the order of the rows.
    offers: Vec<Offer>,
    heads: Vec<Head>,
    totals: Totals,
}

/// The cheapest way of the present task to an RSU.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    stamp: u32,
    /// Number of the radio link, and of the target from there.
    link: u32,
    target: u32,
    entry: u32,
    hops: u32,
    /// Time until it may execute \[s\].
    moved_s: f64,
    /// Upload cost of its own and added to others, migration cost.
    own: f64,
    others: f64,
    migration: f64,
}

impl Way {
    fn cost(&self) -> f64 {
        self.own + self.others + self.migration
    }
}

/// One placement with one rule on the end.
#[derive(Clone, Copy, Debug)]
struct Trial {
    rsu: u32,
    span: u8,
    execution: Execution,
    total: f64,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug)]
struct Offer {
    choice: Choice,
    /// a_nm at the entry.
    upload: f64,
    /// Share promised \[Hz\]; 0 for none.
    hold_hz: f64,
    /// Own execution cost where the share is promised.
    held: f64,
    migration: f64,
    local: f64,
    /// CPU that it holds beyond the next slot's start, and beyond the one after \[Hz\].
    beyond_hz: [f64; 2],
    /// What it leaves of its vehicle's queue at the next slot's start \[s\].
    waits_s: f64,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    task: u32,
    /// First of its offers.
    first: u32,
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
        self.ways.clear();
        self.ways.resize(slot.rsus.len(), Way::default());
        self.stamp = 0;
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
                self.reached.clear();
                self.reached.extend(
                    ranks
                        .zip(self.order.tasks())
                        .map(|(r, &t)| (f64::from(r), t)),
                );
                for &(rank, _) in &self.reached {
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
                self.queue.resize(self.reached.len(), 0);
                for &(rank, task) in &self.reached {
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
        self.offers.clear();
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
        for (head, action) in heads.iter().zip(actions) {
            let task = head.task as usize;
            let offer = self.offers[(head.first + action) as usize];
            self.take_out(slot, task);
            self.take(slot, task, &offer);
            choices[task] = offer.choice;
        }
        self.heads = heads;
        self.totals.cost = self.totals.rest + self.sites.iter().map(Site::cost).sum::<f64>();
    }

    /// Sum over all tasks of the tentative cost.
    pub(super) fn cost(&self) -> f64 {
        self.totals.cost
    }

    /// Takes a task from where it is expected.
    fn take_out(&mut self, slot: &Slot, task: usize) {
        match expected(slot, &self.sites, task) {
            Some((m, upload)) => {
                let site = &mut self.sites[m];
                site.leave(upload);
                site.drop(slot.tasks.cycles[task]);
                self.totals.elastic_hz -= site.free_demand_hz.min(site.capacity_hz);
            }
            None => self.totals.rest -= slot.local_cost(task),
        }
    }

    fn take(&mut self, slot: &Slot, task: usize, offer: &Offer) {
        self.totals.decided += 1.0;
        self.totals.waits_s += offer.waits_s;
        for (total, hz) in self.totals.beyond_hz.iter_mut().zip(offer.beyond_hz) {
            *total += hz;
        }
        match offer.choice.placement {
            Placement::Local => {
                self.totals.decided_local += 1.0;
                self.totals.rest += offer.local;
            }
            Placement::Cloud { .. } => unreachable!("the cloud is not offered"),
            Placement::Rsu { entry, execution } => {
                self.sites[entry as usize].enter(offer.upload);
                let site = &mut self.sites[execution as usize];
                if offer.hold_hz > 0.0 {
                    site.hold(offer.hold_hz);
                    self.totals.held_hz += offer.hold_hz;
                } else {
                    site.execute(slot.tasks.cycles[task]);
                    self.totals.elastic_hz += site.free_demand_hz.min(site.capacity_hz);
                }
                self.totals.rest += offer.migration + offer.held;
            }
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
        let before = expected(slot, &self.sites, task).map(|(m, _)| (m, self.sites[m]));
        let totals = self.totals;
        self.take_out(slot, task);
        self.find_ways(slot, task);
        self.shortlist(slot, layout.spans, options, task);
        self.write(slot, layout, task, observation);
        self.totals = totals;
        if let Some((m, site)) = before {
            self.sites[m] = site;
        }
    }

    /// The cheapest way to every RSU within reach; which these are.
    fn find_ways(&mut self, slot: &Slot, task: usize) {
        self.stamp += 1;
        self.reached.clear();
        let links = slot.links(task);
        self.entries.clear();
        self.entries.extend(links.iter().map(|link| {
            let site = &self.sites[link.rsu as usize];
            let own = (site.entering + 1.0) * slot.upload_cost(task, link);
            (own, site.upload)
        }));
        let cost = |&(own, others): &(f64, f64)| own + others;
        let costs = self.entries.iter().map(cost);
        let Some((cheapest, _)) = costs.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else {
            return;
        };
        let farthest = self.enter(slot, task, cheapest);
        let reach = slot.routes.targets(links[cheapest].rsu).len();
        for (at, link) in links.iter().enumerate() {
            // Where the cheapest entry leads everywhere for less, nobody enters here.
            let all = slot.routes.targets(link.rsu).len() == reach && reach == slot.rsus.len();
            if at != cheapest && !(all && cost(&self.entries[at]) >= farthest) {
                self.enter(slot, task, at);
            }
        }
        for &(_, m) in &self.reached {
            let way = &mut self.ways[m as usize];
            let link = &links[way.link as usize];
            let target = &slot.routes.targets(link.rsu)[way.target as usize];
            let data_bits = slot.tasks.data_bits[task];
            let entering = self.sites[link.rsu as usize].entering + 1.0;
            way.entry = link.rsu;
            way.hops = target.hops;
            way.moved_s = transfer::upload_s(data_bits, link.seconds_per_bit, entering)
                + transfer::migration_s(data_bits, target.seconds_per_bit)
                + target.wait_s;
        }
    }

    /// Tries the ways by one entry; what the dearest of them costs.
    fn enter(&mut self, slot: &Slot, task: usize, link: usize) -> f64 {
        let data_bits = slot.tasks.data_bits[task];
        let (own, others) = self.entries[link];
        let targets = slot.routes.targets(slot.links(task)[link].rsu);
        let mut dearest = 0.0f64;
        for (at, target) in targets.iter().enumerate() {
            let migration = slot.migration_cost(data_bits, target);
            let cost = own + others + migration;
            dearest = dearest.max(cost);
            let way = &mut self.ways[target.rsu as usize];
            if way.stamp == self.stamp {
                if cost >= way.cost() {
                    continue;
                }
            } else {
                if self.sites[target.rsu as usize].available_hz <= 0.0 {
                    continue;
                }
                self.reached.push((0.0, target.rsu));
            }
            *way = Way {
                stamp: self.stamp,
                link: link as u32,
                target: at as u32,
                own,
                others,
                migration,
                ..Way::default()
            };
        }
        dearest
    }

    /// The `options` RSUs that promise most, with every rule on the end that can be kept there.
    fn shortlist(&mut self, slot: &Slot, spans: usize, options: usize, task: usize) {
        let cycles = slot.tasks.cycles[task];
        self.trials.clear();
        let Self {
            reached,
            sites,
            ways,
            ..
        } = self;
        let try_span = |m: u32, span: usize| {
            let (site, way) = (&sites[m as usize], &ways[m as usize]);
            let least_hz = least_share_hz(slot, task, way.moved_s, span);
            let execution = site.execution(cycles, least_hz);
            let fits = span == 0 || least_hz <= site.unpromised_hz();
            fits.then(|| Trial {
                rsu: m,
                span: span as u8,
                execution,
                total: way.cost() + execution.added,
            })
        };
        for (least, m) in &mut *reached {
            *least = (0..spans)
                .filter_map(|span| try_span(*m, span))
                .map(|trial| trial.total)
                .fold(f64::INFINITY, f64::min);
        }
        let by_cost = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if reached.len() > options.max(FEW) {
            reached.select_nth_unstable_by(options - 1, by_cost);
            reached.truncate(options);
        }
        reached.sort_unstable_by(by_cost);
        reached.truncate(options);
        for &(_, m) in &*reached {
            self.trials
                .extend((0..spans).filter_map(|span| try_span(m, span)));
        }
    }

    fn write(&mut self, slot: &Slot, layout: &Layout, task: usize, observation: &mut Observation) {
        let first = self.offers.len();
        let local = slot.local_cost(task);
        let best = self
            .trials
            .iter()
            .map(|trial| trial.total)
            .fold(local, f64::min);
        let common = Common::new(slot, layout, task, local, &self.totals);
        self.offers.push(Offer {
            choice: Choice::default(),
            upload: 0.0,
            hold_hz: 0.0,
            held: 0.0,
            migration: 0.0,
            local,
            beyond_hz: [0.0; 2],
            waits_s: (local_delay_s(slot, task) - slot.slot_s).max(0.0),
        });
        common.local_row(slot, best, &mut observation.rows);
        for trial in &self.trials {
            let (site, way) = (
                &self.sites[trial.rsu as usize],
                &self.ways[trial.rsu as usize],
            );
            let Execution { hz, own, holds, .. } = trial.execution;
            let slots = slots_held((way.moved_s + slot.tasks.cycles[task] / hz) / slot.slot_s);
            self.offers.push(Offer {
                choice: Choice {
                    placement: Placement::Rsu {
                        entry: way.entry,
                        execution: trial.rsu,
                    },
                    span: trial.span,
                },
                upload: way.own / (self.sites[way.entry as usize].entering + 1.0),
                hold_hz: if holds { hz } else { 0.0 },
                held: if holds { own } else { 0.0 },
                migration: way.migration,
                local: 0.0,
                beyond_hz: [1.0, 2.0].map(|least| if slots > least { hz } else { 0.0 }),
                waits_s: 0.0,
            });
            common.rsu_row(slot, site, way, trial, best, &mut observation.rows);
        }
        let end = self.offers.len();
        self.heads.push(Head {
            task: task as u32,
            first: first as u32,
        });
        observation.heads.push(end as u32);
        observation.legal.resize(end, true);
        debug_assert_eq!(observation.rows.len(), end * WIDTH);
    }

    fn context(&self, slot: &Slot, layout: &Layout, still: &[f32], context: &mut Vec<f32>) {
        let tasks = (slot.tasks.len() as f64).max(1.0);
        let totals = &self.totals;
        context.extend_from_slice(still);
        context.extend([
            share(totals.decided / tasks),
            squash(totals.cost / tasks / (0.5 * layout.scales.cost)),
            share(totals.decided_local / totals.decided.max(1.0)),
            share(totals.held_hz / totals.available_hz),
            squash(totals.elastic_hz / totals.available_hz),
            share(totals.beyond_hz[0] / totals.capacity_hz),
            share(totals.beyond_hz[1] / totals.capacity_hz),
            squash(totals.waits_s / tasks / slot.slot_s),
        ]);
        debug_assert_eq!(context.len(), CONTEXT);
    }
}

/// Where an undecided task is expected: the nearest RSU, if it has CPU left; with a_nm there.
fn expected(slot: &Slot, sites: &[Site], task: usize) -> Option<(usize, f64)> {
    let link = slot.links(task).first()?;
    let m = link.rsu as usize;
    (sites[m].available_hz > 0.0).then(|| (m, slot.upload_cost(task, link)))
}

/// Slots begun by a task that takes so many of them, rounding aside.
fn slots_held(slots: f64) -> f64 {
    (slots - 1e-6).ceil().max(1.0)
}

/// Delay on its vehicle \[s\].
fn local_delay_s(slot: &Slot, task: usize) -> f64 {
    let vehicle = slot.tasks.vehicle[task] as usize;
    slot.tasks.cycles[task] / slot.vehicles.cpu_hz[vehicle] + slot.vehicles.local_wait_s[vehicle]
}

/// What all rows of a task share.
struct Common<'a> {
    layout: &'a Layout,
    task: usize,
    local: f64,
    /// The last features of every row.
    tail: [f32; 10],
}

impl<'a> Common<'a> {
    fn new(slot: &Slot, layout: &'a Layout, task: usize, local: f64, totals: &Totals) -> Self {
        let vehicle = slot.tasks.vehicle[task] as usize;
        let scales = &layout.scales;
        let tasks = (slot.tasks.len() as f64).max(1.0);
        Self {
            layout,
            task,
            local,
            tail: [
                cut(slot.tasks.cycles[task] / scales.cycles - 1.0),
                cut(slot.tasks.data_bits[task] / scales.data_bits - 1.0),
                squash(slot.vehicles.local_wait_s[vehicle] / slot.slot_s),
                squash(local / scales.cost),
                share(slot.links(task).len() as f64 / 8.0),
                share(totals.decided / tasks),
                squash((totals.held_hz + totals.elastic_hz) / totals.available_hz),
                share(totals.available_hz / totals.capacity_hz),
                share(totals.decided_local / totals.decided.max(1.0)),
                squash(slot.slot_s * slot.vehicles.cpu_hz[vehicle] / scales.cycles),
            ],
        }
    }

    fn regrets(&self, total: f64, best: f64) -> [f32; 4] {
        let cost = self.layout.scales.cost;
        let regret = total - best;
        [
            squash(total / (0.5 * cost)),
            squash(regret / (0.005 * cost)),
            squash(regret / (0.05 * cost)),
            squash(regret / (0.5 * cost)),
        ]
    }

    fn local_row(&self, slot: &Slot, best: f64, rows: &mut Vec<f32>) {
        let delay_s = local_delay_s(slot, self.task);
        let deadline_s = slot.tasks.deadline_s[self.task];
        rows.extend([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        rows.extend([squash(self.local / (0.5 * self.layout.scales.cost)), 0.0]);
        rows.extend(self.regrets(self.local, best));
        rows.extend([
            cut((deadline_s - delay_s) / deadline_s),
            squash(delay_s / slot.slot_s),
        ]);
        rows.extend([0.0; 11]);
        rows.extend(self.tail);
    }

    fn rsu_row(
        &self,
        slot: &Slot,
        site: &Site,
        way: &Way,
        trial: &Trial,
        best: f64,
        rows: &mut Vec<f32>,
    ) {
        let cost = self.layout.scales.cost;
        let Execution { hz, own, added, .. } = trial.execution;
        let cycles = slot.tasks.cycles[self.task];
        let deadline_s = slot.tasks.deadline_s[self.task];
        let delay_s = way.moved_s + cycles / hz;
        let slots = delay_s / slot.slot_s;
        let slots_held = slots_held(slots);
        let left_hz = site.unpromised_hz() - hz;
        let m = trial.rsu as usize;
        let capacity_hz = site.capacity_hz;
        let (reserved_hz, releasing_hz) =
            (slot.rsus.reserved_cpu_hz[m], slot.rsus.releasing_cpu_hz[m]);
        rows.extend([
            0.0,
            flag(way.hops > 0),
            flag(trial.span == 1),
            flag(trial.span == 2),
            squash(way.own / (0.1 * cost)),
            squash(way.others / (0.1 * cost)),
            squash(way.migration / (0.1 * cost)),
            squash(own / (0.5 * cost)),
            squash((added - own) / (0.1 * cost)),
        ]);
        rows.extend(self.regrets(trial.total, best));
        rows.extend([
            cut((deadline_s - delay_s) / deadline_s),
            squash(slots),
            share(slots_held - slots),
            squash(10.0 * hz / capacity_hz),
            squash(10.0 * hz * slots_held / capacity_hz),
            share(cycles / (hz * slots_held * slot.slot_s)),
            share(site.available_hz / capacity_hz),
            share(site.held_hz / capacity_hz),
            squash(site.elastic * site.free_demand_hz / capacity_hz),
            cut(left_hz / capacity_hz),
            squash(left_hz / hz),
            share((reserved_hz - releasing_hz) / capacity_hz),
            share(releasing_hz / capacity_hz),
        ]);
        rows.extend(self.tail);
    }
}
