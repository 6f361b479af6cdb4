//! From choices to a valid decision.

use super::Layout;
use crate::alloc::curve::Curve;
use crate::model::transfer;
use crate::slot::{Decision, Placement, Slot};

/// What was chosen for a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskAction {
    pub(super) placement: Placement,
    /// Slots within which it must end; 0 for no rule.
    pub(super) span: u8,
}

/// The rules on ends that actions may name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The first, 0 where there may be none.
    first: usize,
    /// How many.
    pub(super) count: usize,
    /// What a Hz costs in a later slot.
    price: f64,
}

impl Rules {
    /// The first `count` of `layout`, where a Hz costs `price` in a later slot.
    pub(super) fn new(layout: &Layout, count: usize, price: f64) -> Self {
        Self {
            first: usize::from(layout.priced),
            count,
            price: if layout.priced { price } else { 0.0 },
        }
    }

    /// Whether every task has one, and pays for later slots.
    pub(super) fn are_priced(&self) -> bool {
        self.first > 0
    }

    /// The rules, by the slots within which a task must end.
    pub(super) fn spans(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }

    /// The rule that `action` names.
    pub(super) fn span(&self, action: usize) -> u8 {
        (self.first + action) as u8
    }

    /// The action that names `span`, where there is one.
    pub(super) fn action(&self, span: u8) -> Option<usize> {
        let spans = self.spans();
        spans
            .contains(&usize::from(span))
            .then(|| usize::from(span) - self.first)
    }

    /// Marks the rules that an action may name for `task`.
    pub(super) fn mark(&self, slot: &Slot, task: usize, legal: &mut [bool]) {
        for (legal, span) in legal.iter_mut().zip(self.spans()) {
            *legal = can_end(slot, task, *self, span);
        }
    }

    /// The rule that binds least.
    pub(super) fn loosest(&self) -> u8 {
        match self.are_priced() {
            true => self.count as u8,
            false => 0,
        }
    }

    /// What a task that may hold its CPU for `span` slots pays per Hz.
    pub(super) fn later_price(&self, span: usize) -> f64 {
        match span {
            0 => 0.0,
            span => self.price * (span - 1) as f64,
        }
    }
}

/// The longest rule that can be named where later slots have no price.
pub(super) const MOST_SPAN: usize = 2;

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

/// Whether an action may name the rule `span` for `task`: any where it is covered, of numbers of slots those in which it
/// could end if it had the band of its fastest link and the largest RSU to itself. The loosest always.
pub(super) fn can_end(slot: &Slot, task: usize, rules: Rules, span: usize) -> bool {
    let links = slot.links(task);
    if span == usize::from(rules.loosest()) || links.is_empty() {
        return span == usize::from(rules.loosest());
    }
    if !rules.are_priced() {
        return true;
    }
    let seconds_per_bit = links.iter().map(|link| link.seconds_per_bit);
    let seconds_per_bit = seconds_per_bit.fold(f64::INFINITY, f64::min);
    let upload_s = transfer::upload_s(slot.tasks.data_bits[task], seconds_per_bit, 1.0);
    let available_hz = (0..slot.rsus.len()).map(|m| slot.rsus.available_cpu_hz(m));
    least_share_hz(slot, task, upload_s, span) <= available_hz.fold(0.0, f64::max)
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
        rules: Rules,
        decision: &mut Decision,
    ) {
        decision.placements.clear();
        decision
            .placements
            .extend(choices.iter().map(|choice| choice.placement));
        decision.minimum_hz.clear();
        decision.later_price.clear();
        if rules.are_priced() {
            self.decide_priced(slot, order, choices, rules, decision);
            return;
        }
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

    /// The same where every task has a number of slots, and pays for the later ones: where its RSU has not that much left it
    /// takes a slot more, and at last its vehicle.
    fn decide_priced(
        &mut self,
        slot: &Slot,
        order: impl Iterator<Item = usize>,
        choices: &[TaskAction],
        rules: Rules,
        decision: &mut Decision,
    ) {
        decision.minimum_hz.resize(choices.len(), 0.0);
        decision.later_price.resize(choices.len(), 0.0);
        self.count(slot, choices);
        for task in order {
            let TaskAction { placement, span } = choices[task];
            let Placement::Rsu { entry, execution } = placement else {
                continue;
            };
            let m = execution as usize;
            let moved_s = self.moved_s(slot, task, entry, execution);
            let fitting = (usize::from(span)..rules.spans().end)
                .map(|span| (span, least_share_hz(slot, task, moved_s, span)))
                .find(|(_, least_hz)| *least_hz <= self.left_hz[m]);
            match fitting {
                Some((span, least_hz)) => {
                    self.left_hz[m] -= least_hz;
                    decision.minimum_hz[task] = least_hz;
                    decision.later_price[task] = rules.later_price(span);
                }
                None => decision.placements[task] = Placement::Local,
            }
        }
    }

    /// The number of slots that costs `task` least where it is placed so and nothing but later slots costs anything; 0 where it
    /// ends in none of `rules`.
    pub(super) fn cheapest_span(
        &mut self,
        slot: &Slot,
        task: usize,
        placed: &[TaskAction],
        rules: Rules,
    ) -> u8 {
        let Placement::Rsu { entry, execution } = placed[task].placement else {
            return 0;
        };
        self.count(slot, placed);
        let m = execution as usize;
        let moved_s = self.moved_s(slot, task, entry, execution);
        let (cycles, curve) = (
            slot.tasks.cycles[task],
            Curve::new(slot.omega, slot.rsus.energy_coeff[m]),
        );
        let mut best = (f64::INFINITY, 0);
        for span in rules.spans() {
            let least_hz = least_share_hz(slot, task, moved_s, span);
            let available_hz = slot.rsus.available_cpu_hz(m);
            if least_hz > available_hz {
                continue;
            }
            let price = rules.later_price(span);
            let hz = curve
                .demand(price, cycles)
                .0
                .min(available_hz)
                .max(least_hz);
            let cost = curve.cost(cycles, hz) + price * hz;
            if cost < best.0 {
                best = (cost, span as u8);
            }
        }
        best.1
    }

    /// The shortest rule that `least_hz` keeps for `task`, where the tasks are placed so; 0 for none.
    pub(super) fn span_of(
        &mut self,
        slot: &Slot,
        task: usize,
        placed: &[TaskAction],
        least_hz: f64,
        most: usize,
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
        (1..=most).find(kept).unwrap_or(0) as u8
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
