//! Flat rows as Parquet.

use parquet::basic::Compression;
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Type of a column, and where a row has its value.
pub(crate) enum Column<R> {
    Unsigned(fn(&R) -> u64),
    Count(fn(&R) -> u32),
    Real(fn(&R) -> f64),
    MaybeReal(fn(&R) -> Option<f64>),
    /// One of several of a row.
    NthReal(usize, fn(&R, usize) -> Option<f64>),
    Flag(fn(&R) -> bool),
    Text(fn(&R) -> &str),
    MaybeText(fn(&R) -> Option<&str>),
}

/// The columns of a table by name, in order.
pub(crate) type Columns<R> = [(&'static str, Column<R>)];

/// A Parquet file that grows by row groups.
pub(crate) struct ParquetWriter<W: Write + Send>(SerializedFileWriter<W>);

impl<W: Write + Send> ParquetWriter<W> {
    pub(crate) fn create<R>(to: W, name: &str, columns: &Columns<R>) -> io::Result<Self> {
        Self::create_with(to, name, columns, None)
    }

    /// The same, with an entry of metadata.
    pub(crate) fn create_with<R>(
        to: W,
        name: &str,
        columns: &Columns<R>,
        entry: Option<(&str, String)>,
    ) -> io::Result<Self> {
        let entry = entry.map(|(key, value)| vec![KeyValue::new(key.to_owned(), value)]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(entry)
            .build();
        let open = || {
            let schema = Arc::new(parse_message_type(&message_type(name, columns))?);
            SerializedFileWriter::new(to, schema, Arc::new(properties))
        };
        open().map(Self).map_err(io_error)
    }

    /// Appends `rows` as one group.
    pub(crate) fn write<R>(&mut self, columns: &Columns<R>, rows: &[R]) -> io::Result<()> {
        let mut write = || {
            let mut group = self.0.next_row_group()?;
            for (_, column) in columns {
                let mut writer = group.next_column()?.expect("one writer per column");
                column.write(rows, &mut writer)?;
                writer.close()?;
            }
            group.close()
        };
        write().map(drop).map_err(io_error)
    }

    /// Appends the groups of a finished file with the same columns, as they are.
    pub(crate) fn append(&mut self, part: &PathBuf) -> io::Result<()> {
        let file = File::open(part)?;
        let reader = SerializedFileReader::new(file.try_clone()?).map_err(io_error)?;
        let mut append = || {
            for rows in reader.metadata().row_groups() {
                let mut group = self.0.next_row_group()?;
                for column in rows.columns() {
                    let written = ColumnCloseResult {
                        bytes_written: column.compressed_size().cast_unsigned(),
                        rows_written: rows.num_rows().cast_unsigned(),
                        metadata: column.clone(),
                        bloom_filter: None,
                        column_index: None,
                        offset_index: None,
                    };
                    group.append_column(&file, written)?;
                }
                group.close()?;
            }
            Ok(())
        };
        append().map_err(io_error)
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(io_error)
    }
}

/// Rows buffered before they are written: those of a large slot at once would take most of a run's memory.
const GROUP: usize = 1 << 16;

/// A file of rows that come one by one, written in groups as they come.
pub(crate) struct RowWriter<R> {
    table: ParquetWriter<BufWriter<File>>,
    columns: Vec<(&'static str, Column<R>)>,
    rows: Vec<R>,
}

impl<R> RowWriter<R> {
    pub(crate) fn create(
        path: &Path,
        name: &str,
        columns: Vec<(&'static str, Column<R>)>,
    ) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        Ok(Self {
            table: ParquetWriter::create(file, name, &columns)?,
            columns,
            rows: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, row: R) -> io::Result<()> {
        self.rows.push(row);
        match self.rows.len() < GROUP {
            true => Ok(()),
            false => self.flush(),
        }
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.table.finish()?.into_inner()?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.rows.is_empty() {
            self.table.write(&self.columns, &self.rows)?;
            self.rows.clear();
        }
        Ok(())
    }
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(e) => match e.downcast::<io::Error>() {
            Ok(e) => *e,
            Err(e) => io::Error::other(e),
        },
        e => io::Error::other(e),
    }
}

fn message_type<R>(name: &str, columns: &Columns<R>) -> String {
    let mut text = format!("message {name} {{\n");
    for (name, column) in columns {
        let declaration = match column {
            Column::Unsigned(_) => format!("REQUIRED INT64 {name} (INTEGER(64,false))"),
            Column::Count(_) => format!("REQUIRED INT64 {name}"),
            Column::Real(_) => format!("REQUIRED DOUBLE {name}"),
            Column::MaybeReal(_) | Column::NthReal(..) => format!("OPTIONAL DOUBLE {name}"),
            Column::Flag(_) => format!("REQUIRED BOOLEAN {name}"),
            Column::Text(_) => format!("REQUIRED BYTE_ARRAY {name} (UTF8)"),
            Column::MaybeText(_) => format!("OPTIONAL BYTE_ARRAY {name} (UTF8)"),
        };
        writeln!(text, "  {declaration};").expect("a string takes everything");
    }
    text + "}"
}

impl<R> Column<R> {
    fn write(&self, rows: &[R], to: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let rows = rows.iter();
        match self {
            Self::Unsigned(of) => put::<Int64Type>(to, rows.map(|r| of(r).cast_signed())),
            Self::Count(of) => put::<Int64Type>(to, rows.map(|r| of(r).into())),
            Self::Real(of) => put::<DoubleType>(to, rows.map(of)),
            Self::MaybeReal(of) => put_known::<DoubleType>(to, rows.map(of)),
            Self::NthReal(n, of) => put_known::<DoubleType>(to, rows.map(|r| of(r, *n))),
            Self::Flag(of) => put::<BoolType>(to, rows.map(of)),
            Self::Text(of) => put::<ByteArrayType>(to, rows.map(|r| ByteArray::from(of(r)))),
            Self::MaybeText(of) => {
                put_known::<ByteArrayType>(to, rows.map(|r| of(r).map(ByteArray::from)))
            }
        }
    }
}

fn put<T: DataType>(
    to: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = T::T>,
) -> Result<()> {
    let values: Vec<T::T> = values.collect();
    to.typed::<T>().write_batch(&values, None, None)?;
    Ok(())
}

fn put_known<T: DataType>(
    to: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<()> {
    let values: Vec<Option<T::T>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let known: Vec<T::T> = values.into_iter().flatten().collect();
    to.typed::<T>().write_batch(&known, Some(&levels), None)?;
    Ok(())
}
