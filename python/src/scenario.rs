//! Scenarios, laid out once and shared.

use crate::interrupt::interruptible;
use crate::raised;
use pyo3::prelude::*;
use std::sync::{Arc, OnceLock};
use wayside_core::engine::world::World;
use wayside_core::scenario::{self, BUILTIN_SCENARIOS};

/// A checked scenario. It cannot be changed, only replaced.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Scenario {
    scenario: wayside_core::Scenario,
    world: OnceLock<Arc<World>>,
}

impl Scenario {
    fn new(scenario: wayside_core::Scenario) -> Self {
        Self {
            scenario,
            world: OnceLock::new(),
        }
    }

    pub(crate) fn scenario(&self) -> &wayside_core::Scenario {
        &self.scenario
    }

    /// The scenario laid out; a trace is read for it at most once.
    pub(crate) fn world(&self) -> PyResult<Arc<World>> {
        if let Some(world) = self.world.get() {
            return Ok(Arc::clone(world));
        }
        let world = Arc::new(World::new(&self.scenario).map_err(raised)?);
        Ok(Arc::clone(self.world.get_or_init(|| world)))
    }
}

impl Scenario {
    /// The same, where reading a trace may take long: Ctrl-C stops waiting for it.
    pub(crate) fn laid_out(&self, py: Python<'_>) -> PyResult<Arc<World>> {
        if self.world.get().is_some() {
            return self.world();
        }
        let scenario = self.scenario.clone();
        let world = interruptible(py, || {}, move || World::new(&scenario))?;
        let world = Arc::new(world.map_err(raised)?);
        Ok(Arc::clone(self.world.get_or_init(|| world)))
    }
}

type Overrides = Vec<(String, String)>;

#[pymethods]
impl Scenario {
    /// Reads a file, or the built-in scenario of that name.
    #[staticmethod]
    fn resolve(name_or_path: &str, overrides: Overrides) -> PyResult<Self> {
        let scenario = scenario::resolve(name_or_path, &overrides).map_err(raised)?;
        Ok(Self::new(scenario))
    }

    /// Reads the text of a TOML file; `file` stands for it in errors.
    #[staticmethod]
    fn from_toml(file: &str, text: &str, overrides: Overrides) -> PyResult<Self> {
        let scenario = wayside_core::Scenario::from_toml(file, text, &overrides);
        Ok(Self::new(scenario.map_err(raised)?))
    }

    /// Names of the built-in scenarios.
    #[staticmethod]
    fn builtin() -> Vec<&'static str> {
        BUILTIN_SCENARIOS.iter().map(|b| b.name).collect()
    }

    /// The canonical text, with every default filled in.
    fn to_toml(&self) -> String {
        self.scenario.to_toml()
    }
}
