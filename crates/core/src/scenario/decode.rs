//! The keys of a scenario: decoding, JSON Schema and reference page in one.

use super::{
    Area, Backhaul, BalanceOf, Channel, Crowd, Cycles, Deadline, DeadlineRule, Execution, Fcd,
    FcdSource, Fleet, Hotspot, Link, LinkRule, LoadBalance, MigrationOptions, Mobility, Parking,
    PolicyOptions, PriceEffort, PriceOptions, RandomTarget, Rsu, RsuLayout, Scenario, Task, Time,
    builtin, queueing,
};
use crate::config::{
    self, Choice, Count, Document, Flag, Float, Form, LinkedPairs, Names, Pair, Presence, Section,
    Spread, Text, Texts,
};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Places stay within this distance of the origin \[m\], the size of the Earth.
pub(crate) const PLACE_M: Float = Float::between(-1e7, 1e7);
/// Extents \[m\].
pub(crate) const LENGTH_M: Float = Float::POSITIVE.up_to(1e7);
/// kappa \[J s^2/cycle^3\]; 0 switches the energy of computing off.
pub(crate) const ENERGY_COEFF: Float = Float::UNIT;
const SPEED_MPS: Float = Float::NON_NEGATIVE.up_to(1000.0);
/// More RSUs than any road network has.
pub(crate) const MAX_GRID: f64 = 100_000.0;

impl Scenario {
    /// Decodes and checks a scenario; `overrides` are the `(key, value)` of `--set`, in order.
    /// Relative paths in it are relative to the folder of `file`.
    ///
    /// # Errors
    /// Every problem of the text and of the overrides.
    pub fn from_toml(file: &str, text: &str, overrides: &[(String, String)]) -> Result<Self> {
        let mut document = Document::from_toml(file, text)?;
        document.set(overrides)?;
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        config::read(&document, |s| scenario(s, folder))
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// A file that cannot be read, or every problem of it.
    pub fn load(path: &Path, overrides: &[(String, String)]) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::io(path, source))?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::invalid(&file, None, "", "must be UTF-8 text"))?;
        Self::from_toml(&file, &text, overrides)
    }
}

/// JSON Schema (draft 2020-12) of a scenario.
#[must_use]
pub fn schema() -> serde_json::Value {
    config::schema("Wayside scenario", &fields())
}

/// The reference page of all keys, `docs/scenario.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let keys = config::markdown(&fields());
    let names: Vec<_> = builtin::BUILTIN_SCENARIOS
        .iter()
        .map(|b| format!("`{}`", b.name))
        .collect();
    format!(
        "# Scenario files\n\n\
         <!-- generated from crates/core/src/scenario/decode.rs: WAYSIDE_BLESS=1 cargo test -p wayside-core -->\n\n\
         A scenario is a TOML file, or the name of a built-in one: {}.\n\
         Every number has its unit in its key. Unknown keys are errors. Relative paths are relative to the file.\n\
         `--set key=value` changes any key from the command line, as in `--set fleet.size=200`,\n\
         `--set rsu.0.cpu_hz=1e9` (lists count from 0) or\n\
         `--set 'fleet.mobility={{kind=\"manhattan\", speed_mps=10, block_m=200}}'` (a whole section).\n\
         The value is TOML; what is not TOML is taken as text.\n\n{keys}",
        names.join(", ")
    )
    .trim_end()
    .to_owned()
        + "\n"
}

fn fields() -> Vec<config::Field> {
    config::describe(|s| scenario(s, Path::new("")))
}

fn scenario(s: &mut Section<'_>, folder: &Path) -> Option<Scenario> {
    let (name, description, source) = s.section("scenario", "What this is", |s| {
        (
            s.required("name", Text::NAME, "short name, used in results"),
            s.default(
                "description",
                Text::ANY,
                String::new(),
                "one sentence for people",
            ),
            s.default(
                "source",
                Text::ANY,
                String::new(),
                "where the numbers come from",
            ),
        )
    });
    let time = s.section("time", "Slots", time);
    let without = "the extent of the trace; synthetic fleets need it";
    let area = s.optional_section("area", without, "The rectangle of the map", area);
    let doc = "How servers execute tasks";
    let execution = s.section("execution", doc, queueing::execution);
    let doc = "The radio between vehicles and RSUs, equation (1)";
    let (channel, uplink_rate_bps) = s.section("channel", doc, |s| {
        let (channel, rate_bps) = (channel(s), uplink_rate_bps(s));
        if rate_bps.is_some() && execution == Execution::SharedCpu {
            s.problem("uplink_rate_bps", "needs [execution] kind = \"queues\"");
        }
        (channel, rate_bps)
    });
    let mut names = Names::default();
    let rsus = rsus(s, area, &mut names);
    let doc = "The fibre network of the RSUs";
    let backhaul = s.section("backhaul", doc, |s| {
        backhaul(s, folder, rsus.as_ref(), &names)
    });
    let doc = "The cloud behind the RSUs; what it takes to compute is part of the round trip";
    let cloud_round_trip_s = s.optional_section("cloud", "there is none", doc, |s| {
        let doc = "time to the cloud and back [s]";
        s.required("round_trip_s", Float::NON_NEGATIVE, doc)
    });
    let without = "every server knows the truth about every other";
    let doc = "How servers hear of each other, by flooded packets of related information (RI)";
    let information = s.optional_section("information", without, doc, queueing::information);
    let faults = queueing::faults(s, rsus.as_ref(), &names);
    let doc = "What makes a task a success";
    let success = s.section("success", doc, queueing::success);
    queueing::needs_queues(s, execution);
    let fleet = s.section("fleet", "The vehicles", |s| {
        fleet(s, folder, area, |s, id| {
            queueing::known_rsu(s, "at", id, rsus.as_ref(), &names);
        })
    });
    let synthetic = matches!(&fleet, Some(fleet) if !matches!(fleet.mobility, Mobility::Fcd(_)));
    if synthetic && !s.has("area") {
        s.problem(
            "area",
            "missing section: a synthetic fleet needs the keys width_m and height_m",
        );
    }
    let doc = "What vehicles ask for";
    let task = s.section("task", doc, |s| task(s, execution));
    let omega = s.section("objective", "The objective, equation (15)", |s| {
        let doc = "weight omega of delay against energy";
        s.required("omega", Float::UNIT, doc)
    });
    let doc = "The bound of the load balance metric, equations (10) and (16e)";
    let load_balance = s.section("load_balance", doc, load_balance);
    let policy = s.section("policy", "Options of policies", policy);
    Some(Scenario {
        name,
        description,
        source,
        time,
        area,
        channel,
        fleet: fleet?,
        task,
        rsus: rsus?,
        backhaul: backhaul?,
        uplink_rate_bps,
        execution,
        cloud_round_trip_s,
        information,
        faults,
        success,
        omega,
        load_balance,
        policy,
    })
}

fn time(s: &mut Section<'_>) -> Time {
    let slots = Count {
        min: 1,
        max: 100_000_000,
    };
    Time {
        slot_s: s.default(
            "slot_s",
            Float::POSITIVE.up_to(86_400.0),
            1.0,
            "length of a slot [s]",
        ),
        slots: s.required("slots", slots, "number of slots of a run"),
        carry_over: s.default(
            "carry_over",
            Flag,
            false,
            "whether a task holds its CPU, and a vehicle its local queue, across slots",
        ),
    }
}

fn area(s: &mut Section<'_>) -> Area {
    let width_m = s.required("width_m", LENGTH_M, "width, west to east [m]");
    let height_m = s.required("height_m", LENGTH_M, "height, south to north [m]");
    let x_min_m = s.default("x_min_m", PLACE_M, 0.0, "west edge [m]");
    let y_min_m = s.default("y_min_m", PLACE_M, 0.0, "south edge [m]");
    Area {
        x_min_m,
        y_min_m,
        x_max_m: x_min_m + width_m,
        y_max_m: y_min_m + height_m,
    }
}

/// `[channel] uplink_rate_bps`.
pub(crate) fn uplink_rate_bps(s: &mut Section<'_>) -> Option<f64> {
    let without = "that of equation (1), over the whole band";
    let doc = "rate of every upload, whoever else uploads, where tasks queue for cores [bit/s]";
    s.optional("uplink_rate_bps", Float::POSITIVE, without, doc)
}

/// `[channel]`, which slots share.
pub(crate) fn channel(s: &mut Section<'_>) -> Channel {
    let db = Float::between(0.0, 300.0);
    Channel {
        noise_dbm: s.required(
            "noise_dbm",
            Float::between(-300.0, 100.0),
            "noise power sigma^2 in the whole band [dBm]",
        ),
        pathloss_db_at_1km: s.default("pathloss_db_at_1km", db, 128.1, "path loss at 1 km [dB]"),
        pathloss_db_per_decade: s.default(
            "pathloss_db_per_decade",
            Float::between(0.0, 100.0),
            37.6,
            "path loss added by every factor of ten in distance [dB]",
        ),
        antenna_height_m: s.default(
            "antenna_height_m",
            Float::POSITIVE.up_to(1000.0),
            10.0,
            "height of the RSU antenna over the vehicle's [m]",
        ),
    }
}

fn fleet(
    s: &mut Section<'_>,
    folder: &Path,
    area: Option<Area>,
    known_rsu: impl Fn(&mut Section<'_>, &str),
) -> Option<Fleet> {
    let size = s.optional(
        "size",
        Count {
            min: 1,
            max: 10_000_000,
        },
        "only for FCD, where the trace decides",
        "number of vehicles N",
    );
    let power = Spread(Float::POSITIVE);
    let tx_power_w = s.required("tx_power_w", power, "transmit power p_n [W]");
    let cpu_hz = s.required("cpu_hz", Spread(Float::POSITIVE), "on-board CPU f_n [Hz]");
    let doc = "energy coefficient kappa_n [J s^2/cycle^3]";
    let energy_coeff = s.required("energy_coeff", Spread(ENERGY_COEFF), doc);
    let forms: [Form<'_, Mobility>; 6] = [
        (
            "straight",
            "straight lines, reflected at the border",
            &straight,
        ),
        (
            "random-waypoint",
            "straight to a uniform random point, pause, next point",
            &waypoint,
        ),
        (
            "manhattan",
            "on the streets of a regular grid, turning at random at crossings",
            &|s| manhattan(s, area),
        ),
        ("parked", "standing at RSUs", &|s| parked(s, &known_rsu)),
        (
            "ring",
            "evenly spaced around a circle, counter-clockwise at one speed",
            &|s| ring(s, area),
        ),
        (
            "fcd",
            "SUMO floating-car data: XML, CSV (`;`) or Parquet, plain or .gz",
            &|s| fcd(s, folder),
        ),
    ];
    let mobility = s.variants("mobility", "kind", "How vehicles move", &forms)?;
    match (&mobility, size) {
        (Mobility::Fcd(_), Some(_)) => {
            s.problem(
                "size",
                "must be left out: with kind = \"fcd\" the trace decides",
            );
        }
        (Mobility::Fcd(_), None) => {}
        (_, None) => s.problem(
            "size",
            "missing, a synthetic fleet needs the number of its vehicles",
        ),
        (_, Some(_)) => {}
    }
    Some(Fleet {
        size: size.unwrap_or(0),
        tx_power_w,
        cpu_hz,
        energy_coeff,
        mobility,
    })
}

fn straight(s: &mut Section<'_>) -> Mobility {
    Mobility::Straight {
        speed_mps: s.required("speed_mps", Spread(SPEED_MPS), "speed [m/s]"),
        hotspot: s.optional_section(
            "hotspot",
            "no crowd",
            "A crowded place: a share of the vehicles is Gaussian around its centre",
            |s| Hotspot {
                share: s.required("share", Float::UNIT, "share of the vehicles"),
                sigma_m: s.required("sigma_m", LENGTH_M, "standard deviation of the place [m]"),
                center: s.required(
                    "center",
                    Pair(Float::UNIT),
                    "centre, as a fraction of the area's width and height",
                ),
                crowd: s.default(
                    "crowd",
                    Choice(&CROWDS),
                    Crowd::Stay,
                    "how long they stay: `start` they drive off, `redraw` a new place in every slot, \
                     `stay` they stand",
                ),
            },
        ),
    }
}

pub(super) const PRICE_EFFORTS: [(&str, PriceEffort); 2] = [
    ("accurate", PriceEffort::Accurate),
    ("fast", PriceEffort::Fast),
];

pub(super) const CROWDS: [(&str, Crowd); 3] = [
    ("start", Crowd::Start),
    ("redraw", Crowd::Redraw),
    ("stay", Crowd::Stay),
];

fn waypoint(s: &mut Section<'_>) -> Mobility {
    // a vehicle without speed would never arrive
    let speed = Spread(Float::between(0.01, 1000.0));
    let pause = Spread(Float::NON_NEGATIVE.up_to(1e6));
    Mobility::RandomWaypoint {
        speed_mps: s.required("speed_mps", speed, "speed of each leg [m/s]"),
        pause_s: s.required("pause_s", pause, "pause at each point [s]"),
    }
}

fn manhattan(s: &mut Section<'_>, area: Option<Area>) -> Mobility {
    let speed_mps = s.required("speed_mps", Spread(SPEED_MPS), "speed [m/s]");
    let block = Float::between(1.0, 1e7);
    let block_m = s.required("block_m", block, "distance between parallel streets [m]");
    let doc = "probability of leaving the straight line at a crossing, half to each side";
    let turn_probability = s.default("turn_probability", Float::UNIT, 0.5, doc);
    if let Some(area) = area {
        let side = (area.x_max_m - area.x_min_m).min(area.y_max_m - area.y_min_m);
        if block_m > side {
            let side = config::show_number(side);
            let got = config::show_number(block_m);
            s.problem(
                "block_m",
                format!("must fit into the area, {side} m, got {got}"),
            );
        }
    }
    Mobility::Manhattan {
        speed_mps,
        block_m,
        turn_probability,
    }
}

fn parked(s: &mut Section<'_>, known_rsu: &dyn Fn(&mut Section<'_>, &str)) -> Mobility {
    let doc = "the RSU at which all stand, or `random`: each at one drawn uniformly";
    let at = s.required("at", Text::NAME, doc);
    if at == RANDOM {
        return Mobility::Parked(Parking::Random);
    }
    known_rsu(s, &at);
    Mobility::Parked(Parking::At(at))
}

/// Stands for any RSU.
pub(super) const RANDOM: &str = "random";

fn ring(s: &mut Section<'_>, area: Option<Area>) -> Mobility {
    let doc = "radius [m]";
    let radius = s.optional("radius_m", LENGTH_M, "`length_m` is given", doc);
    let doc = "circumference [m]";
    let length = s.optional("length_m", LENGTH_M, "`radius_m` is given", doc);
    if radius.is_some() == length.is_some() {
        s.problem("", "needs exactly one of radius_m and length_m");
    }
    let middle = |area: Area| {
        let half = |min: f64, max: f64| min + 0.5 * (max - min);
        [
            half(area.x_min_m, area.x_max_m),
            half(area.y_min_m, area.y_max_m),
        ]
    };
    let center = s.optional(
        "center_m",
        Pair(PLACE_M),
        "the middle of the area",
        "centre [m]",
    );
    Mobility::Ring {
        radius_m: radius
            .or(length.map(|m| m / std::f64::consts::TAU))
            .unwrap_or(f64::NAN),
        center_m: center.or(area.map(middle)).unwrap_or([f64::NAN; 2]),
        speed_mps: s.required("speed_mps", SPEED_MPS, "speed [m/s]"),
    }
}

fn fcd(s: &mut Section<'_>, folder: &Path) -> Mobility {
    let doc =
        "the trace, relative to this file, or `builtin:NAME` for one that comes with the program";
    let path = s.required("path", Text::NAME, doc);
    let source = match path.strip_prefix(builtin::PREFIX) {
        None => FcdSource::File(folder.join(path)),
        Some(name) => match builtin::trace(name) {
            Ok(name) => FcdSource::Builtin(name),
            Err(message) => {
                s.problem("path", message);
                FcdSource::File(PathBuf::new())
            }
        },
    };
    let every = Count {
        min: 1,
        max: 1_000_000_000,
    };
    Mobility::Fcd(Fcd {
        source,
        begin_s: s.optional(
            "begin_s",
            Float::ANY,
            "the first time step of the trace",
            "first second used, absolute as in the file [s]",
        ),
        vehicle_types: s.default(
            "vehicle_types",
            Texts,
            Vec::new(),
            "keep vehicles of these types only; none: all",
        ),
        every: s.default(
            "every",
            every,
            1,
            "keep one vehicle in so many, by order of appearance",
        ),
    })
}

fn task(s: &mut Section<'_>, execution: Execution) -> Task {
    let positive = Spread(Float::POSITIVE);
    let doc = "cycles for every bit of data, in place of `cycles`";
    let per_bit = s.optional("cycles_per_bit", positive, "`cycles` is given", doc);
    if per_bit.is_some() && s.has("cycles") {
        s.problem("cycles_per_bit", "must be left out where cycles is given");
    }
    let without = "as `cycles_per_bit`";
    let cycles = s.inherited("cycles", positive, per_bit, without, "cycles C_n");
    let period = Float::between(1e-6, 1e9);
    let doc = "tasks arise at every multiple of it, whatever the slot [s]";
    let period_s = s.optional("period_s", period, "once per slot, at its start", doc);
    if period_s.is_some() && execution == Execution::SharedCpu {
        s.problem("period_s", "needs [execution] kind = \"queues\"");
    }
    Task {
        cycles: per_bit.map_or(Cycles::Drawn(cycles), Cycles::PerBit),
        period_s,
        data_bytes: s.required("data_bytes", positive, "data D_n [bytes]"),
        deadline_s: s.required("deadline_s", positive, "deadline T_n^max [s]"),
        per_vehicle: s.default(
            "per_vehicle",
            Count { min: 1, max: 100 },
            1,
            "tasks per vehicle, each time that tasks arise",
        ),
        probability: s.default(
            "probability",
            Float::UNIT,
            1.0,
            "probability that a vehicle then carries tasks",
        ),
    }
}

/// What every RSU has besides its name and place; also the keys of `[rsu_default]`.
#[derive(Clone, Copy, Default)]
struct Equipment {
    range_m: Option<f64>,
    bandwidth_hz: Option<f64>,
    cpu_hz: Option<f64>,
    cores: Option<usize>,
    energy_coeff: Option<f64>,
}

const RANGE_M: (&str, &str) = ("range_m", "radio range R_m [m]");
const BANDWIDTH_HZ: (&str, &str) = ("bandwidth_hz", "bandwidth B_m [Hz]");
const CPU_HZ: (&str, &str) = ("cpu_hz", "CPU F_m [Hz]");
const CORES: &str = "cores among which `cpu_hz` is divided, where tasks queue for them";
const MOST_CORES: Count = Count { min: 1, max: 4096 };
const KAPPA_M: (&str, &str) = ("energy_coeff", "energy coefficient kappa_m [J s^2/cycle^3]");

fn rsus(s: &mut Section<'_>, area: Option<Area>, names: &mut Names) -> Option<RsuLayout> {
    let doc = "What the RSUs have in common";
    let common = s.optional_section("rsu_default", "every RSU gives all", doc, |s| {
        let cores = s.optional("cores", MOST_CORES, "one, where an RSU gives none", CORES);
        let mut key = |(name, doc), kind: Float| s.optional(name, kind, "every RSU gives it", doc);
        Equipment {
            cores,
            range_m: key(RANGE_M, LENGTH_M),
            bandwidth_hz: key(BANDWIDTH_HZ, Float::POSITIVE),
            cpu_hz: key(CPU_HZ, Float::POSITIVE),
            energy_coeff: key(KAPPA_M, ENERGY_COEFF),
        }
    });
    let common = common.unwrap_or_default();
    let layout = s.list_or_section(
        "rsu",
        "[[rsu]] entries or an [rsu.grid]",
        |s, row| {
            let id = names.define(s, row);
            let x_m = s.required("x_m", PLACE_M, "position, west to east [m]");
            let y_m = s.required("y_m", PLACE_M, "position, south to north [m]");
            rsu(s, id, (x_m, y_m), common)
        },
        |s| {
            s.section(
                "grid",
                "RSUs on a regular grid over the area, or over the trace",
                |s| {
                    let doc = "distance between neighbours [m]";
                    let spacing_m = s.required("spacing_m", Float::between(1.0, 1e7), doc);
                    if let Some(area) = area {
                        let along = |min: f64, max: f64| ((max - min) / spacing_m).floor() + 1.0;
                        let count =
                            along(area.x_min_m, area.x_max_m) * along(area.y_min_m, area.y_max_m);
                        if count > MAX_GRID {
                            s.problem(
                                "spacing_m",
                                format!("makes {count} RSUs, at most {MAX_GRID}"),
                            );
                        }
                    }
                    let template = rsu(s, String::new(), (0.0, 0.0), common);
                    RsuLayout::Grid {
                        spacing_m,
                        template,
                    }
                },
            )
        },
    );
    match layout? {
        Ok(list) => {
            if list.is_empty() {
                s.problem("rsu", "must have at least one entry");
            }
            Some(RsuLayout::Explicit(list))
        }
        Err(grid) => Some(grid),
    }
}

fn rsu(s: &mut Section<'_>, id: String, (x_m, y_m): (f64, f64), common: Equipment) -> Rsu {
    let own = "as in `[rsu_default]`, else 1";
    let cores = s.optional("cores", MOST_CORES, own, CORES);
    let mut key = |(name, doc), kind: Float, default| {
        s.inherited(name, kind, default, "in `[rsu_default]`", doc)
    };
    Rsu {
        id,
        x_m,
        y_m,
        range_m: key(RANGE_M, LENGTH_M, common.range_m),
        bandwidth_hz: key(BANDWIDTH_HZ, Float::POSITIVE, common.bandwidth_hz),
        cpu_hz: key(CPU_HZ, Float::POSITIVE, common.cpu_hz),
        cores: cores.or(common.cores).unwrap_or(1),
        energy_coeff: key(KAPPA_M, ENERGY_COEFF, common.energy_coeff),
    }
}

fn backhaul(
    s: &mut Section<'_>,
    folder: &Path,
    rsus: Option<&RsuLayout>,
    names: &Names,
) -> Option<Backhaul> {
    let rate_bps = s.required("rate_bps", Float::POSITIVE, "rate R_0 of a link [bit/s]");
    let migration_power_w = s.required(
        "migration_power_w",
        Float::NON_NEGATIVE,
        "power p_optical of a fibre interface [W]",
    );
    let max_hops = s.default(
        "max_hops",
        Count { min: 0, max: 1000 },
        6,
        "farthest execution RSU that policies look at [hops]",
    );
    let propagation = Float::NON_NEGATIVE.up_to(1.0);
    let doc = "time of flight over a metre [s/m]";
    let propagation_s_per_m = s.default("propagation_s_per_m", propagation, 0.0, doc);
    let doc = "by what lengths that the file of `path` gives are multiplied";
    let length_scale = s.default("length_scale", Float::POSITIVE.up_to(1e6), 1.0, doc);
    let doc = "whether RSUs may lack a way to others, where tasks queue for cores";
    let allow_disconnected = s.default("allow_disconnected", Flag, false, doc);
    let another = "`link` or `path` is given";
    let doc = "link every pair of RSUs at most so far apart [m]";
    let distance = s.optional("max_distance_m", LENGTH_M, another, doc);
    let another = "`max_distance_m` or `link` is given";
    let doc = "GraphML or JSON file, relative to this one; its nodes, in order, are the RSUs";
    let path = s.optional("path", Text::NAME, another, doc);
    let another = Presence::Optional("`max_distance_m` or `path` is given");
    let mut linked = LinkedPairs::default();
    let doc = "Links one by one, the same in both directions";
    let links = s.list("link", another, doc, |s, _| {
        link(s, rsus, names, &mut linked)
    });
    let explicit = s.has("link").then_some(LinkRule::Explicit(links));
    let rules = [
        distance.map(LinkRule::Distance),
        path.map(|path| LinkRule::File(folder.join(path))),
        explicit,
    ];
    let mut given = rules.into_iter().flatten();
    let rule = given.next();
    if rule.is_none() || given.next().is_some() {
        s.problem("", "needs exactly one of max_distance_m, link and path");
    }
    Some(Backhaul {
        links: rule?,
        rate_bps,
        migration_power_w,
        max_hops,
        propagation_s_per_m,
        length_scale,
        allow_disconnected,
    })
}

fn link(
    s: &mut Section<'_>,
    rsus: Option<&RsuLayout>,
    names: &Names,
    linked: &mut LinkedPairs,
) -> Link {
    let a = s.required("a", Text::NAME, "one end, an RSU's id");
    let b = s.required("b", Text::NAME, "the other end");
    match rsus {
        Some(RsuLayout::Explicit(_)) => {
            linked.add(s, names, (&a, &b));
        }
        Some(RsuLayout::Grid { .. }) => s.problem("", "explicit links need [[rsu]] entries"),
        None => {}
    }
    Link {
        a,
        b,
        rate_bps: s.optional(
            "rate_bps",
            Float::POSITIVE,
            "the backhaul's",
            "rate [bit/s]",
        ),
        length_m: s.optional(
            "length_m",
            Float::NON_NEGATIVE,
            "the distance of its ends",
            "length [m]",
        ),
    }
}

fn load_balance(s: &mut Section<'_>) -> LoadBalance {
    LoadBalance {
        delta: s.default("delta", Float::NON_NEGATIVE, 0.05, "static tolerance delta"),
        alpha: s.default("alpha", Float::NON_NEGATIVE, 1.0, "sensitivity alpha"),
        tau_min: s.default(
            "tau_min",
            Float::POSITIVE,
            0.02,
            "smallest bound used: tau = max(delta + phi, tau_min)",
        ),
        enforce: s.default(
            "enforce",
            Flag,
            false,
            "whether (16e) binds the CPU allocation; it is reported either way",
        ),
        of: s.default(
            "of",
            Choice(&BALANCES),
            BalanceOf::Allocated,
            "whose loads L_m: `allocated` CPU as in (8), or `demand`: cycles placed at the RSU over cpu_hz slot_s, \
             which no allocation can change, so that with `enforce` slots beyond the bound are counted only",
        ),
    }
}

pub(super) const BALANCES: [(&str, BalanceOf); 2] = [
    ("allocated", BalanceOf::Allocated),
    ("demand", BalanceOf::Demand),
];

pub(super) const DEADLINES: [(&str, DeadlineRule); 3] = [
    ("ignore", DeadlineRule::Ignore),
    ("weigh", DeadlineRule::Weigh),
    ("forbid", DeadlineRule::Forbid),
];

pub(super) const RANDOM_TARGETS: [(&str, RandomTarget); 2] = [
    ("any", RandomTarget::Any),
    ("candidates", RandomTarget::Candidates),
];

fn policy(s: &mut Section<'_>) -> PolicyOptions {
    let count = |min, max| Count { min, max };
    let repair = |s: &mut Section<'_>| {
        let doc = "whether it mends its placements by exact P2 where load_balance.enforce is on";
        s.default("repair", Flag, true, doc)
    };
    let deadline = |s: &mut Section<'_>| {
        let doc = "what it does about tasks that would end after their deadline, which J does not know of: `ignore` \
                   it, `weigh` a late task by `deadline_weight`, or `forbid` it where a move helps";
        let rule = s.default("deadline", Choice(&DEADLINES), DeadlineRule::Ignore, doc);
        let doc = "what a late task costs beyond its own cost, with deadline = \"weigh\" [as J of one task]";
        let weight = s.default("deadline_weight", Float::NON_NEGATIVE.up_to(1e6), 1.0, doc);
        Deadline { rule, weight }
    };
    let doc = "The policies greedy-computation and greedy-data";
    let greedy_quota = s.section("greedy", doc, |s| {
        let doc = "share q of the tasks that they offload";
        s.default("quota", Float::UNIT, 0.77, doc)
    });
    let (random_candidates, random_target) = s.section("random", "The policy random", |s| {
        let doc = "length beta + 1 of the candidate sequence drawn from";
        let candidates = s.default("candidates", count(1, 1_000_000), 8, doc);
        let doc = "what the executing RSU is drawn from: `any` RSU within reach of the entry, or the `candidates`, \
                   padded to beta as for the entry";
        let target = s.default("target", Choice(&RANDOM_TARGETS), RandomTarget::Any, doc);
        (candidates, target)
    });
    let doc = "The policy least-total, the untrained rule beside learned ones";
    let (least_total_passes, least_total_repair) = s.section("least-total", doc, |s| {
        let doc = "how many times every task is decided; 2 as the learned policies that come along";
        (s.default("passes", count(1, 1000), 2, doc), repair(s))
    });
    let doc = "Learned policies that decide task after task where slots stand alone";
    let (learned_or_local, learned_repair) = s.section("learned", doc, |s| {
        let doc = "whether every task runs on its vehicle in slots where that is cheaper";
        (s.default("or_local", Flag, true, doc), repair(s))
    });
    let doc = "The policy best-response";
    let best_response = s.section("best-response", doc, |s| {
        let doc = "most sweeps over the tasks";
        let sweeps = s.default("sweeps", count(1, 1_000_000), 20, doc);
        (sweeps, repair(s), deadline(s))
    });
    let price = s.section("price", "The policy price", |s| {
        let doc = "best-response sweeps after the choice at prices";
        let sweeps = s.default("sweeps", count(0, 1_000_000), 2, doc);
        let doc = "how good the prices are: `accurate` as those of the bound, `fast` a step or two from those of \
                   the last slot";
        let effort = Choice(&PRICE_EFFORTS);
        let effort = s.default("effort", effort, PriceEffort::Accurate, doc);
        (PriceOptions { sweeps, effort }, repair(s), deadline(s))
    });
    let doc = "The policy local-search";
    let local_search = s.section("local-search", doc, |s| {
        let doc = "restarts from a perturbed solution";
        let restarts = s.default("restarts", count(0, 1_000_000), 10, doc);
        (restarts, repair(s), deadline(s))
    });
    let instead = "is an option of each policy that has it: policy.price.repair, policy.best-response.repair, \
                   policy.local-search.repair, policy.least-total.repair, policy.learned.repair";
    s.retired("repair", instead);
    PolicyOptions {
        greedy_quota,
        random_candidates,
        random_target,
        least_total_passes,
        least_total_repair,
        learned_or_local,
        learned_repair,
        best_response_sweeps: best_response.0,
        best_response_repair: best_response.1,
        best_response_deadline: best_response.2,
        price: price.0,
        price_repair: price.1,
        price_deadline: price.2,
        local_search_restarts: local_search.0,
        local_search_repair: local_search.1,
        local_search_deadline: local_search.2,
        migration: MigrationOptions::decode(s),
    }
}
