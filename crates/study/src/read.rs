//! Tables read back into memory, column by column.

use bytes::Bytes;
use parquet::basic::{ConvertedType, Repetition};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader, SerializedFileReader};
use std::fs::File;
use std::io;

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Seeds.
    Unsigned(Vec<u64>),
    /// Counts.
    Count(Vec<i64>),
    /// Numbers, none missing.
    Real(Vec<f64>),
    /// Numbers, some of which may be missing.
    MaybeReal(Vec<Option<f64>>),
    /// Yes or no.
    Flag(Vec<bool>),
    /// Text, none missing.
    Text(Vec<String>),
    /// Text, some of which may be missing.
    MaybeText(Vec<Option<String>>),
}

/// The columns of one of our Parquet files, by name and in order.
///
/// # Errors
/// A file that is not Parquet, or has columns of unexpected types.
pub fn columns(file: Vec<u8>) -> io::Result<Vec<(String, Values)>> {
    read(file).map_err(io::Error::other)
}

/// Visits columns called `names` of a file, row group by row group, so that no more than one group is in memory.
///
/// # Errors
/// As [`columns`]; a column that is not there; what `visit` finds.
pub(crate) fn each_group<const N: usize>(
    file: File,
    names: [&str; N],
    mut visit: impl FnMut([Values; N]) -> io::Result<()>,
) -> io::Result<()> {
    let reader = SerializedFileReader::new(file).map_err(io::Error::other)?;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(io::Error::other)?;
        let wanted = |name: &str| names.contains(&name);
        let mut found = read_groups(&reader, &[group], wanted).map_err(io::Error::other)?;
        let mut take = |name: &str| -> io::Result<Values> {
            let place = found.iter().position(|(n, _)| n == name);
            let place = place.ok_or_else(|| io::Error::other(format!("has no column {name}")))?;
            Ok(found.swap_remove(place).1)
        };
        let mut columns = Vec::with_capacity(N);
        for name in names {
            columns.push(take(name)?);
        }
        visit(columns.try_into().expect("one for each name"))?;
    }
    Ok(())
}

/// The metadata of a file under a key.
///
/// # Errors
/// A file that is not Parquet.
pub(crate) fn metadata(file: File, key: &str) -> io::Result<Option<String>> {
    let reader = SerializedFileReader::new(file).map_err(io::Error::other)?;
    let entries = reader.metadata().file_metadata().key_value_metadata();
    let entry = entries.into_iter().flatten().find(|entry| entry.key == key);
    Ok(entry.and_then(|entry| entry.value.clone()))
}

fn read(file: Vec<u8>) -> Result<Vec<(String, Values)>> {
    let reader = SerializedFileReader::new(Bytes::from(file))?;
    let groups: Vec<Box<dyn RowGroupReader + '_>> = (0..reader.num_row_groups())
        .map(|group| reader.get_row_group(group))
        .collect::<Result<_>>()?;
    read_groups(&reader, &groups, |_| true)
}

/// The columns that are wanted, of some of the row groups.
fn read_groups<F: ChunkReader + 'static>(
    reader: &SerializedFileReader<F>,
    groups: &Groups<'_>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Values)>> {
    let schema = reader.metadata().file_metadata().schema_descr();
    let column = |(i, like): (usize, &parquet::schema::types::ColumnDescPtr)| {
        use parquet::basic::Type::{BOOLEAN, BYTE_ARRAY, DOUBLE, INT64};
        let always = like.self_type().get_basic_info().repetition() == Repetition::REQUIRED;
        let unsigned = like.converted_type() == ConvertedType::UINT_64;
        let values = match (like.physical_type(), always) {
            (INT64, true) if unsigned => {
                let numbers = all::<Int64Type>(groups, i)?.into_iter();
                Values::Unsigned(numbers.map(i64::cast_unsigned).collect())
            }
            (INT64, true) => Values::Count(all::<Int64Type>(groups, i)?),
            (DOUBLE, true) => Values::Real(all::<DoubleType>(groups, i)?),
            (DOUBLE, false) => Values::MaybeReal(known::<DoubleType>(groups, i)?),
            (BOOLEAN, true) => Values::Flag(all::<BoolType>(groups, i)?),
            (BYTE_ARRAY, true) => {
                let texts = all::<ByteArrayType>(groups, i)?.into_iter();
                Values::Text(texts.map(text).collect::<Result<_>>()?)
            }
            (BYTE_ARRAY, false) => {
                let texts = known::<ByteArrayType>(groups, i)?.into_iter();
                let texts = texts.map(|t| t.map(text).transpose());
                Values::MaybeText(texts.collect::<Result<_>>()?)
            }
            (other, _) => {
                let message = format!("{}: {other} is no type of ours", like.name());
                return Err(ParquetError::General(message));
            }
        };
        Ok((like.name().to_owned(), values))
    };
    let columns = schema.columns().iter().enumerate();
    let columns = columns.filter(|(_, like)| wanted(like.name()));
    columns.map(column).collect()
}

fn text(bytes: parquet::data_type::ByteArray) -> Result<String> {
    Ok(bytes.as_utf8()?.to_owned())
}

type Groups<'a> = [Box<dyn RowGroupReader + 'a>];

/// The values of a column in which none is missing.
fn all<T: DataType>(groups: &Groups<'_>, column: usize) -> Result<Vec<T::T>> {
    let mut values = Vec::new();
    for group in groups {
        let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
        let _ = reader.read_records(usize::MAX, None, None, &mut values)?;
    }
    Ok(values)
}

/// The values of a column in which some may be missing.
fn known<T: DataType>(groups: &Groups<'_>, column: usize) -> Result<Vec<Option<T::T>>> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for group in groups {
        let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
        let there = Some(&mut levels);
        let _ = reader.read_records(usize::MAX, there, None, &mut values)?;
    }
    let mut values = values.into_iter();
    let value = |level: i16| if level > 0 { values.next() } else { None };
    Ok(levels.into_iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::write_slots;
    use crate::synthetic;

    #[test]
    fn oracle_what_was_written_is_read_back() {
        let mut replications = synthetic::replications(2, 3);
        replications[0].policies[0].slots[1].lower_bound = None;
        let file = write_slots(Vec::new(), &replications, true).unwrap();
        let found = columns(file).unwrap();
        let slots: Vec<_> = replications
            .iter()
            .flat_map(|r| r.policies.iter().map(move |p| (r.seed, p)))
            .flat_map(|(seed, p)| p.slots.iter().map(move |s| (seed, &p.policy, s)))
            .collect();
        let named = |name: &str| &found.iter().find(|(n, _)| n == name).unwrap().1;
        let seeds = slots.iter().map(|s| s.0).collect();
        assert_eq!(named("seed"), &Values::Unsigned(seeds));
        let policies = slots.iter().map(|s| s.1.clone()).collect();
        assert_eq!(named("policy"), &Values::Text(policies));
        let tasks = slots.iter().map(|s| s.2.tasks.into()).collect();
        assert_eq!(named("tasks"), &Values::Count(tasks));
        let objective = slots.iter().map(|s| s.2.objective).collect();
        assert_eq!(named("objective"), &Values::Real(objective));
        let bound: Vec<_> = slots.iter().map(|s| s.2.lower_bound).collect();
        assert_eq!(bound[1], None);
        assert_eq!(named("lower_bound"), &Values::MaybeReal(bound));
        let clamped = slots.iter().map(|s| s.2.clamped).collect();
        assert_eq!(named("clamped"), &Values::Flag(clamped));
        assert!(columns(b"PAR1".to_vec()).is_err());
    }
}
