//! Texts and words.

use super::{Kind, one_of};
use crate::config::Value;
use serde_json::{Value as Json, json};

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
            // control characters must not reach terminals or SVG
            Value::String(s) if s.contains(char::is_control) && !self.may_be_empty => {
                Err("must not have control characters".to_owned())
            }
            Value::String(s) if s.contains(['\u{fffe}', '\u{ffff}']) && !self.may_be_empty => {
                Err("must not have U+FFFE or U+FFFF, which are not characters".to_owned())
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
