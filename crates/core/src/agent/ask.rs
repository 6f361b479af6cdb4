//! Tasks that the centre decides: it is asked, and its answer is handed to the vehicle.

use super::{Agent, Job, Loss, Output, Spent};
use crate::slot::Placement;

/// Where the centre lets a task run.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Where it runs.
    pub placement: Placement,
    /// Rows of the links from its entry to its execution server.
    pub path: Vec<u32>,
    /// CPU that it gets \[Hz\].
    pub cpu_hz: f64,
    /// How long its upload to the entry server takes \[s\].
    pub upload_s: f64,
}

/// A plan that did not work out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failed {
    /// Why.
    pub loss: Loss,
    /// Row of the server that was to execute the task.
    pub execution: Option<u32>,
}

impl Agent {
    /// Takes the centre's answer for a task that it was asked for; a loss where it has none.
    pub fn answered(&mut self, now_s: f64, number: u64, answer: Result<Answer, Loss>) {
        let answer = answer.and_then(|answer| match self.leads_on(&answer) {
            true => Ok(answer),
            false => Err(Loss::Misrouted),
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(loss) => return self.fail(now_s, number, loss),
        };
        let Some(open) = self.open.get_mut(&number) else {
            return;
        };
        let placement = answer.placement;
        self.outputs.push_back(Output::Placed { number, placement });
        let Some(entry) = placement.entry() else {
            self.open.remove(&number);
            return;
        };
        open.placed = Some((placement, answer.path.clone()));
        open.due_s = now_s + answer.upload_s + self.settings.answer_s;
        let job = Job {
            entry: self.row,
            number,
            data_bits: open.offer.data_bits,
            cycles: open.offer.cycles,
            cpu_hz: match self.world.queues {
                Some(_) => 0.0,
                None => answer.cpu_hz,
            },
            path: answer.path,
            spent: Spent::default(),
        };
        self.outputs.push_back(Output::Enter {
            number,
            entry,
            job,
            upload_s: answer.upload_s,
        });
    }

    /// Asks the centre for tasks.
    pub(super) fn ask(&mut self, numbers: Vec<u64>, failed: Option<Failed>) {
        for number in &numbers {
            if let Some(open) = self.open.get_mut(number) {
                open.plans += 1;
            }
        }
        self.outputs.push_back(Output::Ask { numbers, failed });
    }

    /// Whether the path of an answer leads from its entry to its execution server.
    fn leads_on(&self, answer: &Answer) -> bool {
        let Placement::Rsu { entry, execution } = answer.placement else {
            return answer.placement == Placement::Local;
        };
        let links = self.world.network.links();
        let mut at = entry;
        for &row in &answer.path {
            match self.world.network.leaving(at).contains(&row) {
                true => at = links[row as usize].to,
                false => return false,
            }
        }
        at == execution
    }
}
