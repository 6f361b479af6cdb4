//! `[[rsu]]`, `[rsu.grid]` and `[rsu_default]`: the RSUs.

use super::basic::{Area, ENERGY_COEFF, LATITUDE, LENGTH_M, LONGITUDE, PLACE_M};
use super::sites::Sites;
use crate::config::{Count, Float, Keys, Names, Section};
use std::path::Path;

/// More RSUs than any road network has.
pub(crate) const MAX_GRID: f64 = 1_000_000.0;

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
    /// `rsu = { sites = ... }`: at the places of a table.
    Sites {
        /// Where they are.
        sites: Sites,
        /// What every RSU is, besides its position and id.
        template: Rsu,
    },
}

impl Default for RsuLayout {
    fn default() -> Self {
        Self::Explicit(Vec::new())
    }
}

/// The RSUs as other sections may name them.
#[derive(Debug, Default)]
pub(super) struct NamedRsus {
    pub names: Names,
    /// Whether they are given one by one; those of a grid have names only once it is laid out. `None`: nothing is known.
    pub is_list: Option<bool>,
}

impl NamedRsus {
    /// Reports an RSU that does not exist.
    pub(super) fn check(&self, s: &mut Section<'_>, key: &str, id: &str) {
        if self.is_list == Some(true) {
            self.names.resolve(s, key, "RSU", id);
        }
    }
}

impl RsuLayout {
    pub(super) fn keys(
        &mut self,
        k: &mut Keys<'_, '_>,
        folder: &Path,
        area: Option<Area>,
    ) -> NamedRsus {
        let common = k.check(Equipment::read).unwrap_or_default();
        let mut names = Names::default();
        let mut layout = std::mem::take(self);
        let mut list = match &mut layout {
            Self::Explicit(rsus) => std::mem::take(rsus),
            _ => Vec::new(),
        };
        let is_list = k.list_or_section(
            "rsu",
            "[[rsu]] entries or an [rsu.grid]",
            matches!(layout, Self::Explicit(_)),
            &mut list,
            |rsu, k, row| rsu.keys(k, row, &mut names, common),
            |k| layout.laid_out(k, folder, area, common),
        );
        if is_list == Some(true) && list.is_empty() {
            k.problem("rsu", "must have at least one entry");
        }
        *self = match is_list {
            Some(false) => layout,
            _ => Self::Explicit(list),
        };
        NamedRsus { names, is_list }
    }
}

#[derive(Default)]
struct Grid {
    spacing_m: f64,
    template: Rsu,
}

impl RsuLayout {
    /// The keys of a grid, or of a table of sites.
    fn laid_out(
        &mut self,
        k: &mut Keys<'_, '_>,
        folder: &Path,
        area: Option<Area>,
        common: Equipment,
    ) {
        let (mut grid, mut sites) = (None, None);
        match std::mem::take(self) {
            Self::Grid {
                spacing_m,
                template,
            } => {
                grid = Some(Grid {
                    spacing_m,
                    template,
                })
            }
            Self::Sites {
                sites: at,
                template,
            } => sites = Some((at, template)),
            Self::Explicit(_) => {}
        }
        if !(k.writes() && grid.is_none()) {
            let doc = "RSUs on a regular grid over the area, or over the trace";
            let without = "`sites` names a table of them";
            k.optional_section("grid", without, doc, &mut grid, |grid, k| {
                grid_spacing(k, &mut grid.spacing_m, area);
                grid.template.equipment(k, common);
            });
        }
        if k.has("sites") || k.describes() || sites.is_some() {
            let (at, template) = sites.get_or_insert_default();
            at.keys(k, folder);
            template.equipment(k, common);
        }
        *self = match (grid, sites) {
            (
                Some(Grid {
                    spacing_m,
                    template,
                }),
                None,
            ) => Self::Grid {
                spacing_m,
                template,
            },
            (None, Some((sites, template))) => Self::Sites { sites, template },
            (grid, _) => {
                let given = match grid {
                    Some(_) => "both",
                    None => "neither",
                };
                k.problem("", format!("needs one of `grid` and `sites`, got {given}"));
                Self::default()
            }
        };
    }
}

fn grid_spacing(k: &mut Keys<'_, '_>, spacing_m: &mut f64, area: Option<Area>) {
    let doc = "distance between neighbours [m]";
    k.required("spacing_m", Float::between(1.0, 1e7), spacing_m, doc);
    if let Some(area) = area {
        let along = |min: f64, max: f64| ((max - min) / *spacing_m).floor() + 1.0;
        let count = along(area.x_min_m, area.x_max_m) * along(area.y_min_m, area.y_max_m);
        if count > MAX_GRID {
            let message = format!("makes {count} RSUs, at most {MAX_GRID}");
            k.problem("spacing_m", message);
        }
    }
}

/// One RSU (roadside unit) with its edge server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rsu {
    /// Unique name.
    pub id: String,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// Longitude and latitude, where the position was given so: `x_m` and `y_m` are 0 until a world projects it.
    pub lon_lat: Option<[f64; 2]>,
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

/// What every RSU has besides its name and place: keys of `[rsu_default]` too.
#[derive(Clone, Copy, Default)]
struct Equipment {
    range_m: Option<f64>,
    bandwidth_hz: Option<f64>,
    cpu_hz: Option<f64>,
    cores: Option<usize>,
    energy_coeff: Option<f64>,
}

/// A key of equipment: its name, its kind, its meaning.
type Key<K> = (&'static str, K, &'static str);

const RANGE_M: Key<Float> = ("range_m", LENGTH_M, "radio range R_m [m]");
const BANDWIDTH_HZ: Key<Float> = ("bandwidth_hz", Float::POSITIVE, "bandwidth B_m [Hz]");
const CPU_HZ: Key<Float> = ("cpu_hz", Float::POSITIVE, "CPU F_m [Hz]");
const CORES: Key<Count> = (
    "cores",
    Count { min: 1, max: 4096 },
    "cores among which `cpu_hz` is divided, where tasks queue for them",
);
const ENERGY: Key<Float> = (
    "energy_coeff",
    ENERGY_COEFF,
    "energy coefficient kappa_m [J s^2/cycle^3]",
);

impl Equipment {
    /// `[rsu_default]`, which the canonical text has not: there every RSU gives all.
    fn read(s: &mut Section<'_>) -> Self {
        let doc = "What the RSUs have in common";
        let common = s.optional_section("rsu_default", "every RSU gives all values", doc, |s| {
            let (name, kind, doc) = CORES;
            let cores = s.optional(name, kind, "one, where an RSU gives none", doc);
            let mut key =
                |(name, kind, doc): Key<Float>| s.optional(name, kind, "every RSU gives it", doc);
            Self {
                cores,
                range_m: key(RANGE_M),
                bandwidth_hz: key(BANDWIDTH_HZ),
                cpu_hz: key(CPU_HZ),
                energy_coeff: key(ENERGY),
            }
        });
        common.unwrap_or_default()
    }
}

impl Rsu {
    fn keys(&mut self, k: &mut Keys<'_, '_>, row: usize, names: &mut Names, common: Equipment) {
        names.bind(&mut self.id, k, row);
        self.place(k);
        self.equipment(k, common);
    }

    /// The position, in metres or in degrees.
    fn place(&mut self, k: &mut Keys<'_, '_>) {
        let degrees = k.has("lon") || k.has("lat") || self.lon_lat.is_some();
        if !degrees || k.describes() {
            let (mut x_m, mut y_m) = (Some(self.x_m), Some(self.y_m));
            let doc = "position, west to east [m]";
            k.either("x_m", PLACE_M, "`lon` is given", &mut x_m, doc);
            let doc = "position, south to north [m]";
            k.either("y_m", PLACE_M, "`lat` is given", &mut y_m, doc);
            (self.x_m, self.y_m) = (x_m.unwrap_or(0.0), y_m.unwrap_or(0.0));
        }
        if degrees || k.describes() {
            let [mut lon, mut lat] = self.lon_lat.map_or([None; 2], |place| place.map(Some));
            let doc = "longitude, where the trace is in degrees";
            k.either("lon", LONGITUDE, "`x_m` is given", &mut lon, doc);
            let doc = "latitude, where the trace is in degrees";
            k.either("lat", LATITUDE, "`y_m` is given", &mut lat, doc);
            self.lon_lat = Some([lon.unwrap_or(0.0), lat.unwrap_or(0.0)]);
        }
        if degrees {
            k.check(|s| {
                for key in ["x_m", "y_m"] {
                    s.retired(key, "must be left out: lon and lat are given");
                }
            });
        }
    }

    fn equipment(&mut self, k: &mut Keys<'_, '_>, common: Equipment) {
        if !k.writes() {
            self.cores(k, common);
        }
        inherited(k, RANGE_M, common.range_m, &mut self.range_m);
        inherited(k, BANDWIDTH_HZ, common.bandwidth_hz, &mut self.bandwidth_hz);
        inherited(k, CPU_HZ, common.cpu_hz, &mut self.cpu_hz);
        if k.writes() {
            // the canonical text has them here, and hashes depend on that
            self.cores(k, common);
        }
        inherited(k, ENERGY, common.energy_coeff, &mut self.energy_coeff);
    }

    fn cores(&mut self, k: &mut Keys<'_, '_>, common: Equipment) {
        let (name, kind, doc) = CORES;
        let mut cores = Some(self.cores);
        k.optional(name, kind, "as in `[rsu_default]`, else 1", &mut cores, doc);
        self.cores = cores.or(common.cores).unwrap_or(1);
    }
}

fn inherited(
    k: &mut Keys<'_, '_>,
    (name, kind, doc): Key<Float>,
    common: Option<f64>,
    field: &mut f64,
) {
    k.inherited(name, kind, (common, "in `[rsu_default]`"), field, doc);
}
