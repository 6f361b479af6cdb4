//! Reader of SUMO's FCD as XML: `fcd-export / timestep[time] / vehicle[id, x, y, type]`.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::error::{Error, Result};
use crate::mobility::trace::bytes::Text;
use crate::mobility::trace::step::{Input, Place, Step, StepReader, Traits, shown};

pub(super) struct XmlSteps {
    input: Input,
    reader: Reader<Text>,
    buffer: Vec<u8>,
    /// Elements open around the current place.
    depth: usize,
    /// The root element is closed: the trace is complete.
    closed: bool,
}

pub(super) fn open(mut input: Input, text: Text) -> Result<Box<dyn StepReader>> {
    input.found.format = "SUMO FCD as XML".into();
    Ok(Box::new(XmlSteps {
        input,
        reader: Reader::from_reader(text),
        buffer: Vec::new(),
        depth: 0,
        closed: false,
    }))
}

impl StepReader for XmlSteps {
    fn next_step(&mut self, step: &mut Step) -> Result<bool> {
        loop {
            self.buffer.clear();
            self.reader.get_mut().renew();
            let place = Place::Line(self.reader.get_ref().line());
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => return Err(unreadable(&self.input, place, &error)),
            };
            match event {
                Event::Start(tag) => {
                    open_tag(&mut self.input, place, self.depth, self.closed, &tag, step)?;
                    self.depth += 1;
                    self.reader.get_mut().begin_body();
                }
                Event::Empty(tag) => {
                    open_tag(&mut self.input, place, self.depth, self.closed, &tag, step)?;
                    self.closed |= self.depth == 0;
                    if tag.name().as_ref() == "timestep" {
                        return Ok(true);
                    }
                }
                // the parser has checked that it closes the element open last
                Event::End(tag) => {
                    self.depth -= 1;
                    self.closed |= self.depth == 0;
                    if tag.name().as_ref() == "timestep" {
                        step.finish(&self.input)?;
                        return Ok(true);
                    }
                }
                Event::Comment(text) if self.depth == 0 => {
                    let told = |value| text.contains(&format!("fcd-output.geo value=\"{value}\""));
                    if told("true") || told("1") {
                        self.input.found.degrees = Some(true);
                    }
                }
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                Event::Text(text) => {
                    let message = format!("expected an element, got {}", shown(text.as_bytes()));
                    return Err(self.input.bad(place, "", message));
                }
                Event::Eof if self.closed => return Ok(false),
                Event::Eof => {
                    let message = "cut off: the file ends before </fcd-export>";
                    return Err(self.input.bad(place, "", message));
                }
                _ => {}
            }
        }
    }

    fn input(&mut self) -> &mut Input {
        &mut self.input
    }
}

/// Takes up an opening tag where it stands.
fn open_tag(
    input: &mut Input,
    place: Place,
    depth: usize,
    closed: bool,
    tag: &BytesStart<'_>,
    step: &mut Step,
) -> Result<()> {
    let name = tag.name();
    // persons and containers are not vehicles: passed over with all they hold
    match (depth, name.as_ref()) {
        (0, "fcd-export") if !closed => Ok(()),
        (1, "timestep") => {
            let mut time = None;
            attributes(input, place, tag, [("time", &mut time)])?;
            let text = required(input, place, "timestep.time", time)?;
            let time_s = input.instant(place, "timestep.time", text.as_bytes())?;
            input.tick(place, "timestep.time", time_s)?;
            step.begin(time_s);
            Ok(())
        }
        (2, "vehicle") => vehicle(input, place, tag, step),
        (_, "person" | "container") => {
            if input.rules.count {
                let mut id = None;
                attributes(input, place, tag, [("id", &mut id)])?;
                input.leave_out(id.unwrap_or_default().as_bytes());
            }
            Ok(())
        }
        (0 | 1, other) | (_, other @ ("fcd-export" | "timestep" | "vehicle")) => {
            let expected = match depth {
                0 if closed => "nothing after </fcd-export>",
                0 => "<fcd-export>",
                1 => "<timestep>",
                _ => "no such element here",
            };
            let got = shown(other.as_bytes());
            Err(input.bad(place, "", format!("expected {expected}, got element {got}")))
        }
        _ => Ok(()),
    }
}

fn vehicle(input: &mut Input, place: Place, tag: &BytesStart<'_>, step: &mut Step) -> Result<()> {
    let (mut id, mut x, mut y, mut kind) = (None, None, None, None);
    attributes(
        input,
        place,
        tag,
        [
            ("id", &mut id),
            ("x", &mut x),
            ("y", &mut y),
            ("type", &mut kind),
        ],
    )?;
    let id = required(input, place, "vehicle.id", id)?;
    if !input.rules.vehicle_types.is_empty() {
        required(input, place, "vehicle.type", kind.clone())?;
    }
    let row = Traits {
        id: id.as_bytes(),
        kind: kind.as_ref().map(|kind| kind.as_bytes()),
        lane: None,
        edge: None,
    };
    if !input.takes(row) {
        return Ok(());
    }
    let x = required(input, place, "vehicle.x", x)?;
    let y = required(input, place, "vehicle.y", y)?;
    let x_m = input.number(place, "vehicle.x", x.as_bytes())?;
    let y_m = input.number(place, "vehicle.y", y.as_bytes())?;
    input.add(step, row, [x_m, y_m], place)
}

type Value<'a> = Option<Cow<'a, str>>;

/// Finds the wanted attributes. All are looked at, so that a damaged tag is not taken for a whole one.
fn attributes<'a, const N: usize>(
    input: &Input,
    place: Place,
    tag: &'a BytesStart<'_>,
    mut wanted: [(&str, &mut Value<'a>); N],
) -> Result<()> {
    // the check for duplicates is quadratic; the one below covers what is used
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| input.bad(place, "", error.to_string()))?;
        let name = attribute.key.as_ref();
        let Some((_, value)) = wanted.iter_mut().find(|(wanted, _)| *wanted == name) else {
            continue;
        };
        if value.is_some() {
            return Err(input.bad(place, name, "must be given once, got it twice"));
        }
        **value = Some(if attribute.value.as_bytes().contains(&b'&') {
            let text = attribute.normalized_value(XmlVersion::Explicit1_0);
            text.map_err(|error| input.bad(place, name, error.to_string()))?
        } else {
            attribute.value
        });
    }
    Ok(())
}

fn required<'a>(input: &Input, place: Place, path: &str, value: Value<'a>) -> Result<Cow<'a, str>> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| input.bad(place, path, "must be given, got nothing"))
}

fn unreadable(input: &Input, place: Place, error: &quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(error) => input.unreadable(place, error),
        quick_xml::Error::Syntax(error) => {
            input.bad(place, "", format!("cut off or damaged: {error}"))
        }
        _ => input.bad(place, "", error.to_string()),
    }
}
