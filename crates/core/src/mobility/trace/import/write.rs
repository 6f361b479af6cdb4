//! The form that traces are imported to: Parquet with SUMO's column names, in the order of time.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use ::bytes::Bytes;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use ::parquet::errors::{ParquetError, Result as Written};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::ColumnPath;

use crate::mobility::trace::format::PROJECTION;
use crate::mobility::trace::step::Step;

/// A time step without vehicles is a row of its time alone, as SUMO writes it.
const SCHEMA: &str = "message fcd {
    required double timestep_time;
    optional binary vehicle_id (UTF8);
    optional double vehicle_x;
    optional double vehicle_y;
    optional binary vehicle_type (UTF8);
}";

/// Rows of a row group: they are held until it is complete.
const GROUP: usize = 1 << 17;

/// Writes time steps as rows.
pub(super) struct Rows<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    time: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    ids: Texts,
    kinds: Texts,
}

/// A column of texts that may be absent.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    /// Of those that are there.
    ends: Vec<usize>,
    /// 1 where a text is there, else 0.
    levels: Vec<i16>,
}

impl<W: Write + Send> Rows<W> {
    /// `projection`: how coordinates become metres, as in the key of a scenario.
    pub(super) fn new(out: W, projection: &str) -> io::Result<Self> {
        let schema = parse_message_type(SCHEMA).map_err(failed)?;
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("wayside ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_key_value_metadata(Some(vec![KeyValue::new(
                PROJECTION.to_owned(),
                projection.to_owned(),
            )]));
        // hardly any place comes twice
        for column in ["vehicle_x", "vehicle_y"] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
        }
        let properties = Arc::new(properties.build());
        Ok(Self {
            writer: SerializedFileWriter::new(out, Arc::new(schema), properties).map_err(failed)?,
            time: Vec::new(),
            x: Vec::new(),
            y: Vec::new(),
            ids: Texts::default(),
            kinds: Texts::default(),
        })
    }

    pub(super) fn write(&mut self, step: &Step) -> io::Result<()> {
        if step.len() == 0 {
            self.time.push(step.time_s);
            self.ids.push(None);
            self.kinds.push(None);
        }
        for i in 0..step.len() {
            self.time.push(step.time_s);
            self.ids.push(Some(step.id(i)));
            self.x.push(step.x_m[i]);
            self.y.push(step.y_m[i]);
            self.kinds
                .push(Some(step.kind(i)).filter(|kind| !kind.is_empty()));
        }
        match self.time.len() >= GROUP {
            true => self.flush().map_err(failed),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Written<()> {
        let mut group = self.writer.next_row_group()?;
        let mut column =
            |write: &mut dyn FnMut(&mut SerializedColumnWriter<'_>) -> Written<usize>| {
                let column = group.next_column()?;
                let mut column = column.ok_or_else(|| ParquetError::General("a column".into()))?;
                write(&mut column)?;
                column.close()
            };
        let doubles = |out: &mut SerializedColumnWriter<'_>, values: &[f64], levels| {
            out.typed::<DoubleType>().write_batch(values, levels, None)
        };
        let levels = Some(self.ids.levels.as_slice());
        let (time, x, y) = (&self.time, &self.x, &self.y);
        let (ids, kinds) = (self.ids.cells(), self.kinds.cells());
        let texts = |out: &mut SerializedColumnWriter<'_>, cells: &[ByteArray], levels: &[i16]| {
            out.typed::<ByteArrayType>()
                .write_batch(cells, Some(levels), None)
        };
        column(&mut |out| doubles(out, time, None))?;
        column(&mut |out| texts(out, &ids, &self.ids.levels))?;
        column(&mut |out| doubles(out, x, levels))?;
        column(&mut |out| doubles(out, y, levels))?;
        column(&mut |out| texts(out, &kinds, &self.kinds.levels))?;
        group.close()?;
        for column in [&mut self.time, &mut self.x, &mut self.y] {
            column.clear();
        }
        self.ids.clear();
        self.kinds.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        if !self.time.is_empty() {
            self.flush().map_err(failed)?;
        }
        let mut out = self.writer.into_inner().map_err(failed)?;
        out.flush()
    }
}

impl Texts {
    fn push(&mut self, text: Option<&[u8]>) {
        self.levels.push(i16::from(text.is_some()));
        if let Some(text) = text {
            self.bytes.extend_from_slice(utf8(text).as_bytes());
            self.ends.push(self.bytes.len());
        }
    }

    /// The texts that are there, none of them copied.
    fn cells(&self) -> Vec<ByteArray> {
        let all = Bytes::copy_from_slice(&self.bytes);
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = starts.zip(&self.ends);
        ranges
            .map(|(start, &end)| ByteArray::from(all.slice(start..end)))
            .collect()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.levels.clear();
    }
}

/// A text of a table; what is not UTF-8 is taken for ISO-8859-1.
fn utf8(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => text.into(),
        Err(_) => text
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
            .into(),
    }
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}
