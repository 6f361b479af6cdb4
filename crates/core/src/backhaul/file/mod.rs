//! Backhaul graphs from GraphML, GML, SNDlib's XML and the JSON of networkx and topohub.
//!
//! All name nodes by an id and links by the ids of their ends. Which names of lengths and rates are read
//! stands in `docs/topologies.md`. Coordinates are kept as they are: they may be degrees or metres, and no
//! run uses them.

mod attributes;
mod draft;
mod gml;
mod graphml;
mod json;
mod sndlib;

use crate::{Error, Result, input};
use attributes::Place;
use draft::Draft;
use std::collections::BTreeSet;
use std::path::Path;

/// A backhaul graph as its file has it; several links of one pair are all kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// The nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// The links, in the order of the file.
    pub links: Vec<TopologyLink>,
    /// Links of a node to itself that were left out.
    pub self_loops: usize,
    /// Names of what links carry besides, and nothing reads.
    pub unread: BTreeSet<String>,
}

/// A node of a backhaul file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique id.
    pub id: String,
    /// Label; the id where there is none.
    pub name: String,
    /// First coordinate (longitude or x), where given, in the file's unit.
    pub x: Option<f64>,
    /// Second coordinate (latitude or y).
    pub y: Option<f64>,
}

/// A link of a backhaul file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopologyLink {
    /// One end: index into the nodes.
    pub a: u32,
    /// The other end.
    pub b: u32,
    /// Length \[m\], where given.
    pub length_m: Option<f64>,
    /// Rate \[bit/s\], where given.
    pub rate_bps: Option<f64>,
}

impl Topology {
    /// Reads a file; its content tells the format.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Invalid`] with every problem of the file.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let bytes = input::read(path)?;
        let text = text_of(bytes).map_err(|m| Error::invalid(&file, None, "", m))?;
        Self::parse(&text, &file)
    }

    /// Parses the text of `file`, which is only a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem of the text.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let mut draft = Draft::new(file);
        let text = text.trim_start_matches('\u{feff}');
        match text.trim_start().chars().next() {
            Some('<') if sndlib::is(text) => sndlib::read(&mut draft, text),
            Some('<') => graphml::read(&mut draft, text),
            Some('{') => json::read(&mut draft, text),
            Some(_) if gml::is(text) => gml::read(&mut draft, text),
            _ => draft.wrong(
                &Place::default(),
                "is neither GraphML (XML) nor a JSON object, nor GML, nor SNDlib's XML",
            ),
        }
        draft.check()
    }

    /// A summary of the links, for people.
    #[must_use]
    pub fn report(&self) -> String {
        let count = self.links.len();
        let mut out = format!("{} nodes, {count} links", self.nodes.len());
        let rates = self.links.iter().filter_map(|link| link.rate_bps);
        out += &share("a rate", count, rates, "bit/s");
        let lengths = self.links.iter().filter_map(|link| link.length_m);
        out += &share("a length", count, lengths, "m");
        if self.self_loops > 0 {
            out += &format!("; left out: {} of a node to itself", self.self_loops);
        }
        if !self.unread.is_empty() {
            let names: Vec<_> = self.unread.iter().take(20).map(String::as_str).collect();
            out += &format!("; not read: {}", names.join(", ").escape_debug());
        }
        out
    }
}

/// How many of the links have a value, and from what to what.
fn share(what: &str, of: usize, values: impl Iterator<Item = f64>, unit: &str) -> String {
    let (mut count, mut least, mut most) = (0, f64::INFINITY, f64::NEG_INFINITY);
    for value in values {
        count += 1;
        (least, most) = (least.min(value), most.max(value));
    }
    match count {
        0 => format!(", 0 of {of} with {what}"),
        _ if least >= most => format!(", {count} of {of} with {what} ({least} {unit})"),
        _ => format!(", {count} of {of} with {what} ({least} to {most} {unit})"),
    }
}

/// The text of a file in UTF-8, or in ISO-8859-1 where its XML declares that.
fn text_of(bytes: Vec<u8>) -> std::result::Result<String, String> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let declared = start
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .and_then(|(declaration, _)| declaration.split_once("encoding="))
        .and_then(|(_, value)| value.split(['"', '\'']).nth(1));
    match declared {
        Some("iso-8859-1" | "latin1" | "latin-1") => {
            return Ok(bytes.into_iter().map(char::from).collect());
        }
        Some("utf-8" | "utf8" | "us-ascii" | "ascii") | None => {}
        Some(other) => {
            let other = other.escape_default();
            return Err(format!("declares {other}; UTF-8 and ISO-8859-1 are read"));
        }
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is UTF-16 text: convert it to UTF-8".into());
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Err("is compressed by gzip: unpack it".into());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // GML is Latin-1 by its definition, and declares nothing
        Err(error) if gml::is(&String::from_utf8_lossy(error.as_bytes())) => {
            Ok(error.into_bytes().into_iter().map(char::from).collect())
        }
        Err(_) => Err("is not UTF-8 text".into()),
    }
}
