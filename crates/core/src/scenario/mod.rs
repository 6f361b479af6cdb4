//! A checked scenario: everything that defines a run but its seed.
//!
//! A [`Scenario`] that exists is valid: the decoder rejects, it never clamps.

mod backhaul;
mod basic;
mod builtin;
pub mod columns;
mod file;
mod fleet;
mod highway;
mod import;
mod inputs;
mod mobility;
pub mod options;
mod queueing;
mod radio;
mod result;
mod rsu;
mod serve;
pub mod sessions;
mod sites;
mod task;
#[cfg(test)]
mod tests;

pub use crate::config::Range;
pub use backhaul::{Backhaul, Link, LinkRule};
pub use basic::{Area, BalanceOf, BoundOptions, Channel, DegreeArea, LoadBalance, Time};
pub(crate) use basic::{ENERGY_COEFF, LENGTH_M, PLACE_M, uplink_rate_bps};
pub use builtin::{BUILTIN_SCENARIOS, BUILTIN_TRACES, resolve};
pub use columns::TraceColumns;
pub use file::{reference_markdown, schema};
pub use fleet::Fleet;
pub use highway::Highway;
pub use import::ImportOptions;
pub use mobility::{Crowd, Fcd, FcdSource, Hotspot, Mobility, Parking, Simulation};
pub use options::{
    Deadline, DeadlineRule, MigrationOptions, MoveThresholdOptions, PlanAheadOptions,
    PolicyOptions, PriceEffort, PriceOptions, RandomTarget, SessionPlanOptions,
};
pub use queueing::{
    Cores, Counting, Execution, FalseKind, Fault, Faulty, Information, Sources, Success,
};
pub(crate) use radio::BUILTIN;
pub use radio::{
    Fading, Interference, LosRule, MODELS, PathLoss, RadioOptions, RateKind, Shadowing,
};
pub use result::ResultOptions;
pub(crate) use rsu::MAX_GRID;
pub use rsu::{Rsu, RsuLayout};
pub use serve::ServeOptions;
pub use sessions::SessionOptions;
pub use sites::{SiteColumns, Sites};
pub use task::{Cycles, Task};

use crate::config::{Float, Keys, Presence, Text};
use rsu::NamedRsus;
use std::path::Path;

/// A whole scenario. Sections and keys are those of the TOML file (`docs/scenario.md`).
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// `[scenario] name`.
    pub name: String,
    /// `[scenario] description`.
    pub description: String,
    /// `[scenario] source`: where the numbers come from.
    pub source: String,
    /// `[time]`.
    pub time: Time,
    /// `[area]`: the map's rectangle; `None` for FCD where it is taken from the trace.
    pub area: Option<Area>,
    /// The same in degrees, in place of metres.
    pub degree_area: Option<DegreeArea>,
    /// `[channel]`.
    pub channel: Channel,
    /// `[channel]`: propagation, rates and interference beyond log-distance.
    pub radio: RadioOptions,
    /// `[fleet]`.
    pub fleet: Fleet,
    /// `[task]`.
    pub task: Task,
    /// `[[rsu]]` or `[rsu.grid]`.
    pub rsus: RsuLayout,
    /// `[backhaul]`.
    pub backhaul: Backhaul,
    /// `[channel] uplink_rate_bps`: rate of every upload, independent of other uploads \[bit/s\]; `None`: that
    /// of equation (1) over the whole band. Only where tasks queue for cores.
    pub uplink_rate_bps: Option<f64>,
    /// `[execution]`.
    pub execution: Execution,
    /// `[cloud] round_trip_s`: time to the cloud and back \[s\], where there is one.
    pub cloud_round_trip_s: Option<f64>,
    /// `[information]`; `None`: every server knows the truth about every other.
    pub information: Option<Information>,
    /// `[[fault]]`.
    pub faults: Vec<Fault>,
    /// `[success] definition`.
    pub success: Success,
    /// `[result]`; `None`: answers are there at once.
    pub result: Option<ResultOptions>,
    /// `[objective] omega`: weight of delay against energy in (15), in `[0, 1]`.
    pub omega: f64,
    /// `[load_balance]`.
    pub load_balance: LoadBalance,
    /// `[bound]`.
    pub bound: BoundOptions,
    /// `[policy.NAME]`.
    pub policy: PolicyOptions,
    /// `[serve]`.
    pub serve: ServeOptions,
}

impl Scenario {
    /// No scenario yet: every field is to be read.
    fn blank() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            source: String::new(),
            time: Time::default(),
            area: None,
            degree_area: None,
            channel: Channel::default(),
            radio: RadioOptions::default(),
            fleet: Fleet::default(),
            task: Task::default(),
            rsus: RsuLayout::default(),
            backhaul: Backhaul::default(),
            uplink_rate_bps: None,
            execution: Execution::default(),
            cloud_round_trip_s: None,
            information: None,
            faults: Vec::new(),
            success: Success::default(),
            result: None,
            omega: 0.0,
            load_balance: LoadBalance::default(),
            bound: BoundOptions::default(),
            policy: PolicyOptions::default(),
            serve: ServeOptions::default(),
        }
    }

    /// Binds all sections; relative paths are relative to `folder`.
    fn keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path) {
        k.section("scenario", "What this is", |k| {
            let doc = "short name, used in results";
            k.required("name", Text::NAME, &mut self.name, doc);
            let doc = "one sentence for people";
            k.default("description", Text::ANY, &mut self.description, doc);
            let doc = "where the numbers come from";
            k.default("source", Text::ANY, &mut self.source, doc);
        });
        k.section("time", "Slots", |k| self.time.keys(k));
        basic::AnyArea::section(k, &mut self.area, &mut self.degree_area);
        let doc = "How servers execute tasks";
        k.section("execution", doc, |k| self.execution.keys(k));
        let queues = self.execution.queues();
        let doc = "The radio between vehicles and RSUs, equation (1)";
        k.section("channel", doc, |k| {
            if k.describes() {
                self.channel.noise_dbm = basic::NOISE_BY_FIGURE;
            }
            self.channel.keys(k);
            let shares_cpu = self.execution == Execution::SharedCpu;
            self.radio.section(k, folder, shares_cpu);
            uplink_rate_bps(&mut self.uplink_rate_bps, k);
            if self.uplink_rate_bps.is_some() && !queues {
                k.problem("uplink_rate_bps", "needs [execution] kind = \"queues\"");
            }
        });
        let rsus = self.rsus.keys(k, folder, self.area);
        let doc = "The fibre network of the RSUs";
        k.section("backhaul", doc, |k| self.backhaul.keys(k, folder, &rsus));
        if queues || !k.writes() {
            self.queueing(k, &rsus);
        }
        queueing::needs_queues(k, self.execution, &self.faults);
        self.fleet(k, folder, &rsus);
        let doc = "What vehicles ask for";
        k.section("task", doc, |k| self.task.keys(k, self.execution));
        result::section(k, &self.radio, &mut self.result);
        k.section("objective", "The objective, equation (15)", |k| {
            let doc = "weight omega of delay against energy";
            k.required("omega", Float::UNIT, &mut self.omega, doc);
        });
        let doc = "The bound of the load balance metric, equations (10) and (16e)";
        k.section("load_balance", doc, |k| self.load_balance.keys(k));
        let doc = "The lower bound of a slot";
        k.section("bound", doc, |k| self.bound.keys(k));
        k.section("policy", "Options of policies", |k| self.policy.keys(k));
        let doc = "How `wayside serve` serves this scenario live; no run reads it";
        k.section("serve", doc, |k| self.serve.keys(k));
        if let Some(options) = self.execution.sessions() {
            sessions::check(k, self, &options);
        }
    }

    /// The sections for servers with queues only.
    fn queueing(&mut self, k: &mut Keys<'_, '_>, rsus: &NamedRsus) {
        let (without, doc) = (
            "there is none",
            "The cloud behind the RSUs; its computing time is part of the round trip",
        );
        let field = &mut self.cloud_round_trip_s;
        k.optional_section("cloud", without, doc, field, |round_trip_s, k| {
            let doc = "time to the cloud and back [s]";
            k.required("round_trip_s", Float::NON_NEGATIVE, round_trip_s, doc);
        });
        let without = "every server knows the true state of all others";
        let doc = "How servers hear of each other, by flooded packets of related information (RI)";
        let field = &mut self.information;
        k.optional_section("information", without, doc, field, Information::keys);
        if !(k.writes() && self.faults.is_empty()) {
            let (presence, doc) = (
                Presence::Optional("nothing fails"),
                "What fails for a while",
            );
            k.list("fault", presence, doc, &mut self.faults, |fault, k, _| {
                fault.keys(k, rsus);
            });
        }
        let doc = "What makes a task a success";
        k.section("success", doc, |k| self.success.keys(k));
    }

    fn fleet(&mut self, k: &mut Keys<'_, '_>, folder: &Path, rsus: &NamedRsus) {
        let context = mobility::Context {
            folder,
            area: self.area,
            rsus,
        };
        let is_known = k.section("fleet", "The vehicles", |k| self.fleet.keys(k, &context));
        let synthetic = is_known && self.fleet.mobility.trace().is_none();
        if synthetic && !k.has("area") {
            let message = "missing section: a synthetic fleet needs the keys width_m and height_m";
            k.problem("area", message);
        }
        let copies = self.fleet.mobility.trace().map_or(1, |fcd| fcd.copies);
        if copies > 1 && !k.writes() && !k.describes() {
            let mut needs = |is_met: bool, what: &str| {
                if !is_met {
                    k.problem("fleet.mobility.copies", format!("needs {what}"));
                }
            };
            let by_distance = matches!(self.backhaul.links, LinkRule::Distance(_));
            needs(
                by_distance,
                "backhaul.max_distance_m: links by name do not join copies",
            );
            let by_walls = self.radio.buildings.is_some();
            needs(!by_walls, "a radio without buildings: they are there once");
        }
        if synthetic && self.degree_area.is_some() {
            k.problem("area", "must be in metres: only a trace can be in degrees");
        }
    }
}
