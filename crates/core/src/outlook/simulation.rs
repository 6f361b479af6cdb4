//! Simulates a plan event by event on what the view shows: the look-ahead by which ECT improves its plan.
//!
//! Calendars reserve in the order of planning, but links and cores serve in the order of arrival. The end of every task
//! closes a chain of services, each of which began when the one before it ended. So one backward pass over the services
//! gives the derivative of the sum of ends by every task, as in a max-plus system.

use super::view::View;
use crate::backhaul::network::Network;
use crate::backhaul::paths::PathCache;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Where a task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Vehicle,
    Cloud,
    /// A row of the view, and a number of the cache.
    Server {
        server: u32,
        path: u32,
    },
}

/// What a plan is made on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanContext<'a> {
    pub(crate) network: &'a Network,
    pub(crate) view: &'a View,
    pub(crate) cache: &'a PathCache,
    /// To the cloud and back \[s\]; nothing goes there without.
    pub(crate) cloud_s: f64,
}

impl PlanContext<'_> {
    /// The first link that a task in `destination` takes.
    pub(crate) fn first_link(&self, destination: Destination) -> Option<u32> {
        match destination {
            Destination::Server { path, .. } => self.cache.path(path).first().copied(),
            Destination::Vehicle | Destination::Cloud => None,
        }
    }
}

/// How the sum of all ends changes with the task in a destination.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weight {
    /// With the instant at which it leaves its first link, or its upload where it takes none.
    pub(crate) later: f64,
    /// With its data, on the links after the first \[s/bit\].
    pub(crate) per_bit_s: f64,
    /// With its cycles \[s\].
    pub(crate) per_cycle_s: f64,
}

/// A task on a link or a core.
#[derive(Clone, Copy, Debug)]
struct Service {
    task: u32,
    /// The service whose end it began at; `NOTHING` where that was the upload's, or of before the plan.
    after: u32,
    /// Whether its task came later than its turn, so that it began as the task came.
    at_once: bool,
    kind: Kind,
    /// Time per bit, or per cycle \[s\].
    unit_s: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FirstLink,
    Link,
    Core,
}

const NOTHING: u32 = u32::MAX;

/// Runs plans through, keeping its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlanSimulation {
    /// Instant bits (instants are not negative), task, links behind it.
    events: BinaryHeap<Reverse<(u64, u32, u32)>>,
    core_free_s: Vec<f64>,
    link_free_s: Vec<f64>,
    /// The last service of every core, link and task.
    core_last: Vec<u32>,
    link_last: Vec<u32>,
    task_last: Vec<u32>,
    /// In the order of their begin on every core and link, and of every task.
    services: Vec<Service>,
    /// How the sum of ends changes with the end of a service, in all and by its own task's next service.
    end_weight: Vec<f64>,
    own_weight: Vec<f64>,
}

impl PlanSimulation {
    /// The sum of the ends of all tasks, vehicles' left out; `order` is that of their uploads' ends, then of tasks \[s\].
    pub(crate) fn total_s(
        &mut self,
        context: &PlanContext<'_>,
        order: &[u32],
        destinations: &[Destination],
    ) -> f64 {
        let view = context.view;
        self.core_free_s.clone_from(&view.core_free_s);
        let links = context.network.links().len();
        for (list, len) in [
            (&mut self.core_last, self.core_free_s.len()),
            (&mut self.link_last, links),
            (&mut self.task_last, destinations.len()),
        ] {
            list.clear();
            list.resize(len, NOTHING);
        }
        self.link_free_s.clear();
        self.link_free_s.resize(links, 0.0);
        self.services.clear();
        self.events.clear();
        let mut total_s = 0.0;
        let mut uploaded = order.iter().map(|&n| {
            let ready_s = view.tasks[n as usize].ready_s;
            Reverse((ready_s.to_bits(), n, 0))
        });
        let mut next = uploaded.next();
        // The next upload or arrival. Uploads are in order already, which spares the heap half of its work.
        while let Some(Reverse((bits, n, hops))) = if next > self.events.peek().copied() {
            std::mem::replace(&mut next, uploaded.next())
        } else {
            self.events.pop()
        } {
            let (server, path) = match destinations[n as usize] {
                Destination::Server { server, path } => (server, path),
                Destination::Cloud => {
                    total_s += f64::from_bits(bits) + context.cloud_s;
                    continue;
                }
                Destination::Vehicle => continue,
            };
            let at_s = f64::from_bits(bits);
            match context.cache.path(path).get(hops as usize) {
                Some(&row) => {
                    let there_s = self.send(context, n, row, hops == 0, at_s);
                    self.events.push(Reverse((there_s.to_bits(), n, hops + 1)));
                }
                None => total_s += self.run(view, n, server, at_s),
            }
        }
        total_s
    }

    /// Sends task `n`, there at `at_s`, over a link; its arrival at the other end \[s\].
    fn send(&mut self, context: &PlanContext<'_>, n: u32, row: u32, first: bool, at_s: f64) -> f64 {
        let link = &context.network.links()[row as usize];
        let task = &context.view.tasks[n as usize];
        let source = task.source.unwrap_or(0);
        let backlog_s = link.transmission_s(context.view.backlog_bits(source)[row as usize]);
        let free_s = self.link_free_s[row as usize].max(backlog_s);
        let kind = if first { Kind::FirstLink } else { Kind::Link };
        let after = match free_s > self.link_free_s[row as usize] {
            true => NOTHING,
            false => self.link_last[row as usize],
        };
        let id = self.serve(n, after, at_s >= free_s, kind, 1.0 / link.rate_bps);
        self.link_last[row as usize] = id;
        let sent_s = free_s.max(at_s) + link.transmission_s(task.data_bits);
        self.link_free_s[row as usize] = sent_s;
        sent_s + link.propagation_s
    }

    /// Runs task `n`, there at `at_s`, on the earliest free core of a server, in the eyes of every source; its end \[s\].
    fn run(&mut self, view: &View, n: u32, server: u32, at_s: f64) -> f64 {
        let cycles = view.tasks[n as usize].cycles;
        let id = self.services.len() as u32;
        let mut own_end_s = f64::INFINITY;
        for &row in view.same(server as usize) {
            let known = &view.servers[row as usize];
            let cores = known.cores.start as usize..known.cores.end as usize;
            let earliest =
                cores.min_by(|&a, &b| self.core_free_s[a].total_cmp(&self.core_free_s[b]));
            let Some(core) = earliest else { continue };
            let (free_s, last) = (self.core_free_s[core], self.core_last[core]);
            let end_s = free_s.max(at_s) + cycles / known.core_hz;
            self.core_free_s[core] = end_s;
            self.core_last[core] = id;
            if row == server {
                self.serve(n, last, at_s >= free_s, Kind::Core, 1.0 / known.core_hz);
                own_end_s = end_s;
            }
        }
        own_end_s
    }

    /// Notes a service that came `after` another on its link or core, unless it began at once.
    fn serve(&mut self, task: u32, after: u32, at_once: bool, kind: Kind, unit_s: f64) -> u32 {
        let id = self.services.len() as u32;
        let own = std::mem::replace(&mut self.task_last[task as usize], id);
        self.services.push(Service {
            task,
            after: if at_once { own } else { after },
            at_once,
            kind,
            unit_s,
        });
        id
    }

    /// How the sum of ends of the plan simulated last changes with the task in every destination.
    pub(crate) fn weigh(&mut self, destinations: &[Destination], weights: &mut Vec<Weight>) {
        weights.clear();
        weights.extend(destinations.iter().map(|destination| Weight {
            later: f64::from(u8::from(*destination == Destination::Cloud)),
            ..Weight::default()
        }));
        for list in [&mut self.end_weight, &mut self.own_weight] {
            list.clear();
            list.resize(self.services.len(), 0.0);
        }
        for (id, service) in self.services.iter().enumerate().rev() {
            let weight = &mut weights[service.task as usize];
            let of_end = self.end_weight[id] + f64::from(u8::from(service.kind == Kind::Core));
            match service.kind {
                Kind::FirstLink => weight.later = self.own_weight[id],
                Kind::Link => weight.per_bit_s += of_end * service.unit_s,
                Kind::Core => weight.per_cycle_s += of_end * service.unit_s,
            }
            if service.after != NOTHING {
                self.end_weight[service.after as usize] += of_end;
                if service.at_once {
                    self.own_weight[service.after as usize] += of_end;
                }
            } else if service.at_once && service.kind == Kind::Core {
                weight.later = of_end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;
    use crate::engine::traffic::Traffic;
    use crate::engine::world::World;
    use crate::queueing::{QueueNetwork, Submission};
    use crate::rng::Streams;
    use crate::slot::Slot;
    use std::sync::Arc;

    /// A batch of `lin2025`, its view, paths, and a plan drawn at random.
    fn drawn(seed: u64) -> (Slot, View, PathCache, Vec<Destination>) {
        let at = ["\"local\"", "\"random\""][seed as usize % 2];
        let sets = [("fleet.mobility.at", at), ("execution.capability", "0.2")];
        let sets = sets.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let world =
            World::new(&Scenario::builtin("lin2025", &sets).expect("valid")).expect("a world");
        let mut slot = world.empty_slot();
        let mut traffic = Traffic::new(&world, Streams::new(seed)).expect("traffic");
        traffic.advance(0, &mut slot).expect("a slot");
        // reports are true
        slot.queues.as_mut().expect("queues").information = None;
        let mut view = View::default();
        view.observe(&slot, 3);
        let mut cache = PathCache::new(12, 2);
        cache.follow(&slot.network);
        let mut stream = Streams::new(seed).stream("destinations");
        let mut destinations = Vec::new();
        for task in &view.tasks {
            let source = &view.sources[task.source.expect("covered") as usize];
            let row = stream.below(source.servers.len()) + source.servers.start as usize;
            let paths = cache.between(source.entry, view.servers[row].rsu);
            let path = paths.start + stream.below(paths.len()) as u32;
            destinations.push(match stream.below(8) {
                0 => Destination::Cloud,
                _ => Destination::Server {
                    server: row as u32,
                    path,
                },
            });
        }
        (slot, view, cache, destinations)
    }

    fn context<'a>(slot: &'a Slot, view: &'a View, cache: &'a PathCache) -> PlanContext<'a> {
        PlanContext {
            network: &slot.network,
            view,
            cache,
            cloud_s: slot.cloud_round_trip_s.expect("a cloud"),
        }
    }

    fn order(view: &View) -> Vec<u32> {
        let mut order: Vec<u32> = (0..view.tasks.len() as u32).collect();
        let ready_s = |n: u32| view.tasks[n as usize].ready_s;
        order.sort_by(|&a, &b| ready_s(a).total_cmp(&ready_s(b)));
        order
    }

    /// Where nothing unknown happens a simulation is what the simulator makes of the plan.
    #[test]
    fn oracle_plan_simulation_is_the_simulator() {
        let mut simulation = PlanSimulation::default();
        let mut migrated = 0;
        for seed in 0..40 {
            let (slot, view, cache, destinations) = drawn(seed);
            let context = context(&slot, &view, &cache);
            let over_links = destinations
                .iter()
                .filter(|&&destination| context.first_link(destination).is_some());
            migrated += over_links.count();
            let queues = slot.queues.as_ref().expect("queues");
            let mut network = QueueNetwork::new(
                Arc::clone(&slot.network),
                &queues.core_start,
                &queues.core_hz,
                &queues.present.core_free_s,
            );
            let mut total_s = 0.0;
            for (n, (task, destination)) in (0..).zip(view.tasks.iter().zip(&destinations)) {
                match *destination {
                    Destination::Server { path, .. } => network.submit(Submission {
                        key: n,
                        ready_s: task.ready_s,
                        entry: view.sources[task.source.expect("covered") as usize].entry,
                        path: cache.path(path),
                        data_bits: task.data_bits,
                        cycles: task.cycles,
                    }),
                    _ => total_s += task.ready_s + 0.2,
                }
            }
            network.drain(&mut |finished| {
                total_s += finished.outcome.expect("nothing fails").finished_s;
            });
            let simulated_s = simulation.total_s(&context, &order(&view), &destinations);
            assert!(
                (simulated_s - total_s).abs() < 1e-9,
                "seed {seed}: {simulated_s} {total_s}"
            );
        }
        assert!(migrated > 1000, "{migrated}");
    }

    /// Weights of cycles, and of uploads that no link follows, against differences.
    #[test]
    fn oracle_weights_are_differences() {
        let (mut simulation, mut weights) = (PlanSimulation::default(), Vec::new());
        let mut waited = 0;
        for seed in 0..20 {
            let (slot, mut view, cache, destinations) = drawn(seed);
            let total_s =
                simulation.total_s(&context(&slot, &view, &cache), &order(&view), &destinations);
            simulation.weigh(&destinations, &mut weights);
            for n in 0..destinations.len() {
                let task = view.tasks[n];
                let linkless = context(&slot, &view, &cache)
                    .first_link(destinations[n])
                    .is_none();
                let mut change_s = |cycles: f64, ready_s: f64| {
                    view.tasks[n].cycles += cycles;
                    view.tasks[n].ready_s += ready_s;
                    let after_s = simulation.total_s(
                        &context(&slot, &view, &cache),
                        &order(&view),
                        &destinations,
                    );
                    view.tasks[n] = task;
                    after_s - total_s
                };
                // a nanosecond changes no order
                let cycles = 2.4;
                let expected_s = weights[n].per_cycle_s * cycles;
                let found_s = change_s(cycles, 0.0);
                assert!(
                    (found_s - expected_s).abs() < 1e-11,
                    "seed {seed} {n}: {found_s} {expected_s}"
                );
                waited += usize::from(expected_s > 1.5e-9);
                if linkless {
                    let found_s = change_s(0.0, 1e-9);
                    assert!(
                        (found_s - weights[n].later * 1e-9).abs() < 1e-11,
                        "seed {seed} {n}"
                    );
                }
            }
        }
        assert!(waited > 100, "{waited} that others waited for");
    }
}
