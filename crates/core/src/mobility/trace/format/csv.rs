//! Reader of tables as text: SUMO's FCD, and tables made from it.
//!
//! The header tells the separator and the columns, in any order.

use std::io::{BufRead, Chain, Cursor, Read};

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use crate::error::{Error, Result};
use crate::mobility::trace::bytes::Text;
use crate::mobility::trace::columns::{Missing, Role, by_sumo, in_degrees};
use crate::mobility::trace::step::{Input, Place, Rows, Step, Traits, shown};

pub(super) struct CsvRows {
    input: Input,
    reader: Reader<Chain<Cursor<Vec<u8>>, Text>>,
    columns: Columns,
    row: ByteRecord,
    time_text: Vec<u8>,
    time_s: f64,
}

/// Positions of the columns that are read, and the names that messages give them.
struct Columns {
    time: usize,
    id: usize,
    x: usize,
    y: usize,
    kind: Option<usize>,
    lane: Option<usize>,
    edge: Option<usize>,
    names: [String; 3],
}

/// What separates columns; the first that explains the header is taken.
const SEPARATORS: [u8; 5] = *b";,\t| ";

pub(super) fn open(mut input: Input, mut text: Text) -> Result<CsvRows> {
    let mut header = Vec::new();
    if let Err(error) = text.read_until(b'\n', &mut header) {
        return Err(input.unreadable(Place::File, &error));
    }
    let (separator, columns) = told(&input, &header)?;
    let [time, x, y] = &columns.names;
    input.found.plain = !by_sumo(time);
    input.found.has_lanes = columns.lane.is_some() && columns.edge.is_some();
    if in_degrees(x) && in_degrees(y) {
        input.found.degrees = Some(true);
    }
    let name = match separator {
        b'\t' => "tab".to_owned(),
        b' ' => "space".to_owned(),
        other => char::from(other).to_string(),
    };
    input.found.format = format!("CSV separated by {name}");
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .buffer_capacity(1 << 16)
        .from_reader(Cursor::new(header).chain(text));
    if let Err(error) = reader.byte_headers() {
        return Err(unreadable(&input, &error));
    }
    Ok(CsvRows {
        input,
        reader,
        columns,
        row: ByteRecord::new(),
        time_text: Vec::new(),
        time_s: f64::NAN,
    })
}

/// The separator that explains the header; where none does, what the likeliest one misses.
fn told(input: &Input, header: &[u8]) -> Result<(u8, Columns)> {
    let count = |separator: &u8| header.iter().filter(|byte| *byte == separator).count();
    let mut refused: Option<(usize, Error)> = None;
    for separator in SEPARATORS {
        match Columns::find(input, header, separator) {
            Ok(columns) => return Ok((separator, columns)),
            Err(error) => {
                let columns = count(&separator);
                if refused.as_ref().is_none_or(|(most, _)| columns > *most) {
                    refused = Some((columns, error));
                }
            }
        }
    }
    let none = || input.bad(Place::Line(1), "", "has no header");
    Err(refused.map_or_else(none, |(_, error)| error))
}

impl Columns {
    fn find(input: &Input, line: &[u8], separator: u8) -> Result<Self> {
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(line);
        let header: Vec<String> = match reader.byte_headers() {
            Ok(header) => header
                .iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect(),
            Err(error) => return Err(unreadable(input, &error)),
        };
        let mapped = &input.rules.columns;
        let required = |role: Role| match role.find(&header, mapped) {
            Ok(index) => Ok(index),
            Err(Missing::Twice) => {
                let name = role.name(mapped);
                Err(input.bad(Place::Line(1), name, "must be one column, got two"))
            }
            Err(Missing::Absent) => {
                let message = format!(
                    "the header must name this column, got {}; `columns` can name another",
                    shown(line.trim_ascii())
                );
                Err(input.bad(Place::Line(1), role.name(mapped), message))
            }
        };
        let optional = |role: Role| role.find(&header, mapped).ok();
        let (time, id) = (required(Role::Time)?, required(Role::Id)?);
        let (x, y) = (required(Role::X)?, required(Role::Y)?);
        let kind = if input.rules.vehicle_types.is_empty() {
            optional(Role::Type)
        } else {
            Some(required(Role::Type)?)
        };
        Ok(Self {
            time,
            id,
            x,
            y,
            kind,
            lane: optional(Role::Lane),
            edge: optional(Role::Edge),
            names: [time, x, y].map(|column| header[column].trim().to_owned()),
        })
    }
}

impl Rows for CsvRows {
    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn next_row(&mut self) -> Result<bool> {
        self.reader.get_mut().get_mut().1.renew();
        match self.reader.read_byte_record(&mut self.row) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Err(unreadable(&self.input, &error)),
        }
        let text = &self.row[self.columns.time];
        // the rows of one step repeat its time: parsed once
        if text != self.time_text.as_slice() {
            self.time_s = self
                .input
                .instant(self.place(), &self.columns.names[0], text)?;
            self.time_text.clear();
            self.time_text.extend_from_slice(text);
        }
        Ok(true)
    }

    fn place(&self) -> Place {
        self.row
            .position()
            .map_or(Place::File, |position| Place::Line(position.line()))
    }

    fn time_s(&self) -> f64 {
        self.time_s
    }

    fn push_to(&mut self, step: &mut Step) -> Result<()> {
        let columns = &self.columns;
        let at = |column: Option<usize>| column.map(|column| &self.row[column]);
        let id = &self.row[columns.id];
        let row = Traits {
            id,
            kind: at(columns.kind),
            lane: at(columns.lane),
            edge: at(columns.edge),
        };
        if !self.input.takes(row) {
            return Ok(());
        }
        let place = self.place();
        let number = |path: &str, column: usize| self.input.number(place, path, &self.row[column]);
        let [_, x_name, y_name] = &columns.names;
        let x_m = number(x_name, columns.x)?;
        let y_m = number(y_name, columns.y)?;
        self.input.add(step, row, [x_m, y_m], place)
    }

    fn not_later(&mut self) -> Error {
        let name = &self.columns.names[0];
        self.input.not_later(self.place(), name, self.time_s)
    }
}

fn unreadable(input: &Input, error: &csv::Error) -> Error {
    let place = error
        .position()
        .map_or(Place::File, |position| Place::Line(position.line()));
    match error.kind() {
        ErrorKind::Io(error) => input.unreadable(place, error),
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => input.bad(
            place,
            "",
            format!("must have {expected_len} columns like the header, got {len}"),
        ),
        _ => input.bad(place, "", error.to_string()),
    }
}
