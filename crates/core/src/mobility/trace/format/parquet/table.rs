//! A small table as Parquet, as the CSV that other programs would write of it.

use ::csv::Writer;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;

use super::super::super::bytes::Trace;
use super::{guarded, shown};
use crate::error::{Error, Result};

/// Largest table, as CSV \[B\].
const MOST_BYTES: usize = 256 << 20;

/// All columns of `trace` that are not nested, below a header.
pub(in super::super::super) fn as_csv(name: &str, trace: Trace) -> Result<Vec<u8>> {
    let refused = |error: ParquetError| {
        let message = format!(
            "cut off or damaged: {}",
            shown(error.to_string().as_bytes())
        );
        Error::invalid(name, None, "", message)
    };
    let csv = guarded(|| write(trace)).map_err(refused)?;
    csv.ok_or_else(|| {
        let message = format!("must be at most {} MiB as CSV", MOST_BYTES >> 20);
        Error::invalid(name, None, "", message)
    })
}

/// `None` where it is too large.
fn write(trace: Trace) -> ::parquet::errors::Result<Option<Vec<u8>>> {
    let file = SerializedFileReader::new(trace)?;
    let mut writer = Writer::from_writer(Vec::new());
    let outside = |error: ::csv::Error| ParquetError::External(Box::new(error));
    let schema = file.metadata().file_metadata().schema();
    let header = schema.get_fields().iter().map(|field| field.name());
    writer.write_record(header).map_err(outside)?;
    for row in file.get_row_iter(None)? {
        let row = row?;
        let cells = row.get_column_iter().map(|(_, field)| cell(field));
        writer.write_record(cells).map_err(outside)?;
        if writer.get_ref().len() > MOST_BYTES {
            return Ok(None);
        }
    }
    let csv = writer.into_inner();
    csv.map(Some)
        .map_err(|error| ParquetError::External(Box::new(error.into_error())))
}

fn cell(field: &Field) -> String {
    match field {
        Field::Null | Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => {
            String::new()
        }
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        other => other.to_string(),
    }
}
