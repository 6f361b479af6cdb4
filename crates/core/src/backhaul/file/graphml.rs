//! GraphML, as networkx, yEd, igraph and Neo4j write it.

use super::attributes::{Given, Place};
use super::draft::Draft;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;

pub(super) fn read(draft: &mut Draft<'_>, text: &str) {
    let mut reader = Reader::from_str(text);
    let mut lines = Lines::new(text);
    let mut scan = GraphMl::default();
    loop {
        let begin = lines.at(reader.buffer_position());
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => {
                if let Err(message) = scan.event(draft, &event, begin) {
                    return draft.wrong(&Place::line(begin), message);
                }
            }
            Err(e) => {
                let line = lines.at(reader.error_position());
                return draft.wrong(&Place::line(line), format!("is not well-formed: {e}"));
            }
        }
    }
    if let Some((name, line)) = scan.open.pop() {
        draft.wrong(
            &Place::line(line),
            format!("is truncated: <{name}> is never closed"),
        );
    } else if scan.graphs != 1 {
        draft.wrong(
            &Place::default(),
            format!("must hold one <graph>, got {}", scan.graphs),
        );
    }
}

/// Line numbers of ascending positions in a text.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    position: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            position: 0,
            line: 1,
        }
    }

    pub(super) fn at(&mut self, position: u64) -> usize {
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
    /// Values by the name of their attribute, with their lines.
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
                // the schema's default
                let of = optional(tag, "for")?.unwrap_or_else(|| "all".into());
                let key = (of, attribute(tag, "id")?);
                // a key without a name is a program's own, such as yEd's drawings
                let name = optional(tag, "attr.name")?.unwrap_or_default();
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
            "data" => self.end_data(&name_of(&self.open), text.trim()),
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
    fn end_data(&mut self, of: &str, text: &str) {
        let Some((key, line)) = self.data.take() else {
            return;
        };
        let Some(element) = self.element.as_mut() else {
            return;
        };
        let declared = [of, "all"]
            .iter()
            .find_map(|scope| self.keys.get(&((*scope).to_owned(), key.clone())));
        // an empty value is none
        if let Some(declared) = declared
            && !declared.name.is_empty()
            && !text.is_empty()
        {
            let value = (text.to_owned(), line);
            element.data.insert(declared.name.clone(), value);
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
                && !key.name.is_empty()
                && (scope == of || scope == "all")
            {
                self.data
                    .entry(key.name.clone())
                    .or_insert_with(|| (default.clone(), self.line));
            }
        }
    }

    /// A value by the lower-case name of its attribute.
    fn get(&self, name: &str) -> Option<(Given, Place)> {
        let named = self.data.iter().find(|(key, _)| key.to_lowercase() == name);
        let (_, (text, line)) = named?;
        Some((Given::Text(text.clone()), Place::line(*line)))
    }

    fn into_node(self, draft: &mut Draft<'_>) {
        draft.node(self.ids[0].clone(), Place::line(self.line), |name| {
            self.get(name).map(|(given, _)| given)
        });
    }

    fn into_link(self, draft: &mut Draft<'_>) {
        let ends = [self.ids[0].clone(), self.ids[1].clone()];
        let names = self.data.keys().map(String::as_str);
        draft.link(ends, Place::line(self.line), names, |name| self.get(name));
    }
}

/// An attribute, if it is there.
fn optional(tag: &BytesStart<'_>, name: &str) -> std::result::Result<Option<String>, String> {
    match tag.try_get_attribute(name).map_err(|e| e.to_string())? {
        None => Ok(None),
        Some(_) => attribute(tag, name).map(Some),
    }
}

/// A required attribute.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> std::result::Result<String, String> {
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
