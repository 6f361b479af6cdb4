//! How many tasks a second the centre places, and how long each waits, with the clients on the same machine.
//!
//! `cargo bench -p wayside-live --bench load -- [SECONDS] [CONNECTIONS] [TASKS A REQUEST] [journal]` starts a server in the same
//! process; with the address of one that runs already, such as `127.0.0.1:7077`, it asks that.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use wayside_core::Scenario;
use wayside_core::engine::PolicyRegistry;
use wayside_live::{Config, Note, Stop, serve};

/// Vehicles that ask.
const VEHICLES: usize = 200;

/// What a client saw.
#[derive(Default)]
struct Seen {
    delays: Vec<Duration>,
    refused: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let number = |i: usize, default: usize| {
        let given = arguments.get(i).and_then(|text| text.parse().ok());
        given.unwrap_or(default)
    };
    let (seconds, connections, tasks) = (number(0, 5), number(1, 32), number(2, 16));
    let has_journal = arguments.iter().any(|argument| argument == "journal");
    let running = arguments.iter().find_map(|argument| argument.parse().ok());
    let own = running.is_none().then(|| Own::start(has_journal));
    let address = running.unwrap_or_else(|| own.as_ref().expect("one of both").address);
    place_vehicles(address);

    measure(
        address,
        (seconds, connections, tasks),
        if has_journal { ", journal" } else { "" },
    );
    if let Some(own) = own {
        own.stop.ask();
        own.thread.join().expect("it ends");
    }
}

/// A server of our own.
struct Own {
    address: SocketAddr,
    stop: Stop,
    thread: thread::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Own {
    fn start(has_journal: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // leases that end at once: tasks come and go as they would with outcomes
        let set = [
            ("serve.lease_s", "0.01"),
            ("serve.vehicle_ttl_s", "3600"),
            ("serve.queue_max", "2048"),
        ];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            scenario: Scenario::builtin("wang2025", &set).expect("a scenario"),
            registry: Arc::new(PolicyRegistry::analytic()),
            policy: "price".to_owned(),
            tokens: None,
            state: has_journal.then(|| folder.path().to_owned()),
            reload: None,
            signals: false,
        };
        let stop = Stop::default();
        let (sender, receiver) = mpsc::sync_channel(1);
        let asked = stop.clone();
        let thread = thread::spawn(move || {
            let tell = |note| {
                if let Note::Listening(address) = note {
                    sender.send(address).expect("somebody waits");
                }
            };
            serve(config, &asked, &tell).expect("it serves");
        });
        Self {
            address: receiver.recv().expect("it listens"),
            stop,
            thread,
            _folder: folder,
        }
    }
}

/// Asks for so many seconds, and prints what came of it.
fn measure(address: SocketAddr, (seconds, connections, tasks): (usize, usize, usize), with: &str) {
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    let seen: Vec<Seen> = thread::scope(|scope| {
        let ask = |client: usize| {
            let is_over = &is_over;
            move || asks(address, client, tasks, is_over)
        };
        let clients: Vec<_> = (0..connections).map(|i| scope.spawn(ask(i))).collect();
        thread::sleep(Duration::from_secs(seconds as u64));
        is_over.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .map(|client| client.join().expect("it ends"))
            .collect()
    });
    let took_s = begun.elapsed().as_secs_f64();
    let refused: u64 = seen.iter().map(|seen| seen.refused).sum();
    let mut delays: Vec<Duration> = seen.into_iter().flat_map(|seen| seen.delays).collect();
    delays.sort_unstable();
    let percentile = |p: usize| {
        delays
            .get(delays.len() * p / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{connections} connections, {tasks} tasks a request{with}: {:.0} tasks/s, p50 {:.1?}, p99 {:.1?}, {refused} requests answered 429",
        (delays.len() * tasks) as f64 / took_s,
        percentile(50),
        percentile(99),
    );
}

/// Vehicles all over the map, from one connection.
fn place_vehicles(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    for i in 0..VEHICLES {
        let (x_m, y_m) = (50 * (i % 20), 100 * (i / 20));
        let body = format!("{{\"x_m\": {x_m}, \"y_m\": {y_m}}}");
        let status = exchange(
            &mut stream,
            address,
            &format!("PUT /v1/vehicles/v{i}"),
            &body,
        );
        assert_eq!(status, 204);
    }
}

/// Asks again and again, over one connection.
fn asks(address: SocketAddr, client: usize, tasks: usize, is_over: &AtomicBool) -> Seen {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let task = |i: usize| {
        let vehicle = (client * tasks + i) % VEHICLES;
        format!(
            "{{\"vehicle\": \"v{vehicle}\", \"cycles\": 4e6, \"data_bits\": 2e4, \"deadline_s\": 0.7}}"
        )
    };
    let list: Vec<String> = (0..tasks).map(task).collect();
    let body = format!("{{\"tasks\": [{}]}}", list.join(", "));
    let mut seen = Seen::default();
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        match exchange(&mut stream, address, "POST /v1/tasks", &body) {
            200 => seen.delays.push(begun.elapsed()),
            429 => {
                seen.refused += 1;
                thread::sleep(Duration::from_millis(20));
            }
            status => panic!("answered {status}"),
        }
    }
    seen
}

/// Sends a request and reads the answer; its status.
fn exchange(stream: &mut TcpStream, address: SocketAddr, route: &str, body: &str) -> u16 {
    let length = body.len();
    let request = format!(
        "{route} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    let (mut bytes, mut buffer) = (Vec::new(), [0; 65536]);
    loop {
        let count = stream.read(&mut buffer).expect("it answers");
        assert!(count > 0, "the connection ended");
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
        if bytes.len() >= end + 4 + length {
            return head[9..12].parse().expect("a status");
        }
    }
}
