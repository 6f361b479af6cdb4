//! Decisions: the slot that a policy sees, and what follows from its answer.

use super::{Agent, Failed, Output};
use crate::policy::Policy;
use crate::slot::{Placement, RadioLink};
use std::collections::BTreeSet;

/// How often a decision is asked for anew because a path leads through a server that is out.
const TRIES: u32 = 4;

impl Agent {
    /// Decides the tasks that wait, in their order, as of the instant when the first of them came.
    pub(super) fn decide_batch(&mut self, now_s: f64) {
        let mut numbers = std::mem::take(&mut self.batch);
        self.batch_s = f64::INFINITY;
        let came_s = numbers.first().map_or(now_s, |n| self.open[n].came_s);
        numbers.sort_by_key(|number| (self.open[number].offer.order, *number));
        self.plan(now_s, came_s, numbers, None);
    }

    /// Lets tasks be decided as of `at_s`, by the policy or by the centre; `failed` says what became of an earlier plan.
    pub(super) fn plan(
        &mut self,
        now_s: f64,
        at_s: f64,
        numbers: Vec<u64>,
        failed: Option<Failed>,
    ) {
        match self.policy.take() {
            Some(mut policy) => {
                self.decide(policy.as_mut(), (now_s, at_s), &numbers);
                self.policy = Some(policy);
            }
            None => self.ask(numbers, failed),
        }
    }

    /// Decides tasks as of `at_s`.
    fn decide(&mut self, policy: &mut dyn Policy, (now_s, at_s): (f64, f64), numbers: &[u64]) {
        let silent = self.silent(now_s);
        self.show_state(now_s, at_s, &silent);
        self.show_tasks(numbers);
        let mut route = Vec::new();
        for _ in 0..TRIES {
            self.decision.clear();
            policy.decide(&self.slot, &mut self.decision);
            let broken: Vec<u32> = (0..numbers.len())
                .filter(|&task| {
                    let path = self.decision.path(&self.slot, task, &mut route);
                    let ends = path.iter().map(|&row| self.link(row).to);
                    ends.into_iter().any(|to| silent.contains(&to))
                })
                .filter_map(|task| self.decision.placements[task].execution())
                .collect();
            if broken.is_empty() {
                break;
            }
            let queues = self.slot.queues.as_mut().expect("tasks queue for cores");
            for row in broken {
                queues.present.up[row as usize] = false;
            }
        }
        for (task, &number) in numbers.iter().enumerate() {
            let placement = self.decision.placements[task];
            let path = self.decision.path(&self.slot, task, &mut route).to_vec();
            self.outputs.push_back(Output::Placed { number, placement });
            if placement == Placement::Local {
                self.open.remove(&number);
                continue;
            }
            if let Some(open) = self.open.get_mut(&number) {
                open.placed = Some((placement, path));
                open.plans += 1;
            }
            self.send_out(now_s, number);
        }
    }

    /// Shows the own state as it is, and those of others as they were reported.
    fn show_state(&mut self, now_s: f64, at_s: f64, silent: &BTreeSet<u32>) {
        let own = self.state(now_s);
        let queues = self.slot.queues.as_mut().expect("tasks queue for cores");
        let cores = queues.core_start.last().copied().unwrap_or(0) as usize;
        let network = &self.world.network;
        let mut present = std::mem::take(&mut queues.present);
        self.slot.now_s = at_s;
        present.time_s = at_s;
        // what nothing was heard of idles if it is a link, and is out of reach if it is a server
        for (column, rows) in [
            (&mut present.core_free_s, cores),
            (&mut present.link_free_s, network.links().len()),
        ] {
            column.clear();
            column.resize(rows, at_s);
        }
        present.waiting.clear();
        present.waiting.resize(network.rsus(), 0);
        present.up.clear();
        present.up.resize(network.rsus(), false);
        let reports = self.node.all_heard().filter(|&(row, _)| row != self.row);
        let reports = reports.map(|(row, heard)| {
            let from_s = heard.at_s - f64::from(heard.hops) * self.hop_s;
            (row, from_s, &heard.state)
        });
        for (row, from_s, state) in reports.chain([(self.row, now_s, &own)]) {
            let m = row as usize;
            present.up[m] = !silent.contains(&row);
            present.waiting[m] = state.waiting;
            let columns = [
                (
                    &mut present.core_free_s,
                    queues.cores(row),
                    &state.core_free_s,
                ),
                (
                    &mut present.link_free_s,
                    {
                        let rows = network.leaving(row);
                        rows.start as usize..rows.end as usize
                    },
                    &state.link_free_s,
                ),
            ];
            for (column, rows, ahead_s) in columns {
                for (free_s, ahead_s) in column[rows].iter_mut().zip(ahead_s) {
                    // a report from after `at_s` that something idles does not make it busy until then
                    *free_s = match *ahead_s > 0.0 {
                        true => from_s + ahead_s,
                        false => from_s.min(at_s),
                    };
                }
            }
        }
        queues.present = present;
    }

    /// Shows tasks, each with a vehicle of its own that only this RSU covers.
    fn show_tasks(&mut self, numbers: &[u64]) {
        let vehicles = &mut self.slot.vehicles;
        for column in [
            &mut vehicles.x_m,
            &mut vehicles.y_m,
            &mut vehicles.tx_power_w,
            &mut vehicles.cpu_hz,
            &mut vehicles.energy_coeff,
            &mut vehicles.local_wait_s,
        ] {
            column.clear();
        }
        self.slot.tasks.clear();
        let coverage = &mut self.slot.coverage;
        coverage.start.clear();
        coverage.start.push(0);
        coverage.links.clear();
        let queues = self.slot.queues.as_mut().expect("tasks queue for cores");
        let m = self.row as usize;
        for (number, row) in numbers.iter().zip(0..) {
            let open = &self.open[number];
            vehicles.x_m.push(self.slot.rsus.x_m[m]);
            vehicles.y_m.push(self.slot.rsus.y_m[m]);
            vehicles.tx_power_w.push(open.offer.tx_power_w);
            vehicles.cpu_hz.push(open.offer.cpu_hz);
            vehicles.energy_coeff.push(open.offer.energy_coeff);
            vehicles.local_wait_s.push(open.offer.local_wait_s);
            // what is here already need not be uploaded again
            let seconds_per_bit = match open.plans {
                0 => open.offer.seconds_per_bit,
                _ => 0.0,
            };
            let rsu = self.row;
            coverage.links.push(RadioLink {
                rsu,
                seconds_per_bit,
            });
            coverage.start.push(coverage.links.len() as u32);
            self.slot.tasks.vehicle.push(row);
            self.slot.tasks.cycles.push(open.offer.cycles);
            self.slot.tasks.data_bits.push(open.offer.data_bits);
            self.slot.tasks.deadline_s.push(open.offer.deadline_s);
            for &row in &open.avoid {
                queues.present.up[row as usize] = false;
            }
        }
    }
}
