//! Projected quasi-Newton ascent (L-BFGS) of a concave function of variables that are not negative.

use std::collections::VecDeque;

/// Pairs of steps and changes of the gradient that stand for the curvature.
const PAIRS: usize = 8;
/// Most that a step changes a variable.
const MOST_CHANGE: f64 = 0.5;

/// When a climb ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bound) struct Until {
    /// After so many steps.
    pub(in crate::bound) steps: usize,
    /// Where another one gains less than that, relative to the value.
    pub(in crate::bound) gain: f64,
}

impl Until {
    /// Near the top.
    pub(in crate::bound) const NEAR: Self = Self {
        steps: 25,
        gain: 3e-6,
    };
}

#[derive(Clone, Debug, Default)]
struct Pair {
    step: Vec<f64>,
    /// Gradient before less gradient after: positive along the step where the function is concave.
    change: Vec<f64>,
    product: f64,
}

/// Climbs, keeping its memory.
#[derive(Clone, Debug, Default)]
pub(in crate::bound) struct Ascent {
    pairs: VecDeque<Pair>,
    gradient: Vec<f64>,
    next_gradient: Vec<f64>,
    next: Vec<f64>,
    direction: Vec<f64>,
}

impl Ascent {
    /// Moves `point` uphill; `function` gives value and gradient. What it was asked last need not be the point.
    pub(in crate::bound) fn climb(
        &mut self,
        point: &mut Vec<f64>,
        until: Until,
        function: &mut impl FnMut(&[f64], &mut Vec<f64>) -> f64,
    ) {
        self.pairs.clear();
        let mut value = function(point, &mut self.gradient);
        for _ in 0..until.steps {
            self.aim(point);
            let mut gain = self.step(point, value, function);
            if gain <= 0.0 && !self.pairs.is_empty() {
                // cut off at zero, a quasi-Newton step need not climb; the gradient does
                self.pairs.clear();
                self.aim(point);
                gain = self.step(point, value, function);
            }
            if gain <= 0.0 {
                break;
            }
            self.remember(point);
            std::mem::swap(point, &mut self.next);
            std::mem::swap(&mut self.gradient, &mut self.next_gradient);
            value += gain;
            if gain <= until.gain * value.abs() {
                break;
            }
        }
    }

    /// Puts `next` along the direction, nearer until it is higher than `value`; what it gains.
    fn step(
        &mut self,
        point: &[f64],
        value: f64,
        function: &mut impl FnMut(&[f64], &mut Vec<f64>) -> f64,
    ) -> f64 {
        let mut length = 1.0;
        loop {
            self.next.clear();
            let moved = point.iter().zip(&self.direction);
            self.next.extend(
                moved.map(|(x, d)| (x + length * d.clamp(-MOST_CHANGE, MOST_CHANGE)).max(0.0)),
            );
            let gain = function(&self.next, &mut self.next_gradient) - value;
            if gain > 0.0 || length < 1e-3 {
                return gain;
            }
            length *= 0.3;
        }
    }

    /// The direction: the gradient where it may be followed, times the inverse of the curvature seen so far.
    fn aim(&mut self, point: &[f64]) {
        let Self {
            pairs,
            gradient,
            direction,
            ..
        } = self;
        direction.clear();
        direction.extend(
            gradient
                .iter()
                .zip(point)
                .map(|(&g, &x)| if x <= 0.0 && g < 0.0 { 0.0 } else { g }),
        );
        let mut weights = [0.0; PAIRS];
        for (weight, pair) in weights.iter_mut().zip(pairs.iter().rev()) {
            *weight = dot(&pair.step, direction) / pair.product;
            add(direction, -*weight, &pair.change);
        }
        let scale = match pairs.back() {
            Some(pair) => pair.product / dot(&pair.change, &pair.change),
            None => {
                0.3 / gradient
                    .iter()
                    .fold(f64::MIN_POSITIVE, |most, g| most.max(g.abs()))
            }
        };
        direction.iter_mut().for_each(|d| *d *= scale);
        for (pair, weight) in pairs.iter().zip(weights[..pairs.len()].iter().rev()) {
            let back = dot(&pair.change, direction) / pair.product;
            add(direction, weight - back, &pair.step);
        }
    }

    /// Keeps the step from `point` to the next one, where the function is concave along it.
    fn remember(&mut self, point: &[f64]) {
        let mut pair = if self.pairs.len() == PAIRS {
            self.pairs.pop_front().unwrap_or_default()
        } else {
            Pair::default()
        };
        pair.step.clear();
        pair.step
            .extend(self.next.iter().zip(point).map(|(next, x)| next - x));
        pair.change.clear();
        pair.change.extend(
            self.gradient
                .iter()
                .zip(&self.next_gradient)
                .map(|(before, after)| before - after),
        );
        pair.product = dot(&pair.step, &pair.change);
        if pair.product > 1e-12 {
            self.pairs.push_back(pair);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += factor * what;
    }
}
