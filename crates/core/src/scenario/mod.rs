//! A checked scenario: everything that defines a run but its seed.
//!
//! A [`Scenario`] that exists is valid: the decoder rejects, it never clamps.

mod builtin;
pub(crate) mod decode;
mod encode;
pub mod options;
mod queueing;
#[cfg(test)]
mod tests;

pub use crate::config::Range;
pub use builtin::{BUILTIN_SCENARIOS, BUILTIN_TRACES, resolve};
pub(crate) use decode::MAX_GRID;
pub use decode::{reference_markdown, schema};
pub use options::{
    Deadline, DeadlineRule, MigrationOptions, PolicyOptions, PriceEffort, PriceOptions,
    RandomTarget,
};
pub use queueing::{
    Cores, Counting, Execution, FalseKind, Fault, Faulty, Information, Sources, Success,
};

use std::path::PathBuf;

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
    /// `[channel]`.
    pub channel: Channel,
    /// `[fleet]`.
    pub fleet: Fleet,
    /// `[task]`.
    pub task: Task,
    /// `[[rsu]]` or `[rsu.grid]`.
    pub rsus: RsuLayout,
    /// `[backhaul]`.
    pub backhaul: Backhaul,
    /// `[channel] uplink_rate_bps`: rate of every upload, whoever else uploads \[bit/s\]; `None`: that
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
    /// `[objective] omega`: weight of delay against energy in (15), in `[0, 1]`.
    pub omega: f64,
    /// `[load_balance]`.
    pub load_balance: LoadBalance,
    /// `[policy.NAME]`.
    pub policy: PolicyOptions,
}

/// `[time]`: slots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    /// Length of a slot \[s\].
    pub slot_s: f64,
    /// Number of slots of a run.
    pub slots: usize,
    /// Whether a task holds its CPU, and a vehicle its local queue, across slots.
    pub carry_over: bool,
}

/// `[area]`: a rectangle of the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// West edge \[m\].
    pub x_min_m: f64,
    /// South edge \[m\].
    pub y_min_m: f64,
    /// East edge \[m\].
    pub x_max_m: f64,
    /// North edge \[m\].
    pub y_max_m: f64,
}

/// `[channel]`: the radio between vehicles and RSUs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// Noise power in the whole band, sigma^2 in (1) \[dBm\].
    pub noise_dbm: f64,
    /// Path loss at 1 km \[dB\].
    pub pathloss_db_at_1km: f64,
    /// Path loss added by every factor of ten in distance \[dB\].
    pub pathloss_db_per_decade: f64,
    /// Height of the RSU antenna over the vehicle's \[m\].
    pub antenna_height_m: f64,
}

/// `[fleet]`: the vehicles.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// Number of vehicles N of a synthetic fleet (unused, and absent from the file, for FCD).
    pub size: usize,
    /// Transmit power p_n \[W\].
    pub tx_power_w: Range,
    /// On-board CPU f_n \[Hz\].
    pub cpu_hz: Range,
    /// Energy coefficient kappa_n \[J s^2/cycle^3\].
    pub energy_coeff: Range,
    /// `[fleet.mobility]`.
    pub mobility: Mobility,
}

/// `[fleet.mobility]`: how vehicles move.
#[derive(Clone, Debug, PartialEq)]
pub enum Mobility {
    /// Straight lines, reflected at the border.
    Straight {
        /// Speed \[m/s\].
        speed_mps: Range,
        /// Share of vehicles bound to a crowded place.
        hotspot: Option<Hotspot>,
    },
    /// Straight to a uniform random point, pause, next point.
    RandomWaypoint {
        /// Speed of each leg \[m/s\].
        speed_mps: Range,
        /// Pause at each point \[s\].
        pause_s: Range,
    },
    /// On the streets of a regular grid, turning at random at crossings.
    Manhattan {
        /// Speed \[m/s\].
        speed_mps: Range,
        /// Distance between parallel streets \[m\].
        block_m: f64,
        /// Probability of leaving the straight line at a crossing (half to each side).
        turn_probability: f64,
    },
    /// Standing at RSUs.
    Parked(Parking),
    /// Evenly spaced around a circle, counter-clockwise at one speed.
    Ring {
        /// Radius \[m\].
        radius_m: f64,
        /// Centre \[m\].
        center_m: [f64; 2],
        /// Speed \[m/s\].
        speed_mps: f64,
    },
    /// SUMO floating-car data.
    Fcd(Fcd),
}

/// Where parked vehicles stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parking {
    /// All at the RSU of this name.
    At(String),
    /// Each at an RSU drawn uniformly.
    Random,
}

/// A crowded place: that share of the vehicles is Gaussian around a centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hotspot {
    /// Share of the vehicles, in `[0, 1]`.
    pub share: f64,
    /// Standard deviation of the place \[m\].
    pub sigma_m: f64,
    /// Centre, as a fraction of the area's width and height, each in `[0, 1]`.
    pub center: [f64; 2],
    /// How long its vehicles stay crowded.
    pub crowd: Crowd,
}

/// How long the vehicles of a [`Hotspot`] stay crowded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crowd {
    /// They start there, then drive straight like the others and disperse.
    Start,
    /// A new place, Gaussian around the centre, in every slot.
    Redraw,
    /// They stand where they start.
    #[default]
    Stay,
}

/// An FCD trace and the part of it that is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Fcd {
    /// Where the trace is.
    pub source: FcdSource,
    /// First second used \[s\], absolute as in the file; `None`: from its first time step.
    pub begin_s: Option<f64>,
    /// Keep vehicles of these types only; empty: all.
    pub vehicle_types: Vec<String>,
    /// Keep one vehicle in `every`, by order of appearance; 1: all.
    pub every: usize,
}

/// Where a trace is.
#[derive(Clone, Debug, PartialEq)]
pub enum FcdSource {
    /// A file, already resolved against the scenario's folder.
    File(PathBuf),
    /// A trace that the binary carries with it, by name.
    Builtin(&'static str),
}

/// `[task]`: what vehicles ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// Cycles C_n.
    pub cycles: Cycles,
    /// Data D_n \[bytes\].
    pub data_bytes: Range,
    /// Deadline T_n^max \[s\].
    pub deadline_s: Range,
    /// Tasks per vehicle and slot.
    pub per_vehicle: usize,
    /// Probability that a vehicle carries tasks in a slot.
    pub probability: f64,
    /// Tasks arise at every multiple of it \[s\]; `None`: once per slot, at its start.
    pub period_s: Option<f64>,
}

/// How many cycles a task takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cycles {
    /// So many.
    Drawn(Range),
    /// So many for every bit of its data.
    PerBit(Range),
}

/// Where the RSUs are.
#[derive(Clone, Debug, PartialEq)]
pub enum RsuLayout {
    /// `[[rsu]]`, one by one.
    Explicit(Vec<Rsu>),
    /// `[rsu.grid]` over the area, or over the trace's extent.
    Grid {
        /// Distance between neighbours \[m\].
        spacing_m: f64,
        /// What every RSU of the grid is (its position and id are the grid's).
        template: Rsu,
    },
}

/// One RSU (roadside unit) with its edge server.
#[derive(Clone, Debug, PartialEq)]
pub struct Rsu {
    /// Unique name.
    pub id: String,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// Radio range R_m \[m\].
    pub range_m: f64,
    /// Bandwidth B_m \[Hz\].
    pub bandwidth_hz: f64,
    /// CPU F_m \[Hz\].
    pub cpu_hz: f64,
    /// Number of cores among which `cpu_hz` is divided, where tasks queue for them.
    pub cores: usize,
    /// Energy coefficient kappa_m \[J s^2/cycle^3\].
    pub energy_coeff: f64,
}

/// `[backhaul]`: the fibre network of the RSUs.
#[derive(Clone, Debug, PartialEq)]
pub struct Backhaul {
    /// Which links there are.
    pub links: LinkRule,
    /// Rate R_0 of a link where none is given for it \[bit/s\].
    pub rate_bps: f64,
    /// Power p_optical of a fibre interface \[W\].
    pub migration_power_w: f64,
    /// Farthest execution RSU that policies look at \[hops\].
    pub max_hops: usize,
    /// Time of flight over a metre \[s/m\].
    pub propagation_s_per_m: f64,
    /// By what lengths that a file gives are multiplied.
    pub length_scale: f64,
    /// Whether RSUs may lack a way to others; those of queues otherwise may not.
    pub allow_disconnected: bool,
}

/// Which RSUs are linked.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkRule {
    /// Every pair at most so far apart \[m\].
    Distance(f64),
    /// One by one.
    Explicit(Vec<Link>),
    /// From a GraphML or JSON file; its nodes, in order, are the RSUs.
    File(PathBuf),
}

/// One link of the backhaul, the same in both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// One end: an RSU's id.
    pub a: String,
    /// The other end.
    pub b: String,
    /// Rate \[bit/s\]; `None`: the backhaul's.
    pub rate_bps: Option<f64>,
    /// Length \[m\]; `None`: the distance of its ends.
    pub length_m: Option<f64>,
}

/// `[load_balance]`: LBM bound delta + phi(t) of (10), (16e).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadBalance {
    /// Static tolerance delta.
    pub delta: f64,
    /// Sensitivity alpha.
    pub alpha: f64,
    /// Smallest bound used: tau = max(delta + phi, tau_min).
    pub tau_min: f64,
    /// Whether (16e) binds; it is reported either way.
    pub enforce: bool,
    /// Whose balance it is.
    pub of: BalanceOf,
}

/// Which loads L_m the LBM (9) is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BalanceOf {
    /// CPU granted, (8). The allocation can bring it down by idling.
    #[default]
    Allocated,
    /// Cycles placed at the RSU over those that it could compute in the slot: only placements change it.
    Demand,
}
