//! Policies written in Python that act as in an environment.

use crate::frame::{Agent, Frame};
use crate::policy::PythonObject;
use crate::raised;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;
use wayside_core::Slot;
use wayside_core::observation::hosts::Hosts;
use wayside_core::observation::turn_by_turn::TurnByTurn;
use wayside_core::observation::{Encoder, Layout, Observation, Scorer};
use wayside_core::policy::lysac::Lysac;
use wayside_core::policy::plan_ahead::LaterPrices;
use wayside_core::policy::{Known, Policy};
use wayside_core::rng::Streams;
use wayside_core::slot::Decision;

/// The policy of `object`, which has `act(observation, mask)`.
pub(crate) fn policy(object: PythonObject, frame: &Arc<Frame>) -> PyResult<Box<dyn Policy>> {
    let layout = frame.layout.clone();
    let priced = layout.priced;
    let turns: Box<dyn TurnByTurn> = match frame.agent {
        Agent::Encoder => Box::new(Encoder::new(layout).map_err(raised)?),
        Agent::Destinations => Box::new(layout.destinations().map_err(raised)?),
        Agent::Hosts => Box::new(Hosts::new(layout.scales)),
        Agent::Plan => {
            let planner = Planned { object, layout };
            // one proposal: what the object says
            let policy = Lysac::new(planner, 1, Streams::new(0)).map_err(raised)?;
            return Ok(Box::new(policy));
        }
    };
    Ok(Box::new(GymPolicy {
        object,
        frame: Arc::clone(frame),
        turns,
        later: priced.then(|| LaterPrices::new(frame.plan_ahead)),
        rows: Vec::new(),
        mask: Vec::new(),
        actions: Vec::new(),
    }))
}

/// Choices, turn by turn.
struct GymPolicy {
    object: PythonObject,
    frame: Arc<Frame>,
    turns: Box<dyn TurnByTurn>,
    /// Where actions name numbers of slots.
    later: Option<LaterPrices>,
    rows: Vec<f32>,
    mask: Vec<bool>,
    actions: Vec<u32>,
}

impl Policy for GymPolicy {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            object,
            frame,
            turns,
            later,
            rows,
            mask,
            actions,
        } = self;
        object.decide(slot, decision, |py, decision| {
            let act = object.object.bind(py).getattr("act")?;
            if let Some(later) = later {
                turns.price_later(later.price(slot));
            }
            turns.begin(slot);
            while turns.observe(slot) {
                let observation = turns.observation();
                if observation.heads.is_empty() {
                    turns.act(slot, &[]);
                    continue;
                }
                frame.show(slot, observation, rows, mask)?;
                let seen = PyArray1::from_slice(py, rows).reshape(frame.shape())?;
                let said = act.call1((seen, PyArray1::from_slice(py, mask)))?;
                let said = integers(&said)?;
                frame.take(slot, observation, mask, &said, false, actions)?;
                turns.act(slot, actions);
            }
            turns.decision(slot, decision);
            Ok(())
        });
    }

    fn listens(&self) -> bool {
        self.object.listens
    }

    fn observe(&mut self, known: &[Known]) {
        self.object.observe(known);
    }
}

/// Actions, as any array of integers.
fn integers(said: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let numpy = said.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (said,))?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    if kind != "i" && kind != "u" {
        let message = format!("act: must return integers, got {}", array.getattr("dtype")?);
        return Err(PyTypeError::new_err(message));
    }
    let flat = array
        .call_method0("ravel")?
        .call_method1("astype", ("int64",))?;
    let flat: PyReadonlyArray1<'_, i64> = flat.extract()?;
    Ok(flat.as_array().to_vec())
}

/// Plans: the actor of LySAC, whose mean is what the object says.
struct Planned {
    object: PythonObject,
    layout: Layout,
}

impl Planned {
    fn ask(&self, py: Python<'_>, observation: &Observation) -> PyResult<Vec<f32>> {
        let act = self.object.object.bind(py).getattr("act")?;
        let seen = PyArray1::from_slice(py, &observation.rows);
        let none: [bool; 0] = [];
        let said = act.call1((seen, PyArray1::from_slice(py, &none)))?;
        let numpy = py.import("numpy")?;
        let said = numpy.call_method1("asarray", (said, "float32"))?;
        let said: PyReadonlyArray1<'_, f32> = said.call_method0("ravel")?.extract()?;
        let said = said.as_array().to_vec();
        let wanted = self.layout.shape().1 / 2;
        let inside = said.iter().all(|x| (-1.0..=1.0).contains(x));
        if said.len() != wanted || !inside {
            let message = format!(
                "act: must return {wanted} numbers in [-1, 1], got {} numbers",
                said.len()
            );
            return Err(PyValueError::new_err(message));
        }
        Ok(said)
    }
}

impl Scorer for Planned {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        let wanted = self.layout.shape().1 / 2;
        let said = Python::attach(|py| self.ask(py, observation));
        let said = said.unwrap_or_else(|error| {
            self.object.failure.set(error);
            vec![0.0; wanted]
        });
        logits.clear();
        // the actor squashes its mean
        logits.extend(said.iter().map(|x| x.atanh().clamp(-10.0, 10.0)));
        logits.resize(2 * wanted, -20.0);
    }
}
