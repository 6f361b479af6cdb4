//! Outcomes of one slot's tasks where they queue for cores, if no other tasks follow.

use crate::evaluate::{self, Outcome};
use crate::queueing::{Finished, QueueNetwork, Submission};
use crate::slot::{Decision, Placement, Slot};

/// Simulates the tasks of `slot` as `decision` places them; their outcomes.
pub(super) fn outcomes(slot: &Slot, decision: &Decision) -> Vec<Outcome> {
    let queues = slot.queues.as_ref().expect("tasks queue for cores");
    let mut servers = QueueNetwork::new(
        slot.network.clone(),
        &queues.core_start,
        &queues.core_hz,
        &queues.present.core_free_s,
    );
    let mut free_at_s: Vec<f64> = slot.vehicles.local_wait_s.clone();
    let mut route = Vec::new();
    let mut outcomes = Vec::with_capacity(slot.tasks.len());
    for task in 0..slot.tasks.len() {
        outcomes.push(match decision.placements[task] {
            Placement::Local => {
                let wait_s = &mut free_at_s[slot.tasks.vehicle[task] as usize];
                let outcome = Outcome {
                    wait_s: *wait_s,
                    ..evaluate::local(slot, task)
                };
                *wait_s = outcome.delay_s();
                outcome
            }
            Placement::Cloud { entry } => evaluate::clouded_alone(slot, task, entry),
            Placement::Rsu { entry, .. } => {
                let uploaded = evaluate::uploaded_alone(slot, task, entry);
                servers.submit(Submission {
                    key: task as u64,
                    ready_s: slot.now_s + uploaded.upload_s,
                    entry,
                    path: decision.path(slot, task, &mut route),
                    data_bits: slot.tasks.data_bits[task],
                    cycles: slot.tasks.cycles[task],
                });
                uploaded
            }
        });
    }
    servers.drain(&mut |Finished { key, outcome, .. }| {
        let travel = outcome.expect("nothing fails");
        let (task, server) = (key as usize, travel.execution as usize);
        outcomes[task] = evaluate::travelled(
            outcomes[task],
            &travel,
            slot.migration_power_w,
            slot.tasks.cycles[task],
            queues.core_hz[server],
            slot.rsus.energy_coeff[server],
        );
    });
    outcomes
}
