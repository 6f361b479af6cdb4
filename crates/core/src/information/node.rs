//! One server's part of the protocol: a state machine without I/O. Packets go in with the time, packets to broadcast come
//! out. The simulator and agents on a network run the same one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A packet as it arrives at a server. Its id is (source, sequence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet<S> {
    /// Row of the server that it tells of.
    pub source: u32,
    /// Number of the report among those of its source.
    pub sequence: u64,
    /// Links that it has travelled.
    pub hops: u32,
    /// Links that it may travel, this one included.
    pub ttl: u32,
    /// The state of its source.
    pub state: S,
}

/// The newest report that a server has of another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard<S> {
    /// Number of the report among those of its source.
    pub sequence: u64,
    /// Links that it travelled, on the shortest of the paths that it came by.
    pub hops: u32,
    /// When it arrived first \[s\].
    pub at_s: f64,
    /// The state of its source.
    pub state: S,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception<S> {
    /// Its id, or a later one of its source, was known: it is dropped.
    Known,
    /// It was new, and remembered. While its TTL lasts, this packet goes to all neighbours.
    New(Option<Packet<S>>),
    /// It was known, but has come by a shorter path now: it was overtaken. It may go farther than the copy that came first, so this packet goes
    /// to all neighbours. Where packets take equally long on all links none is overtaken.
    Nearer(Option<Packet<S>>),
}

/// A server that reports its state and passes on what others report.
#[derive(Clone, Debug)]
pub struct Node<S> {
    row: u32,
    ttl: u32,
    sequence: u64,
    heard: BTreeMap<u32, Heard<S>>,
}

impl<S: Clone> Node<S> {
    /// The server in row `row`, whose packets reach `ttl` hops. Its first report has the number after `sequence`: a server that
    /// restarts goes on with a greater one than before, or is not believed.
    #[must_use]
    pub fn new(row: u32, ttl: u32, sequence: u64) -> Self {
        Self {
            row,
            ttl,
            sequence,
            heard: BTreeMap::new(),
        }
    }

    /// Reports `state`: the packet goes to all neighbours.
    pub fn emit(&mut self, now_s: f64, state: S) -> Packet<S> {
        self.sequence += 1;
        let heard = Heard {
            sequence: self.sequence,
            hops: 0,
            at_s: now_s,
            state: state.clone(),
        };
        self.heard.insert(self.row, heard);
        Packet {
            source: self.row,
            sequence: self.sequence,
            hops: 1,
            ttl: self.ttl,
            state,
        }
    }

    /// Takes a packet. A known id is dropped, unless it comes by a shorter path than before; a new one is remembered. Both are passed on
    /// while their TTL lasts.
    pub fn receive(&mut self, now_s: f64, packet: Packet<S>) -> Reception<S> {
        let known = self.heard.get_mut(&packet.source);
        let is_nearer = match known {
            Some(known) if known.sequence > packet.sequence => return Reception::Known,
            Some(known) if known.sequence == packet.sequence => {
                if known.hops <= packet.hops {
                    return Reception::Known;
                }
                known.hops = packet.hops;
                true
            }
            _ => false,
        };
        let onward = (packet.ttl > 1).then(|| Packet {
            hops: packet.hops.saturating_add(1),
            ttl: packet.ttl - 1,
            state: packet.state.clone(),
            ..packet
        });
        if is_nearer {
            return Reception::Nearer(onward);
        }
        let heard = Heard {
            sequence: packet.sequence,
            hops: packet.hops,
            at_s: now_s,
            state: packet.state,
        };
        self.heard.insert(packet.source, heard);
        Reception::New(onward)
    }

    /// The newest that it has heard of `source`.
    #[must_use]
    pub fn heard(&self, source: u32) -> Option<&Heard<S>> {
        self.heard.get(&source)
    }

    /// All that it has heard of, by row.
    pub fn all_heard(&self) -> impl Iterator<Item = (u32, &Heard<S>)> {
        self.heard.iter().map(|(&source, heard)| (source, heard))
    }
}
