//! TOML text to a tree with lines.

use super::{Document, Node, Origin, PathStyle, Value};
use crate::error::{Problem, Problems, Result};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

impl Document {
    /// Parses TOML.
    ///
    /// # Errors
    /// Every syntax error, with its line.
    pub fn from_toml(file: &str, text: &str) -> Result<Self> {
        let lines = Lines::new(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        let problems = errors.iter().map(|error| Problem {
            file: file.to_owned(),
            line: error.span().map(|span| lines.at(span.start)),
            path: String::new(),
            message: format!("malformed TOML: {}", error.message()),
        });
        Problems(problems.collect()).into_result(())?;
        Ok(Self {
            file: file.to_owned(),
            style: PathStyle::Dotted,
            root: Node {
                origin: Origin::File,
                value: lines.table(table.into_inner()),
            },
        })
    }
}

/// The value that `text` is in TOML; text that is none stands for itself, so that
/// `--set scenario.name=quick` needs no quotes.
pub(super) fn override_value(text: &str) -> Value {
    match DeValue::parse(text) {
        Ok(value) => {
            let mut value = Lines::new(text).value(value.into_inner());
            mark_override(&mut value);
            value
        }
        Err(_) => Value::String(text.to_owned()),
    }
}

fn mark_override(value: &mut Value) {
    let mark = |node: &mut Node| {
        node.origin = Origin::Override;
        mark_override(&mut node.value);
    };
    match value {
        Value::Table(entries) => entries.iter_mut().for_each(|(_, node)| mark(node)),
        Value::Array(items) => items.iter_mut().for_each(mark),
        _ => {}
    }
}

/// Byte offsets at which lines start.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        Self(
            std::iter::once(0)
                .chain(breaks.map(|(i, _)| i + 1))
                .collect(),
        )
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|&start| start <= offset)
    }

    fn table(&self, table: DeTable<'_>) -> Value {
        let mut entries: Vec<_> = table
            .into_iter()
            .map(|(key, value)| {
                let offset = key.span().start;
                let node = self.node(key.span(), value.into_inner());
                (offset, (key.into_inner().into_owned(), node))
            })
            .collect();
        entries.sort_by_key(|&(offset, _)| offset);
        Value::Table(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    fn node(&self, span: Range<usize>, value: DeValue<'_>) -> Node {
        Node {
            origin: Origin::Line(self.at(span.start)),
            value: self.value(value),
        }
    }

    fn value(&self, value: DeValue<'_>) -> Value {
        match value {
            DeValue::String(s) => Value::String(s.into_owned()),
            DeValue::Integer(i) => i128::from_str_radix(i.as_str(), i.radix())
                .map_or(Value::Other("a number too large"), Value::Int),
            DeValue::Float(x) => x
                .as_str()
                .parse()
                .map_or(Value::Other("a malformed number"), Value::Float),
            DeValue::Boolean(b) => Value::Bool(b),
            DeValue::Datetime(_) => Value::Other("a date or time"),
            DeValue::Array(items) => Value::Array(
                items
                    .into_iter()
                    .map(|item| self.node(item.span(), item.into_inner()))
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table),
        }
    }
}
