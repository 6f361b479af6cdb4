//! Results as Arrow tables, handed over without a copy through the Arrow C interface.

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator,
    StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, Schema};
use numpy::PyArray1;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyIterator};
use std::sync::Arc;
use wayside_core::engine::records::Replication;
use wayside_study::experiment::Columns;
use wayside_study::read::{self, Values};
use wayside_study::slots::write_slots;

/// A table that `pyarrow.table`, `polars.DataFrame` and `pandas.DataFrame` take as it is.
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

    /// The columns as NumPy arrays by name: text as objects, what is missing as NaN or None.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (i, field) in self.schema.fields().iter().enumerate() {
            let parts = self.batches.iter().map(|batch| batch.column(i).as_ref());
            dict.set_item(field.name(), column(py, parts)?)?;
        }
        Ok(dict)
    }

    /// A structured array, from which `pandas.DataFrame` takes its columns.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = copy;
        let columns = self.columns(py)?;
        let mut fields = Vec::new();
        for (name, values) in &columns {
            fields.push((name, values.getattr("dtype")?));
        }
        let numpy = py.import("numpy")?;
        let array = numpy.call_method1("empty", (self.__len__(), fields))?;
        for (name, values) in &columns {
            array.set_item(name, values)?;
        }
        match dtype {
            None => Ok(array),
            Some(dtype) => array.call_method1("astype", (dtype,)),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.__array__(py, None, None)?.try_iter()
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

/// One column of all batches as a NumPy array.
fn column<'py, 'a>(
    py: Python<'py>,
    parts: impl Iterator<Item = &'a dyn Array>,
) -> PyResult<Bound<'py, PyAny>> {
    let numpy = py.import("numpy")?;
    let mut arrays = Vec::new();
    for part in parts {
        let any = part.as_any();
        arrays.push(if let Some(values) = any.downcast_ref::<Float64Array>() {
            let numbers = values.iter().map(|x| x.unwrap_or(f64::NAN));
            PyArray1::from_iter(py, numbers).into_any()
        } else if let Some(values) = any.downcast_ref::<Int64Array>() {
            PyArray1::from_slice(py, values.values()).into_any()
        } else if let Some(values) = any.downcast_ref::<UInt64Array>() {
            PyArray1::from_slice(py, values.values()).into_any()
        } else if let Some(values) = any.downcast_ref::<BooleanArray>() {
            PyArray1::from_iter(py, values.iter().map(|x| x == Some(true))).into_any()
        } else if let Some(values) = any.downcast_ref::<StringArray>() {
            let texts: Vec<Option<&str>> = values.iter().collect();
            numpy.call_method1("array", (texts, "object"))?
        } else {
            return Err(PyRuntimeError::new_err("a column of another type"));
        });
    }
    match arrays.is_empty() {
        true => numpy.call_method1("empty", (0,)),
        false => numpy.call_method1("concatenate", (arrays,)),
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
