//! Names of a table's columns.

use crate::config::{Keys, Text};

/// Names of longitudes, in traces, tables of sites and topologies; compared without case.
pub const LONGITUDE: [&str; 5] = ["lon", "lng", "long", "longitude", "lon_deg"];

/// Names of latitudes.
pub const LATITUDE: [&str; 3] = ["lat", "latitude", "lat_deg"];

/// Names of a table's columns; `None`: one of those known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceColumns {
    /// Instants.
    pub time: Option<String>,
    /// Vehicles.
    pub id: Option<String>,
    /// East, or longitude.
    pub x: Option<String>,
    /// North, or latitude.
    pub y: Option<String>,
    /// Types of vehicles.
    pub kind: Option<String>,
    /// Lanes, which vehicles have.
    pub lane: Option<String>,
    /// Edges, which persons have.
    pub edge: Option<String>,
}

impl TraceColumns {
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let mut name = |key, field: &mut Option<String>, doc| {
            k.optional(key, Text::NAME, "one of the known names", field, doc);
        };
        let doc = "column of instants: seconds, hh:mm:ss or ISO 8601";
        name("time", &mut self.time, doc);
        name("id", &mut self.id, "column of vehicles");
        let doc = "column of positions, west to east, or of longitudes";
        name("x", &mut self.x, doc);
        let doc = "column of positions, south to north, or of latitudes";
        name("y", &mut self.y, doc);
        name("type", &mut self.kind, "column of vehicle types");
        name(
            "lane",
            &mut self.lane,
            "column of lanes, which vehicles have",
        );
        let doc = "column of edges, which persons and containers have";
        name("edge", &mut self.edge, doc);
    }
}
