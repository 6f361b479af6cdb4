//! The shared key of agents and vehicles: who does not have it is not listened to.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt::Write as _;
use std::path::Path;
use wayside_core::{Error, Result, input};

/// Bytes of an HMAC-SHA256.
pub(crate) const TAG_BYTES: usize = 32;
/// Bytes that each end of a connection adds to the name of its session.
pub(crate) const NONCE_BYTES: usize = 16;
/// Fewest characters of a key.
const LEAST: usize = 32;

/// A key for one purpose. It does not print what it is.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// The key that is the text of a file, at least 32 characters.
    ///
    /// # Errors
    /// A file that cannot be read, or a key that is too short.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path)?;
        let text = text.trim();
        if text.len() < LEAST {
            let message = format!(
                "must hold at least {LEAST} characters, holds {}",
                text.len()
            );
            let file = path.display().to_string();
            return Err(Error::invalid(file, None, "", message));
        }
        Ok(Self::of(text.as_bytes()))
    }

    /// The key with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("any length will do"))
    }

    /// The key for one purpose, told from all others by `name`: agents of another scenario, or another session, do not share it.
    #[must_use]
    pub fn of_purpose(&self, name: &[u8]) -> Self {
        Self::of(&self.tag(&[name]))
    }

    /// Any bytes as a datagram that has the key, for tests of what they decode to.
    #[must_use]
    pub fn sealed(&self, body: &[u8]) -> Vec<u8> {
        [&self.tag(&[body])[..], body].concat()
    }

    /// What proves that who has the key wrote `parts`.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// Whether `tag` proves that; takes as long whatever differs.
    pub(crate) fn verifies(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.verify_slice(tag).is_ok()
    }
}

/// Bytes that nobody can guess.
///
/// # Panics
/// If the system has none.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// The checksum of a task's data: it finds errors, not forgers, and takes no time beside copying.
pub(crate) fn checksum(data: &[u8]) -> u32 {
    crc32fast::hash(data)
}
