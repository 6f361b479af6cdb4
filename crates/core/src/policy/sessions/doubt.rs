//! What it costs a session that its vehicle goes elsewhere than forecast.
//!
//! A batch that its host can serve is served, however dear its way. So where ways are dear, a session that was placed at an RSU
//! may cost any multiple of what it costs on its vehicle, and may not leave that RSU for less. There a wrong forecast loses more
//! than all that a right one saves. How often forecasts are wrong is counted as the run goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backhaul::Routes;
use crate::slot::Slot;
use crate::slot::sessions::{Ahead, UNCOVERED};

/// Weighs what forecasts risk.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt {
    /// Those that `way` is of.
    routes: Option<Arc<Routes>>,
    /// By host the cheapest way of a bit from another RSU; 0 where none reaches it.
    way: Vec<f64>,
    /// The dearest of them.
    dearest: f64,
    /// What was forecast for each session once its velocity was known.
    forecasts: BTreeMap<u64, Forecast>,
    /// By slots since the forecast.
    counts: Vec<Count>,
}

/// The entries that were forecast for a session.
#[derive(Clone, Debug, Default)]
struct Forecast {
    entries: Vec<u32>,
    /// Slots since then.
    age: usize,
}

/// How forecasts turned out.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    wrong: u32,
    all: u32,
}

impl Doubt {
    /// Takes the slot over: the ways between RSUs, and whether forecasts held.
    pub(super) fn begin(&mut self, slot: &Slot) {
        self.find_ways(slot);
        let sessions = slot.sessions.as_ref().expect("a slot of sessions");
        let mut forecasts = std::mem::take(&mut self.forecasts);
        for (task, &id) in sessions.id.iter().enumerate() {
            let Some(mut forecast) = forecasts.remove(&id) else {
                continue;
            };
            forecast.age += 1;
            let Some(&entry) = forecast.entries.get(forecast.age) else {
                continue;
            };
            if self.counts.len() <= forecast.age {
                self.counts.resize(forecast.age + 1, Count::default());
            }
            let count = &mut self.counts[forecast.age];
            count.all += 1;
            let now = slot.session_entry(task);
            count.wrong += u32::from(now != entry && now != UNCOVERED);
            self.forecasts.insert(id, forecast);
        }
    }

    fn find_ways(&mut self, slot: &Slot) {
        let same = |routes: &Arc<Routes>| Arc::ptr_eq(routes, &slot.routes);
        if self.routes.as_ref().is_some_and(same) {
            return;
        }
        self.way.clear();
        self.way.resize(slot.rsus.len(), f64::INFINITY);
        for entry in 0..slot.rsus.len() as u32 {
            let others = slot.routes.targets(entry).iter().map(|to| to.rsu);
            for host in others.filter(|&host| host != entry) {
                let cost = slot.way_cost(entry, host, 1.0).expect("a target");
                let way = &mut self.way[host as usize];
                *way = way.min(cost);
            }
        }
        for way in self.way.iter_mut().filter(|way| way.is_infinite()) {
            *way = 0.0;
        }
        self.dearest = self.way.iter().copied().fold(0.0, f64::max);
        self.routes = Some(Arc::clone(&slot.routes));
    }

    /// Whether a wrong forecast may cost `task` more than its vehicle does. Then its whole life counts.
    pub(super) fn is_risky(&self, slot: &Slot, task: usize) -> bool {
        self.dearest * slot.tasks.data_bits[task] > slot.local_cost(task)
    }

    /// Remembers the first forecast for `task` that is more than a guess.
    pub(super) fn remember(&mut self, id: u64, ahead: &[Ahead]) {
        self.forecasts.entry(id).or_insert_with(|| Forecast {
            entries: ahead.iter().map(|ahead| ahead.entry).collect(),
            age: 0,
        });
    }

    /// What is to be expected on top of the cost at `host` in the slot that is `h` ahead, for batches that cost `local` on
    /// the vehicle: what one costs more that enters elsewhere, as often as that happens. A vehicle that is `new` may go anywhere.
    pub(super) fn premium(
        &self,
        (h, host): (usize, usize),
        bits: f64,
        local: f64,
        new: bool,
    ) -> f64 {
        if h == 0 {
            return 0.0;
        }
        let excess = (self.way[host] * bits - local).max(0.0);
        let Count { wrong, all } = self.counts.get(h).copied().unwrap_or_default();
        let share = f64::from(wrong + 1) / f64::from(all + 2);
        excess * if new { 1.0 } else { share }
    }
}
