//! `flat`: the paper's state, concatenated (Wang et al., IV-C).
//!
//! One row for the slot: S_V, for every vehicle in fleet order (and for each of its tasks) position, road
//! segment, C, D, T_max, its own queue, and the candidates; then S_R, for every RSU its CPU and position.
//! The paper does not define road segments and its scenario has no roads: the segment of a place is the cell
//! of the RSU nearest to it. Heads for every vehicle: initial RSU among the candidates, target RSU among
//! all, and where there are rules on the end, which.

use std::sync::Arc;

use super::decode::Choice;
use super::features::{cut, share, squash};
use super::{Layout, Observation, Scales};
use crate::backhaul::Routes;
use crate::decision::Placement;
use crate::slot::{RadioLink, Slot};

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
    pub(super) spans: usize,
}

impl Sizes {
    fn places(&self) -> usize {
        self.vehicles * self.tasks_per_vehicle
    }

    pub(super) fn width(&self) -> usize {
        self.places() * (OWN + self.candidates) + self.rsus * RSU
    }

    /// Lengths of the heads of a task: entry, target, and where there are any, rules on the end.
    pub(super) fn heads(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let spans = (self.spans > 1).then_some(self.spans);
        [self.candidates, self.rsus].into_iter().chain(spans)
    }

    pub(super) fn outputs(&self) -> usize {
        self.places() * self.heads().sum::<usize>()
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
}

/// Who can be reached from whom, looked up once for a backhaul.
#[derive(Clone, Debug, Default)]
struct Reach {
    routes: Option<Arc<Routes>>,
    /// Row by row: whether a route leads there.
    pairs: Vec<bool>,
}

impl Reach {
    fn learn(&mut self, slot: &Slot) {
        let same = |routes: &Arc<Routes>| Arc::ptr_eq(routes, &slot.routes);
        if self.routes.as_ref().is_some_and(same) {
            return;
        }
        let rsus = slot.rsus.len();
        self.pairs.clear();
        self.pairs.resize(rsus * rsus, false);
        for m in 0..rsus {
            for target in slot.routes.targets(m as u32) {
                self.pairs[m * rsus + target.rsu as usize] = true;
            }
        }
        self.routes = Some(Arc::clone(&slot.routes));
    }

    /// As [`routed`](super::decode::routed).
    fn routed(&self, entry: u32, target: u32, rsus: usize) -> Placement {
        let reached = self.from(entry, rsus)[target as usize];
        Placement::Rsu {
            entry,
            execution: if reached { target } else { entry },
        }
    }

    fn from(&self, m: u32, rsus: usize) -> &[bool] {
        &self.pairs[m as usize * rsus..][..rsus]
    }
}

impl Flat {
    pub(super) fn observe(
        &mut self,
        slot: &Slot,
        layout: &Layout,
        sizes: Sizes,
        observation: &mut Observation,
    ) {
        self.seat(slot, sizes);
        self.reach.learn(slot);
        let Scales { cpu_hz, .. } = layout.scales;
        let place = |x_m: f64, y_m: f64| {
            let s = &layout.scales;
            [
                share((x_m - s.x_min_m) / s.width_m),
                share((y_m - s.y_min_m) / s.height_m),
            ]
        };
        let id = |rsu: u32| share(f64::from(rsu + 1) / sizes.rsus as f64);
        let beta = sizes.candidates - 1;
        for &task in &self.places {
            let rows = &mut observation.rows;
            let Some(task) = task.map(|task| task as usize) else {
                rows.resize(rows.len() + OWN + sizes.candidates, 0.0);
                nothing(sizes, &mut observation.legal);
                continue;
            };
            let vehicle = slot.tasks.vehicle[task] as usize;
            let links = slot.links(task);
            rows.extend(place(
                slot.vehicles.x_m[vehicle],
                slot.vehicles.y_m[vehicle],
            ));
            rows.extend([
                links.first().map_or(0.0, |link| id(link.rsu)),
                share(0.5 * slot.tasks.cycles[task] / layout.scales.cycles),
                share(0.5 * slot.tasks.data_bits[task] / layout.scales.data_bits),
                share(0.5 * slot.tasks.deadline_s[task] / layout.scales.deadline_s),
                squash(slot.vehicles.local_wait_s[vehicle] / slot.slot_s),
            ]);
            rows.extend(
                (0..sizes.candidates)
                    .map(|k| candidate(links, beta, k).map_or(0.0, |link| id(link.rsu))),
            );
            if links.is_empty() {
                nothing(sizes, &mut observation.legal);
                continue;
            }
            self.allow(slot, sizes, links, &mut observation.legal);
        }
        for m in 0..sizes.rsus {
            observation
                .rows
                .push(cut(slot.rsus.available_cpu_hz(m) / cpu_hz));
            observation
                .rows
                .extend(place(slot.rsus.x_m[m], slot.rsus.y_m[m]));
        }
        let mut end = 0;
        for outputs in (0..sizes.places()).flat_map(|_| sizes.heads()) {
            end += outputs as u32;
            observation.heads.push(end);
        }
    }

    /// Any candidate; any target with CPU left that one of them reaches; any rule.
    fn allow(&self, slot: &Slot, sizes: Sizes, links: &[RadioLink], legal: &mut Vec<bool>) {
        legal.resize(legal.len() + sizes.candidates, true);
        let first = legal.len();
        legal.resize(first + sizes.rsus, false);
        let targets = &mut legal[first..];
        for link in links.iter().take(sizes.candidates - 1) {
            for (legal, reached) in targets
                .iter_mut()
                .zip(self.reach.from(link.rsu, sizes.rsus))
            {
                *legal |= reached;
            }
        }
        for (m, legal) in targets.iter_mut().enumerate() {
            *legal &= slot.rsus.available_cpu_hz(m) > 0.0;
        }
        if !targets.contains(&true) {
            targets[links[0].rsu as usize] = true;
        }
        if sizes.spans > 1 {
            legal.resize(legal.len() + sizes.spans, true);
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

    pub(super) fn act(&self, slot: &Slot, sizes: Sizes, actions: &[u32], choices: &mut [Choice]) {
        for (task, action) in self
            .places
            .iter()
            .zip(actions.chunks(sizes.heads().count()))
        {
            let Some(task) = task.map(|task| task as usize) else {
                continue;
            };
            let entry = candidate(slot.links(task), sizes.candidates - 1, action[0] as usize);
            choices[task] = match entry {
                None => Choice::default(),
                Some(link) => Choice {
                    placement: self.reach.routed(link.rsu, action[1], sizes.rsus),
                    span: action.get(2).map_or(0, |&span| span as u8),
                },
            };
        }
    }
}

/// Heads with one legal choice each: local, and whatever goes with it.
fn nothing(sizes: Sizes, legal: &mut Vec<bool>) {
    for (head, outputs) in sizes.heads().enumerate() {
        let only = if head == 0 { outputs - 1 } else { 0 };
        legal.extend((0..outputs).map(|choice| choice == only));
    }
}
