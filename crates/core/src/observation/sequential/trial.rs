//! The placements that a task is offered.

use super::super::decode::{Rules, least_share_hz};
use super::super::tentative::{Execution, Site};
use super::upload_paths::UploadPath;
use crate::slot::Slot;

/// One placement at an RSU with one rule on the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) rsu: u32,
    pub(super) span: u8,
    pub(super) path: UploadPath,
    pub(super) execution: Execution,
    /// The share that its number of slots needs, where it has one \[Hz\].
    pub(super) least_hz: f64,
    /// What it pays for the CPU of later slots; part of the total.
    pub(super) later: f64,
    pub(super) total: f64,
    /// Slots begun until it ends, see [`slots_held`]; written with the row.
    pub(super) slots: f64,
}

/// The placements of `task` at `m`: with every rule that can be kept, of numbers of slots up to the first that binds nowhere.
#[inline(always)]
pub(super) fn try_spans(
    slot: &Slot,
    sites: &[Site],
    task: usize,
    m: u32,
    path: UploadPath,
    rules: Rules,
) -> impl Iterator<Item = Trial> {
    let mut over = false;
    let spans = rules.spans().take_while(move |&span| {
        let free = || is_free(slot, sites, task, m, &path, (span, rules));
        !std::mem::replace(&mut over, rules.are_priced() && free())
    });
    spans.filter_map(move |span| try_span(slot, sites, task, m, &path, (span, rules)))
}

/// The placement of `task` at `m`, where the rule on its end can be kept.
#[inline(always)]
fn try_span(
    slot: &Slot,
    sites: &[Site],
    task: usize,
    m: u32,
    path: &UploadPath,
    (span, rules): (usize, Rules),
) -> Option<Trial> {
    let site = &sites[m as usize];
    let least_hz = least_share_hz(slot, task, path.moved_s, span);
    let later_price = rules.later_price(span);
    let execution = match later_price > 0.0 {
        true => site.execution_at(slot.tasks.cycles[task], least_hz, later_price),
        false => site.execution(slot.tasks.cycles[task], least_hz),
    };
    let later = later_price * execution.hz;
    let fits = match rules.are_priced() {
        true => least_hz <= site.available_hz - site.least_hz,
        false => span == 0 || least_hz <= site.unpromised_hz(),
    };
    fits.then_some(Trial {
        rsu: m,
        span: span as u8,
        path: *path,
        execution,
        total: path.own + path.others + path.migration + execution.added + later,
        least_hz: if rules.are_priced() { least_hz } else { 0.0 },
        later,
        slots: 0.0,
    })
}

/// Whether a number of slots binds `task` nowhere at `m`, so that with more it would only pay more.
fn is_free(
    slot: &Slot,
    sites: &[Site],
    task: usize,
    m: u32,
    path: &UploadPath,
    (span, rules): (usize, Rules),
) -> bool {
    let wanted_hz = sites[m as usize].wanted_hz(slot.tasks.cycles[task], rules.later_price(span));
    least_share_hz(slot, task, path.moved_s, span) <= wanted_hz
}

/// Slots begun by a task that takes so many of them, rounding aside.
pub(super) fn slots_held(slots: f64) -> f64 {
    let slots = slots - 1e-6;
    // nearly all; the rest would be a call on older processors
    if slots <= 1.0 {
        return 1.0;
    }
    slots.ceil().max(1.0)
}
