//! `rsu = { sites = "sites.csv" }`: RSUs at the places of a table.

use std::path::{Path, PathBuf};

use super::basic::LENGTH_M;
use crate::config::{Flag, Keys, Text};

/// RSUs at the places of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sites {
    /// The table, already resolved against the scenario's folder.
    pub path: PathBuf,
    /// Sites farther than this from the map are left out \[m\]; `None`: the radio range.
    pub margin_m: Option<f64>,
    /// How degrees become metres; `None`: as for the trace.
    pub projection: Option<String>,
    /// Rows at the same place are one RSU.
    pub merge: bool,
    /// Names of its columns, where they are not among those known.
    pub columns: Option<Box<SiteColumns>>,
}

/// Names of columns; `None`: one of those known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteColumns {
    /// Names of the sites.
    pub id: Option<String>,
    /// East \[m\].
    pub x: Option<String>,
    /// North \[m\].
    pub y: Option<String>,
    /// Longitude.
    pub lon: Option<String>,
    /// Latitude.
    pub lat: Option<String>,
}

impl SiteColumns {
    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let mut name = |key, field: &mut Option<String>, doc| {
            k.optional(key, Text::NAME, "one of the known names", field, doc);
        };
        name("id", &mut self.id, "column of names");
        name("x", &mut self.x, "column of positions, west to east [m]");
        name("y", &mut self.y, "column of positions, south to north [m]");
        name("lon", &mut self.lon, "column of longitudes");
        name("lat", &mut self.lat, "column of latitudes");
        let problem = match (&self.x, &self.y, &self.lon, &self.lat) {
            (Some(_), None, ..) | (None, Some(_), ..) => "needs both of x and y",
            (.., Some(_), None) | (.., None, Some(_)) => "needs both of lon and lat",
            (Some(_), _, Some(_), _) => "needs either x and y or lon and lat",
            _ => return,
        };
        k.problem("", problem);
    }
}

impl Sites {
    /// The keys beside `sites`, which only it needs.
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path) {
        let mut text = self.path.to_string_lossy().into_owned();
        let (without, doc) = (
            "there is a `grid`",
            "a table of the RSUs' places as CSV, relative to this file",
        );
        let mut named = (!text.is_empty()).then(|| text.clone());
        k.optional("sites", Text::NAME, without, &mut named, doc);
        text = named.unwrap_or_default();
        if !text.is_empty() && !k.writes() {
            self.path = folder.join(text);
        }
        let without = "`range_m`: farther away they cover nobody";
        let doc = "sites farther than this from the map are left out [m]";
        k.optional("margin_m", LENGTH_M, without, &mut self.margin_m, doc);
        let without = "as for the trace, which must be in degrees then";
        let doc = "how the sites' degrees become metres of the map: a zone as in `utm32n` or `EPSG:32632`, or a string of PROJ";
        k.optional("projection", Text::NAME, without, &mut self.projection, doc);
        let doc = "whether rows at the same place are one RSU, named by the first; else they are an error";
        k.added("merge", Flag, false, &mut self.merge, doc);
        let without = "names that OpenCelliD, EUA and others use";
        let doc = "The columns of a table whose names are not known";
        let field = &mut self.columns;
        k.optional_section("columns", without, doc, field, |columns, k| columns.keys(k));
    }
}
