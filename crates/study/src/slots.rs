//! `slots.parquet`: one row per seed, policy and slot.

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use wayside_core::engine::records::{Replication, SlotRecord};

/// One row.
struct Row<'a> {
    seed: u64,
    policy: &'a str,
    slot: &'a SlotRecord,
}

/// Type of a column, and where its values come from.
enum Column {
    Seed,
    Policy,
    Count(fn(&SlotRecord) -> u32),
    Real(fn(&SlotRecord) -> f64),
    Maybe(fn(&SlotRecord) -> Option<f64>),
    Flag(fn(&SlotRecord) -> bool),
}

/// The columns, in order; the last is the only one that depends on the clock.
const COLUMNS: [(&str, Column); 25] = [
    ("seed", Column::Seed),
    ("policy", Column::Policy),
    ("slot", Column::Count(|s| s.slot)),
    ("tasks", Column::Count(|s| s.tasks)),
    ("vehicles", Column::Count(|s| s.vehicles)),
    ("objective", Column::Real(|s| s.objective)),
    ("delay_s", Column::Real(|s| s.delay_s)),
    ("energy_j", Column::Real(|s| s.energy_j)),
    ("upload_s", Column::Real(|s| s.upload_s)),
    ("migration_s", Column::Real(|s| s.migration_s)),
    ("wait_s", Column::Real(|s| s.wait_s)),
    ("compute_s", Column::Real(|s| s.compute_s)),
    ("lower_bound", Column::Maybe(|s| s.lower_bound)),
    ("deadline_met", Column::Count(|s| s.deadline_met)),
    ("offloaded", Column::Count(|s| s.offloaded)),
    ("migrated", Column::Count(|s| s.migrated)),
    ("hops", Column::Count(|s| s.hops)),
    ("uncovered", Column::Count(|s| s.uncovered)),
    ("turned_back", Column::Count(|s| s.turned_back)),
    ("lbm", Column::Real(|s| s.lbm)),
    ("tau", Column::Real(|s| s.tau)),
    ("clamped", Column::Flag(|s| s.clamped)),
    ("violated", Column::Flag(|s| s.violated)),
    ("jain", Column::Real(|s| s.jain)),
    ("decision_time_s", Column::Real(|s| s.decision_time_s)),
];

/// Writes all slots, a row group per seed; without `timing` the column of decision times is left out.
///
/// # Errors
/// What the writer said.
pub(crate) fn write_slots<W: io::Write + Send>(
    to: W,
    replications: &[Replication],
    timing: bool,
) -> io::Result<W> {
    write(to, replications, timing).map_err(|e| match e {
        ParquetError::External(e) => match e.downcast::<io::Error>() {
            Ok(e) => *e,
            Err(e) => io::Error::other(e),
        },
        e => io::Error::other(e),
    })
}

fn write<W: io::Write + Send>(to: W, replications: &[Replication], timing: bool) -> Result<W> {
    let columns = &COLUMNS[..COLUMNS.len() - usize::from(!timing)];
    let schema = Arc::new(parse_message_type(&message_type(columns))?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut file = SerializedFileWriter::new(to, schema, Arc::new(properties))?;
    for replication in replications {
        let rows: Vec<Row<'_>> = rows(replication).collect();
        let mut group = file.next_row_group()?;
        for (_, column) in columns {
            let mut writer = group.next_column()?.expect("one writer per column");
            column.write(&rows, &mut writer)?;
            writer.close()?;
        }
        group.close()?;
    }
    file.into_inner()
}

fn rows(replication: &Replication) -> impl Iterator<Item = Row<'_>> {
    replication.policies.iter().flat_map(|run| {
        run.slots.iter().map(|slot| Row {
            seed: replication.seed,
            policy: &run.policy,
            slot,
        })
    })
}

fn message_type(columns: &[(&str, Column)]) -> String {
    let mut text = String::from("message slots {\n");
    for (name, column) in columns {
        let declaration = match column {
            Column::Seed => format!("REQUIRED INT64 {name} (INTEGER(64,false))"),
            Column::Policy => format!("REQUIRED BYTE_ARRAY {name} (UTF8)"),
            Column::Count(_) => format!("REQUIRED INT64 {name}"),
            Column::Real(_) => format!("REQUIRED DOUBLE {name}"),
            Column::Maybe(_) => format!("OPTIONAL DOUBLE {name}"),
            Column::Flag(_) => format!("REQUIRED BOOLEAN {name}"),
        };
        writeln!(text, "  {declaration};").expect("a string takes everything");
    }
    text + "}"
}

impl Column {
    fn write(&self, rows: &[Row<'_>], to: &mut SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Seed => put::<Int64Type>(to, rows.iter().map(|r| r.seed.cast_signed())),
            Self::Policy => {
                put::<ByteArrayType>(to, rows.iter().map(|r| ByteArray::from(r.policy)))
            }
            Self::Count(of) => put::<Int64Type>(to, rows.iter().map(|r| of(r.slot).into())),
            Self::Real(of) => put::<DoubleType>(to, rows.iter().map(|r| of(r.slot))),
            Self::Flag(of) => put::<BoolType>(to, rows.iter().map(|r| of(r.slot))),
            Self::Maybe(of) => {
                let values: Vec<Option<f64>> = rows.iter().map(|r| of(r.slot)).collect();
                let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
                let known: Vec<f64> = values.into_iter().flatten().collect();
                to.typed::<DoubleType>()
                    .write_batch(&known, Some(&levels), None)?;
                Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    #[test]
    fn oracle_parquet_reader_finds_what_was_written() {
        let mut replications = synthetic::replications(2, 3);
        replications[0].policies[0].slots[1].lower_bound = None;
        let bytes = write_slots(Vec::new(), &replications, true).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows.len(), 2 * synthetic::POLICIES.len() * 3);
        let expected = replications.iter().flat_map(super::rows);
        for (row, expected) in rows.iter().zip(expected) {
            assert_eq!(row.get_ulong(0).unwrap(), expected.seed);
            assert_eq!(row.get_string(1).unwrap(), expected.policy);
            assert_eq!(row.get_long(2).unwrap(), i64::from(expected.slot.slot));
            let objective = row.get_double(5).unwrap();
            assert_eq!(objective.to_bits(), expected.slot.objective.to_bits());
            assert_eq!(row.get_double(12).ok(), expected.slot.lower_bound);
        }
    }

    #[test]
    fn property_without_timing_the_clock_leaves_no_trace() {
        let mut later = synthetic::replications(1, 3);
        let now = later.clone();
        later[0].policies[0].slots[0].decision_time_s += 1.0;
        let bytes = |r: &[Replication], timing| write_slots(Vec::new(), r, timing).unwrap();
        assert_ne!(bytes(&now, true), bytes(&later, true));
        assert_eq!(bytes(&now, false), bytes(&later, false));
    }

    #[test]
    fn property_a_full_disk_is_an_error() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = write_slots(Full, &synthetic::replications(1, 1), true)
            .err()
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
