//! Schedules on calendars: a task takes the first gap that fits on every link and core of its way, also
//! before tasks placed earlier. No queue discipline; the bounds hold for it as well.

use wayside_core::slot::{Placement, Slot};

/// What is taken of a resource, as intervals in order.
#[derive(Clone, Debug, Default)]
struct Calendar(Vec<(f64, f64)>);

impl Calendar {
    fn busy_until(s: f64) -> Self {
        Self(vec![(f64::NEG_INFINITY, s)])
    }

    /// Start of the first gap from `ready_s` on that lasts `run_s`.
    fn gap(&self, ready_s: f64, run_s: f64) -> f64 {
        let mut start_s = ready_s;
        for &(from_s, to_s) in &self.0 {
            if start_s + run_s <= from_s {
                break;
            }
            start_s = start_s.max(to_s);
        }
        start_s
    }

    fn take(&mut self, start_s: f64, run_s: f64) {
        let place = self.0.partition_point(|&(from_s, _)| from_s <= start_s);
        self.0.insert(place, (start_s, start_s + run_s));
    }
}

/// All links and cores of a slot, filling up.
#[derive(Clone, Debug)]
pub(crate) struct Calendars {
    links: Vec<Calendar>,
    cores: Vec<Calendar>,
}

/// Where a task may go, and by which links.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) placement: Placement,
    pub(crate) path: Vec<u32>,
}

impl Calendars {
    pub(crate) fn new(slot: &Slot) -> Self {
        let state = &slot.queues.as_ref().unwrap().present;
        let calendars = |free_s: &[f64]| free_s.iter().map(|&s| Calendar::busy_until(s)).collect();
        Self {
            links: calendars(&state.link_free_s),
            cores: calendars(&state.core_free_s),
        }
    }

    /// When `task` ends on its `way`, an instant; takes what it needs where `take` says so.
    pub(crate) fn end_s(&mut self, slot: &Slot, task: usize, way: &Way, take: bool) -> f64 {
        let queues = slot.queues.as_ref().unwrap();
        let vehicle = slot.tasks.vehicle[task] as usize;
        let (bits, cycles) = (slot.tasks.data_bits[task], slot.tasks.cycles[task]);
        let Some(entry) = way.placement.entry() else {
            let run_s = cycles / slot.vehicles.cpu_hz[vehicle];
            return slot.now_s + slot.vehicles.local_wait_s[vehicle] + run_s;
        };
        let radio = slot.links(task).iter().find(|l| l.rsu == entry).unwrap();
        let mut at_s = slot.now_s + bits * radio.seconds_per_bit;
        let Some(execution) = way.placement.execution() else {
            return at_s + slot.cloud_round_trip_s.unwrap();
        };
        for &row in &way.path {
            let link = &slot.network.links()[row as usize];
            let run_s = bits / link.rate_bps;
            let start_s = self.links[row as usize].gap(at_s, run_s);
            if take {
                self.links[row as usize].take(start_s, run_s);
            }
            at_s = start_s + run_s + link.propagation_s;
        }
        let run_s = cycles / queues.core_hz[execution as usize];
        let starts = queues
            .cores(execution)
            .map(|core| (self.cores[core].gap(at_s, run_s), core));
        let (start_s, core) = starts.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        if take {
            self.cores[core].take(start_s, run_s);
        }
        start_s + run_s
    }
}

/// Every way of `task`: on its vehicle, in the cloud, and over every simple path of at most `hops` links.
pub(crate) fn ways(slot: &Slot, task: usize, hops: usize) -> Vec<Way> {
    let queues = slot.queues.as_ref().unwrap();
    let outside = |placement| Way {
        placement,
        path: Vec::new(),
    };
    let mut ways = vec![outside(Placement::Local)];
    for radio in slot.links(task) {
        let entry = radio.rsu;
        if slot.cloud_round_trip_s.is_some() {
            ways.push(outside(Placement::Cloud { entry }));
        }
        let mut stack = vec![(vec![entry], Vec::new())];
        while let Some((servers, path)) = stack.pop() {
            let execution = servers[servers.len() - 1];
            if !queues.cores(execution).is_empty() {
                let placement = Placement::Rsu { entry, execution };
                ways.push(Way {
                    placement,
                    path: path.clone(),
                });
            }
            if path.len() == hops {
                continue;
            }
            for row in slot.network.leaving(execution) {
                let to = slot.network.links()[row as usize].to;
                if !servers.contains(&to) {
                    let (mut servers, mut path) = (servers.clone(), path.clone());
                    servers.push(to);
                    path.push(row);
                    stack.push((servers, path));
                }
            }
        }
    }
    ways
}
