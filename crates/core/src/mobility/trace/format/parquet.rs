//! Reader of SUMO's FCD as Parquet, the columns of the CSV; a batch of rows in memory at a time.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::basic::{Compression, Repetition, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::mobility::trace::bytes::Trace;
use crate::mobility::trace::step::{
    ByRow, Input, NUMBER, Place, Rows, Step, StepReader, is_plausible, shown,
};

/// Rows decoded at once.
const BATCH: usize = 4096;

pub(super) struct ParquetRows {
    input: Input,
    file: SerializedFileReader<Trace>,
    /// Next row group.
    group: usize,
    columns: Columns,
    batch: Batch,
    /// Current row, in the batch and in the file.
    at: usize,
    row: u64,
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

#[derive(Default)]
struct Batch {
    rows: usize,
    time: Numbers,
    id: Strings,
    x: Numbers,
    y: Numbers,
    kind: Strings,
}

pub(super) fn open(input: Input, trace: Trace) -> Result<Box<dyn StepReader>> {
    let file = guarded(|| SerializedFileReader::new(trace))
        .map_err(|error| unreadable(&input, Place::File, &error))?;
    let columns = Columns::find(&input, &file)?;
    refuse_codecs(&input, &file)?;
    Ok(Box::new(ByRow::new(ParquetRows {
        input,
        file,
        group: 0,
        columns,
        batch: Batch::default(),
        at: 0,
        row: 0,
    })))
}

fn refuse_codecs(input: &Input, file: &SerializedFileReader<Trace>) -> Result<()> {
    let groups = file.metadata().row_groups().iter();
    let mut codecs = groups
        .flat_map(|group| group.columns())
        .map(|column| column.compression());
    let readable = [Compression::UNCOMPRESSED, Compression::SNAPPY];
    match codecs.find(|codec| !readable.contains(codec)) {
        None => Ok(()),
        Some(codec) => {
            // `ZSTD(ZstdLevel(1))`: the level is not in the file
            let name = codec.to_string();
            let name = name.split('(').next().unwrap_or_default();
            let message = format!("must be compressed by snappy or not at all, got {name}");
            Err(input.bad(Place::File, "", message))
        }
    }
}

impl Columns {
    fn find(input: &Input, file: &SerializedFileReader<Trace>) -> Result<Self> {
        let schema = file.metadata().file_metadata().schema_descr();
        let column = |name: &str, types: &[Type]| {
            let index = schema
                .columns()
                .iter()
                .position(|column| column.path().parts() == [name])
                .ok_or_else(|| input.bad(Place::File, name, "must be a column, got no such"))?;
            let column = schema.column(index);
            let kind = column.physical_type();
            if !types.contains(&kind) {
                let message = format!("must be a column of {types:?}, got {kind}");
                return Err(input.bad(Place::File, name, message));
            }
            if column.self_type().get_basic_info().repetition() == Repetition::REPEATED {
                let message = "must hold one value per row, got a repeated column";
                return Err(input.bad(Place::File, name, message));
            }
            Ok(index)
        };
        let number = |name| column(name, &[Type::DOUBLE, Type::FLOAT]);
        let string = |name| column(name, &[Type::BYTE_ARRAY]);
        let all_types = input.vehicle_types.is_empty();
        Ok(Self {
            time: number("timestep_time")?,
            id: string("vehicle_id")?,
            x: number("vehicle_x")?,
            y: number("vehicle_y")?,
            kind: (!all_types).then(|| string("vehicle_type")).transpose()?,
        })
    }
}

impl Batch {
    fn open_group(
        &mut self,
        file: &SerializedFileReader<Trace>,
        group: usize,
        columns: &Columns,
    ) -> parquet::errors::Result<()> {
        let group = file.get_row_group(group)?;
        // the library panics on what these checks turn down
        let damaged = group.metadata().columns().iter().any(|column| {
            let dictionary = column.dictionary_page_offset().unwrap_or(0);
            column.compressed_size() < 0 || column.data_page_offset() < 0 || dictionary < 0
        });
        if damaged {
            return Err(ParquetError::General("negative size or offset".into()));
        }
        self.time.reader = Some(group.get_column_reader(columns.time)?);
        self.id.reader = Some(group.get_column_reader(columns.id)?);
        self.x.reader = Some(group.get_column_reader(columns.x)?);
        self.y.reader = Some(group.get_column_reader(columns.y)?);
        self.kind.reader = columns
            .kind
            .map(|kind| group.get_column_reader(kind))
            .transpose()?;
        Ok(())
    }

    /// Decodes the next rows of the row group; none at its end.
    fn fill(&mut self, kinds: bool) -> parquet::errors::Result<()> {
        self.rows = 0;
        let rows = self.time.fill()?;
        let others = [self.id.fill()?, self.x.fill()?, self.y.fill()?];
        let kinds = if kinds { self.kind.fill()? } else { rows };
        if others.iter().chain([&kinds]).any(|&other| other != rows) {
            let message = format!("columns of different lengths: {rows} and {others:?}, {kinds}");
            return Err(ParquetError::General(message));
        }
        self.rows = rows;
        Ok(())
    }
}

impl Rows for ParquetRows {
    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn next_row(&mut self) -> Result<bool> {
        let started = self.batch.rows > 0;
        self.at += usize::from(started);
        self.row += u64::from(started);
        while self.at >= self.batch.rows {
            self.at = 0;
            let kinds = self.columns.kind.is_some();
            let (batch, file, columns) = (&mut self.batch, &self.file, &self.columns);
            let group = &mut self.group;
            let more = guarded(|| {
                if batch.time.reader.is_some() {
                    batch.fill(kinds)?;
                }
                if batch.rows == 0 {
                    if *group == file.num_row_groups() {
                        return Ok(false);
                    }
                    batch.open_group(file, *group, columns)?;
                    *group += 1;
                }
                Ok(true)
            });
            let place = Place::Row(self.row);
            if !more.map_err(|error| unreadable(&self.input, place, &error))? {
                return Ok(false);
            }
        }
        let time_s = self.time_s();
        check(&self.input, self.place(), "timestep_time", time_s)?;
        Ok(true)
    }

    fn place(&self) -> Place {
        Place::Row(self.row)
    }

    fn time_s(&self) -> f64 {
        self.batch
            .time
            .values
            .get(self.at)
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn push_to(&self, step: &mut Step) -> Result<()> {
        let id = self.batch.id.values[self.at].data();
        let wanted =
            self.columns.kind.is_none() || self.input.wants(self.batch.kind.values[self.at].data());
        if id.is_empty() || !wanted {
            return Ok(());
        }
        let (x_m, y_m) = (self.batch.x.values[self.at], self.batch.y.values[self.at]);
        check(&self.input, self.place(), "vehicle_x", x_m)?;
        check(&self.input, self.place(), "vehicle_y", y_m)?;
        step.push(id, x_m, y_m, self.place());
        Ok(())
    }
}

fn check(input: &Input, place: Place, path: &str, value: f64) -> Result<()> {
    if is_plausible(value) {
        return Ok(());
    }
    let got = if value.is_nan() {
        "NaN or null".to_owned()
    } else {
        value.to_string()
    };
    Err(input.bad(place, path, format!("{NUMBER}, got {got}")))
}

/// A column of numbers; null is NaN.
#[derive(Default)]
struct Numbers {
    reader: Option<ColumnReader>,
    values: Vec<f64>,
    singles: Vec<f32>,
    doubles: Vec<f64>,
    levels: Vec<i16>,
}

/// A column of strings; null is empty.
#[derive(Default)]
struct Strings {
    reader: Option<ColumnReader>,
    values: Vec<ByteArray>,
    present: Vec<ByteArray>,
    levels: Vec<i16>,
}

impl Numbers {
    fn fill(&mut self) -> parquet::errors::Result<usize> {
        self.values.clear();
        match &mut self.reader {
            Some(ColumnReader::DoubleColumnReader(reader)) => {
                let rows = read(reader, &mut self.doubles, &mut self.levels)?;
                spread(
                    &self.levels,
                    rows,
                    self.doubles.drain(..),
                    f64::NAN,
                    &mut self.values,
                )
            }
            Some(ColumnReader::FloatColumnReader(reader)) => {
                let rows = read(reader, &mut self.singles, &mut self.levels)?;
                let singles = self.singles.drain(..).map(f64::from);
                spread(&self.levels, rows, singles, f64::NAN, &mut self.values)
            }
            _ => Err(ParquetError::General("not a column of numbers".into())),
        }
    }
}

impl Strings {
    fn fill(&mut self) -> parquet::errors::Result<usize> {
        self.values.clear();
        let Some(ColumnReader::ByteArrayColumnReader(reader)) = &mut self.reader else {
            return Err(ParquetError::General("not a column of strings".into()));
        };
        let rows = read(reader, &mut self.present, &mut self.levels)?;
        let empty = ByteArray::from(Bytes::new());
        spread(
            &self.levels,
            rows,
            self.present.drain(..),
            empty,
            &mut self.values,
        )
    }
}

/// Reads a batch of a flat column: the values that are not null, and a level per row where null is allowed.
fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    present: &mut Vec<T::T>,
    levels: &mut Vec<i16>,
) -> parquet::errors::Result<usize> {
    present.clear();
    levels.clear();
    let (rows, _, _) = reader.read_records(BATCH, Some(levels), None, present)?;
    Ok(rows)
}

/// Lays the present values out over the rows. A column that cannot be null has no levels.
fn spread<T: Clone>(
    levels: &[i16],
    rows: usize,
    mut present: impl Iterator<Item = T>,
    null: T,
    out: &mut Vec<T>,
) -> parquet::errors::Result<usize> {
    if levels.is_empty() {
        out.extend(present);
    } else {
        out.extend(levels.iter().map_while(|&level| match level {
            0 => Some(null.clone()),
            _ => present.next(),
        }));
    }
    if out.len() == rows {
        Ok(rows)
    } else {
        let message = format!("{rows} rows, but {} values", out.len());
        Err(ParquetError::General(message))
    }
}

impl Length for Trace {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.len(),
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

/// Checks every range against the length first: the library allocates what a damaged header claims.
impl ChunkReader for Trace {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        within(start, 0, self.len())?;
        Ok(match self {
            Self::File(file) => Box::new(<File as ChunkReader>::get_read(file, start)?),
            Self::Memory(bytes) => Box::new(bytes.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        within(start, length, self.len())?;
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Memory(bytes) => bytes.get_bytes(start, length),
        }
    }
}

fn within(start: u64, length: usize, total: u64) -> parquet::errors::Result<()> {
    match start.checked_add(length as u64) {
        Some(end) if end <= total => Ok(()),
        _ => Err(ParquetError::EOF(format!(
            "{length} bytes at {start} reach beyond the end of the file ({total} bytes)"
        ))),
    }
}

/// Runs the library. A panic of its decoders on a damaged file is that file's error, not ours to die of.
fn guarded<T>(decode: impl FnOnce() -> parquet::errors::Result<T>) -> parquet::errors::Result<T> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ParquetError::General("the decoder gave up".into())))
}

fn unreadable(input: &Input, place: Place, error: &ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast_ref() {
            Some(error) => input.unreadable(place, error),
            None => input.bad(place, "", format!("cut off or damaged: {source}")),
        },
        _ => {
            let message = format!(
                "cut off or damaged: {}",
                shown(error.to_string().as_bytes())
            );
            input.bad(place, "", message)
        }
    }
}
