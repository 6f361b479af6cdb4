//! Plain lists as table, JSON or CSV.

use crate::args::Format;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

/// Rows of one shape.
pub(crate) struct Listing<const N: usize> {
    pub(crate) columns: [&'static str; N],
    pub(crate) rows: Vec<[Value; N]>,
}

impl<const N: usize> Listing<N> {
    pub(crate) fn render(&self, format: Format) -> String {
        match format {
            Format::Table => self.table(),
            Format::Json => self.json(),
            Format::Csv => self.csv(),
        }
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(self.columns);
        for row in &self.rows {
            table.add_row(row.each_ref().map(cell));
        }
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if self.rows.first().is_some_and(|row| row[i].is_number()) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt() + "\n"
    }

    fn json(&self) -> String {
        let object = |row: &[Value; N]| -> serde_json::Map<_, _> {
            let names = self.columns.iter().map(|&name| name.to_owned());
            names.zip(row.iter().cloned()).collect()
        };
        let list: Value = self.rows.iter().map(object).collect();
        format!("{list:#}\n")
    }

    fn csv(&self) -> String {
        let header = self.columns.map(str::to_owned).to_vec();
        let rows = self.rows.iter().map(|row| row.iter().map(text).collect());
        wayside_study::table::to_csv(std::iter::once(header).chain(rows))
    }
}

/// All digits, no quotes.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Four digits are enough to read.
fn cell(value: &Value) -> String {
    match value.as_f64().filter(|_| value.is_f64()) {
        Some(x) if (1e-4..1e6).contains(&x.abs()) => {
            let whole = x.abs().log10().floor();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 7"
            )]
            let digits = (3.0 - whole).clamp(0.0, 7.0) as usize;
            format!("{x:.digits$}")
        }
        Some(x) if x.abs() > 0.0 => format!("{x:.3e}"),
        Some(_) => "0".to_owned(),
        None if value.is_null() => "-".to_owned(),
        None => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn regress_renderings() {
        let listing = Listing {
            columns: ["name", "value"],
            rows: vec![
                [json!("a, b"), json!(0.123_456)],
                [json!("c"), json!(2.5e9)],
                [json!("d"), json!(0.0)],
            ],
        };
        assert_eq!(
            listing.render(Format::Table),
            "name    value\na, b   0.1235\nc     2.500e9\nd           0\n"
        );
        assert_eq!(
            listing.render(Format::Csv),
            "name,value\n\"a, b\",0.123456\nc,2500000000.0\nd,0.0\n"
        );
        let json: Value = serde_json::from_str(&listing.render(Format::Json)).unwrap();
        assert_eq!(json[1], json!({ "name": "c", "value": 2.5e9 }));
    }
}
