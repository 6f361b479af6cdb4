//! `[channel]`: the radio as it is on a road. Everything here is optional.

use std::path::Path;

use super::basic::LENGTH_M;
use crate::config::{Choice, Count, Float, Keys, Text, Writer, section};

/// Marks the name of built-in buildings, in place of a file.
pub(crate) const BUILTIN: &str = "builtin:";

/// Heights of antennas \[m\].
const HEIGHT_M: Float = Float::POSITIVE.up_to(1000.0);
const DB: Float = Float::between(-100.0, 100.0);

section! {
    /// `[channel]`: propagation, rates and interference beyond log-distance.
    #[derive(Clone, Debug, PartialEq)]
    pub struct RadioOptions {
        /// path loss: `log-distance` by the pathloss keys; `umi` and `uma` of 3GPP TR 38.901; `v2x-urban` and `v2x-highway` of
        /// TR 37.885; `free-space`; or `table`, gains from a file
        model: PathLoss = added(PathLoss::LogDistance, Choice(&MODELS)),
        /// carrier frequency, for path loss and fading [Hz]
        carrier_hz: f64 = added(3.5e9, Float::between(1e8, 1e11)),
        /// height of the RSU antenna over the ground; log-distance has antenna_height_m [m]
        rsu_height_m: f64 = added(10.0, HEIGHT_M),
        /// height of the vehicle's antenna over the ground [m]
        vehicle_height_m: f64 = added(1.5, HEIGHT_M),
        /// gain of the RSU antenna [dBi]
        rsu_gain_dbi: f64 = added(0.0, DB),
        /// noise figure of the RSU: its noise is kTB at 290 K in its own band plus this, in place of noise_dbm [dB]
        noise_figure_db: Option<f64> = optional(Float::between(0.0, 100.0), "noise_dbm"),
        /// line of sight: by the model's `probability`, drawn per vehicle and RSU; by `buildings`; `always` or `never`
        los: Option<LosRule> = optional(Choice(&LOS_RULES), "`probability`, and `always` for models without one"),
        /// driven distance over which the draw of a line of sight is kept [m]
        los_distance_m: f64 = added(50.0, LENGTH_M),
        /// walls for los = "buildings": polygons of SUMO (`poly.add.xml`) or GeoJSON, relative to this file, or `builtin:city-grid`
        buildings: Option<String> = optional(Text::NAME, "there are none"),
        /// `none`, or `log-normal`: a field per RSU with correlation exp(-d / shadowing_m)
        shadowing: Shadowing = added(Shadowing::None, Choice(&SHADOWINGS)),
        /// standard deviation of the shadowing [dB]
        shadowing_sigma_db: Option<f64> = optional(Float::POSITIVE.up_to(50.0), "the model's"),
        /// distance over which shadowing decorrelates [m]
        shadowing_m: Option<f64> = optional(LENGTH_M, "the model's"),
        /// per slot: `none`, `rayleigh`, or `rician` in line of sight and rayleigh without; correlated over the distance driven
        /// as by Jakes, J0(2 pi d / wavelength)
        fading: Fading = added(Fading::None, Choice(&FADINGS)),
        /// power of the direct ray over that of all others, where fading is `rician` [dB]
        rician_k_db: f64 = added(6.0, DB),
        /// rate: `shannon`, equation (1); `truncated-shannon` of 3GPP TR 36.942 A.1; `cqi`, by a table of TS 38.214
        rate: RateKind = added(RateKind::Shannon, Choice(&RATES)),
        /// attenuation alpha of Shannon's rate; for `cqi` it sets the SNR from which each row of the table is used
        rate_alpha: Option<f64> = optional(Float::POSITIVE.up_to(1.0), "0.6, and 0.75 for `cqi`"),
        /// SNR below which `truncated-shannon` carries nothing [dB]
        rate_floor_db: f64 = added(-10.0, DB),
        /// most that `truncated-shannon` carries [bit/s/Hz]
        rate_ceiling: f64 = added(4.4, Float::POSITIVE.up_to(100.0)),
        /// table of `cqi`: 1 up to 64QAM, 2 up to 256QAM, 3 for low rates (5.2.2.1-2, -3 and -4)
        cqi_table: usize = added(1, Count { min: 1, max: 3 }),
        /// share of the band that carries no data
        overhead: f64 = added(0.0, Float::between(0.0, 0.99)),
        /// SNR without fading that an RSU must have to cover a vehicle within range_m [dB]
        min_snr_db: Option<f64> = optional(DB, "range_m alone decides"),
        /// loss kept in reserve against interference [dB]
        margin_db: f64 = added(0.0, Float::between(0.0, 100.0)),
        /// `none`, or by `load`: RSUs of one reuse group hear the uploads to each other, as the policy placed them in the slot before
        interference: Interference = added(Interference::None, Choice(&INTERFERENCES)),
        /// number of groups among which the RSUs take turns in their order; a group has its own band
        reuse_groups: usize = added(1, Count { min: 1, max: 1000 }),
        /// slots by which the gains that policies see are old; what is paid is the true gain
        information_delay_slots: usize = added(0, Count { min: 0, max: 100 }),
        /// standard deviation of the error of the gains that policies see [dB]
        information_error_db: f64 = added(0.0, Float::NON_NEGATIVE.up_to(50.0)),
        /// gains for model = "table", antennas included, as CSV or Parquet with the columns time_s (from the start of the run, in
        /// order), vehicle, rsu and gain_db; relative to this file
        table: Option<String> = optional(Text::NAME, "there is none"),
    }
}

/// Path-loss models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PathLoss {
    /// One slope, by `pathloss_db_at_1km` and `pathloss_db_per_decade`.
    #[default]
    LogDistance,
    /// Urban micro, street canyon, TR 38.901.
    Umi,
    /// Urban macro, TR 38.901.
    Uma,
    /// Urban streets, TR 37.885.
    V2xUrban,
    /// Highways, TR 37.885.
    V2xHighway,
    /// Free space.
    FreeSpace,
    /// Gains from a file.
    Table,
}

/// Path-loss models by name.
pub const MODELS: [(&str, PathLoss); 7] = [
    ("log-distance", PathLoss::LogDistance),
    ("umi", PathLoss::Umi),
    ("uma", PathLoss::Uma),
    ("v2x-urban", PathLoss::V2xUrban),
    ("v2x-highway", PathLoss::V2xHighway),
    ("free-space", PathLoss::FreeSpace),
    ("table", PathLoss::Table),
];

/// What decides whether there is a line of sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LosRule {
    /// The model's probability.
    Probability,
    /// Walls.
    Buildings,
    /// There is one.
    Always,
    /// There is none.
    Never,
}

const LOS_RULES: [(&str, LosRule); 4] = [
    ("probability", LosRule::Probability),
    ("buildings", LosRule::Buildings),
    ("always", LosRule::Always),
    ("never", LosRule::Never),
];

/// Shadowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shadowing {
    /// None.
    None,
    /// Log-normal.
    LogNormal,
}

const SHADOWINGS: [(&str, Shadowing); 2] = [
    ("none", Shadowing::None),
    ("log-normal", Shadowing::LogNormal),
];

/// Fading per slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fading {
    /// None.
    None,
    /// No direct ray.
    Rayleigh,
    /// A direct ray in line of sight.
    Rician,
}

const FADINGS: [(&str, Fading); 3] = [
    ("none", Fading::None),
    ("rayleigh", Fading::Rayleigh),
    ("rician", Fading::Rician),
];

/// From SNR to rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateKind {
    /// Equation (1).
    Shannon,
    /// Attenuated, with a floor and a ceiling.
    TruncatedShannon,
    /// Steps of a CQI table.
    Cqi,
}

const RATES: [(&str, RateKind); 3] = [
    ("shannon", RateKind::Shannon),
    ("truncated-shannon", RateKind::TruncatedShannon),
    ("cqi", RateKind::Cqi),
];

/// Interference among RSUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interference {
    /// None, besides `margin_db`.
    None,
    /// By the uploads of the slot before.
    Load,
}

const INTERFERENCES: [(&str, Interference); 2] =
    [("none", Interference::None), ("load", Interference::Load)];

impl RadioOptions {
    /// Whether the radio is what `[channel]` always was: log-distance, and nothing else.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let untouched = Self {
            carrier_hz: self.carrier_hz,
            rsu_height_m: self.rsu_height_m,
            vehicle_height_m: self.vehicle_height_m,
            ..Self::default()
        };
        *self == untouched
    }

    /// The keys that make the radio more than that.
    #[must_use]
    pub fn extra_keys(&self) -> Vec<&'static str> {
        let mut writer = Writer::default();
        // keys that have their defaults are not written
        self.clone().keys(&mut Keys::Write(&mut writer));
        let names = writer.entries().into_iter().map(|(name, _)| name);
        names
            .filter(|name| !["carrier_hz", "rsu_height_m", "vehicle_height_m"].contains(name))
            .collect()
    }

    /// What decides on lines of sight.
    #[must_use]
    pub fn los_rule(&self) -> LosRule {
        let has_probability = !self.has_one_sight();
        self.los.unwrap_or(match has_probability {
            true => LosRule::Probability,
            false => LosRule::Always,
        })
    }

    /// Whether the model makes no difference between places with and without line of sight.
    fn has_one_sight(&self) -> bool {
        use PathLoss::{FreeSpace, LogDistance, Table};
        matches!(self.model, LogDistance | FreeSpace | Table)
    }

    /// Binds the keys, makes paths relative to `folder`, and checks what depends on several keys. `shares_cpu`: whether
    /// tasks share the CPU of servers.
    pub(super) fn section(&mut self, k: &mut Keys<'_, '_>, folder: &Path, shares_cpu: bool) {
        self.keys(k);
        if k.writes() || k.describes() {
            return;
        }
        let files = [&mut self.buildings, &mut self.table].into_iter().flatten();
        for name in files.filter(|name| !name.starts_with(BUILTIN)) {
            *name = folder.join(&*name).to_string_lossy().into_owned();
        }
        let one_sight = self.has_one_sight();
        let mut check = |is_wrong: bool, key: &str, message: &str| {
            if is_wrong {
                k.problem(key, message);
            }
        };
        let by_walls = self.los == Some(LosRule::Buildings);
        let no_file = self.buildings.is_none();
        check(
            by_walls && no_file,
            "buildings",
            "missing: los = \"buildings\" needs it",
        );
        check(
            !by_walls && !no_file,
            "buildings",
            "needs los = \"buildings\"",
        );
        let is_always = matches!(self.los, None | Some(LosRule::Always));
        let message =
            "must be \"always\", or left out: the model has no loss without line of sight";
        check(one_sight && !is_always, "los", message);
        let is_shadowed = self.shadowing != Shadowing::None;
        let message = "missing: the model has none of its own, and shadowing needs it";
        let own = one_sight && is_shadowed && self.model != PathLoss::Table;
        check(
            own && self.shadowing_sigma_db.is_none(),
            "shadowing_sigma_db",
            message,
        );
        check(own && self.shadowing_m.is_none(), "shadowing_m", message);
        self.check_table(k);
        self.check_shared(k, shares_cpu);
    }

    /// What goes with gains from a file.
    fn check_table(&self, k: &mut Keys<'_, '_>) {
        let by_table = self.model == PathLoss::Table;
        let mut check = |is_wrong: bool, key: &str, message: &str| {
            if is_wrong {
                k.problem(key, message);
            }
        };
        let is_there = self.table.is_some();
        let message = "missing: model = \"table\" needs it";
        check(by_table && !is_there, "table", message);
        check(!by_table && is_there, "table", "needs model = \"table\"");
        let is_shadowed = self.shadowing != Shadowing::None;
        let message = "must be \"none\": the gains of the table have it";
        check(by_table && is_shadowed, "shadowing", message);
        let by_load = self.interference == Interference::Load;
        let message = "must be \"none\": a table has no gains of links that are not there";
        check(by_table && by_load, "interference", message);
        let is_old = self.information_delay_slots > 0;
        let message = "must be 0: a table has the gains of the present instant";
        check(by_table && is_old, "information_delay_slots", message);
    }

    /// What only works where tasks share CPU.
    fn check_shared(&self, k: &mut Keys<'_, '_>, shares_cpu: bool) {
        let mut check = |is_wrong: bool, key: &str, message: &str| {
            if is_wrong {
                k.problem(key, message);
            }
        };
        let message = "needs tasks that share CPU: [execution] kind = \"shared-cpu\"";
        let by_load = self.interference == Interference::Load;
        check(by_load && !shares_cpu, "interference", message);
        let is_old = self.information_delay_slots > 0;
        check(is_old && !shares_cpu, "information_delay_slots", message);
        let is_wrong = self.information_error_db > 0.0;
        check(is_wrong && !shares_cpu, "information_error_db", message);
    }
}
