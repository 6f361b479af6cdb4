//! Programs of ours as child processes: they say lines, and end with their standard input.

use crate::rsu::{PING, PONG};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use wayside_core::{Error, Result};

/// How long a process may say nothing when it is expected to: while it starts or ends, and while it works.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWERS: Duration = Duration::from_secs(10);

/// A process. Dropped, it is killed.
pub(super) struct Process {
    name: String,
    child: Arc<Mutex<Child>>,
    says: Receiver<String>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // one that has ended already is not hurt
        self.kill();
    }
}

impl Process {
    /// Starts `program` with `arguments`; messages call it `name`.
    pub(super) fn start(program: &Path, arguments: &[&str], name: String) -> Result<Self> {
        let failed = |e| Error::io(program, e);
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe);
        let out = BufReader::new(out.map_err(|e| failed(e.into()))?);
        // a line at a time is taken from it: what is not asked for waits in the pipe
        let (tell, says) = sync_channel(1);
        thread::spawn(move || {
            let mut lines = out.lines().map_while(io::Result::ok);
            while lines.next().is_some_and(|line| tell.send(line).is_ok()) {}
        });
        let child = Arc::new(Mutex::new(child));
        Ok(Self { name, child, says })
    }

    /// The next line that it says.
    pub(super) fn line(&mut self) -> Result<String> {
        self.line_within(PATIENCE)
    }

    fn line_within(&mut self, patience: Duration) -> Result<String> {
        self.says.recv_timeout(patience).map_err(|e| match e {
            RecvTimeoutError::Timeout => self.silent(patience),
            RecvTimeoutError::Disconnected => self.ended(),
        })
    }

    /// Sees that it is alive: it answers.
    pub(super) fn ping(&mut self) -> Result<()> {
        self.tell(PING)?;
        match self.line_within(ANSWERS)?.as_str() {
            PONG => Ok(()),
            _ => Err(self.ended()),
        }
    }

    /// Tells it a line.
    pub(super) fn tell(&mut self, line: &str) -> Result<()> {
        let mut child = self.child();
        let input = child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe);
        let told = input
            .map_err(io::Error::from)
            .and_then(|input| writeln!(input, "{line}").and_then(|()| input.flush()));
        drop(child);
        told.map_err(|_| self.ended())
    }

    /// Tells it to end.
    pub(super) fn close(&mut self) {
        drop(self.child().stdin.take());
    }

    /// What kills it, with SIGKILL.
    pub(super) fn killer(&self) -> impl FnOnce() + Send + 'static {
        let child = Arc::clone(&self.child);
        move || _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill()
    }

    /// Kills it, with SIGKILL, and waits until it is gone.
    pub(super) fn kill(&self) {
        let mut child = self.child();
        _ = child.kill();
        _ = child.wait();
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error that it has ended.
    pub(super) fn ended(&self) -> Error {
        self.error("ended before its time; what it said is above".to_owned())
    }

    fn silent(&self, patience: Duration) -> Error {
        let message = format!(
            "process {} has said nothing for {} s: is it stopped?",
            self.child().id(),
            patience.as_secs()
        );
        self.error(message)
    }

    fn error(&self, message: String) -> Error {
        Error::io(Path::new(&self.name), io::Error::other(message))
    }
}
