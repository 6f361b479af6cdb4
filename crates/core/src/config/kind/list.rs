//! Lists, and numbers by name.

use super::{Float, Kind, Text};
use crate::config::{Node, Value};
use serde_json::{Value as Json, json};

/// A list of names.
#[derive(Clone, Copy, Debug)]
pub struct Texts;

impl Kind for Texts {
    type Out = Vec<String>;

    fn read(&self, value: &Value) -> Result<Vec<String>, String> {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| Text::NAME.read(&item.value))
                .collect(),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> Vec<String> {
        Vec::new()
    }

    fn expected(&self) -> String {
        "a list of texts".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": Text::NAME.schema() })
    }

    fn show(&self, value: &Vec<String>) -> Json {
        json!(value)
    }
}

/// Two numbers, `[x, y]`.
#[derive(Clone, Copy, Debug)]
pub struct Pair(
    /// Limits of both.
    pub Float,
);

impl Kind for Pair {
    type Out = [f64; 2];

    fn read(&self, value: &Value) -> Result<[f64; 2], String> {
        match value {
            Value::Array(items) if items.len() == 2 => {
                Ok([self.0.read(&items[0].value)?, self.0.read(&items[1].value)?])
            }
            Value::Array(items) => {
                let found = items.len();
                Err(format!(
                    "expected {}, found a list of {found}",
                    self.expected()
                ))
            }
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> [f64; 2] {
        [f64::NAN; 2]
    }

    fn expected(&self) -> String {
        format!("[x, y], each {}", self.0.expected())
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.0.schema(), "minItems": 2, "maxItems": 2 })
    }

    fn show(&self, value: &[f64; 2]) -> Json {
        json!(value)
    }
}

/// A list of values of one kind.
#[derive(Clone, Copy, Debug)]
pub struct List<K>(
    /// The kind of each.
    pub K,
);

impl<K: Kind> Kind for List<K> {
    type Out = Vec<K::Out>;

    fn read(&self, value: &Value) -> Result<Self::Out, String> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.0.read(&item.value)).collect(),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> Self::Out {
        Vec::new()
    }

    fn expected(&self) -> String {
        format!("a list, each {}", self.0.expected())
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.0.schema() })
    }

    fn show(&self, value: &Self::Out) -> Json {
        value.iter().map(|item| self.0.show(item)).collect()
    }
}

/// A list that has at least one entry.
#[derive(Clone, Copy, Debug)]
pub struct NotEmpty<K>(
    /// The list.
    pub K,
);

impl<T, K: Kind<Out = Vec<T>>> Kind for NotEmpty<K> {
    type Out = Vec<T>;

    fn read(&self, value: &Value) -> Result<Vec<T>, String> {
        match self.0.read(value)? {
            list if list.is_empty() => Err("must not be empty".to_owned()),
            list => Ok(list),
        }
    }

    fn fallback(&self) -> Vec<T> {
        self.0.fallback()
    }

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn schema(&self) -> Json {
        let mut schema = self.0.schema();
        schema["minItems"] = json!(1);
        schema
    }

    fn show(&self, value: &Vec<T>) -> Json {
        self.0.show(value)
    }
}

/// A number for each of some names, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub struct Floats(
    /// Limits of each.
    pub Float,
);

impl Kind for Floats {
    type Out = Vec<(String, f64)>;

    fn read(&self, value: &Value) -> Result<Self::Out, String> {
        let Value::Table(entries) = value else {
            return Err(self.mismatch(value));
        };
        let number = |(key, node): &(String, Node)| {
            let x = self.0.read(&node.value);
            x.map(|x| (key.clone(), x))
                .map_err(|message| format!("{key}: {message}"))
        };
        entries.iter().map(number).collect()
    }

    fn fallback(&self) -> Self::Out {
        Vec::new()
    }

    fn expected(&self) -> String {
        format!("for each name {}", self.0.expected())
    }

    fn schema(&self) -> Json {
        json!({ "type": "object", "additionalProperties": self.0.schema() })
    }

    fn show(&self, value: &Self::Out) -> Json {
        value
            .iter()
            .map(|(key, x)| (key.clone(), json!(x)))
            .collect()
    }
}
