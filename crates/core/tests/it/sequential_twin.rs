//! `sequential` again, slowly and plainly: every task is taken out and put back, every way to every RSU is tried, every
//! feature is computed where it is needed. The rows of the engine must be equal to the bit.

mod cases;
mod offers;
mod site;

use std::collections::BTreeMap;

use wayside_core::alloc::curve::{CPU_FLOOR_HZ, Curve};
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::observation::{CONTEXT, Encoder, Form, Later, Layout, Observation, Turns};
use wayside_core::policy::{Policy as _, least_total};
use wayside_core::rng::Streams;
use wayside_core::slot::order::Order;
use wayside_core::slot::{Decision, LEAST_FREE_SHARE, Placement, Slot};

use crate::support::{Recipe, builtin};
use site::Site;

const WIDTH: usize = 36;
/// Features of the context that stand still while a slot is decided.
const STILL: usize = CONTEXT - 8;

fn squash(x: f64) -> f32 {
    match x / (1.0 + x.abs()) {
        y if !y.is_nan() => y as f32,
        _ if x > 0.0 => 1.0,
        _ => 0.0,
    }
}

fn cut(x: f64) -> f32 {
    if x.is_nan() {
        0.0
    } else {
        x.clamp(-1.0, 1.0) as f32
    }
}

fn share(x: f64) -> f32 {
    if x.is_nan() {
        0.0
    } else {
        x.clamp(0.0, 1.0) as f32
    }
}

fn flag(condition: bool) -> f32 {
    f32::from(u8::from(condition))
}

/// A placement at an RSU, with all that a row says of it.
#[derive(Clone)]
struct Offer {
    entry: usize,
    rsu: usize,
    span: usize,
    hops: u32,
    moved_s: f64,
    upload: f64,
    own_upload: f64,
    others_upload: f64,
    migration: f64,
    hz: f64,
    execution: f64,
    added: f64,
    holds: bool,
    /// Least share that its number of slots needs, and what it pays for the later ones; 0 where rules are no numbers of slots.
    least_hz: f64,
    later: f64,
    total: f64,
}

#[derive(Clone, Default)]
struct Totals {
    elastic_hz: f64,
    held_hz: f64,
    before: f64,
    decided: f64,
    decided_local: f64,
    beyond_hz: [f64; 2],
    waits_s: f64,
    rest: f64,
}

struct Twin<'a> {
    slot: &'a Slot,
    layout: &'a Layout,
    options: usize,
    spans: usize,
    /// What later slots cost and where tasks enter, where rules are numbers of slots.
    later: Option<&'a Later>,
    sites: Vec<Site>,
    totals: Totals,
    /// Turns to come; tasks of each, and whether it begins a pass.
    turns: Vec<(Vec<usize>, bool)>,
    passes: usize,
    /// Where each task enters and executes, expected or decided; none for its vehicle.
    at: Vec<Option<(usize, usize)>>,
    /// Share promised to each task and its execution cost, 0 for none.
    promised: Vec<(f64, f64)>,
    /// Least share of each task, 0 for none.
    least_hz: Vec<f64>,
    /// Task and offers of every head of the present turn.
    heads: Vec<(usize, Vec<Offer>)>,
}

impl<'a> Twin<'a> {
    fn new(slot: &'a Slot, layout: &'a Layout, later: &'a Later) -> Self {
        let Form::Sequential {
            options,
            turns,
            passes,
        } = layout.form
        else {
            panic!("sequential alone")
        };
        let (options, turns, passes, spans) = match turns {
            Turns::Either if slot.carry_over => (options, Turns::Single, passes, layout.spans),
            Turns::Either => (4, Turns::SmallFirst, 2, 1),
            _ => (options, turns, passes, layout.spans),
        };
        let mut order = Order::default();
        order.canonical(slot);
        let mut places: BTreeMap<u32, usize> = BTreeMap::new();
        let mut all: Vec<Vec<usize>> = Vec::new();
        for &task in order.tasks() {
            let rank = places.entry(slot.nearest_rsu(task as usize)).or_default();
            all.resize((*rank + 1).max(all.len()), Vec::new());
            all[*rank].push(task as usize);
            *rank += 1;
        }
        if turns != Turns::Places {
            let mut tasks: Vec<usize> = all.concat();
            let size = |task: usize| (slot.tasks.cycles[task], slot.tasks.data_bits[task]);
            tasks.sort_by(|&a, &b| size(b).partial_cmp(&size(a)).expect("numbers"));
            if turns == Turns::SmallFirst {
                tasks.reverse();
            }
            all = tasks.into_iter().map(|task| vec![task]).collect();
        }
        let mut twin = Self {
            slot,
            layout,
            options,
            spans,
            later: layout.priced.then_some(later),
            sites: (0..slot.rsus.len()).map(|m| Site::new(slot, m)).collect(),
            totals: Totals::default(),
            turns: Vec::new(),
            passes,
            at: vec![None; slot.tasks.len()],
            promised: vec![(0.0, 0.0); slot.tasks.len()],
            least_hz: vec![0.0; slot.tasks.len()],
            heads: Vec::new(),
        };
        for task in all.concat() {
            match twin.expected(task) {
                Some((entry, m, upload)) => {
                    twin.at[task] = Some((entry, m));
                    let site = &mut twin.sites[entry];
                    site.entering += 1.0;
                    site.upload += upload;
                    let site = &mut twin.sites[m];
                    site.elastic += 1.0;
                    site.cycles += slot.tasks.cycles[task];
                    twin.totals.elastic_hz += site.free_demand_hz.min(site.capacity_hz);
                    let target = slot.routes.find(entry as u32, m as u32).expect("a route");
                    twin.totals.rest += slot.migration_cost(slot.tasks.data_bits[task], target);
                }
                None => twin.totals.rest += slot.local_cost(task),
            }
        }
        for _ in 0..passes {
            let turns = all.iter().cloned().enumerate();
            twin.turns.extend(turns.map(|(i, tasks)| (tasks, i == 0)));
        }
        twin.turns.reverse();
        twin
    }

    /// The nearest RSU, if it has CPU left, or the RSU where it must enter and the first that has CPU left from there; and a_nm.
    fn expected(&self, task: usize) -> Option<(usize, usize, f64)> {
        let slot = self.slot;
        let open = |m: u32| self.sites[m as usize].available_hz > 0.0;
        let near = slot.links(task).first()?;
        let (link, m) = match self.entry(task) {
            None => (near, open(near.rsu).then_some(near.rsu)?),
            Some(entry) => {
                let link = slot.links(task).iter().find(|link| link.rsu == entry)?;
                let mut targets = slot.routes.targets(entry).iter();
                (link, targets.find(|target| open(target.rsu))?.rsu)
            }
        };
        Some((link.rsu as usize, m as usize, slot.upload_cost(task, link)))
    }

    /// Where it must enter.
    fn entry(&self, task: usize) -> Option<u32> {
        self.later?.entries[task]
    }

    fn take_out(&mut self, task: usize) {
        let slot = self.slot;
        let Some((entry, execution)) = self.at[task] else {
            self.totals.rest -= slot.local_cost(task);
            return;
        };
        let mut links = slot.links(task).iter();
        let link = links.find(|link| link.rsu as usize == entry).unwrap();
        self.sites[entry].leave(slot.upload_cost(task, link));
        let site = &mut self.sites[execution];
        site.least_hz = (site.least_hz - self.least_hz[task]).max(0.0);
        let (hz, cost) = self.promised[task];
        if hz > 0.0 {
            site.held_hz = (site.held_hz - hz).max(0.0);
            self.totals.held_hz -= hz;
            self.totals.rest -= cost;
        } else {
            site.drop(slot.tasks.cycles[task]);
            self.totals.elastic_hz -= site.free_demand_hz.min(site.capacity_hz);
        }
        let target = slot.routes.find(entry as u32, execution as u32).unwrap();
        self.totals.rest -= slot.migration_cost(slot.tasks.data_bits[task], target);
    }

    /// The next turn's rows and context; none where the slot is decided.
    fn observe(&mut self) -> (Vec<f32>, Vec<f32>) {
        self.heads.clear();
        let mut rows = Vec::new();
        while self.heads.is_empty()
            && let Some((tasks, begins)) = self.turns.pop()
        {
            if begins {
                self.totals = Totals {
                    before: self.totals.before + self.totals.decided,
                    decided: 0.0,
                    decided_local: 0.0,
                    beyond_hz: [0.0; 2],
                    waits_s: 0.0,
                    ..self.totals
                };
            }
            for task in tasks {
                if self.slot.links(task).is_empty() {
                    self.totals.decided += 1.0;
                    self.totals.decided_local += 1.0;
                    continue;
                }
                let (sites, totals) = (self.sites.clone(), self.totals.clone());
                self.take_out(task);
                let offers = self.offers(task);
                let local = self.slot.local_cost(task);
                let best = offers.iter().map(|o| o.total).fold(local, f64::min);
                rows.extend(self.local_row(task, best));
                for offer in &offers {
                    rows.extend(self.rsu_row(task, offer, best));
                }
                self.heads.push((task, offers));
                (self.sites, self.totals) = (sites, totals);
            }
        }
        (rows, self.context())
    }

    fn tail(&self, task: usize) -> [f32; 10] {
        let (slot, scales, totals) = (self.slot, &self.layout.scales, &self.totals);
        let vehicle = slot.tasks.vehicle[task] as usize;
        let free_hz: f64 = self.sites.iter().map(|s| s.available_hz).sum();
        let capacity_hz: f64 = self.sites.iter().map(|s| s.capacity_hz).sum();
        [
            cut(slot.tasks.cycles[task] / scales.cycles - 1.0),
            cut(slot.tasks.data_bits[task] / scales.data_bits - 1.0),
            squash(slot.vehicles.local_wait_s[vehicle] / slot.slot_s),
            squash(slot.local_cost(task) / scales.cost),
            share(slot.links(task).len() as f64 / 8.0),
            share((totals.before + totals.decided) / (self.passes * slot.tasks.len()) as f64),
            squash((totals.held_hz + totals.elastic_hz) / free_hz),
            share(free_hz / capacity_hz),
            share(totals.decided_local / totals.decided.max(1.0)),
            squash(slot.slot_s * slot.vehicles.cpu_hz[vehicle] / scales.cycles),
        ]
    }

    fn local_delay_s(&self, task: usize) -> f64 {
        let vehicle = self.slot.tasks.vehicle[task] as usize;
        let vehicles = &self.slot.vehicles;
        self.slot.tasks.cycles[task] / vehicles.cpu_hz[vehicle] + vehicles.local_wait_s[vehicle]
    }

    fn local_row(&self, task: usize, best: f64) -> [f32; WIDTH] {
        let (scale, local) = (self.layout.scales.cost, self.slot.local_cost(task));
        let (delay_s, deadline_s) = (self.local_delay_s(task), self.slot.tasks.deadline_s[task]);
        let mut row = [0.0; WIDTH];
        row[0] = 1.0;
        row[7] = squash(local / (0.5 * scale));
        row[9] = squash(local / (0.5 * scale));
        row[10] = squash((local - best) / (0.005 * scale));
        row[11] = squash((local - best) / (0.05 * scale));
        row[12] = squash((local - best) / (0.5 * scale));
        row[13] = cut((deadline_s - delay_s) / deadline_s);
        row[14] = squash(delay_s / self.slot.slot_s);
        row[26..].copy_from_slice(&self.tail(task));
        row
    }

    /// Slots until it ends, and those begun.
    fn slots(&self, task: usize, offer: &Offer) -> (f64, f64) {
        let delay_s = offer.moved_s + self.slot.tasks.cycles[task] / offer.hz;
        let slots = delay_s / self.slot.slot_s;
        (slots, (slots - 1e-6).ceil().max(1.0))
    }

    fn rsu_row(&self, task: usize, offer: &Offer, best: f64) -> [f32; WIDTH] {
        let (slot, scale) = (self.slot, self.layout.scales.cost);
        let (site, hz) = (&self.sites[offer.rsu], offer.hz);
        let (cycles, deadline_s) = (slot.tasks.cycles[task], slot.tasks.deadline_s[task]);
        let delay_s = offer.moved_s + cycles / hz;
        let (slots, held) = self.slots(task, offer);
        let left_hz = site.free_hz() - hz;
        let capacity_hz = site.capacity_hz;
        let reserved_hz = slot.rsus.reserved_cpu_hz[offer.rsu];
        let releasing_hz = slot.rsus.releasing_cpu_hz[offer.rsu];
        let mut row = [0.0; WIDTH];
        row[1] = flag(offer.hops > 0);
        if self.later.is_some() {
            row[2] = share(offer.span as f64 / self.spans as f64);
            row[3] = squash(offer.later / (0.1 * scale));
        } else {
            row[2] = flag(offer.span == 1);
            row[3] = flag(offer.span == 2);
        }
        row[4] = squash(offer.own_upload / (0.1 * scale));
        row[5] = squash(offer.others_upload / (0.1 * scale));
        row[6] = squash(offer.migration / (0.1 * scale));
        row[7] = squash(offer.execution / (0.5 * scale));
        row[8] = squash((offer.added - offer.execution) / (0.1 * scale));
        row[9] = squash(offer.total / (0.5 * scale));
        row[10] = squash((offer.total - best) / (0.005 * scale));
        row[11] = squash((offer.total - best) / (0.05 * scale));
        row[12] = squash((offer.total - best) / (0.5 * scale));
        row[13] = cut((deadline_s - delay_s) / deadline_s);
        row[14] = squash(slots);
        row[15] = share(held - slots);
        row[16] = squash(10.0 * hz / capacity_hz);
        row[17] = squash(10.0 * hz * held / capacity_hz);
        row[18] = share(cycles / (hz * held * slot.slot_s));
        row[19] = share(site.available_hz / capacity_hz);
        row[20] = share(site.held_hz / capacity_hz);
        row[21] = squash(site.elastic * site.free_demand_hz / capacity_hz);
        row[22] = cut(left_hz / capacity_hz);
        row[23] = squash(left_hz / hz);
        row[24] = share((reserved_hz - releasing_hz) / capacity_hz);
        row[25] = share(releasing_hz / capacity_hz);
        row[26..].copy_from_slice(&self.tail(task));
        row
    }

    fn cost(&self) -> f64 {
        self.totals.rest + self.sites.iter().map(Site::cost).sum::<f64>()
    }

    /// What changes of the context.
    fn context(&self) -> Vec<f32> {
        let totals = &self.totals;
        let tasks = (self.slot.tasks.len() as f64).max(1.0);
        let free_hz: f64 = self.sites.iter().map(|s| s.available_hz).sum();
        let capacity_hz: f64 = self.sites.iter().map(|s| s.capacity_hz).sum();
        vec![
            share((totals.before + totals.decided) / (self.passes as f64 * tasks)),
            squash(self.cost() / tasks / (0.5 * self.layout.scales.cost)),
            share(totals.decided_local / totals.decided.max(1.0)),
            share(totals.held_hz / free_hz),
            squash(totals.elastic_hz / free_hz),
            share(totals.beyond_hz[0] / capacity_hz),
            share(totals.beyond_hz[1] / capacity_hz),
            squash(totals.waits_s / tasks / self.slot.slot_s),
        ]
    }

    fn act(&mut self, actions: &[u32]) {
        for ((task, offers), &action) in std::mem::take(&mut self.heads).iter().zip(actions) {
            self.take_out(*task);
            self.promised[*task] = (0.0, 0.0);
            self.least_hz[*task] = 0.0;
            self.totals.decided += 1.0;
            if action == 0 {
                self.at[*task] = None;
                self.totals.decided_local += 1.0;
                self.totals.rest += self.slot.local_cost(*task);
                let waits_s = self.local_delay_s(*task) - self.slot.slot_s;
                self.totals.waits_s += waits_s.max(0.0);
                continue;
            }
            let offer = &offers[action as usize - 1];
            self.at[*task] = Some((offer.entry, offer.rsu));
            let (_, held) = self.slots(*task, offer);
            for (sum, least) in self.totals.beyond_hz.iter_mut().zip([1.0, 2.0]) {
                *sum += if held > least { offer.hz } else { 0.0 };
            }
            let entry = &mut self.sites[offer.entry];
            entry.entering += 1.0;
            entry.upload += offer.upload;
            let site = &mut self.sites[offer.rsu];
            site.least_hz += offer.least_hz;
            self.least_hz[*task] = offer.least_hz;
            let mut rest = offer.migration;
            if offer.holds {
                site.held_hz += offer.hz;
                self.promised[*task] = (offer.hz, offer.execution);
                self.totals.held_hz += offer.hz;
                rest += offer.execution;
            } else {
                site.elastic += 1.0;
                site.cycles += self.slot.tasks.cycles[*task];
                self.totals.elastic_hz += site.free_demand_hz.min(site.capacity_hz);
            }
            self.totals.rest += rest;
        }
    }
}
