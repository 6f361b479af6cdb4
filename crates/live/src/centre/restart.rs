//! From a journal, into a journal, and into another world.

use super::records::{
    Change, KEY, Kept, NEXT, NUMBERS, Open, Present, RSU, Reported, Saved, TASKS, VEHICLE, WORLD,
    of_kind,
};
use super::servers::{Servers, Site};
use super::surroundings::Surroundings;
use super::{Centre, KEPT_S, check_world};
use std::collections::BTreeMap;
use std::sync::Arc;
use wayside_core::Error;
use wayside_core::engine::world::World;

impl Centre {
    /// Puts back what a journal holds.
    ///
    /// # Errors
    /// A journal that holds something else, or what does not fit this scenario.
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
        let mut tasks = open_tasks(saved).map_err(wrong)?;
        tasks.retain(|_, open| open.lease_end_s > now_s);
        let reports = of_kind::<Reported>(saved, RSU).map_err(wrong)?;
        let before = saved.get(WORLD).map(|value| serde_json::from_slice(value));
        let before: Option<Surroundings> = before
            .transpose()
            .map_err(|error| wrong(format!("{WORLD}: {error}")))?;
        if let Some(before) = before {
            let here = Surroundings::of(&self.site.world);
            let reports = reports.iter().map(|(id, report)| (id, report));
            before.check(&here, tasks.values(), reports)?;
        }
        let first_s = tasks
            .values()
            .map(|open| open.placed_s)
            .fold(now_s, f64::min);
        self.servers = Servers::new(&self.site.world, first_s);
        for (id, mut open) in tasks {
            let most_s = now_s + (open.placement.delay_s + options.lease_s);
            open.lease_end_s = open.lease_end_s.min(most_s);
            self.keep_task(id, open);
        }
        self.reports = reports.into_iter().collect();
        for (name, mut kept) in of_kind::<Kept>(saved, KEY).map_err(wrong)? {
            kept.until_s = kept.until_s.min(now_s + KEPT_S);
            self.keep_answer(name, kept);
        }
        Ok(())
    }

    /// The open tasks of a record of the journal.
    pub(super) fn record(&self, record: u64) -> impl Iterator<Item = (&u64, &Open)> {
        let first = record * NUMBERS;
        self.open.range(first..first.saturating_add(NUMBERS))
    }

    /// The records of these tasks, in order of their numbers, as they are now.
    pub(super) fn records(&self, numbers: impl Iterator<Item = u64>) -> Vec<Change> {
        let mut records: Vec<u64> = numbers.map(|number| number / NUMBERS).collect();
        records.dedup();
        let change = |record: u64| {
            let tasks: Vec<(&u64, &Open)> = self.record(record).collect();
            match tasks.is_empty() {
                true => Change::remove(TASKS, &key_of(record)),
                false => Change::put(TASKS, &key_of(record), &tasks),
            }
        };
        records.into_iter().map(change).collect()
    }

    /// All that a journal must hold for this state.
    pub(crate) fn saved(&self) -> Vec<Change> {
        let vehicles = self
            .vehicles
            .iter()
            .map(|(id, v)| Change::put(VEHICLE, id, v));
        let tasks = self.records(self.open.keys().copied());
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
            .chain(std::iter::once(self.surroundings()))
            .collect()
    }

    /// What the journal says of the scenario.
    pub(crate) fn surroundings(&self) -> Change {
        Change::put(WORLD, "", &Surroundings::of(&self.site.world))
    }

    /// Goes on in another world, and keeps tasks and vehicles. CPU at RSUs that are no more is held no longer.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where what is held does not fit; then nothing changes.
    pub(crate) fn reload(&mut self, world: Arc<World>, now_s: f64) -> wayside_core::Result<()> {
        check_world(&world)?;
        Surroundings::of(&self.site.world).check(
            &Surroundings::of(&world),
            self.open.values(),
            self.reports.iter(),
        )?;
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

/// The tasks of a journal by their numbers.
///
/// # Errors
/// Says which record holds something else.
fn open_tasks(saved: &Saved) -> Result<BTreeMap<u64, Open>, String> {
    let mut tasks = BTreeMap::new();
    for (record, listed) in of_kind::<Vec<(u64, Open)>>(saved, TASKS)? {
        for (number, open) in listed {
            let wrong = if record != key_of(number / NUMBERS) {
                "is in the wrong record"
            } else if !open.is_sound() {
                "has numbers that no task has"
            } else if tasks.insert(number, open).is_some() {
                "is there twice"
            } else {
                continue;
            };
            return Err(format!("{TASKS}{record}: task {number} {wrong}"));
        }
    }
    Ok(tasks)
}

/// The number of a record of tasks as the journal's keys have it, in order.
pub(super) fn key_of(number: u64) -> String {
    format!("{number:020}")
}
