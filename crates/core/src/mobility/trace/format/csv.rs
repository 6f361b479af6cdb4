//! Reader of SUMO's FCD as CSV: `;` between columns, a header with prefixed names, any order.

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use crate::error::{Error, Result};
use crate::mobility::trace::bytes::Text;
use crate::mobility::trace::step::{ByRow, Input, Place, Rows, Step, StepReader, shown};

pub(super) struct CsvRows {
    input: Input,
    reader: Reader<Text>,
    columns: Columns,
    row: ByteRecord,
    time_text: Vec<u8>,
    time_s: f64,
}

/// Positions of the columns that are read.
struct Columns {
    time: usize,
    id: usize,
    x: usize,
    y: usize,
    /// `None`: vehicles of all types are wanted.
    kind: Option<usize>,
}

pub(super) fn open(input: Input, text: Text) -> Result<Box<dyn StepReader>> {
    let mut reader = ReaderBuilder::new()
        .delimiter(b';')
        .buffer_capacity(1 << 16)
        .from_reader(text);
    let header = match reader.byte_headers() {
        Ok(header) => header,
        Err(error) => return Err(unreadable(&input, &error)),
    };
    let columns = Columns::find(&input, header)?;
    Ok(Box::new(ByRow::new(CsvRows {
        input,
        reader,
        columns,
        row: ByteRecord::new(),
        time_text: Vec::new(),
        time_s: f64::NAN,
    })))
}

impl Columns {
    fn find(input: &Input, header: &ByteRecord) -> Result<Self> {
        let column = |name: &str| {
            let mut found = header
                .iter()
                .enumerate()
                .filter(|(_, h)| *h == name.as_bytes());
            match (found.next(), found.next()) {
                (Some((index, _)), None) => Ok(index),
                (None, _) => {
                    let names: Vec<_> = header.iter().collect();
                    let message = format!(
                        "the header must name this column, got {}",
                        shown(&names.join(&b";"[..]))
                    );
                    Err(input.bad(Place::Line(1), name, message))
                }
                _ => Err(input.bad(Place::Line(1), name, "must be one column, got two")),
            }
        };
        let all_types = input.vehicle_types.is_empty();
        Ok(Self {
            time: column("timestep_time")?,
            id: column("vehicle_id")?,
            x: column("vehicle_x")?,
            y: column("vehicle_y")?,
            kind: (!all_types).then(|| column("vehicle_type")).transpose()?,
        })
    }
}

impl Rows for CsvRows {
    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn next_row(&mut self) -> Result<bool> {
        self.reader.get_mut().renew();
        match self.reader.read_byte_record(&mut self.row) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Err(unreadable(&self.input, &error)),
        }
        let text = &self.row[self.columns.time];
        // the rows of one step repeat its time: parsed once
        if text != self.time_text.as_slice() {
            self.time_s = self.input.number(self.place(), "timestep_time", text)?;
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

    fn push_to(&self, step: &mut Step) -> Result<()> {
        let id = &self.row[self.columns.id];
        let wanted = self
            .columns
            .kind
            .is_none_or(|kind| self.input.wants(&self.row[kind]));
        if id.is_empty() || !wanted {
            return Ok(());
        }
        let place = self.place();
        let number = |path, column| self.input.number(place, path, &self.row[column]);
        let x_m = number("vehicle_x", self.columns.x)?;
        let y_m = number("vehicle_y", self.columns.y)?;
        step.push(id, x_m, y_m, place);
        Ok(())
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
