//! What agents and vehicles say to each other, in bytes. Decoders take any bytes; what the key does not prove is not looked at.
//!
//! A datagram of related information is `tag | packet`. A connection begins with a nonce from each end; then come messages, each
//! `length | tag | message`, and after a message that announces data, the data. Messages are in postcard.

use crate::seal::{Key, NONCE_BYTES, TAG_BYTES};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use wayside_core::agent::{Done, Job, Loss, Offer, State};
use wayside_core::information::Packet;
use wayside_core::slot::Placement;

/// Largest datagram: it crosses any path whole.
pub const DATAGRAM_BYTES: usize = 1200;
/// Largest message, without the data that it announces.
pub(crate) const MESSAGE_BYTES: usize = 16_384;

/// Why bytes were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// Too short or too long for what they should be.
    Size,
    /// Not from somebody with the key, or not of this session.
    Tag,
    /// From somebody with the key, and yet not understood.
    Form,
}

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "a message of an impossible size",
            Self::Tag => "a message without the key",
            Self::Form => "a message that is not understood",
        })
    }
}

impl From<Garbage> for io::Error {
    fn from(garbage: Garbage) -> Self {
        Self::new(io::ErrorKind::InvalidData, garbage.to_string())
    }
}

/// A packet of related information as a datagram. None where it would be too large.
#[must_use]
pub fn datagram(key: &Key, packet: &Packet<State>) -> Option<Vec<u8>> {
    let body = postcard::to_allocvec(packet).ok()?;
    let sealed = [&key.tag(&[&body])[..], &body].concat();
    (sealed.len() <= DATAGRAM_BYTES).then_some(sealed)
}

/// The packet of a datagram.
///
/// # Errors
/// Says why it is none.
pub fn packet(key: &Key, datagram: &[u8]) -> Result<Packet<State>, Garbage> {
    if datagram.len() > DATAGRAM_BYTES {
        return Err(Garbage::Size);
    }
    let (tag, body) = datagram.split_at_checked(TAG_BYTES).ok_or(Garbage::Size)?;
    if !key.verifies(&[body], tag) {
        return Err(Garbage::Tag);
    }
    form(body)
}

/// What is said over a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// A vehicle has a task, whose data follows.
    Offer {
        /// The task.
        offer: Offer,
        /// Its data.
        data: Announced,
        /// What makes a repeat harmless: the same message with the same key, on another connection, is told what the first was told.
        key: Option<u128>,
    },
    /// A vehicle has a task that the centre is to place; it keeps the data until it is told where to.
    Ask {
        /// The task.
        offer: Offer,
        /// The vehicle's id at the centre.
        vehicle: String,
        /// As above.
        key: Option<u128>,
    },
    /// An agent tells a vehicle where its task runs.
    Placed(Place),
    /// An agent tells a vehicle to hand its task to the agent of this row, as a [`Message::Job`].
    Enter {
        /// The row.
        entry: u32,
        /// The task as it is to be handed over.
        job: Job,
        /// How long its upload takes \[s\].
        upload_s: f64,
    },
    /// An agent tells a vehicle what became of its task.
    Ended(Result<Done, Loss>),
    /// An agent sends a task on, or a vehicle hands it over. Its data follows.
    Job {
        /// The task.
        job: Job,
        /// Its data.
        data: Announced,
        /// A vehicle's key: a repeat is not executed once more.
        key: Option<u128>,
    },
    /// An agent tells another one what became of its task.
    Report {
        /// The other's number for the task.
        number: u64,
        /// What became of it.
        result: Result<Done, Loss>,
    },
    /// An agent that was sent a task over a link that the system shapes has all of it.
    Taken,
    /// An agent tells a vehicle that it has asked for something else with this key.
    KeyReused,
}

impl Message {
    /// The key by which a vehicle makes a repeat harmless, where this has one.
    #[must_use]
    pub fn key(&self) -> Option<u128> {
        match self {
            Self::Offer { key, .. } | Self::Ask { key, .. } | Self::Job { key, .. } => *key,
            _ => None,
        }
    }
}

/// Data that follows a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// How much \[bytes\].
    pub bytes: u64,
    /// Its CRC-32.
    pub checksum: u32,
}

/// Where a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// On its vehicle.
    Vehicle,
    /// On the RSU in this row.
    Rsu(u32),
    /// In the cloud.
    Cloud,
}

impl From<Placement> for Place {
    fn from(placement: Placement) -> Self {
        match placement {
            Placement::Local => Self::Vehicle,
            Placement::Rsu { execution, .. } => Self::Rsu(execution),
            Placement::Cloud { .. } => Self::Cloud,
        }
    }
}

/// One direction of a connection: messages carry the key of the session and their place in it, so that none can be repeated, left out, or sent
/// back.
#[derive(Clone, Debug)]
pub struct Direction {
    key: Key,
    next: u64,
}

impl Direction {
    /// What goes to who opened the connection (`to_client`), or comes from there, in the session of both nonces.
    #[must_use]
    pub fn new(key: &Key, nonces: &[u8], to_client: bool) -> Self {
        Self {
            key: key.of_purpose(&[nonces, &[u8::from(to_client)]].concat()),
            next: 0,
        }
    }

    /// A message as it is sent. None where it would be too large.
    #[must_use]
    pub fn seal(&mut self, message: &Message) -> Option<Vec<u8>> {
        let body = postcard::to_allocvec(message).ok()?;
        let length = TAG_BYTES + body.len();
        if length > MESSAGE_BYTES {
            return None;
        }
        let tag = self.key.tag(&[&self.next.to_le_bytes(), &body]);
        self.next += 1;
        Some([&(length as u32).to_le_bytes()[..], &tag, &body].concat())
    }

    /// Any bytes as a message that has the key, for tests of what they decode to.
    #[must_use]
    pub fn forged(&self, body: &[u8]) -> Vec<u8> {
        [&self.key.tag(&[&self.next.to_le_bytes(), body])[..], body].concat()
    }

    /// The message of what came after a length.
    ///
    /// # Errors
    /// Says why it is none.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Message, Garbage> {
        let (tag, body) = sealed.split_at_checked(TAG_BYTES).ok_or(Garbage::Size)?;
        if !self.key.verifies(&[&self.next.to_le_bytes(), body], tag) {
            return Err(Garbage::Tag);
        }
        self.next += 1;
        form(body)
    }
}

/// Decodes the whole of `body`.
fn form<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Garbage> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        _ => Err(Garbage::Form),
    }
}

/// Reads the next message; none where the other end has closed the connection.
pub(crate) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    direction: &mut Direction,
) -> io::Result<Option<Message>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = u32::from_le_bytes(length) as usize;
    if length > MESSAGE_BYTES {
        return Err(Garbage::Size.into());
    }
    let mut sealed = vec![0; length];
    from.read_exact(&mut sealed).await?;
    Ok(Some(direction.open(&sealed)?))
}

/// Writes a message.
pub(crate) async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    direction: &mut Direction,
    message: &Message,
) -> io::Result<()> {
    let sealed = direction.seal(message).ok_or(Garbage::Size)?;
    to.write_all(&sealed).await
}

/// Exchanges nonces; answers the directions to write and to read.
pub(crate) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    key: &Key,
    is_client: bool,
) -> io::Result<(Direction, Direction)> {
    let own = crate::seal::random::<NONCE_BYTES>();
    let mut other = [0; NONCE_BYTES];
    stream.write_all(&own).await?;
    stream.read_exact(&mut other).await?;
    let nonces = match is_client {
        true => [own, other].concat(),
        false => [other, own].concat(),
    };
    let writes = Direction::new(key, &nonces, !is_client);
    Ok((writes, Direction::new(key, &nonces, is_client)))
}
