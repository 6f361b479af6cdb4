//! A server on a free port, and a client that can misbehave.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use wayside_core::Scenario;
use wayside_core::engine::PolicyRegistry;
use wayside_live::{Config, Note, Stop, Tokens, serve};

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// A configuration of wang2025 with keys of `[serve]` set.
pub(crate) fn config(set: &[(&str, &str)]) -> Config {
    let set: Vec<_> = set
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        scenario: Scenario::builtin("wang2025", &set).unwrap(),
        registry: Arc::new(PolicyRegistry::analytic()),
        policy: "price".to_owned(),
        seed: 0,
        dilate: 1.0,
        tokens: None,
        tls: None,
        state: None,
        reload: None,
        signals: false,
    }
}

impl Server {
    pub(crate) fn start(set: &[(&str, &str)]) -> Self {
        Self::with(config(set))
    }

    pub(crate) fn with(config: Config) -> Self {
        let stop = Stop::default();
        let (sender, receiver) = mpsc::sync_channel(1);
        let asked = stop.clone();
        let thread = std::thread::spawn(move || {
            let tell = |note| {
                if let Note::Listening(address) = note {
                    sender.send(address).unwrap();
                }
            };
            serve(config, &asked, &tell).unwrap();
        });
        Self {
            address: receiver.recv().unwrap(),
            stop,
            thread: Some(thread),
        }
    }

    /// One whose tokens are `tokens`.
    pub(crate) fn guarded(tokens: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("tokens");
        std::fs::write(&file, tokens).unwrap();
        let tokens = Some(Tokens::load(&file).unwrap());
        Self::with(Config {
            tokens,
            ..config(&[])
        })
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        self.raw(format!("{head}\r\n{body}").as_bytes())
    }

    /// What comes back for these bytes; the server may answer before it has read all of them.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        Answer::read(&mut stream)
    }

    /// The value of a metric, labels included in its name; 0 where it is not there.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.map_or(0.0, |line| line[name.len() + 1..].parse().unwrap())
    }

    /// The same of a metric that counts.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.metric(name) as u64
    }

    /// Asks for the end and waits for it.
    pub(crate) fn end(mut self) {
        self.stop.ask();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // a connection may be reset after the answer, where the server did not read all of the request
        let mut buffer = [0; 65536];
        while let Ok(count) = stream.read(&mut buffer) {
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(&buffer[..count]);
        }
        let text = String::from_utf8(bytes).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return Self {
                status: 0,
                head: text,
                body: String::new(),
            };
        };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A problem document of that status.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert!(
            self.head.contains("content-type: application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        problem
    }

    /// The paths of its errors.
    pub(crate) fn paths(&self) -> Vec<String> {
        let errors = self.json()["errors"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let path = |error: &Value| error["path"].as_str().unwrap().to_owned();
        errors.iter().map(path).collect()
    }
}
