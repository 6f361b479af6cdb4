//! Trained policies.

use crate::raised;
use crate::scenario::Scenario;
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use wayside_core::observation::{Form, Observation, Scorer};
use wayside_learn::trainer::builtin::{BUILTIN_POLICIES, builtin};
use wayside_learn::trainer::learned::LearnedPolicy;

/// A trained policy; `wayside.TrainedPolicy` wraps it.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Learned {
    name: String,
    policy: LearnedPolicy,
    scorer: Mutex<LearnedPolicy>,
}

impl Learned {
    fn new(name: String, policy: LearnedPolicy) -> Self {
        let scorer = Mutex::new(policy.clone());
        Self {
            name,
            policy,
            scorer,
        }
    }

    pub(crate) fn policy(&self) -> &LearnedPolicy {
        &self.policy
    }
}

#[pymethods]
impl Learned {
    /// Reads a file, or the built-in policy of that name that suits the scenario.
    #[staticmethod]
    fn load(name_or_path: &str, scenario: Option<&Scenario>) -> PyResult<Self> {
        let is_name = BUILTIN_POLICIES.iter().any(|b| b.info.name == name_or_path);
        let policy = if is_name {
            builtin(name_or_path, scenario.map(Scenario::scenario))
        } else {
            LearnedPolicy::read(Path::new(name_or_path))
        };
        Ok(Self::new(name_or_path.to_owned(), policy.map_err(raised)?))
    }

    /// Reads the bytes of a file.
    #[staticmethod]
    fn from_bytes(name: String, bytes: &[u8]) -> PyResult<Self> {
        Ok(Self::new(
            name,
            LearnedPolicy::from_bytes(bytes).map_err(raised)?,
        ))
    }

    /// The name in results: that of a built-in policy, or the path.
    #[getter]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of its file.
    fn to_bytes(&self) -> PyResult<Vec<u8>> {
        Ok(self.policy.to_files().map_err(raised)?.0)
    }

    /// Writes its file, whole or not at all.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.policy
            .state()
            .and_then(|state| state.write(&path))
            .map_err(raised)
    }

    /// Where it comes from and what it can serve, as JSON.
    fn card_json(&self) -> PyResult<String> {
        Ok(self.policy.to_files().map_err(raised)?.1)
    }

    /// Sizes of its network, as JSON.
    fn network_json(&self) -> PyResult<String> {
        let state = self.policy.state().map_err(raised)?;
        Ok(state.card["net"].to_string())
    }

    /// The form of its observations.
    #[getter]
    fn form(&self) -> &'static str {
        match self.policy.layout().form {
            Form::Flat { .. } => "flat",
            Form::Shared { .. } => "shared",
            // the name that the environments of sessions and of tasks that queue give it
            Form::Sequential { .. } | Form::Hosts | Form::Destinations { .. } => "sequential",
            Form::Plan { .. } => "plan",
        }
    }

    /// Lengths of the heads of one task; empty for `plan`.
    #[getter]
    fn heads(&self) -> Vec<usize> {
        self.policy.layout().heads().collect()
    }

    /// Logits of rows, float32 (rows, outputs).
    fn logits<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (width, outputs) = self.policy.layout().shape();
        let count = rows.as_array().nrows();
        if rows.as_array().ncols() != width {
            let message = format!(
                "observation: must have {width} features, got {}",
                rows.as_array().ncols()
            );
            return Err(PyValueError::new_err(message));
        }
        let observation = Observation {
            rows: rows.as_array().iter().copied().collect(),
            width,
            outputs,
            ..Observation::default()
        };
        let mut logits = Vec::new();
        let mut scorer = self.scorer.lock().unwrap_or_else(|e| e.into_inner());
        scorer.score(&observation, &mut logits);
        logits.into_pyarray(py).reshape([count, outputs])
    }

    /// All tensors by name: weights float32 (inputs, outputs), biases float32 (outputs,), moments float64.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for tensor in self.policy.tensors().map_err(raised)? {
            let values = tensor.values.into_pyarray(py);
            dict.set_item(tensor.name, values.reshape(tensor.shape)?)?;
        }
        Ok(dict)
    }
}
