//! JSON text to a tree.

use super::{Document, Node, Origin, PathStyle, Value};
use crate::error::{Error, Problem, Problems, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

impl Document {
    /// Parses JSON.
    ///
    /// # Errors
    /// The first syntax error with its line, or every duplicate key with its path.
    pub fn from_json(file: &str, text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root: Node = serde_json::from_str(text).map_err(|error| {
            // the line goes into the problem's own field
            let full = error.to_string();
            let message = full.split(" at line ").next().unwrap_or(&full);
            let message = format!("malformed JSON: {message} (column {})", error.column());
            Error::invalid(file, Some(error.line()), "", message)
        })?;
        let mut problems = Problems::default();
        let style = PathStyle::Json;
        report_duplicates(&root, &Path::Root, file, &mut problems);
        problems.into_result(Self {
            file: file.to_owned(),
            style,
            root,
        })
    }
}

/// The way to a node. Only a problem needs its text, and most documents have none.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn text(&self) -> String {
        let style = PathStyle::Json;
        match *self {
            Path::Root => style.root(),
            Path::Key(parent, key) => style.key(&parent.text(), key),
            Path::Index(parent, index) => style.index(&parent.text(), index),
        }
    }
}

fn report_duplicates(node: &Node, path: &Path<'_>, file: &str, problems: &mut Problems) {
    match &node.value {
        Value::Table(entries) => {
            let mut seen = BTreeSet::new();
            for (key, child) in entries {
                let path = Path::Key(path, key);
                report_duplicates(child, &path, file, problems);
                if !seen.insert(key) {
                    problems.push(Problem {
                        file: file.to_owned(),
                        line: None,
                        path: path.text(),
                        message: "the key is given twice".to_owned(),
                    });
                }
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                report_duplicates(item, &Path::Index(path, i), file, problems);
            }
        }
        _ => {}
    }
}

/// Unlike `serde_json::Value`, keeps duplicate keys.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ValueVisitor)?;
        let origin = Origin::File;
        Ok(Self { origin, value })
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, b: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E>(self, i: i64) -> std::result::Result<Value, E> {
        Ok(Value::Int(i.into()))
    }

    fn visit_u64<E>(self, i: u64) -> std::result::Result<Value, E> {
        Ok(Value::Int(i.into()))
    }

    fn visit_f64<E>(self, x: f64) -> std::result::Result<Value, E> {
        Ok(Value::Float(x))
    }

    fn visit_str<E>(self, s: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(s.to_owned()))
    }

    fn visit_string<E>(self, s: String) -> std::result::Result<Value, E> {
        Ok(Value::String(s))
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Table(entries))
    }
}
