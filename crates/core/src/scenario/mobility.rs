//! `[fleet.mobility]`: how vehicles move.

use super::basic::{Area, LENGTH_M, PLACE_M};
use super::builtin;
use super::columns::TraceColumns;
use super::highway::Highway;
use super::rsu::NamedRsus;
use crate::config::{
    Choice, Count, Float, Keys, Pair, Range, Spread, Text, Texts, section, show_number,
};
use std::path::{Path, PathBuf};

const SPEED_MPS: Float = Float::NON_NEGATIVE.up_to(1000.0);
/// A vehicle without speed would never arrive.
const MOVING_MPS: Float = Float::between(0.01, 1000.0);

/// What the keys depend on.
pub(super) struct Context<'a> {
    /// The scenario's folder.
    pub folder: &'a Path,
    /// The map.
    pub area: Option<Area>,
    /// The RSUs.
    pub rsus: &'a NamedRsus,
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
    /// Along a straight road of several lanes in both directions.
    Highway(Highway),
    /// SUMO floating-car data.
    Fcd(Fcd),
    /// SUMO itself, whose floating-car data is read while it runs.
    Sumo(Fcd),
}

impl Default for Mobility {
    fn default() -> Self {
        Self::Straight {
            speed_mps: Range::default(),
            hotspot: None,
        }
    }
}

impl Mobility {
    /// Every kind with its meaning, and with the defaults of its keys.
    pub(super) fn forms() -> [(&'static str, &'static str, Self); 8] {
        let waypoint = Self::RandomWaypoint {
            speed_mps: Range::default(),
            pause_s: Range::default(),
        };
        let manhattan = Self::Manhattan {
            speed_mps: Range::default(),
            block_m: 0.0,
            turn_probability: 0.5,
        };
        let ring = Self::Ring {
            radius_m: 0.0,
            center_m: [0.0; 2],
            speed_mps: 0.0,
        };
        [
            (
                "straight",
                "straight lines, reflected at the border",
                Self::default(),
            ),
            (
                "random-waypoint",
                "straight to a uniform random point, pause, next point",
                waypoint,
            ),
            (
                "manhattan",
                "on the streets of a regular grid, turning at random at crossings",
                manhattan,
            ),
            ("parked", "standing at RSUs", Self::Parked(Parking::Random)),
            (
                "ring",
                "evenly spaced around a circle, counter-clockwise at one speed",
                ring,
            ),
            (
                "highway",
                "along a straight road through the middle of the area, west to east, with lanes in both directions; \
                 where one vehicle leaves, another enters at the other end",
                Self::Highway(Highway::default()),
            ),
            (
                "fcd",
                "a trace: SUMO floating-car data as XML, CSV or Parquet, or a table of positions",
                Self::Fcd(Fcd::default()),
            ),
            (
                "sumo",
                "SUMO itself, started for every seed: its floating-car data is read through a pipe",
                Self::Sumo(Fcd::new(FcdSource::Sumo(Simulation::default()))),
            ),
        ]
    }

    /// The trace that vehicles follow, from a file or from SUMO.
    #[must_use]
    pub fn trace(&self) -> Option<&Fcd> {
        match self {
            Self::Fcd(fcd) | Self::Sumo(fcd) => Some(fcd),
            _ => None,
        }
    }

    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>, context: &Context<'_>) {
        match self {
            Self::Straight { speed_mps, hotspot } => {
                k.required("speed_mps", Spread(SPEED_MPS), speed_mps, "speed [m/s]");
                let doc = "A crowded place: a share of the vehicles is Gaussian around its centre";
                k.optional_section("hotspot", "no crowd", doc, hotspot, Hotspot::keys);
            }
            Self::RandomWaypoint { speed_mps, pause_s } => {
                let doc = "speed of each leg [m/s]";
                k.required("speed_mps", Spread(MOVING_MPS), speed_mps, doc);
                let pause = Spread(Float::NON_NEGATIVE.up_to(1e6));
                k.required("pause_s", pause, pause_s, "pause at each point [s]");
            }
            Self::Manhattan {
                speed_mps,
                block_m,
                turn_probability,
            } => {
                k.required("speed_mps", Spread(SPEED_MPS), speed_mps, "speed [m/s]");
                let doc = "distance between parallel streets [m]";
                k.required("block_m", Float::between(1.0, 1e7), block_m, doc);
                let doc =
                    "probability of leaving the straight line at a crossing, half to each side";
                k.default("turn_probability", Float::UNIT, turn_probability, doc);
                block_fits(k, *block_m, context.area);
            }
            Self::Parked(parking) => parking.keys(k, context.rsus),
            Self::Ring {
                radius_m,
                center_m,
                speed_mps,
            } => {
                circle(k, (radius_m, center_m), context.area);
                k.required("speed_mps", SPEED_MPS, speed_mps, "speed [m/s]");
            }
            Self::Highway(highway) => highway.keys(k),
            Self::Fcd(fcd) => fcd.keys(k, context.folder),
            Self::Sumo(fcd) => fcd.simulation_keys(k, context.folder),
        }
    }
}

fn block_fits(k: &mut Keys<'_, '_>, block_m: f64, area: Option<Area>) {
    let side = |area: Area| (area.x_max_m - area.x_min_m).min(area.y_max_m - area.y_min_m);
    if let Some(side) = area.map(side).filter(|&side| block_m > side) {
        let (side, got) = (show_number(side), show_number(block_m));
        let message = format!("must fit into the area, {side} m, got {got}");
        k.problem("block_m", message);
    }
}

/// Centre and radius of a ring, or in place of the radius its circumference.
fn circle(
    k: &mut Keys<'_, '_>,
    (radius_m, center_m): (&mut f64, &mut [f64; 2]),
    area: Option<Area>,
) {
    let (mut radius, mut length, mut center) = (Some(*radius_m), None, Some(*center_m));
    let without = "`length_m` is given";
    k.optional("radius_m", LENGTH_M, without, &mut radius, "radius [m]");
    let (without, doc) = ("`radius_m` is given", "circumference [m]");
    k.optional("length_m", LENGTH_M, without, &mut length, doc);
    if radius.is_some() == length.is_some() {
        k.problem("", "needs exactly one of radius_m and length_m");
    }
    let without = "the middle of the area";
    k.optional(
        "center_m",
        Pair(PLACE_M),
        without,
        &mut center,
        "centre [m]",
    );
    let middle = |area: Area| {
        let half = |min: f64, max: f64| min + 0.5 * (max - min);
        [
            half(area.x_min_m, area.x_max_m),
            half(area.y_min_m, area.y_max_m),
        ]
    };
    let of_length = length.map(|m| m / std::f64::consts::TAU);
    *radius_m = radius.or(of_length).unwrap_or(f64::NAN);
    *center_m = center.or(area.map(middle)).unwrap_or([f64::NAN; 2]);
}

/// Where parked vehicles stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parking {
    /// All at the RSU of this name.
    At(String),
    /// Each at an RSU drawn uniformly.
    Random,
}

/// Stands for any RSU.
const RANDOM: &str = "random";

impl Parking {
    fn keys(&mut self, k: &mut Keys<'_, '_>, rsus: &NamedRsus) {
        let mut at = match self {
            Self::At(rsu) => rsu.clone(),
            Self::Random => RANDOM.to_owned(),
        };
        let doc =
            "the RSU at which all vehicles stand, or `random`: each at an RSU drawn uniformly";
        k.required("at", Text::NAME, &mut at, doc);
        if at == RANDOM {
            *self = Self::Random;
        } else {
            k.check(|s| rsus.check(s, "at", &at));
            *self = Self::At(at);
        }
    }
}

section! {
    /// A crowded place: that share of the vehicles is Gaussian around a centre.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Hotspot {
        /// share of the vehicles
        share: f64 = required(Float::UNIT),
        /// standard deviation of the place [m]
        sigma_m: f64 = required(LENGTH_M),
        /// centre, as a fraction of the area's width and height
        center: [f64; 2] = required(Pair(Float::UNIT)),
        /// how long they stay there: `start`: they drive off; `redraw`: they get a new place in every slot; `stay`: they stand still
        crowd: Crowd = default(Crowd::Stay, Choice(&CROWDS)),
    }
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

const CROWDS: [(&str, Crowd); 3] = [
    ("start", Crowd::Start),
    ("redraw", Crowd::Redraw),
    ("stay", Crowd::Stay),
];

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
    /// How degrees become metres; `None`: told by the trace.
    pub projection: Option<String>,
    /// Lay the fixes of a table onto steps of this length \[s\]; `None`: only where they are irregular.
    pub resample_s: Option<f64>,
    /// Longest time between two fixes that are joined \[s\]; `None`: 60.
    pub max_gap_s: Option<f64>,
    /// Names of a table's columns, where they are not among those known.
    pub columns: Option<Box<TraceColumns>>,
    /// Copies of the map with its RSUs and its vehicles, side by side; 1: the map alone.
    pub copies: usize,
}

impl Default for Fcd {
    fn default() -> Self {
        Self {
            source: FcdSource::File(PathBuf::new()),
            begin_s: None,
            vehicle_types: Vec::new(),
            every: 1,
            projection: None,
            resample_s: None,
            max_gap_s: None,
            columns: None,
            copies: 1,
        }
    }
}

impl Fcd {
    /// All of a trace, read by what it says itself.
    #[must_use]
    pub fn new(source: FcdSource) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path) {
        self.source.keys(k, folder);
        self.part(k);
        self.of_tables(k);
        self.copied(k);
    }

    /// How often the map is there.
    fn copied(&mut self, k: &mut Keys<'_, '_>) {
        let kind = Count {
            min: 1,
            max: 100_000,
        };
        let doc = "lay so many copies of the map with its RSUs and vehicles side by side, row by row in a square; \
                   every vehicle of every copy draws its own tasks";
        k.added("copies", kind, 1, &mut self.copies, doc);
    }

    /// How tables are read.
    pub(super) fn of_tables(&mut self, k: &mut Keys<'_, '_>) {
        let without = "1 where a table's times are irregular, else the steps of the trace";
        let doc = "lay the fixes of a table onto steps of this length [s]";
        let kind = Float::between(1e-3, 1e6);
        k.optional("resample_s", kind, without, &mut self.resample_s, doc);
        let doc =
            "longest time between two fixes that are joined, where they are laid onto steps [s]";
        let kind = Float::POSITIVE.up_to(1e9);
        k.optional("max_gap_s", kind, "60", &mut self.max_gap_s, doc);
        let without = "names that SUMO writes, and those in common use";
        let doc = "The columns of a table whose names are not known";
        let field = &mut self.columns;
        k.optional_section("columns", without, doc, field, |columns, k| columns.keys(k));
    }

    fn simulation_keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path) {
        let mut simulation = match &mut self.source {
            FcdSource::Sumo(simulation) => std::mem::take(simulation),
            _ => Simulation::default(),
        };
        simulation.keys(k, folder);
        self.source = FcdSource::Sumo(simulation);
        self.part(k);
        self.copied(k);
    }

    /// Which part of the trace is used, and how.
    pub(super) fn part(&mut self, k: &mut Keys<'_, '_>) {
        let without = "the first time step of the trace";
        let doc = "first second used, absolute as in the file [s]";
        k.optional("begin_s", Float::ANY, without, &mut self.begin_s, doc);
        let doc = "keep only vehicles of these types; an empty list keeps all";
        k.default("vehicle_types", Texts, &mut self.vehicle_types, doc);
        let kind = Count {
            min: 1,
            max: 1_000_000_000,
        };
        let doc = "keep one vehicle in this many, by order of appearance";
        k.default("every", kind, &mut self.every, doc);
        let without = "detected: metres, or degrees in the UTM zone of their centre";
        let doc = "how degrees become metres: `none`, `utm`, a zone as in `utm32n` or `EPSG:32632`, or a \
                   string of PROJ";
        k.optional("projection", Text::NAME, without, &mut self.projection, doc);
    }
}

/// A simulation of SUMO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// The configuration, already resolved against the scenario's folder.
    pub config: PathBuf,
    /// Further options of `sumo`.
    pub options: Vec<String>,
}

impl Simulation {
    fn keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path) {
        let mut config = self.config.to_string_lossy().into_owned();
        let doc =
            "the configuration of SUMO, relative to this file; its `seed` and its `end` count";
        k.required("config", Text::NAME, &mut config, doc);
        k.check(|_| self.config = folder.join(config));
        let doc = "further options of `sumo`, as on its command line";
        k.default("options", Texts, &mut self.options, doc);
    }
}

/// Where a trace is.
#[derive(Clone, Debug, PartialEq)]
pub enum FcdSource {
    /// A file, already resolved against the scenario's folder.
    File(PathBuf),
    /// A trace that the binary carries with it, by name.
    Builtin(&'static str),
    /// Standard input.
    Stdin,
    /// SUMO, which simulates while it is read.
    Sumo(Simulation),
}

/// Names standard input in place of a file.
const STDIN: &str = "-";

impl FcdSource {
    /// What a user names: a file relative to `folder`, `builtin:NAME`, or `-`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn named(text: &str, folder: &Path) -> Result<Self, String> {
        match text.strip_prefix(builtin::PREFIX) {
            Some(name) => builtin::trace(name).map(Self::Builtin),
            None if text == STDIN => Ok(Self::Stdin),
            None => Ok(Self::File(folder.join(text))),
        }
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path) {
        let mut text = match self {
            Self::File(path) => path.to_string_lossy().into_owned(),
            Self::Builtin(name) => format!("{}{name}", builtin::PREFIX),
            Self::Stdin => STDIN.to_owned(),
            Self::Sumo(_) => String::new(),
        };
        let doc =
            "the trace, relative to this file; `-`: standard input; `builtin:NAME`: a built-in one";
        k.required("path", Text::NAME, &mut text, doc);
        k.check(|s| {
            *self = Self::named(&text, folder).unwrap_or_else(|message| {
                s.problem("path", message);
                Self::File(PathBuf::new())
            });
        });
    }
}
