//! The XML of SNDlib: nodes with coordinates, links with source and target as elements.

use super::attributes::{Given, Place};
use super::draft::Draft;
use super::graphml::{Lines, attribute};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Whether the root element is SNDlib's.
pub(super) fn is(text: &str) -> bool {
    let root = text
        .split('<')
        .skip(1)
        .find(|tag| !tag.starts_with(['?', '!']));
    root.is_some_and(|tag| tag.starts_with("network ") || tag.starts_with("network>"))
}

/// A node or link being read.
struct Open {
    id: String,
    line: usize,
    /// Texts of its elements, by name.
    texts: Vec<(String, String)>,
}

pub(super) fn read(draft: &mut Draft<'_>, text: &str) {
    let mut reader = Reader::from_str(text);
    let mut lines = Lines::new(text);
    let mut open: Option<Open> = None;
    let mut inside = String::new();
    loop {
        let line = lines.at(reader.buffer_position());
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(Event::Start(tag)) => {
                inside.clear();
                if matches!(tag.local_name().into_inner(), "node" | "link") {
                    let id = match attribute(&tag, "id") {
                        Ok(id) => id,
                        Err(message) => return draft.wrong(&Place::line(line), message),
                    };
                    open = Some(Open {
                        id,
                        line,
                        texts: Vec::new(),
                    });
                }
            }
            Ok(Event::Text(text)) => inside.push_str(&text.xml10_content()),
            Ok(Event::End(tag)) => {
                let name = tag.local_name().into_inner().to_owned();
                close(draft, &mut open, &name, std::mem::take(&mut inside));
            }
            Ok(_) => {}
            Err(e) => {
                let line = lines.at(reader.error_position());
                return draft.wrong(&Place::line(line), format!("is not well-formed: {e}"));
            }
        }
    }
    if open.is_some() {
        draft.wrong(
            &Place::default(),
            "is truncated: an element is never closed",
        );
    }
}

/// Takes up the end of an element.
fn close(draft: &mut Draft<'_>, open: &mut Option<Open>, name: &str, text: String) {
    if !matches!(name, "node" | "link") {
        if let Some(open) = open {
            open.texts.push((name.to_owned(), text.trim().to_owned()));
        }
        return;
    }
    let Some(Open { id, line, texts }) = open.take() else {
        return;
    };
    let place = Place::line(line);
    let text = |name: &str| {
        let found = texts.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.clone())
    };
    if name == "node" {
        draft.node(id, place, |name| text(name).map(Given::Text));
        return;
    }
    match (text("source"), text("target")) {
        // capacities are those of a planning problem, in a unit that the file does not name
        (Some(a), Some(b)) => draft.link([a, b], place, std::iter::empty(), |_| None),
        _ => draft.wrong(&place, format!("link {id:?} needs <source> and <target>")),
    }
}
