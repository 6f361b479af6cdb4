//! Options of an import: keys of `fleet.mobility` without a scenario around them.

use super::Fcd;
use crate::config::{self, Document, Keys, Node, Origin, PathStyle, Value};
use crate::error::Result;

/// What an import says of a trace, as keys of `[fleet.mobility]`.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// `projection`.
    pub projection: Option<String>,
    /// `resample_s`.
    pub resample_s: Option<f64>,
    /// `max_gap_s`.
    pub max_gap_s: Option<f64>,
    /// Keys of `columns`, and the names of columns.
    pub columns: Vec<(String, String)>,
}

impl ImportOptions {
    /// A trace of which that is said. Keys have the ranges that they have in a scenario, and problems their names.
    ///
    /// # Errors
    /// Every problem.
    pub fn check(&self) -> Result<Fcd> {
        let node = |value: Value| Node {
            origin: Origin::File,
            value,
        };
        let text = |text: &String| Value::String(text.clone());
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|(role, name)| (role.clone(), node(text(name))))
            .collect();
        let keys = [
            ("projection", self.projection.as_ref().map(text)),
            ("resample_s", self.resample_s.map(Value::Float)),
            ("max_gap_s", self.max_gap_s.map(Value::Float)),
            (
                "columns",
                (!columns.is_empty()).then_some(Value::Table(columns)),
            ),
        ];
        let given = keys
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), node(value?))));
        let document = Document {
            file: "import".to_owned(),
            style: PathStyle::Dotted,
            root: node(Value::Table(given.collect())),
        };
        config::read(&document, |s| {
            let mut fcd = Fcd::default();
            let k = &mut Keys::Read(s);
            fcd.part(k);
            fcd.of_tables(k);
            Some(fcd)
        })
    }
}
