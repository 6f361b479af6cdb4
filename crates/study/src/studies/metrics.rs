//! The metrics of a policy under one seed.

use crate::summary::{METRICS, OF_RETURNS, OF_SESSIONS, Summary};
use std::ops::ControlFlow;
use std::sync::LazyLock;
use wayside_core::bound::queues::{QueueBound, Venues};
use wayside_core::engine::decider::Decider;
use wayside_core::engine::records::{PolicyRun, Replication};
use wayside_core::engine::world::World;
use wayside_core::engine::{Observer, TaskOutcome};
use wayside_core::information::{self, Flooding, Protocol};
use wayside_core::scenario::{Counting, Sources};
use wayside_core::slot::{Placement, Slot};

/// Metrics beyond those of a summary, with what they mean.
const MORE: [(&str, &str); 13] = [
    (
        "gap",
        "gap of the objective to the bound that offers servers, vehicle and cloud",
    ),
    (
        "network_s",
        "time on links and in their queues, where no core is waited for [s]",
    ),
    (
        "network_min_s",
        "least such time of a task that migrated [s]",
    ),
    (
        "network_max_s",
        "largest such time of a task that migrated [s]",
    ),
    ("cloud", "share of tasks executed in the cloud"),
    ("vehicle", "share of tasks executed on their vehicle"),
    (
        "servers_bound",
        "bound of the mean cost that offers the servers alone",
    ),
    (
        "servers_gap",
        "gap of the objective to it; null for a policy that used vehicle or cloud",
    ),
    (
        "on_time_most",
        "largest share of tasks that any schedule on the servers has in time",
    ),
    (
        "reward",
        "mean reward of a slot while learning; recorded grids alone have it",
    ),
    ("ri_packets", "packets of one round of related information"),
    (
        "ri_packets_per_s",
        "packets of related information per second [1/s]",
    ),
    (
        "ri_busy_s",
        "time that the packets of a second take to send [s]",
    ),
];

/// Metrics that are a share of tasks, slots, links or CPU, and so end at 0 and 1.
const SHARES: [&str; 20] = [
    "deadline_met",
    "offloaded",
    "migrated",
    "lbm_violations",
    "on_time",
    "lost",
    "success",
    "link_utilisation",
    "uncovered",
    "turned_back",
    "jain",
    "clamped",
    "cloud",
    "vehicle",
    "on_time_most",
    "served",
    "returned",
    "lost_no_coverage",
    "lost_vehicle_left",
    "pending",
];

/// Whether a metric cannot leave `[0, 1]`.
pub(super) fn is_share(metric: &str) -> bool {
    SHARES.contains(&metric)
}

/// Wall-clock time of a decision: the only metric that differs between runs.
pub const DECISION_TIME: &str = "decision_time_s";

/// Names of all metrics, in the order of their columns; [`DECISION_TIME`] is last.
pub static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let more = MORE.iter().map(|(name, _)| *name);
    METRICS
        .iter()
        .copied()
        .chain(more)
        .chain(OF_SESSIONS.iter().copied())
        .chain(OF_RETURNS.iter().copied())
        .chain([DECISION_TIME])
        .collect()
});

/// Whether a metric is one of sessions or of the return of answers, which most runs have not.
pub(super) fn is_further(metric: &str) -> bool {
    OF_SESSIONS.contains(&metric) || OF_RETURNS.contains(&metric)
}

/// Column of a metric.
#[must_use]
pub fn column(name: &str) -> Option<usize> {
    NAMES.iter().position(|known| *known == name)
}

/// Unit of a metric, by its name.
#[must_use]
pub fn unit(name: &str) -> Option<&'static str> {
    match name {
        "ri_packets_per_s" => Some("1/s"),
        name if name.ends_with("_s") => Some("s"),
        name if name.ends_with("_j") => Some("J"),
        name if name.ends_with("_bytes") => Some("bytes"),
        _ => None,
    }
}

/// Values by column.
pub(super) type Values = Vec<Option<f64>>;

/// Measures what the records of a run do not keep.
pub(super) struct MetricObserver<'a> {
    pub(super) stop: &'a (dyn Fn() -> bool + Sync),
    /// Bounds that offer the servers alone, where asked for.
    bound: Option<QueueBound>,
    cost: f64,
    on_time: u64,
    /// Tasks whose bound is known.
    tasks: u64,
    /// By policy.
    ends: Vec<Ends>,
}

/// Where the tasks of a policy ended, and how long those that migrated took on the network.
#[derive(Clone, Copy, Default)]
struct Ends {
    cloud: u64,
    vehicle: u64,
    all: u64,
    network_s: Option<[f64; 2]>,
}

impl<'a> MetricObserver<'a> {
    pub(super) fn new(policies: usize, bound: bool, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            stop,
            bound: bound.then(QueueBound::default),
            cost: 0.0,
            on_time: 0,
            tasks: 0,
            ends: vec![Ends::default(); policies],
        }
    }

    fn count(&mut self, policy: usize, placement: Placement) {
        let ends = &mut self.ends[policy];
        ends.all += 1;
        match placement {
            Placement::Cloud { .. } => ends.cloud += 1,
            Placement::Local => ends.vehicle += 1,
            Placement::Rsu { .. } => {}
        }
    }

    /// The values of every policy of `replication`.
    pub(super) fn values(&self, replication: &Replication) -> Vec<Values> {
        let summary = Summary::new("", std::slice::from_ref(replication), false);
        let policies = summary.policies.iter().enumerate();
        let of = |(i, policy): (usize, &crate::summary::PolicySummary)| {
            let mut values: Values = policy
                .metrics()
                .iter()
                .map(|(_, m)| m.map(|m| m.mean))
                .collect();
            values.resize(NAMES.len(), None);
            let mut put = |name: &str, value| values[column(name).expect("a metric")] = value;
            put("gap", policy.gap.map(|g| g.mean));
            for (name, metric) in policy.further() {
                put(name, metric.map(|m| m.mean));
            }
            let parts = [policy.migration_s, policy.propagation_s, policy.wait_s];
            let known: Option<f64> = parts.iter().map(|part| part.map(|m| m.mean)).sum();
            put("network_s", known);
            let ends = &self.ends[i];
            let [cloud, vehicle, all] = [ends.cloud, ends.vehicle, ends.all].map(|n| n as f64);
            put("network_min_s", ends.network_s.map(|[least, _]| least));
            put("network_max_s", ends.network_s.map(|[_, largest]| largest));
            if all > 0.0 {
                put("cloud", Some(cloud / all));
                put("vehicle", Some(vehicle / all));
            }
            if self.tasks > 0 {
                let tasks = self.tasks as f64;
                let bound = self.cost / tasks;
                put("servers_bound", Some(bound));
                put("on_time_most", Some(self.on_time as f64 / tasks));
                if let Some(objective) = policy.objective
                    && cloud + vehicle == 0.0
                    && bound > 0.0
                {
                    put("servers_gap", Some(objective.mean / bound - 1.0));
                }
            }
            let slots = &replication.policies[i].slots;
            let times: Vec<f64> = slots.iter().map(|s| s.decision_time_s).collect();
            put(DECISION_TIME, crate::stats::quantile(&times, 0.5));
            values
        };
        policies.map(of).collect()
    }
}

impl Observer for MetricObserver<'_> {
    fn slot(&mut self, _: usize, slot: &Slot) -> ControlFlow<()> {
        if (self.stop)() {
            return ControlFlow::Break(());
        }
        if let (Some(bound), Some(queues)) = (&mut self.bound, &slot.queues) {
            let bounds = bound.solve(slot, queues, Venues::SERVERS);
            self.cost += bounds.cost;
            self.on_time += u64::from(bounds.on_time);
            self.tasks += slot.tasks.len() as u64;
        }
        ControlFlow::Continue(())
    }

    fn decided(&mut self, _: usize, policy: usize, slot: &Slot, decider: &Decider) {
        if slot.queues.is_none() {
            for placement in decider.placements() {
                self.count(policy, *placement);
            }
        }
    }

    fn ended(&mut self, policy: usize, task: &TaskOutcome) {
        self.count(policy, task.placement);
        let Ok(outcome) = &task.outcome else { return };
        if outcome.hops > 0 {
            let spent = outcome.migration_s + outcome.propagation_s + outcome.wait_s;
            let [least, largest] = self.ends[policy].network_s.unwrap_or([spent; 2]);
            self.ends[policy].network_s = Some([least.min(spent), largest.max(spent)]);
        }
    }
}

/// The metrics of one slot by policy; those of a whole run are missing.
pub(super) fn of_slot(replication: &Replication, slot: usize) -> Vec<Values> {
    let alone = |policy: &PolicyRun| PolicyRun {
        policy: policy.policy.clone(),
        slots: vec![policy.slots[slot].clone()],
        ..PolicyRun::default()
    };
    let alone = Replication {
        seed: replication.seed,
        loose_bounds: replication.loose_bounds,
        policies: replication.policies.iter().map(alone).collect(),
    };
    let summary = Summary::new("", std::slice::from_ref(&alone), false);
    let values = |(run, policy): (&PolicyRun, &crate::summary::PolicySummary)| {
        let known = policy.metrics();
        let mut values: Values = known.iter().map(|(_, m)| m.map(|m| m.mean)).collect();
        values.resize(NAMES.len(), None);
        for (name, metric) in policy.further() {
            values[column(name).expect("a metric")] = metric.map(|m| m.mean);
        }
        values[column(DECISION_TIME).expect("a metric")] = Some(run.slots[0].decision_time_s);
        values
    };
    alone
        .policies
        .iter()
        .zip(&summary.policies)
        .map(values)
        .collect()
}

/// The cost of a round of related information (RI) in `world`; `None` where servers exchange none.
#[must_use]
pub fn information(world: &World) -> Option<Vec<Option<f64>>> {
    let (mut flooding, sources) = flooding(world)?;
    let traffic = flooding.round(&sources, |_| true);
    let mut values = vec![None; NAMES.len()];
    let mut put = |name: &str, value| values[column(name).expect("a metric")] = Some(value);
    put("ri_packets", traffic.packets as f64);
    put("ri_packets_per_s", traffic.packets_per_s);
    put("ri_busy_s", traffic.busy_s);
    Some(values)
}

/// The servers of `world` as they exchange RI, and those whose packets count; `None` where they exchange none.
#[must_use]
pub fn flooding(world: &World) -> Option<(Flooding, information::Sources)> {
    let information = world.scenario.information?;
    let protocol = Protocol {
        rate_hz: information.rate_hz,
        packet_bits: 8.0 * information.packet_bytes,
        link_rate_bps: world.scenario.backhaul.rate_bps,
        ttl: information.ttl,
        counting: match information.counting {
            Counting::Broadcasts => information::Counting::PerBroadcast,
            Counting::Transmissions => information::Counting::PerLink,
        },
    };
    let sources = match information.sources {
        Sources::All => information::Sources::All,
        Sources::Neighbours => information::Sources::Neighbours {
            local: first_of_parts(world),
        },
    };
    Some((Flooding::new(world.network.clone(), protocol), sources))
}

/// The first server of every connected component.
fn first_of_parts(world: &World) -> Vec<u32> {
    let network = &world.network;
    let mut seen = vec![false; network.rsus()];
    let mut first = Vec::new();
    for server in 0..network.rsus() as u32 {
        if seen[server as usize] {
            continue;
        }
        first.push(server);
        let mut open = vec![server];
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut seen[at as usize], true) {
                open.extend(
                    network
                        .leaving(at)
                        .map(|row| network.links()[row as usize].to),
                );
            }
        }
    }
    first
}
