//! One column, decoded: numbers and ids of any type that writers use for them.

use std::fmt::Display;

use ::parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::schema::types::ColumnDescriptor;
use bytes::Bytes;

use crate::mobility::trace::time;

/// Rows decoded at once.
const BATCH: usize = 4096;

/// What the stored value of a column stands for.
#[derive(Clone, Copy, Debug)]
struct Meaning {
    /// A number is so many of the stored value.
    scale: f64,
    unsigned: bool,
    /// Bytes are a decimal, not text.
    decimal: bool,
}

impl Meaning {
    fn of(column: &ColumnDescriptor) -> Self {
        let mut meaning = Self {
            scale: 1.0,
            unsigned: false,
            decimal: false,
        };
        let mut decimal = |scale: i32| {
            meaning.decimal = true;
            meaning.scale = 10_f64.powi(-scale);
        };
        match column.logical_type_ref() {
            Some(LogicalType::Decimal(kind)) => decimal(kind.scale),
            Some(LogicalType::Timestamp(kind) | LogicalType::Time(kind)) => {
                meaning.scale = match kind.unit {
                    TimeUnit::MILLIS => 1e-3,
                    TimeUnit::MICROS => 1e-6,
                    TimeUnit::NANOS => 1e-9,
                };
            }
            _ => match column.converted_type() {
                ConvertedType::DECIMAL => decimal(column.type_scale()),
                ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIME_MILLIS => {
                    meaning.scale = 1e-3
                }
                ConvertedType::TIMESTAMP_MICROS | ConvertedType::TIME_MICROS => {
                    meaning.scale = 1e-6
                }
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64 => meaning.unsigned = true,
                _ => {}
            },
        }
        if let Some(LogicalType::Integer(kind)) = column.logical_type_ref() {
            meaning.unsigned = !kind.is_signed;
        }
        meaning
    }

    /// Division by a power of ten is exact where multiplication by its inverse would round.
    fn number(self, stored: f64) -> f64 {
        if self.scale < 1.0 {
            stored / (1.0 / self.scale).round()
        } else {
            stored * self.scale
        }
    }
}

/// Why a column cannot be read, in the terms of pandas and polars.
pub(super) fn refusal(column: &ColumnDescriptor, text: bool) -> Option<String> {
    if column.self_type().get_basic_info().repetition() == Repetition::REPEATED {
        return Some("must hold one value per row, got a repeated column".into());
    }
    let wanted = if text {
        "text or whole numbers"
    } else {
        "numbers"
    };
    let got = match column.physical_type() {
        Type::BOOLEAN => "true and false",
        Type::FIXED_LEN_BYTE_ARRAY if !Meaning::of(column).decimal => "bytes of a fixed length",
        _ => return None,
    };
    Some(format!("must be a column of {wanted}, got {got}"))
}

/// A column of numbers; null is NaN.
#[derive(Default)]
pub(super) struct Numbers {
    cells: Option<Cells>,
    pub(super) values: Vec<f64>,
}

/// A column of text; null is empty.
#[derive(Default)]
pub(super) struct Strings {
    cells: Option<Cells>,
    pub(super) values: Vec<ByteArray>,
}

struct Cells {
    reader: ColumnReader,
    meaning: Meaning,
    levels: Vec<i16>,
}

impl Cells {
    fn new(reader: ColumnReader, column: &ColumnDescriptor) -> Self {
        Self {
            reader,
            meaning: Meaning::of(column),
            levels: Vec::new(),
        }
    }
}

impl Numbers {
    pub(super) fn open(&mut self, reader: ColumnReader, column: &ColumnDescriptor) {
        self.cells = Some(Cells::new(reader, column));
    }

    pub(super) fn is_open(&self) -> bool {
        self.cells.is_some()
    }

    pub(super) fn fill(&mut self) -> Result<usize> {
        self.values.clear();
        let out = &mut self.values;
        let Some(Cells {
            reader,
            meaning,
            levels,
        }) = &mut self.cells
        else {
            return Err(ParquetError::General("no column".into()));
        };
        let meaning = *meaning;
        let number = |stored: f64| meaning.number(stored);
        match reader {
            ColumnReader::DoubleColumnReader(r) => cells(r, levels, f64::NAN, out, |x| x),
            ColumnReader::FloatColumnReader(r) => cells(r, levels, f64::NAN, out, f64::from),
            ColumnReader::Int32ColumnReader(r) => cells(r, levels, f64::NAN, out, |x| {
                number(if meaning.unsigned {
                    f64::from(x.cast_unsigned())
                } else {
                    f64::from(x)
                })
            }),
            ColumnReader::Int64ColumnReader(r) => cells(r, levels, f64::NAN, out, |x| {
                number(if meaning.unsigned {
                    x.cast_unsigned() as f64
                } else {
                    x as f64
                })
            }),
            ColumnReader::Int96ColumnReader(r) => {
                cells(r, levels, f64::NAN, out, |x| x.to_micros() as f64 / 1e6)
            }
            ColumnReader::ByteArrayColumnReader(r) => cells(r, levels, f64::NAN, out, |bytes| {
                if meaning.decimal {
                    number(big_endian(bytes.data()))
                } else {
                    let text = std::str::from_utf8(bytes.data()).ok();
                    text.and_then(time::seconds).unwrap_or(f64::NAN)
                }
            }),
            ColumnReader::FixedLenByteArrayColumnReader(r) => {
                cells(r, levels, f64::NAN, out, |bytes| {
                    number(big_endian(bytes.data()))
                })
            }
            ColumnReader::BoolColumnReader(_) => Err(ParquetError::General("not numbers".into())),
        }
    }
}

impl Strings {
    pub(super) fn open(&mut self, reader: ColumnReader, column: &ColumnDescriptor) {
        self.cells = Some(Cells::new(reader, column));
    }

    pub(super) fn fill(&mut self) -> Result<usize> {
        self.values.clear();
        let out = &mut self.values;
        let Some(Cells {
            reader,
            meaning,
            levels,
        }) = &mut self.cells
        else {
            return Err(ParquetError::General("no column".into()));
        };
        let empty = || ByteArray::from(Bytes::new());
        let meaning = *meaning;
        match reader {
            ColumnReader::ByteArrayColumnReader(r) if !meaning.decimal => {
                cells(r, levels, empty(), out, |bytes| bytes)
            }
            ColumnReader::Int32ColumnReader(r) => cells(r, levels, empty(), out, |x| {
                if meaning.unsigned {
                    text(x.cast_unsigned())
                } else {
                    text(x)
                }
            }),
            ColumnReader::Int64ColumnReader(r) => cells(r, levels, empty(), out, |x| {
                if meaning.unsigned {
                    text(x.cast_unsigned())
                } else {
                    text(x)
                }
            }),
            // a table with a missing id somewhere has whole numbers as floats
            ColumnReader::DoubleColumnReader(r) => cells(r, levels, empty(), out, whole),
            ColumnReader::FloatColumnReader(r) => {
                cells(r, levels, empty(), out, |x| whole(f64::from(x)))
            }
            ColumnReader::FixedLenByteArrayColumnReader(r) => cells(r, levels, empty(), out, |x| {
                whole(meaning.number(big_endian(x.data())))
            }),
            ColumnReader::ByteArrayColumnReader(r) => cells(r, levels, empty(), out, |x| {
                whole(meaning.number(big_endian(x.data())))
            }),
            _ => Err(ParquetError::General("not text".into())),
        }
    }
}

fn text(value: impl Display) -> ByteArray {
    ByteArray::from(value.to_string().into_bytes())
}

fn whole(value: f64) -> ByteArray {
    if value.is_nan() {
        ByteArray::from(Bytes::new())
    } else {
        text(value)
    }
}

/// A decimal's two's complement.
fn big_endian(bytes: &[u8]) -> f64 {
    if bytes.len() > 16 {
        return f64::NAN;
    }
    let negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
    let start: i128 = if negative { -1 } else { 0 };
    bytes
        .iter()
        .fold(start, |sum, &byte| (sum << 8) | i128::from(byte)) as f64
}

/// Decodes a batch of a flat column and lays the present values out over the rows. A column that cannot
/// be null has no levels.
fn cells<T: DataType, V: Clone>(
    reader: &mut ColumnReaderImpl<T>,
    levels: &mut Vec<i16>,
    null: V,
    out: &mut Vec<V>,
    value: impl Fn(T::T) -> V,
) -> Result<usize> {
    let mut present = Vec::new();
    levels.clear();
    let (rows, _, _) = reader.read_records(BATCH, Some(levels), None, &mut present)?;
    let mut present = present.into_iter().map(value);
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
