//! Reader of GPX: `gpx / trk / trkseg / trkpt[lat, lon] / time`; every track is a vehicle.

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::Result;
use crate::mobility::trace::bytes::Text;
use crate::mobility::trace::fixes::Gathered;
use crate::mobility::trace::step::{Input, Place, StepReader, Traits};
use crate::mobility::trace::tracks::{STEP_S, TOO_MANY_FIXES, Tracks};

/// Whether the root element is GPX's.
pub(super) fn is(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let root = text
        .split('<')
        .skip(1)
        .find(|tag| !tag.starts_with(['?', '!']));
    root.is_some_and(|tag| {
        tag.starts_with("gpx ") || tag.starts_with("gpx>") || tag.starts_with("gpx\n")
    })
}

#[derive(Default)]
struct Scan {
    fixes: Gathered,
    names: BTreeSet<String>,
    /// Name of the track that is open.
    name: String,
    tracks: usize,
    /// Elements that are open.
    open: Vec<String>,
    point: Option<[f64; 2]>,
    text: String,
}

pub(super) fn open(mut input: Input, text: Text) -> Result<Box<dyn StepReader>> {
    input.found.format = "GPX".into();
    input.found.degrees = Some(true);
    let mut reader = Reader::from_reader(text);
    let mut buffer = Vec::new();
    let mut scan = Scan::default();
    loop {
        buffer.clear();
        reader.get_mut().renew();
        let place = Place::Line(reader.get_ref().line());
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(quick_xml::Error::Io(error)) => return Err(input.unreadable(place, &error)),
            Err(error) => {
                return Err(input.bad(place, "", format!("cut off or damaged: {error}")));
            }
        };
        match event {
            Event::Start(tag) => {
                scan.begin(&input, place, &tag)?;
                scan.open.push(tag.local_name().into_inner().to_owned());
            }
            Event::Empty(tag) => {
                scan.begin(&input, place, &tag)?;
                scan.end(&mut input, place, tag.local_name().into_inner())?;
            }
            Event::Text(text) => scan.text.push_str(&text.xml10_content()),
            Event::CData(text) => scan.text.push_str(&text.xml10_content()),
            Event::End(tag) => {
                scan.open.pop();
                scan.end(&mut input, place, tag.local_name().into_inner())?;
            }
            Event::Eof if scan.open.is_empty() => break,
            Event::Eof => {
                return Err(input.bad(place, "", "cut off: the file ends before </gpx>"));
            }
            _ => {}
        }
    }
    let step_s = input.rules.resample_s.unwrap_or(STEP_S);
    Ok(Box::new(Tracks::new(input, scan.fixes, step_s)?))
}

impl Scan {
    fn begin(&mut self, input: &Input, place: Place, tag: &BytesStart<'_>) -> Result<()> {
        self.text.clear();
        match tag.local_name().into_inner() {
            "trk" => {
                self.tracks += 1;
                self.name = self.unused(format!("track {}", self.tracks));
            }
            "trkpt" => {
                let degrees = |name: &str| {
                    let value = tag.try_get_attribute(name).ok().flatten();
                    let value = value
                        .map(|value| value.value.into_owned())
                        .unwrap_or_default();
                    input.number(place, &format!("trkpt.{name}"), value.as_bytes())
                };
                self.point = Some([degrees("lon")?, degrees("lat")?]);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, input: &mut Input, place: Place, name: &str) -> Result<()> {
        let inside = self.open.last().map(String::as_str);
        match (name, inside) {
            ("name", Some("trk")) => {
                let name = self.text.trim().to_owned();
                if !name.is_empty() {
                    self.name = self.unused(name);
                }
            }
            ("time", Some("trkpt")) => {
                let time_s = input.instant(place, "trkpt.time", self.text.as_bytes())?;
                let id = self.name.as_bytes();
                if let Some([x, y]) = self.point.take()
                    && input.takes(Traits {
                        id,
                        ..Traits::default()
                    })
                    && !self.fixes.add(id, time_s, x, y)
                {
                    return Err(input.bad(place, "", TOO_MANY_FIXES));
                }
            }
            ("trkpt", _) if self.point.take().is_some() => {
                return Err(input.bad(place, "trkpt", "must have a <time>, got none"));
            }
            _ => {}
        }
        Ok(())
    }

    /// A name that no track before has.
    fn unused(&mut self, name: String) -> String {
        let name = if self.names.contains(&name) {
            format!("{name} ({})", self.tracks)
        } else {
            name
        };
        self.names.insert(name.clone());
        name
    }
}
