//! A vehicle whose task the centre places: it asks by the agent that covers it best, and hands its task to the one that it is told.

use super::{AGAIN, Asked, Measured, Outcome, Task, connect, data, measured, send};
use crate::pace::Pace;
use crate::seal::{self, Key};
use crate::wire::{self, Announced, Message, Place};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use wayside_core::agent::{Job, Offer};

/// Who a vehicle is to the centre, and where it may be sent.
#[derive(Clone, Debug)]
pub(crate) struct ByCentre {
    /// Its id.
    pub(crate) vehicle: String,
    /// Where all agents take tasks, by row.
    pub(crate) agents: Arc<Vec<SocketAddr>>,
}

/// A task as it was handed over, and its upload.
pub(super) type Handed = Option<(Job, JoinHandle<io::Result<f64>>)>;

/// The outcome that the asked agent reports; none where the task is to run on the vehicle.
pub(super) async fn ask(
    task: &Task,
    (agent, by): (SocketAddr, &ByCentre),
    (asked, handed): (&mut Asked, &mut Handed),
    key: &Key,
    pace: Pace,
) -> io::Result<Option<Measured>> {
    let data = Arc::new(data(&task.offer));
    let (stream, (mut writes, mut reads)) = connect(agent, key).await?;
    let (mut from, mut to) = stream.into_split();
    pace.until(task.at_s).await;
    let message = asked.or(|key| Message::Ask {
        offer: Offer {
            local_wait_s: task.cpu.wait_s(task.at_s),
            ..task.offer
        },
        vehicle: by.vehicle.clone(),
        key,
    });
    wire::write(&mut to, &mut writes, message).await?;
    let mut place = None;
    let outcome: Outcome = loop {
        match wire::read(&mut from, &mut reads).await? {
            Some(Message::Placed(Place::Vehicle)) => return Ok(None),
            Some(Message::Placed(at)) => place = Some(at),
            Some(Message::Enter {
                entry,
                job,
                upload_s,
            }) => {
                if handed.as_ref().is_some_and(|(before, _)| *before == job) {
                    // it says so again
                    continue;
                }
                let entry = by.agents.get(entry as usize).copied();
                let entry = entry.ok_or(io::ErrorKind::InvalidData)?;
                let data = Arc::clone(&data);
                let handing = hand(job.clone(), upload_s, data, (entry, key.clone()), pace);
                // a plan that failed is not uploaded any further
                if let Some((_, before)) = handed.replace((job, tokio::spawn(handing))) {
                    before.abort();
                }
            }
            Some(Message::Ended(result)) => break (pace.now_s() - task.at_s, place, result),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    let upload_s = match handed.take() {
        // what failed here was lost to the asked agent, and has been planned anew
        Some((_, upload)) => upload.await.ok().and_then(Result::ok).unwrap_or(0.0),
        None => 0.0,
    };
    Ok(Some(measured(upload_s, outcome)))
}

/// Hands a task with its data to the agent that it enters by, as its uplink lets it, and once more where the connection breaks; how long that took \[s\].
async fn hand(
    job: Job,
    upload_s: f64,
    data: Arc<Vec<u8>>,
    to: (SocketAddr, Key),
    pace: Pace,
) -> io::Result<f64> {
    let begun_s = pace.now_s();
    let message = Message::Job {
        job,
        data: Announced {
            bytes: data.len() as u64,
            checksum: seal::checksum(&data),
        },
        key: Some(u128::from_le_bytes(seal::random())),
    };
    match hand_once(&message, (begun_s, upload_s), &data, &to, pace).await {
        Err(_) => {
            sleep(AGAIN).await;
            hand_once(&message, (begun_s, upload_s), &data, &to, pace).await
        }
        handed => handed,
    }
}

async fn hand_once(
    message: &Message,
    (begun_s, upload_s): (f64, f64),
    data: &[u8],
    (entry, key): &(SocketAddr, Key),
    pace: Pace,
) -> io::Result<f64> {
    let (mut stream, (mut writes, _)) = connect(*entry, key).await?;
    wire::write(&mut stream, &mut writes, message).await?;
    send(&mut stream, data, (begun_s, upload_s), pace).await?;
    Ok(pace.now_s() - begun_s)
}
