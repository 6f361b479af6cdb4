//! Connections from vehicles and other agents.

use super::event::{Admission, Event, Offered, Payload};
use crate::net::{Net, Shaping};
use crate::pace::Pace;
use crate::seal::{self, Key};
use crate::wire::{self, Announced, Direction, Garbage, Message};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use wayside_core::agent::{Loss, Offer};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long the other end may take to greet.
const GREETS: Duration = Duration::from_secs(10);
/// How long data may stand still.
const READS: Duration = Duration::from_secs(30);
/// Most that a vehicle is told of a task: two places, where to hand it over twice, its end, and one to spare.
const TOLD: usize = 6;
/// Least time between two attempts to accept, where the system has no more to give.
const AGAIN: Duration = Duration::from_millis(50);

/// What connections share.
#[derive(Clone)]
pub(super) struct Door {
    key: Key,
    tell: mpsc::Sender<Event>,
    /// Whether the centre places tasks.
    by_centre: bool,
    shaping: Shaping,
    pace: Pace,
    /// Memory for data, in KiB.
    memory: Arc<Semaphore>,
    memory_kib: u32,
}

impl Door {
    pub(super) fn new(net: &Net, by_centre: bool, pace: Pace, tell: mpsc::Sender<Event>) -> Self {
        let memory_kib = 1024 * net.memory_mib;
        Self {
            key: net.key.clone(),
            tell,
            by_centre,
            shaping: net.shaping,
            pace,
            memory: Arc::new(Semaphore::new(memory_kib)),
            memory_kib: u32::try_from(memory_kib).unwrap_or(u32::MAX),
        }
    }
}

/// Accepts connections, for ever.
pub(super) async fn accept(listener: TcpListener, door: Door) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(AGAIN).await;
            continue;
        };
        let door = door.clone();
        tokio::spawn(async move {
            if serve(stream, &door).await.is_err() {
                _ = door.tell.send(Event::Broken).await;
            }
            drop(place);
        });
    }
}

async fn serve(mut stream: TcpStream, door: &Door) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let greeting = wire::greet(&mut stream, &door.key, false);
    let (mut writes, mut reads) = timeout(GREETS, greeting).await??;
    let (mut from, mut to) = stream.into_split();
    while let Some(message) = wire::read(&mut from, &mut reads).await? {
        let keyed = message.key().map(|key| (key, message.clone()));
        match message {
            // a connection for every task: its end says that the vehicle is gone
            Message::Offer { offer, data, .. } if !door.by_centre => {
                let vehicle = None;
                let task = Offered {
                    offer,
                    keyed,
                    vehicle,
                };
                return offered(&mut from, &mut to, &mut writes, door, (task, Some(data))).await;
            }
            Message::Ask { offer, vehicle, .. } if door.by_centre => {
                let vehicle = Some(vehicle);
                let task = Offered {
                    offer,
                    keyed,
                    vehicle,
                };
                return offered(&mut from, &mut to, &mut writes, door, (task, None)).await;
            }
            Message::Job { mut job, data, .. } => {
                let begun_s = door.pace.now_s();
                let payload = receive(&mut from, door, data, job.data_bits).await?;
                // one that a vehicle hands over has travelled no link
                if door.shaping == Shaping::System && job.spent.hops > 0 {
                    job.spent.transmission_s += door.pace.now_s() - begun_s;
                    wire::write(&mut to, &mut writes, &Message::Taken).await?;
                }
                tell(door, Event::Arrived(job, payload, keyed)).await?;
            }
            Message::Report { number, result } => {
                tell(door, Event::Reported(number, result)).await?;
            }
            _ => return Err(Garbage::Form.into()),
        }
    }
    Ok(())
}

/// A vehicle's task: its data, where it comes by this agent, comes in while it is told what becomes of it.
async fn offered(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    writes: &mut Direction,
    door: &Door,
    (task, data): (Offered, Option<Announced>),
) -> io::Result<()> {
    let data_bits = task.offer.data_bits;
    let Some((number, visit, told)) = admit(to, writes, door, task).await? else {
        return leave(from, to).await;
    };
    let upload = async {
        if let Some(data) = data {
            let payload = receive(from, door, data, data_bits).await?;
            tell(door, Event::Uploaded(number, payload)).await?;
        }
        listens(from).await
    };
    // whichever ends first: the vehicle goes, or it has been told everything
    let result = tokio::select! {
        uploaded = upload => uploaded,
        told = talk(to, writes, told) => told,
    };
    tell(door, Event::Withdrawn(number, visit)).await?;
    result?;
    leave(from, to).await
}

/// Ends a connection whose vehicle has been told everything: what it still sends is read first, since else the system would tell it that the connection
/// broke.
async fn leave(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> io::Result<()> {
    to.shutdown().await?;
    let mut more = [0; 4096];
    let rest = async { while from.read(&mut more).await.is_ok_and(|read| read > 0) {} };
    _ = timeout(READS, rest).await;
    Ok(())
}

/// Lets the agent take a task: its number, that of the visit, and what its vehicle is to be told. None where it does not take it; the vehicle is told why.
async fn admit(
    to: &mut OwnedWriteHalf,
    writes: &mut Direction,
    door: &Door,
    offered: Offered,
) -> io::Result<Option<(u64, u64, mpsc::Receiver<Message>)>> {
    if !is_sane(&offered.offer) {
        return Err(Garbage::Form.into());
    }
    let (vehicle, told) = mpsc::channel(TOLD);
    let (answer, admission) = oneshot::channel();
    tell(door, Event::Offer(offered, answer, vehicle)).await?;
    let message = match admission.await {
        Ok(Admission::Taken { number, visit }) => return Ok(Some((number, visit, told))),
        Ok(Admission::KeyReused) => Message::KeyReused,
        Ok(Admission::Full) | Err(_) => Message::Ended(Err(Loss::Full)),
    };
    wire::write(to, writes, &message).await?;
    Ok(None)
}

/// Until the vehicle goes: before it has heard what it wants, it says nothing.
async fn listens(from: &mut OwnedReadHalf) -> io::Result<()> {
    let mut more = [0; 1];
    match from.read(&mut more).await? {
        0 => Ok(()),
        _ => Err(Garbage::Form.into()),
    }
}

/// Tells the vehicle everything.
async fn talk(
    to: &mut OwnedWriteHalf,
    writes: &mut Direction,
    mut told: mpsc::Receiver<Message>,
) -> io::Result<()> {
    while let Some(message) = told.recv().await {
        wire::write(to, writes, &message).await?;
    }
    to.flush().await
}

/// Reads data as it was announced.
async fn receive(
    from: &mut OwnedReadHalf,
    door: &Door,
    data: Announced,
    data_bits: f64,
) -> io::Result<Payload> {
    let kib = data.bytes.div_ceil(1024).max(1);
    let kib = u32::try_from(kib).unwrap_or(u32::MAX);
    // what is announced, and what it takes on links, must be the same
    let is_same = (8.0 * data.bytes as f64 - data_bits).abs() <= 8.0;
    if kib > door.memory_kib || !is_same {
        return Err(Garbage::Size.into());
    }
    let memory = Arc::clone(&door.memory).acquire_many_owned(kib).await;
    let memory = memory.map_err(io::Error::other)?;
    let mut bytes = vec![0; data.bytes as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match timeout(READS, from.read(&mut bytes[filled..])).await?? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    if seal::checksum(&bytes) != data.checksum {
        return Err(Garbage::Tag.into());
    }
    Ok(Payload {
        bytes,
        checksum: data.checksum,
        _memory: memory,
    })
}

async fn tell(door: &Door, event: Event) -> io::Result<()> {
    let told = door.tell.send(event).await;
    told.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// Whether an offer's quantities are such as a scenario may have.
fn is_sane(offer: &Offer) -> bool {
    let positive = [
        offer.cycles,
        offer.data_bits,
        offer.deadline_s,
        offer.cpu_hz,
    ];
    let others = [
        offer.seconds_per_bit,
        offer.tx_power_w,
        offer.energy_coeff,
        offer.local_wait_s,
    ];
    let is_bounded = |x: &f64| (0.0..=1e30).contains(x);
    positive.iter().all(|x| *x > 0.0 && is_bounded(x)) && others.iter().all(is_bounded)
}
