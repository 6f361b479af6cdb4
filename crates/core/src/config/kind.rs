//! The kinds of value that a key can take: how to check one, and how to say what is expected.

use super::Value;
use serde_json::{Value as Json, json};

/// Largest magnitude accepted: products of a few such numbers stay finite.
const HUGE: f64 = 1e18;
/// Smallest magnitude of a number that may be divided by, for the same reason.
const TINY: f64 = 1e-30;

/// A kind of value.
pub trait Kind {
    /// What a checked value is.
    type Out;

    /// Checks a value.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn read(&self, value: &Value) -> Result<Self::Out, String>;

    /// Stands in for a value with a problem, so that reading can go on and find the others.
    fn fallback(&self) -> Self::Out;

    /// What is expected, as in "a number > 0".
    fn expected(&self) -> String;

    /// JSON Schema of the values accepted.
    fn schema(&self) -> Json;

    /// A checked value as JSON, to show a default.
    fn show(&self, value: &Self::Out) -> Json;

    /// The message for a value of another type.
    fn mismatch(&self, value: &Value) -> String {
        format!("expected {}, found {value}", self.expected())
    }
}

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
        let got = show_number(x);
        if !x.is_finite() {
            Err(format!("must be a finite number, got {got}"))
        } else if x < min || (open && x <= min) {
            Err(format!("must be {}, got {got}", self.lower()))
        } else if open && x < min + TINY {
            let tiny = show_number(min + TINY);
            Err(format!("must be at least {tiny}, got {got}"))
        } else if x > max {
            Err(format!("must be <= {}, got {got}", show_number(max)))
        } else {
            Ok(x)
        }
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
pub struct Count {
    /// Smallest value.
    pub min: usize,
    /// Largest value.
    pub max: usize,
}

impl Kind for Count {
    type Out = usize;

    fn read(&self, value: &Value) -> Result<usize, String> {
        let Value::Int(i) = *value else {
            return Err(self.mismatch(value));
        };
        match usize::try_from(i) {
            Ok(n) if (self.min..=self.max).contains(&n) => Ok(n),
            _ => Err(format!(
                "must be between {} and {}, got {i}",
                self.min, self.max
            )),
        }
    }

    fn fallback(&self) -> usize {
        self.min
    }

    fn expected(&self) -> String {
        format!("a whole number between {} and {}", self.min, self.max)
    }

    fn schema(&self) -> Json {
        json!({ "type": "integer", "minimum": self.min, "maximum": self.max })
    }

    fn show(&self, value: &usize) -> Json {
        json!(value)
    }
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub struct Flag;

impl Kind for Flag {
    type Out = bool;

    fn read(&self, value: &Value) -> Result<bool, String> {
        match value {
            Value::Bool(b) => Ok(*b),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> bool {
        false
    }

    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "boolean" })
    }

    fn show(&self, value: &bool) -> Json {
        json!(value)
    }
}

/// A text.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Whether it may be empty.
    pub may_be_empty: bool,
}

impl Text {
    /// Any text.
    pub const ANY: Self = Self { may_be_empty: true };
    /// A name or a path.
    pub const NAME: Self = Self {
        may_be_empty: false,
    };
}

impl Kind for Text {
    type Out = String;

    fn read(&self, value: &Value) -> Result<String, String> {
        match value {
            Value::String(s) if s.trim().is_empty() && !self.may_be_empty => {
                Err("must not be empty".to_owned())
            }
            // they would go on to terminals and into SVG, which may not have them
            Value::String(s) if s.contains(char::is_control) && !self.may_be_empty => {
                Err("must not have control characters".to_owned())
            }
            Value::String(s) => Ok(s.clone()),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> String {
        String::new()
    }

    fn expected(&self) -> String {
        let what = if self.may_be_empty {
            "a text"
        } else {
            "a text that is not empty"
        };
        what.to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "minLength": usize::from(!self.may_be_empty) })
    }

    fn show(&self, value: &String) -> Json {
        json!(value)
    }
}

/// A list of names.
#[derive(Clone, Copy, Debug)]
pub struct Texts;

impl Kind for Texts {
    type Out = Vec<String>;

    fn read(&self, value: &Value) -> Result<Vec<String>, String> {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| Text::NAME.read(&item.value))
                .collect(),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> Vec<String> {
        Vec::new()
    }

    fn expected(&self) -> String {
        "a list of texts".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": Text::NAME.schema() })
    }

    fn show(&self, value: &Vec<String>) -> Json {
        json!(value)
    }
}

/// One of a closed set of words.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a, T>(
    /// The words and what they mean.
    pub &'a [(&'static str, T)],
);

impl<T: Copy + PartialEq> Kind for Choice<'_, T> {
    type Out = T;

    fn read(&self, value: &Value) -> Result<T, String> {
        let found = match value {
            Value::String(s) => self.0.iter().find(|(word, _)| word == s),
            _ => None,
        };
        found.map_or_else(|| Err(self.mismatch(value)), |&(_, meaning)| Ok(meaning))
    }

    fn fallback(&self) -> T {
        self.0[0].1
    }

    fn expected(&self) -> String {
        one_of(self.0.iter().map(|&(word, _)| word))
    }

    fn schema(&self) -> Json {
        json!({ "enum": self.0.iter().map(|&(word, _)| word).collect::<Vec<_>>() })
    }

    fn show(&self, value: &T) -> Json {
        json!(
            self.0
                .iter()
                .find(|(_, meaning)| meaning == value)
                .map(|&(word, _)| word)
        )
    }
}

/// A number, or a uniform distribution between two.
#[derive(Clone, Copy, Debug, PartialEq)]
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
        json!({ "min": value.min, "max": value.max })
    }
}

/// Two numbers, `[x, y]`.
#[derive(Clone, Copy, Debug)]
pub struct Pair(
    /// Limits of both.
    pub Float,
);

impl Kind for Pair {
    type Out = [f64; 2];

    fn read(&self, value: &Value) -> Result<[f64; 2], String> {
        match value {
            Value::Array(items) if items.len() == 2 => {
                Ok([self.0.read(&items[0].value)?, self.0.read(&items[1].value)?])
            }
            Value::Array(items) => {
                let found = items.len();
                Err(format!(
                    "expected {}, found a list of {found}",
                    self.expected()
                ))
            }
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> [f64; 2] {
        [f64::NAN; 2]
    }

    fn expected(&self) -> String {
        format!("[x, y], each {}", self.0.expected())
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.0.schema(), "minItems": 2, "maxItems": 2 })
    }

    fn show(&self, value: &[f64; 2]) -> Json {
        json!(value)
    }
}

/// A list of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Series(
    /// Limits of each.
    pub Float,
);

impl Kind for Series {
    type Out = Vec<f64>;

    fn read(&self, value: &Value) -> Result<Vec<f64>, String> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.0.read(&item.value)).collect(),
            other => Err(self.mismatch(other)),
        }
    }

    fn fallback(&self) -> Vec<f64> {
        Vec::new()
    }

    fn expected(&self) -> String {
        format!("a list, each {}", self.0.expected())
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.0.schema() })
    }

    fn show(&self, value: &Vec<f64>) -> Json {
        json!(value)
    }
}

/// A number for each of some names, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub struct Floats(
    /// Limits of each.
    pub Float,
);

impl Kind for Floats {
    type Out = Vec<(String, f64)>;

    fn read(&self, value: &Value) -> Result<Self::Out, String> {
        let Value::Table(entries) = value else {
            return Err(self.mismatch(value));
        };
        let number = |(key, node): &(String, super::Node)| {
            let x = self.0.read(&node.value);
            x.map(|x| (key.clone(), x))
                .map_err(|message| format!("{key}: {message}"))
        };
        entries.iter().map(number).collect()
    }

    fn fallback(&self) -> Self::Out {
        Vec::new()
    }

    fn expected(&self) -> String {
        format!("for each name {}", self.0.expected())
    }

    fn schema(&self) -> Json {
        json!({ "type": "object", "additionalProperties": self.0.schema() })
    }

    fn show(&self, value: &Self::Out) -> Json {
        value
            .iter()
            .map(|(key, x)| (key.clone(), json!(x)))
            .collect()
    }
}

/// `"a", "b" or "c"`.
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = words.into_iter().map(|word| format!("{word:?}")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// As a person would write it: no `.0`, and an exponent in place of many zeros.
pub(crate) fn show_number(x: f64) -> String {
    let (plain, exponent) = (format!("{x}"), format!("{x:e}"));
    let is_plain = x == 0.0 || !x.is_finite() || (1e-4..1e6).contains(&x.abs());
    if is_plain || plain.len() <= exponent.len() {
        plain
    } else {
        exponent
    }
}
