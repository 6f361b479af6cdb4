//! The slot as JSON: what `decide` reads and `run --dump-slots` writes.

#[cfg(test)]
mod tests;

use super::queues::{QueueState, Queues};
use super::{Coverage, RadioLink, Rsus, Slot, Tasks, Vehicles};
use crate::backhaul::network::Network;
use crate::backhaul::{Edge, MAX_TARGETS, Routes};
use crate::config::{
    self, Count, Document, Flag, Float, Floats, LinkedPairs, Names, Presence, Section, Series, Text,
};
use crate::error::Result;
use crate::model::channel::{Radio, dbm_to_w, seconds_per_bit};
use crate::scenario::Channel;
use crate::scenario::decode::{ENERGY_COEFF, LENGTH_M, PLACE_M, channel, uplink_rate_bps};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A slot with the names that its file gives to rows.
#[derive(Clone, Debug)]
pub struct NamedSlot {
    /// The slot.
    pub slot: Slot,
    /// Names of the tasks, by row.
    pub task_ids: Vec<String>,
    /// Names of the vehicles, by row.
    pub vehicle_ids: Vec<String>,
}

impl Slot {
    /// Decodes and checks a slot.
    ///
    /// A vehicle with `gain` is covered by exactly the RSUs that it names: the measured gain stands in
    /// for both the path loss and the range. Without `load_balance`, tau is infinite.
    ///
    /// # Errors
    /// Every problem of the text, each with its JSON path.
    pub fn from_json(file: &str, text: &str) -> Result<NamedSlot> {
        config::read(&Document::from_json(file, text)?, |s| Some(slot(s)))
    }
}

/// JSON Schema (draft 2020-12) of a slot.
#[must_use]
pub fn schema() -> Json {
    config::schema("Wayside slot", &config::describe(slot))
}

fn slot(s: &mut Section<'_>) -> NamedSlot {
    let slot_s = s.required("slot_s", Float::POSITIVE, "length of the slot [s]");
    let omega = s.section("objective", "The objective", |s| {
        let doc = "weight omega of delay against energy";
        s.required("omega", Float::UNIT, doc)
    });
    let doc = "The bound of the load balance metric";
    let balance = s.optional_section("load_balance", "no bound", doc, |s| {
        (
            s.required("enforce", Flag, "whether it binds the CPU allocation"),
            s.required("tau", Float::POSITIVE, "the bound"),
        )
    });
    let (enforce_balance, tau) = balance.unwrap_or((false, f64::INFINITY));
    let (channel, uplink_rate_bps) =
        s.section("channel", "The radio", |s| (channel(s), uplink_rate_bps(s)));
    let doc = "The cloud behind the RSUs";
    let cloud_round_trip_s = s.optional_section("cloud", "there is none", doc, |s| {
        let doc = "time to the cloud and back [s]";
        s.required("round_trip_s", Float::NON_NEGATIVE, doc)
    });
    let mut rsu_names = Names::default();
    let mut cores = Cores::default();
    let rsus = rsus(s, &mut rsu_names, &mut cores);
    let doc = "power p_optical of a fibre interface [W]";
    let migration_power_w = s.required("migration_power_w", Float::NON_NEGATIVE, doc);
    let (edges, propagation_s) = edges(s, &rsu_names);
    let hops = Count { min: 0, max: 1000 };
    let max_hops = s.default("max_hops", hops, 6, "farthest execution RSU [hops]");
    let mut vehicle_names = Names::default();
    let receivers = Receivers::new(&channel, &rsus, uplink_rate_bps);
    let (vehicle_ids, vehicles, coverage) = vehicles(s, &receivers, &rsu_names, &mut vehicle_names);
    let (task_ids, tasks) = tasks(s, &vehicle_names);
    let routes = Routes::try_build(rsus.len(), &edges, max_hops).unwrap_or_else(|| {
        s.problem(
            "max_hops",
            format!("must reach at most {MAX_TARGETS} pairs of RSUs"),
        );
        Routes::default()
    });
    let network = Network::with_propagation(rsus.len(), &edges, &propagation_s);
    let queues = cores.queues(&rsus, &network);
    for (key, given) in [
        ("cloud", cloud_round_trip_s.is_some()),
        ("channel", uplink_rate_bps.is_some()),
    ] {
        if given && queues.is_none() {
            s.problem(key, "needs RSUs with cores: only where tasks queue is there a cloud or a fixed uplink rate");
        }
    }
    let slot = Slot {
        now_s: 0.0,
        slot_s,
        omega,
        enforce_balance,
        tau,
        migration_power_w,
        routes: Arc::new(routes),
        network: Arc::new(network),
        queues,
        cloud_round_trip_s,
        rsus,
        vehicles,
        coverage,
        tasks,
    };
    NamedSlot {
        slot,
        task_ids,
        vehicle_ids,
    }
}

/// Cores of the RSUs, where they have any.
#[derive(Default)]
struct Cores {
    given: bool,
    free_s: Vec<Vec<f64>>,
}

impl Cores {
    /// Reads what the next RSU says of them.
    fn read(&mut self, s: &mut Section<'_>) {
        let without = "CPU is shared; one where any other RSU has cores";
        let doc = "cores among which `cpu_hz` is divided: tasks queue for them";
        let cores = s.optional("cores", Count { min: 1, max: 4096 }, without, doc);
        let doc = "time from now until each core is free of earlier tasks [s]";
        let free_s = s.optional(
            "core_free_s",
            Series(Float::NON_NEGATIVE),
            "all are free",
            doc,
        );
        self.given |= cores.is_some() || free_s.is_some();
        let count = cores.or(free_s.as_ref().map(|free_s| free_s.len().max(1)));
        let count = count.unwrap_or(1);
        let free_s = free_s.unwrap_or_else(|| vec![0.0; count]);
        if free_s.len() != count {
            let message = format!(
                "must have one number per core, {count}, got {}",
                free_s.len()
            );
            s.problem("core_free_s", message);
        }
        self.free_s.push(free_s);
    }

    /// The queues of all servers, which know the truth about each other.
    fn queues(&self, rsus: &Rsus, network: &Network) -> Option<Queues> {
        let mut core_start = vec![0];
        for cores in &self.free_s {
            core_start.push(core_start[core_start.len() - 1] + row_u32(cores.len()));
        }
        let speeds = rsus.cpu_hz.iter().zip(&self.free_s);
        let links = network.links().iter();
        self.given.then(|| Queues {
            core_start,
            core_hz: speeds
                .map(|(hz, cores)| hz / cores.len().max(1) as f64)
                .collect(),
            present: QueueState {
                time_s: 0.0,
                core_free_s: self.free_s.concat(),
                waiting: vec![0; rsus.len()],
                link_free_s: links.map(|l| l.transmission_s(l.backlog_bits)).collect(),
                up: vec![true; rsus.len()],
            },
            ..Queues::default()
        })
    }
}

fn rsus(s: &mut Section<'_>, names: &mut Names, cores: &mut Cores) -> Rsus {
    let mut rsus = Rsus::default();
    let ids = s.list("rsus", Presence::Required, "The RSUs", |s, row| {
        let id = names.define(s, row);
        rsus.x_m.push(s.required("x_m", PLACE_M, "position [m]"));
        rsus.y_m.push(s.required("y_m", PLACE_M, "position [m]"));
        let mut positive = |name, doc| s.required(name, Float::POSITIVE, doc);
        rsus.bandwidth_hz
            .push(positive("bandwidth_hz", "bandwidth B_m [Hz]"));
        rsus.cpu_hz.push(positive("cpu_hz", "CPU F_m [Hz]"));
        rsus.range_m
            .push(s.required("range_m", LENGTH_M, "radio range R_m [m]"));
        let doc = "energy coefficient kappa_m [J s^2/cycle^3]";
        rsus.energy_coeff
            .push(s.required("energy_coeff", ENERGY_COEFF, doc));
        let doc = "CPU held by tasks of earlier slots [Hz]";
        let reserved_hz = s.default("reserved_cpu_hz", Float::NON_NEGATIVE, 0.0, doc);
        // shares that add up to all of it may do so with a rounding error
        if s.has("cpu_hz") && reserved_hz > rsus.cpu_hz[row] * (1.0 + 1e-9) {
            s.problem("reserved_cpu_hz", "must be <= cpu_hz");
        }
        rsus.reserved_cpu_hz.push(reserved_hz);
        let doc = "of the CPU held, what is free again when the next slot starts [Hz]";
        let releasing_hz = s.default("releasing_cpu_hz", Float::NON_NEGATIVE, 0.0, doc);
        if releasing_hz > reserved_hz * (1.0 + 1e-9) {
            s.problem("releasing_cpu_hz", "must be <= reserved_cpu_hz");
        }
        rsus.releasing_cpu_hz.push(releasing_hz);
        cores.read(s);
        id
    });
    if ids.is_empty() && s.has("rsus") {
        s.problem("rsus", "must have at least one entry");
    }
    rsus.id = ids.into();
    rsus
}

/// The links, and the time of flight of each \[s\].
fn edges(s: &mut Section<'_>, rsus: &Names) -> (Vec<Edge>, Vec<f64>) {
    let mut linked = LinkedPairs::default();
    let doc = "Links of the backhaul, the same in both directions";
    let links = s.list(
        "links",
        Presence::Optional("no RSU is linked"),
        doc,
        |s, _| {
            let a = s.required("a", Text::NAME, "one end, an RSU's id");
            let b = s.required("b", Text::NAME, "the other end");
            let ends = linked.add(s, rsus, (&a, &b));
            let rate_bps = s.required("rate_bps", Float::POSITIVE, "rate [bit/s]");
            let length_m = s.default("length_m", Float::NON_NEGATIVE, 0.0, "length [m]");
            let doc = "bits already queued on it [bit]";
            let backlog_bits = s.default("backlog_bits", Float::NON_NEGATIVE, 0.0, doc);
            let doc = "time of flight [s]";
            let propagation_s = s.default("propagation_s", Float::NON_NEGATIVE, 0.0, doc);
            ends.map(|(a, b)| {
                let edge = Edge {
                    a,
                    b,
                    rate_bps,
                    length_m,
                    backlog_bits,
                };
                (edge, propagation_s)
            })
        },
    );
    links.into_iter().flatten().unzip()
}

fn vehicles(
    s: &mut Section<'_>,
    receivers: &Receivers<'_>,
    rsus: &Names,
    names: &mut Names,
) -> (Vec<String>, Vehicles, Coverage) {
    let mut vehicles = Vehicles::default();
    let mut coverage = Coverage {
        start: vec![0],
        links: Vec::new(),
    };
    let ids = s.list("vehicles", Presence::Required, "The vehicles", |s, row| {
        let id = names.define(s, row);
        let place = ["x_m", "y_m"].map(|key| s.required(key, PLACE_M, "position [m]"));
        let doc = "transmit power p_n [W]";
        let tx_power_w = s.required("tx_power_w", Float::POSITIVE, doc);
        vehicles.x_m.push(place[0]);
        vehicles.y_m.push(place[1]);
        vehicles.tx_power_w.push(tx_power_w);
        vehicles
            .cpu_hz
            .push(s.required("cpu_hz", Float::POSITIVE, "on-board CPU f_n [Hz]"));
        let doc = "energy coefficient kappa_n [J s^2/cycle^3]";
        vehicles
            .energy_coeff
            .push(s.required("energy_coeff", ENERGY_COEFF, doc));
        let doc = "time until its own CPU is free of earlier tasks [s]";
        let wait_s = s.default("local_wait_s", Float::NON_NEGATIVE, 0.0, doc);
        vehicles.local_wait_s.push(wait_s);
        let doc = "channel gain to each RSU that covers it, by id; overrides channel and range";
        let without = "the channel model and the ranges decide";
        let links = match s.optional("gain", Floats(Float::POSITIVE), without, doc) {
            None => receivers.in_range(place, tx_power_w),
            Some(gains) => receivers.measured(s, place, tx_power_w, rsus, &gains),
        };
        coverage.links.extend(links);
        coverage.start.push(row_u32(coverage.links.len()));
        id
    });
    (ids, vehicles, coverage)
}

fn tasks(s: &mut Section<'_>, vehicles: &Names) -> (Vec<String>, Tasks) {
    let mut names = Names::default();
    let mut tasks = Tasks::default();
    let ids = s.list(
        "tasks",
        Presence::Required,
        "The tasks to place",
        |s, row| {
            let id = names.define(s, row);
            let vehicle = s.required("vehicle", Text::NAME, "id of its vehicle");
            let vehicle = vehicles.resolve(s, "vehicle", "vehicle", &vehicle);
            tasks.vehicle.push(vehicle.unwrap_or(0));
            let mut positive = |name, doc| s.required(name, Float::POSITIVE, doc);
            tasks.cycles.push(positive("cycles", "cycles C_n"));
            tasks
                .data_bits
                .push(positive("data_bits", "data D_n [bit]"));
            tasks
                .deadline_s
                .push(positive("deadline_s", "deadline T_n^max [s]"));
            id
        },
    );
    (ids, tasks)
}

/// What the RSUs receive.
struct Receivers<'a> {
    rsus: &'a Rsus,
    radio: Radio,
    noise_w: f64,
    /// Rate of every upload, in place of the radio's \[bit/s\].
    uplink_rate_bps: Option<f64>,
}

impl<'a> Receivers<'a> {
    fn new(channel: &Channel, rsus: &'a Rsus, uplink_rate_bps: Option<f64>) -> Self {
        Self {
            uplink_rate_bps,
            rsus,
            radio: Radio::new(channel),
            noise_w: dbm_to_w(channel.noise_dbm),
        }
    }

    fn distance2_m2(&self, [x, y]: [f64; 2], m: usize) -> f64 {
        (x - self.rsus.x_m[m]).powi(2) + (y - self.rsus.y_m[m]).powi(2)
    }

    fn link(&self, m: usize, snr: f64) -> RadioLink {
        RadioLink {
            rsu: row_u32(m),
            seconds_per_bit: self.uplink_rate_bps.map_or_else(
                || seconds_per_bit(self.rsus.bandwidth_hz[m], snr),
                |rate_bps| 1.0 / rate_bps,
            ),
        }
    }

    /// The RSUs whose range covers `place`, nearest first; one too weak to carry any bit does not.
    fn in_range(&self, place: [f64; 2], tx_power_w: f64) -> Vec<RadioLink> {
        let near = (0..self.rsus.len()).filter_map(|m| {
            let distance2 = self.distance2_m2(place, m);
            let covered = distance2 <= self.rsus.range_m[m].powi(2);
            covered.then(|| {
                (
                    distance2,
                    self.link(m, self.radio.snr(tx_power_w, distance2)),
                )
            })
        });
        nearest_first(
            near.filter(|(_, link)| link.seconds_per_bit.is_finite())
                .collect(),
        )
    }

    /// The RSUs that `gains` names, nearest first.
    fn measured(
        &self,
        s: &mut Section<'_>,
        place: [f64; 2],
        tx_power_w: f64,
        rsus: &Names,
        gains: &[(String, f64)],
    ) -> Vec<RadioLink> {
        let mut links = Vec::with_capacity(gains.len());
        for (id, gain) in gains {
            let key = format!("gain.{id}");
            let Some(m) = rsus.resolve(s, &key, "RSU", id) else {
                continue;
            };
            let link = self.link(m as usize, tx_power_w * gain / self.noise_w);
            if link.seconds_per_bit == f64::INFINITY {
                s.problem(&key, "is too weak to carry any bit; leave it out");
            }
            links.push((self.distance2_m2(place, m as usize), link));
        }
        nearest_first(links)
    }

    /// The gain with which a vehicle has this link: (1) solved for h.
    fn gain(&self, link: RadioLink, tx_power_w: f64) -> f64 {
        let bandwidth_hz = self.rsus.bandwidth_hz[link.rsu as usize];
        let spectral = std::f64::consts::LN_2 / (bandwidth_hz * link.seconds_per_bit);
        spectral.exp_m1() * self.noise_w / tx_power_w
    }
}

fn nearest_first(mut links: Vec<(f64, RadioLink)>) -> Vec<RadioLink> {
    links.sort_by(|(d, a), (e, b)| d.total_cmp(e).then(a.rsu.cmp(&b.rsu)));
    links.into_iter().map(|(_, link)| link).collect()
}

fn row_u32(row: usize) -> u32 {
    u32::try_from(row).expect("a document has fewer entries")
}

impl NamedSlot {
    /// The slot as JSON, in the channel that it was made with; decodes to the same slot.
    ///
    /// Gains are written only where the channel model does not give the same links, and then agree to
    /// rounding. Related information is left out: who reads the slot knows the truth.
    #[must_use]
    pub fn to_json(&self, channel: &Channel) -> Json {
        let slot = &self.slot;
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
        let Slot { rsus, network, .. } = &self.slot;
        let once = network.links().iter().filter(|link| link.from < link.to);
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
