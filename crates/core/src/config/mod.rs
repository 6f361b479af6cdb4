//! Input documents as trees that know where they came from.
//!
//! TOML and JSON become the same [`Node`]s. A [`Section`] reads them: it checks values, finds unknown keys, and describes
//! itself as JSON Schema and as a reference page. [`Keys`] binds the fields of a struct to the keys of a section, so that
//! the same definition also writes them.

mod describe;
mod field;
mod json;
mod keys;
mod kind;
mod names;
mod overrides;
mod reader;
mod suggest;
#[cfg(test)]
mod testing;
mod toml;
mod writer;

pub use describe::{markdown, schema};
pub use field::{Field, Presence, Shape, Variant};
pub use keys::Keys;
pub(crate) use kind::show_number;
pub use kind::{
    Choice, Count, Flag, Float, Floats, Kind, List, NotEmpty, Nullable, Pair, Range, Spread, Text,
    Texts,
};
pub(crate) use names::{LinkedPairs, Names};
pub use reader::{Form, Section, describe, read};
pub use suggest::{nearest, unknown};
#[cfg(test)]
pub(crate) use testing::{mutate, violation};
pub use writer::Writer;

pub use crate::section;

use std::fmt;

/// How the path of a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathStyle {
    /// `rsu.3.cpu_hz`, which is also what `--set` takes.
    Dotted,
    /// `$.rsus[3].cpu_hz`.
    Json,
}

impl PathStyle {
    fn root(self) -> String {
        match self {
            Self::Dotted => String::new(),
            Self::Json => "$".to_owned(),
        }
    }

    fn key(self, parent: &str, key: &str) -> String {
        if parent.is_empty() {
            return key.to_owned();
        }
        format!("{parent}.{key}")
    }

    fn index(self, parent: &str, index: usize) -> String {
        match self {
            Self::Dotted => format!("{parent}.{index}"),
            Self::Json => format!("{parent}[{index}]"),
        }
    }
}

/// A whole input.
#[derive(Clone, Debug)]
pub struct Document {
    /// Name of the file, as in problems.
    pub file: String,
    /// How its paths are written.
    pub style: PathStyle,
    /// The content.
    pub root: Node,
}

/// Where a node was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file, where no line is known.
    File,
    /// On this line of the file, counted from 1.
    Line(usize),
    /// In a `--set` option.
    Override,
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub origin: Origin,
    /// The value.
    pub value: Value,
}

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Keys in the order of the file, each with where it was written.
    Table(Vec<(String, Node)>),
    /// Values in order.
    Array(Vec<Node>),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A whole number.
    Int(i128),
    /// Text.
    String(String),
    /// `true` or `false`.
    Bool(bool),
    /// What no key takes: a date, or null.
    Other(&'static str),
}

impl Node {
    /// The node under `key`, where this is a table that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, node)| node),
            _ => None,
        }
    }
}

/// What was found, for the message to a user.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(_) => f.write_str("a section"),
            Self::Array(_) => f.write_str("a list"),
            Self::Float(x) => write!(f, "the number {x:?}"),
            Self::Int(x) => write!(f, "the number {x}"),
            Self::String(s) if s.chars().count() <= 40 => write!(f, "the text {s:?}"),
            Self::String(_) => f.write_str("a text"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}
