//! Writes a slot as JSON.

use super::receivers::Receivers;
use super::{NamedSlot, row_u32};
use crate::backhaul::Routes;
use crate::scenario::Channel;
use crate::slot::{RadioLink, Slot};
use serde_json::{Value as Json, json};

impl NamedSlot {
    /// The slot as JSON, in the channel that it was made with; decodes to the same slot.
    ///
    /// Gains are written only where the channel model does not give the same links, and then agree to
    /// rounding. Related information is left out: who reads the slot knows the truth.
    #[must_use]
    pub fn to_json(&self, channel: &Channel) -> Json {
        let slot = &self.slot;
        // gains are relative to the noise; where RSUs have noise of their own, any level does
        let noise_dbm = match channel.noise_dbm.is_finite() {
            true => channel.noise_dbm,
            false => -100.0,
        };
        let channel = &Channel {
            noise_dbm,
            ..*channel
        };
        let uplink_rate_bps = self.uplink_rate_bps();
        let mut root = json!({
            "slot_s": slot.slot_s,
            "objective": { "omega": slot.omega },
            "channel": {
                "noise_dbm": channel.noise_dbm,
                "pathloss_db_at_1km": channel.pathloss_db_at_1km,
                "pathloss_db_per_decade": channel.pathloss_db_per_decade,
                "antenna_height_m": channel.antenna_height_m,
            },
            "rsus": self.rsus_json(),
            "links": self.links_json(),
            "migration_power_w": slot.migration_power_w,
            "max_hops": max_hops(&slot.routes),
            "vehicles": self.vehicles_json(&Receivers::new(channel, &slot.rsus, uplink_rate_bps)),
            "tasks": self.tasks_json(),
        });
        if let Some(rate_bps) = uplink_rate_bps {
            root["channel"]["uplink_rate_bps"] = json!(rate_bps);
        }
        if let Some(round_trip_s) = slot.cloud_round_trip_s {
            root["cloud"] = json!({ "round_trip_s": round_trip_s });
        }
        if slot.tau.is_finite() {
            root["load_balance"] = json!({ "enforce": slot.enforce_balance, "tau": slot.tau });
        }
        self.sessions_json(&mut root);
        root
    }

    fn rsus_json(&self) -> Vec<Json> {
        let rsus = &self.slot.rsus;
        let rsu = |m: usize| {
            let mut rsu = json!({
                "id": rsus.id[m],
                "x_m": rsus.x_m[m],
                "y_m": rsus.y_m[m],
                "range_m": rsus.range_m[m],
                "bandwidth_hz": rsus.bandwidth_hz[m],
                "cpu_hz": rsus.cpu_hz[m],
                "energy_coeff": rsus.energy_coeff[m],
                "reserved_cpu_hz": rsus.reserved_cpu_hz[m],
                "releasing_cpu_hz": rsus.releasing_cpu_hz[m],
            });
            if let Some(queues) = &self.slot.queues {
                let cores = queues.cores(row_u32(m));
                let free_s = &queues.present.core_free_s[cores];
                let from_now = |free_s: &f64| (free_s - self.slot.now_s).max(0.0);
                rsu["cores"] = json!(free_s.len());
                rsu["core_free_s"] = free_s.iter().map(from_now).collect();
            }
            rsu
        };
        (0..rsus.len()).map(rsu).collect()
    }

    /// The rate of all uploads, where tasks queue and all are equal.
    fn uplink_rate_bps(&self) -> Option<f64> {
        self.slot.queues.as_ref()?;
        let links = &self.slot.coverage.links;
        let first = links.first()?.seconds_per_bit;
        let same = |link: &RadioLink| link.seconds_per_bit.to_bits() == first.to_bits();
        links.iter().all(same).then(|| 1.0 / first)
    }

    fn vehicles_json(&self, receivers: &Receivers<'_>) -> Vec<Json> {
        let vehicles = &self.slot.vehicles;
        let vehicle = |v: usize| {
            let (x_m, y_m) = (vehicles.x_m[v], vehicles.y_m[v]);
            let tx_power_w = vehicles.tx_power_w[v];
            let mut vehicle = json!({
                "id": self.vehicle_ids[v],
                "x_m": x_m,
                "y_m": y_m,
                "tx_power_w": tx_power_w,
                "cpu_hz": vehicles.cpu_hz[v],
                "energy_coeff": vehicles.energy_coeff[v],
                "local_wait_s": vehicles.local_wait_s[v],
            });
            let links = self.slot.coverage.of(v);
            if links != receivers.in_range([x_m, y_m], tx_power_w) {
                let gain = |link: &RadioLink| {
                    let id = receivers.rsus.id[link.rsu as usize].clone();
                    (id, json!(receivers.gain(*link, tx_power_w)))
                };
                vehicle["gain"] = links.iter().map(gain).collect();
            }
            vehicle
        };
        (0..vehicles.len()).map(vehicle).collect()
    }

    fn links_json(&self) -> Vec<Json> {
        let Slot {
            rsus,
            network,
            routes,
            sessions,
            ..
        } = &self.slot;
        let fails = !rsus.up.is_empty() || sessions.as_ref().is_some_and(|s| !s.up.is_empty());
        let works = |from, to| routes.find(from, to).is_some_and(|target| target.hops == 1);
        let once = network.links().iter().filter(|link| link.from < link.to);
        let once = once.filter(|link| !fails || works(link.from, link.to));
        once.map(|link| {
            let (i, j) = (link.from as usize, link.to as usize);
            json!({
                "a": rsus.id[i],
                "b": rsus.id[j],
                "rate_bps": link.rate_bps,
                "length_m": (rsus.x_m[i] - rsus.x_m[j]).hypot(rsus.y_m[i] - rsus.y_m[j]),
                "propagation_s": link.propagation_s,
                "backlog_bits": link.backlog_bits,
            })
        })
        .collect()
    }

    fn tasks_json(&self) -> Vec<Json> {
        let tasks = &self.slot.tasks;
        let task = |t: usize| {
            json!({
                "id": self.task_ids[t],
                "vehicle": self.vehicle_ids[tasks.vehicle[t] as usize],
                "cycles": tasks.cycles[t],
                "data_bits": tasks.data_bits[t],
                "deadline_s": tasks.deadline_s[t],
            })
        };
        (0..tasks.len()).map(task).collect()
    }
}

/// The limit with which `routes` was built, or a higher one that makes no difference.
fn max_hops(routes: &Routes) -> u32 {
    let beyond = routes.beyond.iter().flatten().next();
    let farthest = routes.targets.iter().map(|t| t.hops).max().unwrap_or(0);
    beyond.map_or(farthest.max(6), |beyond| beyond.hops - 1)
}
