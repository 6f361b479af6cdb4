//! Flat rows as Parquet.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::writer::{
    ColumnCloseResult, ColumnWriter, get_column_writer, get_typed_column_writer_mut,
};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;
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
pub(crate) struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// Reused for the columns of a group.
    chunks: Vec<Vec<u8>>,
}

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
        Ok(Self {
            file: open().map_err(io_error)?,
            chunks: Vec::new(),
        })
    }

    /// Appends `rows` as one group. Where they are many, the threads of the pool share its columns.
    pub(crate) fn write<R: Sync>(&mut self, columns: &Columns<R>, rows: &[R]) -> io::Result<()> {
        let Self { file, chunks } = self;
        let schema = file.schema_descr().columns();
        let properties = file.properties();
        let encode = |(i, (chunk, (_, column))): (usize, (Vec<u8>, &(_, Column<R>)))| {
            column.encode(rows, schema[i].clone(), properties.clone(), chunk)
        };
        let mut empty = std::mem::take(chunks);
        // fewer come back from a group that failed
        empty.resize_with(columns.len(), Vec::new);
        // Asked outside of a pool, rayon would start one.
        let is_split = rows.len() >= MANY && rayon::current_thread_index().is_some();
        let encoded: Result<Vec<_>> = match is_split {
            true => empty
                .into_par_iter()
                .zip(columns)
                .enumerate()
                .map(encode)
                .collect(),
            false => empty
                .into_iter()
                .zip(columns)
                .enumerate()
                .map(encode)
                .collect(),
        };
        let append = || {
            let encoded = encoded?;
            let mut group = file.next_row_group()?;
            for (chunk, written) in encoded {
                group.append_column(&chunk, written)?;
                let mut chunk = Vec::from(chunk);
                chunk.clear();
                chunks.push(chunk);
            }
            group.close()
        };
        append().map_err(io_error)?;
        // a full disk is told here, where the error says that it is
        file.flush()
    }

    /// Appends the groups of a finished file with the same columns, as they are.
    pub(crate) fn append(&mut self, part: &PathBuf) -> io::Result<()> {
        let file = File::open(part)?;
        let reader = SerializedFileReader::new(file.try_clone()?).map_err(io_error)?;
        let mut append = || {
            for rows in reader.metadata().row_groups() {
                let mut group = self.file.next_row_group()?;
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
        self.file.into_inner().map_err(io_error)
    }
}

/// Rows from which on columns are encoded apart.
const MANY: usize = 1 << 14;

/// Rows buffered before they are written: those of a large slot at once would take most of a run's memory.
const GROUP: usize = 1 << 16;

/// A file of rows that come one by one, written in groups as they come.
pub(crate) struct RowWriter<R> {
    table: ParquetWriter<BufWriter<File>>,
    columns: Vec<(&'static str, Column<R>)>,
    rows: Vec<R>,
}

impl<R: Sync> RowWriter<R> {
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
    /// The values of `rows` as a chunk of a file, written to `chunk`, which is empty.
    fn encode(
        &self,
        rows: &[R],
        descriptor: ColumnDescPtr,
        properties: WriterPropertiesPtr,
        chunk: Vec<u8>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let mut chunk = TrackedWrite::new(chunk);
        let pages = Box::new(SerializedPageWriter::new(&mut chunk));
        let mut writer = get_column_writer(descriptor, properties, pages);
        self.write(rows, &mut writer)?;
        let written = writer.close()?;
        Ok((chunk.into_inner()?.into(), written))
    }

    fn write(&self, rows: &[R], to: &mut ColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Unsigned(of) => put::<_, Int64Type>(to, rows, |r| of(r).cast_signed()),
            Self::Count(of) => put::<_, Int64Type>(to, rows, |r| of(r).into()),
            Self::Real(of) => put::<_, DoubleType>(to, rows, of),
            Self::MaybeReal(of) => put_known::<_, DoubleType>(to, rows, of),
            Self::NthReal(n, of) => put_known::<_, DoubleType>(to, rows, |r| of(r, *n)),
            Self::Flag(of) => put::<_, BoolType>(to, rows, of),
            Self::Text(of) => put::<_, ByteArrayType>(to, rows, |r| ByteArray::from(of(r))),
            Self::MaybeText(of) => {
                put_known::<_, ByteArrayType>(to, rows, |r| of(r).map(ByteArray::from))
            }
        }
    }
}

/// Rows written at a time, as Parquet splits them itself: a whole group of values in memory would be slower.
const BATCH: usize = 1024;

fn put<R, T: DataType>(
    to: &mut ColumnWriter<'_>,
    rows: &[R],
    value: impl Fn(&R) -> T::T,
) -> Result<()> {
    let to = get_typed_column_writer_mut::<T>(to);
    let mut values = Vec::with_capacity(BATCH);
    for rows in rows.chunks(BATCH) {
        values.clear();
        values.extend(rows.iter().map(&value));
        to.write_batch(&values, None, None)?;
    }
    Ok(())
}

fn put_known<R, T: DataType>(
    to: &mut ColumnWriter<'_>,
    rows: &[R],
    value: impl Fn(&R) -> Option<T::T>,
) -> Result<()> {
    let to = get_typed_column_writer_mut::<T>(to);
    let (mut levels, mut known) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    for rows in rows.chunks(BATCH) {
        levels.clear();
        known.clear();
        for value in rows.iter().map(&value) {
            levels.push(i16::from(value.is_some()));
            known.extend(value);
        }
        to.write_batch(&known, Some(&levels), None)?;
    }
    Ok(())
}
