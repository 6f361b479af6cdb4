//! The policies that the command line knows, by name or by file.

use std::fmt;
use std::str::FromStr;
use wayside_core::Error;
pub(crate) use wayside_learn::trainer::builtin::registry;

/// `--policy`: the name of a policy, or the path of a trained one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyName(pub(crate) String);

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match registry().check(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(Error::Invalid(problems)) => Err(problems.0[0].message.clone()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
