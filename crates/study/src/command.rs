//! A policy that is another program: slots as JSON lines go to its input, decisions come from its output.
//!
//! The program is started once for every seed, without a shell. A slot is one line, in the format that `wayside decide`
//! reads (`wayside schema slot`); the answer is one line too, `{"placements": [..]}`, as `wayside decide` prints it. Of a
//! placement only `task`, `mode`, `entry`, `execution`, `path` and `minimum_hz` are looked at.

mod answer;

pub use answer::decode;

use crate::control::Control;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use wayside_core::engine::PolicyFactory;
use wayside_core::engine::world::World;
use wayside_core::policy::Policy;
use wayside_core::process::Group;
use wayside_core::rng::Streams;
use wayside_core::scenario::{Channel, PolicyOptions};
use wayside_core::slot::{Decision, NamedSlot, Placement, Slot};
use wayside_core::{Error, Result};

/// The longest answer \[bytes\].
const LONGEST: u64 = 64 << 20;

/// How much of what the program says on stderr is kept for an error \[bytes\].
const SAID: usize = 2000;

/// How long a program that is done may take to say more than it was asked.
const SURPLUS: Duration = Duration::from_millis(50);

/// The variable that tells the program the seed of its own random numbers.
pub const SEED_VARIABLE: &str = "WAYSIDE_POLICY_SEED";

/// Starts the program for every seed.
pub struct CommandPolicy {
    name: String,
    words: Vec<String>,
    limit: Duration,
    control: Arc<Control>,
    failure: Failure,
}

/// What is wrong with a program that answers once too often.
const MORE: &str = "answered with more than one line for a slot";

/// The first failure of any of the programs of a command.
type Failure = Arc<Mutex<Option<Error>>>;

impl CommandPolicy {
    /// The policy `name`, which `line` starts: words as in a shell, with quotes, but nothing is expanded. A decision that
    /// takes longer than `limit` ends the run by `control`.
    ///
    /// # Errors
    /// A line without words, or with a quote that is not closed.
    pub fn new(name: &str, line: &str, limit: Duration, control: Arc<Control>) -> Result<Self> {
        let words = shlex::split(line).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| {
            let message =
                format!("must be a program and its arguments, with quotes closed, got {line:?}");
            Error::invalid("--policy-command", None, "", message)
        })?;
        Ok(Self {
            name: name.to_owned(),
            words,
            limit,
            control,
            failure: Failure::default(),
        })
    }

    /// The first failure since the last call.
    pub fn take_failure(&self) -> Option<Error> {
        self.failure.lock().expect("nobody panics with it").take()
    }

    fn start(&self, channel: Channel, streams: Streams) -> Result<Box<dyn Policy>> {
        let seed = streams.stream("policy.command").seed();
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .env(SEED_VARIABLE, seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Group::start(&mut command).map_err(|e| {
            let message = format!("cannot be started: {e}");
            Error::invalid(&self.words[0], None, "", message)
        });
        Ok(Box::new(Running {
            program: Program::new(&self.words[0], started?, self.limit),
            channel,
            control: Arc::clone(&self.control),
            failure: Arc::clone(&self.failure),
        }))
    }
}

impl PolicyFactory for CommandPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn policy(&self, _: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
        self.start(Channel::default(), streams)
    }

    fn serves(&self, world: &World) -> Result<()> {
        let told = world.scenario.information.is_some() && world.queues.is_some();
        if told && world.scenario.time.slots > 1 {
            let message =
                "a slot as JSON holds the true queues, which this task hides from its policies";
            return Err(Error::invalid("policy", None, "", message));
        }
        Ok(())
    }

    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        self.serves(world)?;
        self.start(world.scenario.channel, streams)
    }
}

/// The policy of one seed.
struct Running {
    program: Program,
    channel: Channel,
    control: Arc<Control>,
    failure: Failure,
}

impl Policy for Running {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let named = NamedSlot::numbered(slot.clone());
        let answer = self.program.ask(named.to_json(&self.channel).to_string());
        let decided = answer.and_then(|line| {
            *decision = decode(&line, &named).map_err(|message| format!("answered {message}"))?;
            Ok(())
        });
        // a failure stops the run before the next slot; until then everything stays on its vehicle
        if let Err(message) = decided {
            self.fail(message);
            self.control.cancel();
            decision.clear();
            let tasks = slot.tasks.len();
            decision.placements.resize(tasks, Placement::Local);
        }
    }
}

impl Running {
    fn fail(&self, message: String) {
        let error = Error::invalid(&self.program.name, None, "", message);
        let mut failure = self.failure.lock().expect("nobody panics with it");
        failure.get_or_insert(error);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(message) = self.program.surplus() {
            self.fail(message);
        }
    }
}

/// A program that answers line by line. Threads read and write, so that a program that does neither is noticed.
struct Program {
    name: String,
    process: Group,
    to: Option<Sender<String>>,
    answers: Receiver<std::io::Result<String>>,
    said: Arc<Mutex<Vec<u8>>>,
    limit: Duration,
    failed: bool,
}

impl Program {
    fn new(name: &str, mut process: Group, limit: Duration) -> Self {
        let child = process.child();
        let (to, lines) = mpsc::channel();
        let (answered, answers) = mpsc::channel();
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdin) = child.stdin.take() {
            thread::spawn(move || write_lines(stdin, &lines));
        }
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                let mut stdout = BufReader::new(stdout);
                loop {
                    let mut line = String::new();
                    let read = (&mut stdout).take(LONGEST).read_line(&mut line);
                    let over = !matches!(read, Ok(1..));
                    if answered.send(read.map(|_| line)).is_err() || over {
                        break;
                    }
                }
            });
        }
        if let Some(mut stderr) = child.stderr.take() {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                let mut block = [0; 1024];
                while let Ok(count @ 1..) = stderr.read(&mut block) {
                    let mut said = said.lock().expect("nobody panics with it");
                    said.extend(&block[..count]);
                    let old = said.len().saturating_sub(SAID);
                    said.drain(..old);
                }
            });
        }
        Self {
            name: name.to_owned(),
            process,
            to: Some(to),
            answers,
            said,
            limit,
            failed: false,
        }
    }

    /// The answer to `line`.
    fn ask(&mut self, line: String) -> std::result::Result<String, String> {
        if self.failed {
            return Err("has failed before".to_owned());
        }
        // a line that nobody asked for would be taken for the answer to this one
        if matches!(self.answers.try_recv(), Ok(Ok(line)) if !line.is_empty()) {
            return Err(self.end_with(MORE.to_owned()));
        }
        let sent = self.to.as_ref().is_some_and(|to| to.send(line).is_ok());
        let problem = match self.answers.recv_timeout(self.limit) {
            // an empty line is one more than was asked, here or at the slot before
            Ok(Ok(line)) if line.ends_with('\n') && line.trim().is_empty() => MORE.to_owned(),
            Ok(Ok(line)) if line.ends_with('\n') => return Ok(line),
            Ok(Ok(line)) if line.len() as u64 >= LONGEST => {
                format!("answered with a line of more than {LONGEST} bytes")
            }
            Ok(Ok(line)) if !line.is_empty() => "ended in the middle of a line".to_owned(),
            Ok(Err(e)) => format!("answered with what is no text: {e}"),
            Err(RecvTimeoutError::Timeout) => {
                format!(
                    "took longer than {} s for a decision",
                    self.limit.as_secs_f64()
                )
            }
            _ if sent => "ended without an answer".to_owned(),
            _ => "ended".to_owned(),
        };
        Err(self.end_with(problem))
    }

    /// Whether it says more than it was asked, once no slot comes any more.
    fn surplus(&mut self) -> Option<String> {
        self.to = None;
        if self.failed {
            return None;
        }
        let more = self.answers.recv_timeout(SURPLUS);
        matches!(more, Ok(Ok(line)) if !line.is_empty()).then(|| self.end_with(MORE.to_owned()))
    }

    /// Ends it for `problem`, with what it said about that.
    fn end_with(&mut self, problem: String) -> String {
        self.failed = true;
        self.end();
        // what it said is complete once it has ended, or soon after
        thread::sleep(Duration::from_millis(50));
        let said = self.said.lock().expect("nobody panics with it");
        let said = String::from_utf8_lossy(&said);
        match said.trim() {
            "" => problem,
            said => format!("{problem}; it said: {said}"),
        }
    }

    fn end(&mut self) {
        self.to = None;
        self.process.end();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

fn write_lines(mut stdin: ChildStdin, lines: &Receiver<String>) {
    for mut line in lines {
        line.push('\n');
        // who does not read is found by the missing answer
        if stdin
            .write_all(line.as_bytes())
            .and_then(|()| stdin.flush())
            .is_err()
        {
            break;
        }
    }
}
