//! `[task]`: what vehicles ask for.

use super::queueing::Execution;
use crate::config::{Count, Float, Keys, Range, Spread};

/// `[task]`: what vehicles ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// Cycles C_n.
    pub cycles: Cycles,
    /// Data D_n \[bytes\].
    pub data_bytes: Range,
    /// Deadline T_n^max \[s\].
    pub deadline_s: Range,
    /// Tasks per vehicle and slot.
    pub per_vehicle: usize,
    /// Probability that a vehicle carries tasks in a slot.
    pub probability: f64,
    /// Tasks arise at every multiple of it \[s\]; `None`: once per slot, at its start.
    pub period_s: Option<f64>,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            cycles: Cycles::Drawn(Range::default()),
            data_bytes: Range::default(),
            deadline_s: Range::default(),
            per_vehicle: 1,
            probability: 1.0,
            period_s: None,
        }
    }
}

impl Task {
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>, execution: Execution) {
        self.cycles.keys(k);
        if !k.writes() {
            self.period(k, execution);
        }
        let positive = Spread(Float::POSITIVE);
        let doc = "data D_n [bytes]";
        k.required("data_bytes", positive, &mut self.data_bytes, doc);
        let doc = "deadline T_n^max [s]";
        k.required("deadline_s", positive, &mut self.deadline_s, doc);
        let (kind, doc) = (
            Count { min: 1, max: 100 },
            "tasks per vehicle, each time that tasks arise",
        );
        k.default("per_vehicle", kind, &mut self.per_vehicle, doc);
        let doc = "probability that a vehicle has tasks at that time";
        k.default("probability", Float::UNIT, &mut self.probability, doc);
        if k.writes() {
            // the canonical text has it last, and hashes depend on that
            self.period(k, execution);
        }
    }

    fn period(&mut self, k: &mut Keys<'_, '_>, execution: Execution) {
        let doc = "tasks arise at every multiple of it, independent of slots [s]";
        let (kind, without) = (Float::between(1e-6, 1e9), "once per slot, at its start");
        k.optional("period_s", kind, without, &mut self.period_s, doc);
        if self.period_s.is_some() && !execution.queues() {
            k.problem("period_s", "needs [execution] kind = \"queues\"");
        }
    }
}

/// How many cycles a task takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cycles {
    /// So many.
    Drawn(Range),
    /// So many for every bit of its data.
    PerBit(Range),
}

impl Cycles {
    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let positive = Spread(Float::POSITIVE);
        let (mut drawn, mut per_bit) = match *self {
            Self::Drawn(cycles) => (cycles, None),
            Self::PerBit(cycles) => (cycles, Some(cycles)),
        };
        let without = "`cycles` is given";
        let doc = "cycles for every bit of data, in place of `cycles`";
        k.optional("cycles_per_bit", positive, without, &mut per_bit, doc);
        if per_bit.is_some() && k.has("cycles") {
            k.problem("cycles_per_bit", "must be left out where cycles is given");
        }
        if !(k.writes() && per_bit.is_some()) {
            let common = (per_bit, "as `cycles_per_bit`");
            k.inherited("cycles", positive, common, &mut drawn, "cycles C_n");
        }
        *self = per_bit.map_or(Self::Drawn(drawn), Self::PerBit);
    }
}
