//! The meaning of a table's columns: the names that SUMO writes and those in common use.

use crate::scenario::TraceColumns;
use crate::scenario::columns::{LATITUDE, LONGITUDE};

/// What a column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Id,
    X,
    Y,
    Type,
    Lane,
    Edge,
}

/// SUMO's three header styles first, then names in use elsewhere; compared without case.
const fn names(role: Role) -> &'static [&'static str] {
    match role {
        Role::Time => &[
            "timestep_time",
            "time",
            "t",
            "time_s",
            "timestamp",
            "datetime",
            "date_time",
            "gps_time",
        ],
        Role::Id => &[
            "vehicle_id",
            "timestep_vehicle_id",
            "id",
            "veh",
            "veh_id",
            "vehicle",
            "vehicleid",
            "taxi_id",
            "track_id",
            "trackid",
            "node",
        ],
        Role::X => &["vehicle_x", "timestep_vehicle_x", "x", "x_m"],
        Role::Y => &["vehicle_y", "timestep_vehicle_y", "y", "y_m"],
        Role::Type => &["vehicle_type", "timestep_vehicle_type", "type"],
        Role::Lane => &["vehicle_lane", "timestep_vehicle_lane", "lane"],
        Role::Edge => &["vehicle_edge", "timestep_vehicle_edge", "edge"],
    }
}

/// Further names, of coordinates in degrees.
const fn names_in_degrees(role: Role) -> &'static [&'static str] {
    match role {
        Role::X => &LONGITUDE,
        Role::Y => &LATITUDE,
        _ => &[],
    }
}

/// Why a column was not found.
pub(super) enum Missing {
    Absent,
    Twice,
}

impl Role {
    /// The name that the user gave, else the one that SUMO writes by default.
    pub(super) fn name(self, mapped: &TraceColumns) -> &str {
        self.mapped(mapped).unwrap_or(names(self)[0])
    }

    fn mapped(self, columns: &TraceColumns) -> Option<&str> {
        let name = match self {
            Self::Time => &columns.time,
            Self::Id => &columns.id,
            Self::X => &columns.x,
            Self::Y => &columns.y,
            Self::Type => &columns.kind,
            Self::Lane => &columns.lane,
            Self::Edge => &columns.edge,
        };
        name.as_deref()
    }

    /// The column's place in the header.
    pub(super) fn find(self, header: &[String], mapped: &TraceColumns) -> Result<usize, Missing> {
        let places = |name: &str, exact: bool| {
            let mut found = header.iter().enumerate().filter(|(_, h)| {
                if exact {
                    h.as_str() == name
                } else {
                    h.trim().eq_ignore_ascii_case(name)
                }
            });
            (found.next().map(|(i, _)| i), found.next().is_some())
        };
        let answer = |(first, again): (Option<usize>, bool)| match (first, again) {
            (Some(_), true) => Some(Err(Missing::Twice)),
            (Some(index), false) => Some(Ok(index)),
            (None, _) => None,
        };
        match self.mapped(mapped) {
            Some(name) => answer(places(name, true)),
            None => names(self)
                .iter()
                .chain(names_in_degrees(self))
                .find_map(|name| answer(places(name, false))),
        }
        .unwrap_or(Err(Missing::Absent))
    }
}

/// Whether a column of this name holds degrees.
pub(super) fn in_degrees(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    LONGITUDE
        .iter()
        .chain(&LATITUDE)
        .any(|known| *known == name)
}

/// Whether SUMO itself named the column of times, whose rows are then in order.
pub(super) fn by_sumo(name: &str) -> bool {
    name == "timestep_time"
}
