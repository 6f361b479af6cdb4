//! Layouts: the form of observations and actions, small enough for a policy card.

mod serves;

use serde::{Deserialize, Serialize};

use crate::backhaul::Routes;
use crate::error::{Error, Result};
use crate::model::{compute, objective};
use crate::scenario::{Area, Cycles, Range, Scenario};
use crate::slot::Rsus;

/// Version of the features and their order. A change of either needs a new one: a policy trained on
/// another version is refused.
pub const VERSION: u32 = 1;

/// The form of observations and actions. Two equal layouts give the same numbers for the same slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// [`VERSION`] when it was made.
    pub version: u32,
    /// The encoder and its sizes.
    pub form: Form,
    /// Rules on when a task must end that an action may name: 1 for none, 3 for
    /// {no rule, within 1 slot, within 2 slots}.
    pub spans: usize,
    /// Whether the rules are the numbers of slots 1 to `spans` that a task may hold its CPU, and it pays for the later ones as
    /// those of `plan-ahead` do.
    #[serde(default, skip_serializing_if = "is_off")]
    pub priced: bool,
    /// What features are divided by.
    pub scales: Scales,
}

/// The encoder and its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "encoder", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Form {
    /// The paper's concatenated state: one row for the whole slot, heads for every vehicle.
    Flat {
        /// Rows of vehicles, in fleet order; those beyond the vehicles present are masked.
        vehicles: usize,
        /// Tasks of a vehicle and slot at most.
        tasks_per_vehicle: usize,
        /// Number M of RSUs, exactly.
        rsus: usize,
        /// beta + 1: candidate RSUs, padded cyclically, and last the vehicle itself.
        candidates: usize,
        /// Where a task may execute.
        #[serde(default)]
        target: Target,
    },
    /// A row per task, all decided at once by the same network.
    Shared {
        /// beta + 1: the nearest covering RSUs, masked where there are fewer, and last the vehicle itself.
        candidates: usize,
        /// Execution RSUs: those fewest hops from the nearest RSU, itself first.
        targets: usize,
    },
    /// A row per placement a task may take; tasks decided one after the other.
    Sequential {
        /// Execution RSUs offered to a task at most.
        options: usize,
        /// Which tasks are decided together.
        turns: Turns,
        /// How many times every task is decided; the last decision counts.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        passes: usize,
    },
    /// One row for a batch of tasks that queue, and continuous actions: see [`super::plan`].
    Plan {
        /// Servers besides the local one; if more are seen, those where a task could begin first.
        servers: usize,
        /// How far they may be \[hops\].
        max_hops: u32,
        /// Whether a task may go to the cloud, where there is one.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        cloud: bool,
    },
    /// A row per host that a session may have; sessions decided one after the other: see [`super::hosts`].
    Hosts,
    /// A row per destination of a task that queues; tasks decided one after the other: see [`super::destinations`].
    Destinations {
        /// How far servers may be \[hops\].
        max_hops: u32,
        /// Whether a task may go to the cloud, where there is one.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        cloud: bool,
    },
}

/// Where `flat` may have a task execute. The paper says no more than "target RSU".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// At any RSU that a route leads to.
    #[default]
    Any,
    /// At one of the candidates, as the paper's list has them: padded cyclically, without the vehicle.
    Candidates,
}

fn once() -> usize {
    1
}

fn is_once(passes: &usize) -> bool {
    *passes == 1
}

/// For layouts from before `cloud` was added.
fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_off(priced: &bool) -> bool {
    !*priced
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_yes(cloud: &bool) -> bool {
    *cloud
}

/// RSUs that `sequential` offers where decisions bind later slots.
const COUPLED_OPTIONS: usize = 6;
/// RSUs that it offers where actions name numbers of slots: one as full as can be may take a task that costs little more elsewhere.
const PLAN_OPTIONS: usize = 12;
/// How often every task is decided there: once leaves twice as many tasks on their vehicles.
const PLAN_PASSES: usize = 2;
/// RSUs that it offers elsewhere, and how often every task is decided there.
const ALONE_OPTIONS: usize = 4;
const ALONE_PASSES: usize = 2;

/// How `sequential` goes through a slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steps {
    pub(super) options: usize,
    pub(super) turns: Turns,
    pub(super) passes: usize,
    pub(super) spans: usize,
}

/// What a layout is made for: a scenario and the map that follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The map's rectangle.
    pub area: Area,
    /// The RSUs.
    pub rsus: &'a Rsus,
    /// Routes between them.
    pub routes: &'a Routes,
}

/// Which tasks of a slot are decided together, seeing the same tentative loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turns {
    /// One task a turn, large before small.
    #[default]
    Single,
    /// One task a turn, small before large.
    SmallFirst,
    /// One task of every place a turn (the place is its nearest RSU), large before small: few turns,
    /// many rows each.
    Places,
    /// As the slot asks, so that one network serves both kinds: [`Single`](Self::Single) with rules on the end where decisions
    /// bind later slots (`carry_over`), as many passes as the form says; elsewhere what [`Layout::sequential`] has there.
    Either,
}

/// Reference values that make features dimensionless.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// West edge of the area \[m\].
    pub x_min_m: f64,
    /// South edge of the area \[m\].
    pub y_min_m: f64,
    /// Width of the area \[m\].
    pub width_m: f64,
    /// Height of the area \[m\].
    pub height_m: f64,
    /// Mean cycles of a task.
    pub cycles: f64,
    /// Mean data of a task \[bit\].
    pub data_bits: f64,
    /// Mean deadline of a task \[s\].
    pub deadline_s: f64,
    /// Largest CPU of an RSU \[Hz\].
    pub cpu_hz: f64,
    /// Cost of the mean task on the mean vehicle.
    pub cost: f64,
}

fn mean(range: Range) -> f64 {
    0.5 * (range.min + range.max)
}

impl Scales {
    /// Divides by nothing.
    pub(crate) const UNIT: Self = Self {
        x_min_m: 0.0,
        y_min_m: 0.0,
        width_m: 1.0,
        height_m: 1.0,
        cycles: 1.0,
        data_bits: 1.0,
        deadline_s: 1.0,
        cpu_hz: 1.0,
        cost: 1.0,
    };

    pub(super) fn check(&self) -> Result<()> {
        let positive = [
            ("width_m", self.width_m),
            ("height_m", self.height_m),
            ("cycles", self.cycles),
            ("data_bits", self.data_bits),
            ("deadline_s", self.deadline_s),
            ("cpu_hz", self.cpu_hz),
            ("cost", self.cost),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                let message = format!("must be > 0, got {value}");
                return Err(refused(format!("layout.scales.{name}"), message));
            }
        }
        if !(self.x_min_m.is_finite() && self.y_min_m.is_finite()) {
            return Err(refused("layout.scaleself.x_min_m", "must be finite"));
        }
        Ok(())
    }

    fn of(setting: &Setting<'_>) -> Self {
        let Setting { scenario, area, .. } = *setting;
        let data_bits = 8.0 * mean(scenario.task.data_bytes);
        let cycles = match scenario.task.cycles {
            Cycles::Drawn(cycles) => mean(cycles),
            Cycles::PerBit(cycles) => mean(cycles) * data_bits,
        };
        let vehicle_hz = mean(scenario.fleet.cpu_hz);
        let delay_s = compute::delay_s(cycles, vehicle_hz);
        let energy_j = compute::energy_j(mean(scenario.fleet.energy_coeff), cycles, vehicle_hz);
        let positive = |value: f64| if value > 0.0 { value } else { 1.0 };
        Self {
            x_min_m: area.x_min_m,
            y_min_m: area.y_min_m,
            width_m: positive(area.x_max_m - area.x_min_m),
            height_m: positive(area.y_max_m - area.y_min_m),
            cycles: positive(cycles),
            data_bits: positive(data_bits),
            deadline_s: positive(mean(scenario.task.deadline_s)),
            cpu_hz: positive(setting.rsus.cpu_hz.iter().copied().fold(0.0, f64::max)),
            cost: positive(objective(scenario.omega, delay_s, energy_j)),
        }
    }
}

impl Layout {
    /// The layout of `form` for training in `setting`. Rules on ends are offered where decisions bind later
    /// slots (`carry_over`).
    #[must_use]
    pub fn new<'a>(form: Form, setting: impl Into<Setting<'a>>) -> Self {
        let setting = setting.into();
        let spans = if setting.scenario.time.carry_over {
            3
        } else {
            1
        };
        Self {
            version: VERSION,
            form,
            spans,
            priced: false,
            scales: Scales::of(&setting),
        }
    }

    /// The same where an action names the number of slots, 1 to `most`, that a task may hold its CPU: it gets at least the
    /// share with which it ends by then, and P2 has it pay `plan-ahead`'s price for the later slots. What does not fit takes
    /// a slot more, and runs on its vehicle where none is left. `sequential` then offers as many RSUs as `plan-ahead` looks at,
    /// small tasks before large, and decides every task twice, the second time with its least share given back.
    #[must_use]
    pub fn choosing_slots(mut self, most: usize) -> Self {
        self.spans = most;
        self.priced = true;
        if let Form::Sequential { turns, .. } = self.form {
            self.form = Form::Sequential {
                options: PLAN_OPTIONS,
                turns: match turns {
                    Turns::Single => Turns::SmallFirst,
                    other => other,
                },
                passes: PLAN_PASSES,
            };
        }
        self
    }

    /// `flat` for the vehicles and RSUs of `setting`.
    ///
    /// # Errors
    /// A fleet from a trace: its number of vehicles is not fixed.
    pub fn flat<'a>(setting: impl Into<Setting<'a>>, target: Target) -> Result<Self> {
        let setting = setting.into();
        let scenario = setting.scenario;
        if scenario.fleet.mobility.trace().is_some() {
            return Err(refused("fleet.mobility", "must not be a trace for `flat`"));
        }
        let form = Form::Flat {
            vehicles: scenario.fleet.size,
            tasks_per_vehicle: scenario.task.per_vehicle,
            rsus: setting.rsus.len(),
            candidates: scenario.policy.random.candidates.max(2),
            target,
        };
        Ok(Self::new(form, setting))
    }

    /// `shared` with the candidates of the scenario and six targets.
    #[must_use]
    pub fn shared<'a>(setting: impl Into<Setting<'a>>) -> Self {
        let setting = setting.into();
        let form = Form::Shared {
            candidates: setting.scenario.policy.random.candidates.max(2),
            targets: 6,
        };
        Self::new(form, setting)
    }

    /// `sequential`: one task a turn, small before large, the four RSUs that promise most, in two passes. Where decisions bind
    /// later slots (`carry_over`) large before small; six RSUs, because the cheapest in this slot may not be the best;
    /// and one pass, because promises are kept.
    #[must_use]
    pub fn sequential<'a>(setting: impl Into<Setting<'a>>) -> Self {
        let setting = setting.into();
        let form = if setting.scenario.time.carry_over {
            Form::Sequential {
                options: COUPLED_OPTIONS,
                turns: Turns::Single,
                passes: 1,
            }
        } else {
            Form::Sequential {
                options: ALONE_OPTIONS,
                turns: Turns::SmallFirst,
                passes: ALONE_PASSES,
            }
        };
        Self::new(form, setting)
    }

    /// `sequential` for slots that bind later ones and for others alike.
    #[must_use]
    pub fn either<'a>(setting: impl Into<Setting<'a>>) -> Self {
        let form = Form::Sequential {
            options: COUPLED_OPTIONS,
            turns: Turns::Either,
            passes: 1,
        };
        Self {
            spans: 3,
            ..Self::new(form, setting)
        }
    }

    /// Whether it is [`either`](Self::either).
    #[must_use]
    pub fn is_either(&self) -> bool {
        matches!(
            self.form,
            Form::Sequential {
                turns: Turns::Either,
                ..
            }
        )
    }

    /// What `sequential` means in a slot that binds later ones, or does not: options, turns, passes, and rules on the end.
    pub(super) fn steps(&self, carry_over: bool) -> Steps {
        let Form::Sequential {
            options,
            turns,
            passes,
        } = self.form
        else {
            unreachable!("asked for `sequential` alone")
        };
        let spans = self.spans;
        let (options, turns, passes, spans) = match (turns, carry_over) {
            (Turns::Either, true) => (options, Turns::Single, passes, spans),
            (Turns::Either, false) => (ALONE_OPTIONS, Turns::SmallFirst, ALONE_PASSES, 1),
            _ => (options, turns, passes, spans),
        };
        Steps {
            options,
            turns,
            passes,
            spans,
        }
    }

    /// `destinations`, for tasks that queue.
    #[must_use]
    pub fn by_destination<'a>(setting: impl Into<Setting<'a>>) -> Self {
        let setting = setting.into();
        let form = Form::Destinations {
            max_hops: setting.scenario.policy.migration.max_hops,
            cloud: true,
        };
        Self {
            spans: 1,
            ..Self::new(form, setting)
        }
    }

    /// `plan` for the servers that tasks of `setting` may be migrated to, and for the cloud if it may be used.
    #[must_use]
    pub fn plan<'a>(setting: impl Into<Setting<'a>>, cloud: bool) -> Self {
        let setting = setting.into();
        let max_hops = setting.scenario.policy.migration.max_hops;
        let near = |m: usize| {
            let targets = setting.routes.targets(m as u32).iter();
            targets.filter(|t| (1..=max_hops).contains(&t.hops)).count()
        };
        let servers = (0..setting.rsus.len()).map(near).max().unwrap_or(0);
        let form = Form::Plan {
            servers,
            max_hops,
            cloud,
        };
        Self::new(form, setting)
    }

    /// `hosts`, for sessions.
    #[must_use]
    pub fn hosts<'a>(setting: impl Into<Setting<'a>>) -> Self {
        Self::new(Form::Hosts, setting)
    }
}

pub(super) fn refused(path: impl Into<String>, message: impl Into<String>) -> Error {
    Error::invalid("observation layout", None, path, message)
}
