//! Names of features, in the order of a row; the tables of [`super`], [`super::plan`], [`super::destinations`] and [`super::hosts`]
//! have their units.

use super::{Form, Layout, Target, destinations, hosts, plan};

const SEQUENTIAL: [&str; 36] = [
    "local",
    "migrates",
    "within_1_slot",
    "within_2_slots",
    "upload_cost",
    "upload_cost_to_others",
    "migration_cost",
    "execution_cost",
    "execution_cost_to_others",
    "total_cost",
    "total_above_least_0.005",
    "total_above_least_0.05",
    "total_above_least_0.5",
    "slack",
    "delay",
    "idle_until_next_slot",
    "share",
    "cpu_withheld",
    "cpu_withheld_used",
    "cpu_free",
    "cpu_promised",
    "demand_of_others",
    "cpu_left",
    "cpu_left_of_share",
    "cpu_held_beyond",
    "cpu_released",
    "cycles",
    "data",
    "vehicle_wait",
    "vehicle_cost",
    "covering_rsus",
    "decisions_made",
    "demand_of_all",
    "cpu_free_of_all",
    "decided_local",
    "vehicle_cycles",
];

const STILL: [&str; 12] = [
    "tasks_per_rsu",
    "mean_cycles",
    "mean_data",
    "cpu_free_of_all",
    "cpu_free_next_slot",
    "cpu_free_of_fullest",
    "demand_of_all",
    "demand_of_most_crowded",
    "mean_vehicle_wait",
    "vehicles_that_wait",
    "tasks_uncovered",
    "slot_length",
];

const DESTINATIONS: [&str; destinations::WIDTH] = [
    "vehicle",
    "own_server",
    "other_server",
    "cloud",
    "least_backlog",
    "hops",
    "upload",
    "way",
    "core_wait",
    "execution",
    "delay",
    "delay_above_least_0.02",
    "delay_above_least_0.2",
    "slack",
    "cost",
    "cost_above_least",
    "cores_idle",
    "cycles",
    "data",
    "tasks_left",
    "tasks_left_elsewhere",
    "news_age",
    "sent_there",
];

const HOSTS: [&str; hosts::WIDTH] = [
    "stays",
    "no_host",
    "is_entry",
    "hops_from_entry",
    "hops_from_host",
    "way",
    "upload",
    "slots_until_switch",
    "downtime",
    "move_cost",
    "demand",
    "execution",
    "cost",
    "cost_above_vehicle",
    "cycles",
    "data",
    "slots_left",
    "speed_towards",
    "distance",
    "forecast_above_least_4_s_0.02",
    "forecast_above_least_4_s_0.2",
    "forecast_above_least_8_s_0.02",
    "forecast_above_least_8_s_0.2",
    "forecast_above_least_20_s_0.02",
    "forecast_above_least_20_s_0.2",
    "forecast",
    "entry_ahead",
    "covered_ahead",
];

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Names of the features of a row of [`destinations`].
#[must_use]
pub fn of_destinations() -> Vec<String> {
    owned(&DESTINATIONS)
}

/// Names of the features of a row of [`hosts`].
#[must_use]
pub fn of_hosts() -> Vec<String> {
    owned(&HOSTS)
}

impl Layout {
    /// Names of the features of a row.
    #[must_use]
    pub fn feature_names(&self) -> Vec<String> {
        match self.form {
            Form::Sequential { .. } => {
                let mut names = owned(&SEQUENTIAL);
                if self.priced {
                    names[2] = "slots".to_owned();
                    names[3] = "later_slots_cost".to_owned();
                }
                names
            }
            Form::Shared {
                candidates,
                targets,
            } => shared(candidates, targets),
            Form::Flat {
                vehicles,
                tasks_per_vehicle,
                rsus,
                candidates,
                target: Target::Any | Target::Candidates,
            } => flat(vehicles, tasks_per_vehicle, rsus, candidates),
            Form::Plan { servers, .. } => planned(servers),
            Form::Hosts => of_hosts(),
            Form::Destinations { .. } => of_destinations(),
        }
    }
}

fn flat(vehicles: usize, tasks_per_vehicle: usize, rsus: usize, candidates: usize) -> Vec<String> {
    let own = ["x", "y", "segment", "cycles", "data", "deadline", "wait"];
    let mut names = Vec::new();
    for place in 0..vehicles * tasks_per_vehicle {
        let (v, k) = (place / tasks_per_vehicle, place % tasks_per_vehicle);
        let of = |name: &str| format!("vehicle_{v}.task_{k}.{name}");
        names.extend(own.into_iter().map(of));
        names.extend((0..candidates).map(|i| of(&format!("candidate_{i}"))));
    }
    for m in 0..rsus {
        names.extend(["cpu", "x", "y"].map(|name| format!("rsu_{m}.{name}")));
    }
    names
}

fn shared(candidates: usize, targets: usize) -> Vec<String> {
    let mut names = owned(&[
        "cycles",
        "data",
        "deadline",
        "vehicle_wait",
        "vehicle_cost",
        "covering_rsus",
        "uncovered",
        "east",
        "north",
    ]);
    let candidate = [
        "there",
        "upload_cost",
        "upload_cost_crowded",
        "demand",
        "cpu_free",
        "cpu_held_beyond",
    ];
    for i in 0..candidates - 1 {
        names.extend(candidate.map(|name| format!("candidate_{i}.{name}")));
    }
    let target = ["there", "hops", "migration_cost", "demand", "cpu_free"];
    for i in 0..targets {
        names.extend(target.map(|name| format!("target_{i}.{name}")));
    }
    names.extend(STILL.map(|name| format!("slot.{name}")));
    names
}

fn planned(servers: usize) -> Vec<String> {
    let mut names = owned(&["tasks"]);
    for what in ["arriving", "in_flight"] {
        names.extend((0..plan::TYPES).map(|kind| format!("type_{kind}.{what}")));
    }
    names.extend(owned(&[
        "virtual_queue",
        "cores_idle",
        "link_backlog_mean",
        "link_backlog_most",
    ]));
    for i in 0..=servers {
        let of = ["there", "cores_idle", "wait", "hops"];
        names.extend(of.map(|name| format!("server_{i}.{name}")));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;
    use crate::engine::world::World;

    #[test]
    fn property_every_feature_has_a_name_of_its_own() {
        let world = |name| World::new(&Scenario::builtin(name, &[]).unwrap()).unwrap();
        let (shared, queues) = (world("wang2025"), world("lin2025"));
        for layout in [
            Layout::flat(&shared, Target::Any).unwrap(),
            Layout::flat(&shared, Target::Candidates).unwrap(),
            Layout::shared(&shared),
            Layout::sequential(&shared),
            Layout::plan(&queues, true),
            Layout::hosts(&world("highway")),
            Layout::by_destination(&queues),
            Layout::either(&shared),
        ] {
            let mut names = layout.feature_names();
            assert_eq!(names.len(), layout.shape().0, "{:?}", layout.form);
            names.sort();
            names.dedup();
            assert_eq!(names.len(), layout.shape().0, "{:?}", layout.form);
        }
    }
}
