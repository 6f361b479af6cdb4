//! TOML text to a tree with lines.

use super::{Document, Node, Origin, PathStyle, Value};
use crate::error::{Problem, Problems, Result};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Deeper than any key of ours; trees are walked recursively.
pub(super) const MAX_DEPTH: usize = 16;

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
        let origin = |offset| Origin::Line(lines.at(offset));
        Ok(Self {
            file: file.to_owned(),
            style: PathStyle::Dotted,
            root: Node {
                origin: Origin::File,
                value: from_table(table.into_inner(), &origin, 0),
            },
        })
    }
}

/// The value that `text` is in TOML, with numbers as people type them too: `.5`, `5.`; text that is none stands for
/// itself, so that `--set scenario.name=quick` needs no quotes.
pub(super) fn override_value(text: &str) -> Value {
    let parse = |text: &str| {
        let value = DeValue::parse(text).ok()?;
        Some(from_value(value.into_inner(), &|_| Origin::Override, 0))
    };
    parse(text)
        .or_else(|| parse(&with_zeros(text)))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// `text` with the zeros that TOML wants before and behind a decimal point, but in quotes.
fn with_zeros(text: &str) -> String {
    let mut out = String::new();
    let (mut before, mut quote) = (' ', None);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if quote.is_none() && "\"'".contains(c) {
            quote = Some(c);
        } else if quote == Some(c) {
            quote = None;
        }
        let point = c == '.' && quote.is_none();
        let digit_follows = rest.peek().is_some_and(char::is_ascii_digit);
        if point && digit_follows && " [,=+-".contains(before) {
            out.push('0');
        }
        out.push(c);
        if point && !digit_follows && before.is_ascii_digit() {
            out.push('0');
        }
        before = c;
    }
    out
}

/// Byte offsets at which lines start.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(i, _)| i + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|&start| start <= offset)
    }
}

fn from_table(table: DeTable<'_>, origin: &dyn Fn(usize) -> Origin, depth: usize) -> Value {
    let mut entries: Vec<_> = table.into_iter().collect();
    // the parser sorts by name
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (Spanned<DeString<'_>>, Spanned<DeValue<'_>>)| {
        let node = Node {
            origin: origin(key.span().start),
            value: from_value(value.into_inner(), origin, depth + 1),
        };
        (key.into_inner().into_owned(), node)
    };
    Value::Table(entries.into_iter().map(entry).collect())
}

fn from_value(value: DeValue<'_>, origin: &dyn Fn(usize) -> Origin, depth: usize) -> Value {
    match value {
        DeValue::Array(_) | DeValue::Table(_) if depth > MAX_DEPTH => {
            Value::Other("values nested too deeply")
        }
        DeValue::String(s) => Value::String(s.into_owned()),
        DeValue::Integer(i) => i128::from_str_radix(i.as_str(), i.radix())
            .map_or(Value::Other("a number too large"), Value::Int),
        DeValue::Float(x) => {
            let x = x.as_str().parse();
            x.map_or(Value::Other("a malformed number"), Value::Float)
        }
        DeValue::Boolean(b) => Value::Bool(b),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(items) => {
            let node = |item: Spanned<DeValue<'_>>| Node {
                origin: origin(item.span().start),
                value: from_value(item.into_inner(), origin, depth + 1),
            };
            Value::Array(items.into_iter().map(node).collect())
        }
        DeValue::Table(table) => from_table(table, origin, depth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value by value what a user means, or the text as it stands.
    #[test]
    fn closed_form_values_as_people_type_them() {
        let real = |x| Value::Float(x);
        for (text, expected) in [
            (".5", real(0.5)),
            ("-.5", real(-0.5)),
            ("+.5", real(0.5)),
            ("5.", real(5.0)),
            ("-5.", real(-5.0)),
            ("5.e3", real(5e3)),
            (".5e-3", real(0.5e-3)),
            ("0.5", real(0.5)),
            ("1e3", real(1e3)),
            ("1_000", Value::Int(1000)),
            ("+1", Value::Int(1)),
            ("1_000.5", real(1000.5)),
        ] {
            assert_eq!(override_value(text), expected, "{text}");
        }
        for text in [
            ".", "-", "..5", "1.2.3", "5..", "r.5", "v5.", "./5", "5.x", "a.b", "1__0", "e3", "",
            "[.5, \"x", "Infinity",
        ] {
            assert_eq!(
                override_value(text),
                Value::String(text.to_owned()),
                "{text}"
            );
        }
        let Value::Array(items) = override_value("[.3,5., 'a .5']") else {
            panic!("a list")
        };
        let values: Vec<_> = items.into_iter().map(|item| item.value).collect();
        let text = Value::String("a .5".to_owned());
        assert_eq!(values, [real(0.3), real(5.0), text]);
    }
}
