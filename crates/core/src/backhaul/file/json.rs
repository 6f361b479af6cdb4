//! JSON: `{"nodes": [{id, name, pos}], "links": [{source, target, dist_km}]}`.

use super::attributes::{Given, Place};
use super::draft::Draft;
use serde_json::Value;

pub(super) fn read(draft: &mut Draft<'_>, text: &str) {
    let root: Value = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(e) => {
            let place = Place {
                line: Some(e.line()),
                path: "$".into(),
            };
            return draft.wrong(&place, format!("is not JSON: {e}"));
        }
    };
    for (i, node) in array(draft, &root, "nodes").iter().enumerate() {
        let at = format!("$.nodes[{i}]");
        if let Some(id) = id(draft, node, &at, "id") {
            draft.node(id, Place::path(at), |name| coordinate(node, name));
        }
    }
    // networkx writes either, by its version
    let key = ["links", "edges"]
        .into_iter()
        .find(|&key| root.get(key).is_some());
    let key = key.unwrap_or("links");
    for (i, link) in array(draft, &root, key).iter().enumerate() {
        let at = format!("$.{key}[{i}]");
        let ends = (
            id(draft, link, &at, "source"),
            id(draft, link, &at, "target"),
        );
        if let (Some(a), Some(b)) = ends {
            add_link(draft, [a, b], link, at);
        }
    }
}

fn add_link(draft: &mut Draft<'_>, ends: [String; 2], link: &Value, at: String) {
    /// What every writer puts beside.
    const KNOWN: [&str; 4] = ["source", "target", "key", "id"];
    /// Lengths and rates whose unit is in their name are numbers here.
    const NUMBERS: [&str; 7] = [
        "linklengthkm",
        "length_km",
        "dist_km",
        "dist",
        "length_m",
        "rate_bps",
        "linkspeedraw",
    ];
    let keys = || link.as_object().into_iter().flat_map(|o| o.iter());
    for (key, value) in keys() {
        let must_be_number = NUMBERS.contains(&key.to_lowercase().as_str());
        if must_be_number && !value.is_number() && !value.is_null() {
            let place = Place::path(format!("{at}.{key}"));
            draft.wrong(&place, format!("must be a number, got {value}"));
        }
    }
    let names = keys()
        .map(|(key, _)| key.as_str())
        .filter(|key| !KNOWN.contains(key));
    draft.link(ends, Place::path(&at), names, |name| {
        let (key, value) = keys().find(|(key, _)| key.to_lowercase() == name)?;
        let place = Place::path(format!("{at}.{key}"));
        given(value).map(|given| (given, place))
    });
}

/// A node's value, or one of its `pos`.
fn coordinate(node: &Value, name: &str) -> Option<Given> {
    let pos = |index: usize| node.get("pos")?.get(index)?.as_f64().map(Given::Number);
    let plain = || {
        let mut keys = node.as_object()?.iter();
        let (_, value) = keys.find(|(key, _)| key.to_lowercase() == name)?;
        given(value)
    };
    match name {
        "x" => pos(0).or_else(plain),
        "y" => pos(1).or_else(plain),
        _ => plain(),
    }
}

fn given(value: &Value) -> Option<Given> {
    match value {
        Value::Number(number) => number.as_f64().map(Given::Number),
        Value::String(text) if !text.is_empty() => Some(Given::Text(text.clone())),
        _ => None,
    }
}

fn array<'v>(draft: &mut Draft<'_>, root: &'v Value, key: &str) -> &'v [Value] {
    match root.get(key) {
        Some(Value::Array(items)) => items,
        _ => {
            draft.wrong(&Place::path(format!("$.{key}")), "must be an array");
            &[]
        }
    }
}

/// An id: a string, a number, or several of them as networkx has nodes of a grid.
fn id(draft: &mut Draft<'_>, of: &Value, at: &str, key: &str) -> Option<String> {
    let id = of.get(key).and_then(|value| id_text(value, 0));
    if id.is_none() {
        let place = Place::path(format!("{at}.{key}"));
        draft.wrong(
            &place,
            "must be a string or a whole number, or a list of them",
        );
    }
    id
}

/// As Python writes it, so that the GraphML of the same graph has the same ids.
fn id_text(value: &Value, depth: usize) -> Option<String> {
    const DEEPEST: usize = 8;
    match value {
        Value::String(text) if depth == 0 => Some(text.clone()),
        Value::String(text) => Some(format!("'{text}'")),
        Value::Number(number) if depth > 0 || number.is_i64() || number.is_u64() => {
            Some(number.to_string())
        }
        Value::Array(items) if depth < DEEPEST && !items.is_empty() => {
            let items: Option<Vec<_>> = items.iter().map(|v| id_text(v, depth + 1)).collect();
            let items = items?;
            let comma = if items.len() == 1 { "," } else { "" };
            Some(format!("({}{comma})", items.join(", ")))
        }
        _ => None,
    }
}
