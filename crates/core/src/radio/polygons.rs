//! Reads buildings: polygons of SUMO (`poly.add.xml`), or GeoJSON.

use super::buildings::Buildings;
use crate::error::{Error, Problem, Problems, Result};
use crate::input;
use crate::scenario::BUILTIN;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value as Json;
use std::path::Path;

/// From longitude and latitude to the map; `None` outside of the projection.
pub type Project<'a> = &'a dyn Fn([f64; 2]) -> Option<[f64; 2]>;

/// Most problems that are told.
const MOST_PROBLEMS: usize = 20;

/// Buildings that the binary carries with it.
const BUILTINS: [(&str, &str); 1] = [(
    "city-grid",
    include_str!("../../assets/grid1200x1600.poly.add.xml"),
)];

/// Reads the walls of what `[channel] buildings` names: a file, or `builtin:NAME`.
///
/// # Errors
/// As for [`load`]; a name that is not built in.
pub fn named(name: &str, project: Option<Project<'_>>) -> Result<Buildings> {
    let Some(known) = name.strip_prefix(BUILTIN) else {
        return load(Path::new(name), project);
    };
    match BUILTINS.iter().find(|(found, _)| *found == known) {
        Some((_, text)) => parse(name, text, None),
        None => {
            let message = format!("must be {BUILTIN}{}, or a file", BUILTINS[0].0);
            Err(Error::invalid(name, None, "", message))
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    const SUMO: &str = r#"<additional>
<poly id="a" type="building.yes" shape="0,0 10,0 10,10 0,10"/>
<poly id="b" type="water" shape="0,0 1,0"/>
<poly id="c" type="building" shape="20,0,3 30,0,3 30,10,3"><param key="height" value="9"/></poly>
</additional>"#;

    fn problem(text: &str) -> String {
        parse("b", text, None).unwrap_err().to_string()
    }

    #[test]
    fn closed_form_buildings_of_sumo_and_geojson() {
        let walls = parse("b", SUMO, None).unwrap();
        assert_eq!(walls.len(), 7);
        assert!(walls.block([-5.0, 5.0], [40.0, 5.0]));
        assert!(!walls.block([-5.0, 15.0], [40.0, 15.0]));
        let json = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"MultiPolygon",
            "coordinates":[[[[0,0],[10,0],[10,10],[0,10],[0,0]]]]}},{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]}}]}"#;
        let walls = parse("b", json, None).unwrap();
        assert!(walls.block([-5.0, 5.0], [40.0, 5.0]));
        let shifted = parse("b", json, Some(&|[x, y]| Some([x + 100.0, y]))).unwrap();
        assert!(!shifted.block([-5.0, 5.0], [40.0, 5.0]));
        assert_eq!(named("builtin:city-grid", None).unwrap().len(), 4 * 48);
    }

    #[test]
    fn closed_form_problems_of_polygons_by_name() {
        for (text, expected) in [
            ("x", "must be SUMO polygons"),
            ("<additional/>", "must have a building"),
            (
                "<additional><poly type=\"building\" shape=\"0,0 1,1\"/></additional>",
                "at least 3 corners, got 2",
            ),
            (
                "<additional>\n<poly type=\"building\" shape=\"0,0 1,a 2,2\"/></additional>",
                "b:2: poly.shape: expected corners",
            ),
            (
                "<additional>\n<poly type=\"building\"/></additional>",
                "b:2: poly.shape: missing",
            ),
            (
                "<additional>\n<poly type=\"building\" geo=\"1\" shape=\"0,0 1,0 1,1\"/></additional>",
                "poly.geo: must be in metres",
            ),
            ("<additional><poly></additional>", "is not well-formed"),
            ("<additional>", "is truncated"),
            ("{", "is not well-formed"),
            (
                "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,\"a\"],[1,1]]]}",
                "expected corners as [x, y]",
            ),
        ] {
            let found = problem(text);
            assert!(found.contains(expected), "{expected} in {found}");
        }
        assert!(named("builtin:mars", None).is_err());
    }

    /// Every byte of a file changed or cut off: an error or another map, never a panic.
    #[test]
    fn property_damaged_files_never_panic() {
        for i in 0..SUMO.len() {
            let _ = parse("b", &SUMO[..i], None);
            for byte in [b'<', b'"', b'9', b' '] {
                let mut bytes = SUMO.as_bytes().to_vec();
                bytes[i] = byte;
                let _ = parse("b", &String::from_utf8(bytes).unwrap(), None);
            }
        }
    }
}
