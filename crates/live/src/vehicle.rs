//! A vehicle with a task, as a client of the agent that covers it.

mod by_centre;

pub(crate) use by_centre::ByCentre;

use crate::pace::Pace;
use crate::rsu::pieces;
use crate::seal::{self, Key};
use crate::wire::{self, Announced, Direction, Message, Place};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{sleep, timeout};
use wayside_core::agent::{Done, Loss, Offer, Spent};

/// How long a vehicle waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits before it asks once more.
const AGAIN: Duration = Duration::from_millis(20);
/// Makes data of a counter.
const PATTERN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The CPU of a vehicle: when it has done all that it was given \[s\].
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnCpu(Arc<Mutex<f64>>);

impl OwnCpu {
    /// How long a task that comes now waits \[s\].
    fn wait_s(&self, now_s: f64) -> f64 {
        (*self.0.lock().unwrap_or_else(PoisonError::into_inner) - now_s).max(0.0)
    }

    /// From when to when a task that takes `takes_s` has the CPU \[s\].
    fn take(&self, now_s: f64, takes_s: f64) -> (f64, f64) {
        let mut free_s = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin_s = free_s.max(now_s);
        *free_s = begin_s + takes_s;
        (begin_s, *free_s)
    }
}

/// A task of a vehicle.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// When it arises \[s\].
    pub(crate) at_s: f64,
    /// What it is.
    pub(crate) offer: Offer,
    /// The agent of the RSU that covers the vehicle best; none where none does.
    pub(crate) agent: Option<SocketAddr>,
    /// The vehicle's CPU.
    pub(crate) cpu: OwnCpu,
    /// Where the centre places the task.
    pub(crate) by_centre: Option<ByCentre>,
    /// How long the vehicle waits for the outcome \[s\].
    pub(crate) patience_s: f64,
}

/// What a vehicle measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// From when the task arose to its outcome \[s\].
    pub(crate) delay_s: f64,
    /// Until all data was sent; 0 where it ran on the vehicle \[s\].
    pub(crate) upload_s: f64,
    /// As agents measured, or the vehicle itself.
    pub(crate) spent: Spent,
    /// Where it ran.
    pub(crate) place: Option<Place>,
    /// Why it was lost.
    pub(crate) lost: Option<&'static str>,
}

/// Offers a task when it arises, sends its data, and waits for the outcome.
pub(crate) async fn run(task: Task, key: Key, pace: Pace) -> Measured {
    let Some(agent) = task.agent else {
        pace.until(task.at_s).await;
        return compute(&task, pace).await;
    };
    let asking = async {
        let (mut asked, mut handed) = (Asked::default(), None);
        for is_last in [false, true] {
            let answer = match &task.by_centre {
                Some(by) => {
                    let asked = (&mut asked, &mut handed);
                    by_centre::ask(&task, (agent, by), asked, &key, pace).await
                }
                None => ask(&task, agent, &mut asked, &key, pace).await,
            };
            if answer.is_ok() || is_last {
                return answer;
            }
            // a connection broke; with its key the task is not taken for another one
            sleep(AGAIN).await;
        }
        Err(io::ErrorKind::NotConnected.into())
    };
    let ahead_s = (task.at_s - pace.now_s()).max(0.0);
    let lost = match timeout(pace.wall(ahead_s + task.patience_s), asking).await {
        Ok(Ok(Some(measured))) => return measured,
        Ok(Ok(None)) => return compute(&task, pace).await,
        Ok(Err(_)) => "connection",
        Err(_) => "silence",
    };
    Measured {
        delay_s: pace.now_s() - task.at_s,
        upload_s: 0.0,
        spent: Spent::default(),
        place: None,
        lost: Some(lost),
    }
}

/// What a vehicle says of its task: every time the same.
#[derive(Default)]
struct Asked(Option<Message>);

impl Asked {
    /// What it has said before, or what `first` makes of a new key.
    fn or(&mut self, first: impl FnOnce(Option<u128>) -> Message) -> &Message {
        let key = || Some(u128::from_le_bytes(seal::random()));
        self.0.get_or_insert_with(|| first(key()))
    }
}

/// The outcome that an agent reports; none where the task is to run on the vehicle.
async fn ask(
    task: &Task,
    agent: SocketAddr,
    asked: &mut Asked,
    key: &Key,
    pace: Pace,
) -> io::Result<Option<Measured>> {
    let data = data(&task.offer);
    // a vehicle is connected before it has a task
    let (stream, (mut writes, mut reads)) = connect(agent, key).await?;
    let (mut from, mut to) = stream.into_split();
    let announced = Announced {
        bytes: data.len() as u64,
        checksum: seal::checksum(&data),
    };
    pace.until(task.at_s).await;
    let message = asked.or(|key| Message::Offer {
        offer: Offer {
            local_wait_s: task.cpu.wait_s(task.at_s),
            ..task.offer
        },
        data: announced,
        key,
    });
    wire::write(&mut to, &mut writes, message).await?;
    let upload = upload(&mut to, &data, task, pace);
    let outcome = outcome(&mut from, &mut reads, task, pace);
    tokio::pin!(upload, outcome);
    let (mut upload_s, mut ended) = (0.0, None);
    tokio::select! {
        uploaded = &mut upload => upload_s = uploaded?,
        end = &mut outcome => ended = Some(end?),
    }
    let ended = match ended {
        Some(ended) => ended,
        None => outcome.await?,
    };
    Ok(ended.map(|outcome| measured(upload_s, outcome)))
}

fn measured(upload_s: f64, (delay_s, place, result): Outcome) -> Measured {
    Measured {
        delay_s,
        upload_s,
        spent: result.map_or(Spent::default(), |done| done.spent),
        place: match result {
            Ok(done) => done.execution.map(Place::Rsu).or(place),
            Err(_) => place,
        },
        lost: result.err().map(Loss::name),
    }
}

/// Sends the data of a task as its uplink lets it; how long that took \[s\]. The connection stays open: its end would say that the vehicle
/// is gone.
async fn upload(to: &mut OwnedWriteHalf, data: &[u8], task: &Task, pace: Pace) -> io::Result<f64> {
    let takes_s = task.offer.data_bits * task.offer.seconds_per_bit;
    send(to, data, (task.at_s, takes_s), pace).await?;
    Ok(pace.now_s() - task.at_s)
}

/// Sends data evenly from `begin_s` on for `takes_s`.
async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    data: &[u8],
    (begin_s, takes_s): (f64, f64),
    pace: Pace,
) -> io::Result<()> {
    let pieces = pieces(data, pace.wall(takes_s));
    let count = pieces.len() as f64;
    for (piece, k) in pieces.zip(1_u32..) {
        pace.until(begin_s + f64::from(k) / count * takes_s).await;
        to.write_all(piece).await?;
    }
    Ok(())
}

/// A delay, where the task ran, and what became of it.
type Outcome = (f64, Option<Place>, Result<Done, Loss>);

/// The outcome of a task; none where it is to run on the vehicle.
async fn outcome(
    from: &mut OwnedReadHalf,
    reads: &mut Direction,
    task: &Task,
    pace: Pace,
) -> io::Result<Option<Outcome>> {
    let mut place = None;
    loop {
        match wire::read(from, reads).await? {
            Some(Message::Placed(Place::Vehicle)) => return Ok(None),
            Some(Message::Placed(at)) => place = Some(at),
            Some(Message::Ended(result)) => {
                return Ok(Some((pace.now_s() - task.at_s, place, result)));
            }
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The data of a task: what it says does not matter, but that it arrives does.
fn data(offer: &Offer) -> Vec<u8> {
    let bytes = (offer.data_bits / 8.0).ceil() as usize;
    let mut data = vec![0; bytes];
    for (piece, i) in data.chunks_mut(8).zip(1_u64..) {
        let word = (i ^ offer.order).wrapping_mul(PATTERN).to_le_bytes();
        piece.copy_from_slice(&word[..piece.len()]);
    }
    data
}

async fn connect(agent: SocketAddr, key: &Key) -> io::Result<(TcpStream, (Direction, Direction))> {
    let connecting = async {
        let mut stream = TcpStream::connect(agent).await?;
        stream.set_nodelay(true)?;
        let directions = wire::greet(&mut stream, key, true).await?;
        Ok((stream, directions))
    };
    timeout(PATIENCE, connecting).await?
}

/// Runs a task on the vehicle.
async fn compute(task: &Task, pace: Pace) -> Measured {
    let now_s = pace.now_s();
    let (begin_s, end_s) = task.cpu.take(now_s, task.offer.cycles / task.offer.cpu_hz);
    pace.until(end_s).await;
    Measured {
        delay_s: pace.now_s() - task.at_s,
        upload_s: 0.0,
        spent: Spent {
            wait_s: begin_s - now_s,
            compute_s: end_s - begin_s,
            ..Spent::default()
        },
        place: Some(Place::Vehicle),
        lost: None,
    }
}
