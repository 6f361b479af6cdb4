//! `slots.parquet`: one row per seed, policy and slot.

use crate::columns::{Column, ParquetWriter};
use std::io;
use wayside_core::engine::records::{Replication, ReturnRecord, SlotRecord};
use wayside_core::engine::result::Missed;

/// One row.
struct Row<'a> {
    seed: u64,
    policy: &'a str,
    slot: &'a SlotRecord,
}

impl Row<'_> {
    fn returns(&self, count: fn(&ReturnRecord) -> u32) -> u32 {
        self.slot.returns.as_ref().map_or(0, count)
    }
}

/// The columns of the return of answers, after those of any slot.
fn return_columns<'a>() -> [(&'static str, Column<Row<'a>>); 7] {
    [
        ("return_s", Column::Real(|r| r.slot.return_s)),
        (
            "return_j",
            Column::Real(|r| {
                let tasks = f64::from(r.slot.tasks.max(1));
                r.slot.returns.map_or(0.0, |r| r.energy_j / tasks)
            }),
        ),
        ("returned", Column::Count(|r| r.returns(|r| r.returned))),
        (
            "lost_no_coverage",
            Column::Count(|r| r.returns(|r| r.lost[Missed::NoCoverage as usize])),
        ),
        (
            "lost_vehicle_left",
            Column::Count(|r| r.returns(|r| r.lost[Missed::VehicleLeft as usize])),
        ),
        ("pending", Column::Count(|r| r.returns(|r| r.pending))),
        ("handovers", Column::Count(|r| r.returns(|r| r.handovers))),
    ]
}

/// The columns, in order; the last is the only one that depends on the clock.
fn columns<'a>() -> [(&'static str, Column<Row<'a>>); 29] {
    [
        ("seed", Column::Unsigned(|r| r.seed)),
        ("policy", Column::Text(|r| r.policy)),
        ("slot", Column::Count(|r| r.slot.slot)),
        ("tasks", Column::Count(|r| r.slot.tasks)),
        ("vehicles", Column::Count(|r| r.slot.vehicles)),
        ("objective", Column::Real(|r| r.slot.objective)),
        ("delay_s", Column::Real(|r| r.slot.delay_s)),
        ("energy_j", Column::Real(|r| r.slot.energy_j)),
        ("upload_s", Column::Real(|r| r.slot.upload_s)),
        ("migration_s", Column::Real(|r| r.slot.migration_s)),
        ("wait_s", Column::Real(|r| r.slot.wait_s)),
        ("compute_s", Column::Real(|r| r.slot.compute_s)),
        ("lower_bound", Column::MaybeReal(|r| r.slot.lower_bound)),
        ("deadline_met", Column::Count(|r| r.slot.deadline_met)),
        ("offloaded", Column::Count(|r| r.slot.offloaded)),
        ("migrated", Column::Count(|r| r.slot.migrated)),
        ("hops", Column::Count(|r| r.slot.hops)),
        ("uncovered", Column::Count(|r| r.slot.uncovered)),
        ("turned_back", Column::Count(|r| r.slot.turned_back)),
        ("lbm", Column::Real(|r| r.slot.lbm)),
        ("tau", Column::Real(|r| r.slot.tau)),
        ("clamped", Column::Flag(|r| r.slot.clamped)),
        ("violated", Column::Flag(|r| r.slot.violated)),
        ("jain", Column::Real(|r| r.slot.jain)),
        ("propagation_s", Column::Real(|r| r.slot.propagation_s)),
        ("lost", Column::Count(|r| r.slot.lost)),
        ("success", Column::Count(|r| r.slot.success)),
        (
            "on_time_most",
            Column::MaybeReal(|r| r.slot.on_time_most.map(f64::from)),
        ),
        ("decision_time_s", Column::Real(|r| r.slot.decision_time_s)),
    ]
}

/// Writes all slots, one row group per seed. `timing` adds the column of decision times.
///
/// # Errors
/// What the writer reports.
pub fn write_slots<W: io::Write + Send>(
    to: W,
    replications: &[Replication],
    timing: bool,
) -> io::Result<W> {
    let mut columns: Vec<_> = columns().into();
    if !timing {
        columns.pop();
    }
    let slots = replications.iter().flat_map(rows);
    if slots.map(|row| row.slot).any(|slot| slot.returns.is_some()) {
        columns.extend(return_columns());
    }
    let mut table = ParquetWriter::create(to, "slots", &columns)?;
    for replication in replications {
        let rows: Vec<Row<'_>> = rows(replication).collect();
        table.write(&columns, &rows)?;
    }
    table.finish()
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
