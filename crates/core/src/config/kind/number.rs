//! Numbers.

use super::{Kind, show_number};
use crate::config::Value;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::fmt::Display;

/// Largest magnitude accepted: products of a few such numbers stay finite.
const HUGE: f64 = 1e18;
/// Smallest magnitude of a number that may be divided by, for the same reason.
const TINY: f64 = 1e-30;

/// A finite number within limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Float {
    min: f64,
    max: f64,
    /// `min` itself is excluded, and so is what is too small to divide by.
    open: bool,
}

impl Float {
    /// Any number.
    pub const ANY: Self = Self::between(-HUGE, HUGE);
    /// `>= 0`.
    pub const NON_NEGATIVE: Self = Self::between(0.0, HUGE);
    /// `> 0`.
    pub const POSITIVE: Self = Self {
        open: true,
        ..Self::NON_NEGATIVE
    };
    /// A probability, a share or a weight.
    pub const UNIT: Self = Self::between(0.0, 1.0);

    /// `min <= x <= max`.
    #[must_use]
    pub const fn between(min: f64, max: f64) -> Self {
        let open = false;
        Self { min, max, open }
    }

    /// The same with another upper limit.
    #[must_use]
    pub const fn up_to(self, max: f64) -> Self {
        Self { max, ..self }
    }

    /// Checks a number.
    ///
    /// # Errors
    /// The limit that it breaks.
    pub fn check(&self, x: f64) -> Result<f64, String> {
        let Self { min, max, open } = *self;
        let wanted = if !x.is_finite() {
            "a finite number".to_owned()
        } else if x < min || (open && x <= min) {
            self.lower()
        } else if open && x < min + TINY {
            format!("at least {}", show_number(min + TINY))
        } else if x > max {
            format!("<= {}", show_number(max))
        } else {
            return Ok(x);
        };
        Err(format!("must be {wanted}, got {}", show_number(x)))
    }

    fn lower(&self) -> String {
        let sign = if self.open { ">" } else { ">=" };
        format!("{sign} {}", show_number(self.min))
    }
}

impl Kind for Float {
    type Out = f64;

    fn read(&self, value: &Value) -> Result<f64, String> {
        match value {
            Value::Float(x) => self.check(*x),
            #[expect(clippy::cast_precision_loss, reason = "what a float key means")]
            Value::Int(x) => self.check(*x as f64),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> f64 {
        f64::NAN
    }

    fn expected(&self) -> String {
        let (bounded_below, bounded_above) = (self.min > -HUGE, self.max < HUGE);
        match (bounded_below, bounded_above) {
            (true, true) if self.open => {
                format!("a number {} and <= {}", self.lower(), show_number(self.max))
            }
            (true, true) => {
                let (min, max) = (show_number(self.min), show_number(self.max));
                format!("a number between {min} and {max}")
            }
            (true, false) => format!("a number {}", self.lower()),
            (false, _) => "a number".to_owned(),
        }
    }

    fn schema(&self) -> Json {
        let lower = if self.open {
            "exclusiveMinimum"
        } else {
            "minimum"
        };
        json!({ "type": "number", lower: self.min, "maximum": self.max })
    }

    fn show(&self, value: &f64) -> Json {
        json!(value)
    }
}

/// A whole number within limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<N = usize> {
    /// Smallest value.
    pub min: N,
    /// Largest value.
    pub max: N,
}

impl<N: Copy + Display + TryInto<i128>> Count<N> {
    fn limits(&self) -> String {
        let Self { min, max } = *self;
        // no file holds a larger number
        match max.try_into() {
            Ok(max) if max < i128::from(i64::MAX) => format!("between {min} and {max}"),
            _ => format!(">= {min}"),
        }
    }
}

impl<N> Kind for Count<N>
where
    N: Copy + PartialOrd + Display + TryFrom<i128> + TryInto<i128> + Serialize,
{
    type Out = N;

    fn read(&self, value: &Value) -> Result<N, String> {
        let Value::Int(i) = *value else {
            return Err(self.mismatch(value));
        };
        match N::try_from(i) {
            Ok(n) if (self.min..=self.max).contains(&n) => Ok(n),
            _ => Err(format!("must be {}, got {i}", self.limits())),
        }
    }

    fn fallback(&self) -> N {
        self.min
    }

    fn expected(&self) -> String {
        format!("a whole number {}", self.limits())
    }

    fn schema(&self) -> Json {
        json!({ "type": "integer", "minimum": self.min, "maximum": self.max })
    }

    fn show(&self, value: &N) -> Json {
        json!(value)
    }
}

/// A number, or a uniform distribution between two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// Smallest value.
    pub min: f64,
    /// Largest value; equal to `min` for a constant.
    pub max: f64,
}

/// A number, or `{ min, max }` for a uniform distribution; each end within the same limits.
#[derive(Clone, Copy, Debug)]
pub struct Spread(
    /// Limits of both ends.
    pub Float,
);

impl Kind for Spread {
    type Out = Range;

    fn read(&self, value: &Value) -> Result<Range, String> {
        let Value::Table(entries) = value else {
            let end = match value {
                Value::Float(_) | Value::Int(_) => self.0.read(value)?,
                other => return Err(self.mismatch(other)),
            };
            return Ok(Range { min: end, max: end });
        };
        let (mut min, mut max) = (None, None);
        for (key, node) in entries {
            let end = match key.as_str() {
                "min" => &mut min,
                "max" => &mut max,
                other => {
                    return Err(format!(
                        "expected {}, found the key {other:?}",
                        self.expected()
                    ));
                }
            };
            let x = self.0.read(&node.value);
            *end = Some(x.map_err(|message| format!("{key}: {message}"))?);
        }
        match (min, max) {
            (Some(min), Some(max)) if min <= max => Ok(Range { min, max }),
            (Some(min), Some(max)) => {
                let (min, max) = (show_number(min), show_number(max));
                Err(format!("min must be <= max, got min {min} and max {max}"))
            }
            (None, _) => Err(format!("expected {}, found no min", self.expected())),
            (_, None) => Err(format!("expected {}, found no max", self.expected())),
        }
    }

    fn fallback(&self) -> Range {
        let (min, max) = (f64::NAN, f64::NAN);
        Range { min, max }
    }

    fn expected(&self) -> String {
        format!("{} or {{ min, max }}", self.0.expected())
    }

    fn schema(&self) -> Json {
        let end = self.0.schema();
        json!({ "oneOf": [end, {
            "type": "object",
            "properties": { "min": end, "max": end },
            "required": ["min", "max"],
            "additionalProperties": false,
        }] })
    }

    fn show(&self, value: &Range) -> Json {
        if value.min.to_bits() == value.max.to_bits() {
            return json!(value.min);
        }
        json!({ "min": value.min, "max": value.max })
    }

    fn toml(&self, value: &Range) -> String {
        match value.min.to_bits() == value.max.to_bits() {
            true => self.0.toml(&value.min),
            false => format!("{{ min = {:?}, max = {:?} }}", value.min, value.max),
        }
    }
}
