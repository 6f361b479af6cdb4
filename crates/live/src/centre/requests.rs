//! What clients say: read with every problem at once, and described, by one definition.

use serde::{Deserialize, Serialize};
use wayside_core::Error;
use wayside_core::config::{
    self, Document, Float, Floats, Keys, Presence, Range, Section, Text, Value, section,
};
use wayside_core::engine::world::World;
use wayside_core::error::Result;
use wayside_core::scenario::Scenario;

/// Names of vehicles and keys \[bytes\]: memory is bounded by their number.
pub(crate) const LONGEST_NAME: usize = 128;

/// Places \[m\].
const FARTHEST_M: f64 = 1e7;
const PLACE_M: Float = Float::between(-FARTHEST_M, FARTHEST_M);

/// A vehicle: where it is and what it can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vehicle {
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    #[serde(flatten)]
    pub(crate) traits: Traits,
}

/// A vehicle as it tells of itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sighting {
    place: Place,
    traits: Traits,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Metres([f64; 2]),
    /// Longitude and latitude.
    Degrees([f64; 2]),
}

section! {
    /// What a vehicle says besides its place.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Traits {
        /// speed [m/s]
        speed_mps: Option<f64> = optional(Float::NON_NEGATIVE, "not known"),
        /// on-board CPU f_n [Hz]
        cpu_hz: Option<f64> = optional(Float::POSITIVE, "the middle of the scenario's fleet.cpu_hz"),
        /// transmit power p_n [W]
        tx_power_w: Option<f64> = optional(Float::POSITIVE, "the middle of the scenario's fleet.tx_power_w"),
        /// energy coefficient kappa_n [J s^2/cycle^3]
        energy_coeff: Option<f64> = optional(Float::between(0.0, 1e-20), "the middle of the scenario's fleet.energy_coeff"),
    }
}

section! {
    /// A task to place.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Task {
        /// id of its vehicle
        vehicle: String = required(Text::NAME),
        /// cycles C_n
        cycles: f64 = required(Float::POSITIVE),
        /// data D_n [bit]
        data_bits: f64 = required(Float::POSITIVE),
        /// deadline T_n^max [s]
        deadline_s: f64 = required(Float::POSITIVE),
    }
}

section! {
    /// Parts of a measured delay [s], as those of a decision.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Parts {
        /// over the air [s]
        upload: f64 = default(0.0, Float::NON_NEGATIVE),
        /// over the backhaul [s]
        migration: f64 = default(0.0, Float::NON_NEGATIVE),
        /// in flight [s]
        propagation: f64 = default(0.0, Float::NON_NEGATIVE),
        /// in queues [s]
        wait: f64 = default(0.0, Float::NON_NEGATIVE),
        /// on the CPU [s]
        compute: f64 = default(0.0, Float::NON_NEGATIVE),
    }
}

/// What became of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Measured parts of its delay, where it was executed.
    pub(crate) parts: Option<Parts>,
    /// Why it was lost, where it was.
    pub(crate) lost: Option<String>,
}

section! {
    /// What an RSU's agent reports of it.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct RsuReport {
        /// CPU that is free [Hz]
        free_cpu_hz: Option<f64> = optional(Float::NON_NEGATIVE, "as the centre reckons"),
        /// tasks that wait for its CPU
        queue: Option<f64> = optional(Float::NON_NEGATIVE, "not known"),
        /// by neighbour the data that waits for the link to it [bit]
        link_backlog_bits: Option<Vec<(String, f64)>> = optional(Floats(Float::NON_NEGATIVE), "not known"),
    }
}

/// What the centre answers for one task, or for many.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tasks {
    pub(crate) tasks: Vec<Task>,
    /// Whether the body was a single task, so that the answer is too.
    pub(crate) single: bool,
}

impl Sighting {
    /// The vehicle on the map of `world`.
    pub(crate) fn on_map(self, world: &World) -> Result<Vehicle> {
        let [x_m, y_m] = match self.place {
            Place::Metres(place_m) => place_m,
            Place::Degrees([lon, lat]) => {
                let projected = world.project(lon, lat);
                let fits = |place_m: &[f64; 2]| place_m.iter().all(|x| x.abs() <= FARTHEST_M);
                let projected = projected.and_then(|place_m| {
                    let far = || "must be on the map".to_owned();
                    fits(&place_m).then_some(place_m).ok_or_else(far)
                });
                projected.map_err(|message| Error::invalid("body", None, "$.lon", message))?
            }
        };
        let traits = self.traits;
        Ok(Vehicle { x_m, y_m, traits })
    }
}

impl Traits {
    /// With the middle of the scenario's ranges in place of what was not said.
    pub(crate) fn complete(&mut self, scenario: &Scenario) {
        let middle = |range: Range| 0.5 * (range.min + range.max);
        let fleet = &scenario.fleet;
        self.cpu_hz.get_or_insert(middle(fleet.cpu_hz));
        self.tx_power_w.get_or_insert(middle(fleet.tx_power_w));
        self.energy_coeff.get_or_insert(middle(fleet.energy_coeff));
    }
}

fn read<T>(text: &str, f: impl FnOnce(&mut Section<'_>) -> T) -> Result<T> {
    config::read(&Document::from_json("body", text)?, |s| Some(f(s)))
}

fn vehicle(s: &mut Section<'_>) -> Sighting {
    let (metres, degrees) = ("lon and lat say it", "x_m and y_m say it");
    let x_m = s.optional("x_m", PLACE_M, metres, "position [m]");
    let y_m = s.optional("y_m", PLACE_M, metres, "position [m]");
    let doc = "longitude, in place of x_m; needs a scenario whose map has a projection";
    let lon = s.optional("lon", Float::between(-180.0, 180.0), degrees, doc);
    let doc = "latitude, in place of y_m";
    let lat = s.optional("lat", Float::between(-90.0, 90.0), degrees, doc);
    let place = match (lon, lat) {
        (Some(lon), Some(lat)) => Place::Degrees([lon, lat]),
        _ => Place::Metres([x_m.unwrap_or(0.0), y_m.unwrap_or(0.0)]),
    };
    let in_degrees = s.has("lon") || s.has("lat");
    let (given, other) = match in_degrees {
        true => (["lon", "lat"], ["x_m", "y_m"]),
        false => (["x_m", "y_m"], ["lon", "lat"]),
    };
    for key in given {
        if !s.has(key) {
            s.problem(key, "missing: needs either x_m and y_m, or lon and lat");
        }
    }
    for key in other {
        if s.has(key) {
            s.problem(key, "must be left out beside lon and lat");
        }
    }
    let mut traits = Traits::default();
    traits.keys(&mut Keys::Read(s));
    Sighting { place, traits }
}

fn task(s: &mut Section<'_>) -> Task {
    let mut task = Task::default();
    task.keys(&mut Keys::Read(s));
    task
}

fn tasks(s: &mut Section<'_>) -> Vec<Task> {
    let doc = "The tasks to place";
    let list = s.list("tasks", Presence::Required, doc, |s, _| task(s));
    if list.is_empty() && s.has("tasks") {
        s.problem("tasks", "must have at least one entry");
    }
    list
}

fn outcome(s: &mut Section<'_>) -> Outcome {
    let (without, doc) = ("it was lost", "Measured parts of the delay [s]");
    let parts = s.optional_section("delay_parts_s", without, doc, |s| {
        let mut parts = Parts::default();
        parts.keys(&mut Keys::Read(s));
        parts
    });
    let doc = "why it was lost";
    let lost = s.optional("lost", Text::NAME, "it was executed", doc);
    if parts.is_some() == lost.is_some() {
        s.problem("", "must have either delay_parts_s or lost");
    }
    Outcome { parts, lost }
}

fn rsu(s: &mut Section<'_>) -> RsuReport {
    let mut report = RsuReport::default();
    report.keys(&mut Keys::Read(s));
    if let Some(queue) = report.queue.filter(|queue| queue.fract() != 0.0) {
        s.problem("queue", format!("must be a whole number, got {queue}"));
    }
    report
}

/// Reads a vehicle.
pub(crate) fn read_vehicle(text: &str) -> Result<Sighting> {
    read(text, vehicle)
}

/// Reads a task, or `{"tasks": [...]}`.
pub(crate) fn read_tasks(text: &str) -> Result<Tasks> {
    let document = Document::from_json("body", text)?;
    let single =
        !matches!(&document.root.value, Value::Table(_)) || document.root.get("tasks").is_none();
    let tasks = config::read(&document, |s| {
        Some(match single {
            true => vec![task(s)],
            false => tasks(s),
        })
    })?;
    Ok(Tasks { tasks, single })
}

/// Reads the outcome of a task.
pub(crate) fn read_outcome(text: &str) -> Result<Outcome> {
    read(text, outcome)
}

/// Reads the state of an RSU.
pub(crate) fn read_rsu(text: &str) -> Result<RsuReport> {
    read(text, rsu)
}

/// JSON Schemas of what is read.
pub(crate) mod schemas {
    use super::config::{describe, schema};
    use serde_json::{Value, json};

    pub(crate) fn vehicle() -> Value {
        schema("Vehicle", &describe(super::vehicle))
    }

    pub(crate) fn tasks() -> Value {
        let one = schema("Task", &describe(super::task));
        let many = schema("Tasks", &describe(super::tasks));
        json!({ "oneOf": [one, many] })
    }

    pub(crate) fn outcome() -> Value {
        schema("Outcome", &describe(super::outcome))
    }

    pub(crate) fn rsu() -> Value {
        schema("RSU", &describe(super::rsu))
    }
}

impl Parts {
    /// The whole delay \[s\].
    pub(crate) fn sum(&self) -> f64 {
        self.upload + self.migration + self.propagation + self.wait + self.compute
    }
}
