//! Results as Arrow tables, handed over without a copy through the Arrow C interface.

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator,
    StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, Schema};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::Arc;
use wayside_core::engine::records::Replication;
use wayside_study::experiment::Columns;
use wayside_study::read::{self, Values};
use wayside_study::slots::write_slots;

/// A table that `pyarrow.table`, `polars.DataFrame` and pandas take as it is.
#[pyclass(frozen, module = "wayside._native")]
#[derive(Clone)]
pub(crate) struct Table {
    schema: Arc<Schema>,
    batches: Vec<RecordBatch>,
}

#[pymethods]
impl Table {
    /// Names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|f| f.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn __repr__(&self) -> String {
        let names = self.column_names().join(", ");
        format!("Table({} rows: {names})", self.__len__())
    }

    /// The Arrow `PyCapsule` interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // the protocol allows us to ignore a requested schema
        drop(requested_schema);
        let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
        let batches = RecordBatchIterator::new(batches, Arc::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

/// One row per seed, policy and slot: what `slots.parquet` holds.
pub(crate) fn slots(replications: &[Replication], timing: bool) -> PyResult<Table> {
    let file = write_slots(Vec::new(), replications, timing)?;
    table(vec![read::columns(file)?])
}

/// Columns, part by part, as one table with a batch for each part.
pub(crate) fn table(parts: Vec<Columns>) -> PyResult<Table> {
    let batch = |columns: Columns| {
        let columns = columns.into_iter().map(|(name, values)| {
            let (array, nullable) = array(values);
            (name, array, nullable)
        });
        RecordBatch::try_from_iter_with_nullable(columns)
    };
    let batches: Result<Vec<RecordBatch>, ArrowError> = parts.into_iter().map(batch).collect();
    let batches = batches.map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
    let schema = batches
        .first()
        .map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    Ok(Table { schema, batches })
}

/// The values, and whether some may be missing.
fn array(values: Values) -> (ArrayRef, bool) {
    match values {
        Values::Unsigned(v) => (Arc::new(UInt64Array::from(v)), false),
        Values::Count(v) => (Arc::new(Int64Array::from(v)), false),
        Values::Real(v) => (Arc::new(Float64Array::from(v)), false),
        Values::MaybeReal(v) => (Arc::new(Float64Array::from(v)), true),
        Values::Flag(v) => (Arc::new(BooleanArray::from(v)), false),
        Values::Text(v) => (Arc::new(StringArray::from(v)), false),
        Values::MaybeText(v) => (Arc::new(StringArray::from(v)), true),
    }
}
