//! From decisions back to actions: how a policy that places tasks acts in an environment.
//!
//! A form cannot say every placement: `shared` names the nearest targets, `sequential` the most promising placements. Where it
//! cannot say one, the task takes the least total (`sequential`), or is executed where it enters, or on its vehicle.

use super::decode::{MOST_SPAN, TaskAction};
use super::flat::candidate;
use super::{Encoder, Form, Target};
use crate::slot::{Decision, Placement, Slot};

impl Encoder {
    /// Writes to `actions` those of the present turn that say `decision`, all of them legal; the number of tasks whose placement
    /// they do not say.
    pub fn express(&self, slot: &Slot, decision: &Decision, actions: &mut Vec<u32>) -> usize {
        actions.clear();
        if let Form::Sequential { .. } = self.layout.form {
            let spans = self.spans_of(slot, decision);
            return self.sequential.express(decision, &spans, actions);
        }
        let spans = self.spans_of(slot, decision);
        let heads = self.layout.heads().count();
        let legal = |head: usize, action: usize| {
            let range = self.observation.head(head);
            action < range.len() && self.observation.legal[range.start + action]
        };
        let first = |head: usize| (0..).find(|&action| legal(head, action)).unwrap_or(0);
        let loosest = self.rules().loosest();
        let (mut missed, mut at) = (0, 0);
        for task in self.seats(slot) {
            let wanted = task.map_or(Some([None; 3]), |task| {
                self.say(slot, task, decision.placements[task], spans[task])
            });
            let may = |wanted: &[Option<usize>; 3]| {
                let mut said = wanted.iter().take(heads).enumerate();
                said.all(|(head, action)| action.is_none_or(|action| legal(at + head, action)))
            };
            let fits = wanted.filter(may);
            missed += usize::from(fits.is_none());
            let fits = fits.or_else(|| {
                let near = slot.links(task?).first()?.rsu;
                let entry = decision.placements[task?].entry()?;
                let at_entry = [entry, near].map(|m| Placement::Rsu {
                    entry: m,
                    execution: m,
                });
                let mut said = at_entry
                    .map(|p| self.say(slot, task?, p, loosest))
                    .into_iter();
                said.find_map(|said| said.filter(&may))
            });
            let local = [Some(self.local()), None, None];
            let said = match (fits, task) {
                (Some(said), Some(_)) => said,
                (None, _) => local,
                (_, None) => [None; 3],
            };
            for (head, action) in said.iter().take(heads).enumerate() {
                actions.push(action.unwrap_or_else(|| first(at + head)) as u32);
            }
            at += heads;
        }
        missed
    }

    /// The tasks that `actions` decide in the present turn, and where these would put them. Nothing is taken.
    #[must_use]
    pub fn preview(&self, slot: &Slot, actions: &[u32]) -> Vec<(usize, Placement)> {
        let mut ahead = self.clone();
        let tasks: Vec<usize> = match self.layout.form {
            Form::Sequential { .. } => self.sequential.deciding().collect(),
            _ => (0..slot.tasks.len()).collect(),
        };
        ahead.act(slot, actions);
        let choice = |task: usize| (task, ahead.choices[task].placement);
        tasks.into_iter().map(choice).collect()
    }

    /// The action of an entry head that keeps a task on its vehicle.
    fn local(&self) -> usize {
        match self.layout.form {
            Form::Flat { candidates, .. } | Form::Shared { candidates, .. } => candidates - 1,
            _ => 0,
        }
    }

    /// The task of every group of heads.
    fn seats(&self, slot: &Slot) -> Vec<Option<usize>> {
        match self.layout.form {
            Form::Flat { .. } => self.flat.seated().collect(),
            _ => (0..slot.tasks.len()).map(Some).collect(),
        }
    }

    /// Entry, target and rule that put `task` at `placement`; none where there are no such.
    fn say(
        &self,
        slot: &Slot,
        task: usize,
        placement: Placement,
        span: u8,
    ) -> Option<[Option<usize>; 3]> {
        let Placement::Rsu { entry, execution } = placement else {
            let is_local = placement == Placement::Local;
            return is_local.then_some([Some(self.local()), None, None]);
        };
        let links = slot.links(task);
        let entered = links.iter().position(|link| link.rsu == entry)?;
        let target = match self.layout.form {
            Form::Flat {
                candidates, target, ..
            } => match target {
                Target::Any => Some(execution as usize),
                Target::Candidates => {
                    let beta = candidates - 1;
                    let named = |k: &usize| candidate(links, beta, *k).map(|link| link.rsu);
                    (0..beta).find(|k| named(k) == Some(execution))
                }
            },
            _ => {
                let near = slot.routes.targets(links[0].rsu).iter();
                near.take(self.layout.shared_sizes().targets)
                    .position(|target| target.rsu == execution)
            }
        };
        let rule = self.rules().action(span)?;
        let is_candidate = entered < self.local();
        is_candidate.then_some([Some(entered), Some(target?), Some(rule)])
    }

    /// The rule on its end that the least share of every task keeps; where every task must have one, and this has none, that
    /// which costs least.
    fn spans_of(&self, slot: &Slot, decision: &Decision) -> Vec<u8> {
        let rules = self.rules();
        let free = decision.minimum_hz.is_empty();
        let mut spans = vec![0; slot.tasks.len()];
        if rules.count == 1 || free && !rules.are_priced() {
            return spans;
        }
        let most = match rules.are_priced() {
            true => rules.count,
            false => MOST_SPAN,
        };
        let placed = decision
            .placements
            .iter()
            .map(|&placement| TaskAction { placement, span: 0 });
        let placed: Vec<TaskAction> = placed.collect();
        let mut minimums = self.minimums.clone();
        for (task, span) in spans.iter_mut().enumerate() {
            let least_hz = decision.minimum_hz.get(task).copied().unwrap_or(0.0);
            *span = match rules.are_priced() && least_hz <= 0.0 {
                true => minimums.cheapest_span(slot, task, &placed, rules),
                false => minimums.span_of(slot, task, &placed, least_hz, most),
            };
        }
        spans
    }
}
