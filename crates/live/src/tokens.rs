//! Who may ask.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use wayside_core::{Error, Result, input};

/// Shortest token: shorter ones can be guessed.
const SHORTEST: usize = 16;

/// Bearer tokens, kept as hashes: looking one up takes the same time however much of a guess is right.
#[derive(Clone)]
pub struct Tokens(BTreeSet<[u8; 32]>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

impl Tokens {
    /// Reads a token a line; empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// A file that cannot be read, has no token, or one that is too short or has blanks.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path)?;
        let file = path.display().to_string();
        let mut tokens = BTreeSet::new();
        for (row, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.len() < SHORTEST || !line.bytes().all(|byte| byte.is_ascii_graphic()) {
                // the token itself stays out of the message
                let message = "must be a token of at least 16 characters without blanks";
                return Err(Error::invalid(file, Some(row + 1), "", message));
            }
            tokens.insert(hash(line));
        }
        if tokens.is_empty() {
            return Err(Error::invalid(
                file,
                None,
                "",
                "must have a token on a line",
            ));
        }
        Ok(Self(tokens))
    }

    /// Whether `authorization` is that of a token.
    pub(crate) fn admit(&self, authorization: Option<&str>) -> bool {
        let bearer = authorization.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        bearer.is_some_and(|token| self.0.contains(&hash(token)))
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
