//! `shared`: a row per task, all scored by the same network and decided at once.
//!
//! A row holds the task itself, its candidates (nearest first), the execution RSUs it may name (fewest hops
//! from the nearest RSU first, itself the first) and the slot. No row depends on another, so the encoder is equivariant to the
//! order of vehicles and works for any N and M. What the others may do is seen as the crowd: how many
//! tasks are nearest to an RSU, against its free CPU.

use super::context::{Crowd, STILL};
use super::decode::{Rules, TaskAction, can_end, routed};
use super::features::{cut, flag, share, squash};
use super::{Layout, Observation};
use crate::slot::Slot;

const OWN: usize = 9;
const CANDIDATE: usize = 6;
const TARGET: usize = 5;

#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) candidates: usize,
    pub(super) targets: usize,
    pub(super) spans: usize,
}

impl Sizes {
    pub(super) fn width(&self) -> usize {
        OWN + (self.candidates - 1) * CANDIDATE + self.targets * TARGET + STILL
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let spans = (self.spans > 1).then_some(self.spans);
        [self.candidates, self.targets].into_iter().chain(spans)
    }

    pub(super) fn outputs(&self) -> usize {
        self.heads().sum()
    }
}

pub(super) fn observe(
    slot: &Slot,
    layout: &Layout,
    (sizes, rules): (Sizes, Rules),
    crowd: &Crowd,
    observation: &mut Observation,
) {
    // what is absent stays zero
    observation
        .rows
        .resize(slot.tasks.len() * sizes.width(), 0.0);
    let rows = observation.rows.chunks_exact_mut(sizes.width());
    for (task, row) in rows.enumerate() {
        write(slot, layout, sizes, crowd, task, row);
        allow(slot, sizes, rules, task, &mut observation.legal);
    }
    let mut end = 0;
    for outputs in (0..slot.tasks.len()).flat_map(|_| sizes.heads()) {
        end += outputs as u32;
        observation.heads.push(end);
    }
}

/// Writes the row of a task.
fn write(slot: &Slot, layout: &Layout, sizes: Sizes, crowd: &Crowd, task: usize, row: &mut [f32]) {
    let scales = &layout.scales;
    let vehicle = slot.tasks.vehicle[task] as usize;
    let links = slot.links(task);
    let data_bits = slot.tasks.data_bits[task];
    let (east, north) = links.first().map_or((0.0, 0.0), |link| {
        let m = link.rsu as usize;
        let range_m = slot.rsus.range_m[m];
        (
            (slot.vehicles.x_m[vehicle] - slot.rsus.x_m[m]) / range_m,
            (slot.vehicles.y_m[vehicle] - slot.rsus.y_m[m]) / range_m,
        )
    });
    let (own, rest) = row.split_at_mut(OWN);
    own.copy_from_slice(&[
        cut(slot.tasks.cycles[task] / scales.cycles - 1.0),
        cut(data_bits / scales.data_bits - 1.0),
        cut(slot.tasks.deadline_s[task] / scales.deadline_s - 1.0),
        squash(slot.vehicles.local_wait_s[vehicle] / slot.slot_s),
        squash(slot.local_cost(task) / scales.cost),
        share(links.len() as f64 / 8.0),
        flag(links.is_empty()),
        cut(east),
        cut(north),
    ]);

    let upload_scale = 0.1 * scales.cost;
    let (candidates, rest) = rest.split_at_mut((sizes.candidates - 1) * CANDIDATE);
    for (row, link) in candidates.chunks_exact_mut(CANDIDATE).zip(links) {
        let m = link.rsu as usize;
        let alone = slot.upload_cost(task, link);
        let crowded = alone * f64::from(crowd.tasks[m].max(1));
        let [demand, free, beyond] = crowd.rsus[m];
        row.copy_from_slice(&[
            1.0,
            squash(alone / upload_scale),
            squash(crowded / upload_scale),
            demand,
            free,
            beyond,
        ]);
    }

    let reach = links
        .first()
        .map_or(&[][..], |link| slot.routes.targets(link.rsu));
    let (targets, still) = rest.split_at_mut(sizes.targets * TARGET);
    for (row, target) in targets.chunks_exact_mut(TARGET).zip(reach) {
        let [demand, free, _] = crowd.rsus[target.rsu as usize];
        row.copy_from_slice(&[
            1.0,
            share(f64::from(target.hops) / 8.0),
            squash(slot.migration_cost(data_bits, target) / upload_scale),
            demand,
            free,
        ]);
    }
    still.copy_from_slice(&crowd.still);
}

/// The candidates there are, and local; targets with CPU left, or the first where none has; any rule, or those
/// that could be kept.
fn allow(slot: &Slot, sizes: Sizes, rules: Rules, task: usize, legal: &mut Vec<bool>) {
    let links = slot.links(task);
    legal.extend((0..sizes.candidates - 1).map(|k| k < links.len()));
    legal.push(true);
    let first = legal.len();
    let reach = links
        .first()
        .map_or(&[][..], |link| slot.routes.targets(link.rsu));
    legal.extend(
        reach
            .iter()
            .take(sizes.targets)
            .map(|target| slot.rsus.available_cpu_hz(target.rsu as usize) > 0.0),
    );
    legal.resize(first + sizes.targets, false);
    if !legal[first..].contains(&true) {
        legal[first] = true;
    }
    if sizes.spans > 1 {
        let spans = rules.spans();
        legal.extend(spans.map(|span| can_end(slot, task, rules, span)));
    }
}

pub(super) fn act(
    slot: &Slot,
    (sizes, rules): (Sizes, Rules),
    actions: &[u32],
    choices: &mut [TaskAction],
) {
    for (task, action) in actions.chunks(sizes.heads().count()).enumerate() {
        let links = slot.links(task);
        let entry = action[0] as usize;
        choices[task] = if entry + 1 == sizes.candidates {
            TaskAction::default()
        } else {
            let targets = slot.routes.targets(links[0].rsu);
            TaskAction {
                placement: routed(slot, links[entry].rsu, targets[action[1] as usize].rsu),
                span: action.get(2).map_or(0, |&rule| rules.span(rule as usize)),
            }
        };
    }
}
