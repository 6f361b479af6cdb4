//! Which column of a table of sites says what.

use crate::scenario::SiteColumns;
use crate::scenario::columns::{LATITUDE, LONGITUDE};
use ::csv::ReaderBuilder;

/// Positions of the columns that are read.
pub(super) struct Columns {
    pub(super) x: usize,
    pub(super) y: usize,
    /// The names of both.
    pub(super) names: [String; 2],
    /// Their values are longitudes and latitudes.
    pub(super) degrees: bool,
    /// Columns that together name a site; none: sites are numbered.
    pub(super) id: Vec<usize>,
    pub(super) id_name: String,
    pub(super) has_header: bool,
    /// As `check` names it.
    pub(super) format: String,
}

const X: [&str; 5] = ["x_m", "x", "easting", "utm_x", "x_utm"];
const Y: [&str; 5] = ["y_m", "y", "northing", "utm_y", "y_utm"];
const ID: [&str; 16] = [
    "id",
    "site_id",
    "siteid",
    "rsu",
    "rsu_id",
    "bs",
    "bs_id",
    "base_station",
    "base station",
    "station",
    "station_id",
    "node",
    "node_id",
    "cell_id",
    "name",
    "site",
];
/// What together names a cell in OpenCelliD.
const CELL: [&str; 4] = ["mcc", "net", "area", "cell"];
/// The header of OpenCelliD, which its files by country have not.
const OPENCELLID: [&str; 14] = [
    "radio",
    "mcc",
    "net",
    "area",
    "cell",
    "unit",
    "lon",
    "lat",
    "range",
    "samples",
    "changeable",
    "created",
    "updated",
    "averageSignal",
];
const RADIO: [&str; 5] = ["GSM", "UMTS", "LTE", "NR", "CDMA"];

/// What separates columns; the first that explains the header is taken.
const SEPARATORS: [u8; 4] = *b",;\t|";

impl Columns {
    /// The separator and the columns that the first line tells.
    pub(super) fn told(first: &[u8], mapped: Option<&SiteColumns>) -> Result<(u8, Self), String> {
        let mut refused: Option<(usize, String)> = None;
        for separator in SEPARATORS {
            let header = split(first, separator);
            let bare = header.len() == OPENCELLID.len() && RADIO.contains(&header[0].as_str());
            let found = match bare {
                true => Self::find(&OPENCELLID.map(str::to_owned), mapped),
                false => Self::find(&header, mapped),
            };
            match found {
                Ok(columns) => {
                    let columns = Self {
                        has_header: !bare,
                        ..columns
                    };
                    return Ok((separator, columns));
                }
                Err(message)
                    if refused
                        .as_ref()
                        .is_none_or(|(most, _)| header.len() > *most) =>
                {
                    refused = Some((header.len(), message));
                }
                Err(_) => {}
            }
        }
        Err(refused.map_or_else(String::new, |(_, message)| message))
    }

    fn find(header: &[String], mapped: Option<&SiteColumns>) -> Result<Self, String> {
        let header = Header(header);
        let given = mapped.cloned().unwrap_or_default();
        let (x, y, degrees) = header.place(&given)?;
        let cell: Vec<usize> = CELL
            .iter()
            .filter_map(|name| header.known(&[name]))
            .collect();
        let is_cells = cell.len() == CELL.len() && header.known(&["radio"]).is_some();
        let is_eua =
            header.known(&["site_id"]).is_some() && header.known(&["licensing_area_id"]).is_some();
        let name_of = |column: usize| header.0[column].clone();
        let (id, id_name) = match &given.id {
            Some(name) => (vec![header.exact(name)?], name.clone()),
            None if is_cells => (cell, CELL[3].to_owned()),
            None => {
                let id = header.known(&ID);
                (
                    id.into_iter().collect(),
                    id.map_or("id".to_owned(), name_of),
                )
            }
        };
        let unit = if degrees { "degrees" } else { "metres" };
        let source = match (is_cells, is_eua) {
            (true, _) => "OpenCelliD, ",
            (_, true) => "EUA, ",
            _ => "",
        };
        Ok(Self {
            x,
            y,
            names: [x, y].map(name_of),
            degrees,
            id,
            id_name,
            has_header: true,
            format: format!("{source}{unit}"),
        })
    }
}

/// The names of a table's columns.
struct Header<'a>(&'a [String]);

impl Header<'_> {
    /// The column that the user names.
    fn exact(&self, name: &str) -> Result<usize, String> {
        let mut places = self.0.iter().enumerate().filter(|(_, have)| *have == name);
        match (places.next(), places.next()) {
            (Some((place, _)), None) => Ok(place),
            (Some(_), Some(_)) => Err(format!("must have one column {name:?}, got two")),
            (None, _) => Err(format!("must have a column {name:?}, got {}", self.there())),
        }
    }

    /// The first of these names that is there.
    fn known(&self, names: &[&str]) -> Option<usize> {
        let place = |name: &&str| {
            self.0
                .iter()
                .position(|have| have.eq_ignore_ascii_case(name))
        };
        names.iter().find_map(place)
    }

    /// The columns of places, and whether they are in degrees.
    fn place(&self, given: &SiteColumns) -> Result<(usize, usize, bool), String> {
        if let (Some(lon), Some(lat)) = (&given.lon, &given.lat) {
            return Ok((self.exact(lon)?, self.exact(lat)?, true));
        }
        if let (Some(x), Some(y)) = (&given.x, &given.y) {
            return Ok((self.exact(x)?, self.exact(y)?, false));
        }
        if let (Some(lon), Some(lat)) = (self.known(&LONGITUDE), self.known(&LATITUDE)) {
            return Ok((lon, lat, true));
        }
        match (self.known(&X), self.known(&Y)) {
            (Some(x), Some(y)) => Ok((x, y, false)),
            _ => Err(format!(
                "must have columns lon and lat or x and y, got {}; rsu.columns can name others",
                self.there()
            )),
        }
    }

    fn there(&self) -> String {
        let names: Vec<_> = self
            .0
            .iter()
            .take(30)
            .map(|name| format!("{name:?}"))
            .collect();
        names.join(", ")
    }
}

fn split(line: &[u8], separator: u8) -> Vec<String> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .from_reader(line);
    let first = reader.byte_records().next();
    let Some(Ok(row)) = first else {
        return Vec::new();
    };
    let text = |field: &[u8]| String::from_utf8_lossy(field.trim_ascii()).into_owned();
    row.iter().map(text).collect()
}
