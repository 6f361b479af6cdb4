//! Spaces of fixed size for observations and actions whose number changes from slot to slot.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use wayside_core::Slot;
use wayside_core::engine::world::World;
use wayside_core::observation::{Form, Layout, Observation, Target, destinations, hosts, names};
use wayside_core::scenario::PlanAheadOptions;

/// What makes observations and takes actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agent {
    /// `observation::Encoder`, for tasks that share CPU.
    Encoder,
    /// `observation::plan`: batches of tasks that queue.
    Plan,
    /// `observation::destinations`: tasks that queue, one by one.
    Destinations,
    /// `observation::hosts`: sessions.
    Hosts,
}

/// Where the rows and heads of an observation lie in arrays of fixed size.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) agent: Agent,
    pub(crate) layout: Layout,
    /// Rows of the array, and features of each.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Size of every head.
    pub(crate) nvec: Vec<usize>,
    /// How later slots are priced, where actions name numbers of slots.
    pub(crate) plan_ahead: PlanAheadOptions,
    /// Places for tasks of one vehicle (`shared`).
    tasks_per_vehicle: usize,
}

/// The layout of the form called `form`, and the rows of its array.
fn layout(
    world: &World,
    form: &str,
    vehicles: Option<usize>,
    plan_slots: Option<usize>,
) -> PyResult<(Layout, usize)> {
    let sized = |layout: Layout| match plan_slots {
        Some(most) => layout.choosing_slots(most),
        None => layout,
    };
    let traced = world.scenario.fleet.mobility.trace().is_some();
    match form {
        "flat" => {
            let layout = Layout::flat(world, Target::Any).map_err(crate::raised)?;
            Ok((sized(layout), 1))
        }
        "shared" => {
            let vehicles = match vehicles {
                Some(vehicles) => vehicles,
                None if traced => {
                    return Err(PyValueError::new_err(
                        "vehicles: must be given where the fleet comes from a trace",
                    ));
                }
                None => world.scenario.fleet.size,
            };
            let rows = vehicles * world.scenario.task.per_vehicle;
            Ok((sized(Layout::shared(world)), rows))
        }
        "plan" => {
            let message = "form: must be flat, shared or sequential where CPU is shared, got plan";
            Err(PyValueError::new_err(message))
        }
        "sequential" => {
            let layout = sized(Layout::sequential(world));
            let Form::Sequential { options, .. } = layout.form else {
                unreachable!("just made")
            };
            let rows = 1 + options.min(world.rsus.len()) * layout.spans;
            Ok((layout, rows))
        }
        _ => {
            let message = format!("form: must be flat, shared, sequential or plan, got {form}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// Size of every head.
fn heads(layout: &Layout, rows: usize) -> Vec<usize> {
    let spans = (layout.spans > 1).then_some(layout.spans);
    let repeated = |first: usize, second: usize, count: usize| -> Vec<usize> {
        let of_task = [first, second].into_iter().chain(spans);
        (0..count).flat_map(|_| of_task.clone()).collect()
    };
    match layout.form {
        Form::Flat {
            vehicles,
            tasks_per_vehicle,
            rsus,
            candidates,
            target,
        } => {
            let targets = match target {
                Target::Any => rsus,
                Target::Candidates => candidates - 1,
            };
            repeated(candidates, targets, vehicles * tasks_per_vehicle)
        }
        Form::Shared {
            candidates,
            targets,
        } => repeated(candidates, targets, rows),
        Form::Sequential { .. } | Form::Plan { .. } | Form::Hosts | Form::Destinations { .. } => {
            vec![rows]
        }
    }
}

impl Frame {
    /// The frame of the form called `form`; `vehicles` at most, or as many as the scenario has.
    ///
    /// With `plan_slots` an action names the number of slots, up to so many, that a task may hold its CPU.
    pub(crate) fn new(
        world: &World,
        form: &str,
        vehicles: Option<usize>,
        plan_slots: Option<usize>,
    ) -> PyResult<Self> {
        let tasks_per_vehicle = world.scenario.task.per_vehicle;
        if plan_slots.is_some() && !world.scenario.time.carry_over {
            let message = "plan_slots: must be None but where tasks hold CPU in later slots (time.carry_over)";
            return Err(PyValueError::new_err(message));
        }
        if world.queues.is_some() || world.sessions.is_some() {
            return Self::of_turns(world, form);
        }
        let (layout, rows) = layout(world, form, vehicles, plan_slots)?;
        if let (Some(most), Err(_)) = (plan_slots, layout.check()) {
            let message = format!("plan_slots: must be within 2..=32, got {most}");
            return Err(PyValueError::new_err(message));
        }
        let (width, _) = layout.shape();
        Ok(Self {
            agent: Agent::Encoder,
            nvec: heads(&layout, rows),
            layout,
            rows,
            width,
            plan_ahead: world.scenario.policy.plan_ahead,
            tasks_per_vehicle,
        })
    }

    /// The frame where tasks queue or work runs in sessions.
    fn of_turns(world: &World, form: &str) -> PyResult<Self> {
        let queues = world.queues.is_some();
        let (agent, rows, width) = match form {
            "plan" if queues => (Agent::Plan, 1, None),
            "sequential" if queues => {
                let width = Some(destinations::WIDTH);
                (Agent::Destinations, destinations::ROWS, width)
            }
            "sequential" => (Agent::Hosts, hosts::ROWS, Some(hosts::WIDTH)),
            _ => {
                let message = match queues {
                    true => {
                        format!("form: must be sequential or plan where tasks queue, got {form}")
                    }
                    false => format!("form: must be sequential for sessions, got {form}"),
                };
                return Err(PyValueError::new_err(message));
            }
        };
        let layout = match queues {
            true => Layout::plan(world, true),
            false => Layout::sequential(world),
        };
        let nvec = match agent {
            Agent::Plan => Vec::new(),
            _ => vec![rows],
        };
        Ok(Self {
            agent,
            nvec,
            rows,
            width: width.unwrap_or(layout.shape().0),
            layout,
            plan_ahead: world.scenario.policy.plan_ahead,
            tasks_per_vehicle: 1,
        })
    }

    /// Whether one task after the other chooses among rows.
    fn is_sequential(&self) -> bool {
        match self.agent {
            Agent::Destinations | Agent::Hosts => true,
            Agent::Plan => false,
            Agent::Encoder => matches!(self.layout.form, Form::Sequential { .. }),
        }
    }

    /// Shape of an observation.
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self.layout.form {
            _ if self.is_sequential() => vec![self.rows, self.width],
            Form::Shared { .. } => vec![self.rows, self.width],
            _ => vec![self.width],
        }
    }

    /// Numbers of a plan; 0 where actions are choices.
    pub(crate) fn planned(&self) -> usize {
        match self.agent {
            Agent::Plan => self.layout.shape().1 / 2,
            _ => 0,
        }
    }

    /// Whether CPU is shared, tasks queue, or work runs in sessions.
    pub(crate) fn execution(&self) -> &'static str {
        match self.agent {
            Agent::Encoder => "shared-cpu",
            Agent::Plan | Agent::Destinations => "queues",
            Agent::Hosts => "sessions",
        }
    }

    /// Names of the features of a row.
    pub(crate) fn feature_names(&self) -> Vec<String> {
        match self.agent {
            Agent::Encoder | Agent::Plan => self.layout.feature_names(),
            Agent::Destinations => names::of_destinations(),
            Agent::Hosts => names::of_hosts(),
        }
    }

    /// Length of the mask.
    pub(crate) fn outputs(&self) -> usize {
        self.nvec.iter().sum()
    }

    /// Heads of a row, and their outputs.
    fn of_row(&self) -> (usize, usize) {
        let heads = self.nvec.len() / self.rows;
        (heads, self.nvec[..heads].iter().sum())
    }

    /// Places for tasks: of a slot where a step is one, else 1.
    pub(crate) fn places_of_tasks(&self) -> usize {
        match self.layout.form {
            Form::Flat {
                vehicles,
                tasks_per_vehicle,
                ..
            } => vehicles * tasks_per_vehicle,
            Form::Shared { .. } => self.rows,
            _ => 1,
        }
    }

    /// Of one value per place those of the tasks.
    ///
    /// # Errors
    /// Another number of values; more vehicles than there are places.
    pub(crate) fn of_tasks(&self, slot: &Slot, values: &[f64]) -> PyResult<Vec<f64>> {
        if values.len() != self.places_of_tasks() {
            let message = format!(
                "share: must hold {} numbers, got {}",
                self.places_of_tasks(),
                values.len()
            );
            return Err(PyValueError::new_err(message));
        }
        let places = self.places(slot)?.into_iter();
        Ok(places.map(|place| values[place]).collect())
    }

    /// Place of every task.
    ///
    /// # Errors
    /// More vehicles than there are places.
    fn places(&self, slot: &Slot) -> PyResult<Vec<usize>> {
        let mut places = Vec::with_capacity(slot.tasks.len());
        let (mut last, mut nth) = (u32::MAX, 0);
        for &vehicle in &slot.tasks.vehicle {
            nth = if vehicle == last { nth + 1 } else { 0 };
            last = vehicle;
            places.push(vehicle as usize * self.tasks_per_vehicle + nth);
        }
        match places.last() {
            Some(&place) if place >= self.places_of_tasks() => {
                let message = format!(
                    "vehicles: must be at least {}, the vehicles of this slot, got {}",
                    slot.vehicles.len(),
                    self.places_of_tasks() / self.tasks_per_vehicle
                );
                Err(PyValueError::new_err(message))
            }
            _ => Ok(places),
        }
    }

    /// Fills the arrays; places that are not there are zero, and only their first action is legal.
    pub(crate) fn show(
        &self,
        slot: &Slot,
        observation: &Observation,
        rows: &mut Vec<f32>,
        mask: &mut Vec<bool>,
    ) -> PyResult<()> {
        rows.clear();
        mask.clear();
        match self.layout.form {
            _ if self.is_sequential() => {
                rows.extend_from_slice(&observation.rows);
                mask.extend_from_slice(&observation.legal);
                rows.resize(self.rows * self.width, 0.0);
                mask.resize(self.rows, false);
                // nothing to choose in this slot: only action 0 is legal
                mask[0] = true;
            }
            Form::Shared { .. } => {
                let (_, outputs) = self.of_row();
                rows.resize(self.rows * self.width, 0.0);
                mask.resize(self.outputs(), false);
                let mut start = 0;
                for &size in &self.nvec {
                    mask[start] = true;
                    start += size;
                }
                for (task, place) in self.places(slot)?.into_iter().enumerate() {
                    rows[place * self.width..][..self.width]
                        .copy_from_slice(&observation.rows[task * self.width..][..self.width]);
                    mask[place * outputs..][..outputs]
                        .copy_from_slice(&observation.legal[task * outputs..][..outputs]);
                }
            }
            _ => {
                rows.extend_from_slice(&observation.rows);
                mask.extend_from_slice(&observation.legal);
            }
        }
        Ok(())
    }

    /// From actions that the engine asks for to those of all places: of places that are not there the first legal one.
    pub(crate) fn place(&self, slot: &Slot, mask: &[bool], actions: &[u32]) -> PyResult<Vec<i64>> {
        let mut start = 0;
        let mut placed = Vec::with_capacity(self.nvec.len());
        for &size in &self.nvec {
            let legal = mask[start..start + size].iter().position(|legal| *legal);
            placed.push(legal.unwrap_or(0) as i64);
            start += size;
        }
        let mut put = |at: usize, actions: &[u32]| {
            for (to, &action) in placed[at..].iter_mut().zip(actions) {
                *to = action.into();
            }
        };
        match self.layout.form {
            Form::Shared { .. } => {
                let (heads, _) = self.of_row();
                let places = self.places(slot)?;
                for (place, actions) in places.into_iter().zip(actions.chunks(heads)) {
                    put(place * heads, actions);
                }
            }
            _ => put(0, actions),
        }
        Ok(placed)
    }

    /// From actions for all places to those that the engine asks for, written to `out`; how many were
    /// masked. Of these the first legal one of their head is taken, or with `strict` none.
    ///
    /// # Errors
    /// A wrong number of actions, an action out of range, a masked one where `strict`.
    pub(crate) fn take(
        &self,
        slot: &Slot,
        observation: &Observation,
        mask: &[bool],
        actions: &[i64],
        strict: bool,
        out: &mut Vec<u32>,
    ) -> PyResult<u32> {
        if actions.len() != self.nvec.len() {
            let message = format!(
                "action: must hold {} numbers, got {}",
                self.nvec.len(),
                actions.len()
            );
            return Err(PyValueError::new_err(message));
        }
        out.clear();
        let mut masked = 0;
        let mut start = 0;
        for (i, (&action, &size)) in actions.iter().zip(&self.nvec).enumerate() {
            let head = &mask[start..start + size];
            start += size;
            // negative ones are out of range as well
            let at = action as usize;
            match head.get(at) {
                Some(true) => out.push(at as u32),
                None => {
                    let message = format!("action[{i}]: must be in 0..{size}, got {action}");
                    return Err(PyValueError::new_err(message));
                }
                Some(false) if strict => {
                    let message = format!("action[{i}]: {action} is masked");
                    return Err(PyValueError::new_err(message));
                }
                Some(false) => {
                    masked += 1;
                    let first = head.iter().position(|legal| *legal);
                    out.push(first.unwrap_or(0) as u32);
                }
            }
        }
        match self.layout.form {
            _ if self.is_sequential() => out.truncate(observation.heads.len()),
            Form::Shared { .. } => {
                // places rise, so that none is overwritten before it is read
                let (heads, _) = self.of_row();
                let places = self.places(slot)?;
                for (task, &place) in places.iter().enumerate() {
                    out.copy_within(place * heads..(place + 1) * heads, task * heads);
                }
                out.truncate(places.len() * heads);
            }
            _ => {}
        }
        Ok(masked)
    }
}
