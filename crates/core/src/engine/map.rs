//! What of a world follows from the scenario's text: names resolved to rows, the grid of RSUs, where vehicles park.

use crate::backhaul::network::{Link, Network};
use crate::config::unknown;
use crate::error::{Error, Result};
use crate::mobility::copies::Tiling;
use crate::mobility::trace;
use crate::mobility::trace::projection::{Projection, unprojectable};
use crate::scenario::{
    self, Area, DegreeArea, MAX_GRID, Mobility, Parking, Rsu, RsuLayout, Scenario,
};
use crate::sites::{self, Plan, SiteReport};
use crate::slot::Rsus;
use crate::slot::queues::{Information, Queues};

/// Where a map is on earth.
#[derive(Clone, Debug, PartialEq)]
pub struct Degrees {
    /// As its projection is known.
    pub projection: String,
    /// Least and most longitude.
    pub lon: [f64; 2],
    /// Least and most latitude.
    pub lat: [f64; 2],
}

impl Degrees {
    pub(super) fn new(projection: &Projection, area: &Area) -> Option<Self> {
        let (x_m, y_m) = ([area.x_min_m, area.x_max_m], [area.y_min_m, area.y_max_m]);
        let [lon, lat] = projection.around(x_m, y_m)?;
        Some(Self {
            projection: projection.name.clone(),
            lon,
            lat,
        })
    }
}

/// A fault of the scenario, its names resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorldFault {
    /// What fails.
    pub what: FaultyPart,
    /// From this instant on \[s\] ...
    pub from_s: f64,
    /// ... until this one \[s\].
    pub until_s: f64,
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultyPart {
    /// The server in this row.
    Server(u32),
    /// The directed link in this row, and its reverse.
    Link(u32),
    /// All related information.
    Information,
}

/// The row of the RSU called `id`, which `key` names.
pub(super) fn row_of(id: &str, rsus: &[Rsu], key: &str) -> Result<u32> {
    let row = rsus.iter().position(|rsu| rsu.id == id);
    row.map(|row| row as u32).ok_or_else(|| {
        let known: Vec<_> = rsus.iter().map(|rsu| rsu.id.as_str()).take(100).collect();
        Error::invalid("scenario", None, key, unknown("RSU", id, &known))
    })
}

/// The columns of `list`.
pub(super) fn columns(list: &[Rsu]) -> Rsus {
    let column = |f: fn(&Rsu) -> f64| list.iter().map(f).collect::<Vec<f64>>();
    Rsus {
        id: list.iter().map(|r| r.id.clone()).collect(),
        x_m: column(|r| r.x_m),
        y_m: column(|r| r.y_m),
        range_m: column(|r| r.range_m),
        bandwidth_hz: column(|r| r.bandwidth_hz),
        cpu_hz: column(|r| r.cpu_hz),
        energy_coeff: column(|r| r.energy_coeff),
        reserved_cpu_hz: vec![0.0; list.len()],
        releasing_cpu_hz: vec![0.0; list.len()],
        up: Vec::new(),
    }
}

/// The cores of `rsus` with their state still to be filled in.
pub(super) fn queues(scenario: &Scenario, rsus: &[Rsu], network: &Network) -> Queues {
    let mut core_start = vec![0];
    for rsu in rsus {
        core_start.push(core_start[core_start.len() - 1] + rsu.cores as u32);
    }
    Queues {
        core_start,
        core_hz: rsus.iter().map(|r| r.cpu_hz / r.cores as f64).collect(),
        information: scenario.information.map(|information| {
            let packet_bits = 8.0 * information.packet_bytes;
            let hop_s = |link: &Link| link.transmission_s(packet_bits) + link.propagation_s;
            Information {
                ttl: information.ttl,
                // the rate of the slowest link, so that no information arrives too early
                hop_s: network.links().iter().map(hop_s).fold(0.0, f64::max),
                delay_s: information.delay_s,
            }
        }),
        ..Queues::default()
    }
}

pub(super) fn faults(
    list: &[scenario::Fault],
    rsus: &[Rsu],
    network: &Network,
) -> Result<Vec<WorldFault>> {
    let resolve = |(i, fault): (usize, &scenario::Fault)| {
        let row = |id: &str, key: &str| row_of(id, rsus, &format!("fault.{i}.{key}"));
        let what = match &fault.what {
            scenario::Faulty::Server(id) => FaultyPart::Server(row(id, "rsu")?),
            scenario::Faulty::Information => FaultyPart::Information,
            scenario::Faulty::Link(a, b) => {
                let link = network.find(row(a, "a")?, row(b, "b")?).ok_or_else(|| {
                    let message = format!("no link between {a:?} and {b:?}");
                    Error::invalid("scenario", None, format!("fault.{i}"), message)
                })?;
                FaultyPart::Link(link)
            }
        };
        Ok(WorldFault {
            what,
            from_s: fault.from_s,
            until_s: fault.until_s,
        })
    };
    list.iter().enumerate().map(resolve).collect()
}

pub(super) fn stands_m(mobility: &Mobility, rsus: &[Rsu]) -> Result<Vec<[f64; 2]>> {
    let place = |rsu: &Rsu| [rsu.x_m, rsu.y_m];
    Ok(match mobility {
        Mobility::Parked(Parking::At(id)) => {
            let row = row_of(id, rsus, "fleet.mobility.at")?;
            vec![place(&rsus[row as usize])]
        }
        Mobility::Parked(Parking::Random) => rsus.iter().map(place).collect(),
        _ => Vec::new(),
    })
}

/// Whether every RSU has a way to every other.
pub(super) fn connected(network: &Network, rsus: &[Rsu]) -> Result<()> {
    let mut hops = Vec::new();
    network.hops(0, &mut hops);
    match hops.iter().position(|&hops| hops == u32::MAX) {
        None => Ok(()),
        Some(cut_off) => {
            let message = format!(
                "must connect all RSUs, but no way leads from {:?} to {:?}; \
                 backhaul.allow_disconnected = true permits it",
                rsus[0].id, rsus[cut_off].id
            );
            Err(Error::invalid("scenario", None, "backhaul", message))
        }
    }
}

/// The map's rectangle, and how degrees become its metres, where the scenario has any.
pub(super) fn ground(scenario: &Scenario) -> Result<(Area, Option<Projection>)> {
    let fcd = scenario.fleet.mobility.trace();
    let of_trace = || fcd.map_or(Ok(None), trace::projection);
    match (scenario.area, &scenario.degree_area) {
        (Some(area), _) if has_degrees(&scenario.rsus) => Ok((area, of_trace()?)),
        (Some(area), _) => Ok((area, None)),
        (None, Some(degrees)) => {
            let projection = of_trace()?;
            Ok((around(degrees, projection.as_ref())?, projection))
        }
        (None, None) => {
            let fcd = fcd.expect("a checked scenario with a synthetic fleet has an area");
            let (extent, projection) = trace::ground(fcd)?;
            extent.check_slots(fcd, scenario.time)?;
            let area = Area {
                x_min_m: extent.x_min_m,
                y_min_m: extent.y_min_m,
                x_max_m: extent.x_max_m,
                y_max_m: extent.y_max_m,
            };
            Ok((area, projection))
        }
    }
}

/// Whether RSUs are, or may be, in degrees of the trace.
fn has_degrees(rsus: &RsuLayout) -> bool {
    match rsus {
        RsuLayout::Explicit(rsus) => rsus.iter().any(|rsu| rsu.lon_lat.is_some()),
        RsuLayout::Sites { sites, .. } => sites.projection.is_none(),
        RsuLayout::Grid { .. } => false,
    }
}

/// The metres of a place in degrees that `key` names.
fn projected(projection: Option<&Projection>, [lon, lat]: [f64; 2], key: &str) -> Result<[f64; 2]> {
    let message = match projection {
        None => "must be in metres: there is no trace in degrees".to_owned(),
        Some(projection) => match projection.project(lon, lat) {
            Some(place) => return Ok(place),
            None => unprojectable(projection, lon, lat),
        },
    };
    Err(Error::invalid("scenario", None, key, message))
}

/// The rectangle in metres around the corners of one in degrees.
fn around(area: &DegreeArea, projection: Option<&Projection>) -> Result<Area> {
    let mut around: Option<Area> = None;
    for lon in [area.lon_min, area.lon_max] {
        for lat in [area.lat_min, area.lat_max] {
            let [x_m, y_m] = projected(projection, [lon, lat], "area")?;
            let point = Area {
                x_min_m: x_m,
                y_min_m: y_m,
                x_max_m: x_m,
                y_max_m: y_m,
            };
            let known = around.unwrap_or(point);
            around = Some(Area {
                x_min_m: known.x_min_m.min(x_m),
                y_min_m: known.y_min_m.min(y_m),
                x_max_m: known.x_max_m.max(x_m),
                y_max_m: known.y_max_m.max(y_m),
            });
        }
    }
    Ok(around.unwrap_or_default())
}

/// The rectangle around all copies of the map `one`, with the RSUs of all of them, and what was taken of a table where they
/// are from one.
pub(super) fn laid_out(
    scenario: &Scenario,
    one: Area,
    projection: Option<&Projection>,
) -> Result<(Area, Vec<Rsu>, Option<SiteReport>)> {
    let copies = scenario.fleet.mobility.trace().map_or(1, |fcd| fcd.copies);
    if copies == 1 {
        let (rsus, report) = laid_out_once(&scenario.rsus, &one, projection)?;
        return Ok((one, rsus, report));
    }
    let tiling = Tiling::of(one, copies);
    let all = tiling.around(one);
    if let RsuLayout::Grid { .. } = scenario.rsus {
        let (rsus, report) = laid_out_once(&scenario.rsus, &all, projection)?;
        return Ok((all, rsus, report));
    }
    let (first, report) = laid_out_once(&scenario.rsus, &one, projection)?;
    Ok((all, copied(&first, &tiling)?, report))
}

/// RSUs in every copy of the map; those of the first keep their names.
fn copied(first: &[Rsu], tiling: &Tiling) -> Result<Vec<Rsu>> {
    let refused = |message: String| {
        let path = "fleet.mobility.copies";
        Err(Error::invalid("scenario", None, path, message))
    };
    let count = first.len() as f64 * tiling.copies as f64;
    if count > MAX_GRID {
        return refused(format!("must give at most {MAX_GRID} RSUs, got {count}"));
    }
    if let Some(rsu) = first.iter().find(|rsu| rsu.id.contains('#')) {
        let id = &rsu.id;
        return refused(format!(
            "needs RSUs without # in their names, which marks copies, got {id:?}"
        ));
    }
    let mut rsus = first.to_vec();
    for copy in 1..tiling.copies {
        let [east_m, north_m] = tiling.shift_m(copy);
        rsus.extend(first.iter().map(|rsu| Rsu {
            id: format!("{}#{copy}", rsu.id),
            x_m: rsu.x_m + east_m,
            y_m: rsu.y_m + north_m,
            lon_lat: None,
            ..rsu.clone()
        }));
    }
    Ok(rsus)
}

fn laid_out_once(
    layout: &RsuLayout,
    area: &Area,
    projection: Option<&Projection>,
) -> Result<(Vec<Rsu>, Option<SiteReport>)> {
    Ok(match layout {
        RsuLayout::Explicit(rsus) => (placed(rsus, projection)?, None),
        RsuLayout::Grid {
            spacing_m,
            template,
        } => (grid(area, *spacing_m, template)?, None),
        RsuLayout::Sites { sites, template } => {
            let (rsus, report) = sites::read(Plan {
                sites,
                template,
                area,
                projection,
            })?;
            (rsus, Some(report))
        }
    })
}

/// RSUs with all their places in metres.
fn placed(rsus: &[Rsu], projection: Option<&Projection>) -> Result<Vec<Rsu>> {
    let mut placed = rsus.to_vec();
    for (i, rsu) in placed.iter_mut().enumerate() {
        if let Some(lon_lat) = rsu.lon_lat {
            [rsu.x_m, rsu.y_m] = projected(projection, lon_lat, &format!("rsu.{i}.lon"))?;
        }
    }
    Ok(placed)
}

/// RSUs exactly `spacing_m` apart, the whole grid centred in the area.
fn grid(area: &Area, spacing_m: f64, template: &Rsu) -> Result<Vec<Rsu>> {
    let count = |length_m: f64| (length_m / spacing_m).floor() + 1.0;
    let (width_m, height_m) = (area.x_max_m - area.x_min_m, area.y_max_m - area.y_min_m);
    let (columns, rows) = (count(width_m), count(height_m));
    if columns * rows > MAX_GRID {
        return Err(Error::invalid(
            "scenario",
            None,
            "rsu.grid.spacing_m",
            format!(
                "must give at most {MAX_GRID} RSUs over {width_m} m x {height_m} m, \
                 got {spacing_m}, which gives {}",
                columns * rows
            ),
        ));
    }
    let place = |min: f64, length: f64, count: f64, i: usize| {
        min + 0.5 * (length - (count - 1.0) * spacing_m) + i as f64 * spacing_m
    };
    let mut rsus = Vec::new();
    for row in 0..rows as usize {
        for column in 0..columns as usize {
            rsus.push(Rsu {
                id: format!("r{}", rsus.len()),
                x_m: place(area.x_min_m, width_m, columns, column),
                y_m: place(area.y_min_m, height_m, rows, row),
                ..template.clone()
            });
        }
    }
    Ok(rsus)
}
