//! The ascent: Newton steps while the temperature falls.
//!
//! A solve that wants the maximum follows it. Where prices are near enough to the maximum at one temperature, the next step leads
//! to the maximum at a lower one ([`Newton::aim`](super::super::newton::Newton::aim)), so that most temperatures take one pass over the
//! tasks. Where they are not, steps at the same temperature come first. A solve that wants a good start only, or a rough bound,
//! climbs at few temperatures and takes its last step without another pass.

use super::{Dual, Effort};
use crate::slot::Slot;

/// Where a climb at one temperature ended.
#[derive(Clone, Copy, Debug)]
struct Climbed {
    value: f64,
    /// Steps gain little although the gradient is still large.
    stuck: bool,
}

impl Climbed {
    fn to(value: f64) -> Self {
        Self {
            value,
            stuck: false,
        }
    }
}

/// Most steps at one temperature: prices change by two fifths at a time, so they have gone everywhere by then.
const MOST_STEPS: usize = 100;

/// A step that promises more than this per task and temperature leaves the region where its quadratic model holds:
const BOLD: f64 = 0.1;

/// of such a step so much is tried first. Whole ones are nearly always given up.
const BOLD_LENGTH: f64 = 0.35;

/// Temperature and scale of a step.
#[derive(Clone, Copy, Debug)]
struct Heat {
    temperature: f64,
    scale: f64,
}

impl Heat {
    /// The next temperature on the way to the `last`, by as many equal factors of about `cooling` or more as it takes.
    fn cooled(&self, cooling: f64, last: f64) -> f64 {
        let over = last / self.temperature;
        let steps = (over.ln() / cooling.ln() - 0.15).ceil();
        if steps > 1.0 {
            self.temperature * over.powf(1.0 / steps)
        } else {
            last
        }
    }

    /// Costs are smaller than was thought.
    fn lower_scale(&mut self, mean_cost: f64) {
        if mean_cost < 0.5 * self.scale {
            self.scale = mean_cost.max(0.1 * self.scale);
        }
    }
}

impl Dual {
    /// Climbs at one temperature after the other; `false` where prices to start from are bad, or a maximum was lost that
    /// was to be followed.
    pub(super) fn anneal(&mut self, slot: &Slot, effort: Effort, warm: bool) -> bool {
        let (scale, first) = if warm {
            (self.mean_cost, effort.warm_temperature)
        } else {
            (
                self.crowds.cost(&self.sites) / slot.tasks.len() as f64,
                effort.cold_temperature,
            )
        };
        let mut heat = Heat {
            temperature: first * scale,
            scale,
        };
        loop {
            let is_hot = heat.temperature > effort.warm_temperature * heat.scale;
            if !is_hot && effort.central > 0.0 {
                return self.follow(slot, heat, effort);
            }
            let here = if is_hot {
                Effort::hot(slot.tasks.len())
            } else {
                effort
            };
            let climbed = self.climb(slot, heat, here);
            if warm && climbed.stuck {
                return false;
            }
            heat.lower_scale(climbed.value / slot.tasks.len() as f64);
            let last = effort.last_temperature * heat.scale;
            if heat.temperature <= last {
                return true;
            }
            heat.temperature = (heat.temperature * here.cooling).max(last);
        }
    }

    /// Follows the maximum from one temperature to the last; whether it got there.
    fn follow(&mut self, slot: &Slot, mut heat: Heat, effort: Effort) -> bool {
        let tasks = slot.tasks.len() as f64;
        let mut here = effort.at(heat.temperature / heat.scale);
        let mut value = self.smooth(slot, heat.temperature, here);
        let mut steps = effort.steps;
        self.length = 1.0;
        for _ in 0..MOST_STEPS {
            let expected = self.newton_step(heat, effort);
            let far = effort.far * heat.scale * tasks;
            let close = expected.abs() <= far;
            let central = expected.abs() <= effort.central * heat.temperature * tasks;
            if close && (central || steps == 0) {
                heat.lower_scale(value / tasks);
                let last = effort.last_temperature * heat.scale;
                let next = heat.cooled(effort.cooling, last);
                if central {
                    self.aim(heat, next, effort, value);
                }
                if heat.temperature <= last {
                    return central;
                }
                heat.temperature = next;
                here = effort.at(next / heat.scale);
                value = self.smooth(slot, next, here);
                (steps, self.length) = (effort.steps, 1.0);
                continue;
            }
            let bold = expected > BOLD * heat.temperature * tasks;
            let most = if bold { BOLD_LENGTH } else { 1.0 };
            let first = most.min(2.0 * self.length);
            let gained;
            (value, gained) = self.ascend(slot, heat, here, (value, expected, !close), first);
            if gained <= 1e-3 * expected.abs() {
                if !close {
                    return false;
                }
                steps = 0;
                if gained <= 0.0 {
                    value = self.smooth(slot, heat.temperature, here);
                }
            } else if gained <= far {
                steps = steps.saturating_sub(1);
            }
        }
        false
    }

    /// The bound at the prices found. Where the last step left a kink behind that it was not to reach, and ended lower than it
    /// started, it is taken back.
    pub(super) fn settle(&mut self, slot: &Slot) -> f64 {
        let value = self.value(slot);
        if value < self.assured {
            self.move_prices(0.0);
            return self.value(slot);
        }
        value
    }

    /// Newton steps at one temperature.
    fn climb(&mut self, slot: &Slot, heat: Heat, effort: Effort) -> Climbed {
        let far = effort.far * heat.scale * slot.tasks.len() as f64;
        let mut value = self.smooth(slot, heat.temperature, effort);
        let mut steps = effort.steps;
        for _ in 0..MOST_STEPS {
            let expected = effort.sample as f64 * self.newton_step(heat, effort);
            let close = expected.abs() <= far;
            if close && expected <= effort.unchecked * value.abs() {
                // A step that promises next to nothing leads along what is flat only nearby.
                if expected > effort.tolerance * value.abs() {
                    self.move_unchecked(effort.length, value);
                }
                return Climbed::to(value);
            }
            let gained;
            (value, gained) = self.ascend(slot, heat, effort, (value, expected, !close), 1.0);
            if gained <= 1e-3 * expected.abs() {
                return Climbed {
                    value,
                    stuck: !close,
                };
            }
            if gained <= far {
                steps -= 1;
                if steps == 0 {
                    return Climbed {
                        value,
                        stuck: !close,
                    };
                }
            }
        }
        Climbed { value, stuck: true }
    }

    /// Solves for the Newton step from the last pass; what it promises.
    fn newton_step(&mut self, heat: Heat, effort: Effort) -> f64 {
        let Heat { temperature, scale } = heat;
        self.newton
            .solve(&self.prices, temperature, scale, effort.accuracy())
    }

    /// Takes the Newton step last solved for, unchecked, from a `value` to where the maximum is at the temperature `next`.
    fn aim(&mut self, heat: Heat, next: f64, effort: Effort, value: f64) {
        if next < heat.temperature {
            let temperatures = (heat.temperature, next);
            self.newton
                .aim(&self.prices, temperatures, heat.scale, effort.accuracy());
        }
        self.move_unchecked(1.0, value);
    }

    /// Takes `length` of the Newton step from a `value`, without a look at where it leads.
    fn move_unchecked(&mut self, length: f64, value: f64) {
        self.keep_start();
        self.move_prices(length);
        self.assured = value;
    }

    /// Takes the Newton step, of which `first` is tried first, from a value that it promises to raise by `expected`; the value
    /// then, and the gain. Where it does not climb `far` from the maximum, the gradient does.
    fn ascend(
        &mut self,
        slot: &Slot,
        heat: Heat,
        effort: Effort,
        (value, expected, far): (f64, f64, bool),
        first: f64,
    ) -> (f64, f64) {
        let gained = self.backtrack(slot, heat, effort, value, first);
        if gained > 1e-3 * expected || !far {
            return (value + gained, gained);
        }
        // Limited price by price and cut off at zero, a Newton step need not climb.
        let value = self.smooth(slot, heat.temperature, effort);
        self.newton
            .solve(&self.prices, heat.temperature, heat.scale, Effort::GRADIENT);
        let gained = self.backtrack(slot, heat, effort, value, 1.0);
        (value + gained, gained)
    }

    /// Takes the Newton step, shortened where it must be; the gain. The dual is concave, so this ends.
    fn backtrack(
        &mut self,
        slot: &Slot,
        heat: Heat,
        effort: Effort,
        value: f64,
        first: f64,
    ) -> f64 {
        self.keep_start();
        self.assured = f64::NEG_INFINITY;
        self.length = first;
        while self.length > 1e-3 {
            self.move_prices(self.length);
            let gained = self.smooth(slot, heat.temperature, effort) - value;
            if gained > 0.0 {
                return gained;
            }
            self.length *= 0.35;
        }
        self.move_prices(0.0);
        0.0
    }

    /// Steps start from the present prices.
    fn keep_start(&mut self) {
        self.start_prices.band.clone_from(&self.prices.band);
        self.start_prices.cpu.clone_from(&self.prices.cpu);
    }

    /// Puts the prices at `length` times the Newton step from where it started, none below zero.
    fn move_prices(&mut self, length: f64) {
        let (band, cpu) = self.newton.step();
        let start = &self.start_prices;
        let moved = |start: f64, step: f64| (start + length * step).max(0.0);
        for (price, (&start, &step)) in self.prices.band.iter_mut().zip(start.band.iter().zip(band))
        {
            *price = moved(start, step);
        }
        for (price, (&start, &step)) in self.prices.cpu.iter_mut().zip(start.cpu.iter().zip(cpu)) {
            *price = moved(start, step);
        }
    }
}
