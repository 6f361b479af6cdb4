//! The kinds of value that a key can take: how to check one, how to show it, and how to say what is expected.

mod list;
mod number;
mod text;

pub use list::{Floats, List, NotEmpty, Pair, Texts};
pub use number::{Count, Float, Range, Spread};
pub use text::{Choice, Text};

use super::{Value, writer};
use serde_json::{Value as Json, json};

/// A kind of value.
pub trait Kind {
    /// What a checked value is.
    type Out;

    /// Checks a value.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn read(&self, value: &Value) -> Result<Self::Out, String>;

    /// Stands in for a value with a problem, so that reading can go on and find the others.
    fn fallback(&self) -> Self::Out;

    /// What is expected, as in "a number > 0".
    fn expected(&self) -> String;

    /// JSON Schema of the values accepted.
    fn schema(&self) -> Json;

    /// A checked value as JSON, to show a default.
    fn show(&self, value: &Self::Out) -> Json;

    /// A checked value as TOML.
    fn toml(&self, value: &Self::Out) -> String {
        writer::toml(&self.show(value))
    }

    /// The message for a value of another type.
    fn mismatch(&self, value: &Value) -> String {
        format!("expected {}, found {value}", self.expected())
    }
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub struct Flag;

impl Kind for Flag {
    type Out = bool;

    fn read(&self, value: &Value) -> Result<bool, String> {
        match value {
            Value::Bool(b) => Ok(*b),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> bool {
        false
    }

    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "boolean" })
    }

    fn show(&self, value: &bool) -> Json {
        json!(value)
    }
}

/// A value, or `null` for none; TOML has no word for that.
#[derive(Clone, Copy, Debug)]
pub struct Nullable<K>(
    /// The kind of the value.
    pub K,
);

impl<K: Kind> Kind for Nullable<K> {
    type Out = Option<K::Out>;

    fn read(&self, value: &Value) -> Result<Self::Out, String> {
        match value {
            Value::Other("null") => Ok(None),
            other => self.0.read(other).map(Some),
        }
    }

    fn fallback(&self) -> Self::Out {
        None
    }

    fn expected(&self) -> String {
        format!("{} or null", self.0.expected())
    }

    fn schema(&self) -> Json {
        json!({ "oneOf": [self.0.schema(), { "type": "null" }] })
    }

    fn show(&self, value: &Self::Out) -> Json {
        value
            .as_ref()
            .map_or(Json::Null, |value| self.0.show(value))
    }
}

/// `"a", "b" or "c"`.
pub(in crate::config) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = words.into_iter().map(|word| format!("{word:?}")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// As a person would write it: no `.0`, and an exponent in place of many zeros.
pub(crate) fn show_number(x: f64) -> String {
    let (plain, exponent) = (format!("{x}"), format!("{x:e}"));
    let is_plain = x == 0.0 || !x.is_finite() || (1e-4..1e6).contains(&x.abs());
    if is_plain || plain.len() <= exponent.len() {
        plain
    } else {
        exponent
    }
}
