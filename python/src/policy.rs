//! Policies written in Python, and others that Python names.

use crate::frame::Frame;
use crate::learned::Learned;
use crate::raised;
use crate::slot::{Origin, Slot};
use crate::{answer, feedback, gym};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use std::sync::{Arc, Mutex};
use wayside_core::engine::world::World;
use wayside_core::engine::{PolicyFactory, SharedFactory, Trained};
use wayside_core::policy::{Known, Policy};
use wayside_core::rng::Streams;
use wayside_core::scenario::PolicyOptions;
use wayside_core::slot::{Decision, Placement};
pub(crate) use wayside_learn::trainer::builtin::registry;
use wayside_study::Control;

/// The first exception of Python code in a run.
#[derive(Clone, Default)]
pub(crate) struct Failure {
    first: Arc<Mutex<Option<PyErr>>>,
    control: Arc<Control>,
}

impl Failure {
    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    pub(crate) fn set(&self, error: PyErr) {
        self.control.cancel();
        if let Ok(mut first) = self.first.lock() {
            first.get_or_insert(error);
        }
    }

    /// The first exception.
    pub(crate) fn take(&self) -> Option<PyErr> {
        self.first.lock().ok()?.take()
    }
}

/// What Python names: a policy by its name, the file of a trained one, one that is loaded, or an object of its own.
pub(crate) fn factory(
    policy: &Bound<'_, PyAny>,
    world: Option<&Arc<World>>,
    failure: &Failure,
) -> PyResult<SharedFactory> {
    if let Ok(name) = policy.extract::<String>() {
        let scenario = world.map(|world| &world.scenario);
        return registry().resolve(&name, scenario).map_err(raised);
    }
    if let Some(native) = policy.getattr_opt("_native")?
        && let Ok(learned) = native.cast::<Learned>()
    {
        let learned = learned.get();
        return Ok(Arc::new(Trained {
            name: learned.name().to_owned(),
            scorer: learned.policy().clone(),
        }));
    }
    let is_gym = policy.hasattr("form")? && policy.hasattr("act")?;
    if !is_gym && !policy.hasattr("decide")? {
        let message = format!(
            "policy: must be a name, or have a method decide(self, slot), got {}",
            policy.get_type().name()?
        );
        return Err(PyTypeError::new_err(message));
    }
    let class = match policy.cast::<PyType>() {
        Ok(class) => class.clone(),
        Err(_) => policy.get_type(),
    };
    let name = match policy.getattr_opt("name")? {
        Some(name) => name.extract()?,
        None => class.name()?.to_string(),
    };
    let gym = if is_gym {
        let form: String = policy.getattr("form")?.extract()?;
        let vehicles = policy.getattr("vehicles")?.extract()?;
        let plan_slots = match policy.getattr_opt("plan_slots")? {
            Some(most) => most.extract()?,
            None => None,
        };
        let Some(world) = world else {
            let message =
                "policy: a GymPolicy needs a scenario: decide a slot of a run or of an environment";
            return Err(PyValueError::new_err(message));
        };
        Some(Arc::new(Frame::new(world, &form, vehicles, plan_slots)?))
    } else {
        None
    };
    Ok(Arc::new(PythonFactory {
        name,
        object: policy.clone().unbind(),
        gym,
        world: world.cloned(),
        failure: failure.clone(),
    }))
}

/// A class, or an object of which every seed gets a copy.
struct PythonFactory {
    name: String,
    object: Py<PyAny>,
    /// What it sees, where it acts as in an environment.
    gym: Option<Arc<Frame>>,
    world: Option<Arc<World>>,
    failure: Failure,
}

impl PolicyFactory for PythonFactory {
    fn name(&self) -> &str {
        &self.name
    }

    fn policy(&self, _: &PolicyOptions, streams: Streams) -> wayside_core::Result<Box<dyn Policy>> {
        self.own(streams.seed()).map_err(|e| {
            let text = e.to_string();
            self.failure.set(e);
            wayside_core::Error::invalid("policy", None, &self.name, text)
        })
    }
}

impl PythonFactory {
    /// The policy of one seed: an instance, or a copy of the object, which know their seed if they ask for it.
    fn own(&self, seed: u64) -> PyResult<Box<dyn Policy>> {
        Python::attach(|py| {
            let object = self.object.bind(py);
            let own = match object.cast::<PyType>() {
                Ok(class) => made(class, seed)?,
                Err(_) => py.import("copy")?.call_method1("deepcopy", (object,))?,
            };
            if own.hasattr("reset")? {
                own.call_method1("reset", (seed,))?;
            }
            let listens = own.hasattr("observe")?;
            let object = PythonObject {
                object: own.unbind(),
                origin: Origin {
                    world: self.world.clone(),
                    seed: Some(seed),
                },
                listens,
                failure: self.failure.clone(),
            };
            Ok(match &self.gym {
                None => Box::new(PythonPolicy(object)) as Box<dyn Policy>,
                Some(frame) => gym::policy(object, frame)?,
            })
        })
    }
}

/// An instance of `class`, made with its seed where its signature has one.
pub(crate) fn made<'py>(class: &Bound<'py, PyType>, seed: u64) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let signature = py.import("inspect")?.call_method1("signature", (class,));
    let takes_seed = signature.is_ok_and(|signature| {
        let parameters = signature.getattr("parameters");
        parameters.is_ok_and(|all| all.contains("seed").unwrap_or(false))
    });
    if !takes_seed {
        return class.call0();
    }
    let named = PyDict::new(py);
    named.set_item("seed", seed)?;
    class.call((), Some(&named))
}

/// The object of one seed.
pub(crate) struct PythonObject {
    pub(crate) object: Py<PyAny>,
    origin: Origin,
    pub(crate) listens: bool,
    pub(crate) failure: Failure,
}

impl PythonObject {
    /// Fills `decision` by `ask`. An exception stops the run before the next slot; until then everything stays on its vehicle.
    pub(crate) fn decide(
        &self,
        slot: &wayside_core::Slot,
        decision: &mut Decision,
        ask: impl FnOnce(Python<'_>, &mut Decision) -> PyResult<()>,
    ) {
        let failed = Python::attach(|py| ask(py, decision).err());
        if let Some(error) = failed {
            self.failure.set(error);
            decision.clear();
            decision
                .placements
                .resize(slot.tasks.len(), Placement::Local);
        }
    }

    pub(crate) fn observe(&self, known: &[Known]) {
        let told = Python::attach(|py| {
            let outcome = feedback::columns(py, known)?;
            self.object.bind(py).call_method1("observe", (outcome,))?;
            Ok(())
        });
        if let Err(error) = told {
            self.failure.set(error);
        }
    }
}

/// An object with `decide(slot)`.
struct PythonPolicy(PythonObject);

impl Policy for PythonPolicy {
    fn decide(&mut self, slot: &wayside_core::Slot, decision: &mut Decision) {
        let own = &self.0;
        own.decide(slot, decision, |py, decision| {
            let seen = Bound::new(py, Slot::new(slot.clone(), own.origin.clone()))?;
            let said = own.object.bind(py).call_method1("decide", (seen,))?;
            answer::read(&said, slot, decision)
        });
    }

    fn listens(&self) -> bool {
        self.0.listens
    }

    fn observe(&mut self, known: &[Known]) {
        self.0.observe(known);
    }
}

/// What a policy decides for one slot, in the form in which policies written in Python answer.
#[pyfunction]
pub(crate) fn place<'py>(
    py: Python<'py>,
    slot: &Bound<'py, Slot>,
    policy: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let failure = Failure::default();
    let slot = slot.get();
    let factory = factory(policy, slot.world(), &failure)?;
    let options = options(slot.world())?;
    let made = factory.for_slot(slot.slot(), &options);
    if let Some(error) = failure.take() {
        return Err(error);
    }
    let mut policy = made.map_err(raised)?;
    let mut decision = Decision::default();
    py.detach(|| policy.decide(slot.slot(), &mut decision));
    match failure.take() {
        Some(error) => Err(error),
        None => answer::write(py, slot.slot(), &decision),
    }
}

/// Options of policies: those of the scenario that a slot is from.
pub(crate) fn options(world: Option<&Arc<World>>) -> PyResult<PolicyOptions> {
    match world {
        Some(world) => Ok(world.scenario.policy),
        None => wayside_study::decision::policy_options().map_err(raised),
    }
}
