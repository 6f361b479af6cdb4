//! `flat`: the paper's state, concatenated (Wang et al., IV-C).
//!
//! One row for the slot: S_V, for every vehicle in fleet order (and for each of its tasks) position, road
//! segment, C, D, T_max, its own queue, and the candidates; then S_R, for every RSU its CPU and position.
//! The paper does not define road segments and its scenario has no roads: the segment of a place is the cell
//! of the RSU nearest to it. Heads for every vehicle: initial RSU among the candidates, target RSU among
//! all or among the candidates too ([`Target`]), and where there are rules on the end, which.

use std::sync::Arc;

use super::decode::{Rules, TaskAction};
use super::features::{cut, share, squash};
use super::{Layout, Observation, Target};
use crate::backhaul::Routes;
use crate::slot::{Placement, RadioLink, Slot};

/// Features of a task beside its candidates.
const OWN: usize = 7;
/// Features of an RSU.
const RSU: usize = 3;

#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) vehicles: usize,
    pub(super) tasks_per_vehicle: usize,
    pub(super) rsus: usize,
    pub(super) candidates: usize,
    pub(super) target: Target,
    pub(super) spans: usize,
}

impl Sizes {
    fn places(&self) -> usize {
        self.vehicles * self.tasks_per_vehicle
    }

    pub(super) fn width(&self) -> usize {
        self.places() * (OWN + self.candidates) + self.rsus * RSU
    }

    fn targets(&self) -> usize {
        match self.target {
            Target::Any => self.rsus,
            Target::Candidates => self.candidates - 1,
        }
    }

    /// Lengths of the heads of a task: entry, target, and where there are any, rules on the end.
    pub(super) fn heads(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let spans = (self.spans > 1).then_some(self.spans);
        [self.candidates, self.targets()].into_iter().chain(spans)
    }

    fn outputs_of_place(&self) -> usize {
        self.heads().sum()
    }

    /// Appends the end of every head of all places.
    fn end_heads(&self, heads: &mut Vec<u32>) {
        let mut end = 0;
        for outputs in (0..self.places()).flat_map(|_| self.heads()) {
            end += outputs as u32;
            heads.push(end);
        }
    }

    pub(super) fn outputs(&self) -> usize {
        self.places() * self.outputs_of_place()
    }
}

/// Candidate number `k` of the paper's sequence of length beta: the covering RSUs, repeated cyclically.
pub(super) fn candidate(links: &[RadioLink], beta: usize, k: usize) -> Option<&RadioLink> {
    let count = links.len().min(beta);
    (count > 0 && k < beta).then(|| &links[k % count])
}

#[derive(Clone, Debug, Default)]
pub(super) struct Flat {
    /// Task in every place of the row.
    places: Vec<Option<u32>>,
    next: Vec<u32>,
    reach: Reach,
    /// Feature that names an RSU, by row.
    ids: Vec<f32>,
    /// The RSUs with CPU left, and the targets of one task.
    available: Vec<u64>,
    targets: Vec<u64>,
}

/// Who can be reached from whom, looked up once for a backhaul.
#[derive(Clone, Debug, Default)]
struct Reach {
    routes: Option<Arc<Routes>>,
    /// Sets of RSUs, one for each: those that a route leads to.
    sets: Vec<u64>,
    /// Words of a set, 64 RSUs to each.
    words: usize,
}

impl Reach {
    fn learn(&mut self, slot: &Slot) {
        let same = |routes: &Arc<Routes>| Arc::ptr_eq(routes, &slot.routes);
        if self.routes.as_ref().is_some_and(same) {
            return;
        }
        let rsus = slot.rsus.len();
        self.words = rsus.div_ceil(64);
        self.sets.clear();
        self.sets.resize(rsus * self.words, 0);
        for m in 0..rsus {
            for target in slot.routes.targets(m as u32) {
                insert(&mut self.sets[m * self.words..], target.rsu);
            }
        }
        self.routes = Some(Arc::clone(&slot.routes));
    }

    /// As [`routed`](super::decode::routed).
    fn routed(&self, entry: u32, target: u32) -> Placement {
        let reached = holds(self.from(entry), target);
        Placement::Rsu {
            entry,
            execution: if reached { target } else { entry },
        }
    }

    /// Fills `reached` with the RSUs that are `available` and that a route leads to from one of `covering`; where there
    /// are none, with the nearest.
    fn reached_from(&self, covering: &[RadioLink], available: &[u64], reached: &mut Vec<u64>) {
        reached.clear();
        reached.resize(self.words, 0);
        for link in covering {
            for (set, more) in reached.iter_mut().zip(self.from(link.rsu)) {
                *set |= more;
            }
        }
        for (set, available) in reached.iter_mut().zip(available) {
            *set &= available;
        }
        if reached.iter().all(|&set| set == 0) {
            insert(reached, covering[0].rsu);
        }
    }

    fn from(&self, m: u32) -> &[u64] {
        &self.sets[m as usize * self.words..][..self.words]
    }
}

fn insert(set: &mut [u64], rsu: u32) {
    set[rsu as usize / 64] |= 1 << (rsu % 64);
}

fn holds(set: &[u64], rsu: u32) -> bool {
    set[rsu as usize / 64] >> (rsu % 64) & 1 == 1
}

impl Flat {
    pub(super) fn observe(
        &mut self,
        slot: &Slot,
        layout: &Layout,
        (sizes, named): (Sizes, Rules),
        observation: &mut Observation,
    ) {
        self.seat(slot, sizes);
        self.prepare(slot, sizes);
        let beta = sizes.candidates - 1;
        // what is absent stays zero and false
        observation.rows.resize(sizes.width(), 0.0);
        observation.legal.resize(sizes.outputs(), false);
        let (tasks, rsus) = observation
            .rows
            .split_at_mut(sizes.places() * (OWN + sizes.candidates));
        let rows = tasks.chunks_exact_mut(OWN + sizes.candidates);
        let legal = observation.legal.chunks_exact_mut(sizes.outputs_of_place());
        let Self {
            places,
            reach,
            ids,
            available,
            targets: reached,
            ..
        } = self;
        for ((&task, row), legal) in places.iter().zip(rows).zip(legal) {
            let Some(task) = task.map(|task| task as usize) else {
                nothing(sizes, legal);
                continue;
            };
            let links = slot.links(task);
            let (own, candidates) = row.split_at_mut(OWN);
            write_own(slot, layout, ids, task, own);
            if links.is_empty() {
                nothing(sizes, legal);
                continue;
            }
            // the sequence of `candidate`; the last is the vehicle itself
            let covering = &links[..links.len().min(beta)];
            for turn in candidates[..beta].chunks_mut(covering.len().max(1)) {
                for (id, link) in turn.iter_mut().zip(covering) {
                    *id = ids[link.rsu as usize];
                }
            }
            // any candidate; any target with CPU left that one of them reaches; any rule, or those that could be kept
            let (entries, rest) = legal.split_at_mut(sizes.candidates);
            let (targets, rules) = rest.split_at_mut(sizes.targets());
            entries.fill(true);
            named.mark(slot, task, rules);
            reach.reached_from(covering, available, reached);
            mark(sizes.target, covering, reached, targets);
        }
        for (m, row) in rsus.chunks_exact_mut(RSU).enumerate() {
            let [x, y] = place(layout, slot.rsus.x_m[m], slot.rsus.y_m[m]);
            let cpu = slot.rsus.available_cpu_hz(m) / layout.scales.cpu_hz;
            row.copy_from_slice(&[cut(cpu), x, y]);
        }
        sizes.end_heads(&mut observation.heads);
    }

    /// Looks up what all tasks of the slot share.
    fn prepare(&mut self, slot: &Slot, sizes: Sizes) {
        self.reach.learn(slot);
        let id = |rsu: u32| share(f64::from(rsu + 1) / sizes.rsus as f64);
        self.ids.clear();
        self.ids.extend((0..sizes.rsus as u32).map(id));
        self.available.clear();
        self.available.resize(self.reach.words, 0);
        for m in (0..sizes.rsus as u32).filter(|&m| slot.rsus.available_cpu_hz(m as usize) > 0.0) {
            insert(&mut self.available, m);
        }
    }

    /// Gives every task its place in the row.
    fn seat(&mut self, slot: &Slot, sizes: Sizes) {
        self.places.clear();
        self.places.resize(sizes.places(), None);
        self.next.clear();
        self.next.resize(sizes.vehicles, 0);
        for (task, &vehicle) in slot.tasks.vehicle.iter().enumerate() {
            if let Some(next) = self.next.get_mut(vehicle as usize)
                && (*next as usize) < sizes.tasks_per_vehicle
            {
                let place = vehicle as usize * sizes.tasks_per_vehicle + *next as usize;
                self.places[place] = Some(task as u32);
                *next += 1;
            }
        }
    }

    /// The task of every place of the row.
    pub(super) fn seated(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        let places = self.places.iter();
        places.map(|place| place.map(|task| task as usize))
    }

    pub(super) fn act(
        &self,
        slot: &Slot,
        (sizes, rules): (Sizes, Rules),
        actions: &[u32],
        choices: &mut [TaskAction],
    ) {
        for (task, action) in self
            .places
            .iter()
            .zip(actions.chunks(sizes.heads().count()))
        {
            let Some(task) = task.map(|task| task as usize) else {
                continue;
            };
            let (links, beta) = (slot.links(task), sizes.candidates - 1);
            choices[task] = match candidate(links, beta, action[0] as usize) {
                None => TaskAction::default(),
                Some(link) => {
                    let target = match sizes.target {
                        Target::Any => action[1],
                        Target::Candidates => {
                            candidate(links, beta, action[1] as usize).map_or(link.rsu, |l| l.rsu)
                        }
                    };
                    TaskAction {
                        placement: self.reach.routed(link.rsu, target),
                        span: action.get(2).map_or(0, |&rule| rules.span(rule as usize)),
                    }
                }
            };
        }
    }
}

/// Where a place lies in the area.
fn place(layout: &Layout, x_m: f64, y_m: f64) -> [f32; 2] {
    let s = &layout.scales;
    [
        share((x_m - s.x_min_m) / s.width_m),
        share((y_m - s.y_min_m) / s.height_m),
    ]
}

/// Writes the features of a task beside its candidates.
fn write_own(slot: &Slot, layout: &Layout, ids: &[f32], task: usize, own: &mut [f32]) {
    let vehicle = slot.tasks.vehicle[task] as usize;
    let [x, y] = place(
        layout,
        slot.vehicles.x_m[vehicle],
        slot.vehicles.y_m[vehicle],
    );
    own.copy_from_slice(&[
        x,
        y,
        slot.links(task)
            .first()
            .map_or(0.0, |link| ids[link.rsu as usize]),
        share(0.5 * slot.tasks.cycles[task] / layout.scales.cycles),
        share(0.5 * slot.tasks.data_bits[task] / layout.scales.data_bits),
        share(0.5 * slot.tasks.deadline_s[task] / layout.scales.deadline_s),
        squash(slot.vehicles.local_wait_s[vehicle] / slot.slot_s),
    ]);
}

/// Marks the targets that may be chosen: those in `reached`.
fn mark(target: Target, covering: &[RadioLink], reached: &[u64], targets: &mut [bool]) {
    match target {
        Target::Any => {
            for (targets, set) in targets.chunks_mut(64).zip(reached) {
                for (m, legal) in targets.iter_mut().enumerate() {
                    *legal = set >> m & 1 == 1;
                }
            }
        }
        Target::Candidates => {
            let mut any = false;
            for (legal, link) in targets.iter_mut().zip(covering.iter().cycle()) {
                *legal = holds(reached, link.rsu);
                any |= *legal;
            }
            targets[0] |= !any;
        }
    }
}

/// Heads with one legal choice each: local, and whatever goes with it.
fn nothing(sizes: Sizes, legal: &mut [bool]) {
    let mut start = 0;
    for (head, outputs) in sizes.heads().enumerate() {
        legal[start + if head == 0 { outputs - 1 } else { 0 }] = true;
        start += outputs;
    }
}
