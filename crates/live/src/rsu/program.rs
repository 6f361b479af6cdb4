//! A program of the user that executes a task: its data on standard input, no shell, a time limit, an output that is bounded.

use super::event::Payload;
use super::failures::Failure;
use crate::net::Program;
use std::io::{self, Read, Write as _};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use wayside_core::process::Group;

/// Longest time from the end of a program until that is seen, where its output has not ended with it.
const STEP: Duration = Duration::from_millis(2);
/// Most that is read of its output at a time \[bytes\].
const PIECE: usize = 16 << 10;

/// Runs `program` with the data of a task; it is killed, with all that it has started, where nobody waits any more.
pub(super) async fn execute(
    program: Arc<Program>,
    payload: Option<Arc<Payload>>,
) -> Result<(), Failure> {
    let (tell, ended) = oneshot::channel();
    // not one of the runtime's threads: its end would wait for the program
    let begun = thread::Builder::new().spawn(move || {
        let result = run(&program, payload, &|| tell.is_closed());
        _ = tell.send(result);
    });
    match begun {
        Ok(_) => ended.await.unwrap_or(Err(Failure::NotStarted)),
        Err(_) => Err(Failure::NotStarted),
    }
}

fn run(
    program: &Program,
    payload: Option<Arc<Payload>>,
    is_unwanted: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let until = Instant::now() + program.limit;
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let not_started = |_: io::Error| Failure::NotStarted;
    let mut group = Group::start(&mut command).map_err(not_started)?;
    if let Some(stdin) = group.child().stdin.take() {
        feed(stdin, payload).map_err(not_started)?;
    }
    let stdout = group.child().stdout.take().ok_or(Failure::NotStarted)?;
    let fits = drain(stdout, program.output_bytes).map_err(not_started)?;
    let status = watch(&mut group, &fits, until, is_unwanted)?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::Exit),
    }
}

/// Gives it the data, and then the end of its input. One that ends before it has read all has done so knowingly.
fn feed(mut stdin: ChildStdin, payload: Option<Arc<Payload>>) -> io::Result<()> {
    let write = move || {
        let data = payload.as_ref().map_or(&[][..], |payload| &payload.bytes);
        _ = stdin.write_all(data);
    };
    thread::Builder::new().spawn(write).map(drop)
}

/// Reads its output to the end; says whether it was no more than `most` bytes.
fn drain(mut output: impl Read + Send + 'static, most: u64) -> io::Result<Receiver<bool>> {
    let (tell, fits) = mpsc::channel();
    let read = move || {
        let (mut piece, mut length) = (vec![0; PIECE], 0);
        while let Ok(read @ 1..) = output.read(&mut piece) {
            length += read as u64;
            if length > most {
                break;
            }
        }
        _ = tell.send(length <= most);
    };
    thread::Builder::new().spawn(read).map(|_| fits)
}

/// Until its end: how it ended.
fn watch(
    group: &mut Group,
    fits: &Receiver<bool>,
    until: Instant,
    is_unwanted: &dyn Fn() -> bool,
) -> Result<ExitStatus, Failure> {
    let mut has_said_all = false;
    let status = loop {
        match group.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(_) => return Err(Failure::Exit),
        }
        if is_unwanted() {
            return Err(Failure::Unwanted);
        }
        if Instant::now() >= until {
            return Err(Failure::Time);
        }
        match fits.recv_timeout(STEP) {
            Ok(false) => return Err(Failure::Output),
            Ok(true) => has_said_all = true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(STEP),
        }
    };
    // what it wrote last is still in the pipe
    let left = until.saturating_duration_since(Instant::now());
    match has_said_all || fits.recv_timeout(left) == Ok(true) {
        true => Ok(status),
        false => Err(Failure::Output),
    }
}
