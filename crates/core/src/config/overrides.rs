//! `--set key=value`: changes to the tree before it is read, so that they are checked like the file.

use super::{Document, Node, Origin, Value, toml};
use crate::error::{Problem, Problems};

impl Document {
    /// Sets every `(dotted path, value)`; later ones win. Numbers in a path index lists from 0.
    ///
    /// # Errors
    /// Every path that cannot be followed. Whether its key exists is found when the document is read.
    pub fn set(&mut self, overrides: &[(String, String)]) -> crate::error::Result<()> {
        let mut problems = Problems::default();
        for (path, text) in overrides {
            if let Err(message) = set(&mut self.root, path, toml::override_value(text)) {
                problems.push(Problem {
                    file: "--set".to_owned(),
                    line: None,
                    path: path.clone(),
                    message,
                });
            }
        }
        problems.into_result(())
    }
}

fn set(root: &mut Node, path: &str, value: Value) -> Result<(), String> {
    let keys: Vec<&str> = path.split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err("expected a dotted path, such as fleet.size".to_owned());
    }
    if keys.len() > toml::MAX_DEPTH {
        return Err("no key is that deep".to_owned());
    }
    let mut node = root;
    for (depth, key) in keys.iter().enumerate() {
        let parent = || keys[..depth].join(".");
        node = match &mut node.value {
            Value::Table(entries) => {
                let i = entries
                    .iter()
                    .position(|(k, _)| k == key)
                    .unwrap_or_else(|| {
                        let section = Node {
                            origin: Origin::Override,
                            value: Value::Table(Vec::new()),
                        };
                        entries.push(((*key).to_owned(), section));
                        entries.len() - 1
                    });
                &mut entries[i].1
            }
            Value::Array(items) => {
                let len = items.len();
                let item = key.parse().ok().and_then(|i: usize| items.get_mut(i));
                item.ok_or_else(|| {
                    format!(
                        "{} is a list of {len}, counted from 0, and has no {key:?}",
                        parent()
                    )
                })?
            }
            other => return Err(format!("{} is {other}, which has no keys", parent())),
        };
    }
    *node = Node {
        origin: Origin::Override,
        value,
    };
    Ok(())
}
