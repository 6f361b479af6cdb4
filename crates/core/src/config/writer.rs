//! Sections and their keys as canonical TOML.

use serde_json::Value as Json;

/// Collects sections in the order in which they are defined.
#[derive(Debug)]
pub struct Writer {
    tables: Vec<Table>,
    /// The table that keys go to.
    current: usize,
}

#[derive(Debug, Default)]
struct Table {
    /// Dotted path, empty for what stands outside of any section.
    path: String,
    /// Whether it is an entry of a list.
    is_item: bool,
    keys: Vec<(&'static str, Json, String)>,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            tables: vec![Table::default()],
            current: 0,
        }
    }
}

impl Writer {
    /// A key of the current section: its value as JSON and as TOML.
    pub(super) fn key(&mut self, name: &'static str, json: Json, toml: String) {
        self.tables[self.current].keys.push((name, json, toml));
    }

    /// A section within the current one, or an entry of a list of sections.
    pub(super) fn table<T>(
        &mut self,
        name: &str,
        is_item: bool,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let parent = self.current;
        let path = match self.tables[parent].path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        self.current = self.tables.len();
        self.tables.push(Table {
            path,
            is_item,
            keys: Vec::new(),
        });
        let value = f(self);
        self.current = parent;
        value
    }

    /// All sections that have keys. Those below the top-level sections `first` come first, in that order.
    #[must_use]
    pub fn toml(mut self, first: &[&str]) -> String {
        let rank = |table: &Table| {
            let top = table.path.split('.').next();
            let place = first.iter().position(|&name| Some(name) == top);
            place.unwrap_or(first.len())
        };
        self.tables.sort_by_key(rank);
        let tables = self.tables.iter().filter(|table| !table.keys.is_empty());
        tables.map(Table::toml).collect::<Vec<_>>().join("\n")
    }

    /// The keys outside of any section, as JSON.
    #[must_use]
    pub fn entries(self) -> Vec<(&'static str, Json)> {
        let root = self.tables.into_iter().next().unwrap_or_default();
        let entry = |(name, json, _)| (name, json);
        root.keys.into_iter().map(entry).collect()
    }
}

impl Table {
    fn toml(&self) -> String {
        let title = match (self.path.as_str(), self.is_item) {
            ("", _) => String::new(),
            (path, true) => format!("[[{path}]]\n"),
            (path, false) => format!("[{path}]\n"),
        };
        let key = |(name, _, toml): &(&str, Json, String)| format!("{name} = {toml}\n");
        title + &self.keys.iter().map(key).collect::<String>()
    }
}

/// A value as TOML. Numbers that are equal have equal texts.
pub(super) fn toml(value: &Json) -> String {
    match value {
        Json::Number(number) if number.is_f64() => {
            format!("{:?}", number.as_f64().unwrap_or(f64::NAN))
        }
        Json::String(text) => quoted(text),
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
