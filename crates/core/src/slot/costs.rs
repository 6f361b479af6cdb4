//! What placements cost in a slot: the model's equations weighted by omega, per task.

use super::{Placement, RadioLink, Slot};
use crate::backhaul::Target;
use crate::model::{compute, objective, transfer};

impl Slot {
    /// Links of the vehicle that carries `task`, nearest RSU first.
    #[must_use]
    #[inline]
    pub fn links(&self, task: usize) -> &[RadioLink] {
        self.coverage.of(self.tasks.vehicle[task] as usize)
    }

    /// At the RSU nearest to the task's vehicle; on the vehicle where no RSU covers it.
    #[must_use]
    pub fn nearest(&self, task: usize) -> Placement {
        self.links(task)
            .first()
            .map_or(Placement::Local, |link| Placement::Rsu {
                entry: link.rsu,
                execution: link.rsu,
            })
    }

    /// Row of the RSU nearest to `task`, `u32::MAX` where none covers it: groups tasks by place.
    #[must_use]
    #[inline]
    pub fn nearest_rsu(&self, task: usize) -> u32 {
        self.links(task).first().map_or(u32::MAX, |link| link.rsu)
    }

    /// Cost of running `task` on its vehicle: (4), (5), after the vehicle's own queue.
    #[must_use]
    #[inline]
    pub fn local_cost(&self, task: usize) -> f64 {
        let vehicle = self.tasks.vehicle[task] as usize;
        let (cycles, cpu_hz) = (self.tasks.cycles[task], self.vehicles.cpu_hz[vehicle]);
        let delay_s = compute::delay_s(cycles, cpu_hz) + self.vehicles.local_wait_s[vehicle];
        let energy_j = compute::energy_j(self.vehicles.energy_coeff[vehicle], cycles, cpu_hz);
        objective(self.omega, delay_s, energy_j)
    }

    /// a_nm = (omega + (1 - omega) p_n) D / (B_m SE_nm): cost of uploading `task` with the whole band to
    /// itself. With n tasks entering at the RSU it costs n a_nm.
    #[must_use]
    #[inline]
    pub fn upload_cost(&self, task: usize, link: &RadioLink) -> f64 {
        let power_w = self.vehicles.tx_power_w[self.tasks.vehicle[task] as usize];
        let delay_s = transfer::upload_s(self.tasks.data_bits[task], link.seconds_per_bit, 1.0);
        objective(
            self.omega,
            delay_s,
            transfer::upload_energy_j(power_w, delay_s),
        )
    }

    /// Cost of migrating `data_bits` to `target`: (2), (3), and the wait behind bits already on the links.
    #[must_use]
    #[inline]
    pub fn migration_cost(&self, data_bits: f64, target: &Target) -> f64 {
        if target.hops == 0 {
            return 0.0;
        }
        let delay_s = transfer::migration_s(data_bits, target.seconds_per_bit);
        let energy_j = transfer::migration_energy_j(target.hops, self.migration_power_w, delay_s);
        objective(self.omega, delay_s + target.wait_s, energy_j)
    }

    /// Lower bound of the migration cost over `hops` links, each at least as slow as `seconds_per_bit`.
    #[must_use]
    #[inline]
    pub fn least_migration_cost(&self, data_bits: f64, hops: u32, seconds_per_bit: f64) -> f64 {
        let seconds_per_bit = f64::from(hops) * seconds_per_bit;
        let delay_s = transfer::migration_s(data_bits, seconds_per_bit);
        let energy_j = transfer::migration_energy_j(hops, self.migration_power_w, delay_s);
        objective(self.omega, delay_s, energy_j)
    }

    /// Visits those of `targets`, fewest hops first, at which a task that entered for `entering` may cost at most
    /// `limit`. Executing it costs at least `least_execution`. `visit` takes a target, the cost of the way there and
    /// the limit, and answers with the limit from then on, which is returned in the end.
    #[inline]
    pub(crate) fn visit_targets(
        &self,
        targets: &[Target],
        entering: f64,
        data_bits: f64,
        least_execution: f64,
        mut limit: f64,
        mut visit: impl FnMut(&Target, f64, f64) -> f64,
    ) -> f64 {
        for target in targets {
            let cost = entering + self.migration_cost(data_bits, target);
            if cost + least_execution > limit {
                // Targets from here on cost at least as much as that many of the fastest hops.
                let fastest = self.routes.least_seconds_per_bit;
                let least = self.least_migration_cost(data_bits, target.hops, fastest);
                if entering + least + least_execution > limit {
                    break;
                }
                continue;
            }
            limit = visit(target, cost, limit);
        }
        limit
    }
}
