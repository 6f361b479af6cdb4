//! Tables of a report.

use crate::text::escape;
use std::fmt::Write as _;

/// A table with a heading for every column and row.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Headings of the columns, that of the row headings first.
    pub header: Vec<String>,
    /// Rows; the first cell of each is its heading.
    pub rows: Vec<Vec<TableCell>>,
}

/// A cell. Metric and policy let scripts and tests find it.
#[derive(Clone, Debug, Default)]
pub struct TableCell {
    /// What is read first.
    pub text: String,
    /// What explains it, smaller, below.
    pub note: String,
    /// The metric that it shows, by its name in `summary.json`.
    pub metric: String,
    /// The policy that it belongs to.
    pub series: String,
}

impl TableCell {
    /// A cell of `text` alone.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    fn write(&self, html: &mut String, heads_a_row: bool) {
        let tag = if heads_a_row {
            "th scope=\"row\""
        } else {
            "td"
        };
        *html += &format!("<{tag}");
        for (name, value) in [("metric", &self.metric), ("policy", &self.series)] {
            if !value.is_empty() {
                *html += &format!(" data-{name}=\"{}\"", escape(value));
            }
        }
        *html += &format!("><span>{}</span>", escape(&self.text));
        if !self.note.is_empty() {
            *html += &format!("<small>{}</small>", escape(&self.note));
        }
        *html += if heads_a_row { "</th>" } else { "</td>" };
    }
}

impl Table {
    pub(super) fn write(&self, html: &mut String) {
        let caption = escape(&self.caption);
        // The keyboard can only scroll a region that takes the focus.
        writeln!(
            html,
            "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table>\n<caption>{caption}</caption>\n<thead><tr>"
        )
        .expect("a string takes everything");
        for heading in &self.header {
            *html += &format!("<th scope=\"col\">{}</th>", escape(heading));
        }
        *html += "</tr></thead>\n<tbody>\n";
        for row in &self.rows {
            let series = row.first().map_or("", |cell| &cell.series);
            *html += &match series {
                "" => "<tr>".to_owned(),
                series => format!("<tr class=\"mark\" data-series=\"{}\">", escape(series)),
            };
            for (i, cell) in row.iter().enumerate() {
                cell.write(html, i == 0);
            }
            *html += "</tr>\n";
        }
        *html += "</tbody>\n</table>\n</div>\n";
    }
}
