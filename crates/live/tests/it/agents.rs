//! Agents on loopback: what they tell each other, what they execute, and whom they do not listen to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};
use wayside_core::agent::{Done, Loss, Offer, State};
use wayside_core::engine::PolicyRegistry;
use wayside_core::information::Packet;
use wayside_core::rng::Streams;
use wayside_live::{
    Announced, Begin, DATAGRAM_BYTES, DecidedBy, Direction, Garbage, Key, Message, Net, NetFile,
    Place, RsuConfig, RsuReport, Stop, datagram, packet, run_rsu,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/three.toml");

/// Agents of three.toml, each on a thread of its own, which end with the test.
pub(super) struct Agents {
    pub(super) net: Net,
    running: Vec<(Stop, JoinHandle<RsuReport>)>,
    /// As all agents use it.
    pub(super) key: Key,
    _home: tempfile::TempDir,
}

impl Agents {
    /// Starts `count` of the three.
    pub(super) fn start(count: u32, more: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("net.toml");
        std::fs::write(home.path().join("key"), SECRET).unwrap();
        std::fs::write(&file, net_toml(more)).unwrap();
        let net = Net::load(&file, DecidedBy::Agents).unwrap();
        let running = (0..count).map(|row| agent(&net, row));
        Self {
            running: running.collect(),
            key: net.key.clone(),
            net,
            _home: home,
        }
    }

    pub(super) fn end(self) -> Vec<RsuReport> {
        self.running.iter().for_each(|(stop, _)| _ = stop.ask());
        let threads = self.running.into_iter().map(|(_, thread)| thread);
        threads.map(|thread| thread.join().unwrap()).collect()
    }
}

fn agent(net: &Net, row: u32) -> (Stop, JoinHandle<RsuReport>) {
    let config = RsuConfig {
        net: net.clone(),
        row,
        policy: Some(PolicyRegistry::analytic().resolve("ect", None).unwrap()),
        seed: 0,
        signals: false,
    };
    let (stop, (ready, is_ready)) = (Stop::default(), mpsc::sync_channel(1));
    let asked = stop.clone();
    let thread = std::thread::spawn(move || {
        let begin = || {
            ready.send(()).unwrap();
            Some(Begin::now())
        };
        run_rsu(config, &asked, begin).unwrap()
    });
    is_ready.recv().unwrap();
    (stop, thread)
}

fn net_toml(more: &str) -> String {
    let held: Vec<_> = (0..3)
        .map(|_| {
            let ri = UdpSocket::bind("127.0.0.1:0").unwrap();
            (ri, TcpListener::bind("127.0.0.1:0").unwrap())
        })
        .collect();
    let mut text = format!("scenario = {SCENARIO:?}\nkey_file = \"key\"\n{more}\n");
    for (id, (ri, tasks)) in ["a", "b", "c"].iter().zip(&held) {
        let (ri, tasks) = (ri.local_addr().unwrap(), tasks.local_addr().unwrap());
        text += &format!("[[agent]]\nid = {id:?}\nri = \"{ri}\"\ntasks = \"{tasks}\"\n");
    }
    text
}

/// A vehicle that is connected to an agent.
pub(super) struct Vehicle {
    pub(super) stream: TcpStream,
    writes: Direction,
    reads: Direction,
}

impl Vehicle {
    pub(super) fn connect(to: SocketAddr, key: &Key) -> Self {
        let mut stream = TcpStream::connect(to).unwrap();
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).unwrap();
        let (own, mut other) = ([7; 16], [0; 16]);
        stream.write_all(&own).unwrap();
        stream.read_exact(&mut other).unwrap();
        let nonces = [own, other].concat();
        Self {
            stream,
            writes: Direction::new(key, &nonces, false),
            reads: Direction::new(key, &nonces, true),
        }
    }

    pub(super) fn say(&mut self, message: &Message) {
        let sealed = self.writes.seal(message).unwrap();
        self.stream.write_all(&sealed).unwrap();
    }

    /// The next message; none where the connection has ended.
    pub(super) fn hear(&mut self) -> Option<Message> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut sealed = vec![0; u32::from_le_bytes(length) as usize];
        self.stream.read_exact(&mut sealed).ok()?;
        Some(self.reads.open(&sealed).unwrap())
    }

    /// What becomes of a task.
    pub(super) fn ask(&mut self, cycles: f64) -> Result<Done, Loss> {
        let data = vec![5; 5000];
        self.say(&offer(cycles, &data));
        self.stream.write_all(&data).unwrap();
        loop {
            match self.hear().expect("an answer") {
                Message::Placed(place) => assert_ne!(place, Place::Cloud),
                Message::Ended(result) => return result,
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(super) fn offer(cycles: f64, data: &[u8]) -> Message {
    Message::Offer {
        offer: Offer {
            order: 0,
            cycles,
            data_bits: 8.0 * data.len() as f64,
            deadline_s: 0.2,
            seconds_per_bit: 1e-8,
            tx_power_w: 0.2,
            cpu_hz: 1e3,
            energy_coeff: 0.0,
            local_wait_s: 0.0,
        },
        data: Announced {
            bytes: data.len() as u64,
            checksum: crc32fast::hash(data),
        },
        key: None,
    }
}

/// More tasks than a server has cores: some are executed elsewhere, all as long as they should.
#[test]
fn property_tasks_are_executed_where_there_is_room() {
    let agents = Agents::start(3, "");
    // all have heard of all
    sleep(Duration::from_millis(400));
    let to = agents.net.agents[0].tasks;
    let begin = Instant::now();
    let vehicles: Vec<_> = (0..6)
        .map(|_| {
            let mut vehicle = Vehicle::connect(to, &agents.key);
            std::thread::spawn(move || vehicle.ask(4e8).unwrap())
        })
        .collect();
    let done: Vec<Done> = vehicles.into_iter().map(|v| v.join().unwrap()).collect();
    // 0.2 s of work each, for six cores
    assert!(begin.elapsed() >= Duration::from_millis(200));
    for done in &done {
        assert!((done.spent.compute_s - 0.2).abs() < 1e-9);
        assert_eq!(done.spent.hops, done.execution.unwrap());
    }
    assert!(done.iter().any(|done| done.execution != Some(0)));
    let reports = agents.end();
    let sent = |source: usize| -> u64 { reports.iter().map(|r| r.counts.broadcasts[source]).sum() };
    for report in &reports {
        assert_eq!((report.counts.lost, report.broken), (0, 0));
        assert_eq!(report.garbage[..3], [0, 0, 0]);
    }
    assert!((0..3).all(|source| sent(source) > 0));
}

/// What has not the key, is torn, or was said before is dropped and counted, and others do not notice.
#[test]
fn property_strangers_are_not_heard() {
    let agents = Agents::start(1, "");
    let at = agents.net.agents[0];
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = State {
        waiting: 0,
        core_free_s: vec![0.0; 2],
        link_free_s: vec![0.0; 2],
    };
    let said = Packet {
        source: 1,
        sequence: 5,
        hops: 1,
        ttl: 1,
        state,
    };
    let good = datagram(&agents.key, &said).unwrap();
    let forged = datagram(&Key::of(b"another"), &said).unwrap();
    let impossible = Packet {
        source: 77,
        ..said.clone()
    };
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    let long = vec![0; DATAGRAM_BYTES + 1];
    let old = Packet {
        sequence: 4,
        ..said
    };
    for bytes in [
        &good[..],
        &good,
        &datagram(&agents.key, &old).unwrap(),
        &forged,
        &flipped,
        &good[..31],
        &[],
        &long,
        &datagram(&agents.key, &impossible).unwrap(),
    ] {
        socket.send_to(bytes, at.ri).unwrap();
    }
    // a connection of somebody without the key, one that is torn, and one that says nothing
    let mut stranger = Vehicle::connect(at.tasks, &Key::of(b"another"));
    stranger.say(&offer(1e6, &[1; 100]));
    assert_eq!(stranger.hear(), None);
    let mut raw = TcpStream::connect(at.tasks).unwrap();
    raw.write_all(&[255; 100]).unwrap();
    let _silent = TcpStream::connect(at.tasks).unwrap();
    // data that is not what was announced
    let mut liar = Vehicle::connect(at.tasks, &agents.key);
    liar.say(&offer(1e6, &[1; 5000]));
    liar.stream.write_all(&[2; 5000]).unwrap();
    while liar.hear().is_some() {}
    // a message that is repeated in its session
    let mut parrot = Vehicle::connect(at.tasks, &agents.key);
    let message = Message::Report {
        number: 1,
        result: Err(Loss::Full),
    };
    let sealed = parrot.writes.seal(&message).unwrap();
    parrot.stream.write_all(&sealed).unwrap();
    parrot.stream.write_all(&sealed).unwrap();
    assert_eq!(parrot.hear(), None);

    let done = Vehicle::connect(at.tasks, &agents.key).ask(2e6).unwrap();
    assert_eq!(done.execution, Some(0));
    let report = agents.end().remove(0);
    assert_eq!(report.garbage, [3, 2, 1, 2]);
    assert_eq!(report.broken, 4);
}

/// An agent whose neighbour is gone plans its tasks anew, and none is forgotten.
#[test]
fn property_a_dead_server_loses_no_task_silently() {
    let mut agents = Agents::start(2, "answer_s = 1.0");
    sleep(Duration::from_millis(400));
    let to = agents.net.agents[0].tasks;
    let (stop, thread) = agents.running.pop().unwrap();
    let vehicles: Vec<_> = (0..6)
        .map(|_| {
            let mut vehicle = Vehicle::connect(to, &agents.key);
            std::thread::spawn(move || vehicle.ask(8e8))
        })
        .collect();
    sleep(Duration::from_millis(50));
    stop.ask();
    thread.join().unwrap();
    let results: Vec<_> = vehicles.into_iter().map(|v| v.join().unwrap()).collect();
    let report = agents.end().remove(0);
    let lost = results.iter().filter(|result| result.is_err()).count();
    assert_eq!(report.counts.lost, lost as u64);
    assert!(report.counts.replanned > 0, "{results:?}");
}

/// Decoders take any bytes.
#[test]
fn property_mutated_messages_are_errors() {
    let key = Key::of(SECRET.as_bytes());
    let state = State {
        waiting: 3,
        core_free_s: vec![0.5; 6],
        link_free_s: vec![1e-3; 4],
    };
    let said = Packet {
        source: 1,
        sequence: 5,
        hops: 1,
        ttl: 3,
        state,
    };
    let good = datagram(&key, &said).unwrap();
    assert!(good.len() < 250, "{}", good.len());
    assert_eq!(packet(&key, &good), Ok(said));
    let message = offer(1e6, &[1; 100]);
    let mut draw = Streams::new(1).stream("mutations");
    for _ in 0..3000 {
        let mut bytes = good.clone();
        for _ in 0..=draw.below(3) {
            let at = draw.below(bytes.len());
            match draw.below(3) {
                0 => bytes[at] ^= 1 << draw.below(8),
                1 => drop(bytes.drain(at..)),
                _ => bytes.insert(at, draw.below(256) as u8),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if bytes != good {
            assert!(packet(&key, &bytes).is_err());
        }
        // even one who has the key and makes no sense does no harm
        let body: Vec<u8> = (0..draw.below(60)).map(|_| draw.below(256) as u8).collect();
        let result = packet(&key, &key.sealed(&body));
        assert!(result.is_ok() || result == Err(Garbage::Form));

        let mut reads = Direction::new(&key, b"session", false);
        let result = reads.open(&reads.forged(&body));
        assert!(result.is_ok() || result == Err(Garbage::Form));

        let mut writes = Direction::new(&key, b"session", false);
        let mut sealed = writes.seal(&message).unwrap();
        let at = 4 + draw.below(sealed.len() - 4);
        sealed[at] ^= 1 << draw.below(8);
        let mut reads = Direction::new(&key, b"session", false);
        assert_eq!(reads.open(&sealed[4..]), Err(Garbage::Tag));
        sealed.truncate(at);
        assert!(reads.open(sealed.get(4..).unwrap_or_default()).is_err());
    }
    // nor what was said in another session, or in the other direction
    let sealed = Direction::new(&key, b"session", false)
        .seal(&message)
        .unwrap();
    for (session, to_client) in [(&b"another"[..], false), (b"session", true)] {
        let mut reads = Direction::new(&key, session, to_client);
        assert_eq!(reads.open(&sealed[4..]), Err(Garbage::Tag));
    }
}

/// A broken configuration is an error that names everything, never a panic.
#[test]
fn property_mutated_configurations_are_errors() {
    let good = net_toml("dilate = 2.0\nwork = \"burn\"");
    NetFile::from_toml("net.toml", &good).unwrap();
    let mut draw = Streams::new(2).stream("mutations");
    for _ in 0..1000 {
        let mut text: Vec<char> = good.chars().collect();
        for _ in 0..=draw.below(4) {
            let at = draw.below(text.len());
            let end = (at + draw.below(10)).min(text.len());
            let cut: Vec<char> = text.drain(at..end).collect();
            let to = draw.below(text.len());
            drop(text.splice(to..to, cut));
        }
        let text: String = text.into_iter().collect();
        _ = NetFile::from_toml("net.toml", &text);
    }
    let wrong = "scenario = \"lin2025\"\ndilate = 0\nwork = \"play\"\n\
         [[agent]]\nid = \"a\"\nri = \"here\"\ntasks = \"127.0.0.1:1\"\n\
         [[agent]]\nid = \"a\"\nri = \"127.0.0.1:1\"\n\
         [[agent]]\nid = \"b\"\nri = \"127.0.0.1:1\"\ntasks = \"127.0.0.1:0\"\n";
    let error = NetFile::from_toml("net.toml", wrong)
        .unwrap_err()
        .to_string();
    for part in [
        "net.toml:2: dilate",
        "net.toml:3: work",
        "agent.0.ri",
        "agent.1.tasks",
        "key_file",
        // where it is
        "net.toml:9: agent.1.id: \"a\" is there twice",
        "net.toml:13: agent.2.ri: 127.0.0.1:1 is taken by an agent above",
        "net.toml:14: agent.2.tasks: must have a port that others can know",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// What the files that a configuration names must be.
#[test]
fn regress_configurations_that_do_not_fit() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("net.toml");
    let put = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    let refused = |file: &Path, part: &str| {
        let error = Net::load(file, DecidedBy::Agents).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    };
    put("net.toml", &net_toml(""));
    put("key", "short");
    refused(&file, "at least 32 characters, holds 5");
    put("key", SECRET);
    assert!(Net::load(&file, DecidedBy::Agents).unwrap().is_loopback());
    put("net.toml", &net_toml("").replace("\"c\"", "\"d\""));
    refused(&file, "no agent for RSU \"c\"");
    refused(&file, "the scenario has no RSU \"d\"");
    for (more, part) in [
        ("work = \"command\"", "command: is missing"),
        ("command = [\"cat\"]", "net.toml:3: command: is for work"),
        (
            "work = \"command\"\ncommand = []",
            "net.toml:4: command: must begin",
        ),
        (
            "work = \"command\"\ncommand = [\"no-such-program\"]",
            "command: there is no program \"no-such-program\"",
        ),
        (
            "work = \"command\"\ncommand = [\"./nowhere\"]",
            "command: there is no program \"./nowhere\"",
        ),
        (
            "centre = \"ftp://here\"",
            "net.toml:3: centre: must be like http",
        ),
        ("centre = \"https://here\"", "centre_ca_file: is missing"),
        (
            "centre = \"http://here\"\ncentre_ca_file = \"ca.pem\"",
            "net.toml:4: centre_ca_file: is for https only",
        ),
        (
            "centre = \"https://here\"\ncentre_ca_file = \"key\"",
            "key: must have a certificate in PEM",
        ),
    ] {
        put("net.toml", &net_toml(more));
        refused(&file, part);
    }
    put("net.toml", &net_toml("").replace("\"c\"", "\"d\""));
    let asks = Net::load(&file, DecidedBy::Centre).unwrap_err().to_string();
    assert!(asks.contains("centre: is missing"), "{asks}");
    put("net.toml", &net_toml("").replace(SCENARIO, "wang2025"));
    refused(&file, "execution.kind: must be \"queues\"");
}
