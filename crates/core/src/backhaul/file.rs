//! Backhaul graphs from GraphML and from the JSON of topohub.
//!
//! Both name nodes by an id and links by the ids of their ends. Lengths come under several names, in
//! kilometres or metres ([`LENGTHS`]); rates are optional ([`RATES`]); coordinates are kept as they are,
//! for they may be degrees or metres.

use crate::{Error, Problem, Problems, Result};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A backhaul graph as its file has it; several links of one pair are all kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// The nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// The links, in the order of the file.
    pub links: Vec<TopologyLink>,
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

/// Names of a link's length, lower case, with the metres in one unit.
const LENGTHS: [(&str, f64); 5] = [
    ("linklengthkm", 1000.0),
    ("length_km", 1000.0),
    ("dist_km", 1000.0),
    ("dist", 1000.0),
    ("length_m", 1.0),
];

/// Names of a link's rate in bit/s, lower case.
const RATES: [&str; 2] = ["rate_bps", "linkspeedraw"];

/// Names of a node's label and coordinates, lower case.
const LABELS: [&str; 2] = ["label", "name"];
const XS: [&str; 2] = ["longitude", "x"];
const YS: [&str; 2] = ["latitude", "y"];

impl Topology {
    /// Reads a GraphML or JSON file; its first character tells which.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Invalid`] with every problem of the file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let file = path.display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&text, &file),
            Err(_) => Err(Error::invalid(file, None, "", "is not UTF-8 text")),
        }
    }

    /// Parses the text of `file`, which is only a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem of the text.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let mut draft = Draft::new(file);
        let text = text.trim_start_matches('\u{feff}');
        match text.trim_start().chars().next() {
            Some('<') => draft.graphml(text),
            Some('{') => draft.json(text),
            _ => draft.wrong(
                &Place::default(),
                "is neither GraphML (XML) nor a JSON object",
            ),
        }
        draft.check()
    }
}

/// Where something stands in the file: a line of GraphML, a path of JSON.
#[derive(Clone, Debug, Default)]
struct Place {
    line: Option<usize>,
    path: String,
}

impl Place {
    fn line(line: usize) -> Self {
        Self {
            line: Some(line),
            path: String::new(),
        }
    }

    fn path(path: impl Into<String>) -> Self {
        Self {
            line: None,
            path: path.into(),
        }
    }
}

/// A link whose ends are still names.
struct NamedLink {
    ends: [String; 2],
    link: TopologyLink,
    place: Place,
}

/// What has been read so far, wrong or not.
struct Draft<'a> {
    file: &'a str,
    nodes: Vec<(Node, Place)>,
    links: Vec<NamedLink>,
    problems: Problems,
}

impl<'a> Draft<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            nodes: Vec::new(),
            links: Vec::new(),
            problems: Problems::default(),
        }
    }

    fn wrong(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Problem {
            file: self.file.into(),
            line: place.line,
            path: place.path.clone(),
            message: message.into(),
        });
    }

    /// Resolves the names; a text that could not be read to its end is not judged any further.
    fn check(mut self) -> Result<Topology> {
        if !self.problems.0.is_empty() {
            return self.problems.into_result(Topology::default());
        }
        if self.nodes.is_empty() {
            self.wrong(&Place::default(), "has no nodes");
        }
        let mut rows: BTreeMap<String, u32> = BTreeMap::new();
        let nodes = std::mem::take(&mut self.nodes);
        for (row, (node, place)) in (0..).zip(&nodes) {
            if rows.insert(node.id.clone(), row).is_some() {
                self.wrong(place, format!("node id {:?} occurs twice", node.id));
            }
        }

        let mut linked = vec![false; nodes.len()];
        let mut links = Vec::with_capacity(self.links.len());
        for NamedLink { ends, link, place } in std::mem::take(&mut self.links) {
            let [a, b] = ends.each_ref().map(|id| {
                let row = rows.get(id).copied();
                match row {
                    Some(row) => linked[row as usize] = true,
                    None => self.wrong(&place, format!("there is no node {id:?}")),
                }
                row
            });
            let (Some(a), Some(b)) = (a, b) else { continue };
            if a == b {
                self.wrong(&place, format!("links node {:?} to itself", ends[0]));
            }
            links.push(TopologyLink { a, b, ..link });
        }
        if nodes.len() > 1 {
            for ((node, place), _) in nodes.iter().zip(&linked).filter(|(_, linked)| !**linked) {
                self.wrong(
                    place,
                    format!(
                        "node {:?} has no link: no task could be migrated to or from its RSU",
                        node.id
                    ),
                );
            }
        }
        let nodes = nodes.into_iter().map(|(node, _)| node).collect();
        self.problems.into_result(Topology { nodes, links })
    }

    /// A number of the file, in the unit that `scale` turns into SI.
    fn length(&mut self, value: f64, scale: f64, place: &Place) -> Option<f64> {
        let ok = value.is_finite() && value >= 0.0;
        if !ok {
            self.wrong(place, format!("length must be >= 0, got {value}"));
        }
        ok.then_some(value * scale)
    }

    fn rate(&mut self, value: f64, place: &Place) -> Option<f64> {
        let ok = value.is_finite() && value > 0.0;
        if !ok {
            self.wrong(place, format!("rate must be > 0, got {value}"));
        }
        ok.then_some(value)
    }

    fn coordinate(&mut self, value: f64, place: &Place) -> Option<f64> {
        if !value.is_finite() {
            self.wrong(place, format!("coordinate must be finite, got {value}"));
        }
        value.is_finite().then_some(value)
    }

    /// What a link's attributes say, looked up by lower-case name.
    fn link(
        &mut self,
        ends: [String; 2],
        place: Place,
        number: impl Fn(&mut Self, &str) -> Option<(f64, Place)>,
    ) {
        let mut link = TopologyLink {
            a: 0,
            b: 0,
            length_m: None,
            rate_bps: None,
        };
        for (name, scale) in LENGTHS {
            if let Some((value, place)) = number(self, name) {
                link.length_m = self.length(value, scale, &place);
                break;
            }
        }
        for name in RATES {
            if let Some((value, place)) = number(self, name) {
                link.rate_bps = self.rate(value, &place);
                break;
            }
        }
        self.links.push(NamedLink { ends, link, place });
    }

    /// Reads GraphML.
    fn graphml(&mut self, text: &str) {
        let mut reader = Reader::from_str(text);
        let mut lines = Lines::new(text);
        let mut scan = GraphMl::default();
        loop {
            let begin = lines.at(reader.buffer_position());
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => {
                    if let Err(message) = scan.event(self, &event, begin) {
                        return self.wrong(&Place::line(begin), message);
                    }
                }
                Err(e) => {
                    let line = lines.at(reader.error_position());
                    return self.wrong(&Place::line(line), format!("is not well-formed: {e}"));
                }
            }
        }
        if let Some((name, line)) = scan.open.pop() {
            self.wrong(
                &Place::line(line),
                format!("is truncated: <{name}> is never closed"),
            );
        } else if scan.graphs != 1 {
            self.wrong(
                &Place::default(),
                format!("must hold one <graph>, got {}", scan.graphs),
            );
        }
    }

    /// Reads the JSON form: `{"nodes": [{id, name, pos}], "links": [{source, target, dist_km}]}`.
    fn json(&mut self, text: &str) {
        let root: Value = match serde_json::from_str(text) {
            Ok(root) => root,
            Err(e) => {
                let place = Place {
                    line: Some(e.line()),
                    path: "$".into(),
                };
                return self.wrong(&place, format!("is not JSON: {e}"));
            }
        };
        for (i, node) in self.array(&root, "nodes").iter().enumerate() {
            let at = format!("$.nodes[{i}]");
            if let Some(id) = self.id(node, &at, "id") {
                self.json_node(id, node, &at);
            }
        }
        // NetworkX writes either, by its version.
        let key = ["links", "edges"]
            .into_iter()
            .find(|&key| root.get(key).is_some());
        let key = key.unwrap_or("links");
        for (i, link) in self.array(&root, key).iter().enumerate() {
            let at = format!("$.{key}[{i}]");
            let ends = (self.id(link, &at, "source"), self.id(link, &at, "target"));
            if let (Some(a), Some(b)) = ends {
                self.link([a, b], Place::path(&at), |draft, name| {
                    let value = link.get(name)?;
                    let place = Place::path(format!("{at}.{name}"));
                    draft.number(value, &place).map(|x| (x, place))
                });
            }
        }
    }

    fn json_node(&mut self, id: String, node: &Value, at: &str) {
        let pos = Place::path(format!("{at}.pos"));
        let mut xy = [None, None];
        match node.get("pos") {
            None => {}
            Some(Value::Array(given)) if given.len() == 2 => {
                for (to, value) in xy.iter_mut().zip(given) {
                    *to = self.number(value, &pos);
                }
            }
            Some(other) => self.wrong(&pos, format!("must be [x, y], got {other}")),
        }
        let name = LABELS.iter().find_map(|&key| node.get(key)?.as_str());
        let name = name.unwrap_or(&id).to_owned();
        let [x, y] = xy;
        self.nodes.push((Node { id, name, x, y }, Place::path(at)));
    }

    fn array<'v>(&mut self, root: &'v Value, key: &str) -> &'v [Value] {
        match root.get(key) {
            Some(Value::Array(items)) => items,
            _ => {
                self.wrong(&Place::path(format!("$.{key}")), "must be an array");
                &[]
            }
        }
    }

    /// An id: a string, or a whole number as some writers have it.
    fn id(&mut self, of: &Value, at: &str, key: &str) -> Option<String> {
        let id = match of.get(key) {
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Some(id.to_string()),
            _ => None,
        };
        if id.is_none() {
            let place = Place::path(format!("{at}.{key}"));
            self.wrong(&place, "must be a string or a whole number");
        }
        id
    }

    fn number(&mut self, value: &Value, place: &Place) -> Option<f64> {
        let number = value.as_f64();
        if number.is_none() {
            self.wrong(place, format!("must be a number, got {value}"));
        }
        number
    }
}

/// Line numbers of ascending positions in a text.
struct Lines<'a> {
    text: &'a [u8],
    position: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            position: 0,
            line: 1,
        }
    }

    fn at(&mut self, position: u64) -> usize {
        let to = usize::try_from(position).map_or(self.text.len(), |p| p.min(self.text.len()));
        if to > self.position {
            let passed = &self.text[self.position..to];
            self.line += passed.iter().filter(|&&b| b == b'\n').count();
            self.position = to;
        }
        self.line
    }
}

/// What a `<key>` declares.
#[derive(Default)]
struct Key {
    name: String,
    default: Option<String>,
}

/// A `<node>` or `<edge>` being read.
struct Element {
    /// One id of a node, two of an edge.
    ids: Vec<String>,
    line: usize,
    /// Values by lower-case attribute name, with their lines.
    data: BTreeMap<String, (String, usize)>,
}

/// State of a GraphML scan.
#[derive(Default)]
struct GraphMl {
    open: Vec<(String, usize)>,
    graphs: usize,
    /// `(for, id)` to what it declares.
    keys: BTreeMap<(String, String), Key>,
    /// The key being declared.
    declared: Option<(String, String)>,
    element: Option<Element>,
    /// Key id and line of the `<data>` being read.
    data: Option<(String, usize)>,
    text: String,
}

impl GraphMl {
    /// Takes one event in; the message of an error says what makes the rest unreadable.
    fn event(
        &mut self,
        draft: &mut Draft<'_>,
        event: &Event<'_>,
        line: usize,
    ) -> std::result::Result<(), String> {
        match event {
            Event::Start(tag) => {
                let name = tag.local_name().into_inner().to_owned();
                self.begin(&name, tag, line)?;
                self.open.push((name, line));
            }
            Event::Empty(tag) => {
                let name = tag.local_name().into_inner().to_owned();
                self.begin(&name, tag, line)?;
                self.end(draft, &name);
            }
            Event::End(tag) => {
                self.open.pop();
                self.end(draft, tag.local_name().into_inner());
            }
            Event::Text(text) => self.text.push_str(&text.xml10_content()),
            Event::CData(text) => self.text.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let raw = format!("&{};", entity.xml10_content());
                let text = quick_xml::escape::unescape(&raw).map_err(|e| e.to_string())?;
                self.text.push_str(&text);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        name: &str,
        tag: &BytesStart<'_>,
        line: usize,
    ) -> std::result::Result<(), String> {
        if self.open.is_empty() && name != "graphml" {
            return Err(format!("must be <graphml>, got <{name}>"));
        }
        self.text.clear();
        match name {
            "graph" => self.graphs += 1,
            "key" => {
                let key = (attribute(tag, "for")?, attribute(tag, "id")?);
                let name = attribute(tag, "attr.name")?.to_lowercase();
                self.keys.insert(
                    key.clone(),
                    Key {
                        name,
                        default: None,
                    },
                );
                self.declared = Some(key);
            }
            "hyperedge" => return Err("<hyperedge> is not supported: a link has two ends".into()),
            "node" | "edge" if self.element.is_some() => {
                return Err(format!("<{name}> inside a node or edge is not supported"));
            }
            "node" => self.element = Some(Element::new(vec![attribute(tag, "id")?], line)),
            "edge" => {
                let ends = vec![attribute(tag, "source")?, attribute(tag, "target")?];
                self.element = Some(Element::new(ends, line));
            }
            "data" => self.data = Some((attribute(tag, "key")?, line)),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, draft: &mut Draft<'_>, name: &str) {
        let text = std::mem::take(&mut self.text);
        match name {
            "default" => {
                if let Some(key) = self.declared.as_ref().and_then(|k| self.keys.get_mut(k)) {
                    key.default = Some(text.trim().to_owned());
                }
            }
            "key" => self.declared = None,
            "data" => self.end_data(draft, name_of(&self.open), text.trim()),
            "node" => {
                if let Some(mut node) = self.element.take() {
                    node.fill_defaults("node", &self.keys);
                    node.into_node(draft);
                }
            }
            "edge" => {
                if let Some(mut edge) = self.element.take() {
                    edge.fill_defaults("edge", &self.keys);
                    edge.into_link(draft);
                }
            }
            _ => {}
        }
    }

    /// Files a `<data>` under the name that its key declares for elements called `of`.
    fn end_data(&mut self, draft: &mut Draft<'_>, of: String, text: &str) {
        let Some((key, line)) = self.data.take() else {
            return;
        };
        let Some(element) = self.element.as_mut() else {
            return;
        };
        let declared = [of.as_str(), "all"]
            .iter()
            .find_map(|scope| self.keys.get(&((*scope).to_owned(), key.clone())));
        match declared {
            Some(declared) => {
                let value = (text.to_owned(), line);
                element.data.insert(declared.name.clone(), value);
            }
            None => draft.wrong(
                &Place::line(line),
                format!("there is no <key> {key:?} for {of}"),
            ),
        }
    }
}

/// Name of the innermost open element.
fn name_of(open: &[(String, usize)]) -> String {
    open.last()
        .map_or_else(String::new, |(name, _)| name.clone())
}

impl Element {
    fn new(ids: Vec<String>, line: usize) -> Self {
        Self {
            ids,
            line,
            data: BTreeMap::new(),
        }
    }

    fn fill_defaults(&mut self, of: &str, keys: &BTreeMap<(String, String), Key>) {
        for ((scope, _), key) in keys {
            if let Some(default) = &key.default
                && (scope == of || scope == "all")
            {
                self.data
                    .entry(key.name.clone())
                    .or_insert_with(|| (default.clone(), self.line));
            }
        }
    }

    fn number(&self, draft: &mut Draft<'_>, name: &str) -> Option<(f64, Place)> {
        let (text, line) = self.data.get(name)?;
        let place = Place::line(*line);
        match text.parse() {
            Ok(number) => Some((number, place)),
            Err(_) => {
                draft.wrong(&place, format!("{name} must be a number, got {text:?}"));
                None
            }
        }
    }

    fn into_node(self, draft: &mut Draft<'_>) {
        let [x, y] = [XS, YS].map(|names| {
            let (value, place) = names.iter().find_map(|name| self.number(draft, name))?;
            draft.coordinate(value, &place)
        });
        let label = LABELS.iter().find_map(|&name| self.data.get(name));
        let id = self.ids[0].clone();
        let name = label.map_or_else(|| id.clone(), |(text, _)| text.clone());
        let place = Place::line(self.line);
        draft.nodes.push((Node { id, name, x, y }, place));
    }

    fn into_link(self, draft: &mut Draft<'_>) {
        let ends = [self.ids[0].clone(), self.ids[1].clone()];
        draft.link(ends, Place::line(self.line), |draft, name| {
            self.number(draft, name)
        });
    }
}

/// A required attribute.
fn attribute(tag: &BytesStart<'_>, name: &str) -> std::result::Result<String, String> {
    let found = tag.try_get_attribute(name).map_err(|e| e.to_string())?;
    let Some(found) = found else {
        let element = tag.name().into_inner();
        return Err(format!("<{element}> needs the attribute {name:?}"));
    };
    let value = found
        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
        .map_err(|e| e.to_string())?;
    Ok(value.into_owned())
}
