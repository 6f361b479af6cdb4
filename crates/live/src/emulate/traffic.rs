//! The tasks of a seed, as the engine draws them.

use crate::vehicle::OwnCpu;
use wayside_core::Result;
use wayside_core::agent::Offer;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::rng::Streams;

/// A task of a vehicle.
#[derive(Clone)]
pub(super) struct Task {
    /// Number of the vehicle, and where it is \[m\].
    pub(super) vehicle: u64,
    pub(super) place_m: [f64; 2],
    /// The slot in which it arises, and its place among the tasks of the slot.
    pub(super) slot: u32,
    pub(super) place: u32,
    /// When \[s\].
    pub(super) at_s: f64,
    pub(super) offer: Offer,
    /// Row of the RSU that covers the vehicle best.
    pub(super) entry: Option<u32>,
    pub(super) cpu: OwnCpu,
}

/// All tasks of a seed, in order.
pub(super) fn tasks(world: &World, seed: u64, slots: usize) -> Result<Vec<Task>> {
    let mut traffic = Traffic::new(world, Streams::new(seed))?;
    let mut slot = world.empty_slot();
    let mut vehicles: Vec<(u64, OwnCpu)> = Vec::new();
    let mut named = 0;
    let mut tasks = Vec::new();
    for t in 0..slots {
        let mut place = 0;
        for now_s in world.epochs(t) {
            traffic.advance_to(now_s, &mut slot)?;
            let before = std::mem::take(&mut vehicles);
            let same = |row: &Option<u32>| {
                row.map_or_else(
                    || {
                        named += 1;
                        (named, OwnCpu::default())
                    },
                    |row| before[row as usize].clone(),
                )
            };
            vehicles.extend(traffic.previous_row().iter().map(same));
            for task in 0..slot.tasks.len() {
                let vehicle = slot.tasks.vehicle[task] as usize;
                let link = slot.links(task).first();
                tasks.push(Task {
                    vehicle: vehicles[vehicle].0,
                    place_m: [slot.vehicles.x_m[vehicle], slot.vehicles.y_m[vehicle]],
                    slot: t as u32,
                    place,
                    at_s: now_s,
                    offer: Offer {
                        order: task as u64,
                        cycles: slot.tasks.cycles[task],
                        data_bits: slot.tasks.data_bits[task],
                        deadline_s: slot.tasks.deadline_s[task],
                        seconds_per_bit: link.map_or(0.0, |link| link.seconds_per_bit),
                        tx_power_w: slot.vehicles.tx_power_w[vehicle],
                        cpu_hz: slot.vehicles.cpu_hz[vehicle],
                        energy_coeff: slot.vehicles.energy_coeff[vehicle],
                        local_wait_s: 0.0,
                    },
                    entry: link.map(|link| link.rsu),
                    cpu: vehicles[vehicle].1.clone(),
                });
                place += 1;
            }
        }
    }
    Ok(tasks)
}
