//! Kinds of values that occur only in studies.

use super::{AxisValue, Where};
use serde_json::{Value as Json, json};
use wayside_core::config::{Kind, Value};

/// A value as TOML, for `--set`; `None` for what TOML or a scenario has not.
fn toml(value: &Value) -> Option<String> {
    Some(match value {
        Value::Float(x) => format!("{x:?}"),
        Value::Int(i) => i.to_string(),
        Value::Bool(b) => b.to_string(),
        // JSON's escapes are TOML's too
        Value::String(s) => json!(s).to_string(),
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| toml(&item.value)).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Table(entries) => {
            let entry = |(key, node): &(String, _)| Some(format!("{key} = {}", toml(of(node))?));
            let entries: Option<Vec<_>> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries?.join(", "))
        }
        Value::Other(_) => return None,
    })
}

fn of(node: &wayside_core::config::Node) -> &Value {
    &node.value
}

fn axis_value(value: &Value) -> Option<AxisValue> {
    let toml = toml(value)?;
    #[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
    let number = match value {
        Value::Float(x) => Some(*x),
        Value::Int(i) => Some(*i as f64),
        _ => None,
    };
    let label = match (value, number) {
        (Value::String(s), _) => s.clone(),
        (_, Some(x)) => x.to_string(),
        _ => toml.clone(),
    };
    Some(AxisValue {
        toml,
        label,
        number,
    })
}

/// The values of an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct AxisValues;

impl Kind for AxisValues {
    type Out = Vec<AxisValue>;

    fn read(&self, value: &Value) -> Result<Self::Out, String> {
        let Value::Array(items) = value else {
            return Err(self.mismatch(value));
        };
        let values: Option<Vec<_>> = items.iter().map(|item| axis_value(&item.value)).collect();
        let values = values.ok_or_else(|| self.mismatch(value))?;
        if values.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let twice =
            (1..values.len()).find(|&i| values[..i].iter().any(|v| v.label == values[i].label));
        match twice {
            Some(i) => Err(format!("has {} twice", values[i].label)),
            None => Ok(values),
        }
    }

    fn fallback(&self) -> Self::Out {
        Vec::new()
    }

    fn expected(&self) -> String {
        "a list of values of the key".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "minItems": 1 })
    }

    fn show(&self, values: &Self::Out) -> Json {
        values.iter().map(|v| json!(v.label)).collect()
    }
}

/// Changes of a scenario: values by dotted key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changes;

impl Kind for Changes {
    type Out = Vec<(String, String)>;

    fn read(&self, value: &Value) -> Result<Self::Out, String> {
        let Value::Table(entries) = value else {
            return Err(self.mismatch(value));
        };
        let change = |(key, node): &(String, _)| Some((key.clone(), toml(of(node))?));
        let changes: Option<Vec<_>> = entries.iter().map(change).collect();
        changes.ok_or_else(|| self.mismatch(value))
    }

    fn fallback(&self) -> Self::Out {
        Vec::new()
    }

    fn expected(&self) -> String {
        "a value for each dotted key, as in { \"fleet.size\" = 20 }".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "object" })
    }

    fn show(&self, changes: &Self::Out) -> Json {
        changes.iter().map(|(k, v)| (k.clone(), json!(v))).collect()
    }
}

/// A condition on cells: a value, or a list of them, for each axis named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition;

impl Kind for Condition {
    type Out = Where;

    fn read(&self, value: &Value) -> Result<Self::Out, String> {
        let Value::Table(entries) = value else {
            return Err(self.mismatch(value));
        };
        let labels = |value: &Value| -> Option<Vec<String>> {
            match value {
                Value::Array(items) => items
                    .iter()
                    .map(|i| Some(axis_value(&i.value)?.label))
                    .collect(),
                value => Some(vec![axis_value(value)?.label]),
            }
        };
        let entry = |(axis, node): &(String, _)| Some((axis.clone(), labels(of(node))?));
        let condition: Option<Vec<_>> = entries.iter().map(entry).collect();
        condition.ok_or_else(|| self.mismatch(value))
    }

    fn fallback(&self) -> Self::Out {
        Vec::new()
    }

    fn expected(&self) -> String {
        "a value or a list of values for each axis named".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "object" })
    }

    fn show(&self, condition: &Self::Out) -> Json {
        condition
            .iter()
            .map(|(k, v)| (k.clone(), json!(v)))
            .collect()
    }
}
