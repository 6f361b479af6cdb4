//! How many tasks a second the centre places, and how long each waits, with the clients on the same machine.
//!
//! `cargo bench -p wayside-live --bench load -- [KEY=VALUE]...` starts a server in the same process; with `at=127.0.0.1:7077` it asks one that runs already.
//!
//! `seconds=5 connections=32 tasks=16` (tasks of a request), `policy=price`, `bound=true`, `journal=true`, `queue=2048` (tasks that may wait; more are answered 429). Without `rate` every connection asks again as soon as it is
//! answered. With `rate=10000` so many tasks a second are asked for at even times, whatever the server does, and a delay counts from when its request was due.
//! `memory=true` prints the memory of this process, server and clients, ten times.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use wayside_core::Scenario;
use wayside_core::engine::PolicyRegistry;
use wayside_live::{Config, Note, Stop, serve};

/// The program's, for blocks of the sizes that a server has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Vehicles that ask.
const VEHICLES: usize = 200;

/// What a client saw.
#[derive(Default)]
struct Seen {
    delays: Vec<Duration>,
    refused: u64,
}

/// What to do.
struct Load {
    seconds: u64,
    connections: usize,
    tasks: usize,
    /// Tasks a second; 0 asks as fast as it is answered.
    rate: f64,
    memory: bool,
    text: String,
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let given = |key: &str| {
        let found = arguments.iter().filter_map(|a| a.split_once('='));
        found
            .filter(|(k, _)| *k == key)
            .map(|(_, v)| v.to_owned())
            .next_back()
    };
    let number = |key: &str, default: f64| {
        given(key).map_or(default, |text| text.parse().expect("a number"))
    };
    let holds = |key: &str, default: bool| given(key).map_or(default, |text| text == "true");
    let load = Load {
        seconds: number("seconds", 5.0) as u64,
        connections: number("connections", 32.0) as usize,
        tasks: number("tasks", 16.0) as usize,
        rate: number("rate", 0.0),
        memory: holds("memory", false),
        text: arguments.join(" "),
    };
    let policy = given("policy").unwrap_or_else(|| "price".to_owned());
    let (journal, bound) = (holds("journal", false), holds("bound", true));
    let queue = given("queue").unwrap_or_else(|| "2048".to_owned());
    let running = given("at").map(|at| at.parse().expect("an address"));
    let own = running
        .is_none()
        .then(|| Own::start(journal, bound, &queue, policy));
    let address = running.unwrap_or_else(|| own.as_ref().expect("one of both").address);
    place_vehicles(address);
    measure(address, &load);
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
    fn start(has_journal: bool, bound: bool, queue: &str, policy: String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // leases that end at once: tasks come and go as they would with outcomes
        let set = [
            ("serve.lease_s", "0.01"),
            ("serve.vehicle_ttl_s", "3600"),
            ("serve.queue_max", queue),
            ("serve.bound", if bound { "true" } else { "false" }),
        ];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            scenario: Scenario::builtin("wang2025", &set).expect("a scenario"),
            registry: Arc::new(PolicyRegistry::analytic()),
            policy,
            seed: 0,
            dilate: 1.0,
            tokens: None,
            tls: None,
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
fn measure(address: SocketAddr, load: &Load) {
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    let seen: Vec<Seen> = thread::scope(|scope| {
        let ask = |client: usize| {
            let is_over = &is_over;
            move || asks(address, client, load, is_over)
        };
        let clients: Vec<_> = (0..load.connections).map(|i| scope.spawn(ask(i))).collect();
        for tenth in 1..=10 {
            thread::sleep(Duration::from_millis(100 * load.seconds));
            if load.memory {
                println!("{} s: {}", tenth * load.seconds / 10, memory());
            }
        }
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
        "{}: {:.0} tasks/s, p50 {:.1?}, p99 {:.1?}, {refused} of {} requests answered 429",
        load.text,
        (delays.len() * load.tasks) as f64 / took_s,
        percentile(50),
        percentile(99),
        delays.len() as u64 + refused,
    );
}

/// Resident memory of this process, as the system says it.
fn memory() -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap_or("unknown").replace('\t', " ")
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
fn asks(address: SocketAddr, client: usize, load: &Load, is_over: &AtomicBool) -> Seen {
    let tasks = load.tasks;
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
    let period_s = match load.rate > 0.0 {
        true => (load.connections * tasks) as f64 / load.rate,
        false => 0.0,
    };
    // clients begin one after the other
    let mut due = Instant::now()
        + Duration::from_secs_f64(period_s * client as f64 / load.connections as f64);
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let begun = if period_s > 0.0 { due } else { Instant::now() };
        due += Duration::from_secs_f64(period_s);
        match exchange(&mut stream, address, "POST /v1/tasks", &body) {
            200 => seen.delays.push(begun.elapsed()),
            429 => {
                seen.refused += 1;
                if period_s == 0.0 {
                    thread::sleep(Duration::from_millis(20));
                }
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
