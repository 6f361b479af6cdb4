//! The cheapest path of a task to every RSU: over which radio link, and from there by its route.

use std::sync::Arc;

use crate::backhaul::Routes;
use crate::model::{objective, transfer};
use crate::observation::tentative::Site;
use crate::slot::Slot;

/// The paths of one task after another, keeping their memory.
#[derive(Clone, Debug, Default)]
pub(super) struct UploadPaths {
    mesh: Mesh,
    /// Upload cost of its own and added to others, by radio link of the task.
    entries: Vec<(f64, f64)>,
    /// RSUs with CPU left that it can get to, where it cannot get to all.
    reached: Vec<u32>,
    /// By RSU: cost of the path, of the migration within it, and the radio link; where the stamp is the task's.
    cost: Vec<f64>,
    migration: Vec<f64>,
    link: Vec<u64>,
    stamps: Vec<u32>,
    stamp: u32,
}

/// A path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UploadPath {
    pub(super) entry: u32,
    pub(super) hops: u32,
    /// Time until it may execute \[s\].
    pub(super) moved_s: f64,
    /// Upload cost of its own and added to others, migration cost.
    pub(super) own: f64,
    pub(super) others: f64,
    pub(super) migration: f64,
    /// Tasks that enter where it does, itself included.
    pub(super) entering: f64,
}

/// All routes by entry and target in columns, where every RSU has a route to every other: so that paths are compared
/// side by side.
#[derive(Clone, Debug, Default)]
struct Mesh {
    routes: Option<Arc<Routes>>,
    /// Length of a row; 0 where there is no such mesh.
    rsus: usize,
    seconds_per_bit: Vec<f64>,
    hops: Vec<f64>,
    wait_s: Vec<f64>,
}

/// A mesh takes room by the square.
const LARGEST_MESH: usize = 64;

impl Mesh {
    fn learn(&mut self, slot: &Slot) {
        let same = |routes: &Arc<Routes>| Arc::ptr_eq(routes, &slot.routes);
        if self.routes.as_ref().is_some_and(same) {
            return;
        }
        self.routes = Some(Arc::clone(&slot.routes));
        let rsus = slot.rsus.len();
        let all = |m: usize| slot.routes.targets(m as u32).len() == rsus;
        self.rsus = if rsus <= LARGEST_MESH && (0..rsus).all(all) {
            rsus
        } else {
            0
        };
        for column in [&mut self.seconds_per_bit, &mut self.hops, &mut self.wait_s] {
            column.clear();
            column.resize(self.rsus * self.rsus, 0.0);
        }
        for m in 0..self.rsus {
            // what stays at its entry waits for no link
            let targets = slot.routes.targets(m as u32).iter();
            for target in targets.filter(|target| target.hops > 0) {
                let at = m * self.rsus + target.rsu as usize;
                self.seconds_per_bit[at] = target.seconds_per_bit;
                self.hops[at] = f64::from(target.hops);
                self.wait_s[at] = target.wait_s;
            }
        }
    }
}

impl UploadPaths {
    /// Starts a slot.
    pub(super) fn begin(&mut self, slot: &Slot) {
        let rsus = slot.rsus.len();
        self.mesh.learn(slot);
        self.cost.resize(rsus, 0.0);
        self.migration.resize(rsus, 0.0);
        self.link.resize(rsus, 0);
        self.stamps.clear();
        self.stamps.resize(rsus, 0);
        self.stamp = 0;
    }

    /// The RSUs with CPU left that the present task can get to, where it cannot get to [all](Self::to_all).
    pub(super) fn reached(&self) -> &[u32] {
        &self.reached
    }

    /// Costs of the paths by RSU, where there is one to each.
    #[inline]
    pub(super) fn to_all(&self) -> Option<&[f64]> {
        (self.mesh.rsus > 0).then_some(&self.cost[..self.mesh.rsus])
    }

    /// Cost of the path to `m`.
    #[inline]
    pub(super) fn cost(&self, m: u32) -> f64 {
        self.cost[m as usize]
    }

    /// Finds the paths of `task`: those by `entry`, or by any.
    pub(super) fn find(&mut self, slot: &Slot, sites: &[Site], task: usize, entry: Option<u32>) {
        self.stamp += 1;
        self.reached.clear();
        let links = slot.links(task);
        self.entries.clear();
        self.entries.extend(links.iter().map(|link| {
            let site = &sites[link.rsu as usize];
            let own = (site.entering + 1.0) * slot.upload_cost(task, link);
            (own, site.upload)
        }));
        let cost = |&(own, others): &(f64, f64)| own + others;
        let costs = self.entries.iter().map(cost);
        let Some((cheapest, _)) = costs.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else {
            return;
        };
        let data_bits = slot.tasks.data_bits[task];
        let named = links.iter().position(|link| Some(link.rsu) == entry);
        if let Some(at) = named {
            self.enter(slot, sites, data_bits, links[at].rsu, at);
            return;
        }
        let reach = slot.routes.targets(links[cheapest].rsu).len();
        let farthest = self.enter(slot, sites, data_bits, links[cheapest].rsu, cheapest);
        for (at, link) in links.iter().enumerate() {
            // Skip an entry if the cheapest one leads everywhere for less.
            let all = slot.routes.targets(link.rsu).len() == reach && reach == slot.rsus.len();
            if at != cheapest && !(all && cost(&self.entries[at]) >= farthest) {
                self.enter(slot, sites, data_bits, link.rsu, at);
            }
        }
    }

    /// Tries the paths by one entry; what the dearest of them costs.
    fn enter(
        &mut self,
        slot: &Slot,
        sites: &[Site],
        data_bits: f64,
        entry: u32,
        link: usize,
    ) -> f64 {
        if self.mesh.rsus > 0 {
            return self.enter_mesh(slot, data_bits, entry, link);
        }
        let (own, others) = self.entries[link];
        let mut dearest = 0.0f64;
        for target in slot.routes.targets(entry) {
            let m = target.rsu as usize;
            let migration = slot.migration_cost(data_bits, target);
            let cost = own + others + migration;
            dearest = dearest.max(cost);
            if self.stamps[m] == self.stamp {
                if cost >= self.cost[m] {
                    continue;
                }
            } else {
                if sites[m].available_hz <= 0.0 {
                    continue;
                }
                self.reached.push(target.rsu);
                self.stamps[m] = self.stamp;
            }
            (self.cost[m], self.migration[m], self.link[m]) = (cost, migration, link as u64);
        }
        dearest
    }

    /// The same over a row of the mesh; the dearest of all paths so far, which are those by the first entry when it matters.
    fn enter_mesh(&mut self, slot: &Slot, data_bits: f64, entry: u32, link: usize) -> f64 {
        let (own, others) = self.entries[link];
        let row = entry as usize * self.mesh.rsus..(entry as usize + 1) * self.mesh.rsus;
        let (seconds_per_bit, hops, wait_s) = (
            &self.mesh.seconds_per_bit[row.clone()],
            &self.mesh.hops[row.clone()],
            &self.mesh.wait_s[row],
        );
        let first = std::mem::replace(&mut self.stamps[0], self.stamp) != self.stamp;
        let rsus = seconds_per_bit.len();
        let (best, migrations, links) = (
            &mut self.cost[..rsus],
            &mut self.migration[..rsus],
            &mut self.link[..rsus],
        );
        // as `Slot::migration_cost`, whose zero these columns give where there are no hops
        for m in 0..rsus {
            let delay_s = transfer::migration_s(data_bits, seconds_per_bit[m]);
            let energy_j = hops[m] * slot.migration_power_w * delay_s;
            let migration = objective(slot.omega, delay_s + wait_s[m], energy_j);
            let cost = own + others + migration;
            let stays = cost >= best[m];
            let better = first | !stays;
            best[m] = if better { cost } else { best[m] };
            migrations[m] = if better { migration } else { migrations[m] };
            links[m] = if better { link as u64 } else { links[m] };
        }
        if first {
            best.iter().copied().fold(0.0, f64::max)
        } else {
            f64::INFINITY
        }
    }

    /// The path of `task` to `m`, which it has reached.
    #[inline(always)]
    pub(super) fn path(&self, slot: &Slot, sites: &[Site], task: usize, m: u32) -> UploadPath {
        let at = self.link[m as usize] as usize;
        let link = &slot.links(task)[at];
        let (own, others) = self.entries[at];
        let entering = sites[link.rsu as usize].entering + 1.0;
        let (hops, seconds_per_bit, wait_s) = if self.mesh.rsus > 0 {
            let at = link.rsu as usize * self.mesh.rsus + m as usize;
            let mesh = &self.mesh;
            (
                mesh.hops[at] as u32,
                mesh.seconds_per_bit[at],
                mesh.wait_s[at],
            )
        } else {
            let target = slot.routes.find(link.rsu, m);
            target.map_or((0, 0.0, 0.0), |t| (t.hops, t.seconds_per_bit, t.wait_s))
        };
        let data_bits = slot.tasks.data_bits[task];
        UploadPath {
            entry: link.rsu,
            hops,
            moved_s: transfer::upload_s(data_bits, link.seconds_per_bit, entering)
                + transfer::migration_s(data_bits, seconds_per_bit)
                + wait_s,
            own,
            others,
            migration: self.migration[m as usize],
            entering,
        }
    }
}
