//! A table of sites, row by row.

use std::io::{BufRead as _, Chain, Cursor, Read as _};

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::columns::Columns;
use crate::config::{Kind as _, Text as Name, Value, show_number};
use crate::error::{Error, Problem, Result};
use crate::mobility::trace::Text;
use crate::scenario::Sites;

/// A table at one of its rows.
pub(super) struct Table {
    file: String,
    reader: Reader<Chain<Cursor<Vec<u8>>, Text>>,
    pub(super) columns: Columns,
    row: ByteRecord,
}

impl Table {
    pub(super) fn open(file: &str, mut text: Text, sites: &Sites) -> Result<Self> {
        let mut first = Vec::new();
        let read = text.read_until(b'\n', &mut first);
        let refused = |line, message: String| Error::invalid(file, line, "", message);
        read.map_err(|error| refused(None, format!("cut off or damaged: {error}")))?;
        if first.contains(&0) {
            let message = "must be CSV as UTF-8 text, or Parquet";
            return Err(refused(None, message.into()));
        }
        let first = first
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&first)
            .to_vec();
        if first.trim_ascii().is_empty() {
            return Err(refused(
                Some(1),
                "must begin with a header, got nothing".into(),
            ));
        }
        let mapped = sites.columns.as_deref();
        let (separator, columns) =
            Columns::told(&first, mapped).map_err(|message| refused(Some(1), message))?;
        let reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(columns.has_header)
            .from_reader(Cursor::new(first).chain(text));
        Ok(Self {
            file: file.to_owned(),
            reader,
            columns,
            row: ByteRecord::new(),
        })
    }

    pub(super) fn next_row(&mut self) -> std::result::Result<bool, Problem> {
        self.reader.get_mut().get_mut().1.renew();
        self.reader
            .read_byte_record(&mut self.row)
            .map_err(|error| {
                let line = error.position().map(|position| position.line());
                let message = match error.kind() {
                    ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => format!("must have {expected_len} columns like the header, got {len}"),
                    ErrorKind::Io(error) => format!("cut off or damaged: {error}"),
                    _ => error.to_string(),
                };
                unreadable(&self.file, line, &message)
            })
    }

    pub(super) fn line(&self) -> usize {
        let line = self.row.position().map_or(0, |position| position.line());
        usize::try_from(line).unwrap_or(0)
    }

    pub(super) fn bad(&self, column: &str, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            line: Some(self.line()),
            path: column.to_owned(),
            message: message.into(),
        }
    }

    /// Where the site of the row is: east and north, in metres or degrees.
    pub(super) fn place(&self) -> Found<[f64; 2]> {
        let Columns { x, y, names, .. } = &self.columns;
        let most = match self.columns.degrees {
            true => [180.0, 90.0],
            false => [1e12, 1e12],
        };
        Ok([
            self.number((*x, &names[0]), most[0])?,
            self.number((*y, &names[1]), most[1])?,
        ])
    }

    /// A coordinate.
    fn number(&self, (column, name): (usize, &str), most: f64) -> Found<f64> {
        let text = self.row.get(column).unwrap_or_default().trim_ascii();
        let value = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        value.filter(|value| value.abs() <= most).ok_or_else(|| {
            let got = match text {
                [] => "nothing".to_owned(),
                text => format!("{:?}", shortened(text)),
            };
            let most = show_number(most);
            self.bad(
                name,
                format!("must be a number between -{most} and {most}, got {got}"),
            )
        })
    }

    /// The site's name, where the table has one.
    pub(super) fn id(&self) -> Found<Option<String>> {
        let field = |&column: &usize| {
            let text = self.row.get(column).unwrap_or_default().trim_ascii();
            String::from_utf8_lossy(text).into_owned()
        };
        if self.columns.id.is_empty() {
            return Ok(None);
        }
        let parts: Vec<String> = self.columns.id.iter().map(field).collect();
        let id = parts.join("-");
        let name = &self.columns.id_name;
        match Name::NAME.read(&Value::String(id.clone())) {
            Ok(_) if id.len() > LONGEST_ID => Err(self.bad(
                name,
                format!("must be at most {LONGEST_ID} bytes, got {}", id.len()),
            )),
            Ok(id) => Ok(Some(id)),
            Err(message) => Err(self.bad(name, message)),
        }
    }
}

/// What a row holds.
pub(super) type Found<T> = std::result::Result<T, Problem>;

/// Names of RSUs stand in tables and figures.
const LONGEST_ID: usize = 1000;

fn unreadable(file: &str, line: Option<u64>, message: &str) -> Problem {
    Problem {
        file: file.to_owned(),
        line: line.and_then(|line| usize::try_from(line).ok()),
        path: String::new(),
        message: message.to_owned(),
    }
}

/// A value as messages quote it.
pub(super) fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(40).collect()
}
