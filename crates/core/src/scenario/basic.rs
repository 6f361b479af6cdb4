//! Sections of a few plain keys: time, area, channel, load balance.

use crate::config::{Choice, Count, Flag, Float, Keys, section, show_number};

/// Places stay within this distance of the origin \[m\]: some projections put the number of a zone first.
pub(crate) const PLACE_M: Float = Float::between(-1e12, 1e12);
/// Degrees.
pub(crate) const LONGITUDE: Float = Float::between(-180.0, 180.0);
/// Degrees.
pub(crate) const LATITUDE: Float = Float::between(-90.0, 90.0);
/// Extents \[m\].
pub(crate) const LENGTH_M: Float = Float::POSITIVE.up_to(1e7);
/// kappa \[J s^2/cycle^3\]; 0 switches the energy of computing off.
pub(crate) const ENERGY_COEFF: Float = Float::UNIT;

section! {
    /// `[time]`: slots.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Time {
        /// length of a slot [s]
        slot_s: f64 = default(1.0, Float::POSITIVE.up_to(86_400.0)),
        /// number of slots of a run
        slots: usize = required(Count { min: 1, max: 100_000_000 }),
        /// whether a task holds its CPU, and a vehicle its local queue, across slots
        carry_over: bool = default(false, Flag),
    }
}

/// `[area]`: a rectangle of the map.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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

impl Area {
    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let mut width_m = Some(extent(self.x_min_m, self.x_max_m));
        let mut height_m = Some(extent(self.y_min_m, self.y_max_m));
        let instead = "it is given in degrees";
        let doc = "width, west to east [m]";
        k.either("width_m", LENGTH_M, instead, &mut width_m, doc);
        let doc = "height, south to north [m]";
        k.either("height_m", LENGTH_M, instead, &mut height_m, doc);
        k.default("x_min_m", PLACE_M, &mut self.x_min_m, "west edge [m]");
        k.default("y_min_m", PLACE_M, &mut self.y_min_m, "south edge [m]");
        self.x_max_m = self.x_min_m + width_m.unwrap_or(1.0);
        self.y_max_m = self.y_min_m + height_m.unwrap_or(1.0);
    }
}

/// `[area]` in degrees: a rectangle of longitudes and latitudes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DegreeArea {
    /// West edge.
    pub lon_min: f64,
    /// South edge.
    pub lat_min: f64,
    /// East edge.
    pub lon_max: f64,
    /// North edge.
    pub lat_max: f64,
}

impl DegreeArea {
    const KEYS: [&str; 4] = ["lon_min", "lat_min", "lon_max", "lat_max"];

    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let docs = [
            "west edge, where the trace is in degrees",
            "south edge, where the trace is in degrees",
            "east edge, where the trace is in degrees",
            "north edge, where the trace is in degrees",
        ];
        let edges = [
            &mut self.lon_min,
            &mut self.lat_min,
            &mut self.lon_max,
            &mut self.lat_max,
        ];
        let kinds = [LONGITUDE, LATITUDE, LONGITUDE, LATITUDE];
        for (((name, edge), doc), kind) in Self::KEYS.into_iter().zip(edges).zip(docs).zip(kinds) {
            let mut value = Some(*edge);
            k.either(name, kind, "it is given in metres", &mut value, doc);
            *edge = value.unwrap_or(0.0);
        }
        for (name, least, most) in [
            ("lon_max", self.lon_min, self.lon_max),
            ("lat_max", self.lat_min, self.lat_max),
        ] {
            if least >= most && k.has(name) {
                let least = show_number(least);
                k.problem(
                    name,
                    format!("must be > {least}, got {}", show_number(most)),
                );
            }
        }
    }
}

/// `[area]` in either unit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AnyArea {
    metres: Option<Area>,
    degrees: Option<DegreeArea>,
}

impl AnyArea {
    /// The section `[area]` of a scenario.
    pub(super) fn section(
        k: &mut Keys<'_, '_>,
        metres: &mut Option<Area>,
        degrees: &mut Option<DegreeArea>,
    ) {
        let without = "the extent of the trace; synthetic fleets need it";
        let doc = "The rectangle of the map";
        let is_given = metres.is_some() || degrees.is_some();
        let mut area = is_given.then_some(Self {
            metres: *metres,
            degrees: *degrees,
        });
        k.optional_section("area", without, doc, &mut area, Self::keys);
        let area = area.unwrap_or_default();
        (*metres, *degrees) = (area.metres, area.degrees);
    }

    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let named = DegreeArea::KEYS.iter().any(|key| k.has(key));
        let degrees = named || self.degrees.is_some();
        if !degrees || k.describes() {
            self.metres.get_or_insert_default().keys(k);
        }
        if degrees || k.describes() {
            self.degrees.get_or_insert_default().keys(k);
        }
        if degrees {
            k.check(|s| {
                for key in ["width_m", "height_m", "x_min_m", "y_min_m"] {
                    s.retired(key, "must be left out: the area is given in degrees");
                }
            });
        }
    }
}

/// The extent that, added to `min`, gives `max` to the last bit.
fn extent(min: f64, max: f64) -> f64 {
    let width = max - min;
    let near = [width, width.next_down(), width.next_up()];
    let exact = near
        .into_iter()
        .find(|w| (min + w).to_bits() == max.to_bits());
    exact.unwrap_or(width)
}

section! {
    /// `[channel]`: the radio between vehicles and RSUs.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Channel {
        /// noise power sigma^2 in the whole band [dBm]
        noise_dbm: f64 = bound(0.0, noise_dbm),
        /// path loss at 1 km [dB]
        pathloss_db_at_1km: f64 = default(128.1, Float::between(0.0, 300.0)),
        /// path loss added by every factor of ten in distance [dB]
        pathloss_db_per_decade: f64 = default(37.6, Float::between(0.0, 100.0)),
        /// height of the RSU antenna over the vehicle's [m]
        antenna_height_m: f64 = default(10.0, Float::POSITIVE.up_to(1000.0)),
    }
}

/// In place of `noise_dbm` where `noise_figure_db` is given \[dBm\].
pub(super) const NOISE_BY_FIGURE: f64 = f64::NEG_INFINITY;

fn noise_dbm(field: &mut f64, k: &mut Keys<'_, '_>) {
    let (name, kind) = ("noise_dbm", Float::between(-300.0, 100.0));
    let doc = "noise power sigma^2 in the whole band [dBm]";
    if k.has("noise_figure_db") && !k.describes() {
        let mut replaced = None;
        k.optional(name, kind, "", &mut replaced, doc);
        *field = NOISE_BY_FIGURE;
    } else if k.describes() && *field == NOISE_BY_FIGURE {
        let without = "error, unless noise_figure_db is there";
        k.optional(name, kind, without, &mut None, doc);
    } else if !(k.writes() && *field == NOISE_BY_FIGURE) {
        k.required(name, kind, field, doc);
    }
}

/// `[channel] uplink_rate_bps`.
pub(crate) fn uplink_rate_bps(rate_bps: &mut Option<f64>, k: &mut Keys<'_, '_>) {
    let without = "that of equation (1), over the whole band";
    let doc =
        "rate of every upload, independent of other uploads, where tasks queue for cores [bit/s]";
    k.optional("uplink_rate_bps", Float::POSITIVE, without, rate_bps, doc);
}

section! {
    /// `[load_balance]`: LBM bound delta + phi(t) of (10), (16e).
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LoadBalance {
        /// static tolerance delta
        delta: f64 = default(0.05, Float::NON_NEGATIVE),
        /// sensitivity alpha
        alpha: f64 = default(1.0, Float::NON_NEGATIVE),
        /// smallest bound used: tau = max(delta + phi, tau_min)
        tau_min: f64 = default(0.02, Float::POSITIVE),
        /// whether (16e) binds the CPU allocation; it is reported either way
        enforce: bool = default(false, Flag),
        /// which loads L_m: `allocated`, the CPU granted as in (8), or `demand`, the cycles placed at the RSU over cpu_hz slot_s.
        /// No allocation changes the demand, so with `enforce` slots beyond the bound are only counted
        of: BalanceOf = default(BalanceOf::Allocated, Choice(&BALANCES)),
    }
}

section! {
    /// `[bound]`: how hard the lower bound of a slot is searched for. It is valid with any.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct BoundOptions {
        /// about how far the simple bound may stay below the largest one, relative to it, and in the first slots of a run up to
        /// four times as far; from 1e-4 on a bound takes less time than `price` does; 0: as little as it can
        tolerance: f64 = added(0.0, Float::between(0.0, 0.1)),
    }
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

const BALANCES: [(&str, BalanceOf); 2] = [
    ("allocated", BalanceOf::Allocated),
    ("demand", BalanceOf::Demand),
];
