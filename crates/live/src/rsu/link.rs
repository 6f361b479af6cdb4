//! Links to neighbours, shaped to their rate, and reports to other agents.

use super::event::{Event, Payload};
use crate::net::{Net, Shaping};
use crate::pace::Pace;
use crate::seal::Key;
use crate::wire::{self, Announced, Direction, Message};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use wayside_core::agent::{Done, Job, Loss};

/// Pieces that data is sent in, at most, and the least time that each takes.
const PIECES: usize = 16;
const PIECE: Duration = Duration::from_millis(2);
/// How long a connection, or a stalled one, is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages to an agent that may wait.
const WAITING: usize = 1024;
/// What is handed to the system at a time, where that shapes \[bytes\].
const AT_ONCE: usize = 65_536;

/// A task to be sent over a link.
pub(super) struct Load {
    pub(super) job: Job,
    pub(super) payload: Arc<Payload>,
    pub(super) begin_s: f64,
    pub(super) end_s: f64,
}

/// The links that leave a server, and connections for reports.
pub(super) struct Links {
    loads: BTreeMap<u32, mpsc::Sender<Load>>,
    reports: BTreeMap<u32, mpsc::Sender<Message>>,
    agents: Vec<SocketAddr>,
    key: Key,
}

impl Links {
    pub(super) fn new(net: &Net, row: u32, pace: Pace, tell: mpsc::Sender<Event>) -> Self {
        let network = &net.world.network;
        let loads = network.leaving(row).map(|link| {
            // a link sends one task at a time
            let (sender, loads) = mpsc::channel(2);
            let ends = &network.links()[link as usize];
            let sending = Sending {
                link,
                propagation_s: ends.propagation_s,
                line: Line::new(net.agents[ends.to as usize].tasks, &net.key),
                shaping: net.shaping,
                pace,
                tell: tell.clone(),
            };
            tokio::spawn(sending.run(loads));
            (link, sender)
        });
        Self {
            loads: loads.collect(),
            reports: BTreeMap::new(),
            agents: net.agents.iter().map(|agent| agent.tasks).collect(),
            key: net.key.clone(),
        }
    }

    /// Sends a task over a link; whether that can be.
    pub(super) fn send(&self, link: u32, load: Load) -> bool {
        let sender = self.loads.get(&link);
        sender.is_some_and(|sender| sender.try_send(load).is_ok())
    }

    /// Tells another agent what became of its task. An agent that cannot be told will miss the answer in time.
    pub(super) fn report(&mut self, to: u32, number: u64, result: Result<Done, Loss>) {
        let Some(&address) = self.agents.get(to as usize) else {
            return;
        };
        let reports = self.reports.entry(to).or_insert_with(|| {
            let (sender, messages) = mpsc::channel(WAITING);
            tokio::spawn(pass_on(Line::new(address, &self.key), messages));
            sender
        });
        _ = reports.try_send(Message::Report { number, result });
    }
}

async fn pass_on(mut line: Line, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.recv().await {
        // once more where the connection had broken meanwhile
        if line.say(&message).await.is_err() {
            _ = line.say(&message).await;
        }
    }
}

/// A connection that is opened when it is needed.
struct Line {
    to: SocketAddr,
    key: Key,
    /// With what goes there, and what comes from there.
    open: Option<(TcpStream, Direction, Direction)>,
}

impl Line {
    fn new(to: SocketAddr, key: &Key) -> Self {
        Self {
            to,
            key: key.clone(),
            open: None,
        }
    }

    async fn stream(&mut self) -> io::Result<&mut (TcpStream, Direction, Direction)> {
        // the other end says nothing that is not waited for: what can be read is its end
        let is_over = |(stream, ..): &(TcpStream, Direction, Direction)| {
            let read = stream.try_read(&mut [0; 1]);
            !read.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
        };
        if self.open.as_ref().is_some_and(is_over) {
            self.open = None;
        }
        if self.open.is_none() {
            let connect = async {
                let mut stream = TcpStream::connect(self.to).await?;
                stream.set_nodelay(true)?;
                let (writes, reads) = wire::greet(&mut stream, &self.key, true).await?;
                io::Result::Ok((stream, writes, reads))
            };
            self.open = Some(timeout(PATIENCE, connect).await??);
        }
        self.open.as_mut().ok_or(io::ErrorKind::NotConnected.into())
    }

    async fn say(&mut self, message: &Message) -> io::Result<()> {
        let (stream, writes, _) = self.stream().await?;
        let written = timeout(PATIENCE, wire::write(stream, writes, message)).await;
        self.unless_broken(written.map_err(io::Error::from))
    }

    async fn put(&mut self, piece: &[u8]) -> io::Result<()> {
        let (stream, ..) = self.open.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let written = timeout(PATIENCE, stream.write_all(piece)).await;
        self.unless_broken(written.map_err(io::Error::from))
    }

    /// Until the other end has all of a task.
    async fn taken(&mut self) -> io::Result<()> {
        let (stream, _, reads) = self.open.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let answer = timeout(PATIENCE, wire::read(stream, reads)).await;
        let taken = answer.map_err(io::Error::from).map(|answer| match answer? {
            Some(Message::Taken) => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        });
        self.unless_broken(taken)
    }

    fn unless_broken(&mut self, done: io::Result<io::Result<()>>) -> io::Result<()> {
        let done = done.and_then(|done| done);
        if done.is_err() {
            self.open = None;
        }
        done
    }
}

/// The sending end of a link.
struct Sending {
    link: u32,
    propagation_s: f64,
    shaping: Shaping,
    line: Line,
    pace: Pace,
    tell: mpsc::Sender<Event>,
}

impl Sending {
    async fn run(mut self, mut loads: mpsc::Receiver<Load>) {
        // before there is anything to send; a neighbour that is not there yet is tried again then
        _ = self.line.stream().await;
        while let Some(load) = loads.recv().await {
            let sent = match self.shaping {
                Shaping::Agent => self.send(&load).await,
                Shaping::System => self.hand_over(&load).await,
            };
            let event = match sent {
                Ok(ended_s) => Event::Sent(self.link, ended_s),
                Err(_) => Event::Undelivered(self.link),
            };
            if self.tell.send(event).await.is_err() {
                return;
            }
        }
    }

    /// Announces a task.
    async fn announce(&mut self, job: Job, payload: &Payload) -> io::Result<()> {
        let message = Message::Job {
            job,
            data: Announced {
                bytes: payload.bytes.len() as u64,
                checksum: payload.checksum,
            },
            key: None,
        };
        if self.line.say(&message).await.is_err() {
            // the other end may have restarted
            self.line.say(&message).await?;
        }
        Ok(())
    }

    /// Sends a task as fast as the system lets it; when the link was free again \[s\].
    async fn hand_over(&mut self, load: &Load) -> io::Result<f64> {
        let mut job = load.job.clone();
        // who gets it adds what it has taken
        job.spent.transmission_s -= load.end_s - load.begin_s;
        self.pace.until(load.begin_s + self.propagation_s).await;
        self.announce(job, &load.payload).await?;
        for piece in load.payload.bytes.chunks(AT_ONCE) {
            self.line.put(piece).await?;
        }
        self.line.taken().await?;
        Ok(self.pace.now_s() - self.propagation_s)
    }

    /// Sends a task so that its last bit arrives when it should: store and forward needs it whole. Answers when the link was free again \[s\].
    async fn send(&mut self, load: &Load) -> io::Result<f64> {
        self.announce(load.job.clone(), &load.payload).await?;
        let pieces = pieces(
            &load.payload.bytes,
            self.pace.wall(load.end_s - load.begin_s),
        );
        let count = pieces.len() as f64;
        let last_s = load.end_s + self.propagation_s;
        for (piece, k) in pieces.zip(1_u32..) {
            let part = f64::from(k) / count;
            self.pace
                .until(load.begin_s + part * (last_s - load.begin_s))
                .await;
            self.line.put(piece).await?;
        }
        Ok(load.end_s)
    }
}

/// Data in equal pieces, each of which takes long enough for timers.
pub(crate) fn pieces(bytes: &[u8], takes: Duration) -> std::slice::Chunks<'_, u8> {
    let count = takes.as_micros() / PIECE.as_micros();
    let count = usize::try_from(count).unwrap_or(PIECES).clamp(1, PIECES);
    bytes.chunks(bytes.len().div_ceil(count).max(1))
}
