//! Reads buildings: polygons of SUMO (`poly.add.xml`), or GeoJSON.

use super::buildings::Buildings;
use crate::error::{Problem, Problems, Result};
use crate::input;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value as Json;
use std::path::Path;

/// From longitude and latitude to the map; `None` outside of the projection.
pub type Project<'a> = &'a dyn Fn([f64; 2]) -> Option<[f64; 2]>;

/// Most problems that are told.
const MOST_PROBLEMS: usize = 20;

/// Reads the walls of a file. GeoJSON is in degrees where `project` is there, and else in metres of the map.
///
/// # Errors
/// A file that cannot be read, every polygon that is malformed, or a file without any building.
pub fn load(path: &Path, project: Option<Project<'_>>) -> Result<Buildings> {
    parse(
        &path.display().to_string(),
        &input::read_text(path)?,
        project,
    )
}

/// The same of a text, called `file` in messages.
///
/// # Errors
/// As for [`load`].
pub fn parse(file: &str, text: &str, project: Option<Project<'_>>) -> Result<Buildings> {
    let mut found = Found {
        file,
        polygons: Vec::new(),
        problems: Problems::default(),
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text.chars().next() {
        Some('<') => found.sumo(text),
        Some('{') => found.geojson(text, project),
        _ => found.wrong(None, "", "must be SUMO polygons (XML) or GeoJSON".into()),
    }
    if found.polygons.is_empty() && found.problems.0.is_empty() {
        let message = "must have a building: a <poly> whose type begins with \"building\", or a Polygon in GeoJSON";
        found.wrong(None, "", message.into());
    }
    found.problems.into_result(())?;
    Ok(Buildings::new(&found.polygons))
}

struct Found<'a> {
    file: &'a str,
    polygons: Vec<Vec<[f64; 2]>>,
    problems: Problems,
}

impl Found<'_> {
    fn wrong(&mut self, line: Option<usize>, path: &str, message: String) {
        if self.problems.0.len() < MOST_PROBLEMS {
            self.problems.push(Problem {
                file: self.file.into(),
                line,
                path: path.into(),
                message,
            });
        }
    }

    fn take(&mut self, line: Option<usize>, path: &str, ring: Vec<[f64; 2]>) {
        let is_place = |p: &[f64; 2]| p.iter().all(|x| x.is_finite() && x.abs() <= 1e12);
        if ring.len() < 3 {
            let message = format!("must have at least 3 corners, got {}", ring.len());
            self.wrong(line, path, message);
        } else if !ring.iter().all(is_place) {
            self.wrong(line, path, "must have corners on the map, in metres".into());
        } else {
            self.polygons.push(ring);
        }
    }

    /// `<poly id type shape="x,y x,y ...">` below the root; other elements are left out.
    fn sumo(&mut self, text: &str) {
        let mut reader = Reader::from_str(text);
        let mut open = 0_usize;
        let (mut line, mut counted) = (1, 0);
        loop {
            let position = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
            line += count_lines(&text.as_bytes()[counted..position.min(text.len())]);
            counted = position.min(text.len());
            let event = match reader.read_event() {
                Ok(Event::Eof) if open > 0 => {
                    return self.wrong(None, "", "is truncated: the root is never closed".into());
                }
                Ok(Event::Eof) => return,
                Ok(event) => event,
                Err(error) => {
                    return self.wrong(Some(line), "", format!("is not well-formed: {error}"));
                }
            };
            let tag = match &event {
                Event::Start(tag) => {
                    open += 1;
                    tag
                }
                Event::Empty(tag) => tag,
                Event::End(_) => {
                    open = open.saturating_sub(1);
                    continue;
                }
                _ => continue,
            };
            if tag.name().as_ref() != "poly" {
                continue;
            }
            self.poly(Some(line), tag);
        }
    }

    fn poly(&mut self, line: Option<usize>, tag: &BytesStart<'_>) {
        let (mut kind, mut shape, mut geo) = (String::new(), None, false);
        for attribute in tag.attributes().flatten() {
            let value = String::from_utf8_lossy(attribute.value.as_ref().as_bytes()).into_owned();
            match attribute.key.as_ref() {
                "type" => kind = value,
                "shape" => shape = Some(value),
                "geo" => geo = value == "1" || value == "true",
                _ => {}
            }
        }
        if !kind.starts_with("building") {
            return;
        }
        let Some(shape) = shape else {
            self.wrong(line, "poly.shape", "missing".into());
            return;
        };
        if geo {
            self.wrong(
                line,
                "poly.geo",
                "must be in metres: convert it without --proj.plain-geo".into(),
            );
            return;
        }
        let corner = |text: &str| -> Option<[f64; 2]> {
            let mut numbers = text.split(',').map(|n| n.parse::<f64>().ok());
            Some([numbers.next()??, numbers.next()??])
        };
        let ring: Option<Vec<_>> = shape.split_whitespace().map(corner).collect();
        match ring {
            Some(ring) => self.take(line, "poly.shape", ring),
            None => self.wrong(line, "poly.shape", "expected corners as x,y x,y ...".into()),
        }
    }

    fn geojson(&mut self, text: &str, project: Option<Project<'_>>) {
        let root: Json = match serde_json::from_str(text) {
            Ok(root) => root,
            Err(error) => {
                let message = format!("is not well-formed: {error}");
                return self.wrong(Some(error.line()), "", message);
            }
        };
        let features = match root["features"].as_array() {
            Some(features) => features.iter().map(|f| &f["geometry"]).collect(),
            None if root["type"] == "Feature" => vec![&root["geometry"]],
            None => vec![&root],
        };
        for (i, geometry) in features.into_iter().enumerate() {
            let path = format!("features[{i}].geometry.coordinates");
            let coordinates = &geometry["coordinates"];
            let polygons: Vec<&Json> = match geometry["type"].as_str() {
                Some("Polygon") => vec![coordinates],
                Some("MultiPolygon") => coordinates.as_array().into_iter().flatten().collect(),
                _ => continue,
            };
            for rings in polygons {
                let corner = |c: &Json| -> Option<[f64; 2]> {
                    let place = [c[0].as_f64()?, c[1].as_f64()?];
                    project.map_or(Some(place), |project| project(place))
                };
                for ring in rings.as_array().into_iter().flatten() {
                    let corners = ring.as_array().into_iter().flatten().map(corner);
                    match corners.collect::<Option<Vec<_>>>() {
                        Some(ring) => self.take(None, &path, ring),
                        None => self.wrong(None, &path, "expected corners as [x, y]".into()),
                    }
                }
            }
        }
    }
}

fn count_lines(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte == b'\n').count()
}
