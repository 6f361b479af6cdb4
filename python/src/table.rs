//! Results as Arrow tables, handed over without a copy through the Arrow C interface.

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator,
    StringArray, UInt64Array,
};
use arrow_schema::ArrowError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::Arc;
use wayside_core::engine::records::{Replication, SlotRecord};

/// A table that `pyarrow.table`, `polars.DataFrame` and pandas take as it is.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Table(RecordBatch);

#[pymethods]
impl Table {
    /// Names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        let schema = self.0.schema();
        schema.fields().iter().map(|f| f.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    fn __repr__(&self) -> String {
        let names = self.column_names().join(", ");
        format!("Table({} rows: {names})", self.0.num_rows())
    }

    /// The Arrow `PyCapsule` interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // a request that cannot be met may be left aside
        drop(requested_schema);
        let batches = RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

type Row<'a> = (u64, &'a str, &'a SlotRecord);

/// One row per seed, policy and slot: the columns of `slots.parquet`.
pub(crate) fn slots(replications: &[Replication], timing: bool) -> PyResult<Table> {
    let rows: Vec<Row<'_>> = replications
        .iter()
        .flat_map(|replication| {
            replication.policies.iter().flat_map(|run| {
                let row = |slot| (replication.seed, run.policy.as_str(), slot);
                run.slots.iter().map(row)
            })
        })
        .collect();
    let count = |of: fn(&SlotRecord) -> u32| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|r| i64::from(of(r.2)))
                .collect::<Int64Array>(),
        )
    };
    let real = |of: fn(&SlotRecord) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| of(r.2))))
    };
    let flag = |of: fn(&SlotRecord) -> bool| -> ArrayRef {
        Arc::new(BooleanArray::from(
            rows.iter().map(|r| of(r.2)).collect::<Vec<_>>(),
        ))
    };
    let seed: ArrayRef = Arc::new(UInt64Array::from_iter_values(rows.iter().map(|r| r.0)));
    let policy: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1)));
    let bound: Float64Array = rows.iter().map(|r| r.2.lower_bound).collect();
    let mut columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("seed", seed, false),
        ("policy", policy, false),
        ("slot", count(|s| s.slot), false),
        ("tasks", count(|s| s.tasks), false),
        ("vehicles", count(|s| s.vehicles), false),
        ("objective", real(|s| s.objective), false),
        ("delay_s", real(|s| s.delay_s), false),
        ("energy_j", real(|s| s.energy_j), false),
        ("upload_s", real(|s| s.upload_s), false),
        ("migration_s", real(|s| s.migration_s), false),
        ("wait_s", real(|s| s.wait_s), false),
        ("compute_s", real(|s| s.compute_s), false),
        ("lower_bound", Arc::new(bound), true),
        ("deadline_met", count(|s| s.deadline_met), false),
        ("offloaded", count(|s| s.offloaded), false),
        ("migrated", count(|s| s.migrated), false),
        ("hops", count(|s| s.hops), false),
        ("uncovered", count(|s| s.uncovered), false),
        ("turned_back", count(|s| s.turned_back), false),
        ("lbm", real(|s| s.lbm), false),
        ("tau", real(|s| s.tau), false),
        ("clamped", flag(|s| s.clamped), false),
        ("violated", flag(|s| s.violated), false),
        ("jain", real(|s| s.jain), false),
        ("propagation_s", real(|s| s.propagation_s), false),
        ("lost", count(|s| s.lost), false),
        ("success", count(|s| s.success), false),
    ];
    if timing {
        let time = real(|s| s.decision_time_s);
        columns.push(("decision_time_s", time, false));
    }
    RecordBatch::try_from_iter_with_nullable(columns)
        .map(Table)
        .map_err(|e: ArrowError| PyRuntimeError::new_err(e.to_string()))
}
