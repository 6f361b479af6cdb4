//! GML: `graph [ node [ id 0 label "a" ] edge [ source 0 target 1 ] ]`.

use super::attributes::{Given, Place};
use super::draft::Draft;

/// Whether the text is GML: a key at the start, and a graph in it.
pub(super) fn is(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let known = ["graph", "creator", "version", "comment", "directed"];
    let start = lines.next().unwrap_or_default().to_ascii_lowercase();
    known.iter().any(|key| start.starts_with(key)) && text.contains('[')
}

enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
}

/// A node or edge being read.
struct Element {
    kind: String,
    line: usize,
    values: Vec<(String, Given, usize)>,
}

/// How a list is nested; deeper ones are passed over.
#[derive(Default)]
struct Scan {
    /// Keys of the lists that are open.
    open: Vec<String>,
    key: Option<String>,
    element: Option<Element>,
    graphs: usize,
}

pub(super) fn read(draft: &mut Draft<'_>, text: &str) {
    let mut scan = Scan::default();
    for (line, token) in tokens(text) {
        if let Err(message) = scan.take(draft, line, token) {
            return draft.wrong(&Place::line(line), message);
        }
    }
    if let Some(key) = scan.open.last() {
        draft.wrong(
            &Place::default(),
            format!("is truncated: {key} [ is never closed"),
        );
    } else if scan.graphs != 1 {
        let message = format!("must hold one graph, got {}", scan.graphs);
        draft.wrong(&Place::default(), message);
    }
}

impl Scan {
    fn take(&mut self, draft: &mut Draft<'_>, line: usize, token: Token) -> Result<(), String> {
        match (self.key.take(), token) {
            (None, Token::Word(key)) => self.key = Some(key),
            (None, Token::Close) => {
                if self.open.pop().is_none() {
                    return Err("is not well-formed: ] without [".into());
                }
                if self.open.len() == 1
                    && let Some(element) = self.element.take()
                {
                    element.finish(draft)?;
                }
            }
            (Some(key), Token::Open) => {
                let key = key.to_ascii_lowercase();
                if self.open.is_empty() && key == "graph" {
                    self.graphs += 1;
                }
                if self.open == ["graph"] && (key == "node" || key == "edge") {
                    self.element = Some(Element {
                        kind: key.clone(),
                        line,
                        values: Vec::new(),
                    });
                }
                self.open.push(key);
            }
            (Some(key), Token::Word(value)) => {
                let given = value.parse().map_or(Given::Text(value), Given::Number);
                self.value(key, given, line);
            }
            (Some(key), Token::Text(value)) => self.value(key, Given::Text(value), line),
            (Some(key), Token::Close) => {
                return Err(format!("is not well-formed: {key:?} has no value"));
            }
            (None, _) => return Err("is not well-formed: expected a key".into()),
        }
        Ok(())
    }

    fn value(&mut self, key: String, given: Given, line: usize) {
        let own = self.open.len() == 2
            || self.open.len() == 3 && self.open.last().is_some_and(|list| list == "graphics");
        if let Some(element) = self.element.as_mut().filter(|_| own) {
            element.values.push((key, given, line));
        }
    }
}

impl Element {
    fn get(&self, name: &str) -> Option<(Given, Place)> {
        let found = self
            .values
            .iter()
            .find(|(key, ..)| key.to_lowercase() == name);
        found.map(|(_, given, line)| {
            let given = match given {
                Given::Number(value) => Given::Number(*value),
                Given::Text(text) => Given::Text(text.clone()),
            };
            (given, Place::line(*line))
        })
    }

    fn id(&self, name: &str) -> Result<String, String> {
        match self.get(name) {
            Some((Given::Number(value), _)) => Ok(value.to_string()),
            Some((Given::Text(text), _)) => Ok(text),
            None => Err(format!("{} needs {name}", self.kind)),
        }
    }

    fn finish(self, draft: &mut Draft<'_>) -> Result<(), String> {
        let place = Place::line(self.line);
        if self.kind == "node" {
            draft.node(self.id("id")?, place, |name| {
                self.get(name).map(|(given, _)| given)
            });
            return Ok(());
        }
        let ends = [self.id("source")?, self.id("target")?];
        let names = self.values.iter().map(|(key, ..)| key.as_str());
        let names = names.filter(|key| !["source", "target", "id", "key"].contains(key));
        draft.link(ends, place, names, |name| self.get(name));
        Ok(())
    }
}

/// Words, quoted texts and brackets, each with its line.
fn tokens(text: &str) -> impl Iterator<Item = (usize, Token)> {
    let mut rest = text;
    let mut line = 1;
    std::iter::from_fn(move || {
        loop {
            let trimmed = rest.trim_start();
            line += rest[..rest.len() - trimmed.len()].matches('\n').count();
            rest = trimmed;
            if !rest.starts_with('#') {
                break;
            }
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        }
        let first = rest.chars().next()?;
        let (token, used) = match first {
            '[' => (Token::Open, 1),
            ']' => (Token::Close, 1),
            '"' => {
                let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
                let text = &rest[1..end];
                let plain =
                    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), Into::into);
                (Token::Text(plain), (end + 1).min(rest.len()))
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '"'))
                    .unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
        };
        let at = line;
        line += rest[..used].matches('\n').count();
        rest = &rest[used..];
        Some((at, token))
    })
}
