//! A batch of slots on its way through networks.

use crate::nn::architecture::{Architecture, Slots};
use crate::nn::mlp::Tape;

/// A batch of slots and what a forward pass leaves for the backward pass; reused.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Rows of all slots, `[R, row_width]`.
    pub(crate) rows: Vec<f32>,
    /// Where the rows of each slot end, `[S]`.
    pub(crate) row_ends: Vec<usize>,
    /// `[S, globals]`.
    pub(crate) globals: Vec<f32>,
    pub(crate) trunk: Tape,
    pub(crate) head: Tape,
    pub(crate) value_in: Vec<f32>,
    pub(crate) d_value_in: Vec<f32>,
    pub(crate) value: Tape,
}

impl Batch {
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.row_ends.clear();
        self.globals.clear();
    }

    /// Adds a slot.
    pub(crate) fn push(&mut self, row_width: usize, rows: &[f32], globals: &[f32]) {
        self.rows.extend_from_slice(rows);
        self.globals.extend_from_slice(globals);
        self.row_ends.push(self.rows.len() / row_width);
    }

    /// What networks see, and the tapes of logits and values.
    pub(crate) fn parts(&mut self) -> (Slots<'_>, &mut Tape, &mut Tape) {
        let slots = Slots {
            rows: &self.rows,
            row_ends: &self.row_ends,
            globals: &self.globals,
        };
        (slots, &mut self.head, &mut self.value)
    }

    /// Which rows belong to slot `s`.
    pub(crate) fn range(&self, s: usize) -> std::ops::Range<usize> {
        let start = if s == 0 { 0 } else { self.row_ends[s - 1] };
        start..self.row_ends[s]
    }

    /// Logits and values by another architecture.
    pub(crate) fn forward(
        &mut self,
        by: &dyn Architecture,
        params: &[f32],
        row_width: usize,
        logits_per_row: usize,
    ) {
        let (slots, head, value) = self.parts();
        head.make_room(slots.rows.len() / row_width * logits_per_row);
        value.make_room(slots.row_ends.len());
        let (logits, _) = head.output_and_gradient();
        let (values, _) = value.output_and_gradient();
        by.forward(params, slots, logits, values);
    }

    /// Adds the gradient of the parameters of another architecture to `grads`, or writes it over them.
    pub(crate) fn backward(
        &mut self,
        by: &dyn Architecture,
        params: &[f32],
        grads: &mut [f32],
        keep: bool,
    ) {
        if !keep {
            grads.fill(0.0);
        }
        let (slots, head, value) = self.parts();
        let (_, d_logits) = head.output_and_gradient();
        let (_, d_values) = value.output_and_gradient();
        by.backward(params, slots, d_logits, d_values, grads);
    }
}
