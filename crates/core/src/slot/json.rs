//! The slot as JSON: what `decide` reads and `run --dump-slots` writes.

mod receivers;
mod sessions;
#[cfg(test)]
mod tests;
mod write;

use super::queues::{QueueState, Queues};
use super::{Coverage, Rsus, Slot, Tasks, Vehicles};
use crate::backhaul::network::Network;
use crate::backhaul::{Edge, Routes, TOO_FAR};
use crate::config::{
    self, Count, Document, Flag, Float, Floats, Keys, LinkedPairs, List, Names, Presence, Section,
    Text,
};
use crate::error::Result;
use crate::scenario::{Channel, ENERGY_COEFF, LENGTH_M, PLACE_M, uplink_rate_bps};
use receivers::Receivers;
use serde_json::Value as Json;
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

impl NamedSlot {
    /// The slot with tasks `t0`, `t1`, ... and vehicles `v0`, `v1`, ...
    #[must_use]
    pub fn numbered(slot: Slot) -> Self {
        let names =
            |prefix: char, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect();
        Self {
            task_ids: names('t', slot.tasks.len()),
            vehicle_ids: names('v', slot.vehicles.len()),
            slot,
        }
    }
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

/// What holds for the whole slot.
struct Terms {
    slot_s: f64,
    omega: f64,
    enforce_balance: bool,
    tau: f64,
    channel: Channel,
    uplink_rate_bps: Option<f64>,
    cloud_round_trip_s: Option<f64>,
}

fn terms(s: &mut Section<'_>) -> Terms {
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
    let (channel, uplink_rate_bps) = s.section("channel", "The radio", |s| {
        let (mut channel, mut rate_bps) = (Channel::default(), None);
        let k = &mut Keys::Read(s);
        channel.keys(k);
        uplink_rate_bps(&mut rate_bps, k);
        (channel, rate_bps)
    });
    let doc = "The cloud behind the RSUs";
    let cloud_round_trip_s = s.optional_section("cloud", "there is none", doc, |s| {
        let doc = "time to the cloud and back [s]";
        s.required("round_trip_s", Float::NON_NEGATIVE, doc)
    });
    Terms {
        slot_s,
        omega,
        enforce_balance,
        tau,
        channel,
        uplink_rate_bps,
        cloud_round_trip_s,
    }
}

fn slot(s: &mut Section<'_>) -> NamedSlot {
    let terms = terms(s);
    let mut rsu_names = Names::default();
    let mut cores = Cores::default();
    let rsus = rsus(s, &mut rsu_names, &mut cores);
    let doc = "power p_optical of a fibre interface [W]";
    let migration_power_w = s.required("migration_power_w", Float::NON_NEGATIVE, doc);
    let (edges, propagation_s) = edges(s, &rsu_names);
    let hops = Count { min: 0, max: 1000 };
    let max_hops = s.default("max_hops", hops, 6, "farthest execution RSU [hops]");
    let mut vehicle_names = Names::default();
    let receivers = Receivers::new(&terms.channel, &rsus, terms.uplink_rate_bps);
    let (vehicle_ids, vehicles, coverage) = vehicles(s, &receivers, &rsu_names, &mut vehicle_names);
    let (task_ids, tasks, batches) = tasks(s, &vehicle_names, &rsu_names);
    let routes = Routes::try_build(rsus.len(), &edges, max_hops);
    // no RSU is in reach of any where that would be too many
    let in_reach = routes.as_ref().map_or(0, |_| rsus.len());
    let routes = routes.unwrap_or_else(|| {
        s.problem("max_hops", TOO_FAR);
        Routes::default()
    });
    let network = Network::with_propagation(rsus.len(), &edges, &propagation_s);
    let queues = cores.queues(&rsus, &network);
    let copying = sessions::copying(s);
    check_cores(s, &terms, queues.is_some(), copying.is_some());
    let terms_of_moves = (migration_power_w, terms.slot_s);
    let sessions = batches.sessions(s, copying, (&routes, in_reach), terms_of_moves);
    // what earlier tasks hold says that this one's may hold as well
    let carry_over = rsus.reserved_cpu_hz.iter().any(|&hz| hz > 0.0)
        || vehicles.local_wait_s.iter().any(|&wait_s| wait_s > 0.0);
    let mut slot = Slot {
        now_s: 0.0,
        slot_s: terms.slot_s,
        carry_over,
        omega: terms.omega,
        enforce_balance: terms.enforce_balance,
        tau: terms.tau,
        migration_power_w,
        routes: Arc::new(routes),
        network: Arc::new(network),
        queues,
        sessions,
        cloud_round_trip_s: terms.cloud_round_trip_s,
        rsus,
        vehicles,
        coverage,
        tasks,
    };
    slot.share_uploads(&mut Vec::new());
    NamedSlot {
        slot,
        task_ids,
        vehicle_ids,
    }
}

/// Reports what only RSUs with cores admit, and what they do not.
fn check_cores(s: &mut Section<'_>, terms: &Terms, cores: bool, sessions: bool) {
    if sessions && cores {
        s.problem("sessions", "must be left out where RSUs have cores");
    }
    for (key, given) in [
        ("cloud", terms.cloud_round_trip_s.is_some()),
        ("channel", terms.uplink_rate_bps.is_some()),
    ] {
        if given && !cores {
            s.problem(key, "needs RSUs with cores: only where tasks queue is there a cloud or a fixed uplink rate");
        }
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
            List(Float::NON_NEGATIVE),
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

fn tasks(
    s: &mut Section<'_>,
    vehicles: &Names,
    rsus: &Names,
) -> (Vec<String>, Tasks, sessions::Rows) {
    let mut names = Names::default();
    let mut tasks = Tasks::default();
    let mut batches = sessions::Rows::default();
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
            batches.read(s, rsus);
            id
        },
    );
    (ids, tasks, batches)
}

fn row_u32(row: usize) -> u32 {
    u32::try_from(row).expect("a document has fewer entries")
}
