//! From choices to a valid decision.

use crate::model::transfer;
use crate::slot::{Decision, Placement, Slot};

/// What was chosen for a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskAction {
    pub(super) placement: Placement,
    /// Slots within which it must end; 0 for no rule.
    pub(super) span: u8,
}

/// The longest rule that can be named.
const MOST_SPAN: usize = 2;

/// Rounding must not carry a task over the end of its slot.
const MARGIN: f64 = 1e-9;

/// Share of an RSU's CPU that rules leave to each task without a rule; with almost no CPU it would run for hours.
const LEFT_OVER: f64 = 0.01;

/// Least share with which `task`, ready to execute after `moved_s`, ends within `span` slots \[Hz\]: 0
/// for no rule, infinite where none does.
pub(super) fn least_share_hz(slot: &Slot, task: usize, moved_s: f64, span: usize) -> f64 {
    if span == 0 {
        return 0.0;
    }
    let left_s = span as f64 * slot.slot_s * (1.0 - MARGIN) - moved_s;
    if left_s > 0.0 {
        slot.tasks.cycles[task] / left_s
    } else {
        f64::INFINITY
    }
}

/// Shares that differ by so little keep the same rule.
const SAME: f64 = 1e-6;

/// Turns choices into least shares, keeping its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Minimums {
    entering: Vec<f64>,
    left_hz: Vec<f64>,
    /// Tasks at each RSU without a promise so far.
    waiting: Vec<f64>,
}

impl Minimums {
    /// Fills `decision` from `choices`.
    ///
    /// In `order` every task gets the share that keeps its rule, at the upload times that come true; where the
    /// RSU has not that much left the next longer rule is tried, and at last none.
    pub(super) fn decide(
        &mut self,
        slot: &Slot,
        order: impl Iterator<Item = usize>,
        choices: &[TaskAction],
        decision: &mut Decision,
    ) {
        decision.placements.clear();
        decision
            .placements
            .extend(choices.iter().map(|choice| choice.placement));
        decision.minimum_hz.clear();
        decision.later_price.clear();
        if choices.iter().all(|choice| choice.span == 0) {
            return;
        }
        decision.minimum_hz.resize(choices.len(), 0.0);
        self.count(slot, choices);
        for task in order {
            let TaskAction { placement, span } = choices[task];
            let (Placement::Rsu { entry, execution }, 1..) = (placement, span) else {
                continue;
            };
            let m = execution as usize;
            let moved_s = self.moved_s(slot, task, entry, execution);
            let others_hz = LEFT_OVER * slot.rsus.cpu_hz[m] * (self.waiting[m] - 1.0).max(0.0);
            let fitting = (usize::from(span)..=MOST_SPAN)
                .map(|span| least_share_hz(slot, task, moved_s, span))
                .find(|least_hz| self.left_hz[m] - least_hz >= others_hz);
            if let Some(least_hz) = fitting {
                self.left_hz[m] -= least_hz;
                self.waiting[m] -= 1.0;
                decision.minimum_hz[task] = least_hz;
            }
        }
    }

    /// The shortest rule that `least_hz` keeps for `task`, where the tasks are placed so; 0 for none.
    pub(super) fn span_of(
        &mut self,
        slot: &Slot,
        task: usize,
        placed: &[TaskAction],
        least_hz: f64,
    ) -> u8 {
        let Placement::Rsu { entry, execution } = placed[task].placement else {
            return 0;
        };
        self.count(slot, placed);
        let moved_s = self.moved_s(slot, task, entry, execution);
        let kept = |span: &usize| {
            let needed_hz = least_share_hz(slot, task, moved_s, *span);
            least_hz >= needed_hz * (1.0 - SAME)
        };
        (1..=MOST_SPAN).find(kept).unwrap_or(0) as u8
    }

    fn count(&mut self, slot: &Slot, choices: &[TaskAction]) {
        let rsus = slot.rsus.len();
        self.left_hz.clear();
        self.left_hz
            .extend((0..rsus).map(|m| slot.rsus.available_cpu_hz(m)));
        for column in [&mut self.entering, &mut self.waiting] {
            column.clear();
            column.resize(rsus, 0.0);
        }
        for choice in choices {
            if let Placement::Rsu { entry, execution } = choice.placement {
                // What is turned back does not enter; it never is where masks are kept.
                if self.left_hz[execution as usize] > 0.0 {
                    self.entering[entry as usize] += 1.0;
                    self.waiting[execution as usize] += 1.0;
                }
            }
        }
    }

    fn moved_s(&self, slot: &Slot, task: usize, entry: u32, execution: u32) -> f64 {
        let data_bits = slot.tasks.data_bits[task];
        let link = slot.links(task).iter().find(|link| link.rsu == entry);
        let target = slot.routes.find(entry, execution);
        let (Some(link), Some(target)) = (link, target) else {
            return f64::INFINITY;
        };
        let entering = self.entering[entry as usize];
        transfer::upload_s(data_bits, link.seconds_per_bit, entering)
            + transfer::migration_s(data_bits, target.seconds_per_bit)
            + target.wait_s
    }
}

/// The placement that enters at `entry` and executes at `target` where a route leads there, else at the
/// entry itself.
pub(super) fn routed(slot: &Slot, entry: u32, target: u32) -> Placement {
    let reached = slot.routes.find(entry, target).is_some();
    Placement::Rsu {
        entry,
        execution: if reached { target } else { entry },
    }
}
