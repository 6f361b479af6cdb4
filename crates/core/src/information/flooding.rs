//! Flooding, with sequence numbers, suppression of duplicates and a TTL: all servers of a network, wired in memory.

use super::node::{Node, Packet, Reception};
use crate::backhaul::network::Network;
use std::collections::VecDeque;
use std::sync::Arc;

/// The constants of the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    /// Rounds per second \[Hz\].
    pub rate_hz: f64,
    /// Size of a packet \[bit\].
    pub packet_bits: f64,
    /// Rate of the links that packets travel \[bit/s\].
    pub link_rate_bps: f64,
    /// Farthest server that a packet reaches \[hops\].
    pub ttl: u32,
    /// What counts as a packet sent.
    pub counting: Counting,
}

/// What counts as one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Counting {
    /// A broadcast of a server, however many links it leaves on: the convention of Fig. 6.
    #[default]
    PerBroadcast,
    /// Every link that a broadcast leaves on; all links of the server, also the one it came by.
    PerLink,
}

/// Who reports its state.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Sources {
    /// Every server.
    #[default]
    All,
    /// Every server but these, whose neighbourhoods the information is for: the convention of Fig. 6.
    Neighbours {
        /// Rows of the local servers.
        local: Vec<u32>,
    },
}

impl Sources {
    /// Rows of the sources among `servers`.
    pub fn rows(&self, servers: usize) -> impl Iterator<Item = u32> {
        let local: &[u32] = match self {
            Self::All => &[],
            Self::Neighbours { local } => local,
        };
        (0..servers as u32).filter(move |m| !local.contains(m))
    }
}

/// What information costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Packets of one round.
    pub packets: u64,
    /// Packets per second \[Hz\].
    pub packets_per_s: f64,
    /// Time that the packets of a second take to send, one after the other \[s\].
    pub busy_s: f64,
}

impl Protocol {
    /// Time to send a packet \[s\].
    #[must_use]
    pub fn packet_s(&self) -> f64 {
        self.packet_bits / self.link_rate_bps
    }

    /// What rounds of so many packets cost.
    #[must_use]
    pub fn traffic(&self, packets: u64) -> Traffic {
        let packets_per_s = packets as f64 * self.rate_hz;
        Traffic {
            packets,
            packets_per_s,
            busy_s: packets_per_s * self.packet_s(),
        }
    }
}

/// The newest report that a server has of another one. The state itself is that of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Sequence number of the source.
    pub sequence: u64,
    /// Links that it travelled.
    pub hops: u32,
}

/// The servers of a network, and the packets between them.
#[derive(Clone, Debug)]
pub struct Flooding {
    network: Arc<Network>,
    protocol: Protocol,
    nodes: Vec<Node<()>>,
    /// Packets, each with the server that it arrives at.
    in_flight: VecDeque<(u32, Packet<()>)>,
}

impl Flooding {
    /// Servers that have heard nothing yet.
    #[must_use]
    pub fn new(network: Arc<Network>, protocol: Protocol) -> Self {
        let servers = 0..network.rsus() as u32;
        Self {
            nodes: servers.map(|m| Node::new(m, protocol.ttl, 0)).collect(),
            network,
            protocol,
            in_flight: VecDeque::new(),
        }
    }

    /// `source` reports its state over the links that `lives` accepts; answers the packets sent, of it
    /// and of all that pass it on.
    pub fn emit(&mut self, source: u32, lives: impl Fn(u32) -> bool) -> u64 {
        let first = self.nodes[source as usize].emit(0.0, ());
        let mut packets = self.broadcast(source, first, &lives);
        while let Some((to, packet)) = self.in_flight.pop_front() {
            let reception = self.nodes[to as usize].receive(0.0, packet);
            if let Reception::New(Some(onward)) | Reception::Nearer(Some(onward)) = reception {
                packets += self.broadcast(to, onward, &lives);
            }
        }
        packets
    }

    /// All `sources` report once.
    pub fn round(&mut self, sources: &Sources, lives: impl Fn(u32) -> bool) -> Traffic {
        let rows = sources.rows(self.network.rsus());
        let packets = rows.map(|source| self.emit(source, &lives)).sum();
        self.protocol.traffic(packets)
    }

    /// The newest that `server` has heard of `source`.
    #[must_use]
    pub fn heard(&self, server: u32, source: u32) -> Option<Report> {
        let heard = self.nodes[server as usize].heard(source)?;
        Some(Report {
            sequence: heard.sequence,
            hops: heard.hops,
        })
    }

    /// Sends a packet to all neighbours; answers what that counts for.
    fn broadcast(&mut self, from: u32, packet: Packet<()>, lives: &impl Fn(u32) -> bool) -> u64 {
        let mut links = 0;
        for row in self.network.leaving(from).filter(|&row| lives(row)) {
            links += 1;
            let to = self.network.links()[row as usize].to;
            self.in_flight.push_back((to, packet));
        }
        match self.protocol.counting {
            Counting::PerBroadcast => 1,
            Counting::PerLink => links,
        }
    }
}
