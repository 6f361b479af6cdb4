//! From a journal, into a journal, and into another world.

use super::records::{Change, KEY, Kept, NEXT, Open, Present, RSU, Saved, TASK, VEHICLE, of_kind};
use super::servers::{Servers, Site};
use super::{Centre, KEPT_S, check_world, key_of};
use std::sync::Arc;
use wayside_core::Error;
use wayside_core::engine::world::World;

impl Centre {
    /// Puts back what a journal holds.
    ///
    /// # Errors
    /// A journal that holds something else.
    pub(crate) fn restore(&mut self, saved: &Saved, now_s: f64) -> wayside_core::Result<()> {
        let wrong = |message| Error::invalid("the journal", None, "", message);
        let next = saved.get(NEXT).map(|value| serde_json::from_slice(value));
        let next = next
            .transpose()
            .map_err(|error| wrong(format!("{NEXT}: {error}")))?;
        self.next_task = next.unwrap_or(0);
        let options = self.options.clone();
        for (id, mut present) in of_kind::<Present>(saved, VEHICLE).map_err(wrong)? {
            // a clock that was set back keeps nobody for longer
            present.gone_s = present.gone_s.min(now_s + options.vehicle_ttl_s);
            self.keep_vehicle(id, present);
        }
        let tasks = of_kind::<Open>(saved, TASK).map_err(wrong)?;
        if let Some((id, _)) = tasks.iter().find(|(_, open)| !open.is_sound()) {
            return Err(wrong(format!("{TASK}{id}: has numbers that no task has")));
        }
        let first_s = tasks
            .iter()
            .map(|(_, open)| open.placed_s)
            .fold(now_s, f64::min);
        self.servers = Servers::new(&self.site.world, first_s);
        let numbered = tasks.into_iter().map(|(id, open)| match id.parse() {
            Ok(number) => Ok((number, open)),
            Err(_) => Err(wrong(format!("{TASK}{id}: is no task's number"))),
        });
        let mut tasks: Vec<(u64, Open)> = numbered.collect::<wayside_core::Result<_>>()?;
        tasks.sort_by_key(|&(id, _)| id);
        for (id, mut open) in tasks {
            let most_s = now_s + (open.placement.delay_s + options.lease_s);
            open.lease_end_s = open.lease_end_s.min(most_s);
            self.keep_task(id, open);
        }
        self.reports = of_kind(saved, RSU).map_err(wrong)?.into_iter().collect();
        for (name, mut kept) in of_kind::<Kept>(saved, KEY).map_err(wrong)? {
            kept.until_s = kept.until_s.min(now_s + KEPT_S);
            self.keep_answer(name, kept);
        }
        Ok(())
    }

    /// All that a journal must hold for this state.
    pub(crate) fn saved(&self) -> Vec<Change> {
        let vehicles = self
            .vehicles
            .iter()
            .map(|(id, v)| Change::put(VEHICLE, id, v));
        let tasks = self
            .open
            .iter()
            .map(|(id, open)| Change::put(TASK, &key_of(*id), open));
        let reports = self.reports.iter().map(|(id, r)| Change::put(RSU, id, r));
        let kept = self
            .kept
            .iter()
            .map(|(name, kept)| Change::put(KEY, name, kept));
        let next = std::iter::once(Change::put(NEXT, "", &self.next_task));
        vehicles
            .chain(tasks)
            .chain(reports)
            .chain(kept)
            .chain(next)
            .collect()
    }

    /// Goes on in another world, and keeps tasks and vehicles. CPU at RSUs that are no more is held no longer.
    ///
    /// # Errors
    /// As [`new`](Self::new); then nothing changes.
    pub(crate) fn reload(&mut self, world: Arc<World>, now_s: f64) -> wayside_core::Result<()> {
        check_world(&world)?;
        let first_s = self
            .open
            .values()
            .map(|open| open.placed_s)
            .fold(now_s, f64::min);
        self.servers = Servers::new(&world, first_s);
        self.options = world.scenario.serve.clone();
        self.site = Site::new(world);
        for (&number, open) in &self.open {
            self.servers.take(&self.site, number, open);
        }
        let site = &self.site;
        self.reports.retain(|id, _| site.row(id).is_some());
        Ok(())
    }
}
