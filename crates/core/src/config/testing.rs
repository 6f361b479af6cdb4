//! What the tests of every format share.

use super::{Document, Node, Value};
use serde_json::{Map, Value as Json};

/// What turns up in broken files.
const FRAGMENTS: &[&str] = &[
    "",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ":",
    ",",
    ".",
    "\n",
    "\0",
    "-",
    "1",
    "1e999",
    "nan",
    "-inf",
    "1e18",
    "-0.0",
    "null",
    "true",
    "[[rsu]]",
    "\u{feff}",
    "é",
    "99999999999999999999",
    "\\u0000",
    "#",
    "\"\"\"",
];

/// `text` after a few random edits; `below(n)` draws a number below `n`.
pub(crate) fn mutate(text: &str, mut below: impl FnMut(usize) -> usize) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=below(4) {
        let at = below(chars.len() + 1);
        let end = (at + below(12)).min(chars.len());
        let cut: Vec<char> = chars.drain(at..end).collect();
        let put = FRAGMENTS[below(FRAGMENTS.len())];
        match below(3) {
            // replace, insert, or repeat elsewhere
            0 => drop(chars.splice(at..at, put.chars())),
            1 => drop(chars.splice(at..at, put.chars().chain(cut))),
            _ => {
                let to = below(chars.len() + 1);
                drop(chars.splice(to..to, cut));
            }
        }
    }
    chars.into_iter().collect()
}

impl Document {
    /// The document as JSON, without its origins.
    pub(crate) fn to_json(&self) -> Json {
        to_json(&self.root)
    }
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Table(entries) => {
            let entries = entries
                .iter()
                .map(|(key, node)| (key.clone(), to_json(node)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Float(x) => Json::from(*x),
        Value::Int(i) => Json::from(i64::try_from(*i).expect("small")),
        Value::String(s) => Json::from(s.as_str()),
        Value::Bool(b) => Json::from(*b),
        Value::Other(_) => Json::Null,
    }
}

/// The first way in which `value` breaks `schema`: the part of JSON Schema that we write.
pub(crate) fn violation(schema: &Json, value: &Json) -> Option<String> {
    let broken = |what: &str| Some(format!("{what}: {value} against {schema}"));
    if let Some(forms) = schema["oneOf"].as_array() {
        let fitting = forms
            .iter()
            .filter(|form| violation(form, value).is_none())
            .count();
        return if fitting == 1 { None } else { broken("oneOf") };
    }
    let of_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64(),
        _ => true,
    };
    let limit = |key: &str| Some((value.as_f64()?, schema[key].as_f64()?));
    let length = value.as_array().map_or(0, Vec::len) as u64;
    let breaks_a_limit = limit("minimum").is_some_and(|(x, min)| x < min)
        || limit("exclusiveMinimum").is_some_and(|(x, min)| x <= min)
        || limit("maximum").is_some_and(|(x, max)| x > max)
        || schema["minItems"].as_u64().is_some_and(|min| length < min)
        || schema["maxItems"].as_u64().is_some_and(|max| length > max)
        || (schema["minLength"] == 1 && value == "");
    let words = schema["enum"].as_array();
    let is_known = words.is_none_or(|words| words.contains(value))
        && (schema["const"].is_null() || schema["const"] == *value);
    if !of_type || breaks_a_limit || !is_known {
        return broken("value");
    }
    let missing = |key: &Json| value.get(key.as_str().unwrap_or_default()).is_none();
    if schema["required"]
        .as_array()
        .is_some_and(|keys| keys.iter().any(missing))
    {
        return broken("required");
    }
    let items = value.as_array().into_iter().flatten();
    let broken_item = items
        .filter(|_| schema["items"].is_object())
        .find_map(|item| violation(&schema["items"], item));
    let mut entries = value.as_object().into_iter().flatten();
    broken_item.or_else(|| {
        entries.find_map(|(key, value)| {
            match (&schema["properties"][key], &schema["additionalProperties"]) {
                (Json::Null, Json::Bool(false)) => broken(key),
                (Json::Null, others) => violation(others, value),
                (known, _) => violation(known, value),
            }
        })
    })
}
