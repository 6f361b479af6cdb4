//! Tasks that arose at an agent, from their offer to their end.

use super::{Agent, Done, Failed, Job, Loss, Offer, Output, Spent};
use crate::slot::Placement;

/// How often a task is planned, at most.
const PLANS: u32 = 2;

/// A task that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) offer: Offer,
    pub(super) came_s: f64,
    pub(super) uploaded: bool,
    /// Where it runs, and over which links it goes there, once that is decided.
    pub(super) placed: Option<(Placement, Vec<u32>)>,
    /// When its outcome is due \[s\].
    pub(super) due_s: f64,
    pub(super) plans: u32,
    /// Servers that have lost it.
    pub(super) avoid: Vec<u32>,
}

impl Agent {
    /// Takes a task that a vehicle offers and begins to upload; answers its number. None if the agent holds too many.
    pub fn offer(&mut self, now_s: f64, offer: Offer) -> Option<u64> {
        if self.open.len() >= self.settings.tasks_max {
            return None;
        }
        self.next_number += 1;
        let number = self.next_number;
        let open = Open {
            offer,
            came_s: now_s,
            uploaded: false,
            placed: None,
            due_s: f64::INFINITY,
            plans: 0,
            avoid: Vec::new(),
        };
        self.open.insert(number, open);
        if self.batch.is_empty() {
            self.batch_s = now_s + self.settings.batch_s;
        }
        self.batch.push(number);
        Some(number)
    }

    /// The data of a task is here, complete.
    pub fn uploaded(&mut self, now_s: f64, number: u64) {
        if let Some(open) = self.open.get_mut(&number) {
            open.uploaded = true;
            self.send_out(now_s, number);
        }
    }

    /// The vehicle has gone: nobody wants the outcome.
    pub fn withdraw(&mut self, number: u64) {
        self.open.remove(&number);
        self.batch.retain(|&other| other != number);
    }

    /// Takes the outcome of a task that arose here. What was lost is planned anew, once.
    pub fn reported(&mut self, now_s: f64, number: u64, result: Result<Done, Loss>) {
        match result {
            Err(loss) => self.fail(now_s, number, loss),
            Ok(done) => {
                // an earlier plan may have ended it already
                if self.open.remove(&number).is_some() {
                    let result = Ok(done);
                    self.outputs.push_back(Output::Ended { number, result });
                }
            }
        }
    }

    /// Sends a task out that is decided and here.
    pub(super) fn send_out(&mut self, now_s: f64, number: u64) {
        let Some(open) = self.open.get_mut(&number).filter(|open| open.uploaded) else {
            return;
        };
        match &open.placed {
            Some((Placement::Rsu { .. }, path)) => {
                let job = Job {
                    entry: self.row,
                    number,
                    data_bits: open.offer.data_bits,
                    cycles: open.offer.cycles,
                    cpu_hz: 0.0,
                    path: path.clone(),
                    spent: Spent::default(),
                };
                open.due_s = now_s + self.settings.answer_s;
                self.queue(now_s, job);
            }
            Some((Placement::Cloud { .. }, _)) => {
                let round_trip_s = self.slot.cloud_round_trip_s.unwrap_or(0.0);
                self.cloud.push((now_s + round_trip_s, number));
            }
            Some((Placement::Local, _)) | None => {}
        }
    }

    /// Tasks at servers that have fallen silent.
    pub(super) fn look_for_silence(&mut self, now_s: f64) {
        if self.open.is_empty() {
            return;
        }
        let silent = self.silent(now_s);
        let at_silent = |open: &Open| {
            let placed = open
                .placed
                .as_ref()
                .and_then(|(place, _)| place.execution());
            open.due_s.is_finite() && placed.is_some_and(|row| silent.contains(&row))
        };
        let lost = self.open.iter().filter(|(_, open)| at_silent(open));
        let lost: Vec<u64> = lost.map(|(&number, _)| number).collect();
        for number in lost {
            self.fail(now_s, number, Loss::ServerOut);
        }
    }

    /// Tasks whose outcome has not come in time.
    pub(super) fn look_for_answers(&mut self, now_s: f64) {
        let late = self.open.iter().filter(|(_, open)| open.due_s <= now_s);
        let late: Vec<u64> = late.map(|(&number, _)| number).collect();
        for number in late {
            self.fail(now_s, number, Loss::NoAnswer);
        }
    }

    /// Plans a task anew, or gives it up.
    pub(super) fn fail(&mut self, now_s: f64, number: u64, loss: Loss) {
        let Some(open) = self.open.get_mut(&number) else {
            return;
        };
        // a program that failed has done what it does: it is not run once more
        if open.plans < PLANS && loss != Loss::WorkFailed {
            let placed = open.placed.take();
            let execution = placed.and_then(|(placement, _)| placement.execution());
            let others = execution.filter(|&row| row != self.row);
            open.avoid.extend(others);
            open.due_s = f64::INFINITY;
            self.counts.replanned += 1;
            let failed = Failed { loss, execution };
            self.plan(now_s, now_s, vec![number], Some(failed));
        } else {
            self.open.remove(&number);
            self.counts.lost += 1;
            let result = Err(loss);
            self.outputs.push_back(Output::Ended { number, result });
        }
    }
}
