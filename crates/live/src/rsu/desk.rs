//! The task that owns the agent: what happened goes in, what is to be done is handed out.

use super::centre::Centre;
use super::door::Door;
use super::event::{Admission, Event, Offered, Payload, Told};
use super::keys::{Keys, Met};
use super::link::{Links, Load};
use super::{RsuConfig, RsuReport, door, work};
use crate::net::Net;
use crate::pace::Pace;
use crate::stop::Stop;
use crate::wire::{self, Garbage, Message};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use wayside_core::agent::{Agent, Job, Loss, Output, State};
use wayside_core::information::Packet;

/// Messages to the desk that may wait.
const WAITING: usize = 1024;
/// Datagrams that are looked at in one go.
const AT_ONCE: usize = 64;

/// The owner of the agent.
pub(super) struct Desk {
    agent: Agent,
    net: Net,
    row: u32,
    pace: Pace,
    socket: UdpSocket,
    events: mpsc::Receiver<Event>,
    tell: mpsc::Sender<Event>,
    links: Links,
    /// The data of tasks that are here, by entry and number.
    data: BTreeMap<(u32, u64), Arc<Payload>>,
    /// Vehicles that wait, by number of their task, with the number of their visit.
    vehicles: BTreeMap<u64, (u64, mpsc::Sender<Told>)>,
    visits: u64,
    keys: Keys,
    /// Where it does not decide itself.
    centre: Option<Centre>,
    report: RsuReport,
}

impl Desk {
    pub(super) fn open(agent: Agent, config: &RsuConfig, pace: Pace, socket: UdpSocket) -> Self {
        let (tell, events) = mpsc::channel(WAITING);
        Self {
            agent,
            net: config.net.clone(),
            row: config.row,
            pace,
            socket,
            events,
            links: Links::new(&config.net, config.row, pace, tell.clone()),
            centre: config.asks().map(|client| {
                let world = Arc::clone(&config.net.world);
                Centre::new(client, world, pace, tell.clone())
            }),
            tell,
            data: BTreeMap::new(),
            vehicles: BTreeMap::new(),
            visits: 0,
            keys: Keys::new(config.net.tasks_max),
            report: RsuReport::default(),
        }
    }

    /// Works until `stop` asks for the end.
    pub(super) async fn work(mut self, listener: TcpListener, stop: &Stop) -> RsuReport {
        let door = Door::new(
            &self.net,
            self.centre.is_some(),
            self.pace,
            self.tell.clone(),
        );
        tokio::spawn(door::accept(listener, door));
        let mut datagram = vec![0; wire::DATAGRAM_BYTES + 1];
        let stopped = stop.asked();
        tokio::pin!(stopped);
        loop {
            self.settle().await;
            let pace = self.pace;
            let next_s = self.agent.next_s();
            tokio::select! {
                () = &mut stopped => break,
                Some(event) = self.events.recv() => {
                    self.happened(event);
                    // all that waits belongs to one instant, and to one batch
                    while let Ok(event) = self.events.try_recv() {
                        self.happened(event);
                    }
                }
                readable = self.socket.readable() => {
                    if readable.is_ok() {
                        self.hear(&mut datagram);
                    }
                }
                () = pace.until(next_s) => {}
            }
            // timers too, whatever woke us: nothing that comes all the time holds them up
            let now_s = self.pace.now_s();
            if self.agent.next_s() <= now_s {
                self.agent.advance(now_s);
            }
        }
        self.report.counts = self.agent.counts().clone();
        self.report.open = self.agent.held().1;
        self.report
    }

    fn happened(&mut self, event: Event) {
        let now_s = self.pace.now_s();
        match event {
            Event::Offer(offered, answer, vehicle) => {
                // a vehicle that is gone already says so by itself
                _ = answer.send(self.admit(now_s, offered, vehicle));
            }
            Event::Uploaded(number, payload) => {
                let name = (self.row, number);
                // what a vehicle that has come again sends again is here
                if self.vehicles.contains_key(&number) && !self.data.contains_key(&name) {
                    self.data.insert(name, Arc::new(payload));
                    self.agent.uploaded(now_s, number);
                }
            }
            Event::Answered(number, answer) => {
                let answer = answer.map(|(id, answer)| {
                    if let Some(centre) = &mut self.centre {
                        centre.placed(number, id);
                    }
                    answer
                });
                self.agent.answered(now_s, number, answer);
            }
            Event::Withdrawn(number, visit) => self.withdraw(number, visit),
            Event::Arrived(job, payload, keyed) => {
                if let Some((key, asked)) = keyed {
                    match self.keys.meets(now_s, key, &asked) {
                        Met::New => self.keys.done(now_s, key, asked),
                        Met::Again(_) => return,
                        Met::Other => return self.report.broken += 1,
                    }
                }
                self.data.insert((job.entry, job.number), Arc::new(payload));
                self.agent.arrive(now_s, job);
            }
            Event::Reported(number, result) => self.agent.reported(now_s, number, result),
            Event::Sent(link, ended_s) => self.agent.sent(now_s, link, ended_s),
            Event::Undelivered(link) => self.agent.undelivered(now_s, link),
            Event::Computed(core, ended_s, result) => {
                let result = result.map_err(|failure| {
                    self.report.work_failed.add(failure);
                    Loss::WorkFailed
                });
                self.agent.computed(now_s, core, ended_s, result);
            }
            Event::Broken => self.report.broken += 1,
        }
    }

    /// Takes a vehicle's task, or takes up one that it has asked for before.
    fn admit(&mut self, now_s: f64, offered: Offered, vehicle: mpsc::Sender<Told>) -> Admission {
        self.visits += 1;
        let visit = self.visits;
        if let Some((key, asked)) = &offered.keyed {
            match self.keys.meets(now_s, *key, asked) {
                Met::New => {}
                Met::Other => return Admission::KeyReused,
                Met::Again(number) => {
                    let said = self.keys.said(number);
                    // there is room for all
                    said.iter()
                        .for_each(|message| _ = vehicle.try_send(message.clone()));
                    if self.keys.is_open(number) {
                        self.vehicles.insert(number, (visit, vehicle));
                    }
                    return Admission::Taken { number, visit };
                }
            }
        }
        let Some(number) = self.agent.offer(now_s, offered.offer) else {
            return Admission::Full;
        };
        if let Some((key, asked)) = offered.keyed {
            self.keys.begins(key, asked, number);
        }
        self.vehicles.insert(number, (visit, vehicle));
        if let Some((centre, id)) = self.centre.as_mut().zip(offered.vehicle) {
            centre.offered(number, &id, &offered.offer);
        }
        Admission::Taken { number, visit }
    }

    /// The vehicle has gone, and nobody wants the outcome; unless it has a key, and may come again for it.
    fn withdraw(&mut self, number: u64, visit: u64) {
        let is_last = |(last, _): &(u64, _)| *last == visit;
        if !self.vehicles.get(&number).is_some_and(is_last) {
            return;
        }
        self.vehicles.remove(&number);
        let is_here = self.centre.is_some() || self.data.contains_key(&(self.row, number));
        if is_here && self.keys.has(number) {
            return;
        }
        self.agent.withdraw(number);
        if let Some(centre) = &mut self.centre {
            centre.ended(number, None);
        }
        self.keys.forgets(number);
        self.forget(number);
    }

    /// Takes the datagrams that are there.
    fn hear(&mut self, buffer: &mut [u8]) {
        for _ in 0..AT_ONCE {
            let Ok((length, _)) = self.socket.try_recv_from(buffer) else {
                return;
            };
            match wire::packet(&self.net.key, &buffer[..length]) {
                Ok(packet) => {
                    let known = self.agent.counts().known;
                    if !self.agent.receive(self.pace.now_s(), packet) {
                        let is_known = self.agent.counts().known > known;
                        self.report.garbage[if is_known { 3 } else { 2 }] += 1;
                    }
                }
                Err(Garbage::Size) => self.report.garbage[0] += 1,
                Err(Garbage::Tag) => self.report.garbage[1] += 1,
                Err(Garbage::Form) => self.report.garbage[2] += 1,
            }
        }
    }

    /// Hands out what the agent wants done.
    async fn settle(&mut self) {
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Broadcast(packet) => self.broadcast(&packet).await,
                Output::Placed { number, placement } => {
                    self.tell_vehicle(number, Message::Placed(placement.into()));
                    if placement == wayside_core::slot::Placement::Local {
                        if let Some(centre) = &mut self.centre {
                            centre.leave(number);
                        }
                        self.forget(number);
                    }
                }
                Output::Ask { numbers, failed } => {
                    if let Some(centre) = &mut self.centre {
                        numbers
                            .iter()
                            .for_each(|&number| centre.ask(number, failed));
                    }
                }
                Output::Enter {
                    number,
                    entry,
                    job,
                    upload_s,
                } => {
                    let message = Message::Enter {
                        entry,
                        job,
                        upload_s,
                    };
                    self.tell_vehicle(number, message);
                }
                Output::Ended { number, result } => {
                    if let Some(centre) = &mut self.centre {
                        centre.ended(number, Some(result));
                    }
                    self.tell_vehicle(number, Message::Ended(result));
                    self.forget(number);
                }
                Output::Report { to, number, result } => {
                    self.links.report(to, number, result);
                }
                Output::Transmit {
                    link,
                    job,
                    begin_s,
                    end_s,
                } => self.transmit(link, job, begin_s, end_s),
                Output::Compute {
                    core,
                    job,
                    begin_s,
                    end_s,
                } => self.compute(core, &job, (begin_s, end_s)),
            }
        }
    }

    /// Sends related information to all neighbours.
    async fn broadcast(&mut self, packet: &Packet<State>) {
        let Some(datagram) = wire::datagram(&self.net.key, packet) else {
            self.report.unsent += 1;
            return;
        };
        for link in self.net.world.network.neighbours(self.row) {
            let to = self.net.agents[link.to as usize].ri;
            match self.socket.send_to(&datagram, to).await {
                Ok(_) => self.report.datagrams += 1,
                // a report that is lost is followed by the next
                Err(_) => self.report.unsent += 1,
            }
        }
    }

    fn compute(&mut self, core: usize, job: &Job, times_s: (f64, f64)) {
        let payload = self.take(job);
        let tell = self.tell.clone();
        let done = work::execute(self.net.work.clone(), self.pace, times_s, payload);
        tokio::spawn(async move {
            let (ended_s, result) = done.await;
            _ = tell.send(Event::Computed(core, ended_s, result)).await;
        });
    }

    fn transmit(&mut self, link: u32, job: Job, begin_s: f64, end_s: f64) {
        let load = self.take(&job).map(|payload| Load {
            job,
            payload,
            begin_s,
            end_s,
        });
        let sent = load.is_some_and(|load| self.links.send(link, load));
        if !sent {
            let tell = self.tell.clone();
            tokio::spawn(async move { _ = tell.send(Event::Undelivered(link)).await });
        }
    }

    /// The data of a task, which is kept where it arose: it may have to be sent again.
    fn take(&mut self, job: &Job) -> Option<Arc<Payload>> {
        let name = (job.entry, job.number);
        match job.entry == self.row {
            true => self.data.get(&name).cloned(),
            false => self.data.remove(&name),
        }
    }

    fn tell_vehicle(&mut self, number: u64, message: Message) {
        self.keys.says(number, &message);
        if let Some((_, vehicle)) = self.vehicles.get(&number) {
            // there is room for all that a task is told of; a vehicle that is gone is not told
            _ = vehicle.try_send(message);
        }
    }

    fn forget(&mut self, number: u64) {
        self.vehicles.remove(&number);
        self.data.remove(&(self.row, number));
        self.keys.ends(self.pace.now_s(), number);
    }
}
